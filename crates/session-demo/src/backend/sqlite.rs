//! Sessions in a SQLite file, which is made if there is none, with the folders around it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use percent_encoding::percent_decode_str;
use session_sqlite::SqliteBackend;

use super::Opened;

pub(super) async fn open(url: &str) -> anyhow::Result<Opened> {
    if let Some(folder) = folder(url) {
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let backend = SqliteBackend::connect(url).await.context("cannot open the database")?;
    backend.migrate().await.context("cannot migrate the database")?;
    let closing = backend.clone();
    Ok(Opened {
        name: "sqlite",
        backend: Arc::new(backend),
        close: Box::pin(async move { closing.close().await }),
    })
}

/// The folder of the file that `url` names, read as the backend reads it.
fn folder(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if path == ":memory:" || query.split('&').any(|parameter| parameter == "mode=memory") {
        return None;
    }
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let folder = Path::new(&*path).parent()?;
    (!folder.as_os_str().is_empty()).then(|| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders() {
        for (url, expected) in [
            ("sqlite:target/demo.db", Some("target")),
            ("sqlite://target/a/demo.db", Some("target/a")),
            ("sqlite:///var/lib/demo.db", Some("/var/lib")),
            ("sqlite:my%20data/demo.db?mode=rwc", Some("my data")),
            ("sqlite:demo.db", None),
            ("sqlite::memory:", None),
            ("sqlite://:memory:", None),
            ("sqlite:a/b?mode=memory", None),
            ("sqlite:", None),
        ] {
            assert_eq!(folder(url), expected.map(PathBuf::from), "{url}");
        }
    }
}
