//! Sessions by the million: through the real schema, by the database's own generator.

use std::time::Duration;

use anyhow::{Context, Result};
use session_core::{
    Data, DeviceType, Fingerprint, NewSession, SessionBackend, SessionData, SessionId,
    SessionToken, Timestamp, UserId,
};

use crate::place::Raw;
use crate::report::say;

/// What most sites see: 111 bytes.
pub(crate) const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
     (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";

/// The data map of a session that holds something: 200 bytes as compact JSON.
pub(crate) const DATA: &str = "{\"cart\":[{\"sku\":\"A-1042\",\"count\":12},{\"sku\":\"B-71\",\"count\":1}],\
     \"csrf\":\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b\",\"locale\":\"de-AT\",\"notice\":\"Saved.\",\
     \"return_to\":\"/account/orders?page=2\",\"theme\":\"dark\"}";

/// How many sessions each user has: the cap by default, so that a sign-in evicts.
pub(crate) const PER_USER: u64 = 10;

pub(crate) const LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expired {
    None,
    /// Every second one in the order in which they were made, so that what lives and what has
    /// expired lies mixed on every page.
    Half,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Fill {
    pub(crate) rows: u64,
    pub(crate) expired: Expired,
    pub(crate) data: &'static str,
    pub(crate) now: Timestamp,
}

/// How many rows one statement makes.
const CHUNK: u64 = 250_000;

impl Fill {
    pub(crate) fn new(rows: u64, now: Timestamp) -> Self {
        Self { rows, expired: Expired::None, data: "{}", now }
    }

    /// Fills the tables as sign-ins would have over the last 30 days: ids in the order of time, ten
    /// for each of so many users, all of whom come again and again. Token hashes are random bytes.
    pub(crate) async fn run(self, raw: &mut Raw) -> Result<()> {
        if let Raw::Sqlite(_) = raw {
            // For this connection only: the indexes of token hashes grow at random places.
            raw.execute("PRAGMA cache_size = -3000000").await?;
        }
        let mut made = 0;
        while made < self.rows {
            let last = (made + CHUNK).min(self.rows);
            raw.execute(&self.statement(matches!(raw, Raw::Sqlite(_)), made, last)).await?;
            made = last;
            if made % 1_000_000 == 0 {
                say!("  {made} of {} rows", self.rows);
            }
        }
        raw.settle().await
    }

    fn statement(self, sqlite: bool, from: u64, to: u64) -> String {
        let Self { rows, data, now, expired } = self;
        let users = (rows / PER_USER).max(1);
        let (now, life) = (now.as_micros(), LIFE.as_micros());
        let (source, id, hash, print, json, user) = if sqlite {
            (
                format!(
                    "(WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL \
                     SELECT i + 1 FROM n WHERE i < {to} - 1) SELECT i FROM n)"
                ),
                "printf('01%08d%016d', i / 1000, abs(random() % 10000000000000000))".to_owned(),
                "randomblob(32)",
                "x'01' || randomblob(32)",
                format!("'{data}'"),
                format!("printf('user-%07d', i % {users})"),
            )
        } else {
            (
                format!("generate_series({from}::bigint, {to} - 1) AS g(i)"),
                "'01' || lpad((i / 1000)::text, 8, '0') \
                 || lpad(trunc(random() * 9e15)::bigint::text, 16, '0')"
                    .to_owned(),
                "sha256(int8send(i) || int8send((random() * 9e15)::bigint))",
                "'\\x01'::bytea || sha256(int8send(i))",
                format!("'{data}'::jsonb"),
                format!("'user-' || lpad((i % {users})::text, 7, '0')"),
            )
        };
        // `of(micros)` is a moment as the column has it.
        let of = |micros: String| match sqlite {
            true => micros,
            false => format!("timestamptz 'epoch' + ({micros}) * interval '1 microsecond'"),
        };
        let made = format!("{now} - {life} + i * ({life} / {rows})");
        let ends = match expired {
            Expired::None => format!("{now} + i * ({life} / {rows}) + 3600000000"),
            // Due in the order in which they were made, all of them within the last hour.
            Expired::Half => format!(
                "CASE i % 2 WHEN 0 THEN {now} - 3600000000 + i * (3600000000 / {rows}) - 1 \
                 ELSE {now} + i * ({life} / {rows}) + 3600000000 END"
            ),
        };
        let (blob, print) = match sqlite {
            true => (hash.to_owned(), format!("CAST({print} AS BLOB)")),
            false => (hash.to_owned(), print.to_owned()),
        };
        let address = if sqlite { "'203.0.113.57'" } else { "'203.0.113.57'::inet" };
        let (made, ends) = (of(made), of(ends));
        format!(
            "INSERT INTO web_sessions (id, token_hash, user_id, ip_address, last_ip_address, \
             user_agent, device_name, device_type, fingerprint, data, version, created_at, \
             authenticated_at, last_active_at, expires_at, purge_after) \
             SELECT {id}, {blob}, {user}, {address}, {address}, '{AGENT}', 'Chrome on Windows', \
             'desktop', {print}, {json}, 0, {made}, {made}, {made}, {ends}, {ends} FROM {source}"
        )
    }
}

/// The same session as a record, for what goes through the backend.
pub(crate) fn record(user: &str, data: &str, now: Timestamp) -> Result<(SessionData, Data)> {
    let address = Some("203.0.113.57".parse()?);
    let record = SessionData {
        user_id: Some(UserId::new(user)?),
        ip_address: address,
        last_ip_address: address,
        user_agent: Some(AGENT.to_owned()),
        device_name: "Chrome on Windows".to_owned(),
        device_type: DeviceType::Desktop,
        fingerprint: Fingerprint::from_bytes(&[1; 33]),
        version: 0,
        authenticated_at: Some(now),
        ..SessionData::new(SessionId::generate(now)?, now, LIFE)
    };
    Ok((record, Data::from_json(data.as_bytes())?))
}

/// A sign-in of a session like those.
pub(crate) fn sign_in(user: &str, data: &str, now: Timestamp) -> Result<NewSession> {
    let (record, data) = record(user, data, now)?;
    let mut new = NewSession::new(record, SessionToken::generate()?.hash());
    for (key, value) in data.iter() {
        new.patch.set(key, value.clone());
    }
    new.cap = Some(u32::try_from(PER_USER)?.try_into().context("a cap of nothing")?);
    Ok(new)
}

/// What databases fill by themselves, through the backend: for the one that speaks no SQL.
pub(crate) async fn through(backend: &dyn SessionBackend, fill: Fill) -> Result<Vec<NewSession>> {
    let users = (fill.rows / PER_USER).max(1);
    let mut kept = Vec::new();
    for n in 0..fill.rows {
        let mut new = sign_in(&format!("user-{:07}", n % users), fill.data, fill.now)?;
        if fill.expired == Expired::Half && n % 2 == 0 {
            new.record.expires_at = fill.now;
            new.cap = None;
        }
        // A sample, to ask for later.
        let keep = n % (fill.rows / 10_000).max(1) == 1 || fill.rows <= 10_000;
        let sample = keep.then(|| new.clone());
        let now = match fill.expired {
            Expired::None => fill.now,
            Expired::Half => fill.now.minus(Duration::from_secs(1)),
        };
        backend.create(new, now).await?;
        kept.extend(sample);
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_has_as_many_bytes_as_is_said() {
        assert_eq!(DATA.len(), 200);
        assert!(Data::from_json(DATA.as_bytes()).is_ok());
    }
}
