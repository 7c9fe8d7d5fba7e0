//! Nothing but the README's application and the program in `docs/operating.md`, compiled as doc tests: the
//! demo depends on everything that they need, and no published crate may include a file from outside of its
//! own folder.

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct OwnReadme;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/operating.md")]
struct Operating;
