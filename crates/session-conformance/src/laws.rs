//! The laws of backends, one function each. If one holds it returns; if not it panics and
//! says what it saw.
//!
//! Each asks for fresh databases and opens two clients of each; calls take turns between the two.
//! Time is an argument that the law chooses, so nothing waits for a clock.

mod acting;
mod by_id;
mod cancel;
mod cap;
mod carry;
mod count;
mod create;
mod end_all;
mod ended;
mod expiry;
mod failure;
mod lifetime;
mod list;
mod missing;
mod patch;
mod purge;
mod remove;
mod remove_user;
mod rotation;
mod secrecy;
mod sign_in;
mod size;
mod successor;
mod token;
mod touch;
mod update;
mod values;

pub use by_id::{get_finds_by_id, live_tells_the_ended};
pub use cancel::cancel_is_safe;
pub use cap::{cap_is_exact, evicts_least_recently_active};
pub use carry::sign_in_carries_every_write;
pub use count::count_is_exact;
pub use create::{create_never_overwrites, create_then_find};
pub use end_all::end_all_is_complete;
pub use ended::ended_never_returns;
pub use expiry::expired_is_absent;
pub use failure::failure_is_an_error;
pub use list::list_is_ordered;
pub use missing::update_never_creates;
pub use patch::{patch_is_exact, patches_commute};
pub use purge::purge_is_bounded;
pub use remove::remove_is_scoped;
pub use remove_user::remove_user_is_complete;
pub use rotation::rotation_has_one_winner;
pub use secrecy::hash_only_at_rest;
#[doc(hidden)]
pub use secrecy::tokens_at_rest;
pub use sign_in::create_replaces_atomically;
pub use size::size_is_bounded;
pub use token::ended_token_is_known;
pub use touch::touch_is_monotonic;
pub use update::compare_and_set;
