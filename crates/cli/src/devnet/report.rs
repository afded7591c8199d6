//! What the user sees while something is done: one line per step, with the time it took.
//!
//! On a terminal the step that runs now has a moving bar; elsewhere every step is a line when it
//! begins, when something in it changes, and when it ends.

use std::{
    cell::RefCell,
    io::{self, IsTerminal as _, Write},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// Reports steps to a writer.
pub(super) struct Reporter<'a> {
    out: RefCell<&'a mut dyn Write>,
    /// Is someone looking at stderr?
    live: bool,
    begun: Instant,
}

impl<'a> Reporter<'a> {
    /// Bars are shown when stderr is a terminal.
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self {
            out: RefCell::new(out),
            live: io::stderr().is_terminal(),
            begun: Instant::now(),
        }
    }

    /// Begins a step.
    pub(super) fn step(&self, title: &str) -> Step<'_, 'a> {
        let bar = self.live.then(|| {
            let bar = ProgressBar::new_spinner().with_style(style(false));
            bar.set_prefix(title.to_owned());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        if bar.is_none() {
            self.line(&format!("==> {title}"));
        }
        Step {
            reporter: self,
            title: title.to_owned(),
            begun: Instant::now(),
            bar,
            last: RefCell::default(),
            ended: false,
        }
    }

    /// A line of its own.
    pub(super) fn line(&self, text: &str) {
        let mut out = self.out.borrow_mut();
        // Whoever reads the report may have gone away; the work goes on.
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }

    /// Since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}

fn style(counted: bool) -> ProgressStyle {
    let template = if counted {
        "{spinner} {prefix} {bar:30} {pos}/{len} {elapsed} {msg}"
    } else {
        "{spinner} {prefix} {elapsed} {msg}"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// A step that runs. Dropping it without [`Step::done`] says that it failed.
pub(super) struct Step<'a, 'w> {
    reporter: &'a Reporter<'w>,
    title: String,
    begun: Instant,
    bar: Option<ProgressBar>,
    last: RefCell<String>,
    ended: bool,
}

impl Step<'_, '_> {
    /// Something in the step has changed. The same text twice is said once.
    pub(super) fn note(&self, text: &str) {
        if *self.last.borrow() == text {
            return;
        }
        text.clone_into(&mut self.last.borrow_mut());
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None => self
                .reporter
                .line(&format!("    {:>6}  {text}", seconds(self.begun.elapsed()))),
        }
    }

    /// So much of the step is done; shown on a terminal only.
    pub(super) fn progress(&self, done: u64, total: u64) {
        if let Some(bar) = &self.bar {
            if bar.length() != Some(total) {
                bar.set_length(total);
                bar.set_style(style(true));
            }
            bar.set_position(done);
        }
    }

    /// Hides the bar while another process draws on the terminal.
    pub(super) fn suspend(&self) {
        if let Some(bar) = &self.bar {
            bar.disable_steady_tick();
            bar.set_style(ProgressStyle::with_template("").unwrap_or_else(|_| style(false)));
            bar.tick();
        }
    }

    /// The step is over. `result` is what came out, or nothing to say.
    pub(super) fn done(mut self, result: &str) -> Duration {
        self.ended = true;
        let took = self.begun.elapsed();
        self.finish("ok", result, took);
        took
    }

    fn finish(&self, outcome: &str, result: &str, took: Duration) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let separator = if result.is_empty() { "" } else { ": " };
        let title = &self.title;
        let took = seconds(took);
        self.reporter.line(&format!(
            "    {took:>6}  {outcome}  {title}{separator}{result}"
        ));
    }
}

impl Drop for Step<'_, '_> {
    fn drop(&mut self) {
        if !self.ended {
            self.finish("FAILED", "", self.begun.elapsed());
        }
    }
}

/// A length of time as a report shows it: `0.4 s`, `12 s`, `3m 05s`.
pub(super) fn seconds(took: Duration) -> String {
    let secs = took.as_secs();
    match secs {
        0..10 => format!("{:.1} s", took.as_secs_f64()),
        10..120 => format!("{secs} s"),
        _ => format!("{}m {:02}s", secs / 60, secs % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report as it goes to a file.
    fn reported(work: impl FnOnce(&Reporter<'_>)) -> String {
        let mut out = Vec::new();
        {
            let mut reporter = Reporter::new(&mut out);
            reporter.live = false;
            work(&reporter);
        }
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn steps_are_lines_with_times() {
        let text = reported(|report| {
            let step = report.step("genesis");
            step.note("2 sectors");
            step.note("2 sectors");
            step.done("bafy2");
        });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "==> genesis");
        assert_eq!(lines[1], "     0.0 s  2 sectors");
        assert_eq!(lines[2], "     0.0 s  ok  genesis: bafy2");
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn a_step_that_is_left_early_has_failed() {
        let text = reported(|report| drop(report.step("daemon")));
        assert!(text.ends_with("FAILED  daemon\n"), "{text}");
    }

    #[test]
    fn times_are_short() {
        assert_eq!(seconds(Duration::from_millis(440)), "0.4 s");
        assert_eq!(seconds(Duration::from_millis(59_900)), "59 s");
        assert_eq!(seconds(Duration::from_secs(185)), "3m 05s");
    }
}
