//! Tests of the axum adapter.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "it/accounts.rs"]
mod accounts;
#[path = "it/answers.rs"]
mod answers;
#[path = "it/cross_site.rs"]
mod cross_site;
#[path = "it/forms.rs"]
mod forms;
#[path = "it/guards.rs"]
mod guards;
#[path = "it/http_laws.rs"]
mod http_laws;
#[path = "it/injection.rs"]
mod injection;
#[path = "it/inner_error.rs"]
mod inner_error;
#[path = "it/layers.rs"]
mod layers;
#[path = "it/log.rs"]
mod log;
#[path = "it/look.rs"]
mod look;
#[path = "it/outage.rs"]
mod outage;
#[path = "it/plain.rs"]
mod plain;
#[path = "it/question_mark.rs"]
mod question_mark;
#[path = "it/scheme.rs"]
mod scheme;
#[path = "it/server.rs"]
mod server;
#[path = "it/shape.rs"]
mod shape;
#[path = "it/stack.rs"]
mod stack;
#[path = "it/support.rs"]
mod support;
