//! Publishes the figures of a cluster: once, or periodically.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::names::{kind, role};
use super::sink::{Published, Sink, float};
use super::sizes::{self, Sizes};
use super::table;
use crate::anomaly::{Rule, Rules};
use crate::cluster::{Cluster, EndpointHealth, Extension, ServerHealth, Statistics};
use crate::connect::ServerFigures;
use crate::health::{EndpointStatus, Serving};
use crate::observe::Event;
use crate::sync::supervised;
use crate::task::restarting;

/// Publishes the metrics of a cluster to the exporter of the crate `metrics` that is installed.
///
/// Everything that is read rather than counted (pools, lag, the epoch, the age of copies) is as old as the
/// last publication. So publish for each scrape, or every few seconds.
#[derive(Debug, Clone)]
#[must_use = "nothing is published before `publish` or `every`"]
pub struct Publisher {
    cluster: Cluster,
    shards: bool,
    jobs: bool,
    fleet: bool,
    rules: Rules,
}

/// The number of anomalies by group and rule.
pub(super) type Found = BTreeMap<(String, Rule), u64>;

/// What was published of a cluster, by any publisher.
#[derive(Debug, Default)]
struct OfCluster(Mutex<Published>);

impl Extension for OfCluster {
    fn create(_cluster: &Cluster) -> Self {
        Self::default()
    }
}

impl Publisher {
    /// Publishes what has bounded cardinality.
    pub fn new(cluster: &Cluster) -> Self {
        Self {
            cluster: cluster.clone(),
            shards: false,
            jobs: false,
            fleet: false,
            rules: Rules::new(),
        }
    }

    /// Publishes calls, errors and rows of each logical shard too: three time series for each, in each
    /// process.
    pub fn shards(mut self) -> Self {
        self.shards = true;
        self
    }

    /// With [`every`](Self::every), publishes the moves, splits and merges of the catalog too. Reads
    /// them by one statement each time, so let one process do it. Needs the feature `reshard`.
    pub fn jobs(mut self) -> Self {
        self.jobs = true;
        self
    }

    /// With [`every`](Self::every), publishes the anomalies of all processes in the place of those of this one, and the
    /// [sizes](Cluster::server_sizes) of the servers with what follows from them. Reads the statistics by one statement
    /// each time, and the sizes by two once a minute, so let one process do it. Needs a catalog.
    pub fn fleet(mut self) -> Self {
        self.fleet = true;
        self
    }

    /// Sets by which rules something is an anomaly.
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Publishes once, without asking a database. Call it before the metrics are scraped.
    ///
    /// ```
    /// # fn run(cluster: &shard_orm::Cluster) {
    /// use shard_orm::metrics::Publisher;
    ///
    /// Publisher::new(cluster).publish();
    /// # }
    /// ```
    pub fn publish(&self) {
        let own = self.cluster.statistics();
        self.publish_with(|sink| publish_anomalies(sink, &self.anomalies(&own)));
    }

