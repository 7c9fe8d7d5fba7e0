//! The browser that the demo's tests drive, found on this machine.

use std::path::PathBuf;
use std::process::Command;

/// Where the tests look for what steers the browser, and for the browser. Set to nothing, they know
/// that there is none.
const DRIVER: &str = "SESSION_TEST_CHROMEDRIVER";
const BROWSER: &str = "SESSION_TEST_CHROMIUM";

/// What to do on a machine where it was not found.
pub(crate) const HELP: &str = "no Chromium with its chromedriver was found: install both (Debian: \
     `apt-get install chromium chromium-driver`), or set SESSION_TEST_CHROMIUM and \
     SESSION_TEST_CHROMEDRIVER to their paths";

#[derive(Debug, Default)]
pub(crate) struct Chromium {
    driver: PathBuf,
    browser: PathBuf,
}

/// Both programs: those that the environment names, else those of the system.
pub(crate) fn find() -> Option<Chromium> {
    let driver = program(DRIVER, &["chromedriver"])?;
    let browser = program(BROWSER, &["chromium", "chromium-browser", "google-chrome"])?;
    Some(Chromium { driver, browser })
}

/// Tells the tests of a command what was found, so that they look no further.
pub(crate) fn tell(found: Option<&Chromium>, command: &mut Command) {
    let (driver, browser) =
        found.map(|found| (found.driver.clone(), found.browser.clone())).unwrap_or_default();
    command.env(DRIVER, driver).env(BROWSER, browser);
}

fn program(variable: &str, names: &[&str]) -> Option<PathBuf> {
    if let Some(given) = std::env::var_os(variable) {
        return (!given.is_empty()).then(|| given.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/bin")]);
    let mut files = folders.flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    files.find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_told_also_where_there_is_none() {
        let told = |found: Option<&Chromium>| {
            let mut command = Command::new("true");
            tell(found, &mut command);
            let values = command.get_envs().map(|(_, value)| value.unwrap().to_owned());
            values.collect::<Vec<_>>()
        };
        let found = Chromium { driver: "/a/driver".into(), browser: "/a/browser".into() };
        assert_eq!(told(Some(&found)), ["/a/driver", "/a/browser"]);
        assert_eq!(told(None), ["", ""]);
    }

    #[test]
    fn what_is_nowhere_is_not_found() {
        assert_eq!(program("SESSION_TEST_NOTHING", &["no-such-browser"]), None);
        assert!(program("SESSION_TEST_NOTHING", &["no-such-browser", "sh"]).is_some());
    }
}
