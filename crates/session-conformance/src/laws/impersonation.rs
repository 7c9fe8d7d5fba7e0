//! The law of sessions in which somebody acts in a user's place.

use session_core::{Impersonator, NewSession};

use crate::db::{Db, NOW, at, hash, signed_in, user, with_cap};
use crate::subject::Fresh;

/// A session in which somebody acts in its user's place says so wherever it is read. It does not count
/// for the user's cap, is no victim, and evicts nobody; all that ends the user's sessions ends it too.
pub async fn impersonation_takes_no_place(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    let own = db.make(signed_in("eve from support", NOW), NOW).await;
    let staff = Impersonator::new(own.id, hash(&own), user("eve from support"));
    let acting = |active| {
        let mut new: NewSession = signed_in("ann", at(active));
        new.record.impersonator = Some(Box::new(staff.clone()));
        new
    };

    let laptop = db.make(signed_in("ann", at(2)), NOW).await;
    // The least recently active of all.
    let created = db.create(acting(1), NOW).await;
    assert_eq!(created.session.impersonator.as_deref(), Some(&staff), "as it was made");
    let impersonation = created.session;
    let named = session_core::SessionRef::by_id(impersonation.id);

    // It takes no place: there is room for one more.
    let created = db.create(with_cap(signed_in("ann", at(3)), 2), at(3)).await;
    assert!(created.evicted.is_empty(), "it counted for the cap");
    // It is no victim, though everybody else was active later.
    let created = db.create(with_cap(signed_in("ann", at(4)), 2), at(4)).await;
    assert_eq!(created.evicted, [laptop.id], "the victim");
    let created = db.create(with_cap(signed_in("ann", at(5)), 1), at(5)).await;
    assert_eq!(created.evicted.len(), 2, "a lowered cap");
    assert!(!created.evicted.contains(&impersonation.id), "a lowered cap");

    // It is read as it was made, and listed among the user's sessions.
    let listed = db.client(0).list(&user("ann"), at(6)).await.unwrap_or_default();
    let staffs: Vec<_> = listed.iter().map(|session| session.impersonator.as_deref()).collect();
    assert_eq!(staffs, [None, Some(&staff)], "on the list, most recently active first");
    let read = db.client(1).get(&named.id, at(6)).await.ok().flatten();
    assert_eq!(read.and_then(|session| session.impersonator).as_deref(), Some(&staff), "by its id");

    // The user ends it like any other.
    let how = session_core::EndedBy::Revoked;
    let ended = db.client(0).remove_user(&user("ann"), None, None, how, at(7)).await;
    assert!(ended.is_ok_and(|ended| ended.contains(&impersonation.id)), "with all of the user's");
    assert!(db.is_live(&own, at(7)).await, "their own session is another user's");
}
