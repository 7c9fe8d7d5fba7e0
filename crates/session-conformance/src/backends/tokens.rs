//! [`Tokens`]: the tokens that a backend was given.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use session_core::TokenHash;

use super::gates::lock;

/// The hashes that calls came with. Clones are the same, and keep no backend open.
#[derive(Clone, Default)]
pub(crate) struct Tokens(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    known: HashSet<TokenHash>,
    in_order: Vec<TokenHash>,
}

impl Tokens {
    pub(super) fn note(&self, token: &TokenHash) {
        let mut seen = lock(&self.0);
        if seen.known.insert(*token) {
            seen.in_order.push(*token);
        }
    }

    /// The first to come first.
    pub(crate) fn all(&self) -> Vec<TokenHash> {
        lock(&self.0).in_order.clone()
    }
}
