//! The database cannot be reached for a while: what does a signed-in browser see, then and later?

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::browser::Browser;
use crate::proxy::Proxy;

/// What was seen. A status of 0 is no answer within the browser's patience.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outage {
    /// How `GET /me` was answered meanwhile.
    pub(crate) read_status: u16,
    /// How a write was answered meanwhile.
    pub(crate) write_status: u16,
    /// An answer took the cookie from the browser.
    pub(crate) cookie_cleared: bool,
    /// An answer gave the browser another cookie.
    pub(crate) cookie_replaced: bool,
    /// How `GET /me` was answered once the database was back: the first 200 or 401, or whatever came
    /// after a minute.
    pub(crate) status_after: u16,
    /// What was written meanwhile is there once the database is back.
    pub(crate) written_after: bool,
}

pub(crate) async fn trial(fresh: &Browser, proxy: &mut Proxy) -> Result<Outage> {
    let mut browser = fresh.copy();
    browser.sign_in("alice").await?;
    let held = browser.session_cookie().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (name, value) = held.unwrap_or_default();
    proxy.cut();
    let read = browser.go("GET", "/me").await;
    let write = browser.go("POST", "/set?key=k60&value=late").await;
    let now = browser.session_cookie().map(|(_, value)| value.to_owned());
    proxy.restore().await?;
    // Pools find out at their own pace: the first requests may still meet a broken connection.
    let begun = Instant::now();
    let mut status_after = browser.go("GET", "/me").await.status;
    while !matches!(status_after, 200 | 401) && begun.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        status_after = browser.go("GET", "/me").await.status;
    }
    let data = browser.data().await.unwrap_or_default();
    Ok(Outage {
        read_status: read.status,
        write_status: write.status,
        cookie_cleared: read.clears(&name) || write.clears(&name),
        cookie_replaced: now.is_some_and(|now| now != value),
        status_after,
        written_after: data.contains_key("k60"),
    })
}
