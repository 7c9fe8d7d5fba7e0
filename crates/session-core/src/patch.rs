//! A [`Patch`]: what one request wants changed in a session's data, key by key.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::backend::Carry;
use crate::data::Data;

/// Changes to a session's data, to be merged by the backend in one step.
///
/// A patch names the keys that it changes and says nothing of the others, so patches from parallel
/// requests commute. First, if [`clears`](Self::clears), everything is taken away; then each key
/// is set or removed. A value is put in the place of the one before, never merged into it; `null`
/// is a value.
///
/// Cheap to clone: clones share the changes until one of them is changed.
#[derive(Clone, Default)]
pub struct Patch {
    /// How often everything was taken away: a clear after one that was saved is another one.
    cleared: u32,
    /// Nothing is made if nothing is written.
    changes: Option<Arc<Changes>>,
}

/// `None` removes. After a clear there is nothing to remove, so only values are kept.
type Changes = BTreeMap<String, Option<Value>>;

static NONE: Changes = Changes::new();

impl Patch {
    /// A patch that changes nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { cleared: 0, changes: None }
    }

    fn changes(&self) -> &Changes {
        self.changes.as_deref().unwrap_or(&NONE)
    }

    fn write(&mut self) -> &mut Changes {
        Arc::make_mut(self.changes.get_or_insert_default())
    }

    /// Puts `value` under `key`.
    pub fn set(&mut self, key: impl Into<String>, value: Value) {
        self.write().insert(key.into(), Some(value));
    }

    /// Takes away what is under `key`, if there is something.
    pub fn remove(&mut self, key: impl Into<String>) {
        let key = key.into();
        if self.clears() {
            self.write().remove(&key);
        } else {
            self.write().insert(key, None);
        }
    }

    /// Takes everything away, also what this patch was to set.
    pub fn clear(&mut self) {
        *self = Self { cleared: self.cleared.saturating_add(1), changes: None };
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.clears() && self.changes().is_empty()
    }

    /// Whether everything is taken away first.
    #[must_use]
    pub const fn clears(&self) -> bool {
        self.cleared > 0
    }

    /// What this patch says of `key`: `None` nothing, `Some(None)` that it is absent,
    /// `Some(Some(value))` its value.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Option<&Value>> {
        match self.changes().get(key) {
            Some(change) => Some(change.as_ref()),
            None if self.clears() => Some(None),
            None => None,
        }
    }

    /// The keys to set with their values, in the order of the keys.
    pub fn sets(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.changes().iter().filter_map(|(key, value)| Some((key.as_str(), value.as_ref()?)))
    }

    /// The keys to remove, in their order. Empty if the patch [`clears`](Self::clears).
    pub fn removals(&self) -> impl Iterator<Item = &str> {
        self.changes().iter().filter(|(_, value)| value.is_none()).map(|(key, _)| key.as_str())
    }

    /// Makes the changes in a map that is at hand. For backends that hold records in memory, and
    /// inside a transaction; a database that can merge by itself does it in SQL.
    pub fn apply(&self, data: &mut Data) {
        if self.clears() {
            *data = Data::new();
        }
        for (key, value) in self.changes() {
            match value {
                Some(value) => data.insert(key.clone(), value.clone()),
                None => data.remove(key),
            };
        }
    }

    /// Adds a later patch to this one: the later one wins.
    pub fn extend(&mut self, later: Self) {
        if later.clears() || self.is_empty() {
            *self = later;
            return;
        }
        for (key, value) in later.changes.map(Arc::unwrap_or_clone).unwrap_or_default() {
            match value {
                Some(value) => self.set(key, value),
                None => self.remove(key),
            }
        }
    }

    /// Whether data that has been changed by this patch already looks like this.
    pub(crate) fn changes_nothing_in(&self, data: &Data) -> bool {
        let mut changed = data.clone();
        self.apply(&mut changed);
        changed == *data
    }

    /// Takes out what changes nothing in this data: values that are there already, and removals of keys
    /// that are not; whether there were any.
    pub(crate) fn leave_out_unchanged(&mut self, data: &Data) -> bool {
        let is_same = |key: &String, value: &Option<Value>| data.get(key) == value.as_ref();
        let leaves_out = if self.clears() {
            self.changes_nothing_in(data)
        } else {
            self.changes().iter().any(|(key, value)| is_same(key, value))
        };
        if leaves_out && self.clears() {
            *self = Self::new();
        } else if leaves_out {
            self.write().retain(|key, value| !is_same(key, value));
        }
        leaves_out
    }

    /// Leaves only what concerns the keys that are carried.
    pub(crate) fn carry(&mut self, carry: &Carry) {
        match carry {
            Carry::All => {}
            Carry::Keys(keys) => self.write().retain(|key, _| keys.contains(key)),
            Carry::Nothing => *self = Self::new(),
        }
    }

    /// Takes out what was saved: what is left changes data in which `saved` is to what this changes data
    /// in which it is not.
    pub(crate) fn subtract(&mut self, saved: &Self) {
        let is_the_same = match (&self.changes, &saved.changes) {
            (Some(now), Some(saved)) => Arc::ptr_eq(now, saved),
            (now, saved) => now.is_none() && saved.is_none(),
        };
        if self.cleared != saved.cleared {
            // Cleared since: it takes away what was saved, too.
            return;
        }
        // Set when it was saved, and removed since: behind a clear that says nothing of the key.
        let removed: Vec<String> = if self.clears() && !is_the_same {
            let removed = saved.sets().filter(|(key, _)| !self.changes().contains_key(*key));
            removed.map(|(key, _)| key.to_owned()).collect()
        } else {
            Vec::new()
        };
        self.cleared = 0;
        if is_the_same {
            self.changes = None;
        } else if self.changes.is_some() {
            self.write().retain(|key, value| saved.changes().get(key) != Some(value));
        }
        for key in removed {
            self.write().insert(key, None);
        }
    }
}

