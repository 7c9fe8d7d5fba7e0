//! Behind a proxy: whom to believe about the client's address.

use session_core::{ForwardedHeader, SessionConfig};

pub fn config() -> SessionConfig {
    SessionConfig {
        cookie_name: "__Host-session".to_owned(),
        // Where the proxies connect from. Left out, private addresses are believed.
        trusted_proxies: Some(vec!["10.1.0.0/16".to_owned()]),
        // The one header that the proxy overwrites; no other is looked at.
        forwarded_header: ForwardedHeader::XForwardedFor,
        ..SessionConfig::default()
    }
}
