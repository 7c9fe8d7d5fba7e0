//! `docs/recipes.md` shows each recipe word for word. `RECIPES=write cargo test -p session-recipes page`
//! puts the files into it.

use std::fs;
use std::path::Path;

/// A block begins with this and the file under `src/`, such as `on_axum/flash.rs`.
const FENCE: &str = "```rust ";

#[test]
fn shows_what_is_tested() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = here.join("../../docs/recipes.md");
    let text = fs::read_to_string(&page).unwrap();
    let mut written = String::new();
    let mut shown = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        written.push_str(line);
        written.push('\n');
        if let Some(file) = line.strip_prefix(FENCE) {
            let source = fs::read_to_string(here.join("src").join(file)).unwrap();
            // Its first line, the subject, is the heading's.
            let (_, code) = source.split_once("\n\n").unwrap();
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
    let mut files: Vec<String> = ["on_axum", "on_salvo"]
        .iter()
        .flat_map(|folder| {
            let entries = fs::read_dir(here.join("src").join(folder)).unwrap();
            entries.map(move |entry| {
                format!("{folder}/{}", entry.unwrap().file_name().into_string().unwrap())
            })
        })
        .collect();
    files.push("proxy.rs".to_owned());
    files.sort();
    shown.sort();
    assert_eq!(shown, files, "each recipe is shown once");
}
