//! A history played on a backend, and every answer compared with the reference's.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use session_core::{BackendError, EndedBy, PurgeReport, SessionBackend, SessionId};

use super::answer::{Answer, Seen, Whole, names};
use super::draw::makes_sense;
use super::reference::{Model, Open};
use super::step::{Name, Step, Target, Token, USERS, user};
use crate::subject::{Fresh, TestBackend};

/// More batches than any history needs.
const BATCHES: usize = 1000;

/// Plays a history on a fresh database; why it is not as the reference says, if it is not. `seen` counts
/// the steps that were taken.
pub(super) async fn play(
    fresh: &Fresh,
    model: Model,
    steps: &[Step],
    seen: Option<&AtomicUsize>,
) -> Result<(), String> {
    let subject = fresh.make().await;
    let clients = [subject.backend(), subject.reopen().await];
    let mut game = Game { clients, turn: 0, model, _subject: subject };
    for (number, step) in steps.iter().enumerate() {
        if let Some(seen) = seen {
            seen.fetch_add(1, Ordering::SeqCst);
        }
        if !makes_sense(&game.model, step) {
            continue;
        }
        let played = match game.take(step).await {
            Ok(()) => game.look().await,
            Err(why) => Err(why),
        };
        played.map_err(|why| format!("after step {}, at {}: {why}", number + 1, game.model.now))?;
    }
    Ok(())
}

/// The calls go through two clients in turns.
struct Game {
    clients: [Arc<dyn SessionBackend>; 2],
    turn: usize,
    model: Model,
    /// Kept until the end.
    _subject: Box<dyn TestBackend>,
}

impl Game {
    fn next(&mut self) -> Arc<dyn SessionBackend> {
        self.turn += 1;
        Arc::clone(&self.clients[self.turn % 2])
    }

    /// Makes the step in both.
    async fn take(&mut self, step: &Step) -> Result<(), String> {
        if let Step::Purge { limit, report, to_the_end } = *step {
            return self.purge(limit, report, to_the_end).await;
        }
        // Where the clock goes is told by the reference.
        let said = match step {
            Step::Clock(_) => Answer::Done,
            _ => self.call(step).await?,
        };
        let mut wanted = Vec::new();
        for open in [Open::StillThere, Open::Gone] {
            let mut after = self.model.clone();
            let answer = after.apply(step, open);
            if answer.allows(&said) {
                self.model = after;
                return Ok(());
            }
            if !wanted.contains(&answer) {
                wanted.push(answer);
            }
        }
        let wanted: Vec<_> = wanted.iter().map(|wanted| difference(&said, wanted)).collect();
        Err(format!("the backend's answer is not the reference's{}", wanted.join(", nor")))
    }

