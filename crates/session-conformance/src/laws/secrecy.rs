//! The law of secrecy: a stolen database signs nobody in.

use session_core::{EndedBy, Rotation, SessionChange, SessionToken};

use crate::db::{
    Db, LIFE, NOW, at, named, presenting, replacing, setting, showing, signed_in, visitor,
    with_cap, with_data,
};
use crate::subject::Fresh;

/// How many tokens the law issues.
const TOKENS: u8 = 8;

/// The tokens of the law. They are not random, so that the suite's own faulty backend can look up
/// which token a hash is of, as no real backend can.
#[doc(hidden)]
#[must_use]
pub fn tokens_at_rest() -> Vec<SessionToken> {
    let tokens = (0..TOKENS).map(|number| {
        let bytes = (0..32_u8).map(|place| place.wrapping_mul(73) ^ number.wrapping_mul(29) ^ 0xa7);
        let text: String = bytes.map(|byte| format!("{byte:02x}")).collect();
        text.parse().expect("64 hexadecimal characters")
    });
    tokens.collect()
}

/// What the dump must show, so that an empty one proves nothing.
const MARK: &str = "this-is-what-the-session-holds";

/// A dump of everything the backend stores holds no token, whole or half, in no usual encoding;
/// not that of a live session, and not one that was rotated, replaced, evicted or signed out.
pub async fn hash_only_at_rest(fresh: &Fresh) {
    let db = Db::open(fresh).await;
    let tokens = tokens_at_rest();
    let [first, second, third, cart, heir, evicted, newcomer, signed_out] = tokens.as_slice()
    else {
        panic!("there are {TOKENS} tokens");
    };
    let made = |mut new: session_core::NewSession, token: &SessionToken| {
        new.token = token.hash();
        new
    };
    let session = made(with_data(signed_in("ann", NOW), MARK, MARK), first);
    let session = db.make(session, NOW).await;
    let rotation = Rotation::Graceful { token: second.hash(), grace_until: at(LIFE) };
    db.apply(&session, &SessionChange::rotation(rotation), NOW).await;
    let session = presenting(&session, second.hash());
    let rotation = Rotation::Immediate { token: third.hash() };
    db.apply(&session, &SessionChange::rotation(rotation), NOW).await;
    db.apply(&presenting(&session, third.hash()), &setting("k", 1), NOW).await;

    let old = db.make(made(with_data(visitor(NOW), "cart", 1), cart), NOW).await;
    let mut new = replacing(made(signed_in("bob", NOW), heir), &old);
    new.presented = vec![first.hash(), cart.hash()];
    let bobs = db.make(new, NOW).await;
    db.apply(&bobs, &showing(), NOW).await;
    db.make(made(signed_in("carl", NOW), evicted), NOW).await;
    db.make(with_cap(made(signed_in("carl", at(1)), newcomer), 1), at(1)).await;
    let ended = made(signed_in("dora", NOW), signed_out);
    let name = named(&ended);
    db.make(ended, NOW).await;
    db.remove(&name, None, EndedBy::SignedOut, NOW).await;
    // Looked up as well: a cache or a log of queries counts.
    for token in &tokens {
        db.find(&token.hash(), at(2)).await;
    }

    let dump = db.subject.dump().await;
    let shows_hash = spellings(tokens[2].hash().as_bytes()).iter().any(|(_, s)| holds(&dump, s));
    assert!(
        shows_hash || holds(&dump, MARK.as_bytes()),
        "the dump of {} bytes shows neither data nor hash of a live session, so it is not all",
        dump.len()
    );
    for (number, token) in tokens.iter().enumerate() {
        let bytes = bytes_of(token);
        for (part, bytes) in
            [("", &bytes[..]), ("half of ", &bytes[..16]), ("half of ", &bytes[16..])]
        {
            for (encoding, spelled) in spellings(bytes) {
                assert!(
                    !holds(&dump, &spelled),
                    "the dump holds {part}token {number}, as {encoding}"
                );
            }
        }
    }
}

fn bytes_of(token: &SessionToken) -> Vec<u8> {
    let text = token.expose();
    let digits = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16));
    digits.collect::<Result<_, _>>().expect("hexadecimal")
}

fn holds(dump: &[u8], needle: &[u8]) -> bool {
    dump.windows(needle.len()).any(|window| window == needle)
}

/// The ways in which bytes are usually written down.
fn spellings(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = |separator: &str| {
        let numbers: Vec<String> = bytes.iter().map(ToString::to_string).collect();
        numbers.join(separator).into_bytes()
    };
    vec![
        ("raw bytes", bytes.to_vec()),
        ("raw bytes backwards", bytes.iter().rev().copied().collect()),
        ("upper-case hexadecimal", hex.to_uppercase().into_bytes()),
        ("hexadecimal", hex.into_bytes()),
        ("base64", base64(bytes, b"+/")),
        ("base64url", base64(bytes, b"-_")),
        ("a list of numbers", list(",")),
        ("a spaced list of numbers", list(", ")),
    ]
}

/// Only whole groups of three bytes: the rest depends on padding and on what follows.
fn base64(bytes: &[u8], last_two: &[u8; 2]) -> Vec<u8> {
    let digits: Vec<u8> =
        (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*last_two).collect();
    let groups = bytes
        .as_chunks::<3>()
        .0
        .iter()
        .map(|group| group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)));
    groups.flat_map(|bits| [18, 12, 6, 0].map(|shift| digits[bits >> shift & 63])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_as_others_do() {
        // printf 'light work' | base64
        assert_eq!(base64(b"light wor", b"+/"), b"bGlnaHQgd29y");
        assert_eq!(base64(&[0xfb, 0xff, 0xfe], b"-_"), b"-__-");
        let token = &tokens_at_rest()[0];
        let spelled = spellings(&bytes_of(token));
        assert!(spelled.contains(&("hexadecimal", token.expose().into_bytes())));
    }
}
