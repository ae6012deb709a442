//! Progress of long work: a bar with rate and time left on a terminal, and a line now and then
//! elsewhere. Both go to standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// The time between two lines where there is no terminal.
const PERIOD: Duration = Duration::from_secs(10);

/// The progress of some work.
#[derive(Debug)]
pub struct Progress {
    total: usize,
    noun: &'static str,
    since: Instant,
    /// `None` where there is no terminal.
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    done: usize,
    failed: usize,
    said: Instant,
}

impl Progress {
    /// Of this many pieces of work. One piece shows no progress.
    #[must_use]
    pub fn new(total: usize, noun: &'static str) -> Self {
        let template = "{bar:30} {pos}/{len} {msg} {per_sec} eta {eta}";
        let bar = (total > 1 && io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(total as u64).with_message(noun);
            // The template is a constant; without it the bar has another look.
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        let since = Instant::now();
        Self {
            total,
            noun,
            since,
            bar,
            state: Mutex::new(State {
                done: 0,
                failed: 0,
                said: since,
            }),
        }
    }

    /// A piece is done, or has failed.
    pub fn done(&self, failed: bool) {
        // No code that can panic runs under the lock.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.done += 1;
        state.failed += usize::from(failed);
        if let Some(bar) = &self.bar {
            bar.inc(1);
            if state.failed > 0 {
                bar.set_message(format!("{}, {} failed,", self.noun, state.failed));
            }
        } else if state.said.elapsed() >= PERIOD {
            state.said = Instant::now();
            let line = self.line(&state);
            drop(state);
            write(&line);
        }
    }

    /// `120 of 256 places, 2 failed, 24.0/s, 6 s left`.
    fn line(&self, state: &State) -> String {
        let State { done, failed, .. } = state;
        let seconds = self.since.elapsed().as_secs_f64().max(0.001);
        #[allow(clippy::cast_precision_loss)] // For people.
        let rate = *done as f64 / seconds;
        #[allow(clippy::cast_precision_loss)]
        let left = self.total.saturating_sub(*done) as f64 / rate.max(0.001);
        let failed = match failed {
            0 => String::new(),
            failed => format!("{failed} failed, "),
        };
        format!(
            "{done} of {} {}, {failed}{rate:.1}/s, {left:.0} s left",
            self.total, self.noun
        )
    }

    /// Says something beside the bar.
    pub fn say(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.println(message),
            None => write(message),
        }
    }

    /// Says something that the next note replaces: in the bar, or now and then.
    pub fn note(&self, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{}, {message},", self.noun));
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.said.elapsed() >= PERIOD {
            state.said = Instant::now();
            drop(state);
            write(message);
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// If nobody reads it, the work goes on.
fn write(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
