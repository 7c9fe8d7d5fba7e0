//! Sound backends: the one in memory, and the one that `docs/custom-backends.md` writes.

mod memory {
    session_conformance::backend_laws!(crate::subjects::memory);
}

// [quote: tests]
mod custom {
    session_conformance::backend_laws!(crate::subjects::custom);
}
// [end]
