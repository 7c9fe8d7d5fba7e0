//! What a session holds: the [`Data`] map, and the rules for what may go into it.

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Number, Value};

use crate::error::{Error, ErrorKind};

/// How deep a value may nest: `[]` is one deep, `[[]]` two. What is accepted can always be loaded,
/// on every backend.
pub const MAX_DEPTH: usize = 128;

/// A session's data: JSON values under string keys.
///
/// Cheap to clone: clones share the map until one of them is changed. Numbers keep their value: every
/// `i64` and `u64`, and every finite `f64`. Keys may be any string without U+0000.
#[derive(Clone, Default)]
pub struct Data {
    /// The map as compact JSON, if it is kept as that: a map of a few keys takes ten times as much.
    text: Option<Arc<str>>,
    /// The map, once somebody has looked into it. Of an empty one neither is there.
    map: OnceLock<Arc<Map<String, Value>>>,
}

static EMPTY: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

impl Data {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map().get(key)
    }

    /// Puts a value under `key` and returns the one before. Nothing is checked here: the core
    /// checks what applications store before it reaches a backend.
    pub fn insert(&mut self, key: impl Into<String>, value: Value) -> Option<Value> {
        self.change(|map| map.insert(key.into(), value))
    }

    /// Takes away what is under `key`.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        // Looked for first, so that a shared map is not copied for nothing.
        if self.as_map().contains_key(key) { self.change(|map| map.remove(key)) } else { None }
    }

    /// Keeps only the entries that `keep` approves of.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        if !self.is_empty() {
            self.change(|map| map.retain(|key, _| keep(key)));
        }
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_map().len()
    }

    /// Whether there is no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_none() && self.map.get().is_none_or(|map| map.is_empty())
    }

    /// The keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.as_map().iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The map itself.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        match (self.map.get(), &self.text) {
            (Some(map), _) => map,
            (None, Some(text)) => self.map.get_or_init(|| Arc::new(read_own(text))),
            (None, None) => &EMPTY,
        }
    }

    /// The map itself, to keep.
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        let _ = self.as_map();
        self.map.into_inner().map(Arc::unwrap_or_clone).unwrap_or_default()
    }

    /// Reads what a backend stored: one JSON object, nested at most [`MAX_DEPTH`] below each key.
    ///
    /// Use this and not `serde_json::from_str`, whose own depth limit reads one level less than it
    /// writes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] if it is no such object. The error does not repeat the text.
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        // The map itself is one level around its values.
        match parse(text, MAX_DEPTH + 1)? {
            Value::Object(map) => Ok(Self::from(map)),
            _ => Err(invalid("session data is a JSON object")),
        }
    }

    /// The map as compact JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        match &self.text {
            Some(text) => text.as_ref().to_owned(),
            None => to_json(self.as_map()),
        }
    }

    /// The length of [`to_json`](Self::to_json) in UTF-8 bytes, without making it.
    #[must_use]
    pub fn json_len(&self) -> usize {
        match &self.text {
            Some(text) => text.len(),
            None => Size::of(self).json_len(),
        }
    }

    /// The same data, kept as text from now on, and as nothing else: for where it rests.
    pub(crate) fn pack(&mut self) {
        if self.text.is_none() && !self.is_empty() {
            self.text = Some(self.to_json().into());
        }
        self.map = OnceLock::new();
    }

    /// Whether it is kept as text, and nobody has looked into it.
    pub(crate) fn is_packed(&self) -> bool {
        self.text.is_some() && self.map.get().is_none()
    }

    fn change<R>(&mut self, change: impl FnOnce(&mut Map<String, Value>) -> R) -> R {
        let _ = self.as_map();
        self.text = None;
        let mut map = self.map.take().unwrap_or_default();
        let done = change(Arc::make_mut(&mut map));
        self.map = OnceLock::from(map);
        done
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        match (&self.text, &other.text) {
            (Some(text), Some(other)) if text == other => true,
            _ => self.as_map() == other.as_map(),
        }
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_map().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self::from)
    }
}

impl fmt::Debug for Data {
    /// Keys only: what an application stores may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.as_map().keys()).finish()
    }
}

impl From<Map<String, Value>> for Data {
    fn from(map: Map<String, Value>) -> Self {
        // Of an empty map nothing is kept.
        let map = if map.is_empty() { OnceLock::new() } else { OnceLock::from(Arc::new(map)) };
        Self { text: None, map }
    }
}

impl FromIterator<(String, Value)> for Data {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Self {
        Self::from(entries.into_iter().collect::<Map<_, _>>())
    }
}

/// A JSON value as compact text. Values hold only strings as keys and no foreign `Serialize`, so
/// this cannot fail.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Reads what [`to_json`] wrote of a map. It was checked before it was stored, or never was: neither its
/// depth nor its keys are looked at again.
fn read_own(text: &str) -> Map<String, Value> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.disable_recursion_limit();
    // What was written by ourselves reads back.
    Map::deserialize(&mut deserializer).unwrap_or_default()
}

