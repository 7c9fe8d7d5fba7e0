//! The token rotates while another request of the same browser is under way with the one before:
//! does the browser stay signed in?

use anyhow::{Result, ensure};

use super::{NoRace, slow_write};
use crate::browser::{Answer, Browser};
use crate::server::Server;

/// The late request, in three kinds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rotated {
    /// It had read its session before the rotation, and writes and is answered after it.
    pub(crate) began_before: Late,
    /// It arrives after the rotation, and reads.
    pub(crate) read_after: Late,
    /// It arrives after the rotation, and writes.
    pub(crate) write_after: Late,
    /// The cookie from before signs in, right after the rotation.
    pub(crate) old_cookie_signs_in: bool,
}

/// What came of one late request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Late {
    /// The browser is not signed in once the late answer has arrived.
    pub(crate) signed_out: bool,
    /// How the late request was answered.
    pub(crate) status: u16,
    /// The late answer put the cookie from before back into the browser.
    pub(crate) old_cookie_is_back: bool,
}

/// Nothing where the library does not rotate.
pub(crate) async fn trial(fresh: &Browser, server: &Server) -> Result<Option<Rotated>> {
    let mut browser = fresh.copy();
    browser.sign_in("alice").await?;
    let mut copied = browser.copy();
    let Some(()) = rotate(&mut browser).await? else { return Ok(None) };
    ensure!(browser.user().await.is_some(), "rotating alone signed the browser out");
    let old_cookie_signs_in = copied.user().await.is_some();
    Ok(Some(Rotated {
        began_before: began_before(fresh, server).await?,
        read_after: after(fresh, "GET", "/me").await?,
        write_after: after(fresh, "POST", "/set?key=k60&value=late").await?,
        old_cookie_signs_in,
    }))
}

async fn began_before(fresh: &Browser, server: &Server) -> Result<Late> {
    let mut browser = fresh.copy();
    browser.sign_in("alice").await?;
    let before = browser.copy();
    let late = slow_write(&before, server).await?;
    rotate(&mut browser).await?;
    NoRace::unless_under_way(&late)?;
    judge(browser, &before, &late.await?).await
}

async fn after(fresh: &Browser, method: &str, path: &str) -> Result<Late> {
    let mut browser = fresh.copy();
    browser.sign_in("alice").await?;
    let before = browser.copy();
    rotate(&mut browser).await?;
    let late = before.send(method, path).await;
    judge(browser, &before, &late).await
}

async fn judge(mut browser: Browser, before: &Browser, late: &Answer) -> Result<Late> {
    browser.receive(late);
    let old_cookie_is_back = browser.session_cookie() == before.session_cookie();
    Ok(Late { signed_out: browser.user().await.is_none(), status: late.status, old_cookie_is_back })
}

async fn rotate(browser: &mut Browser) -> Result<Option<()>> {
    let answer = browser.go("POST", "/rotate").await;
    if answer.status == 501 {
        return Ok(None);
    }
    ensure!(answer.ok(), "rotating was answered with {}", answer.status);
    Ok(Some(()))
}
