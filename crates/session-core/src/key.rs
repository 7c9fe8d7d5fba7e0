//! [`Key`]: what names a value of a session.

use std::fmt;
use std::marker::PhantomData;

/// A key with the type of its value, to be written once as a constant.
///
/// ```
/// use session_core::Key;
///
/// const THEME: Key<String> = Key::new("theme");
/// assert_eq!(THEME.name(), "theme");
/// ```
///
/// Wherever a [`Session`](crate::Session) takes a key it takes a plain string as well; a typed key
/// only saves saying the type at each call, and getting it wrong at one of them.
pub struct Key<T> {
    name: &'static str,
    // `fn` because a key owns no `T`: it is `Send` and `Sync` whatever `T` is.
    value: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// A key of this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, value: PhantomData }
    }

    /// The name under which the value is stored.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.name)
    }
}

impl<T> From<Key<T>> for String {
    /// The key's name.
    fn from(key: Key<T>) -> Self {
        key.name.to_owned()
    }
}

/// What names a value: a string, or a [`Key`].
pub trait KeyName {
    /// The name under which the value is stored.
    fn key_name(&self) -> &str;
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a session value of type `{T}`",
    label = "not a key for a `{T}`",
    note = "keys are strings, or typed constants: `const CART: Key<Cart> = Key::new(\"cart\")`"
)]
/// What names a value of type `T`: a string, whatever the type, or a [`Key<T>`].
pub trait KeyFor<T>: KeyName {}

impl<T> KeyName for Key<T> {
    fn key_name(&self) -> &str {
        self.name
    }
}

impl<T> KeyFor<T> for Key<T> {}

impl KeyName for str {
    fn key_name(&self) -> &str {
        self
    }
}

impl<T> KeyFor<T> for str {}

impl KeyName for String {
    fn key_name(&self) -> &str {
        self
    }
}

impl<T> KeyFor<T> for String {}

impl<K: KeyName + ?Sized> KeyName for &K {
    fn key_name(&self) -> &str {
        (**self).key_name()
    }
}

impl<T, K: KeyFor<T> + ?Sized> KeyFor<T> for &K {}
