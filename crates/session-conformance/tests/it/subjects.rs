//! How the tests make fresh databases.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use session_conformance::{Cut, Failure, TestBackend, async_trait};
use session_core::{MemoryBackend, SessionBackend};

use crate::custom_backend::FileBackend;

struct Memory(Arc<MemoryBackend>);

pub(crate) async fn memory() -> impl TestBackend {
    Memory(Arc::new(MemoryBackend::new()))
}

#[async_trait]
impl TestBackend for Memory {
    fn backend(&self) -> Arc<dyn SessionBackend> {
        self.0.clone()
    }

    async fn reopen(&self) -> Arc<dyn SessionBackend> {
        self.0.clone()
    }

    async fn dump(&self) -> Vec<u8> {
        self.0.dangerous_dump().into_bytes()
    }

    async fn cut(&self, _: Failure) -> Cut {
        Cut::CannotFail { reason: "the memory backend is this process's own memory" }
    }
}

// [quote: subject]
/// How long a call waits for others.
const PATIENCE: Duration = Duration::from_secs(3);

/// A folder of its own for each fresh database, and the lock that another process would hold.
struct Custom {
    folder: PathBuf,
    stuck: Mutex<Option<File>>,
}

pub(crate) async fn custom() -> impl TestBackend {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("custom-backend-{}-{number}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir(&folder).expect("a new folder");
    Custom { folder, stuck: Mutex::new(None) }
}

impl Custom {
    fn file(&self) -> PathBuf {
        self.folder.join("sessions.json")
    }

    fn open(&self) -> Arc<dyn SessionBackend> {
        Arc::new(FileBackend::new(self.file(), PATIENCE))
    }
}

#[async_trait]
impl TestBackend for Custom {
    fn backend(&self) -> Arc<dyn SessionBackend> {
        self.open()
    }

    async fn reopen(&self) -> Arc<dyn SessionBackend> {
        self.open()
    }

    async fn dump(&self) -> Vec<u8> {
        fs::read(self.file()).expect("the file")
    }

    async fn cut(&self, how: Failure) -> Cut {
        match how {
            Failure::Unreachable => fs::remove_dir_all(&self.folder).expect("the folder"),
            Failure::Slow => {
                let lock = File::create(self.file().with_extension("lock")).expect("the lock");
                lock.lock().expect("nobody else has it");
                *self.stuck.lock().expect("no panic before") = Some(lock);
            }
            Failure::Broken => fs::write(self.file(), "{\"sessions\":").expect("the file"),
        }
        Cut::Done { within: PATIENCE }
    }
}

impl Drop for Custom {
    fn drop(&mut self) {
        // Gone already if it was cut.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
// [end]
