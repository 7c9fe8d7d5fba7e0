//! The page of devices for [`session_core`], ready to mount: users see where they are signed in, and end
//! what they do not know. [`DevicesPage`] is the page, for people; [`DevicesApi`] is the same in JSON, for
//! programs.
//!
//! With the feature `axum` both have `axum_routes`, with the feature `salvo` a `salvo_router`. Each is
//! off by default. Without them the page and the JSON are answered by `answer`, in any framework.
//!
//! - The page runs no script. It fits a phone and a desk, in light and in dark, works with a keyboard and
//!   a screen reader, and meets WCAG 2.2 AA; the tests measure it in Chromium.
//! - Its [`Words`] can be others, in another language too, and chosen by request; its
//!   [document](DevicesPage::template) can be the application's own, around our part or without it.
//! - It is protected from other sites by itself ([`CrossSiteGuard`](session_core::CrossSiteGuard)), and by
//!   a Content-Security-Policy.
//! - [`require_fresh`](DevicesPage::require_fresh) lets it end other sessions only for who signed in lately.
//! - An outage is 503 with Retry-After, and nobody is taken for signed out.

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "salvo")]
mod salvo;

mod answer;
mod api;
mod fill;
mod moment;
mod page;
mod problem;
#[cfg(any(feature = "axum", feature = "salvo"))]
mod routes;
mod rules;
mod view;
mod when;
mod words;

pub use answer::Answer;
pub use api::{ApiAction, DevicesApi};
pub use moment::Moment;
pub use page::{DevicesPage, PageAction, STYLE};
pub use problem::Problem;
pub use view::{Device, Devices, Kind, Links, Page, Shows};
pub use when::{Ago, Date};
pub use words::{Direction, Sentence, Text, Words};

#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
