//! The latencies of an application while its logical shard moves.

use std::time::{Duration, Instant};

use shard_orm::reshard::Pace;

use crate::fleet::Fleet;
use crate::latency::{Application, milliseconds, quantile};

const ROWS: i64 = 300_000;
/// How long each phase is measured, at least.
const WHILE: Duration = Duration::from_secs(15);
/// One call in so many writes.
const WRITES: u64 = 5;

pub(crate) async fn measure(fleet: &Fleet) {
    fleet.fill(ROWS).await;
    let application = fleet.process().await;
    println!("\nlatencies while {ROWS} rows move, {:?}", fleet.dialect);
    println!(
        "{:<24}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "", "calls", "p50 ms", "p99 ms", "max ms", "p50 of", "p99 of"
    );
    let mut first: Option<(f64, f64)> = None;
    let phases = [
        ("before", None),
        ("gentle", Some(Pace::Gentle)),
        ("full", Some(Pace::Full)),
        ("after", None),
    ];
    for (name, moving) in phases {
        let traffic = Application::start(&application, fleet.key(), ROWS, WRITES);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut spans = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < WHILE {
            let since = Instant::now();
            match moving {
                Some(pace) => {
                    let job = fleet.move_away(pace).await;
                    spans.push(since..Instant::now());
                    fleet.finish(job.id).await;
                }
                None => {
                    tokio::time::sleep(WHILE).await;
                    spans.push(since..Instant::now());
                }
            }
        }
        let calls = traffic.end().await.into_iter();
        let during = calls.filter(|call| spans.iter().any(|span| span.contains(&call.begun)));
        let mut times: Vec<Duration> = during.map(|call| call.took).collect();
        let (half, most) = (
            milliseconds(quantile(&mut times, 50)),
            milliseconds(quantile(&mut times, 99)),
        );
        let longest = milliseconds(times[times.len() - 1]);
        let (base_half, base_most) = *first.get_or_insert((half, most));
        println!(
            "{name:<24}{:>8}{half:>10.3}{most:>10.3}{longest:>10.1}{:>10.2}{:>10.2}",
            times.len(),
            half / base_half,
            most / base_most
        );
    }
    application.close().await;
}
