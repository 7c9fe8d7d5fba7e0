//! What the documents that salvo-oapi writes are told of sessions: feature `oapi`.
//!
//! An argument adds the answers that it may be refused with, and an error type those that it may be. Only
//! their statuses: what is in them is the application's, by `on_error`. What an endpoint says itself of a
//! status stays.

use salvo_oapi::{
    BasicType, Components, EndpointArgRegister, EndpointOutRegister, Object, Operation, Parameter,
    ParameterIn, Required, Response,
};

use crate::answer::SessionError;
use crate::extract::RequireUser;
use crate::guard::{RequireAnonymous, RequireFresh};
use crate::next::Next;
use crate::session::Session;

const UNAUTHENTICATED: (&str, &str) = ("401", "Nobody is signed in");
const STALE: (&str, &str) = ("403", "The last sign-in was too long ago");
const SIGNED_IN: (&str, &str) = ("409", "Somebody is signed in already");
const UNAVAILABLE: (&str, &str) = ("503", "The sessions cannot be reached: try again later");

fn add(operation: &mut Operation, answers: &[(&str, &str)]) {
    for &(status, description) in answers {
        if !operation.responses.contains_key(status) {
            operation.responses.insert(status, Response::new(description));
        }
    }
}

macro_rules! refused_with {
    ($(($($type:tt)+) $(<const $secs:ident>)?: $($answer:ident)+;)+) => {$(
        impl $(<const $secs: u64>)? EndpointArgRegister for $($type)+ {
            fn register(_: &mut Components, operation: &mut Operation, _: &str) {
                add(operation, &[$($answer),+]);
            }
        }
    )+};
}

refused_with! {
    (Session): UNAVAILABLE;
    (RequireUser): UNAUTHENTICATED UNAVAILABLE;
    (RequireFresh<SECS>)<const SECS>: UNAUTHENTICATED STALE UNAVAILABLE;
    (RequireAnonymous): SIGNED_IN UNAVAILABLE;
}

impl EndpointArgRegister for Next {
    fn register(_: &mut Components, operation: &mut Operation, _: &str) {
        let next = Parameter::new("next")
            .location(ParameterIn::Query)
            .required(Required::False)
            .description("Where to go on to: a path of this site")
            .schema(Object::with_type(BasicType::String));
        operation.parameters.insert(next);
    }
}

impl EndpointOutRegister for SessionError {
    fn register(_: &mut Components, operation: &mut Operation) {
        add(
            operation,
            &[
                ("400", "What was sent cannot be stored"),
                UNAUTHENTICATED,
                ("403", "The last sign-in was too long ago, or the request came from another site"),
                ("409", "The session ended meanwhile, or the request may not store"),
                ("413", "The session's data would be too large"),
                ("500", "A mistake on the server"),
                UNAVAILABLE,
            ],
        );
    }
}
