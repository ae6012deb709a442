//! The latencies of an application while its logical shard moves.

use std::time::{Duration, Instant};

use shard_orm::reshard::Pace;

use crate::fleet::Fleet;
use crate::latency::{Application, Call, milliseconds, quantile};

const ROWS: i64 = 300_000;
/// How long each phase is measured, at least.
const WHILE: Duration = Duration::from_secs(15);
/// One call in so many writes.
const WRITES: u64 = 5;

/// What the shard does while calls are measured.
#[derive(Debug, Clone, Copy)]
enum Phase {
    Rests,
    /// Its writes are captured, and hardly a row is copied.
    Captured,
    Moves(Pace),
}

pub(crate) async fn measure(fleet: &Fleet) {
    fleet.fill(ROWS).await;
    let application = fleet.process().await;
    println!("\nlatencies while {ROWS} rows move, {:?}", fleet.dialect);
    println!(
        "{:<12}{:>8}{:>8}{:>10}{:>10}{:>10}{:>10}",
        "", "", "calls", "p50 ms", "p99 ms", "p50 of", "p99 of"
    );
    let mut first = Vec::new();
    let phases = [
        ("before", Phase::Rests),
        ("captured", Phase::Captured),
        ("gentle", Phase::Moves(Pace::Gentle)),
        ("full", Phase::Moves(Pace::Full)),
        ("after", Phase::Rests),
    ];
    for (name, phase) in phases {
        let traffic = Application::start(&application, fleet.key(), ROWS, WRITES);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut spans = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < WHILE {
            let since = Instant::now();
            match phase {
                Phase::Moves(pace) => {
                    let job = fleet.move_away(pace).await;
                    spans.push(since..Instant::now());
                    fleet.finish(job.id).await;
                }
                Phase::Captured => {
                    let span = fleet.capture_for(WHILE).await;
                    spans.push(span);
                }
                Phase::Rests => {
                    tokio::time::sleep(WHILE).await;
                    spans.push(since..Instant::now());
                }
            }
        }
        let calls = traffic.end().await.into_iter();
        let during = calls.filter(|call| spans.iter().any(|span| span.contains(&call.begun)));
        let during: Vec<Call> = during.collect();
        show(name, &during, &mut first);
    }
    application.close().await;
}

/// Prints the latencies of all calls, of reads and of writes, with their ratios to the `first` that were shown.
fn show(name: &str, calls: &[Call], first: &mut Vec<(f64, f64)>) {
    let kinds = [
        ("all", (|_| true) as fn(&Call) -> bool),
        ("reads", |call| !call.writes),
        ("writes", |call| call.writes),
    ];
    for (number, (kind, is_of)) in kinds.into_iter().enumerate() {
        let own = calls.iter().filter(|call| is_of(call));
        let mut times: Vec<Duration> = own.map(|call| call.took).collect();
        let half = milliseconds(quantile(&mut times, 50));
        let most = milliseconds(quantile(&mut times, 99));
        if first.len() == number {
            first.push((half, most));
        }
        let (base_half, base_most) = first[number];
        println!(
            "{name:<12}{kind:>8}{:>8}{half:>10.3}{most:>10.3}{:>10.2}{:>10.2}",
            times.len(),
            half / base_half,
            most / base_most
        );
    }
}
