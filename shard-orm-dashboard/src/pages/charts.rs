//! The charts of the page of traffic: calls, errors and latency of each group over the last 15 minutes.

use std::time::Duration;

use crate::chart::{Chart, ChartLine, Point, Scale};
use crate::text;
use crate::watch::{EVERY, GroupCourse, GroupSample, OVER};

/// The charts of a group.
#[derive(Debug)]
pub(super) struct GroupCharts {
    pub(super) group: String,
    pub(super) charts: Vec<Chart>,
    pub(super) figures: Figures,
}

/// The figures of the charts of a group: the last one, and the highest.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) calls: String,
    pub(super) most_calls: String,
    pub(super) errors: String,
    pub(super) most_errors: String,
    pub(super) p50: String,
    pub(super) most_p50: String,
    pub(super) p99: String,
    pub(super) most_p99: String,
}

/// A figure of the samples: what it is called, and how it is drawn.
struct Drawn {
    class: &'static str,
    points: Vec<Point>,
}

impl Drawn {
    fn new(
        class: &'static str,
        course: &GroupCourse,
        of: impl Fn(&GroupSample) -> Option<f64>,
    ) -> Self {
        let point = |(ago, sample): &(Duration, GroupSample)| Point {
            ago: *ago,
            figure: of(sample),
        };
        Self {
            class,
            points: course.samples.iter().map(point).collect(),
        }
    }

    fn last(&self) -> Option<f64> {
        self.points.last()?.figure
    }

    fn most(&self) -> Option<f64> {
        let figures = self.points.iter().filter_map(|point| point.figure);
        figures.reduce(f64::max)
    }
}

impl From<&GroupCourse> for GroupCharts {
    fn from(course: &GroupCourse) -> Self {
        let seconds = |duration: Option<Duration>| duration.map(|own| own.as_secs_f64());
        let calls = Drawn::new("calls", course, |own| Some(own.calls_per_second));
        let errors = Drawn::new("errors", course, |own| Some(own.errors_per_second));
        let p50 = Drawn::new("p50", course, |own| seconds(own.p50));
        let p99 = Drawn::new("p99", course, |own| seconds(own.p99));
        let figures = Figures {
            calls: rate(calls.last()),
            most_calls: rate(calls.most()),
            errors: rate(errors.last()),
            most_errors: rate(errors.most()),
            p50: latency(p50.last()),
            most_p50: latency(p50.most()),
            p99: latency(p99.last()),
            most_p99: latency(p99.most()),
        };
        let sentence =
            |what: &str, now: &str, most: &str| format!("{what}: {now} now, {most} at most.");
        let of_p50 = sentence("p50", &figures.p50, &figures.most_p50);
        let of_p99 = sentence("p99", &figures.p99, &figures.most_p99);
        let charts = vec![
            chart(
                format!("Calls in a second, group {}", course.group),
                sentence("Calls", &figures.calls, &figures.most_calls),
                (1.0, rate),
                &[&calls],
            ),
            chart(
                format!("Errors in a second, group {}", course.group),
                sentence("Errors", &figures.errors, &figures.most_errors),
                (0.1, rate),
                &[&errors],
            ),
            chart(
                format!(
                    "Latency, group {}: p99 as a whole line, p50 as a broken one",
                    course.group
                ),
                format!("{of_p50} {of_p99}"),
                (0.001, latency),
                &[&p50, &p99],
            ),
        ];
        Self {
            group: course.group.clone(),
            charts,
            figures,
        }
    }
}

fn chart(
    title: String,
    description: String,
    (least, words): (f64, fn(Option<f64>) -> String),
    drawn: &[&Drawn],
) -> Chart {
    let scale = Scale {
        over: OVER,
        // One sample may fail or be late.
        gap: EVERY * 5 / 2,
        least,
    };
    let points: Vec<&[Point]> = drawn.iter().map(|own| &*own.points).collect();
    let top = scale.top(&points);
    let line = |own: &&Drawn| scale.line(own.class, &own.points, top);
    let lines: Vec<ChartLine> = drawn.iter().map(line).collect();
    Chart {
        title,
        description,
        top: words(Some(top)),
        lines,
    }
}

fn rate(figure: Option<f64>) -> String {
    figure.map_or_else(
        || text::UNKNOWN.to_owned(),
        |figure| format!("{figure:.1}/s"),
    )
}

/// The duration of calls in seconds, of which there may be none.
fn latency(seconds: Option<f64>) -> String {
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.map_or_else(|| "no calls".to_owned(), text::duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_have_the_last_figures_and_the_highest() {
        let sample = |ago: u64, calls: f64, p99: Option<u64>| {
            let sample = GroupSample {
                group: "shop".to_owned(),
                calls_per_second: calls,
                errors_per_second: 0.0,
                p50: p99.map(|millis| Duration::from_millis(millis / 4)),
                p99: p99.map(Duration::from_millis),
            };
            (Duration::from_secs(ago), sample)
        };
        let course = GroupCourse {
            group: "shop".to_owned(),
            samples: vec![
                sample(20, 0.0, None),
                sample(10, 42.0, Some(80)),
                sample(0, 12.0, Some(40)),
            ],
        };
        let charts = GroupCharts::from(&course);
        let figures = &charts.figures;
        assert_eq!(
            (&*figures.calls, &*figures.most_calls),
            ("12.0/s", "42.0/s")
        );
        assert_eq!((&*figures.p50, &*figures.most_p99), ("10.0 ms", "80.0 ms"));
        let tops: Vec<&str> = charts.charts.iter().map(|chart| &*chart.top).collect();
        assert_eq!(tops, ["50.0/s", "0.1/s", "100.0 ms"]);
        let latency = &charts.charts[2];
        assert_eq!(
            latency.description,
            "p50: 10.0 ms now, 20.0 ms at most. p99: 40.0 ms now, 80.0 ms at most."
        );
        // Without calls there is no latency, and no point.
        assert_eq!(latency.lines[1].parts, ["296.7,12.0 300.0,36.0"]);
        assert_eq!(
            charts.charts[0].lines[0].parts,
            ["293.3,60.0 296.7,9.6 300.0,45.6"]
        );
    }
}
