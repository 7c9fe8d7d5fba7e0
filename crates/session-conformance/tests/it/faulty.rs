//! For every backend law a backend with one fault, which breaks this law and no other.
//!
//! Each is a [`Fault`]: a sound backend, and what it does differently. If the fault is a race,
//! it yields between its look and its leap, so that it loses on every run.

mod admin;
mod carrying;
mod changing;
mod db;
mod ending;
#[cfg(feature = "model")]
mod histories;
mod knowing;
mod making;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::db::Db;
use session_conformance::{Cut, Failure, TestBackend, async_trait, broken_backend_laws};
use session_core::{
    BackendError, BackendErrorKind, Created, EndedBatch, EndedBy, Found, MemoryBackend, NewSession,
    PurgeReport, Purged, SessionBackend, SessionChange, SessionCount, SessionData, SessionId,
    SessionRef, Timestamp, TokenHash, Updated, UserId,
};

macro_rules! tests {
    ([] $($law:ident $promise:literal)+) => {
        $(
            #[test]
            fn $law() {
                let law = stringify!($law);
                let make = move || async move { Subject::new(fault_against(law)) };
                assert_eq!(broken_backend_laws(make), [law], "the laws that this fault breaks");
            }
        )+
    };
}

session_conformance::__each_backend_law! { [tests] [] }

macro_rules! more {
    ($($name:ident: $fault:expr, $law:literal;)+) => {
        $(
            #[test]
            fn $name() {
                let make = || async { Subject::new(Arc::new($fault)) };
                assert_eq!(broken_backend_laws(make), [$law], "the laws that this fault breaks");
            }
        )+
    };
}

// Several promises of one law, each with a fault of its own.
more! {
    looks_before_it_signs_in: carrying::LooksBeforeItSignsIn, "ended_never_returns";
    carries_to_anyone: carrying::Keeps::new(carrying::Kept::ForAnyone), "sign_in_carries_every_write";
    carries_for_long: carrying::Keeps::new(carrying::Kept::ForLong), "sign_in_carries_every_write";
    carries_anothers: carrying::Keeps::new(carrying::Kept::OfAnother), "sign_in_carries_every_write";
    carries_what_the_heir_wrote: carrying::Keeps::new(carrying::Kept::ByTheHeir), "sign_in_carries_every_write";
    passes_the_fixed_end: changing::PassesTheFixedEnd::default(), "touch_is_monotonic";
    never_shortens: changing::NeverShortens, "touch_is_monotonic";
    counts_a_lifetime: changing::CountsALifetime, "compare_and_set";
    takes_any_token: changing::TakesAnyToken, "update_never_creates";
    keeps_every_grace: changing::KeepsEveryGrace::default(), "rotation_has_one_winner";
    ends_one_token: knowing::EndsOneToken::default(), "ended_token_is_known";
    says_signed_out_of_all: knowing::SaysSignedOutOfAll::default(), "ended_token_is_known";
    sees_no_sign_in: knowing::SeesNoSignIn, "ended_token_is_known";
    sees_every_touch: knowing::SeesEveryTouch, "ended_token_is_known";
    removes_by_name: ending::ActsByName, "remove_is_scoped";
    ends_all_by_name: ending::ActsOnAllByName, "remove_user_is_complete";
    looks_who_acts: ending::LooksWhoActs, "remove_user_is_complete";
    ends_the_others_first: ending::EndsTheOthersFirst, "remove_user_is_complete";
    gets_the_last_microsecond: admin::GetsTheLastMicrosecond, "expired_is_absent";
    names_no_users: admin::NamesNoUsers, "purge_is_bounded";
}

/// Without a fault the frame is sound.
#[test]
fn none() {
    let broken = broken_backend_laws(async || Subject::new(Arc::new(Sound)));
    assert!(broken.is_empty(), "broken without a fault: {broken:?}");
}

fn fault_against(law: &str) -> Arc<dyn Fault> {
    match law {
        "create_then_find" => Arc::new(making::KeepsMilliseconds),
        "create_never_overwrites" => Arc::new(making::OverwritesByHash),
        "create_replaces_atomically" => Arc::new(making::EndsTheOldOneLater::default()),
        "sign_in_carries_every_write" => Arc::new(making::CarriesWhatItRead),
        "ended_never_returns" => Arc::new(carrying::AsksNobody),
        "cap_is_exact" => Arc::new(making::CountsBeforeItLocks),
        "evicts_least_recently_active" => Arc::new(making::EvictsTheOldest),
        "patches_commute" => Arc::new(changing::ReadsModifiesWrites),
        "patch_is_exact" => Arc::new(changing::DropsNulls),
        "size_is_bounded" => Arc::new(changing::MeasuresThePatch),
        "compare_and_set" => Arc::new(changing::ComparesThenSets),
        "update_never_creates" => Arc::new(changing::Upserts::default()),
        "touch_is_monotonic" => Arc::new(changing::TakesAnyEnd::default()),
        "rotation_has_one_winner" => Arc::new(changing::RotatesAgain),
        "cancel_is_safe" => Arc::new(ending::EndsOneByOne),
        "impersonation_takes_no_place" => Arc::new(making::CountsImpersonations),
        "remove_is_scoped" => Arc::new(ending::AsksNoOwner),
        "remove_user_is_complete" => Arc::new(ending::EndsOnePage),
        "ended_token_is_known" => Arc::new(ending::BuriesNoVictims),
        "expired_is_absent" => Arc::new(ending::ListsTheLastMicrosecond),
        "get_finds_by_id" => Arc::new(admin::GetsWithoutData),
        "live_tells_the_ended" => Arc::new(admin::RemembersTheLiving::default()),
        "count_is_exact" => Arc::new(admin::CountsDevices),
        "end_all_is_complete" => Arc::new(admin::StopsAtTheExpired),
        "list_is_ordered" => Arc::new(ending::ListsOldestFirst),
        "purge_is_bounded" => Arc::new(ending::PurgesTheRenewed::default()),
        "failure_is_an_error" => Arc::new(ending::TakesAnOutageForNothing),
        "hash_only_at_rest" => Arc::new(ending::KeepsTokens::default()),
        other => panic!("no fault against the law {other}"),
    }
}

