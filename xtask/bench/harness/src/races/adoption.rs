//! A sign-in with a cookie that an attacker chose: does their copy sign in afterwards?

use anyhow::{Context as _, Result};

use super::forge::forge;
use crate::browser::Browser;

/// What one trial saw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Adopted {
    /// A visitor came with a well-formed cookie that was never issued; what they stored is seen by
    /// whoever else holds that cookie.
    pub(crate) invented_as_visitor: bool,
    /// The same at a sign-in: the invented cookie signs in.
    pub(crate) invented_at_sign_in: bool,
    /// The attacker's own real cookie was planted before the sign-in, and signs in as the victim.
    pub(crate) planted_at_sign_in: bool,
}

pub(crate) async fn trial(fresh: &Browser) -> Result<Adopted> {
    Ok(Adopted {
        invented_as_visitor: invented_as_visitor(fresh).await?,
        invented_at_sign_in: invented_at_sign_in(fresh).await?,
        planted_at_sign_in: planted_at_sign_in(fresh).await?,
    })
}

/// A browser with a cookie that nobody issued, in the shape of a real one.
async fn with_invented(fresh: &Browser) -> Result<Browser> {
    let mut real = fresh.copy();
    real.sign_in("mallory").await?;
    let (name, value) = real.session_cookie().context("signing in set no cookie")?;
    let mut browser = fresh.copy();
    browser.hold(name, &forge(value)?);
    Ok(browser)
}

async fn invented_as_visitor(fresh: &Browser) -> Result<bool> {
    let mut victim = with_invented(fresh).await?;
    let mut attacker = victim.copy();
    if !victim.go("POST", "/set?key=k1&value=secret").await.ok() {
        return Ok(false);
    }
    let seen = attacker.data().await.ok();
    Ok(seen.is_some_and(|data| data.contains_key("k1")))
}

async fn invented_at_sign_in(fresh: &Browser) -> Result<bool> {
    let mut victim = with_invented(fresh).await?;
    let mut attacker = victim.copy();
    victim.sign_in("alice").await?;
    Ok(attacker.user().await.is_some())
}

/// The attacker is a visitor with a session; where visitors have none, they are signed in as mallory.
async fn planted_at_sign_in(fresh: &Browser) -> Result<bool> {
    let mut attacker = fresh.copy();
    attacker.go("POST", "/set?key=k1&value=mine").await;
    if attacker.session_cookie().is_none() {
        attacker.sign_in("mallory").await?;
    }
    let mut victim = attacker.copy();
    victim.sign_in("alice").await?;
    Ok(attacker.user().await.as_deref() == Some("alice"))
}
