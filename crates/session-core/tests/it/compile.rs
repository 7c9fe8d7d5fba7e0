//! What does not compile, and what the compiler says to it.

/// The compiler whose words the expectations hold; others say the same in other words.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn mistakes_are_explained() {
    let version = std::process::Command::new("rustc").arg("--version").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    if !version.starts_with(COMPILER) {
        assert!(std::env::var_os("CI").is_none(), "expectations are for {COMPILER}, not {version}");
        eprintln!("NOT RUN: the expected messages are those of {COMPILER}x, and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
