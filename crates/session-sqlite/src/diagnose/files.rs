//! The database's files: who may read them, how large the log is, how much room the disk has.

use std::path::{Path, PathBuf};

use session_core::Finding;

/// Past this the log grows because nobody lets it begin anew.
const LARGE_LOG: u64 = 256 << 20;

/// With less room than this a database is full soon.
const LITTLE_ROOM: u64 = 256 << 20;

const MIB: u64 = 1 << 20;

/// Nothing is opened: a descriptor that is closed again would drop SQLite's locks.
pub(super) fn findings(file: &Path) -> Vec<Finding> {
    let mut findings = vec![log(file)];
    #[cfg(unix)]
    findings.extend([unix::modes(file), unix::room(file)]);
    findings
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn log(file: &Path) -> Finding {
    let size = std::fs::metadata(beside(file, "-wal")).map_or(0, |log| log.len());
    let mib = size / MIB;
    if size <= LARGE_LOG {
        return Finding::ok("log", format!("the write-ahead log has {mib} MiB"));
    }
    let message = format!(
        "the write-ahead log has {mib} MiB: some reader holds a transaction open, and nobody can \
         begin it anew; look for what keeps the file open"
    );
    Finding::warning("log", message)
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use session_core::Finding;

    use super::{LITTLE_ROOM, MIB, beside};

    /// Whoever reads the file reads what the application stored; whoever writes the folder may put
    /// another file in its place.
    pub(super) fn modes(file: &Path) -> Finding {
        let mode = |path: &Path| {
            std::fs::metadata(path).map_or(0, |found| found.permissions().mode() & 0o7777)
        };
        let open: Vec<_> = ["", "-wal", "-shm"]
            .map(|suffix| beside(file, suffix))
            .into_iter()
            .filter(|path| mode(path) & 0o077 != 0)
            .map(|path| format!("{} has mode {:04o}", path.display(), mode(&path)))
            .collect();
        if !open.is_empty() {
            let message = format!(
                "{}: others than its owner get at it; chmod 600, unless a group is meant to",
                open.join(", ")
            );
            return Finding::warning("file_mode", message);
        }
        let folder = file.parent().unwrap_or(Path::new("/"));
        let of_folder = mode(folder);
        let (anybody, sticky) = (of_folder & 0o002 != 0, of_folder & 0o1000 != 0);
        if anybody && !sticky {
            let message = format!(
                "everybody may write the folder {} (mode {of_folder:04o}), and put another file in the \
                 database's place: chmod o-w",
                folder.display()
            );
            return Finding::error("file_mode", message);
        }
        Finding::ok("file_mode", "the files are for their owner alone")
    }

    pub(super) fn room(file: &Path) -> Finding {
        let folder = file.parent().unwrap_or(Path::new("/"));
        match rustix::fs::statvfs(folder) {
            Ok(disk) => {
                let room = disk.f_bavail.saturating_mul(disk.f_frsize);
                let mib = room / MIB;
                if room < LITTLE_ROOM {
                    let message = format!(
                        "the disk has room for {mib} MiB more: make some, or nobody can sign in soon"
                    );
                    Finding::error("disk", message)
                } else {
                    Finding::ok("disk", format!("the disk has room for {mib} MiB more"))
                }
            }
            Err(error) => {
                Finding::warning("disk", format!("the disk does not tell its room: {error}"))
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use session_core::FindingLevel;

    use super::*;

    #[test]
    fn who_gets_at_the_files() {
        use FindingLevel::{Error, Ok, Warning};
        for (name, of_file, of_folder, expected) in [
            ("its owner", 0o600, 0o755, Ok),
            ("everybody", 0o644, 0o755, Warning),
            ("its group", 0o660, 0o755, Warning),
            ("whoever writes the folder", 0o600, 0o777, Error),
            ("a folder for all, where each keeps his own", 0o600, 0o1777, Ok),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("sessions.db");
            std::fs::write(&file, "").unwrap();
            let set = |path: &Path, mode| {
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
            };
            set(&file, of_file);
            set(folder.path(), of_folder);
            let finding = unix::modes(&file);
            assert_eq!(finding.level, expected, "{name}: {}", finding.message);
        }
    }

    #[test]
    fn how_large_the_log_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sessions.db");
        assert_eq!(log(&file).level, FindingLevel::Ok);
        // Without a byte on the disk.
        let sparse = std::fs::File::create(beside(&file, "-wal")).unwrap();
        sparse.set_len(LARGE_LOG + 1).unwrap();
        assert_eq!(log(&file).level, FindingLevel::Warning);
    }
}
