//! What a request sends under the cookie's name, and which of it may be ours.

use std::fmt;

use super::signing::{KeyRing, MAC_TEXT_LEN, Signing, is_signature};
use crate::token::{TOKEN_TEXT_LEN, is_lower_hex};

/// How many different tokens of one request are looked up. More than one is a cookie planted from
/// a sibling domain or left behind by an older path, and each costs a database read.
const MAX_CANDIDATES: usize = 4;

/// How many signatures of one request are checked, so that a header full of forged cookies does not
/// become work. What comes behind counts as too many.
const MAX_SIGNATURES: usize = 16;

/// A token, a dot, and a signature.
pub(super) const SIGNED_LEN: usize = TOKEN_TEXT_LEN + 1 + MAC_TEXT_LEN;

/// How values are signed. Without a ring, signatures are ignored.
#[derive(Debug, Clone, Default)]
pub(super) struct Signatures {
    pub(super) ring: Option<KeyRing>,
    pub(super) are_required: bool,
}

impl Signatures {
    pub(super) fn new(signing: Signing, ring: Option<KeyRing>) -> Self {
        match signing {
            Signing::Off => Self::default(),
            Signing::AcceptUnsigned => Self { ring, are_required: false },
            Signing::Required => Self { ring, are_required: true },
        }
    }
}

/// More signatures than are checked.
struct TooMany;

impl Signatures {
    /// A value that may be ours. `checked`: how many signatures were checked before it.
    fn read<'h>(
        &self,
        value: &'h [u8],
        checked: &mut usize,
    ) -> Result<Option<&'h [u8; TOKEN_TEXT_LEN]>, TooMany> {
        let Some((token, rest)) = value.split_first_chunk::<TOKEN_TEXT_LEN>() else {
            return Ok(None);
        };
        if !is_lower_hex(token) {
            return Ok(None);
        }
        let is_ours = match (rest, &self.ring) {
            ([], ring) => ring.is_none() || !self.are_required,
            ([b'.', signature @ ..], None) => is_signature(signature),
            ([b'.', signature @ ..], Some(ring)) if is_signature(signature) => {
                if *checked == MAX_SIGNATURES {
                    return Err(TooMany);
                }
                *checked += 1;
                ring.verify(token, signature)
            }
            _ => false,
        };
        Ok(is_ours.then_some(token))
    }
}

/// Everything that a request sends under our cookie's name, for a sign-out: whoever signs out must not
/// stay signed in by a cookie that was not looked at.
pub(crate) struct Presented<'h> {
    /// The different tokens that may be ours, sixteen at most.
    pub(crate) tokens: Vec<&'h [u8; TOKEN_TEXT_LEN]>,
    /// Whether any cookie of our name was sent, well-formed or not.
    pub(crate) named: bool,
}

impl<'h> Presented<'h> {
    pub(super) fn of(values: impl Iterator<Item = &'h [u8]>, signatures: &Signatures) -> Self {
        let mut presented = Self { tokens: Vec::new(), named: false };
        let mut checked = 0;
        for value in values {
            presented.named = true;
            if presented.tokens.len() < MAX_SIGNATURES
                && let Ok(Some(token)) = signatures.read(value, &mut checked)
                && !presented.tokens.contains(&token)
            {
                presented.tokens.push(token);
            }
        }
        presented
    }
}

/// What a request sends under our cookie's name. `Debug` shows counts only.
#[derive(Clone)]
pub struct Candidates<'h> {
    /// Filled from the front.
    values: [Option<&'h [u8; TOKEN_TEXT_LEN]>; MAX_CANDIDATES],
    signatures: usize,
    /// Whether any cookie of our name was sent, well-formed or not.
    pub(super) named: bool,
    truncated: bool,
}

impl<'h> Candidates<'h> {
    pub(super) const fn none() -> Self {
        Self { values: [None; MAX_CANDIDATES], signatures: 0, named: false, truncated: false }
    }

    pub(super) fn add(&mut self, value: &'h [u8], signatures: &Signatures) {
        self.named = true;
        let token = match signatures.read(value, &mut self.signatures) {
            Ok(Some(token)) => token,
            Ok(None) => return,
            Err(TooMany) => {
                self.truncated = true;
                return;
            }
        };
        for slot in &mut self.values {
            match slot {
                // The same token more than once is one, however it is signed.
                Some(known) if *known == token => return,
                Some(_) => {}
                None => {
                    *slot = Some(token);
                    return;
                }
            }
        }
        self.truncated = true;
    }

    /// The tokens' text: secrets, to be parsed and dropped, never logged.
    pub fn iter(&self) -> impl Iterator<Item = &'h [u8; TOKEN_TEXT_LEN]> + use<'h> {
        self.values.into_iter().flatten()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values[0].is_none()
    }

    /// Whether any cookie of our name was sent, well-formed or not.
    #[cfg(feature = "metrics")]
    pub(crate) const fn is_named(&self) -> bool {
        self.named
    }

    /// Whether there were more than four, or more than sixteen signatures to check.
    #[must_use]
    pub fn truncated(&self) -> bool {
        self.truncated
    }
}

impl fmt::Debug for Candidates<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidates")
            .field("len", &self.len())
            .field("named", &self.named)
            .field("truncated", &self.truncated)
            .finish_non_exhaustive()
    }
}
