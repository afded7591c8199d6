//! Where commands write to.

use std::io::{self, ErrorKind, Write};

/// A writer that remembers whether its reader has gone, as `head` does once it has enough.
#[derive(Debug)]
pub(crate) struct Output<W> {
    inner: W,
    closed: bool,
}

impl<W: Write> Output<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self {
            inner,
            closed: false,
        }
    }

    /// Whether nobody reads any more: no error to tell of.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    fn noted<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &outcome {
            self.closed |= error.kind() == ErrorKind::BrokenPipe;
        }
        outcome
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let outcome = self.inner.write(bytes);
        self.noted(outcome)
    }

    fn flush(&mut self) -> io::Result<()> {
        let outcome = self.inner.flush();
        self.noted(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_goes_is_told_from_other_errors() {
        struct Failing(ErrorKind);
        impl Write for Failing {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for (kind, closed) in [
            (ErrorKind::BrokenPipe, true),
            (ErrorKind::StorageFull, false),
        ] {
            let mut out = Output::new(Failing(kind));
            assert!(writeln!(out, "a line").is_err());
            assert_eq!(out.is_closed(), closed, "{kind}");
        }
    }
}
