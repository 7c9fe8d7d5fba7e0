//! A slow write is in flight while its user signs out: are they signed in again afterwards?

use anyhow::{Result, ensure};

use super::{NoRace, slow_write};
use crate::browser::Browser;
use crate::server::Server;

/// What one trial saw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignedOut {
    /// The browser shows them signed in, once every answer has arrived.
    pub(crate) browser_signed_in: bool,
    /// The cookie from before the sign-out signs in, wherever it was copied to.
    pub(crate) old_cookie_signs_in: bool,
    /// The same, without a write in flight: what the sign-out alone leaves.
    pub(crate) old_cookie_signs_in_without_race: bool,
    /// How the late write was answered.
    pub(crate) late_status: u16,
}

pub(crate) async fn trial(fresh: &Browser, server: &Server) -> Result<SignedOut> {
    let without_race = {
        let mut browser = fresh.copy();
        browser.sign_in("alice").await?;
        let mut copied = browser.copy();
        let answer = browser.go("POST", "/sign-out").await;
        ensure!(answer.ok(), "signing out was answered with {}", answer.status);
        copied.user().await.is_some()
    };

    let mut browser = fresh.copy();
    browser.sign_in("alice").await?;
    let mut copied = browser.copy();
    let late = slow_write(&browser, server).await?;
    let answer = browser.go("POST", "/sign-out").await;
    ensure!(answer.ok(), "signing out was answered with {}", answer.status);
    NoRace::unless_under_way(&late)?;
    let late = late.await?;
    browser.receive(&late);
    Ok(SignedOut {
        browser_signed_in: browser.user().await.is_some(),
        old_cookie_signs_in: copied.user().await.is_some(),
        old_cookie_signs_in_without_race: without_race,
        late_status: late.status,
    })
}
