//! `docs/custom-backends.md` quotes code that is compiled and tested here, word for word.

use std::fs;
use std::path::Path;

/// Where the quoted code stands, by the path that the page gives.
const SOURCES: [&str; 3] =
    ["tests/it/custom_backend.rs", "tests/it/subjects.rs", "tests/it/backend_laws.rs"];

#[test]
fn quotes_are_the_real_code() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut real = Vec::new();
    for source in SOURCES {
        real.extend(regions(&fs::read_to_string(here.join(source)).unwrap()));
    }
    let page = here.join("../../docs/custom-backends.md");
    if !page.exists() {
        // A packaged crate comes without the workspace's pages; then there is nothing to compare.
        assert!(!here.join("../../docs").exists(), "docs/ has no custom-backends.md");
        return;
    }
    let page = fs::read_to_string(page).unwrap();
    let quoted = quotes(&page);
    for (name, code) in &quoted {
        let found = real.iter().find(|(region, _)| region == name);
        let (_, real) =
            found.unwrap_or_else(|| panic!("the page quotes `{name}`, which is nowhere"));
        assert_eq!(code, real, "the page's quote of `{name}` is not the real code any more");
    }
    for (name, _) in &real {
        let count = quoted.iter().filter(|(quoted, _)| quoted == name).count();
        assert_eq!(count, 1, "how often the page quotes `{name}`");
    }
}

/// What stands between `// [quote: name]` and `// [end]`, moved to the left margin.
fn regions(source: &str) -> Vec<(String, String)> {
    let parts = source.split("// [quote: ").skip(1).map(|part| {
        let (name, rest) = part.split_once("]\n").unwrap();
        let (code, _) = rest.split_once("// [end]").expect("a quote that ends");
        (name.to_owned(), to_the_margin(code))
    });
    parts.collect()
}

fn to_the_margin(code: &str) -> String {
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let lines = || code.lines().filter(|line| !line.trim().is_empty());
    let margin = lines().map(|line| indent(&line)).min().unwrap_or(0);
    let moved: Vec<&str> =
        code.trim_end().lines().map(|line| line.get(margin..).unwrap_or("")).collect();
    moved.join("\n")
}

/// The code after each `<!-- quote: name -->`.
fn quotes(page: &str) -> Vec<(String, String)> {
    let parts = page.split("<!-- quote: ").skip(1).map(|part| {
        let (name, rest) = part.split_once(" -->\n```rust\n").expect("code right after the mark");
        let (code, _) = rest.split_once("\n```").expect("code that ends");
        (name.to_owned(), code.to_owned())
    });
    parts.collect()
}
