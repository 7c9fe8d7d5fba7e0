//! What one request says about its client: [`SessionMeta`].

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use http::{HeaderMap, HeaderValue};

use crate::backend::Agent;
use crate::client::device::Device;
use crate::client::device_type::DeviceType;
use crate::client::fingerprint::{self, Fingerprint, FingerprintMode};
use crate::client::ip::client_ip;
use crate::client::proxies::Peer;
use crate::client::readings::{self, Reading};
use crate::settings::Settings;

/// What one request says about its client.
///
/// Cheap to make: the agent is read when somebody asks for the device, or when a session is made, so a
/// request whose agent is the session's pays for neither. What it says is kept for other requests.
#[derive(Debug, Clone, Default)]
pub struct SessionMeta {
    ip_address: Option<IpAddr>,
    user_agent: Option<HeaderValue>,
    reading: OnceLock<Arc<Reading>>,
    /// In the exact mode.
    fingerprint: Option<Fingerprint>,
}

impl SessionMeta {
    pub(crate) fn new(
        headers: &HeaderMap,
        user_agent: Option<&HeaderValue>,
        peer: Peer,
        settings: &Settings,
    ) -> Self {
        let config = &settings.config;
        let is_exact =
            config.validate_fingerprint && config.fingerprint_mode == FingerprintMode::Exact;
        Self {
            ip_address: client_ip(headers, peer, &settings.trusted, config.forwarded_header),
            user_agent: user_agent.cloned(),
            reading: OnceLock::new(),
            // Needs headers that are not kept, so it is taken now.
            fingerprint: is_exact.then(|| fingerprint::exact(headers)),
        }
    }

    /// The client's address: the connection's, or what a trusted proxy says it is. `None` if
    /// nobody knows, as behind a Unix socket without a proxy.
    #[must_use]
    pub const fn ip_address(&self) -> Option<IpAddr> {
        self.ip_address
    }

    /// The User-Agent header, cut to 512 bytes; `None` if it is missing or empty.
    #[must_use]
    pub fn user_agent(&self) -> Option<Cow<'_, str>> {
        fingerprint::agent_text(self.user_agent.as_ref()?)
    }

    /// Whether the User-Agent is byte for byte the one that is stored: then nothing is decoded.
    pub(crate) fn agent_is(&self, known: Option<&str>) -> bool {
        self.user_agent.as_ref().map(HeaderValue::as_bytes) == known.map(str::as_bytes)
    }

    /// The device for people, such as "Safari on iPhone".
    #[must_use]
    pub fn device_name(&self) -> &str {
        &self.device().name
    }

    /// What the client runs on.
    #[must_use]
    pub fn device_type(&self) -> DeviceType {
        self.device().kind
    }

    /// What a session that begins with this request is bound to.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint.unwrap_or_else(|| self.reading().fingerprint)
    }

    /// The whole agent, if there is one, to be stored.
    pub(crate) fn agent(&self) -> Option<Agent> {
        let user_agent = self.user_agent()?.into_owned();
        let Device { name, kind } = self.device().clone();
        Some(Agent { user_agent, device_name: name, device_type: kind })
    }

    fn device(&self) -> &Device {
        &self.reading().device
    }

    fn reading(&self) -> &Reading {
        self.reading.get_or_init(|| readings::read(self.user_agent().as_deref().unwrap_or("")))
    }
}
