//! The configuration of the sessions, from a file and from where the demo listens.

use std::path::Path;

use anyhow::{Context, anyhow};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use session_core::{CookieConfig, SecurePolicy, SessionConfig};

/// What the file says, or the defaults if there is none.
///
/// If nothing is said of `cookie.secure`, and only this machine gets at the server, the cookie
/// goes without Secure, so that plain http works in every browser; unless its name or its other
/// attributes need Secure.
pub(crate) fn load(file: Option<&Path>, is_local: bool) -> anyhow::Result<SessionConfig> {
    let (config, said) = match file {
        None => (SessionConfig::default(), Said::default()),
        Some(file) => {
            let read = || {
                let text = std::fs::read_to_string(file)?;
                let format = Format::of(file);
                anyhow::Ok((format.read(&text)?, format.read(&text)?))
            };
            read().with_context(|| format!("cannot read the configuration {}", file.display()))?
        }
    };
    Ok(if is_local && !said.secure() { over_http(config) } else { config })
}

fn over_http(config: SessionConfig) -> SessionConfig {
    let cookie = CookieConfig { secure: SecurePolicy::InsecureNever, ..config.cookie.clone() };
    let insecure = SessionConfig { cookie, ..config.clone() };
    if insecure.check().is_ok() { insecure } else { config }
}

#[derive(Clone, Copy)]
enum Format {
    Toml,
    Yaml,
}

impl Format {
    fn of(file: &Path) -> Self {
        let extension = file.extension().and_then(|extension| extension.to_str());
        if extension.is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) {
            Self::Toml
        } else {
            Self::Yaml
        }
    }

    fn read<T: DeserializeOwned + Default>(self, text: &str) -> anyhow::Result<T> {
        match self {
            Self::Toml => toml::from_str(text).map_err(|error| {
                let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
                let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
                anyhow!("{place}{}", error.message())
            }),
            // An empty file, and one with comments only, is YAML for null.
            Self::Yaml => serde_saphyr::from_str::<Option<T>>(text)
                .map(Option::unwrap_or_default)
                .map_err(|error| anyhow!("{}", error.without_snippet())),
        }
    }
}

/// What a file speaks of, whatever it says.
#[derive(Default, Deserialize)]
struct Said {
    cookie: Option<SaidOfCookie>,
}

#[derive(Deserialize)]
struct SaidOfCookie {
    secure: Option<IgnoredAny>,
}

impl Said {
    fn secure(&self) -> bool {
        self.cookie.as_ref().is_some_and(|cookie| cookie.secure.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str, is_local: bool) -> anyhow::Result<SessionConfig> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        load(Some(&file), is_local)
    }

    #[test]
    fn where_secure_is_off() {
        use SecurePolicy::{Always, InsecureNever};
        for (name, text, is_local, expected) in [
            ("nothing is said", "", true, InsecureNever),
            ("only a comment", "# nothing\n", true, InsecureNever),
            ("nothing is said, to the world", "", false, Always),
            ("something else is said", "cookie:\n  path: /app\n", true, InsecureNever),
            ("on", "cookie:\n  secure: always\n", true, Always),
            ("off, to the world", "cookie: {secure: insecure_never}", false, InsecureNever),
            ("__Host-", "cookie_name: __Host-s", true, Always),
            ("__secure-", "cookie_name: __secure-s", true, Always),
            ("a name that only looks like it", "cookie_name: my__Host-s", true, InsecureNever),
            ("none", "cookie: {same_site: none}", true, Always),
            ("strict", "cookie: {same_site: strict}", true, InsecureNever),
            ("partitioned", "cookie: {partitioned: true}", true, Always),
        ] {
            let config = read("sessions.yaml", text, is_local).unwrap();
            assert_eq!(config.cookie.secure, expected, "{name}");
        }
        assert_eq!(load(None, true).unwrap().cookie.secure, InsecureNever);
        assert_eq!(load(None, false).unwrap().cookie.secure, Always);
    }

    #[test]
    fn both_formats() {
        let yaml = "session_ttl_secs: 60\ntrusted_proxies: [10.0.0.0/8]\n";
        let toml = "session_ttl_secs = 60\ntrusted_proxies = [\"10.0.0.0/8\"]\n";
        let json = r#"{"session_ttl_secs": 60, "trusted_proxies": ["10.0.0.0/8"]}"#;
        let expected = read("a.yaml", yaml, false).unwrap();
        assert_eq!(expected.session_ttl_secs, 60);
        assert_eq!(read("a.toml", toml, false).unwrap(), expected);
        assert_eq!(read("a.TOML", toml, false).unwrap(), expected);
        assert_eq!(read("a.json", json, false).unwrap(), expected);
        let said = "[cookie]\nsecure = \"always\"\n";
        assert_eq!(read("a.toml", said, true).unwrap().cookie.secure, SecurePolicy::Always);
    }

    #[test]
    fn what_is_refused() {
        for (file, text, what) in [
            ("a.yaml", "session_ttl_sec: 60", "session_ttl_sec"),
            ("a.yaml", "cookie: {pth: /}", "pth"),
            ("a.yaml", "- 1\n- 2\n", "a.yaml"),
            ("a.yaml", "session_ttl_secs: [", "a.yaml"),
            ("a.yaml", "cookie: {secure: true}", "insecure_never"),
            ("a.toml", "\nsession_ttl_sec = 60", "line 2"),
            ("a.toml", "session_ttl_secs = -1", "line 1"),
            ("a.toml", "= = =", "a.toml"),
        ] {
            let error = format!("{:#}", read(file, text, true).unwrap_err());
            assert!(error.contains(what), "{text:?}: {error}");
        }
        let missing = load(Some(Path::new("nowhere/sessions.yaml")), true).unwrap_err();
        assert!(format!("{missing:#}").contains("nowhere/sessions.yaml"));
    }
}
