//! A session as scripts see it: never its token, its hash or its fingerprint.

use std::net::IpAddr;

use serde::Serialize;
use session_core::{Data, DeviceType, Session, SessionData, SessionId, Timestamp, UserId};

use crate::answer::Answer;

/// The fields, in the order in which they are written.
#[derive(Serialize)]
pub(super) struct SessionView<'a> {
    id: SessionId,
    user_id: Option<&'a UserId>,
    data: Data,
    ip_address: Option<IpAddr>,
    last_ip_address: Option<IpAddr>,
    user_agent: Option<&'a str>,
    device_name: &'a str,
    device_type: DeviceType,
    created_at: Timestamp,
    authenticated_at: Option<Timestamp>,
    last_active_at: Timestamp,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<bool>,
}

impl<'a> SessionView<'a> {
    fn new(session: &'a SessionData, data: Data) -> Self {
        Self {
            id: session.id,
            user_id: session.user_id.as_ref(),
            data,
            ip_address: session.ip_address,
            last_ip_address: session.last_ip_address,
            user_agent: session.user_agent.as_deref(),
            device_name: &session.device_name,
            device_type: session.device_type,
            created_at: session.created_at,
            authenticated_at: session.authenticated_at,
            last_active_at: session.last_active_at,
            expires_at: session.expires_at,
            current: None,
        }
    }

    /// One of a list.
    pub(super) fn listed(session: &'a SessionData, current: Option<SessionId>) -> Self {
        let current = Some(current == Some(session.id));
        Self { current, ..Self::new(session, session.data.clone()) }
    }
}

/// `{"session": …}`: the request's own, or null.
pub(super) fn current(session: &Session) -> Answer {
    #[derive(Serialize)]
    struct Shape<'a> {
        session: Option<SessionView<'a>>,
    }
    let record = session.current();
    let view = record.as_deref().map(|record| SessionView::new(record, session.data()));
    Answer::json(&Shape { session: view })
}
