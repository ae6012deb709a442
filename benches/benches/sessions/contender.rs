//! What is compared: ways to read a row.

use std::time::{Duration, Instant};

use shard_orm::prelude::*;
use shard_orm::route::mix64;
use shard_orm::{Result, Session};

use crate::cost::Cost;
use crate::order::Order;
use crate::replicas::{Replicas, Witness};

/// How long it takes at most until the monitor has seen what was written.
const SETTLING: Duration = Duration::from_secs(10);
/// Reads by which it is told who serves them.
const ASKED: usize = 300;

/// Reads on what the contender reads on, after what it does before.
macro_rules! on {
    ($contender:expr, $row:ident, $on:ident => $read:expr) => {{
        let cluster = &$contender.cluster;
        let found: Result<_> = match &$contender.how {
            How::Plain(read) => {
                let $on = cluster.read_from(*read);
                $read
            }
            How::In(session) => {
                let $on = session;
                $read
            }
            How::Anew => {
                let $on = &cluster.session();
                $read
            }
            How::Resumed(token) => {
                let $on = &cluster.resume_session(token).unwrap();
                $read
            }
            How::AfterUpdate(read) => {
                $row.update(cluster).await.unwrap();
                let $on = cluster.read_from(*read);
                $read
            }
            How::AfterOwnUpdate => {
                let $on = &cluster.session();
                $row.update($on).await.unwrap();
                $read
            }
        };
        found.unwrap()
    }};
}

/// A way to read a row under its name.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    cluster: Cluster,
    how: How,
}

#[derive(Debug)]
enum How {
    /// Outside of any session, from a replica or from the primary.
    Plain(Read),
    /// In one session.
    In(Session),
    /// In a session that is begun for the one read.
    Anew,
    /// In a session that is resumed for the one read.
    Resumed(String),
    /// After an update of the row, outside of any session.
    AfterUpdate(Read),
    /// After an update of the row in the same session, begun for the two.
    AfterOwnUpdate,
}

impl Contender {
    /// Reads alone; the first is the measure of the others.
    pub(crate) async fn that_read(replicas: &Replicas) -> Vec<Self> {
        let cluster = &replicas.cluster;
        let written = wrote_everywhere(replicas).await;
        let contender = |name, how| Self {
            name,
            cluster: cluster.clone(),
            how,
        };
        vec![
            contender("replica", How::Plain(Read::Replica)),
            contender("session, nothing written", How::In(cluster.session())),
            contender("session of each read, nothing written", How::Anew),
            contender(
                "session, all shards written to",
                How::In(cluster.resume_session(&written).unwrap()),
            ),
            contender("the same, resumed for each read", How::Resumed(written)),
            contender("primary", How::Plain(Read::Primary)),
        ]
    }

    /// An update and a read of the same row.
    pub(crate) async fn that_write_and_read(replicas: &Replicas) -> Vec<Self> {
        let contender = |name, how| Self {
            name,
            cluster: replicas.cluster.clone(),
            how,
        };
        vec![
            contender("primary", How::AfterUpdate(Read::Primary)),
            contender("session of the two", How::AfterOwnUpdate),
            contender(
                "replica, which may not have it yet",
                How::AfterUpdate(Read::Replica),
            ),
        ]
    }

    /// Carries out so many operations, one after the other.
    pub(crate) async fn run(&self, rows: &[Order], operations: usize) -> Cost {
        Cost::of(operations, async {
            for turn in 0..operations {
                let row = any(rows, turn);
                let found = on!(self, row, on => Order::get(on, row.user_id, row.id).await);
                assert_eq!(found.placed_at, row.placed_at);
            }
        })
        .await
    }

    /// How many of a hundred reads the primary serves.
    pub(crate) async fn share_of_primary(&self, replicas: &Replicas) -> f64 {
        let mut by_primary = 0_u32;
        for turn in 0..ASKED {
            let row = any(replicas.rows(), turn);
            let seen = on!(self, row, on => Witness::get(on, row.user_id, row.id).await);
            by_primary += u32::from(seen.port == replicas.port());
        }
        f64::from(by_primary) * 100.0 / ASKED as f64
    }
}

/// One of the rows, unforeseen.
fn any(rows: &[Order], turn: usize) -> &Order {
    let random = mix64(turn as u64 + 1) >> 33;
    &rows[random as usize % rows.len()]
}

/// The token of a session that has written to each logical shard, with a position for each.
async fn wrote_everywhere(replicas: &Replicas) -> String {
    let session = replicas.cluster.session();
    for row in &replicas.rows()[..200] {
        row.update(&session).await.unwrap();
    }
    let begun = Instant::now();
    loop {
        let token = session.token();
        // A dash stands for a position that is not known yet.
        if !token.split('~').any(|mark| mark.ends_with(":-")) {
            return token;
        }
        assert!(begun.elapsed() < SETTLING, "not settled: {token}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
