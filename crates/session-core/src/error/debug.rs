//! `Debug` of errors: what is printed of one that `main` returns, so a sentence and not a structure.

use std::error::Error as StdError;
use std::fmt;

use super::{BackendError, Error};
use crate::answer::causes;

/// `Unavailable: the session backend is unavailable: connection refused`: the kind, the sentence and the
/// causes, by their own sentences.
fn write(
    f: &mut fmt::Formatter<'_>,
    kind: &dyn fmt::Debug,
    error: &(dyn StdError + 'static),
) -> fmt::Result {
    write!(f, "{kind:?}")?;
    let mut before = String::new();
    for cause in causes(error) {
        let text = cause.to_string();
        // An error that only holds another one speaks with that one's words.
        if text != before {
            write!(f, ": {text}")?;
        }
        before = text;
    }
    Ok(())
}

impl fmt::Debug for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, &self.kind, self)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, &self.kind, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::BackendErrorKind;

    #[test]
    fn what_main_prints() {
        let cause = std::io::Error::other("connection refused");
        let backend = BackendError::new(BackendErrorKind::Other, cause).with_context("no tables");
        assert_eq!(format!("{backend:?}"), "Other: no tables: connection refused");
        let shown = format!("{:?}", Error::from(backend));
        assert!(shown.ends_with(": no tables: connection refused"), "{shown}");
    }
}
