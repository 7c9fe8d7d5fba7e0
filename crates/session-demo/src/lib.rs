//! Nothing but the README's application, compiled as a doc test: the demo depends on everything
//! that it needs, and no published crate may include a file from outside of its own folder.

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct OwnReadme;
