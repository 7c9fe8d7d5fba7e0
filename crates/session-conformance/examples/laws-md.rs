//! Prints docs/laws.md, or with `--names` a line `backend <law>` or `request <law>` for each.
//! `cargo xtask laws` writes the page with it, and `cargo xtask test` counts the laws that held.

use session_conformance::{BACKEND_LAWS, REQUEST_LAWS, laws_markdown};

fn main() {
    if std::env::args().any(|argument| argument == "--names") {
        for law in BACKEND_LAWS.iter().chain(REQUEST_LAWS) {
            println!("{} {}", law.kind.as_str(), law.name);
        }
    } else {
        print!("{}", laws_markdown());
    }
}