/// The length of a value as compact JSON, in UTF-8 bytes: what [`to_json`] would write, counted. It
/// is asked for with every write, so nothing is written for it but floats.
fn value_len(value: &Value) -> usize {
    let list = |count: usize, entries: usize| entries + count.saturating_sub(1) + 2;
    match value {
        Value::Null | Value::Bool(true) => 4,
        Value::Bool(false) => 5,
        Value::Number(number) => number_len(number),
        Value::String(text) => text_len(text),
        Value::Array(items) => list(items.len(), items.iter().map(value_len).sum()),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| text_len(key) + 1 + value_len(value));
            list(map.len(), entries.sum())
        }
    }
}

fn number_len(number: &Number) -> usize {
    let digits = |n: u64| n.checked_ilog10().map_or(1, |log| log as usize + 1);
    match (number.as_u64(), number.as_i64()) {
        (Some(n), _) => digits(n),
        (None, Some(n)) => digits(n.unsigned_abs()) + 1,
        (None, None) => to_json(number).len(),
    }
}

/// With its quotation marks and escapes.
fn text_len(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | 0x08 | b'\t' | b'\n' | 0x0c | b'\r' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(escaped).sum::<usize>() + 2
}

/// The length of a map as compact JSON, kept up to date entry by entry, so that a write costs what
/// it writes and not what is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Bytes of all entries, each `"key":value`.
    entries: usize,
    count: usize,
}

impl Size {
    pub(crate) fn of(data: &Data) -> Self {
        let mut size = Self::default();
        for (key, value) in data.iter() {
            size.add(key, value);
        }
        size
    }

    pub(crate) fn add(&mut self, key: &str, value: &Value) {
        self.entries += text_len(key) + 1 + value_len(value);
        self.count += 1;
    }

    pub(crate) fn subtract(&mut self, key: &str, value: &Value) {
        self.entries = self.entries.saturating_sub(text_len(key) + 1 + value_len(value));
        self.count = self.count.saturating_sub(1);
    }

    /// With the braces, and the commas between entries.
    pub(crate) const fn json_len(self) -> usize {
        self.entries + self.count.saturating_sub(1) + 2
    }
}

/// Reads any JSON value under the rules for session data: nested at most [`MAX_DEPTH`] deep, no
/// U+0000 in any string or key. For request bodies that are to be stored.
///
/// # Errors
/// [`ErrorKind::InvalidData`], with a sentence that says which rule and does not repeat the text.
pub fn parse_json(text: &[u8]) -> Result<Value, Error> {
    let value = parse(text, MAX_DEPTH)?;
    check_value(&value)?;
    Ok(value)
}

fn parse(text: &[u8], max_depth: usize) -> Result<Value, Error> {
    if nesting(text) > max_depth {
        return Err(too_deep());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    // Safe against a stack overflow because the depth was looked at before.
    deserializer.disable_recursion_limit();
    let value = Value::deserialize(&mut deserializer);
    value.and_then(|value| deserializer.end().map(|()| value)).map_err(|error| {
        // Its message names a place and a kind of mistake, never the text.
        invalid(format!("not valid JSON: {error}"))
    })
}

/// The deepest nesting of brackets outside strings. For text that is no JSON the number means
/// little, but it still bounds what a parser would recurse into.
fn nesting(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'\\' => {
                            bytes.next();
                        }
                        b'"' => break,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}

/// Refuses a key that a backend could not store.
pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    if key.contains('\0') { Err(invalid("a key must not contain U+0000")) } else { Ok(()) }
}

/// Refuses a value that a backend could not store or give back.
pub(crate) fn check_value(value: &Value) -> Result<(), Error> {
    check_at(value, 0)
}

/// Recurses at most [`MAX_DEPTH`] deep.
fn check_at(value: &Value, depth: usize) -> Result<(), Error> {
    match value {
        Value::String(text) if text.contains('\0') => {
            Err(invalid("a value must not contain U+0000"))
        }
        Value::Array(_) | Value::Object(_) if depth == MAX_DEPTH => Err(too_deep()),
        Value::Array(items) => items.iter().try_for_each(|item| check_at(item, depth + 1)),
        Value::Object(map) => map.iter().try_for_each(|(key, item)| {
            check_key(key)?;
            check_at(item, depth + 1)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

pub(crate) fn invalid(context: impl Into<String>) -> Error {
    Error::from_kind(ErrorKind::InvalidData).with_context(context)
}

fn too_deep() -> Error {
    invalid(format!("a value must not nest more than {MAX_DEPTH} deep"))
}

#[cfg(test)]
mod tests;
