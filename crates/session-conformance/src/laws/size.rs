//! The law of size: no race and no detour makes a session's data larger than the ceiling allows.

use serde_json::Value;
use session_core::{BackendErrorKind, Patch, SessionChange, SessionRef};

use crate::db::{
    Db, LIFE, NOW, OrPanic, at, hash, named, refused, replacing, setting, signed_in, touching,
    visitor, with_data,
};
use crate::race::race;
use crate::run::rounds;
use crate::subject::Fresh;

/// Bytes. What a backend counts is the length in its own encoding, so nothing here comes near to
/// the ceiling: data of a quarter always fits, and a string that is longer by itself never does.
const CEILING: u64 = 16_384;

/// A patch whose result would pass the ceiling is refused as `TooLarge` in the statement that would
/// write it, whatever raced, and changes nothing; so is a `create`, with what it carries. What
/// counts is the result: a patch that makes the data smaller passes, and a change without a patch is
/// not looked at.
pub async fn size_is_bounded(fresh: &Fresh) {
    let db = Db::open(fresh).await;

    let session = db.make(visitor(NOW), NOW).await;
    db.apply(&session, &bounded("fits", 4000), NOW).await;
    check_refused(&db, "one value too large", &session, &bounded("large", 20_000)).await;
    for n in 0..4 {
        // Replaced, not added: the size is that of the result.
        db.apply(&session, &bounded("same", 3000 + n), NOW).await;
    }
    check_refused(&db, "small by itself, large with the rest", &session, &bounded("b", 14_000))
        .await;
    // Every change at once: nothing of it happens.
    let mut change = bounded("b", 14_000);
    change.touch = touching(at(10), at(2 * LIFE)).touch;
    check_refused(&db, "with a touch", &session, &change).await;

    // It shrinks, or it is not about data: fine.
    let mut patch = Patch::new();
    patch.remove("same");
    patch.set("fits", text(4000));
    let mut change = SessionChange::patch(patch);
    change.max_bytes = CEILING;
    db.apply(&session, &change, NOW).await;
    let mut touch = touching(at(10), at(2 * LIFE));
    touch.max_bytes = 1;
    let answer = db.apply(&session, &touch, at(10)).await;
    assert!(answer.touched, "a touch of a session whose data is above the ceiling");
    let mut patch = Patch::new();
    patch.clear();
    patch.set("b", text(4000));
    let mut change = SessionChange::patch(patch);
    change.max_bytes = CEILING;
    db.apply(&session, &change, at(10)).await;

    // A create, alone and with what it carries.
    let mut new = with_data(visitor(NOW), "large", text(20_000));
    new.max_bytes = CEILING;
    check_create_refused(&db, "alone", new).await;
    let old = db.make(with_data(visitor(NOW), "carried", text(10_000)), NOW).await;
    let mut new = with_data(signed_in("ann", NOW), "own", text(10_000));
    new.max_bytes = CEILING;
    check_create_refused(&db, "with what it carries", replacing(new, &old)).await;
    let kept = db.live(&hash(&old), NOW).await;
    assert!(kept.data.get("carried").is_some(), "the refused create took data along");
    let mut new = with_data(signed_in("ann", NOW), "carried", text(4000));
    new.max_bytes = CEILING;
    db.create(replacing(new, &old), NOW).await;

    for _ in 0..rounds(4) {
        const RACERS: usize = 16;
        const EACH: usize = 3000;
        let session = db.make(visitor(NOW), NOW).await;
        let racers = (0..RACERS).map(|n| {
            let (client, session) = (db.client(n), session.clone());
            let change = bounded(&format!("key {n}"), EACH);
            async move {
                match client.update(&session, &change, NOW).await {
                    Ok(updated) => {
                        crate::db::applied(updated);
                        true
                    }
                    Err(error) => {
                        assert_eq!(error.kind(), BackendErrorKind::TooLarge);
                        false
                    }
                }
            }
        });
        let accepted = race(racers).await.into_iter().filter(|accepted| *accepted).count();
        assert!(accepted > 0, "none of the racing patches was accepted");
        let stored = db.live(&hash(&session), NOW).await;
        let bytes: usize = stored.data.iter().filter_map(|(_, v)| v.as_str()).map(str::len).sum();
        let ceiling = usize::try_from(CEILING).expect("a small number");
        assert!(bytes <= ceiling, "racing patches made {bytes} bytes but {ceiling} are allowed");
    }
}

/// Text that no compression makes shorter than half of it, of a length that is what it costs.
fn text(length: usize) -> Value {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut random = crate::race::Random::new(u64::try_from(length).unwrap_or(0));
    let text =
        (0..length).map(|_| char::from(ALPHABET[usize::try_from(random.below(64)).unwrap_or(0)]));
    text.collect::<String>().into()
}

fn bounded(key: &str, length: usize) -> SessionChange {
    let mut change = setting(key, text(length));
    change.max_bytes = CEILING;
    change
}

async fn check_refused(
    db: &Db,
    case: &str,
    session: &SessionRef,
    change: &session_core::SessionChange,
) {
    let before = db.live(&hash(session), NOW).await;
    let kind = refused(case, db.next().update(session, change, at(10)).await);
    assert_eq!(kind, BackendErrorKind::TooLarge, "{case}");
    let after = db.live(&hash(session), NOW).await;
    assert_eq!(after, before, "{case}: a refused change left something behind");
}

async fn check_create_refused(db: &Db, case: &str, new: session_core::NewSession) {
    let session = named(&new);
    let kind = refused(case, db.next().create(new, NOW).await);
    assert_eq!(kind, BackendErrorKind::TooLarge, "create {case}");
    let found = db.next().find(&hash(&session), NOW).await.or_panic("find");
    assert!(found.is_none(), "create {case}: a refused create made a session");
}
