//! Figures of the last minutes as a chart: lines on one scale, as an SVG that is rendered here.
//!
//! Called by the page of traffic. A line without a scale, as of a job, is that of `course`.

use std::time::Duration;

/// The size of the drawing, in its own units.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 60.0;

/// A figure at a time; `None` if there was none, as the duration of no call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// How long ago.
    pub(crate) ago: Duration,
    pub(crate) figure: Option<f64>,
}

/// A chart.
#[derive(Debug, PartialEq)]
pub(crate) struct Chart {
    /// What is drawn.
    pub(crate) title: String,
    /// The figures in words, which readers of screens get in the place of the drawing.
    pub(crate) description: String,
    /// The figure at the upper edge.
    pub(crate) top: String,
    pub(crate) lines: Vec<ChartLine>,
}

/// A line of a chart.
#[derive(Debug, PartialEq)]
pub(crate) struct ChartLine {
    /// Its class in the style.
    pub(crate) class: &'static str,
    /// The points of each part: a line has a gap where nothing was measured.
    pub(crate) parts: Vec<String>,
}

/// What a chart shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// The time from the left edge to now.
    pub(crate) over: Duration,
    /// The time between two points beyond which there is a gap.
    pub(crate) gap: Duration,
    /// The smallest figure at the upper edge.
    pub(crate) least: f64,
}

impl Scale {
    /// The figure at the upper edge: the next of 1, 2 and 5 times a power of ten, so that it changes rarely.
    pub(crate) fn top(&self, lines: &[&[Point]]) -> f64 {
        let figures = lines.iter().flat_map(|points| points.iter());
        let most = figures
            .filter_map(|point| point.figure)
            .fold(self.least, f64::max);
        let mut power = 10_f64.powf(most.log10().floor());
        // The logarithm is rounded.
        while power * 10.0 <= most {
            power *= 10.0;
        }
        let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
        steps
            .into_iter()
            .find(|step| *step >= most)
            .unwrap_or(10.0 * power)
    }

    /// The line of points, the oldest first.
    pub(crate) fn line(&self, class: &'static str, points: &[Point], top: f64) -> ChartLine {
        let mut parts: Vec<Vec<(f64, f64)>> = Vec::new();
        let mut before: Option<Duration> = None;
        for point in points {
            let Some(figure) = point.figure else {
                before = None;
                continue;
            };
            let share = point.ago.as_secs_f64() / self.over.as_secs_f64().max(1.0);
            let left = WIDTH * (1.0 - share.min(1.0));
            let down = HEIGHT * (1.0 - (figure / top).clamp(0.0, 1.0));
            let is_near = before.is_some_and(|before| before.saturating_sub(point.ago) <= self.gap);
            before = Some(point.ago);
            match parts.last_mut().filter(|_| is_near) {
                Some(part) => part.push((left, down)),
                None => parts.push(vec![(left, down)]),
            }
        }
        ChartLine {
            class,
            parts: parts.iter().map(|part| text(part)).collect(),
        }
    }
}

fn text(part: &[(f64, f64)]) -> String {
    let point = |(left, down): &(f64, f64)| format!("{left:.1},{down:.1}");
    match part {
        // A single point is a short line, so that it is seen.
        [(left, down)] => [(left - 2.0, *down), (*left, *down)]
            .map(|one| point(&one))
            .join(" "),
        part => part.iter().map(point).collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: Scale = Scale {
        over: Duration::from_secs(100),
        gap: Duration::from_secs(20),
        least: 1.0,
    };

    fn points(figures: &[(u64, Option<f64>)]) -> Vec<Point> {
        let point = |(ago, figure): &(u64, Option<f64>)| Point {
            ago: Duration::from_secs(*ago),
            figure: *figure,
        };
        figures.iter().map(point).collect()
    }

    #[test]
    fn the_upper_edge_is_a_round_number_above_all_lines() {
        let top = |figure: f64| SCALE.top(&[&points(&[(0, Some(figure))]), &points(&[(0, None)])]);
        for (figure, expected) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (1.1, 2.0),
            (4.9, 5.0),
            (7.0, 10.0),
            (10.0, 10.0),
            (1_000.0, 1_000.0),
            (1_001.0, 2_000.0),
        ] {
            assert!(
                (top(figure) - expected).abs() < 1e-9,
                "{figure}: {}",
                top(figure)
            );
        }
    }

    #[test]
    fn a_line_goes_from_the_left_to_now_and_has_gaps() {
        let of = points(&[
            (100, Some(0.0)),
            (90, Some(10.0)),
            (60, Some(5.0)),
            (50, None),
            (10, Some(5.0)),
            (0, Some(10.0)),
        ]);
        let line = SCALE.line("calls", &of, 10.0);
        let expected = [
            "0.0,60.0 30.0,0.0",
            "118.0,30.0 120.0,30.0",
            "270.0,30.0 300.0,0.0",
        ];
        assert_eq!(line.parts, expected);
    }
}
