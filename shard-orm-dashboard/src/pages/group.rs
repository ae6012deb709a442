//! A group or named database on the page of the cluster: its servers, their endpoints, and the map.

use std::collections::HashMap;

use shard_orm::Cluster;
use shard_orm::admin::{CheckReport, ConnectionBudget, EndpointRole, ServerStatus, Status};
use shard_orm::health::{Readiness, ServerReadiness, Serving};
use shard_orm::reshard::{Job, JobState};
use shard_orm::statistics::{Anomaly, PoolStatistics, Rules, ServerSizes, Statistics, Trend};

use super::map::{Cell, Colour, Known, cells};
use crate::readings::{History, Jobs};
use crate::sizes::Sizes;
use crate::text;

/// A group.
#[derive(Debug)]
pub(super) struct GroupView {
    pub(super) name: String,
    /// The number of logical shards in use, with its noun.
    pub(super) shards: String,
    /// The kind of database, and how keys are routed.
    pub(super) kind: String,
    /// The rows of all logical shards of which they are known.
    pub(super) rows: String,
    /// And their bytes.
    pub(super) bytes: String,
    pub(super) servers: Vec<ServerView>,
    pub(super) cells: Vec<Cell>,
}

/// A server.
#[derive(Debug)]
pub(super) struct ServerView {
    pub(super) name: String,
    /// The number of logical shards, with its noun; empty for a named database.
    pub(super) shards: String,
    pub(super) bytes: String,
    /// How much of its capacity is filled, in percent, and in words.
    pub(super) fill: Option<(u64, String)>,
    /// What it serves: `reads and writes`.
    pub(super) serves: &'static str,
    /// `good`, `bad` or `unknown`.
    pub(super) class: &'static str,
    pub(super) endpoints: Vec<EndpointView>,
}

/// An endpoint of a server.
#[derive(Debug)]
pub(super) struct EndpointView {
    /// The URL, without password and parameters.
    pub(super) label: String,
    pub(super) role: &'static str,
    pub(super) version: String,
    /// How far a replica is behind; empty for a primary.
    pub(super) lag: String,
    /// The connections of all processes that publish their statistics, or of this process.
    pub(super) connections: String,
    /// What all processes need, and what the server accepts: percent, and in words.
    pub(super) budget: Option<(u64, String)>,
    pub(super) problem: Option<String>,
}

/// The readings from which groups follow. Those that are not there leave gaps.
pub(super) struct Parts<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) status: Option<&'a Status>,
    pub(super) check: Option<&'a CheckReport>,
    pub(super) jobs: Option<&'a Jobs>,
    pub(super) history: Option<&'a History>,
    pub(super) readiness: &'a Readiness,
    pub(super) statistics: &'a Statistics,
}

/// What is looked up by a name, made once for each page.
struct Index<'a> {
    ready: HashMap<(&'a str, &'a str), &'a ServerReadiness>,
    pools: HashMap<(&'a str, &'a str, usize), &'a PoolStatistics>,
    budgets: HashMap<&'a str, &'a ConnectionBudget>,
}

impl<'a> Parts<'a> {
    /// All groups.
    pub(super) fn groups(&self, colour: Colour) -> Vec<GroupView> {
        let index = self.index();
        let topology = self.cluster.topology();
        let group = |group| self.group(&index, group, colour);
        topology.groups().iter().map(group).collect()
    }

    /// All named databases.
    pub(super) fn databases(&self) -> Vec<ServerView> {
        let index = self.index();
        let topology = self.cluster.topology();
        let of_status = self.status.into_iter().flat_map(|status| &status.databases);
        let found: HashMap<&str, _> = of_status.map(|one| (&*one.server.name, one)).collect();
        let view = |name: &str, labels: Vec<String>| {
            let found = found.get(name);
            let bytes = found.and_then(|one| Some((one.size.bytes?, one.size.bytes_estimated)));
            let status = found.map(|one| &one.server);
            let mut view = self.server(&index, (name, name), status, labels);
            view.bytes = sized(bytes);
            view
        };
        let databases = topology.databases().iter();
        databases
            .map(|database| {
                let replicas = database.replicas().iter();
                let labels = std::iter::once(database.primary()).chain(replicas);
                view(database.name(), labels.map(|one| one.label()).collect())
            })
            .collect()
    }

