//! The statistics of all processes of a cluster.

use std::time::Duration;

use super::figures::{Cut, Figures};
use super::read::read;
use super::report::Statistics;
use super::text::parse;
use crate::catalog::{PublishedText, SILENCE, Store};
use crate::cluster::Cluster;
use crate::error::{Error, Result};

/// The calls of all processes, from [`Cluster::fleet_statistics`].
///
/// ```no_run
/// # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
/// let fleet = cluster.fleet_statistics().await?;
/// println!("by {} of {} processes", fleet.counted().count(), fleet.processes.len());
/// for server in &fleet.statistics.servers {
///     println!("{}: {:.0} calls/s", server.server, server.windows.five.calls_per_second());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FleetStatistics {
    /// The processes that have reported within the last minute, those that reported last first, and whether their
    /// calls are in the statistics.
    pub processes: Vec<FleetProcess>,
    /// The sums over these processes: numbers and histograms are added, and quantiles are those of the sum.
    ///
    /// Windows end when each process has published, up to its heartbeat ago. `total` has no quantiles. Verbs are not
    /// published, and of statements and tables only the notable ones of each process.
    pub statistics: Statistics,
}

/// A process that uses the cluster, and what it has published.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FleetProcess {
    /// Its random id, as that of a [`Process`](crate::catalog::Process).
    pub id: String,
    /// The configured name.
    pub name: String,
    /// The machine.
    pub host: String,
    /// The process id on that machine.
    pub pid: u32,
    /// Whether its calls are in the statistics, and if not, why.
    pub published: Published,
    /// How old its figures are, by the clock of the catalog's database.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "age_seconds", serialize_with = "crate::units::seconds")
    )]
    pub age: Option<Duration>,
    /// The servers that it has left out for lack of room: those with the least time.
    pub servers_left_out: u64,
    /// The statements that it has left out: all but the 20 most notable ones, and those without room.
    pub statements_left_out: u64,
    /// The logical shards with calls that it has left out for lack of room: those with the least time.
    pub shards_left_out: u64,
}

/// Whether the calls of a process are in the statistics of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Published {
    /// They are.
    Counted,
    /// It has published nothing: it has just begun, or is built without the feature `metrics`.
    Nothing,
    /// What it has published is older than a minute.
    Old,
    /// It has published in a form that this version of the library does not read.
    OtherVersion,
}

impl FleetStatistics {
    /// The processes whose calls are in the statistics.
    pub fn counted(&self) -> impl Iterator<Item = &FleetProcess> {
        let processes = self.processes.iter();
        processes.filter(|process| process.published == Published::Counted)
    }

    /// The age of the oldest figures in the statistics; `None` if there are none.
    #[must_use]
    pub fn oldest(&self) -> Option<Duration> {
        self.counted().filter_map(|process| process.age).max()
    }
}

impl Cluster {
    /// The calls of all processes that publish their statistics in the catalog: those with the feature `metrics` and a
    /// [heartbeat](crate::config::Catalog::heartbeat) that have reported within the last minute. Reads one statement's
    /// rows from the catalog.
    ///
    /// With each heartbeat, by default every 10 seconds, a process publishes at most 64 KiB by one statement. If that is
    /// not enough, it leaves out the logical shards with the least time first, then statements, then the servers with
    /// the least time; [`FleetProcess`] says how many.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if the cluster has no catalog; the error of the catalog's
    /// database, or [`Timeout`](crate::ErrorKind::Timeout) if it does not answer.
    pub async fn fleet_statistics(&self) -> Result<FleetStatistics> {
        let Some(follower) = self.follower() else {
            return Err(Error::configuration(
                "the cluster has no catalog, in which processes publish their statistics; \
                 `Cluster::statistics` has those of this process",
            ));
        };
        let options = follower.options();
        let handle = self.handle_of_database(&options.database)?;
        let asked = Store::new(&handle).published(SILENCE);
        let found = Store::within(options.timeout, asked).await?;
        let mut sum = Figures::default();
        let processes = found.into_iter().map(|one| add(one, &mut sum)).collect();
        Ok(FleetStatistics {
            processes,
            statistics: read(self, sum),
        })
    }
}

/// Adds what a process has published, if it is recent.
fn add(found: PublishedText, sum: &mut Figures) -> FleetProcess {
    let age = found.text.as_ref().map(|(age, _)| *age);
    let (published, cut) = match &found.text {
        None => (Published::Nothing, Cut::default()),
        Some((age, _)) if *age > SILENCE => (Published::Old, Cut::default()),
        Some((_, text)) => match parse(text) {
            None => (Published::OtherVersion, Cut::default()),
            Some(figures) => {
                let cut = figures.cut;
                sum.add(figures);
                (Published::Counted, cut)
            }
        },
    };
    FleetProcess {
        id: found.id,
        name: found.name,
        host: found.host,
        pid: found.pid,
        published,
        age,
        servers_left_out: cut.servers,
        statements_left_out: cut.statements,
        shards_left_out: cut.shards,
    }
}
