//! A [`Patch`] as parameters of one SQL statement: [`Merge`].
//!
//! SQLite merges with `json_patch`, one parameter for any number of keys, if that does what a patch
//! means: it would merge an object that is set into the one that is stored, and take a null for a
//! removal. A patch that sets one of these goes through `json_remove` and `json_set`, key by key. What
//! is not touched is copied as it is either way: numbers and strings keep their text.

use std::collections::BTreeMap;

use serde_json::Value;
use session_core::{Data, Patch};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, query::Query};

use crate::sql::{Document, ROOMS};

/// What one statement does with the data.
#[derive(Debug)]
pub(crate) struct Merge {
    /// Which statement.
    pub(crate) document: Document,
    /// The longest that the stored data may be for the result to be surely within the ceiling.
    pub(crate) room: i64,
    /// The parameters, in their order.
    parameters: Vec<String>,
}

impl Merge {
    /// `None` if a patch has more keys than a statement takes. It is merged inside a transaction.
    pub(crate) fn plan(patch: &Patch, max_bytes: u64) -> Option<Self> {
        if patch.is_empty() {
            return Some(Self { document: Document::Keep, room: 0, parameters: Vec::new() });
        }
        if patch.clears() {
            let mut data = Data::new();
            patch.apply(&mut data);
            let data = data.to_json();
            // Whatever was stored is gone, so its length does not matter.
            let room = if data.len() as u64 <= max_bytes { i64::MAX } else { -1 };
            return Some(Self { document: Document::Replace, room, parameters: vec![data] });
        }
        if patch.sets().all(|(_, value)| !value.is_null() && !value.is_object()) {
            let sets = patch.sets().map(|(key, value)| (key, Some(value)));
            let keys: BTreeMap<&str, Option<&Value>> =
                patch.removals().map(|key| (key, None)).chain(sets).collect();
            // What is JSON already is written without fail.
            let changes = serde_json::to_string(&keys).ok()?;
            // Its braces count for the comma in front of it.
            let room = room(max_bytes, changes.len());
            return Some(Self { document: Document::Patch, room, parameters: vec![changes] });
        }
        let removals = Document::room(patch.removals().count())?;
        let sets = Document::room(patch.sets().count())?;

        let mut parameters = Vec::with_capacity(ROOMS[removals] + 2 * ROOMS[sets]);
        parameters.extend(patch.removals().map(path));
        repeat_last(&mut parameters, 1, ROOMS[removals]);
        let mut growth = 0;
        let mut pairs = Vec::with_capacity(2 * ROOMS[sets]);
        for (key, value) in patch.sets() {
            let (path, value) = (path(key), value.to_string());
            // A comma, the quoted key, a colon, the value; the path has two bytes beside the key.
            growth += path.len() + value.len();
            pairs.extend([path, value]);
        }
        repeat_last(&mut pairs, 2, 2 * ROOMS[sets]);
        parameters.append(&mut pairs);
        let room = room(max_bytes, growth);
        Some(Self { document: Document::Merge { removals, sets }, room, parameters })
    }

    /// Whether SQLite has to find keys in what is stored.
    pub(crate) const fn needs_sql(&self) -> bool {
        matches!(self.document, Document::Patch | Document::Merge { .. })
    }

    /// Binds what belongs to the data.
    pub(crate) fn bind(
        self,
        statement: Query<'static, Sqlite, SqliteArguments>,
    ) -> Query<'static, Sqlite, SqliteArguments> {
        if self.document == Document::Keep {
            return statement;
        }
        self.parameters.into_iter().fold(statement.bind(self.room), Query::bind)
    }
}

impl Document {
    /// The smallest place in [`ROOMS`] that has room for `keys`.
    fn room(keys: usize) -> Option<usize> {
        ROOMS.iter().position(|room| *room >= keys)
    }
}

/// How long what is stored may be, for a result within the ceiling after it grew by so much.
fn room(max_bytes: u64, growth: usize) -> i64 {
    i64::try_from(max_bytes).unwrap_or(i64::MAX).saturating_sub_unsigned(growth as u64)
}

/// Fills up with the last `width` entries: to set or remove a key once more changes nothing.
fn repeat_last(list: &mut Vec<String>, width: usize, length: usize) {
    while list.len() < length {
        let entry = list[list.len() - width].clone();
        list.push(entry);
    }
}

/// SQLite's path to a key of the outermost object. In quotes a key has JSON's own escapes, and
/// SQLite stores it in the words of the path, so it is written as `serde_json` would.
///
/// U+0000 is the one character of a key that SQLite cannot tell from the key's end. The core lets
/// none through.
fn path(key: &str) -> String {
    format!("$.{}", serde_json::Value::from(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use session_core::SessionChange;

    #[test]
    fn one_parameter_serves_what_is_neither_null_nor_an_object() {
        for (name, value, flat) in [
            ("a number", json!(1), true),
            ("a list, whatever is in it", json!([null, {"a": null}]), true),
            ("null", json!(null), false),
            ("an object", json!({}), false),
        ] {
            let mut patch = Patch::new();
            patch.remove("gone");
            (0..100).for_each(|n| patch.set(format!("s{n}"), true.into()));
            patch.set("key", value);
            let merge = Merge::plan(&patch, SessionChange::default().max_bytes);
            let merge = merge.filter(|merge| merge.document == Document::Patch);
            assert_eq!(merge.is_some(), flat, "{name}");
        }
    }

    #[test]
    fn few_shapes_serve_all_patches() {
        let max_bytes = SessionChange::default().max_bytes;
        for (name, removals, sets, expected) in [
            ("one key", 0, 1, Some((0, 1))),
            ("two keys", 0, 2, Some((0, 4))),
            ("sixteen of each", 16, 16, Some((16, 16))),
            ("seventeen", 0, 17, None),
            ("thousands", 0, 5000, None),
        ] {
            let mut patch = Patch::new();
            (0..removals).for_each(|n| patch.remove(format!("r{n}")));
            (0..sets).for_each(|n| patch.set(format!("s{n}"), json!({ "n": n })));
            let merge = Merge::plan(&patch, max_bytes);
            let rooms = merge.as_ref().map(|merge| match merge.document {
                Document::Merge { removals, sets } => (ROOMS[removals], ROOMS[sets]),
                other => panic!("{name}: {other:?}"),
            });
            assert_eq!(rooms, expected, "{name}");
            if let (Some(merge), Some((removals, sets))) = (merge, rooms) {
                assert_eq!(merge.parameters.len(), removals + 2 * sets, "{name}");
            }
        }
    }
}
