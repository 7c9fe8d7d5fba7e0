//! What agents were found to say, kept for the next request that brings the same one: [`read`].
//!
//! A site sees the same few hundred agents again and again, and to take one apart costs more than all the
//! rest of a sign-in.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, RwLock};

use super::device::{self, Device};
use super::fingerprint::{Fingerprint, stable_of};

/// What an agent says.
#[derive(Debug)]
pub(crate) struct Reading {
    /// The agent itself: at most as long as one is kept of a request.
    text: Box<str>,
    pub(crate) device: Device,
    /// Of the stable mode.
    pub(crate) fingerprint: Fingerprint,
}

/// How many readings are kept. Each has one place, which the last one that belongs there takes: who sends
/// ever new agents makes others be read again, and no more is kept for it. At most about 350 kB in all.
const PLACES: usize = 512;

static KEPT: [RwLock<Option<Arc<Reading>>>; PLACES] = [const { RwLock::new(None) }; PLACES];

/// What an agent says; of none at all, the empty text.
pub(crate) fn read(text: &str) -> Arc<Reading> {
    let place = place_of(text);
    // Nobody waits for another one: to read an agent once more is no harm.
    if let Some(Ok(kept)) = place.map(RwLock::try_read)
        && let Some(reading) = kept.as_ref().filter(|reading| *reading.text == *text)
    {
        return reading.clone();
    }
    let (device, families) = device::read(text);
    let fingerprint = stable_of(families);
    let reading = Arc::new(Reading { text: text.into(), device, fingerprint });
    if let Some(Ok(mut kept)) = place.map(RwLock::try_write) {
        *kept = Some(reading.clone());
    }
    reading
}

/// Where an agent's reading is kept. No secret goes into the hash: agents that were chosen to meet at one
/// place are read again, and nothing else.
fn place_of(text: &str) -> Option<&'static RwLock<Option<Arc<Reading>>>> {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let places = u64::try_from(PLACES).ok()?;
    KEPT.get(usize::try_from(hasher.finish() % places).ok()?)
}

#[cfg(test)]
mod tests {
    use super::super::fingerprint::stable;
    use super::*;

    fn check(text: &str) {
        let reading = read(text);
        assert_eq!(reading.device, device::describe(text), "{text}");
        assert_eq!(reading.fingerprint, stable(Some(text)), "{text}");
    }

    #[test]
    fn a_reading_is_that_of_its_agent() {
        // Twice as many as there are places, so that most change hands, and each of them twice.
        for version in (0..PLACES).chain(0..PLACES) {
            check(&format!("Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Firefox/{version}.0"));
            check(&format!("curl/{version}"));
        }
    }

    #[test]
    fn no_agent_says_what_the_empty_one_says() {
        assert_eq!(read("").fingerprint, stable(None));
        check("");
    }

    #[test]
    fn the_same_agent_is_read_once() {
        // Another test may take the place between two looks.
        let agent = "an agent that nobody else has/1.0";
        assert!((0..1000).any(|_| Arc::ptr_eq(&read(agent), &read(agent))));
    }
}
