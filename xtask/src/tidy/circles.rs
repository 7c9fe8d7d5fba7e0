//! The rule `file-circle`: no files of a crate that import each other, however long the way round. Who
//! reads one of them has to read them all.
//!
//! A module and what lies inside of it are one: they may name each other.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{SourceFile, Tree};
use crate::workspace::Crate;

/// A module's path inside of its crate, whose root is empty.
type Module = Vec<String>;

pub(crate) fn file_circle(member: &Crate, tree: &Tree) -> Vec<String> {
    let sources = tree.under(&member.folder);
    let files: BTreeMap<Module, (&str, &SourceFile)> =
        sources.filter_map(|(inside, file)| Some((module(inside)?, (inside, file)))).collect();
    let imports: BTreeMap<_, _> =
        files.iter().map(|(module, (_, file))| (module, imports(module, file, &files))).collect();
    let reached: BTreeMap<_, _> =
        files.keys().map(|module| (module, reached(module, &imports))).collect();
    let mut circles = BTreeSet::new();
    for (module, from_here) in &reached {
        if from_here.contains(*module) {
            let goes_back = |other: &&Module| reached[*other].contains(*module);
            let circle = from_here.iter().filter(goes_back);
            circles.insert(circle.map(|module| files[module].0).collect::<Vec<_>>());
        }
    }
    circles.iter().map(|circle| format!("they import each other: {}", circle.join(", "))).collect()
}

/// The module that a file of a crate is; `None` for what is none of the crate's library.
fn module(inside: &str) -> Option<Module> {
    let path = inside.strip_prefix("src/")?.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let is_root = matches!(path, "lib" | "main");
    Some(if is_root { Vec::new() } else { path.split('/').map(str::to_owned).collect() })
}

/// Which other files the code of a file names, its unit tests left out.
fn imports<T>(module: &Module, file: &SourceFile, files: &BTreeMap<Module, T>) -> BTreeSet<Module> {
    let tests = file.first_line_of_unit_tests().unwrap_or(usize::MAX);
    let code = file.code_lines().filter(|(number, _)| *number < tests);
    let code: String =
        code.map(|(_, line)| format!("{}\n", line.split("//").next().unwrap_or(""))).collect();
    let mut named = BTreeSet::new();
    for path in paths(&code) {
        let mut absolute = module.clone();
        for (place, part) in path.into_iter().enumerate() {
            match part {
                "crate" => absolute.clear(),
                "super" => drop(absolute.pop()),
                "self" if place == 0 => {}
                part => {
                    let mut longer = absolute.clone();
                    longer.push(part.to_owned());
                    // What is no file is an item of the last one that is.
                    if !files.contains_key(&longer) {
                        break;
                    }
                    absolute = longer;
                }
            }
        }
        if !absolute.starts_with(module) && !module.starts_with(&absolute) {
            named.insert(absolute);
        }
    }
    named
}

/// Every path of the crate's own in a piece of code: `crate::a::{b, c::d}` is two.
fn paths(code: &str) -> Vec<Vec<&str>> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let is_first = at == 0 || tokens[at - 1] != "::";
        let goes_on = tokens.get(at + 1) == Some(&"::");
        if is_first && goes_on && matches!(*token, "crate" | "super" | "self") {
            read_path(&tokens, at, &[], &mut found);
        }
    }
    found
}

/// Reads a path and what branches off it; the place behind it.
fn read_path<'c>(
    tokens: &[&'c str],
    mut at: usize,
    before: &[&'c str],
    found: &mut Vec<Vec<&'c str>>,
) -> usize {
    let mut path = before.to_vec();
    loop {
        match tokens.get(at) {
            Some(&"{") => {
                at += 1;
                while let Some(token) = tokens.get(at)
                    && *token != "}"
                {
                    at = if *token == "," {
                        at + 1
                    } else {
                        read_path(tokens, at, &path, found).max(at + 1)
                    };
                }
                return at + 1;
            }
            Some(token) if token.starts_with(|c: char| c.is_alphanumeric() || c == '_') => {
                path.push(token);
                at += 1;
            }
            _ => {}
        }
        if tokens.get(at) != Some(&"::") {
            found.push(path);
            return at;
        }
        at += 1;
    }
}

/// Words, `::`, and all other signs one by one.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match rest.find(|c| !is_word(c)) {
            _ if rest.starts_with("::") => 2,
            Some(0) => first.len_utf8(),
            Some(length) => length,
            None => rest.len(),
        };
        let (token, behind) = rest.split_at(length);
        tokens.push(token);
        rest = behind.trim_start();
    }
    tokens
}

/// Where one gets from a file by its imports and theirs.
fn reached(from: &Module, imports: &BTreeMap<&Module, BTreeSet<Module>>) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(module) = next.pop() {
        for imported in &imports[module] {
            if reached.insert(imported.clone()) {
                next.push(imported);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read() {
        for (code, expected) in [
            ("use crate::a::B;", vec!["crate a B"]),
            ("use crate::{a::{B, self}, c};", vec!["crate a B", "crate a self", "crate c"]),
            ("pub(crate) use super::super::a::*;", vec!["super super a"]),
            ("fn f(&self) -> crate::a::B<super::C> { self.x }", vec!["crate a B", "super C"]),
            ("use std::crate_like::a; let x = 1;", vec![]),
        ] {
            let found: Vec<String> = paths(code).iter().map(|path| path.join(" ")).collect();
            assert_eq!(found, expected, "{code}");
        }
    }

    #[test]
    fn files_that_import_each_other() {
        let a_b = "they import each other: src/a.rs, src/b.rs";
        for (name, files, expected) in [
            ("one way", vec![("a", "use crate::b::X;"), ("b", "")], vec![]),
            (
                "there and back",
                vec![("a", "use crate::b::X;"), ("b", "use super::a::Y;")],
                vec![a_b],
            ),
            (
                "in one statement",
                vec![("a", "use crate::{b, c};"), ("b", "use crate::a;")],
                vec![a_b],
            ),
            (
                "without a `use`",
                vec![("a", "use crate::b;"), ("b", "fn f(_: crate::a::Y) {}")],
                vec![a_b],
            ),
            (
                "in a comment",
                vec![("a", "use crate::b;"), ("b", "// crate::a\nx(); // crate::a")],
                vec![],
            ),
            (
                "in unit tests",
                vec![("a", "use crate::b;"), ("b", "#[cfg(test)]\nmod tests {\nuse crate::a;\n}")],
                vec![],
            ),
            (
                "with what is inside",
                vec![("a", "use self::b::X;"), ("a/b", "use super::Y;")],
                vec![],
            ),
            ("with the root", vec![("lib", "pub use a::X;"), ("a", "use crate::Y;")], vec![]),
            (
                "over three",
                vec![
                    ("a", "use crate::b::X;"),
                    ("b", "use crate::c::X;"),
                    ("c", "use crate::a::X;"),
                ],
                vec!["they import each other: src/a.rs, src/b.rs, src/c.rs"],
            ),
            (
                "beside one that is outside",
                vec![("a", "use crate::b;"), ("b", "use crate::a;"), ("c", "use crate::a;")],
                vec![a_b],
            ),
        ] {
            let path = |name: &str| format!("crates/one/src/{name}.rs");
            let files = files.iter().map(|(name, text)| SourceFile::new(&path(name), text));
            let tree = Tree { files: files.collect() };
            let member = Crate { folder: "crates/one".to_owned(), ..Crate::default() };
            assert_eq!(file_circle(&member, &tree), expected, "{name}");
        }
    }
}
