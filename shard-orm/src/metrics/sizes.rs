//! The sizes of servers as metrics, and which of them will be full soon.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use super::publish::Found;
use super::sink::{Sink, float};
use super::table;
use crate::admin::{SizedServer, find_filling, sized_servers};
use crate::anomaly::{Rule, Rules, Trend};
use crate::cluster::Cluster;

/// How long what was read is published before it is read anew: it is measured once in an hour.
const FRESH: Duration = Duration::from_mins(1);

/// The sizes of the servers, as they were read last.
#[derive(Debug)]
pub(super) struct Sizes {
    read: Instant,
    servers: Vec<ServerSize>,
    /// By group, how many of the servers with a capacity will be full soon.
    filling: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct ServerSize {
    group: String,
    server: String,
    measured: SystemTime,
    used: u64,
    capacity: Option<u64>,
    full: Option<SystemTime>,
}

/// Reads the sizes from the catalog, if those at hand are not fresh. `None` if it does not answer.
pub(super) async fn refresh(
    kept: Option<Sizes>,
    cluster: &Cluster,
    rules: &Rules,
) -> Option<Sizes> {
    if let Some(fresh) = kept.filter(|kept| kept.read.elapsed() < FRESH) {
        return Some(fresh);
    }
    match sized_servers(cluster).await {
        Ok(servers) => Some(Sizes::new(&servers, rules)),
        Err(error) => {
            tracing::debug!(
                target: "shard_orm",
                error = %error.kind(),
                "the sizes of servers were not published"
            );
            None
        }
    }
}

impl Sizes {
    fn new(servers: &[SizedServer], rules: &Rules) -> Self {
        let mut filling: BTreeMap<String, u64> = BTreeMap::new();
        for server in servers.iter().filter(|server| server.capacity.is_some()) {
            filling.entry(server.sizes.group.clone()).or_default();
        }
        for anomaly in find_filling(rules, servers) {
            *filling
                .entry(anomaly.subject.group().to_owned())
                .or_default() += 1;
        }
        Self {
            read: Instant::now(),
            servers: servers.iter().filter_map(ServerSize::of).collect(),
            filling,
        }
    }

    /// Publishes the sizes, and adds the servers that will be full soon to what is unusual.
    pub(super) fn publish(&self, sink: &mut Sink<'_>, found: &mut Found) {
        for own in &self.servers {
            let labels = [&*own.group, &*own.server];
            sink.gauge(&table::USED, &labels, float(own.used));
            sink.gauge(&table::MEASURED, &labels, unix(own.measured));
            if let Some(capacity) = own.capacity {
                sink.gauge(&table::CAPACITY, &labels, float(capacity));
            }
            if let Some(full) = own.full {
                sink.gauge(&table::FULL, &labels, unix(full));
            }
        }
        for (group, number) in &self.filling {
            found.insert((group.clone(), Rule::Filling), *number);
        }
    }
}

impl ServerSize {
    fn of(server: &SizedServer) -> Option<Self> {
        let SizedServer { sizes, capacity } = server;
        let (measured, used) = *sizes.samples.last()?;
        let trend = Trend::of(&sizes.samples);
        let full = trend.zip(*capacity);
        Some(Self {
            group: sizes.group.clone(),
            server: sizes.server.clone(),
            measured,
            used,
            capacity: *capacity,
            full: full.and_then(|(trend, capacity)| trend.full_at(capacity)),
        })
    }
}

/// Seconds since 1970.
fn unix(time: SystemTime) -> f64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
