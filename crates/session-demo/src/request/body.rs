//! Reading a body, whichever framework it comes from, up to a limit of our own.

use std::pin::pin;

use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::Body;
use http_body_util::BodyExt;
use session_core::SessionConfig;

use super::{FORM_LIMIT, json_limit};
use crate::problem::{Code, Problem};

/// How much of a body that is too large is read and thrown away. Most clients send all before they
/// read, and would never see the answer if the connection were closed on them.
const PATIENCE: usize = 16 * 1024 * 1024;

/// A body to be read as JSON.
pub(crate) async fn json(
    headers: &HeaderMap,
    body: impl Body<Data: AsRef<[u8]>>,
    config: &SessionConfig,
) -> Result<Vec<u8>, Problem> {
    read(headers, body, json_limit(config), Code::InvalidJson).await
}

/// A form's body.
pub(crate) async fn form(
    headers: &HeaderMap,
    body: impl Body<Data: AsRef<[u8]>>,
) -> Result<Vec<u8>, Problem> {
    read(headers, body, FORM_LIMIT, Code::InvalidForm).await
}

async fn read(
    headers: &HeaderMap,
    body: impl Body<Data: AsRef<[u8]>>,
    limit: usize,
    broken: Code,
) -> Result<Vec<u8>, Problem> {
    let most = limit.saturating_add(PATIENCE);
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced.and_then(|length| length.parse().ok()).is_some_and(|length: usize| length > most) {
        return Err(Code::DataTooLarge.into());
    }
    let mut body = pin!(body);
    let (mut bytes, mut seen) = (Vec::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| broken)?.into_data() else { continue };
        let data = data.as_ref();
        seen = seen.saturating_add(data.len());
        if seen <= limit {
            bytes.extend_from_slice(data);
        } else {
            bytes = Vec::new();
        }
        if seen > most {
            break;
        }
    }
    if seen > limit { Err(Code::DataTooLarge.into()) } else { Ok(bytes) }
}
