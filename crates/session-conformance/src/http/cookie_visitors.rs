//! What cannot be promised of visitors without rows: [`COOKIE_VISITORS_EXCEPT`].

/// The request laws that do not apply as they are if what visitors store is in their cookie
/// (`anonymous_store: cookie`), and why. All others hold there too.
pub const COOKIE_VISITORS_EXCEPT: &[(&str, &str)] = &[];
