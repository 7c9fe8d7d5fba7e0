//! How much memory a full `MemoryBackend` takes: `cargo run --release -p session-core --example
//! memory_footprint`. Linux only, because it asks the system what this process holds.

use std::error::Error;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use session_core::{ErrorKind, MemoryBackend, Peer, SessionConfig, SessionStore};

const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
     (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default())?;
    let mut headers = HeaderMap::new();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(AGENT));
    let before = resident_bytes()?;
    let mut made = 0;
    let refused = loop {
        let visit = store.begin();
        visit.attach(
            &http::Method::GET,
            &http::Uri::default(),
            &headers,
            Peer::Ip([203, 0, 113, 7].into()),
            None,
        );
        let session = visit.load().await?;
        if let Err(error) = session.authenticate(&format!("user-{}", made / 3)).await {
            break error;
        }
        let _no_response = visit.finish(StatusCode::OK).await;
        made += 1;
    };
    if refused.kind() != ErrorKind::Unavailable {
        return Err(refused.into());
    }
    let bytes = resident_bytes()? - before;
    println!("{made} sessions without data, then: {refused}");
    println!("bytes per session: {}, in all {} MB", bytes / made, bytes / 1_000_000);
    Ok(())
}

/// What this process holds in memory, from `/proc/self/statm`: its second number, in pages.
fn resident_bytes() -> Result<u64, Box<dyn Error>> {
    let sizes = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = sizes.split(' ').nth(1).ok_or("no second number")?.parse()?;
    Ok(pages * 4096)
}