    fn publish_with(&self, more: impl FnOnce(&mut Sink<'_>)) {
        let published = &self.cluster.extension::<OfCluster>().0;
        // A panic of the exporter leaves what was published until then.
        let mut published = published.lock().unwrap_or_else(PoisonError::into_inner);
        ::metrics::with_recorder(|recorder| {
            let mut sink = Sink::new(recorder, &mut published);
            for server in self.cluster.figures() {
                calls(&mut sink, &server);
                events(&mut sink, &server);
                pools(&mut sink, &server);
            }
            for server in self.cluster.health() {
                health(&mut sink, &server);
            }
            self.topology(&mut sink);
            self.copies(&mut sink);
            if self.shards {
                self.loads(&mut sink);
            }
            more(&mut sink);
            sink.end();
        });
    }

    /// Publishes every `period` until the result is dropped or the cluster is.
    pub fn every(self, period: Duration) -> Publishing {
        let (stop, stopped) = watch::channel(());
        let weak = self.cluster.downgrade();
        let (shards, jobs, fleet, rules) = (self.shards, self.jobs, self.fleet, self.rules);
        let runtime = self.cluster.runtime().clone();
        let publish = move || {
            let (weak, mut stopped, rules) = (weak.clone(), stopped.clone(), rules.clone());
            async move {
                let mut sizes = None;
                loop {
                    let Some(cluster) = weak.upgrade() else {
                        return;
                    };
                    let publisher = Self {
                        cluster,
                        shards,
                        jobs,
                        fleet,
                        rules: rules.clone(),
                    };
                    sizes = publisher.publish_all(sizes).await;
                    drop(publisher);
                    // An error says that it was dropped.
                    if tokio::time::timeout(period, stopped.changed())
                        .await
                        .is_ok()
                    {
                        return;
                    }
                }
            }
        };
        runtime.spawn(restarting("the publication of metrics", publish));
        Publishing { stop }
    }

    /// Publishes what is known and what has to be read; returns the sizes for the next time.
    async fn publish_all(&self, sizes: Option<Sizes>) -> Option<Sizes> {
        let statistics = match self.fleet {
            false => Some(self.cluster.statistics()),
            true => match self.cluster.fleet_statistics().await {
                Ok(fleet) => Some(fleet.statistics),
                Err(error) => {
                    tracing::debug!(
                        target: "shard_orm",
                        error = %error.kind(),
                        "the anomalies of the fleet were not published"
                    );
                    None
                }
            },
        };
        let sizes = match self.fleet {
            false => None,
            true => sizes::refresh(sizes, &self.cluster, &self.rules).await,
        };
        #[cfg(feature = "reshard")]
        let jobs = match self.jobs {
            false => None,
            true => match super::jobs::read(&self.cluster).await {
                Ok(jobs) => Some(jobs),
                Err(error) => {
                    tracing::debug!(
                        target: "shard_orm",
                        error = %error.kind(),
                        "the jobs of the catalog were not published"
                    );
                    None
                }
            },
        };
        self.publish_with(|sink| {
            let found = statistics.as_ref().map(|own| self.anomalies(own));
            let mut found = found.unwrap_or_default();
            if let Some(sizes) = &sizes {
                sizes.publish(sink, &mut found);
            }
            publish_anomalies(sink, &found);
            #[cfg(feature = "reshard")]
            if let Some(jobs) = &jobs {
                super::jobs::publish(sink, jobs);
            }
        });
        sizes
    }

    /// The number of anomalies of each group and named database by each rule for which statistics are enough.
    fn anomalies(&self, statistics: &Statistics) -> Found {
        let rules = Rule::ALL.into_iter();
        let rules: Vec<Rule> = rules.filter(|rule| *rule != Rule::Filling).collect();
        let mut found = Found::new();
        for server in &statistics.servers {
            found.extend(rules.iter().map(|rule| ((server.group.clone(), *rule), 0)));
        }
        for anomaly in self.rules.find(statistics) {
            let group = anomaly.subject.group().to_owned();
            *found.entry((group, anomaly.rule)).or_default() += 1;
        }
        found
    }

    fn topology(&self, sink: &mut Sink<'_>) {
        let readiness = self.cluster.readiness();
        sink.gauge(&table::EPOCH, &[], float(readiness.epoch));
        if let Some(catalog) = &readiness.catalog {
            sink.gauge(&table::CATALOG_UP, &[], bit(catalog.problem.is_none()));
            if let Some(answered) = catalog.answered {
                sink.gauge(&table::CATALOG_AGE, &[], answered.as_secs_f64());
            }
        }
        let mut unserved: BTreeMap<&str, usize> = BTreeMap::new();
        for server in readiness.servers.iter().filter(|server| server.shards > 0) {
            let is_missing = server.reads == Serving::No || server.writes == Serving::No;
            let missing = if is_missing { server.shards } else { 0 };
            *unserved.entry(&server.group).or_default() += missing;
        }
        for (group, shards) in unserved {
            sink.gauge(&table::UNSERVED, &[group], float(shards as u64));
        }
        for (group, hits, misses) in self.cluster.statement_cache() {
            sink.count(&table::CACHE_HITS, &[&group], hits);
            sink.count(&table::CACHE_MISSES, &[&group], misses);
        }
    }

    fn copies(&self, sink: &mut Sink<'_>) {
        for copy in supervised(&self.cluster) {
            let id = &copy.copy;
            let labels = [&*id.table, &*id.group, &*id.server];
            if let Some(lag) = copy.lag() {
                sink.gauge(&table::SYNC_AGE, &labels, lag.as_secs_f64());
            }
            sink.gauge(&table::SYNC_FAILURES, &labels, f64::from(copy.failures));
            sink.gauge(&table::SYNC_BLOCKED, &labels, float(copy.rows.blocked));
            sink.count(&table::SYNC_WRITTEN, &labels, copy.rows.written());
        }
    }

    fn loads(&self, sink: &mut Sink<'_>) {
        for (group, shard, load) in self.cluster.loads() {
            let labels = [&*group, &*shard.to_string()];
            sink.count(&table::SHARD_CALLS, &labels, load.calls);
            sink.count(&table::SHARD_ERRORS, &labels, load.errors);
            sink.count(&table::SHARD_ROWS, &labels, load.rows);
        }
    }
}

/// Publishes periodically, until it is dropped.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct Publishing {
    stop: watch::Sender<()>,
}

