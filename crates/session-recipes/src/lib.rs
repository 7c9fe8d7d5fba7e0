//! What `docs/recipes.md` shows, word for word: each recipe is a file, for both frameworks, and the tests
//! run them all. Not published.

#![allow(
    missing_docs,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::panic,
    dead_code,
    reason = "what documents them is the page"
)]

/// The recipes on axum.
pub mod on_axum {
    pub mod bearer;
    pub mod cart;
    #[path = "../../../session-axum/examples/events.rs"]
    pub mod events;
    #[path = "../../../session-axum/examples/minimal.rs"]
    pub mod flash;
    #[path = "../../../session-axum/examples/sign_in.rs"]
    pub mod guard;
    pub mod impersonation;
    pub mod layers;
    #[path = "../../../session-axum/examples/oauth.rs"]
    pub mod oauth;
    pub mod password;
    pub mod payment;
    pub mod remember_me;
    pub mod sudo;
    pub mod tenants;
    pub mod testing;
    #[path = "../../../session-axum/examples/websocket.rs"]
    pub mod websocket;
}

/// The recipes on salvo.
pub mod on_salvo {
    pub mod bearer;
    pub mod cart;
    #[path = "../../../session-salvo/examples/events.rs"]
    pub mod events;
    #[path = "../../../session-salvo/examples/minimal.rs"]
    pub mod flash;
    #[path = "../../../session-salvo/examples/sign_in.rs"]
    pub mod guard;
    pub mod impersonation;
    pub mod layers;
    #[path = "../../../session-salvo/examples/oauth.rs"]
    pub mod oauth;
    pub mod password;
    pub mod payment;
    pub mod remember_me;
    pub mod sudo;
    pub mod tenants;
    pub mod testing;
    #[path = "../../../session-salvo/examples/websocket.rs"]
    pub mod websocket;
}

pub mod proxy;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/salvo.md")]
struct OnSalvo;
