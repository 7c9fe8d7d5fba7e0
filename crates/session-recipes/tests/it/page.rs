//! `docs/recipes.md` shows each recipe word for word. `RECIPES=write cargo test -p session-recipes page`
//! puts the files into it.

use std::fs;
use std::path::Path;

/// A block begins with this and the file under `crates/`, such as `session-axum/examples/oauth.rs`.
const FENCE: &str = "```rust ";

#[test]
fn shows_what_is_tested() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = here.join("..");
    let page = here.join("../../docs/recipes.md");
    let text = fs::read_to_string(&page).unwrap();
    let mut written = String::new();
    let mut shown = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        written.push_str(line);
        written.push('\n');
        if let Some(file) = line.strip_prefix(FENCE) {
            let source = fs::read_to_string(crates.join(file)).unwrap();
            // Its first line, the subject, is the heading's.
            let (_, code) = source.split_once("\n\n").unwrap();
            // An example can be run; how a server is started is no part of the recipe.
            let code = code.split_once("\n#[tokio::main]").map_or(code, |(code, _)| code);
            written.push_str(code);
            written.push_str("```\n");
            lines.by_ref().find(|line| *line == "```").expect("a block has an end");
            shown.push(file.to_owned());
        }
    }
    if std::env::var("RECIPES").is_ok_and(|mode| mode == "write") {
        fs::write(&page, &written).unwrap();
    } else {
        assert!(
            text == written,
            "docs/recipes.md is not what is tested: see the head of this file"
        );
    }
    let folders = [
        "session-axum/examples",
        "session-salvo/examples",
        "session-recipes/src/on_axum",
        "session-recipes/src/on_salvo",
    ];
    let mut files: Vec<String> = folders
        .iter()
        .flat_map(|folder| {
            let entries = fs::read_dir(crates.join(folder)).unwrap();
            entries.map(move |entry| {
                format!("{folder}/{}", entry.unwrap().file_name().into_string().unwrap())
            })
        })
        // It counts, and shows nothing.
        .filter(|file| !file.ends_with("/instructions.rs"))
        .collect();
    files.push("session-recipes/src/proxy.rs".to_owned());
    files.sort();
    shown.sort();
    assert_eq!(shown, files, "each recipe is shown once");
}
