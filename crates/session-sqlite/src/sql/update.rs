//! The statements of a change, one for each shape of it: [`update`].

use std::sync::OnceLock;

/// What [`update`] does with the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Document {
    /// Leaves it.
    Keep,
    /// Puts other data in its place.
    Replace,
    /// Takes away and sets the keys of one JSON object: `json_patch`.
    Patch,
    /// Takes away and sets as many keys as [`ROOMS`] says at these places.
    Merge { removals: usize, sets: usize },
}

/// How many keys the merging statements have room for. A patch takes the smallest room that it fits
/// into and repeats its last change in the rest, so that few different texts serve all patches.
pub(crate) const ROOMS: [usize; 4] = [0, 1, 4, 16];

const DOCUMENTS: usize = 3 + ROOMS.len() * ROOMS.len();

/// The statement that changes data, touches, or does both at once, as one row or none: `state!`.
///
/// Bound in this order: id, now, version or NULL, token or NULL; for a touch: due before, expiry,
/// address, user agent or NULL, device name, device type, whether a browser sent the token; for data:
/// how many bytes the stored data may have at most, then the new data, or the object to merge in, or
/// the paths to remove, then paths and values to set.
///
/// A touch that is not due makes it change nothing, and so does a token that is seen for the first
/// time, or data that may become too large; the caller then finds out why.
pub(crate) fn update(touch: bool, document: Document) -> &'static str {
    static TEXTS: [OnceLock<String>; 2 * DOCUMENTS] = [const { OnceLock::new() }; 2 * DOCUMENTS];
    let place = match document {
        Document::Keep => 0,
        Document::Replace => 1,
        Document::Patch => 2,
        Document::Merge { removals, sets } => 3 + removals * ROOMS.len() + sets,
    };
    TEXTS[usize::from(touch) * DOCUMENTS + place].get_or_init(|| update_text(touch, document))
}

fn update_text(touch: bool, document: Document) -> String {
    // The next parameter's number.
    let mut next = 5;
    let mut parameter = || {
        next += 1;
        format!("?{}", next - 1)
    };
    let mut assignments = Vec::new();
    let mut conditions = vec![
        "id = ?1 AND expires_at > ?2 AND (?3 IS NULL OR version = ?3)".to_owned(),
        is_good!("?4").to_owned(),
    ];
    if touch {
        conditions.push(format!("last_active_at <= {}", parameter()));
        assignments.push("last_active_at = max(last_active_at, ?2)".to_owned());
        // Forward only, and never beyond the absolute end and the session's own.
        assignments.push(format!(
            "expires_at = min(max(expires_at, {}), ifnull(absolute_expires_at, {MAX}), \
             ifnull(not_after, {MAX}))",
            parameter(),
            MAX = i64::MAX
        ));
        assignments.push(format!("last_ip_address = {}", parameter()));
        for column in ["user_agent", "device_name", "device_type"] {
            assignments.push(format!("{column} = ifnull({}, {column})", parameter()));
        }
        // What came before a token that is seen for the first time is marked, by a transaction.
        conditions.push(format!("(NOT {} OR token_seen OR token_hash IS NOT ?4)", parameter()));
    }
    if document != Document::Keep {
        conditions.push(format!("octet_length(data) <= {}", parameter()));
        assignments.push("version = version + 1".to_owned());
    }
    match document {
        Document::Keep => {}
        Document::Replace => assignments.push(format!("data = {}", parameter())),
        Document::Patch => assignments.push(format!("data = json_patch(data, {})", parameter())),
        Document::Merge { removals, sets } => {
            let mut data = "data".to_owned();
            if removals > 0 {
                let paths: Vec<_> = (0..ROOMS[removals]).map(|_| parameter()).collect();
                data = format!("json_remove({data}, {})", paths.join(", "));
            }
            if sets > 0 {
                let pairs: Vec<_> = (0..ROOMS[sets])
                    .map(|_| format!("{}, json({})", parameter(), parameter()))
                    .collect();
                data = format!("json_set({data}, {})", pairs.join(", "));
            }
            assignments.push(format!("data = {data}"));
        }
    }
    format!(
        "UPDATE web_sessions SET {} WHERE {} RETURNING {}",
        assignments.join(", "),
        conditions.join(" AND "),
        state!("?4"),
    )
}
