//! What a visitor stored, if it lives in their cookie and not in the backend: [`Visitor`], and the text that
//! is sealed.
//!
//! A line of JSON that says when it was made, used and ends, and by what kind of browser, and behind it the
//! data. Short names, because every byte travels with every request.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::client::fingerprint::{Fingerprint, FingerprintMode};
use crate::client::meta::SessionMeta;
use crate::clock::Timestamp;
use crate::cookie::Sealing;
use crate::data::{Data, to_json};
use crate::expiry;
use crate::id::SessionId;
use crate::lifetime::Lifetime;
use crate::record::SessionData;
use crate::settings::Settings;

/// What the first line takes at most, without the browser.
const HEAD_BYTES: usize = 168;

/// A visitor whose data is in their cookie.
#[derive(Clone)]
pub(crate) struct Visitor {
    /// A record, so that it ends by the same rules as a session. Its id means nothing, and nobody sees it.
    record: SessionData,
    sealed_at: Timestamp,
    /// The cookie's value, if the browser has yet to be told.
    pub(crate) unsent: Option<Zeroizing<String>>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    /// When it was made, last used, and ends: microseconds.
    c: i64,
    u: i64,
    e: i64,
    /// When it was sealed, if that is not when it was last used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s: Option<i64>,
    /// What it chose for itself: seconds, whether the cookie outlives the browser, microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    i: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<i64>,
    /// The browser: its User-Agent, and its fingerprint in the exact mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    a: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    f: Option<Fingerprint>,
}

/// What is to become of a visitor's cookie.
pub(crate) enum Kept {
    /// Nothing: nobody stored anything, and no touch is due.
    AsItIs,
    /// It is told anew.
    Told(Box<Visitor>),
    /// It is removed, because nothing is left in it.
    Removed,
    /// It does not fit.
    TooLarge,
}

/// By what a visitor's cookie is kept.
#[derive(Clone, Copy)]
pub(crate) struct Keeping<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) sealing: &'a Sealing,
    pub(crate) meta: &'a SessionMeta,
    /// Whether also who stores nothing gets a cookie: `save_unchanged`, unless they signed out.
    pub(crate) saves_all: bool,
}

impl Visitor {
    fn new(data: Data, meta: &SessionMeta, settings: &Settings, now: Timestamp) -> Self {
        let idle = settings.idle_ttl(false, None);
        let mut record = SessionData::new(SessionId::from_bytes([0; 16]), now, idle);
        record.data = data;
        if settings.config.validate_fingerprint {
            record.user_agent = meta.user_agent().map(Into::into);
            let is_exact = settings.config.fingerprint_mode == FingerprintMode::Exact;
            record.fingerprint = is_exact.then(|| meta.fingerprint());
        }
        Self { record, sealed_at: now, unsent: None }
    }

    /// Reads what was sealed; `None` if it is no such text, or has expired.
    pub(crate) fn read(text: &str, settings: &Settings, now: Timestamp) -> Option<Self> {
        let (head, data) = text.split_once('\n')?;
        let head: Head = serde_json::from_str(head).ok()?;
        let idle = settings.idle_ttl(false, head.i);
        let created = Timestamp::from_micros(head.c);
        let mut record = SessionData::new(SessionId::from_bytes([0; 16]), created, idle);
        record.data = Data::from_json(data.as_bytes()).ok()?;
        record.last_active_at = Timestamp::from_micros(head.u);
        record.expires_at = Timestamp::from_micros(head.e);
        record.idle_ttl_secs = head.i;
        record.cookie_persistent = head.p;
        record.not_after = head.n.map(Timestamp::from_micros);
        record.user_agent = head.a;
        record.fingerprint = head.f;
        let sealed_at = Timestamp::from_micros(head.s.unwrap_or(head.u));
        (expiry::end(settings, &record) > now).then_some(Self { record, sealed_at, unsent: None })
    }

    fn text(&self) -> String {
        let record = &self.record;
        let head = Head {
            c: record.created_at.as_micros(),
            u: record.last_active_at.as_micros(),
            e: record.expires_at.as_micros(),
            s: (self.sealed_at != record.last_active_at).then_some(self.sealed_at.as_micros()),
            i: record.idle_ttl_secs,
            p: record.cookie_persistent,
            n: record.not_after.map(Timestamp::as_micros),
            a: record.user_agent.clone(),
            f: record.fingerprint,
        };
        format!("{}\n{}", to_json(&head), record.data.to_json())
    }

    pub(crate) const fn record(&self) -> &SessionData {
        &self.record
    }

    /// The one of two that was sealed last counts.
    pub(crate) fn or_later(self, other: Self) -> Self {
        if other.sealed_at > self.sealed_at { other } else { self }
    }

    /// What a visitor's cookie becomes with this data and lifetime of its own.
    pub(crate) fn keep(
        before: Option<&Self>,
        data: Data,
        lifetime: Option<Lifetime>,
        Keeping { settings, sealing, meta, saves_all }: Keeping<'_>,
        now: Timestamp,
    ) -> Kept {
        let is_changed = before.map_or(!data.is_empty(), |before| before.record.data != data);
        let lifetime = lifetime
            .filter(|own| before.map_or(is_changed, |before| before.record.lifetime() != *own));
        let touch_is_due =
            before.is_some_and(|b| expiry::touch_due(settings, &b.record, now).is_some());
        if !(is_changed || saves_all || lifetime.is_some() || touch_is_due) {
            return Kept::AsItIs;
        }
        if data.is_empty() && !saves_all {
            return if before.is_some() { Kept::Removed } else { Kept::AsItIs };
        }
        let mut kept = match before {
            Some(before) => {
                let record = SessionData { data, ..before.record.clone() };
                // Also if the clock of the server that sealed the one before is ahead.
                Self { record, sealed_at: now.max(before.sealed_at), unsent: None }
            }
            None => Self::new(data, meta, settings, now),
        };
        let record = &mut kept.record;
        if before.is_none() || saves_all || lifetime.is_some() || touch_is_due {
            let own = lifetime.unwrap_or_else(|| record.lifetime());
            record.idle_ttl_secs = own.idle_ttl_secs;
            record.cookie_persistent = own.cookie_persistent;
            record.not_after = own.not_after;
            let end = expiry::end_after_touch(settings, record, own, now);
            (record.last_active_at, record.expires_at) = (now, end);
        }
        match sealing.seal(kept.text()) {
            Some(value) => {
                kept.unsent = Some(Zeroizing::new(value));
                Kept::Told(Box::new(kept))
            }
            None => Kept::TooLarge,
        }
    }
}

impl Settings {
    /// How visitors' data is sealed, if it is in their cookie.
    pub(crate) fn sealing(&self) -> Option<&Sealing> {
        self.sealing.as_deref()
    }

    /// The most bytes of data of a visitor's without a row, as compact JSON.
    pub(crate) fn max_sealed(&self, sealing: &Sealing, meta: &SessionMeta) -> usize {
        let mut around = HEAD_BYTES;
        if self.config.validate_fingerprint {
            around += meta.user_agent().map_or(0, |agent| to_json(&agent).len() + 5);
            if self.config.fingerprint_mode == FingerprintMode::Exact {
                around += to_json(&meta.fingerprint()).len() + 5;
            }
        }
        self.max_data(false).min(sealing.room().saturating_sub(around))
    }
}
