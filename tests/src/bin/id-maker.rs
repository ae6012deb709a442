//! One process that makes ids, for tests that need several and stop or kill some.
//!
//! `id-maker clock WORKER COUNT SEED` writes snowflakes to its standard output, 8 bytes each in little endian, made by
//! a clock that steps back and forth and stands still.
//!
//! `id-maker database CONFIGURATION` opens the cluster of a TOML text and obeys the lines of its standard input:
//! `notes 10` inserts 10 rows with snowflakes, `tickets 10` with numbers of a table. It answers each with one line: the
//! ids, or `error` and what went wrong.

use std::io::{BufRead, Write, stdin, stdout};
use std::sync::atomic::{AtomicI64, Ordering};

use shard_orm::config::Config;
use shard_orm::id::{Clock, Layout, Refusal, Snowflakes};
use shard_orm::prelude::*;
use shard_orm::route::mix64;

#[derive(Debug, ShardModel)]
#[shard(database = "default", table = "notes")]
struct Note {
    #[shard(primary_key, generate = "snowflake")]
    id: i64,
}

#[derive(Debug, ShardModel)]
#[shard(database = "default", table = "tickets")]
struct Ticket {
    #[shard(primary_key, generate = "table")]
    id: i64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["clock", worker, count, seed] => clock(
            worker.parse().unwrap(),
            count.parse().unwrap(),
            seed.parse().unwrap(),
        ),
        ["database", configuration] => database(configuration),
        _ => {
            eprintln!("usage: id-maker clock WORKER COUNT SEED | id-maker database CONFIGURATION");
            std::process::exit(2);
        }
    }
}

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

/// Its wall clock steps by up to a day now and then and stands still in between; its other clock advances by up to 20
/// microseconds at a look.
#[derive(Debug)]
struct Unsteady {
    seed: u64,
    looks: AtomicI64,
    wall: AtomicI64,
    elapsed: AtomicI64,
}

impl Clock for Unsteady {
    fn wall(&self) -> i64 {
        let look = self.looks.fetch_add(1, Ordering::Relaxed).cast_unsigned();
        let random = mix64(self.seed.wrapping_add(look));
        if random.is_multiple_of(5_000) {
            let step = (mix64(random) % (2 * DAY.cast_unsigned())).cast_signed() - DAY;
            // All processes stay within a month of each other, so that their milliseconds meet.
            let now = self.wall.load(Ordering::Relaxed);
            let next = (now + step).clamp(500 * DAY, 530 * DAY);
            self.wall.store(next, Ordering::Relaxed);
        }
        self.wall.load(Ordering::Relaxed)
    }

    fn elapsed(&self) -> i64 {
        let random = mix64(self.seed ^ self.looks.load(Ordering::Relaxed).cast_unsigned());
        self.elapsed
            .fetch_add((random % 20).cast_signed(), Ordering::Relaxed)
    }
}

fn clock(worker: u32, count: usize, seed: u64) {
    let clock = Unsteady {
        seed,
        looks: AtomicI64::new(0),
        wall: AtomicI64::new(500 * DAY),
        elapsed: AtomicI64::new(0),
    };
    let snowflakes = Snowflakes::with_clock(Layout::default(), worker, clock);
    let mut out = std::io::BufWriter::new(stdout().lock());
    let mut made = 0;
    while made < count {
        match snowflakes.try_next(mix64(made as u64).cast_signed()) {
            Ok(id) => {
                out.write_all(&id.to_le_bytes()).unwrap();
                made += 1;
            }
            // The next look at the clock advances it.
            Err(Refusal::Ahead(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    out.flush().unwrap();
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn database(configuration: &str) {
    let config = Config::from_toml(configuration).unwrap();
    let cluster = Cluster::connect(&config).await.unwrap();
    let setup = cluster.setup().table::<Note>().table::<Ticket>();
    setup.run().await.unwrap();
    answer("ready");
    let (lines, mut inbox) = tokio::sync::mpsc::unbounded_channel();
    // A thread of its own: the runtime goes on with its tasks while no line comes.
    std::thread::spawn(move || {
        for line in stdin().lock().lines() {
            lines.send(line.unwrap()).unwrap();
        }
    });
    while let Some(line) = inbox.recv().await {
        let (what, count) = line.split_once(' ').unwrap();
        let count: usize = count.parse().unwrap();
        let ids = match what {
            "notes" => {
                let rows = (0..count).map(|_| Note { id: 0 }).collect();
                let rows = Note::insert_many(&cluster, rows).await;
                rows.map(|rows| rows.iter().map(|row| row.id).collect::<Vec<_>>())
            }
            _ => {
                let rows = (0..count).map(|_| Ticket { id: 0 }).collect();
                let rows = Ticket::insert_many(&cluster, rows).await;
                rows.map(|rows| rows.iter().map(|row| row.id).collect())
            }
        };
        match ids {
            Ok(ids) => answer(&ids.iter().map(i64::to_string).collect::<Vec<_>>().join(" ")),
            Err(error) => answer(&format!("error {error}")),
        }
    }
    cluster.close().await;
}

fn answer(line: &str) {
    let mut out = stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}
