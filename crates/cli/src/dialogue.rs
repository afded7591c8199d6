//! Questions to whoever sits at the terminal, a line each.
//!
//! # Invariants
//! - Questions go to stderr, so that what a command prints can be piped while it asks.
//! - Where the input ends nothing is done: the question ends with an error, as an "abort" does.
//!
//! # Lotus parity
//! Lotus asks the same in pictures drawn over the whole terminal, on stdout.

use std::{
    fmt,
    io::{self, BufRead, BufReader, IsTerminal as _, Read as _, Write},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;

/// Longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 1024;

type Input = Arc<Mutex<dyn BufRead + Send>>;

/// Who answers.
pub(crate) struct Person {
    input: Input,
    out: Mutex<Box<dyn Write + Send>>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").finish_non_exhaustive()
    }
}

impl Person {
    /// Whoever sits at this process' terminal; `wanted` is what the flag says, and without it somebody
    /// sits there when the standard input is a terminal.
    pub(crate) fn at_terminal(wanted: Option<bool>) -> Option<Self> {
        wanted
            .unwrap_or_else(|| io::stdin().is_terminal())
            .then(|| Self::new(BufReader::new(io::stdin()), io::stderr()))
    }

    /// Somebody who writes to `input` and reads `out`.
    pub(crate) fn new(
        input: impl BufRead + Send + 'static,
        out: impl Write + Send + 'static,
    ) -> Self {
        Self {
            input: Arc::new(Mutex::new(input)),
            out: Mutex::new(Box::new(out)),
        }
    }

    /// Tells something.
    ///
    /// # Errors
    /// When the terminal takes no more.
    pub(crate) fn say(&self, text: &str) -> io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// The answer to a question, without spaces around it. It is waited for beside the runtime's
    /// threads: connections stay alive while somebody thinks.
    ///
    /// # Errors
    /// When the input has ended.
    pub(crate) async fn ask(&self, question: &str) -> anyhow::Result<String> {
        self.say(question)?;
        let input = Arc::clone(&self.input);
        let read = tokio::task::spawn_blocking(move || read_line(&input));
        let line = read.await.context("waiting for an answer")?;
        match line.context("reading an answer")? {
            Some(line) => Ok(line.trim().to_owned()),
            None => {
                self.say("\n")?;
                Err(aborted())
            }
        }
    }

    /// Asks until the answer is yes or no; nothing means `default`.
    ///
    /// # Errors
    /// When the input has ended.
    pub(crate) async fn confirm(&self, question: &str, default: bool) -> anyhow::Result<bool> {
        let choice = if default { "Yes/no" } else { "yes/No" };
        loop {
            let answer = self.ask(&format!("{question} [{choice}]: ")).await?;
            match answer.to_ascii_lowercase().as_str() {
                "" => return Ok(default),
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => self.say("Answer yes or no.\n")?,
            }
        }
    }
}

/// Somebody wants it no more.
pub(crate) fn aborted() -> anyhow::Error {
    anyhow::anyhow!("aborted by user")
}

/// A line, or `None` where there are no more.
fn read_line(input: &Input) -> io::Result<Option<String>> {
    let mut input = input.lock().unwrap_or_else(PoisonError::into_inner);
    let mut line = String::new();
    let read = (&mut *input).take(MAX_ANSWER).read_line(&mut line)?;
    Ok((read > 0).then_some(line))
}

/// A dialogue for tests: what is typed is given before, what was asked is kept.
#[cfg(test)]
pub(crate) mod scripted {
    use super::*;

    /// What a person was shown.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Shown(Arc<Mutex<Vec<u8>>>);

    impl Shown {
        pub(crate) fn text(&self) -> String {
            let bytes = self.0.lock().expect("one test").clone();
            String::from_utf8(bytes).expect("text")
        }
    }

    impl Write for Shown {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("one test").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Somebody who types this and then closes the input.
    pub(crate) fn person(typed: &str) -> (Person, Shown) {
        let shown = Shown::default();
        let input = io::Cursor::new(typed.to_owned().into_bytes());
        (Person::new(input, shown.clone()), shown)
    }
}

#[cfg(test)]
mod tests {
    use super::{scripted::person, *};

    #[tokio::test]
    async fn what_is_neither_yes_nor_no_is_asked_again() {
        let (somebody, shown) = person("perhaps\nY\n\nno\n");
        assert!(somebody.confirm("Send it?", false).await.expect("answered"));
        assert!(!somebody.confirm("Send it?", false).await.expect("answered"));
        assert!(!somebody.confirm("Send it?", true).await.expect("answered"));
        let asked = "Send it? [yes/No]: ";
        let told = format!("{asked}Answer yes or no.\n{asked}{asked}Send it? [Yes/no]: ");
        assert_eq!(shown.text(), told);
    }

    #[tokio::test]
    async fn the_end_of_the_input_aborts() {
        let (somebody, _) = person("");
        let ended = somebody.confirm("Send it?", true).await;
        assert_eq!(ended.expect_err("aborted").to_string(), "aborted by user");
    }

    #[test]
    fn nobody_is_there_when_the_flag_says_so() {
        assert!(Person::at_terminal(Some(false)).is_none());
        assert!(Person::at_terminal(Some(true)).is_some());
    }
}
