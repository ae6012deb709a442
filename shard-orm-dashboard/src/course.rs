//! A figure over time as a line: an SVG that is rendered here, since a library of charts would be larger than all pages.
//!
//! Called by the page of moves, from the samples that the reading of jobs keeps.

use std::time::Duration;

/// The size of the drawing, in its own units.
const WIDTH: u128 = 200;
const HEIGHT: u64 = 32;
/// The fewest samples of which a line says something.
const FEWEST: usize = 3;

/// A figure at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// How long ago.
    pub(crate) ago: Duration,
    pub(crate) figure: u64,
}

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// What is drawn, and over which time.
    pub(crate) title: String,
    /// The points of the line.
    pub(crate) points: String,
}

impl Line {
    /// The line of samples, the oldest first; the highest figure is at the top. `None` for too few of them, or if all
    /// figures are 0.
    pub(crate) fn new(
        samples: &[Sample],
        title: impl FnOnce(Duration, u64) -> String,
    ) -> Option<Self> {
        let first = samples.first().filter(|_| samples.len() >= FEWEST)?;
        let over = first.ago.as_millis().max(1);
        let most = samples.iter().map(|one| one.figure).max();
        let most = most.filter(|most| *most > 0)?;
        let point = |one: &Sample| {
            let left = WIDTH - (one.ago.as_millis() * WIDTH / over).min(WIDTH);
            let up = u128::from(one.figure) * u128::from(HEIGHT) / u128::from(most);
            format!("{left},{}", u128::from(HEIGHT) - up)
        };
        let points: Vec<String> = samples.iter().map(point).collect();
        Some(Self {
            title: title(first.ago, most),
            points: points.join(" "),
        })
    }
}

/// How much a growing figure grows in a second: at each sample, over the time before it that is at least this long.
pub(crate) fn rates(samples: &[Sample], over: Duration) -> Vec<Sample> {
    let rate = |(at, one): (usize, &Sample)| {
        let mut before = samples[..at].iter().rev();
        let before = before.find(|before| before.ago.saturating_sub(one.ago) >= over)?;
        let millis = (before.ago - one.ago).as_millis().max(1);
        let grown = u128::from(one.figure.saturating_sub(before.figure));
        Some(Sample {
            ago: one.ago,
            figure: u64::try_from(grown * 1_000 / millis).unwrap_or(u64::MAX),
        })
    };
    samples.iter().enumerate().filter_map(rate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(figures: &[(u64, u64)]) -> Vec<Sample> {
        let sample = |(ago, figure): &(u64, u64)| Sample {
            ago: Duration::from_secs(*ago),
            figure: *figure,
        };
        figures.iter().map(sample).collect()
    }

    #[test]
    fn a_line_goes_from_the_oldest_sample_to_now_and_up_to_the_highest() {
        let of = samples(&[(40, 0), (20, 100), (0, 50)]);
        let line = Line::new(&of, |over, most| format!("{} s, {most}", over.as_secs()));
        let line = line.map(|line| (line.title, line.points));
        let expected = ("40 s, 100".to_owned(), "0,32 100,0 200,16".to_owned());
        assert_eq!(line, Some(expected));
        assert_eq!(Line::new(&of[1..], |_, _| String::new()), None);
    }

    #[test]
    fn rates_are_measured_over_a_time() {
        let of = samples(&[(20, 0), (18, 0), (10, 1_000), (8, 1_000), (0, 1_000)]);
        let expected = samples(&[(10, 100), (8, 100), (0, 0)]);
        assert_eq!(rates(&of, Duration::from_secs(10)), expected);
        // A figure that falls does not grow.
        assert_eq!(
            rates(&samples(&[(9, 9), (0, 1)]), Duration::ZERO)[0].figure,
            0
        );
    }
}