    /// The servers that will be full soon, by their capacity and how they have grown over days, or else since the page
    /// was started.
    pub(super) fn filling(&self, stored: &[ServerSizes], sizes: &Sizes) -> Vec<Anomaly> {
        let epochs = self.history.and_then(|history| history.epochs.first());
        let servers = epochs.into_iter().flat_map(|epoch| &epoch.servers);
        let filling = servers.filter_map(|server| {
            let (group, name) = (&server.group, &server.name);
            let mut stored = stored.iter();
            let stored = stored.find(|own| own.group == *group && own.server == *name);
            let trend = stored.and_then(|own| Trend::of(&own.samples));
            let trend = trend.or_else(|| sizes.trend(group, name))?;
            Rules::new().find_filling(&server.group, &server.name, &trend, server.capacity?)
        });
        filling.collect()
    }

    fn index(&self) -> Index<'a> {
        let budgets = self.check.into_iter().flat_map(|check| &check.budgets);
        let by_label = |budget: &'a ConnectionBudget| {
            let labels = budget.endpoints.iter();
            labels.map(move |label| (&**label, budget))
        };
        let ready = self.readiness.servers.iter();
        let pools = self.statistics.servers.iter().flat_map(|server| {
            let pools = server.pools.iter();
            pools.map(move |pool| ((&*server.group, &*server.server, pool.endpoint), pool))
        });
        Index {
            ready: ready
                .map(|one| ((&*one.group, &*one.server), one))
                .collect(),
            pools: pools.collect(),
            budgets: budgets.flat_map(by_label).collect(),
        }
    }

    fn group(
        &self,
        index: &Index<'_>,
        group: &shard_orm::topology::Group,
        colour: Colour,
    ) -> GroupView {
        let name = group.name();
        let known = self.known(name);
        let mut of_status = self.status.into_iter().flat_map(|status| &status.groups);
        let status = of_status.find(|one| one.name == name);
        let servers = status.into_iter().flat_map(|one| &one.servers);
        let servers: HashMap<&str, &ServerStatus> = servers.map(|one| (&*one.name, one)).collect();
        let mut bytes: HashMap<&str, (u64, bool)> = HashMap::new();
        let mut shards: HashMap<usize, u64> = HashMap::new();
        // What is not known of any is not known of all.
        let mut rows: Option<u64> = None;
        let mut all: Option<(u64, bool)> = None;
        for namespace in known.namespaces.values() {
            if let Some(own) = namespace.rows {
                rows = Some(rows.unwrap_or(0) + own);
            }
            if let Some(size) = namespace.bytes {
                let of_server = bytes.entry(&namespace.server).or_default();
                of_server.0 += size;
                of_server.1 |= namespace.bytes_estimated;
                let (sum, is_estimate) = all.unwrap_or_default();
                all = Some((sum + size, is_estimate || namespace.bytes_estimated));
            }
        }
        let mut of_namespaces = known.namespaces.values();
        let are_estimates = of_namespaces.any(|one| one.rows_estimated);
        for placement in group.placements() {
            *shards.entry(placement.server()).or_default() += 1;
        }
        let views = group
            .servers()
            .iter()
            .enumerate()
            .map(|(position, server)| {
                let own = &**server.name();
                let labels = std::iter::once(server.primary()).chain(server.replicas());
                let labels = labels.map(|one| one.label()).collect();
                let mut view = self.server(index, (name, own), servers.get(own).copied(), labels);
                view.shards = text::count(*shards.get(&position).unwrap_or(&0), "logical shard");
                let size = bytes.get(own).copied();
                view.bytes = sized(size);
                view.fill = self.history.and_then(|history| {
                    let capacity = history.capacity(name, own)?;
                    let size = size?.0;
                    let words = format!("{} of {}", text::bytes(size), text::bytes(capacity));
                    Some((text::percent(size, capacity)?, words))
                });
                view
            });
        GroupView {
            name: name.to_owned(),
            shards: text::count(group.shards().count() as u64, "logical shard"),
            kind: match status {
                None => group.dialect().to_string(),
                Some(status) => format!("{}, routed by {}", status.dialect, status.strategy),
            },
            rows: text::estimated(rows.map(text::number), are_estimates),
            bytes: sized(all),
            servers: views.collect(),
            cells: cells(group, &known, colour),
        }
    }

    fn known(&self, group: &str) -> Known<'a> {
        let of_group = self.status.into_iter().flat_map(|status| &status.groups);
        let namespaces = of_group
            .filter(|one| one.name == group)
            .flat_map(|one| &one.shards);
        let jobs = self.jobs.into_iter().flat_map(|jobs| &jobs.jobs);
        // A logical shard whose old rows are held has moved.
        let is_open = |job: &Job| !job.state.is_over() && job.state != JobState::Holding;
        let jobs = jobs.filter(|job| job.group == group && is_open(job));
        let loads = self
            .statistics
            .shards
            .iter()
            .filter(|one| one.group == group);
        let unserved = self.readiness.servers.iter().filter(|one| {
            one.group == group && (one.reads == Serving::No || one.writes == Serving::No)
        });
        Known {
            namespaces: namespaces
                .filter_map(|one| Some((one.shard?, one)))
                .collect(),
            loads: loads
                .map(|one| (one.shard, one.windows.five.calls_per_second()))
                .collect(),
            moving: jobs
                .flat_map(|job| job.sources.iter().chain(&job.targets))
                .map(|part| part.shard)
                .collect(),
            unserved: unserved.map(|one| one.server.clone()).collect(),
        }
    }

    /// A server without its shards and size.
    fn server(
        &self,
        index: &Index<'_>,
        (group, name): (&str, &str),
        status: Option<&ServerStatus>,
        labels: Vec<String>,
    ) -> ServerView {
        let ready = index.ready.get(&(group, name));
        let (serves, class) = match ready.map(|one| (one.reads, one.writes)) {
            Some((Serving::No, Serving::No)) => ("neither reads nor writes", "bad"),
            Some((Serving::No, _)) => ("no reads", "bad"),
            Some((_, Serving::No)) => ("no writes", "bad"),
            Some((Serving::Yes, Serving::Yes)) => ("reads and writes", "good"),
            _ => ("not asked yet by a call", "unknown"),
        };
        let endpoint = |(position, label): (usize, String)| {
            let found = status.and_then(|status| status.endpoints.get(position));
            let pool = index.pools.get(&(group, name, position));
            let budget = index.budgets.get(&*label);
            EndpointView {
                role: match found.and_then(|found| found.role) {
                    Some(EndpointRole::Primary) => "primary",
                    Some(EndpointRole::Replica) => "replica",
                    Some(_) => "read-only",
                    None if found.is_some() => "does not answer",
                    None => text::UNKNOWN,
                },
                version: found
                    .and_then(|found| found.version.clone())
                    .unwrap_or_default(),
                lag: match found.map(|found| (found.lag, found.lag_bytes)) {
                    Some((Some(lag), Some(bytes))) => {
                        format!("{}, {}", text::duration(lag), text::bytes(bytes))
                    }
                    Some((Some(lag), None)) => text::duration(lag),
                    Some((None, Some(bytes))) => text::bytes(bytes),
                    _ => String::new(),
                },
                connections: pool.map_or_else(String::new, |pool| {
                    let mut text = format!("{} of {} in use", pool.in_use, pool.max);
                    if pool.waiting > 0 {
                        text.push_str(&format!(", {} waiting", pool.waiting));
                    }
                    text
                }),
                budget: budget.and_then(|budget| {
                    let words = format!("{} of {}", budget.needed, budget.accepted);
                    Some((text::percent(budget.needed, budget.accepted)?, words))
                }),
                problem: found.and_then(|found| found.problem.clone()),
                label,
            }
        };
        ServerView {
            name: name.to_owned(),
            shards: String::new(),
            bytes: String::new(),
            fill: None,
            serves,
            class,
            endpoints: labels.into_iter().enumerate().map(endpoint).collect(),
        }
    }
}

fn sized(size: Option<(u64, bool)>) -> String {
    let is_estimate = size.is_some_and(|(_, is_estimate)| is_estimate);
    text::estimated(size.map(|(bytes, _)| text::bytes(bytes)), is_estimate)
}
