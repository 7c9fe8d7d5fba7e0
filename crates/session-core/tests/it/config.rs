//! The configuration as applications meet it.

use session_core::{MemoryBackend, SessionConfig, SessionStore};

#[test]
fn a_bad_value_is_named() {
    let config = SessionConfig { max_sessions_per_user: 0, ..SessionConfig::default() };
    let error = SessionStore::new(MemoryBackend::new(), config).unwrap_err();
    assert_eq!(error.key(), "max_sessions_per_user");
    assert_eq!(
        error.to_string(),
        "invalid session configuration: max_sessions_per_user: must not be 0"
    );
}

/// The file of the first system, word for word.
#[test]
fn keys_of_the_first_system_keep_their_names() {
    let json = r#"{
        "session_ttl_secs": 2592000,
        "cookie_name": "_session",
        "validate_fingerprint": true,
        "touch_interval_secs": 300,
        "max_sessions_per_user": 10,
        "trusted_proxies": ["10.0.0.0/8"]
    }"#;
    let config: SessionConfig = serde_json::from_str(json).unwrap();
    SessionStore::new(MemoryBackend::new(), config).unwrap();
}
