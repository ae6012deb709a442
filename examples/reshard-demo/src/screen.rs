//! The output: lines of text, with colors on a terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Stdout, Write as _};
use std::time::Duration;

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use shard_orm::reshard::{Job, JobState};
use shard_orm::topology::Group;

use crate::ledger::Audit;
use crate::traffic::Tally;

const HEADING: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// The calls per second that a character of a bar stands for.
const CALLS_PER_CHARACTER: u64 = 50;
/// The width of the bars, in characters.
const BAR: usize = 20;

/// Standard output.
pub(crate) struct Screen {
    out: AutoStream<Stdout>,
    /// Bars are drawn for people only.
    is_terminal: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self {
            out: anstream::stdout(),
            is_terminal: io::stdout().is_terminal(),
        }
    }

    pub(crate) fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "\n{HEADING}== {text}{HEADING:#}")
    }

    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// Prints the number of rows.
    pub(crate) fn rows(&mut self, customers: i64, rows: usize) -> io::Result<()> {
        let (customers, rows) = (thousands(customers), thousands(rows));
        writeln!(self.out, "{rows} rows of {customers} customers")
    }

    /// Prints each server with its logical shards, each in a column of its own. Those that are not in
    /// their first namespace have moved.
    pub(crate) fn places(&mut self, group: &Group) -> io::Result<()> {
        for (index, server) in group.servers().iter().enumerate() {
            let mut line = format!("server {}  ", server.name());
            let mut columns = 0;
            for placement in group.placements().filter(|one| one.server() == index) {
                let namespace = placement.namespace();
                let style = if namespace.generation() > 1 {
                    GOOD
                } else {
                    Style::new()
                };
                while columns < namespace.shard() {
                    line.push_str("   ");
                    columns += 1;
                }
                line.push_str(&format!("{style}{:>3}{style:#}", namespace.shard()));
                columns += 1;
            }
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    /// Prints the heading of the lines that follow.
    pub(crate) fn columns(&mut self) -> io::Result<()> {
        writeln!(self.out, "{DIM}   time  calls/s  errors   longest{DIM:#}")
    }

    /// Prints the calls of a short time, and how far the current job is. `at` is the time since the
    /// beginning, `took` the time since the last line.
    pub(crate) fn line(
        &mut self,
        (at, took): (Duration, Duration),
        calls: &Tally,
        job: Option<&Job>,
    ) -> io::Result<()> {
        let rate = calls.per_second(took);
        let errors = if calls.errors == 0 { GOOD } else { BAD };
        let mut line = format!(
            "{:>5.1} s  {:>7}  {errors}{:>6}{errors:#}  {:>8}",
            at.as_secs_f64(),
            thousands(rate),
            calls.errors,
            milliseconds(calls.longest),
        );
        if self.is_terminal {
            line.push_str(&format!("  {GOOD}{}{GOOD:#}", bar(rate)));
        }
        if let Some(job) = job {
            line.push_str(&format!("  {}", progress(job)));
        }
        writeln!(self.out, "{}", line.trim_end())
    }

    /// Prints that a server was added.
    pub(crate) fn added(&mut self, server: &str, epoch: u64) -> io::Result<()> {
        writeln!(
            self.out,
            "         {GOOD}server {server} was added: epoch {epoch}{GOOD:#}"
        )
    }

    /// Prints that a logical shard has a new place.
    pub(crate) fn switched(&mut self, job: &Job) -> io::Result<()> {
        let (_, to) = servers(job);
        let text = format!(
            "shard {} is on server {to} after a pause of {}: {} rows copied, {} changes applied",
            job.shard(),
            pause(job),
            thousands(job.copied.rows),
            thousands(job.copied.changes),
        );
        writeln!(self.out, "         {GOOD}{text}{GOOD:#}")
    }

    /// Prints that a logical shard has stayed at its place.
    pub(crate) fn aborted(&mut self, job: &Job) -> io::Result<()> {
        let (from, _) = servers(job);
        let shard = job.shard();
        writeln!(
            self.out,
            "         {BAD}shard {shard} stays on server {from}: its move was aborted{BAD:#}"
        )
    }

    /// Prints the finished jobs.
    pub(crate) fn jobs(&mut self, jobs: &[Job]) -> io::Result<()> {
        writeln!(
            self.out,
            "{DIM}shard  from  to     rows  changes     pause      took{DIM:#}"
        )?;
        for job in jobs {
            let (from, to) = servers(job);
            let took = Duration::from_millis(job.copied.milliseconds.values().sum());
            writeln!(
                self.out,
                "{:>5}  {from:<4}  {to:<2}  {:>7}  {:>7}  {:>8}  {:>6.1} s",
                job.shard(),
                thousands(job.copied.rows),
                thousands(job.copied.changes),
                pause(job),
                took.as_secs_f64(),
            )?;
        }
        Ok(())
    }

    /// Prints a summary of all calls, and the comparison of the rows.
    pub(crate) fn result(
        &mut self,
        time: Duration,
        calls: &Tally,
        audit: &Audit,
    ) -> io::Result<()> {
        let good = |is_good: bool| if is_good { GOOD } else { BAD };
        let style = good(calls.errors == 0);
        writeln!(
            self.out,
            "calls     {} in {:.1} s, {style}{} errors{style:#}; the longest took {}",
            thousands(calls.calls),
            time.as_secs_f64(),
            calls.errors,
            milliseconds(calls.longest),
        )?;
        if let Some(error) = &calls.first_error {
            writeln!(self.out, "          {BAD}the first error: {error}{BAD:#}")?;
        }
        let style = good(audit.lost == 0 && audit.unexpected == 0);
        writeln!(
            self.out,
            "rows      {} acknowledged, {style}{} lost, {} unexpected{style:#}",
            thousands(audit.acknowledged),
            audit.lost,
            audit.unexpected,
        )?;
        let style = good(audit.wrong_balances == 0 && audit.total == audit.total_before);
        writeln!(
            self.out,
            "balances  {style}{} wrong{style:#}; their sum was {} and is {}",
            audit.wrong_balances,
            thousands(audit.total_before),
            thousands(audit.total),
        )
    }
}

fn servers(job: &Job) -> (&str, &str) {
    let from = job.sources.first().map_or("?", |part| part.server.as_str());
    let to = job.targets.first().map_or("?", |part| part.server.as_str());
    (from, to)
}

/// How far a job is.
fn progress(job: &Job) -> String {
    let (from, to) = servers(job);
    let copied = &job.copied;
    let state = match job.state {
        JobState::Copying => format!(
            "copying, {} of {} rows",
            thousands(copied.rows),
            thousands(copied.estimated_rows)
        ),
        JobState::Levelling
        | JobState::Verifying
        | JobState::Ready
        | JobState::Mirroring
        | JobState::Shifting => {
            format!(
                "{}, {} changes applied",
                job.state,
                thousands(copied.changes)
            )
        }
        state => state.to_string(),
    };
    format!("shard {} from {from} to {to}: {state}", job.shard())
}

/// How long writes waited at the switch, as the job measured it.
fn pause(job: &Job) -> String {
    job.copied
        .pause
        .map_or_else(|| "-".to_owned(), milliseconds)
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

/// A bar whose length is the number of calls per second.
fn bar(rate: u64) -> String {
    let length = (rate + CALLS_PER_CHARACTER / 2) / CALLS_PER_CHARACTER;
    let length = usize::try_from(length).unwrap_or(BAR).min(BAR);
    format!("{:<BAR$}", "▇".repeat(length))
}

/// A number with commas between groups of three digits.
fn thousands(number: impl Display) -> String {
    let number = number.to_string();
    let (sign, digits) = number.split_at(usize::from(number.starts_with('-')));
    let mut text = sign.to_owned();
    for (position, digit) in digits.char_indices() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn thousands_are_separated() {
        let numbers = [0, 12, 123, 1_234, -123, -123_456, 1_234_567];
        let texts = ["0", "12", "123", "1,234", "-123", "-123,456", "1,234,567"];
        assert_eq!(numbers.map(thousands), texts);
    }
}
