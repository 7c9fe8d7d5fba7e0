//! What a path says of a sign-in and of a lifetime.

use std::time::Duration;

use session_core::{Carry, Error, Lifetime, SignIn, Timestamp, UserId};

/// `keys.a,b` and `nothing` say what is carried, `for.60` is the lifetime, `until.60000000` its fixed end
/// in microseconds, `browser` and `persistent` say how long the cookie lives, `bearer` that there is none.
pub(super) fn sign_in(user: &str, mut how: &[&str]) -> Result<SignIn, Error> {
    let mut sign_in = SignIn::new(UserId::new(user)?);
    loop {
        sign_in = match how {
            [] => return Ok(sign_in),
            ["keys", keys, ..] => {
                sign_in.carry(Carry::Keys(keys.split(',').map(str::to_owned).collect()))
            }
            ["nothing", ..] => sign_in.carry(Carry::Nothing),
            ["data", key, ..] => sign_in.data(*key, true)?,
            ["for", secs, ..] => sign_in.lifetime(seconds(secs)),
            ["until", micros, ..] => sign_in.until(moment(micros)),
            ["browser", ..] => sign_in.persistent(false),
            ["persistent", ..] => sign_in.persistent(true),
            ["bearer", ..] => sign_in.bearer(),
            [other, ..] => panic!("no way to sign in: {other}"),
        };
        let has_value = matches!(how, ["keys" | "data" | "for" | "until", ..]);
        how = &how[1 + usize::from(has_value)..];
    }
}

/// The same words, of a lifetime that is set by itself.
pub(super) fn lifetime(mut how: &[&str]) -> Lifetime {
    let mut lifetime = Lifetime::new();
    loop {
        lifetime = match how {
            [] => return lifetime,
            ["for", secs, ..] => lifetime.idle(seconds(secs)),
            ["until", micros, ..] => lifetime.until(moment(micros)),
            ["browser", ..] => lifetime.persistent(false),
            ["persistent", ..] => lifetime.persistent(true),
            [other, ..] => panic!("no lifetime: {other}"),
        };
        let has_value = matches!(how, ["for" | "until", ..]);
        how = &how[1 + usize::from(has_value)..];
    }
}

fn seconds(text: &str) -> Duration {
    Duration::from_secs(text.parse().expect("seconds"))
}

fn moment(text: &str) -> Timestamp {
    Timestamp::from_micros(text.parse().expect("microseconds"))
}
