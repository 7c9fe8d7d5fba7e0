//! JSON, for scripts. Each function is one row of what the demo promises them: it gets the request's
//! session and what else it reads of the request, and returns the answer.

pub(crate) mod data;
pub(crate) mod devices;
pub(crate) mod failure;
pub(crate) mod identity;
pub(crate) mod service;
pub(crate) mod sign_in;
pub(crate) mod token;
mod view;