impl Publishing {
    /// Ends it, and waits for a publication that is under way.
    ///
    /// ```no_run
    /// # async fn run(publishing: shard_orm::metrics::Publishing) {
    /// publishing.stop().await;
    /// # }
    /// ```
    pub async fn stop(self) {
        self.stop.send_replace(());
        self.stop.closed().await;
    }
}

fn publish_anomalies(sink: &mut Sink<'_>, found: &Found) {
    for ((group, rule), number) in found {
        sink.gauge(&table::ANOMALIES, &[group, rule.name()], float(*number));
    }
}

fn calls(sink: &mut Sink<'_>, server: &ServerFigures) {
    for replica in [false, true] {
        for cell in server.observed.cells(replica) {
            let labels = [&*server.group, &*server.server, role(replica), cell.verb];
            sink.count(&table::CALLS, &labels, cell.load().calls);
            sink.histogram(&table::DURATIONS, &labels, &cell.durations);
            sink.histogram(&table::ROWS, &labels, &cell.rows);
            let [group, server, role, verb] = labels;
            for (error, count) in cell.errors() {
                let labels = [group, server, role, verb, &kind(error)];
                sink.count(&table::ERRORS, &labels, count);
            }
        }
    }
}

fn events(sink: &mut Sink<'_>, server: &ServerFigures) {
    let (group, name, observed) = (&*server.group, &*server.server, &server.observed);
    for (metric, event) in [
        (table::CANCELLED, Event::Cancelled),
        (table::LOST, Event::ConnectionLost),
        (table::UNKNOWN, Event::OutcomeUnknown),
        (table::ROLE_CHANGES, Event::RoleChanged),
    ] {
        sink.count(&metric, &[group, name], observed.events(event));
    }
    for (metric, reasons) in [
        (table::RETRIES, &Event::RETRIES[..]),
        (table::PRIMARY_READS, &Event::PRIMARY_READS[..]),
    ] {
        for (event, reason) in reasons {
            sink.count(&metric, &[group, name, reason], observed.events(*event));
        }
    }
    sink.histogram(&table::POOL_WAIT, &[group, name], &observed.waits);
    sink.histogram(&table::STRAGGLER, &[group, name], &observed.stragglers);
    sink.histogram_part(&table::SCATTER, &[group], name, &observed.widths);
}

fn pools(sink: &mut Sink<'_>, server: &ServerFigures) {
    for pool in &server.pools {
        let endpoint = pool.endpoint.to_string();
        let labels = [
            &*server.group,
            &*server.server,
            role(pool.replica),
            &endpoint,
        ];
        sink.gauge(&table::POOL_SIZE, &labels, float(pool.size));
        sink.gauge(&table::POOL_IN_USE, &labels, float(pool.in_use));
        sink.gauge(&table::POOL_MAX, &labels, float(pool.max));
        sink.gauge(&table::POOL_WAITING, &labels, float(pool.waiting));
    }
}

fn health(sink: &mut Sink<'_>, server: &ServerHealth) {
    let is_unknown = |endpoint: &EndpointHealth| endpoint.status == EndpointStatus::Unknown;
    for (index, endpoint) in server.endpoints.iter().enumerate() {
        let labels = [&*server.group, &*server.server, &*index.to_string()];
        if !is_unknown(endpoint) {
            let serves = matches!(
                endpoint.status,
                EndpointStatus::Primary | EndpointStatus::Serving
            );
            sink.gauge(&table::SERVING, &labels, bit(serves));
        }
        if let Some(lag) = endpoint.lag {
            sink.gauge(&table::LAG, &labels, lag.as_secs_f64());
        }
        if let Some(bytes) = endpoint.lag_bytes {
            sink.gauge(&table::LAG_BYTES, &labels, float(bytes));
        }
    }
    if server.takes_writes() || !server.endpoints.iter().any(is_unknown) {
        let labels = [&*server.group, &*server.server];
        sink.gauge(&table::WRITABLE, &labels, bit(server.takes_writes()));
    }
}

fn bit(is: bool) -> f64 {
    f64::from(u8::from(is))
}
