//! One line of the published text: its fields, written and read.

use std::time::Duration;

use crate::cluster::statistics::spans::Span;
use crate::observe::{Durations, Load, Totals};

const BASE: u32 = 36;

/// A line that is written.
#[derive(Debug)]
pub(super) struct Line(String);

impl Line {
    pub(super) fn new(kind: &str) -> Self {
        Self(kind.to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// A field of text. Characters that would end it are replaced.
    pub(super) fn text(mut self, text: &str) -> Self {
        self.0.push('\t');
        let letters = text.chars();
        let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
        self.0.extend(letters.map(plain));
        self
    }

    /// A field of numbers.
    pub(super) fn numbers(mut self, numbers: &[u64]) -> Self {
        self.0.push('\t');
        self.push(numbers.iter().copied());
        self
    }

    /// A field of a duration, in microseconds.
    pub(super) fn duration(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.numbers(&[micros])
    }

    /// A field of the counters within a window.
    pub(super) fn load(mut self, span: &Span<Load>) -> Self {
        self.0.push('\t');
        self.push_load(span.over, span.counts);
        self
    }

    /// A field of the counters within a window, and one of its durations.
    pub(super) fn totals(mut self, span: &Span<Totals>) -> Self {
        self.0.push('\t');
        self.push_load(span.over, span.counts.load);
        self.histogram(&span.counts.durations)
    }

    /// A field of the buckets that are not empty: the number of each, and what it has.
    pub(super) fn histogram(mut self, buckets: &Durations) -> Self {
        self.0.push('\t');
        let buckets = buckets.0.iter().zip(0_u64..);
        let filled = buckets.filter(|(count, _)| **count > 0);
        self.push(filled.flat_map(|(count, bucket)| [bucket, *count]));
        self
    }

    fn push_load(&mut self, over: Duration, load: Load) {
        let Load {
            calls,
            errors,
            rows,
            micros,
        } = load;
        self.push([millis(over), calls, errors, rows, micros]);
    }

    fn push(&mut self, numbers: impl IntoIterator<Item = u64>) {
        for (position, number) in numbers.into_iter().enumerate() {
            if position > 0 {
                self.0.push(' ');
            }
            push_number(&mut self.0, number);
        }
    }
}

fn push_number(text: &mut String, number: u64) {
    let mut place = 1;
    while number / place >= u64::from(BASE) {
        place *= u64::from(BASE);
    }
    let mut rest = number;
    while place > 0 {
        let digit = u32::try_from(rest / place).unwrap_or(0);
        text.extend(char::from_digit(digit, BASE));
        rest %= place;
        place /= u64::from(BASE);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The fields of a line that is read. Each method reads the next one; `None` if it is not there, or is something else.
#[derive(Debug)]
pub(super) struct Fields<'a>(std::str::Split<'a, char>);

impl<'a> Fields<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self(line.split('\t'))
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    pub(super) fn numbers<const N: usize>(&mut self) -> Option<[u64; N]> {
        self.list()?.try_into().ok()
    }

    pub(super) fn duration(&mut self) -> Option<Duration> {
        let [micros] = self.numbers()?;
        Some(Duration::from_micros(micros))
    }

    pub(super) fn load(&mut self) -> Option<Span<Load>> {
        let [over, calls, errors, rows, micros] = self.numbers()?;
        let load = Load {
            calls,
            errors,
            rows,
            micros,
        };
        Some(Span::new(Duration::from_millis(over), load))
    }

    pub(super) fn totals(&mut self) -> Option<Span<Totals>> {
        let Span { over, counts: load } = self.load()?;
        let durations = self.histogram()?;
        Some(Span::new(over, Totals { load, durations }))
    }

    pub(super) fn histogram(&mut self) -> Option<Durations> {
        let mut buckets = Durations::default();
        for pair in self.list()?.chunks_exact(2) {
            let [bucket, count] = pair else { continue };
            *buckets.0.get_mut(usize::try_from(*bucket).ok()?)? = *count;
        }
        Some(buckets)
    }

    fn list(&mut self) -> Option<Vec<u64>> {
        let numbers = self
            .0
            .next()?
            .split(' ')
            .filter(|number| !number.is_empty());
        numbers
            .map(|number| u64::from_str_radix(number, BASE).ok())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_written() {
        for number in [
            0,
            1,
            35,
            36,
            37,
            1_295,
            1_296,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ] {
            let line = Line::new("x").numbers(&[number, 7]);
            let mut fields = Fields::new(line.as_str());
            assert_eq!(fields.text(), Some("x"));
            assert_eq!(fields.numbers(), Some([number, 7]), "{}", line.as_str());
        }
    }

    #[test]
    fn a_text_cannot_end_its_field() {
        let line = Line::new("x").text("a\tb\nc\u{85}").text("d");
        let mut fields = Fields::new(line.as_str());
        assert_eq!(line.as_str().lines().count(), 1);
        let read: Vec<_> = std::iter::from_fn(|| fields.text()).collect();
        assert_eq!(read, ["x", "a b c ", "d"]);
    }
}
