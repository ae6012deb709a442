//! Each mode of the sync beside copying the table anew: rows that are read and written, statements, and time.

use shard_orm::sync::{Mode, Rows};

use crate::changes::Ids;
use crate::cost::{Column, Cost, rounds};
use crate::pair::{Pair, Site};
use crate::statements;
use crate::table;

/// What is compared; the first is the measure of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contender {
    Anew,
    By(Mode),
    Verify,
}

const ALL: [(Contender, &str, &str); 5] = [
    (Contender::Anew, "anew", "the table copied anew"),
    (Contender::By(Mode::Capture), "capture", "capture"),
    (Contender::By(Mode::Incremental), "criterion", "criterion"),
    (Contender::By(Mode::Full), "full", "full"),
    (Contender::Verify, "verify", "verify of equal tables"),
];

/// What a round has done beside taking time.
#[derive(Debug, Clone, Copy, Default)]
struct Done {
    read_at_source: u64,
    read_at_copy: u64,
    written: u64,
    statements: u64,
}

impl Done {
    fn rows(&self) -> u64 {
        self.read_at_source + self.read_at_copy + self.written
    }
}

impl From<Rows> for Done {
    fn from(rows: Rows) -> Self {
        Self {
            read_at_source: rows.read_at_source,
            read_at_copy: rows.read_at_copy,
            written: rows.written(),
            statements: 0,
        }
    }
}

struct Bench {
    pair: Pair,
    site: Site,
    ids: Ids,
    round: i64,
}

pub(crate) async fn measure(pair: Pair, rows: i64, given: usize, only: Option<&[String]>) {
    let site = Site::open(pair).await;
    let ids = Ids::new(rows);
    table::fill(&site, ids.first()).await;
    for mode in [Mode::Capture, Mode::Incremental, Mode::Full] {
        // All is there before the first round.
        let sync = table::sync_of(&site.cluster, mode);
        sync.run().await.unwrap().complete().unwrap();
    }
    table::analyze(pair, &site).await;
    let chosen: Vec<_> = ALL
        .into_iter()
        .filter(|(_, name, _)| only.is_none_or(|only| only.iter().any(|one| one == name)))
        .collect();
    let mut bench = Bench {
        pair,
        site,
        ids,
        round: 0,
    };
    let mut done = vec![Done::default(); chosen.len()];
    let costs = rounds(chosen.len(), given, async |index| {
        let (cost, did) = bench.run(chosen[index].0).await;
        done[index] = did;
        cost
    })
    .await;
    println!("\n{}, {rows} rows", pair.title());
    println!(
        "{:<26}{:>10}{:>9}{:>9}{:>8}{:>7}{:>10}{:>8}{:>11}{:>9}",
        "",
        "at source",
        "at copy",
        "written",
        "fewer",
        "sent",
        "wall ms",
        "ratio",
        "client ms",
        "best"
    );
    for ((cost, done), (_, _, title)) in costs.iter().zip(&done).zip(&chosen) {
        let wall = Column::new(cost, &costs[0], |cost| cost.wall);
        let cpu = Column::new(cost, &costs[0], |cost| cost.cpu);
        let best = cost.iter().map(|cost| cost.wall).min().unwrap();
        // The rows of the table are read at the source, and written at the copy.
        let fewer = 2.0 * rows as f64 / done.rows().max(1) as f64;
        println!(
            "{title:<26}{:>10}{:>9}{:>9}{fewer:>8.1}{:>7}{:>10.1}{:>8.4}{:>11.1}{:>9.1}",
            done.read_at_source,
            done.read_at_copy,
            done.written,
            done.statements,
            wall.median / 1e3,
            wall.ratio,
            cpu.median / 1e3,
            best.as_secs_f64() * 1e3,
        );
    }
    bench.site.cluster.close().await;
    bench.site.copy.close().await;
}

impl Bench {
    /// A round of one of them, whose changes are made before the time is taken.
    async fn run(&mut self, contender: Contender) -> (Cost, Done) {
        self.round += 1;
        self.prepare(contender).await;
        let cluster = &self.site.cluster;
        let mut done = Done::default();
        let before = statements::sent();
        let cost = Cost::of(1, async {
            match contender {
                Contender::Anew => {
                    let sync = table::sync_of(cluster, Mode::Capture);
                    done = sync.run().await.unwrap().complete().unwrap().rows().into();
                }
                Contender::By(mode) => {
                    let sync = table::sync_of(cluster, mode);
                    done = sync.run().await.unwrap().complete().unwrap().rows().into();
                }
                Contender::Verify => {
                    let sync = table::sync_of(cluster, Mode::Full);
                    for one in sync.verify().await.unwrap() {
                        let found = one.result.unwrap();
                        assert!(found.is_equal(), "{found}");
                        done.read_at_source = found.source.rows;
                        done.read_at_copy = found.copy.rows;
                    }
                }
            }
        })
        .await;
        done.statements = statements::sent() - before;
        (cost, done)
    }

    async fn prepare(&mut self, contender: Contender) {
        let cluster = &self.site.cluster;
        match contender {
            Contender::Anew => table::empty(self.pair, &self.site).await,
            Contender::By(mode) => {
                let changes = self.ids.change(mode != Mode::Incremental);
                match mode {
                    Mode::Incremental => table::change_ordered(cluster, &changes, self.round).await,
                    Mode::Full => table::change_compared(cluster, &changes, self.round).await,
                    _ => table::change_captured(cluster, &changes, self.round).await,
                }
            }
            // What the last round has changed.
            Contender::Verify => {
                let sync = table::sync_of(cluster, Mode::Full);
                sync.run().await.unwrap().complete().unwrap();
            }
        }
    }
}