    async fn call(&mut self, step: &Step) -> Result<Answer, String> {
        let (now, backend) = (self.model.now, self.next());
        let acting = |target: &Option<Target>| target.as_ref().map(Target::reference);
        let answer = match step {
            Step::Create(new) => {
                backend.create(new.call(now), now).await.map(|created| Answer::created(&created))
            }
            Step::Update(target, change) => {
                let updated = backend.update(&target.reference(), &change.call(now), now).await;
                updated.map(Answer::updated)
            }
            Step::Remove { target, owner, acting: by, how } => {
                let (owner, by) = (owner.map(user), acting(by));
                let target = target.reference();
                let removed = backend.remove(&target, owner.as_ref(), by.as_ref(), *how, now).await;
                removed.map(Answer::Removed)
            }
            Step::RemoveUser { user: whose, acting: by, except, how } => {
                let (by, except) = (acting(by), except.map(Name::id));
                let (whose, by) = (user(whose), by.as_ref());
                let ended = backend.remove_user(&whose, by, except.as_ref(), *how, now).await;
                ended.map(|ids| Answer::Sessions(names(&ids)))
            }
            Step::EndAll { how, limit } => {
                return self.end_all(*how, *limit).await.map(Answer::Sessions);
            }
            Step::Live(asked) => {
                let ids: Vec<_> = asked.iter().map(|name| name.id()).collect();
                backend.live(&ids, now).await.map(|ids| Answer::Sessions(names(&ids)))
            }
            Step::Ping => backend.ping().await.map(|()| Answer::Done),
            Step::Clock(_) | Step::Purge { .. } => Ok(Answer::Done),
        };
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) if is_a_failure(&error) => Err(failed("the call", &error)),
            Err(error) => Ok(Answer::refused(&error)),
        }
    }

    /// Batch by batch: all that were live, each once.
    async fn end_all(&mut self, how: EndedBy, limit: u32) -> Result<Vec<Name>, String> {
        let (now, mut all, mut after) = (self.model.now, Vec::new(), None::<SessionId>);
        for _ in 0..BATCHES {
            let batch = self.next().end_all(how, after.as_ref(), now, limit).await;
            let batch = batch.map_err(|error| failed("end_all", &error))?;
            if batch.ended.len() > limit.max(1) as usize || !batch.ended.is_sorted() {
                return Err(format!("{:?} in a batch of {limit}", names(&batch.ended)));
            }
            all.extend(names(&batch.ended));
            after = batch.next;
            if after.is_none() {
                // In the order of the ids, or in another that does not change.
                all.sort_unstable();
                return Ok(all);
            }
        }
        Err(format!("after {BATCHES} batches there is still a next one"))
    }

    async fn purge(
        &mut self,
        limit: u32,
        report: PurgeReport,
        to_the_end: bool,
    ) -> Result<(), String> {
        let now = self.model.now;
        for _ in 0..BATCHES {
            let purged = self.next().purge_expired(now, limit, report).await;
            let purged = purged.map_err(|error| failed("purge_expired", &error))?;
            self.model.purged(&purged, limit, report)?;
            if !to_the_end || !purged.more {
                return Ok(());
            }
        }
        Err(format!("after {BATCHES} batches the purge still says that more is due"))
    }

    /// Everything that can be seen: of every token and session that was ever named, and of every user.
    async fn look(&mut self) -> Result<(), String> {
        let now = self.model.now;
        for token in (0..self.model.tokens).map(Token) {
            let found = self.next().find(&token.hash(), now).await;
            let found = found.map_err(|error| failed("find", &error))?;
            same(
                format_args!("find {token:?}"),
                &Seen::of(found.as_ref()),
                &self.model.find(token),
            )?;
        }
        let all: Vec<_> = (0..self.model.names).map(Name).collect();
        for name in &all {
            let found = self.next().get(&name.id(), now).await;
            let found = found.map_err(|error| failed("get", &error))?;
            let wanted = self.model.live(*name).map(super::reference::Stored::whole);
            same(format_args!("get {name:?}"), &found.as_ref().map(Whole::of), &wanted)?;
        }
        let ids: Vec<_> = all.iter().map(|name| name.id()).collect();
        let live = self.next().live(&ids, now).await.map_err(|error| failed("live", &error))?;
        let wanted = self.model.apply(&Step::Live(all), Open::StillThere);
        same("live", &Answer::Sessions(names(&live)), &wanted)?;
        for whose in USERS {
            let listed = self.next().list(&user(whose), now).await;
            let listed = listed.map_err(|error| failed("list", &error))?;
            let listed: Vec<_> = listed.iter().map(Whole::of).collect();
            same(format_args!("list {whose}"), &listed, &self.model.list(whose))?;
        }
        let count = self.next().count(now).await.map_err(|error| failed("count", &error))?;
        same("count", &count, &self.model.count())
    }
}

/// Errors that no step of a history asks for.
fn is_a_failure(error: &BackendError) -> bool {
    use session_core::BackendErrorKind::{ActingEnded, Conflict, TooLarge};
    ![ActingEnded, Conflict, TooLarge].contains(&error.kind())
}

fn failed(what: &str, error: &BackendError) -> String {
    let mut text = format!("{what} failed: {:?}: {error}", error.kind());
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

fn same<T: PartialEq + Debug>(
    what: impl std::fmt::Display,
    said: &T,
    wanted: &T,
) -> Result<(), String> {
    if said == wanted {
        return Ok(());
    }
    Err(format!("{what}{}", difference(said, wanted)))
}

/// What a backend said and what it should have, without the lines at the beginning and the end that both have.
fn difference<T: Debug>(said: &T, wanted: &T) -> String {
    let [said, wanted] = [said, wanted].map(|answer| format!("{answer:#?}"));
    let [mut said, mut wanted] = [&said, &wanted].map(|text| text.lines().collect::<Vec<_>>());
    let same = |(one, other): &(&&str, &&str)| one == other;
    let first = said.iter().zip(&wanted).take_while(same).count();
    // The last of these says where it is.
    said.drain(..first.saturating_sub(1));
    wanted.drain(..first.saturating_sub(1));
    let last = said.iter().rev().zip(wanted.iter().rev()).take_while(same).count();
    let shown = |lines: &[&str]| lines[..lines.len().saturating_sub(last)].join("\n");
    format!(":\n{}\n-- and not:\n{}\n", shown(&said), shown(&wanted))
}
