//! Tests of the salvo adapter.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "it/answers.rs"]
mod answers;
#[path = "it/cross_site.rs"]
mod cross_site;
#[path = "it/flow.rs"]
mod flow;
#[path = "it/guards.rs"]
mod guards;
#[path = "it/http_laws.rs"]
mod http_laws;
#[path = "it/jar.rs"]
mod jar;
#[path = "it/layers.rs"]
mod layers;
#[path = "it/look.rs"]
mod look;
#[cfg(feature = "oapi")]
#[path = "it/oapi.rs"]
mod oapi;
#[path = "it/plain.rs"]
mod plain;
#[path = "it/question_mark.rs"]
mod question_mark;
#[path = "it/server.rs"]
mod server;
#[path = "it/shape.rs"]
mod shape;
#[path = "it/support.rs"]
mod support;
