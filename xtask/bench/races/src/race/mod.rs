//! The races. Each runs one trial with browsers of its own, and says what was seen; nothing about a
//! program is assumed.

pub(crate) mod adoption;
pub(crate) mod outage;
pub(crate) mod rotation;
pub(crate) mod sign_out;
pub(crate) mod writes;

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinHandle;

use crate::browser::{Answer, Browser};
use crate::server::Server;

/// How long a slow handler waits between its read and its write, where another request is to be
/// answered in between.
const SLOW: Duration = Duration::from_secs(1);

/// A slow write that is under way: its handler says that it has read its session.
async fn slow_write(browser: &Browser, server: &Server) -> Result<JoinHandle<Answer>> {
    let path = format!("/slow-set?key=k60&value=late&ms={}", SLOW.as_millis());
    let browser = browser.copy();
    let mut waiting = server.waiting.clone();
    let before = waiting.count();
    let late = tokio::spawn(async move { browser.send("POST", &path).await });
    waiting.more_than(before).await?;
    Ok(late)
}

/// The machine was too busy: the slow request was answered before what it was to race against. Such
/// a trial says nothing about a library, and is run again.
#[derive(Debug)]
pub(crate) struct NoRace;

impl NoRace {
    fn unless_under_way(late: &JoinHandle<Answer>) -> Result<(), Self> {
        if late.is_finished() { Err(Self) } else { Ok(()) }
    }
}

impl fmt::Display for NoRace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the slow request was answered first, again and again")
    }
}

impl std::error::Error for NoRace {}