/// What a backend does differently; by default nothing.
#[async_trait]
trait Fault: Send + Sync + 'static {
    async fn create(
        &self,
        db: &Db,
        new: NewSession,
        now: Timestamp,
    ) -> Result<Created, BackendError> {
        db.create(new, now).await
    }

    async fn find(
        &self,
        db: &Db,
        token: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<Found>, BackendError> {
        db.find(token, now).await
    }

    async fn update(
        &self,
        db: &Db,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        db.update(session, change, now).await
    }

    async fn remove(
        &self,
        db: &Db,
        session: &SessionRef,
        owner: Option<&UserId>,
        acting: Option<&SessionRef>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError> {
        db.remove(session, owner, acting, how, now).await
    }

    async fn remove_user(
        &self,
        db: &Db,
        user: &UserId,
        acting: Option<&SessionRef>,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        db.remove_user(user, acting, except, how, now).await
    }

    async fn list(
        &self,
        db: &Db,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Vec<SessionData>, BackendError> {
        db.list(user, now).await
    }

    async fn get(
        &self,
        db: &Db,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<SessionData>, BackendError> {
        db.get(id, now).await
    }

    async fn live(
        &self,
        db: &Db,
        ids: &[SessionId],
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        db.live(ids, now).await
    }

    async fn count(&self, db: &Db, now: Timestamp) -> Result<SessionCount, BackendError> {
        db.count(now).await
    }

    async fn end_all(
        &self,
        db: &Db,
        how: EndedBy,
        after: Option<&SessionId>,
        now: Timestamp,
        limit: u32,
    ) -> Result<EndedBatch, BackendError> {
        db.end_all(how, after, now, limit).await
    }

    async fn purge_expired(
        &self,
        db: &Db,
        now: Timestamp,
        limit: u32,
        report: PurgeReport,
    ) -> Result<Purged, BackendError> {
        db.purge_expired(now, limit, report).await
    }

    fn dump(&self, db: &Db) -> String {
        db.memory.dangerous_dump()
    }
}

struct Sound;

impl Fault for Sound {}

/// Gives racing calls the time that a round trip to a database would.
async fn round_trip() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

struct Faulty {
    db: Db,
    fault: Arc<dyn Fault>,
}

#[async_trait]
impl SessionBackend for Faulty {
    async fn create(&self, new: NewSession, now: Timestamp) -> Result<Created, BackendError> {
        self.fault.create(&self.db, new, now).await
    }

    async fn find(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Found>, BackendError> {
        self.fault.find(&self.db, token, now).await
    }

    async fn update(
        &self,
        session: &SessionRef,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<Updated, BackendError> {
        self.fault.update(&self.db, session, change, now).await
    }

    async fn remove(
        &self,
        session: &SessionRef,
        owner: Option<&UserId>,
        acting: Option<&SessionRef>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<bool, BackendError> {
        self.fault.remove(&self.db, session, owner, acting, how, now).await
    }

    async fn remove_user(
        &self,
        user: &UserId,
        acting: Option<&SessionRef>,
        except: Option<&SessionId>,
        how: EndedBy,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        self.fault.remove_user(&self.db, user, acting, except, how, now).await
    }

    async fn list(&self, user: &UserId, now: Timestamp) -> Result<Vec<SessionData>, BackendError> {
        self.fault.list(&self.db, user, now).await
    }

    async fn get(
        &self,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<SessionData>, BackendError> {
        self.fault.get(&self.db, id, now).await
    }

    async fn live(
        &self,
        ids: &[SessionId],
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BackendError> {
        self.fault.live(&self.db, ids, now).await
    }

    async fn count(&self, now: Timestamp) -> Result<SessionCount, BackendError> {
        self.fault.count(&self.db, now).await
    }

    async fn end_all(
        &self,
        how: EndedBy,
        after: Option<&SessionId>,
        now: Timestamp,
        limit: u32,
    ) -> Result<EndedBatch, BackendError> {
        self.fault.end_all(&self.db, how, after, now, limit).await
    }

    async fn purge_expired(
        &self,
        now: Timestamp,
        limit: u32,
        report: PurgeReport,
    ) -> Result<Purged, BackendError> {
        self.fault.purge_expired(&self.db, now, limit, report).await
    }

    async fn ping(&self) -> Result<(), BackendError> {
        self.db.check()
    }
}

struct Subject(Arc<Faulty>);

impl Subject {
    fn new(fault: Arc<dyn Fault>) -> Self {
        let (failing, tokens) = (Mutex::new(None), Mutex::new(HashMap::new()));
        let db = Db { memory: MemoryBackend::new(), failing, tokens };
        Self(Arc::new(Faulty { db, fault }))
    }
}

#[async_trait]
impl TestBackend for Subject {
    fn backend(&self) -> Arc<dyn SessionBackend> {
        self.0.clone()
    }

    async fn reopen(&self) -> Arc<dyn SessionBackend> {
        self.0.clone()
    }

    async fn dump(&self) -> Vec<u8> {
        self.0.fault.dump(&self.0.db).into_bytes()
    }

    async fn cut(&self, how: Failure) -> Cut {
        *self.0.db.failing.lock().unwrap() = Some(how);
        Cut::Done { within: Duration::from_secs(1) }
    }
}
