//! The laws of adapters, one function each. Where one holds it returns; where not it panics and says
//! what it saw.

mod agents;
mod caches;
mod client;
mod cookie;
mod cost;
mod failure;
mod handle;
mod late_response;
mod late_write;
mod mistakes;
mod presented;
mod refused;
mod sign_in;
mod sign_out;
mod signed;

pub use caches::{caches_are_told, one_cookie_per_response};
pub use client::{fingerprint_survives_update, proxies_are_not_believed};
pub use cookie::{cookie_follows_expiry, removal_matches};
pub use cost::{no_empty_sessions, one_read_one_write, untouched_costs_nothing};
pub use failure::{failed_save_is_reported, outage_clears_nothing, server_error_discards_data};
pub use handle::{handle_operations_serialise, one_request_one_session};
pub use late_response::late_response_never_clobbers;
pub use late_write::late_write_is_refused;
pub use mistakes::handler_panic_is_contained;
pub use presented::{every_cookie_header_read, tossed_cookie_loses, unknown_token_never_adopted};
pub use refused::refused_token_makes_no_session;
pub use sign_in::{rotation_has_grace, sign_in_rotates};
pub use sign_out::sign_out_wins;
pub use signed::forged_cookie_costs_nothing;