impl PartialEq for Patch {
    fn eq(&self, other: &Self) -> bool {
        self.clears() == other.clears() && self.changes() == other.changes()
    }
}

impl fmt::Debug for Patch {
    /// Keys only: what an application stores may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patch")
            .field("clear", &self.clears())
            .field("keys", &self.changes().keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(json: &str) -> Data {
        Data::from_json(json.as_bytes()).unwrap()
    }

    fn check(name: &str, before: &str, change: impl FnOnce(&mut Patch), after: &str) {
        let mut patch = Patch::new();
        change(&mut patch);
        let mut map = data(before);
        patch.apply(&mut map);
        assert_eq!(map, data(after), "{name}");
    }

    #[test]
    fn changes_what_it_names() {
        check("nothing", r#"{"a":1}"#, |_| {}, r#"{"a":1}"#);
        check("set", r#"{"a":1}"#, |p| p.set("b", 2.into()), r#"{"a":1,"b":2}"#);
        check("null is a value", "{}", |p| p.set("a", Value::Null), r#"{"a":null}"#);
        check("remove", r#"{"a":1,"b":2}"#, |p| p.remove("a"), r#"{"b":2}"#);
        check("remove what is not there", "{}", |p| p.remove("a"), "{}");
        check(
            "an object is replaced, not merged",
            r#"{"a":{"x":1}}"#,
            |p| p.set("a", serde_json::json!({"y": 2})),
            r#"{"a":{"y":2}}"#,
        );
        check(
            "clear, then set",
            r#"{"a":1,"b":2}"#,
            |p| {
                p.set("b", 3.into());
                p.clear();
                p.set("c", 4.into());
                p.remove("a");
            },
            r#"{"c":4}"#,
        );
        check(
            "a later patch wins",
            r#"{"a":1}"#,
            |p| {
                p.set("a", 2.into());
                let mut later = Patch::new();
                later.remove("a");
                later.set("b", 3.into());
                p.extend(later);
            },
            r#"{"b":3}"#,
        );
    }

    #[test]
    fn subtract_leaves_what_came_later() {
        let mut saved = Patch::new();
        saved.set("a", 1.into());
        saved.set("b", 1.into());
        let mut now = saved.clone();
        now.set("b", 2.into());
        now.subtract(&saved);
        assert_eq!(now.get("a"), None);
        assert_eq!(now.get("b"), Some(Some(&2.into())));

        let mut cleared = saved.clone();
        cleared.clear();
        cleared.subtract(&saved);
        assert!(cleared.clears());
    }

    /// One write into a buffer.
    #[derive(Debug, Clone)]
    enum Write {
        Set(u8, u8),
        Remove(u8),
        Clear,
    }

    impl Write {
        fn apply(&self, patch: &mut Patch) {
            match self {
                Self::Set(key, value) => patch.set(key.to_string(), (*value).into()),
                Self::Remove(key) => patch.remove(key.to_string()),
                Self::Clear => patch.clear(),
            }
        }
    }

    fn writes() -> impl proptest::strategy::Strategy<Value = Vec<Write>> {
        use proptest::prelude::*;
        let write = prop_oneof![
            4 => (0..3_u8, 0..3_u8).prop_map(|(key, value)| Write::Set(key, value)),
            2 => (0..3_u8).prop_map(Write::Remove),
            1 => Just(Write::Clear),
        ];
        proptest::collection::vec(write, 0..6)
    }

    proptest::proptest! {
        /// What was written while a save was under way is what is left when it is done.
        #[test]
        fn what_is_left_of_a_buffer(stored in writes(), before in writes(), since in writes()) {
            let mut stored_patch = Patch::new();
            stored.iter().for_each(|write| write.apply(&mut stored_patch));
            let mut data = Data::new();
            stored_patch.apply(&mut data);

            let mut saved = Patch::new();
            before.iter().for_each(|write| write.apply(&mut saved));
            let mut buffer = saved.clone();
            since.iter().for_each(|write| write.apply(&mut buffer));

            let mut expected = data.clone();
            buffer.apply(&mut expected);
            let mut left = buffer.clone();
            left.subtract(&saved);
            saved.apply(&mut data);
            left.apply(&mut data);
            proptest::prop_assert_eq!(data, expected);
        }
    }
}
