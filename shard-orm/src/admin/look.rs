//! One look at an endpoint: its role, position, facts, and the difference of its clock.
//!
//! Taken by `status` and `check`, over a connection of the pool.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::time::timeout;

use super::servers::ServerAt;
use crate::backend::{Facts, Observed, observe};
use crate::connect::Lease;
use crate::error::{Error, ErrorKind, Result};

/// The role of an endpoint, as it reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum EndpointRole {
    /// Takes writes.
    Primary,
    /// Takes no writes, and follows a primary.
    Replica,
    /// Takes no writes, and follows no primary.
    ReadOnly,
}

/// An endpoint as it was seen.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) observed: Observed,
    pub(super) facts: Facts,
    /// The difference of its clock from that of this machine, and how uncertain it is.
    pub(super) clock: Option<ClockDifference>,
}

/// The difference of two clocks: positive if that of the server is ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClockDifference {
    pub(super) micros: i64,
    pub(super) uncertainty: Duration,
}

impl ClockDifference {
    /// The least difference that the clocks have.
    pub(super) fn least(self) -> Duration {
        Duration::from_micros(self.micros.unsigned_abs()).saturating_sub(self.uncertainty)
    }
}

impl Seen {
    pub(super) fn role(&self) -> EndpointRole {
        match (self.observed.writable, self.observed.follows) {
            (true, _) => EndpointRole::Primary,
            (false, true) => EndpointRole::Replica,
            (false, false) => EndpointRole::ReadOnly,
        }
    }

    /// The lag that it reports, and its lag in bytes behind a primary.
    pub(super) fn lag(&self, primary: Option<&Self>) -> (Option<Duration>, Option<u64>) {
        let reported = self.facts.replication.as_ref().and_then(|one| one.lag);
        let position = self.observed.position.as_ref();
        let of_primary = primary.and_then(|primary| primary.observed.position.as_ref());
        let bytes = position
            .zip(of_primary)
            .and_then(|(own, primary)| own.bytes_behind(primary));
        (reported, bytes)
    }
}

/// Looks at an endpoint of a server. The connection may serve further statements.
///
/// # Errors
/// When it cannot be reached, or does not answer in time.
pub(super) async fn look(server: &ServerAt, endpoint: usize) -> Result<(Option<Lease>, Seen)> {
    let Some(settings) = server.endpoints.get(endpoint).map(|one| one.pool()) else {
        return Err(Error::configuration("the server has no such endpoint"));
    };
    // An open connection to a server that does not answer would be waited for without end.
    let limit = settings.connect_timeout * 2;
    let looked = async {
        if server.dialect.capability().file_per_namespace {
            look_at_file(server, endpoint).await
        } else {
            look_at_server(server, endpoint).await
        }
    };
    match timeout(limit, looked).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Error::new(
            ErrorKind::Unavailable,
            format!("no answer within {limit:?}, twice the `connect_timeout`"),
        )),
    }
}

async fn look_at_server(server: &ServerAt, endpoint: usize) -> Result<(Option<Lease>, Seen)> {
    let mut lease = server.connect(endpoint).await?;
    let outcome = observe(lease.conn()?).await;
    let observed = lease.finish(outcome)?;
    let (facts, clock) = facts(&mut lease).await?;
    let seen = Seen {
        observed,
        facts,
        clock,
    };
    Ok((Some(lease), seen))
}

/// A server of SQLite is a folder: one of its files answers, if there is any.
async fn look_at_file(server: &ServerAt, endpoint: usize) -> Result<(Option<Lease>, Seen)> {
    let facts = match server.reachable() {
        Some(handle) => {
            let mut lease = handle.reading(endpoint).acquire().await?;
            facts(&mut lease).await?.0
        }
        None => Facts::default(),
    };
    let seen = Seen {
        observed: Observed {
            writable: endpoint == 0,
            follows: endpoint > 0,
            position: None,
        },
        facts,
        clock: None,
    };
    Ok((None, seen))
}

async fn facts(lease: &mut Lease) -> Result<(Facts, Option<ClockDifference>)> {
    let (asked, since) = (now(), Instant::now());
    let outcome = lease.conn()?.facts().await;
    let facts = lease.finish(outcome)?;
    let elapsed = since.elapsed();
    let clock = facts.clock.map(|clock| ClockDifference {
        // It was read at some time between question and answer.
        micros: clock - asked - i64::try_from(elapsed.as_micros() / 2).unwrap_or(i64::MAX),
        uncertainty: elapsed / 2,
    });
    Ok((facts, clock))
}

/// The time by the clock of this machine, in microseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
