//! What `docs/recipes.md` shows, word for word: each recipe is a file, for both frameworks, and the tests
//! run them all. Not published.

#![allow(
    missing_docs,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "what documents them is the page"
)]

/// The recipes on axum.
pub mod on_axum {
    pub mod bearer;
    pub mod cart;
    pub mod events;
    pub mod flash;
    pub mod guard;
    pub mod impersonation;
    pub mod layers;
    pub mod oauth;
    pub mod password;
    pub mod payment;
    pub mod remember_me;
    pub mod sudo;
    pub mod tenants;
    pub mod testing;
    pub mod websocket;
}

/// The recipes on salvo.
pub mod on_salvo {
    pub mod bearer;
    pub mod cart;
    pub mod events;
    pub mod flash;
    pub mod guard;
    pub mod impersonation;
    pub mod layers;
    pub mod oauth;
    pub mod password;
    pub mod payment;
    pub mod remember_me;
    pub mod sudo;
    pub mod tenants;
    pub mod testing;
    pub mod websocket;
}

pub mod proxy;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/salvo.md")]
struct OnSalvo;
