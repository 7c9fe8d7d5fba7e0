//! Every recipe of `docs/recipes.md`, on both frameworks, over each database at hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod it {
    mod buying;
    mod page;
    mod programs;
    mod proving;
    mod signing_in;
    mod streams;
    mod support;
}
