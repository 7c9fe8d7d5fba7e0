//! Fifty parallel writes of different keys into one session: how many are there afterwards?

use std::sync::Arc;

use anyhow::Result;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::browser::Browser;

/// How many.
pub(crate) const WRITES: usize = 50;

/// What one trial saw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writes {
    /// How many of all are there afterwards.
    pub(crate) survived: usize,
    /// How many were answered with success and are not there.
    pub(crate) lost: usize,
}

/// One trial, or nothing where the library stores nothing: all writes begin with the same cookie, those of odd keys at the second origin.
pub(crate) async fn trial(
    mut browser: Browser,
    origins: [&str; 2],
    wait: u64,
) -> Result<Option<Writes>> {
    browser.sign_in("alice").await?;
    let start = Arc::new(Barrier::new(WRITES));
    let mut requests = JoinSet::new();
    for nth in 0..WRITES {
        let (browser, start) = (browser.before(origins[nth % 2]), Arc::clone(&start));
        let path = match wait {
            0 => format!("/set?key=k{nth}&value=v{nth}"),
            wait => format!("/slow-set?key=k{nth}&value=v{nth}&ms={wait}"),
        };
        requests.spawn(async move {
            start.wait().await;
            (nth, browser.send("POST", &path).await)
        });
    }
    let mut acknowledged = Vec::new();
    while let Some(answered) = requests.join_next().await {
        let (nth, answer) = answered?;
        browser.receive(&answer);
        match answer.status {
            501 => return Ok(None),
            status if (200..300).contains(&status) => acknowledged.push(nth),
            _ => {}
        }
    }
    let data = browser.data().await?;
    let is_there = |nth: &usize| {
        data.get(&format!("k{nth}")).and_then(|value| value.as_str()) == Some(&format!("v{nth}"))
    };
    Ok(Some(Writes {
        survived: (0..WRITES).filter(|nth| is_there(nth)).count(),
        lost: acknowledged.iter().filter(|nth| !is_there(nth)).count(),
    }))
}
