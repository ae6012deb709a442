//! What is asked of the cluster for the pages, by functions of the library that operators use too.
//!
//! What costs nothing (topology, readiness, the statistics of this process) is read for each page anew; it needs no entry here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use shard_orm::admin::{
    CheckOptions, CheckReport, CopyProgress, Status, StatusOptions, TableSize, check, status,
    sync_status, table_sizes,
};
use shard_orm::catalog::{Document, Event, Process, Revision, ServerEntry};
use shard_orm::migrate::{CheckModels, Migrations, ModelReport, ShardLevel};
use shard_orm::reshard::{Job, StoredPlan};
use shard_orm::statistics::ServerSizes;
use shard_orm::{Cluster, Result};

use crate::calls::Fleet;
use crate::course::Sample;
use crate::options::Options;
use crate::per_shard::PerShard;
use crate::reading::Reading;
use crate::sizes::Sizes;
use crate::watch::Watch;

/// The number of events that are read.
const EVENTS: u32 = 50;
/// The number of epochs that are read.
const EPOCHS: u32 = 100;
/// The least time between two readings of what processes publish every 10 seconds.
const FLEET: Duration = Duration::from_secs(5);
/// The least time between two readings of the tables of a logical shard, and of its migrations.
const TABLES: Duration = Duration::from_secs(2);
const LEVELS: Duration = Duration::from_secs(15);
/// The least time between two readings of sizes that are measured once an hour.
const STORED: Duration = Duration::from_mins(5);
/// The time over which the rate of a job is measured.
const RATE_OVER: Duration = Duration::from_secs(60);
/// The least time over which a rate means something: jobs record their progress every few seconds.
const LEAST_RATE: Duration = Duration::from_secs(4);
/// How long the progress of a job is kept.
const COURSE: Duration = Duration::from_mins(10);

/// The sources of the pages.
#[derive(Debug)]
pub(crate) struct Readings {
    pub(crate) cluster: Cluster,
    /// Servers and namespaces.
    pub(crate) status: Reading<Status>,
    /// What is wrong.
    pub(crate) check: Reading<CheckReport>,
    /// Moves, splits and merges.
    pub(crate) jobs: Reading<Jobs>,
    /// What is carried out as several jobs.
    pub(crate) plans: Reading<Vec<StoredPlan>>,
    /// The audit log.
    pub(crate) events: Reading<Vec<Event>>,
    /// The processes of the cluster.
    pub(crate) processes: Reading<Vec<Process>>,
    /// The epochs of the topology.
    pub(crate) history: Reading<History>,
    /// The copies of static tables.
    pub(crate) copies: Reading<Vec<CopyProgress>>,
    /// The statistics of all processes.
    pub(crate) fleet: Reading<Fleet>,
    /// The sizes of the servers over days, as the catalog has them.
    pub(crate) stored: Reading<Vec<ServerSizes>>,
    /// The sizes of the servers since the page was started.
    pub(crate) sizes: Arc<Sizes>,
    /// The calls of the last minutes.
    pub(crate) watch: Watch,
    /// The tables of the logical shards that are looked at, the largest first.
    pub(crate) tables: PerShard<Vec<TableSize>>,
    /// Their migrations, and the differences of their tables.
    pub(crate) levels: PerShard<Level>,
}

/// The migrations of a logical shard, and the differences of its tables.
#[derive(Debug)]
pub(crate) struct Level {
    pub(crate) level: ShardLevel,
    /// The differences from the models, if the page has some.
    pub(crate) models: Option<ModelReport>,
}

/// The jobs of the catalog.
#[derive(Debug)]
pub(crate) struct Jobs {
    /// The newest first.
    pub(crate) jobs: Vec<Job>,
    /// The rows that each running job copies in a second, once that was measured.
    pub(crate) rates: BTreeMap<u64, u64>,
    /// The progress of each running job since it was first read, or within the last minutes.
    pub(crate) courses: BTreeMap<u64, Course>,
}

/// The progress of a job, the oldest sample first.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// Rows that were copied.
    pub(crate) rows: Vec<Sample>,
    /// Changes that wait.
    pub(crate) backlog: Vec<Sample>,
}

/// The last epochs of the topology, the newest first.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) epochs: Vec<Arc<Epoch>>,
}

/// One epoch, and the servers in its document.
#[derive(Debug)]
pub(crate) struct Epoch {
    pub(crate) revision: Revision,
    /// Empty if its document cannot be read.
    pub(crate) servers: Vec<ServerEntry>,
}

impl Readings {
    pub(crate) fn new(cluster: &Cluster, options: &Options) -> Self {
        let (seen, parsed) = (Arc::default(), Arc::default());
        let sizes: Arc<Sizes> = Arc::default();
        let noted = Arc::clone(&sizes);
        Self {
            status: of(cluster, move |cluster| {
                let noted = Arc::clone(&noted);
                async move {
                    let status = status(&cluster, StatusOptions::new()).await?;
                    noted.note(&status, SystemTime::now());
                    Ok(status)
                }
            }),
            check: of(cluster, |cluster| async move {
                check(&cluster, CheckOptions::new()).await
            }),
            jobs: of(cluster, move |cluster| jobs(cluster, Arc::clone(&seen))),
            plans: of(cluster, |cluster| async move {
                cluster.reshard()?.plans().await
            }),
            events: of(cluster, |cluster| async move {
                let mut events = cluster.catalog()?.events(EVENTS).await?;
                events.sort_by_key(|event| std::cmp::Reverse(event.number));
                Ok(events)
            }),
            processes: of(cluster, |cluster| async move {
                cluster.catalog()?.processes().await
            }),
            history: of(cluster, move |cluster| {
                history(cluster, Arc::clone(&parsed))
            }),
            copies: of(
                cluster,
                |cluster| async move { sync_status(&cluster).await },
            ),
            fleet: of(cluster, |cluster| async move {
                cluster.fleet_statistics().await.map(Fleet::from)
            })
            .every(FLEET),
            stored: {
                let measures = options.measures_sizes;
                let read = move |cluster| stored(cluster, measures);
                of(cluster, read).every(STORED)
            },
            sizes,
            watch: Watch::default(),
            tables: per_shard(cluster, TABLES, |cluster, group, shard| async move {
                table_sizes(&cluster, &group, shard).await
            }),
            levels: {
                let migrations = options.migrations.clone();
                let migrations = migrations.unwrap_or_else(Migrations::none);
                let models = options.models.clone();
                per_shard(cluster, LEVELS, move |cluster, group, shard| {
                    level(cluster, (group, shard), migrations.clone(), models.clone())
                })
            },
            cluster: cluster.clone(),
        }
    }
}

/// The sizes of servers. Measures them before, if that is wanted and no process of the cluster has within this hour.
async fn stored(cluster: Cluster, measures: bool) -> Result<Vec<ServerSizes>> {
    if measures && let Err(error) = cluster.measure_server_sizes().await {
        tracing::debug!(%error, "the sizes of servers were not kept in the catalog");
    }
    cluster.server_sizes().await
}

fn of<T, F>(cluster: &Cluster, read: impl Fn(Cluster) -> F + Send + Sync + 'static) -> Reading<T>
where
    T: Send + Sync + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let cluster = cluster.clone();
    Reading::new(move || read(cluster.clone()))
}

fn per_shard<T, F>(
    cluster: &Cluster,
    period: Duration,
    read: impl Fn(Cluster, String, u32) -> F + Send + Sync + 'static,
) -> PerShard<T>
where
    T: Send + Sync + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let cluster = cluster.clone();
    PerShard::new(period, move |group, shard| {
        read(cluster.clone(), group, shard)
    })
}

async fn level(
    cluster: Cluster,
    (group, shard): (String, u32),
    migrations: Migrations,
    models: Option<CheckModels>,
) -> Result<Level> {
    let migrate = cluster.migrate(&migrations);
    let level = migrate.shard_level(&group, shard).await?;
    let models = match models {
        Some(models) => Some(models.shard(group, shard).run().await?),
        None => None,
    };
    Ok(Level { level, models })
}

impl Epoch {
    fn new(revision: Revision) -> Self {
        let document = revision.document.parse::<Document>();
        Self {
            servers: document.map_or_else(|_| Vec::new(), |document| document.servers()),
            revision,
        }
    }

    /// The server of a logical shard, if the document says it.
    pub(crate) fn server_of(&self, group: &str, shard: u32) -> Option<&ServerEntry> {
        let has = |run: &String| match run.split_once("..") {
            Some((first, end)) => {
                let (first, end) = (first.trim().parse(), end.trim().parse());
                matches!((first, end), (Ok(first), Ok(end)) if (first..end).contains(&shard))
            }
            None => run.trim().parse() == Ok(shard),
        };
        let mut servers = self.servers.iter().filter(|server| server.group == group);
        servers.find(|server| server.shards.iter().any(has))
    }
}

impl History {
    /// How many bytes of rows a server is meant to hold, by the newest epoch.
    pub(crate) fn capacity(&self, group: &str, server: &str) -> Option<u64> {
        let mut servers = self.epochs.first()?.servers.iter();
        let own = servers.find(|own| own.group == group && own.name == server);
        own?.capacity
    }
}

/// Reads the last epochs. Only those that were not read before are parsed.
async fn history(cluster: Cluster, parsed: Arc<Mutex<Vec<Arc<Epoch>>>>) -> Result<History> {
    let revisions = cluster.catalog()?.history(EPOCHS).await?;
    let mut parsed = parsed.lock().unwrap_or_else(PoisonError::into_inner);
    let known: BTreeMap<u64, &Arc<Epoch>> =
        parsed.iter().map(|own| (own.revision.epoch, own)).collect();
    let epochs = revisions.into_iter().map(|revision| {
        let same = known.get(&revision.epoch);
        match same.filter(|same| same.revision == revision) {
            Some(same) => Arc::clone(same),
            None => Arc::new(Epoch::new(revision)),
        }
    });
    let epochs: Vec<Arc<Epoch>> = epochs.collect();
    parsed.clone_from(&epochs);
    Ok(History { epochs })
}

/// The rows and waiting changes of the jobs that are not over, at one time.
type Progress = (Instant, BTreeMap<u64, (u64, u64)>);

async fn jobs(cluster: Cluster, seen: Arc<Mutex<VecDeque<Progress>>>) -> Result<Jobs> {
    let jobs = cluster.reshard()?.jobs().await?;
    let running = jobs.iter().filter(|job| !job.state.is_over());
    let progress: BTreeMap<u64, (u64, u64)> = running
        .map(|job| (job.id, (job.copied.rows, job.copied.backlog)))
        .collect();
    let now = Instant::now();
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    while seen.front().is_some_and(|(at, _)| now - *at > COURSE) {
        seen.pop_front();
    }
    seen.push_back((now, progress));
    let mut courses: BTreeMap<u64, Course> = BTreeMap::new();
    if let Some((_, open)) = seen.back() {
        for (at, of) in seen.iter() {
            // Those that are over have no course.
            for (job, (rows, backlog)) in of.iter().filter(|(job, _)| open.contains_key(job)) {
                let course = courses.entry(*job).or_default();
                let sample = |figure: &u64| Sample {
                    ago: now - *at,
                    figure: *figure,
                };
                course.rows.push(sample(rows));
                course.backlog.push(sample(backlog));
            }
        }
    }
    let rates = courses
        .iter()
        .filter_map(|(job, course)| Some((*job, rate(&course.rows)?)));
    Ok(Jobs {
        rates: rates.collect(),
        jobs,
        courses,
    })
}

/// The rows in a second over the last minute, if they were seen for long enough.
fn rate(rows: &[Sample]) -> Option<u64> {
    let last = rows.last()?;
    let mut rows = rows.iter();
    let first = rows.find(|sample| sample.ago <= RATE_OVER)?;
    let millis = u64::try_from(first.ago.as_millis()).unwrap_or(u64::MAX);
    let copied = last.figure.saturating_sub(first.figure);
    (first.ago >= LEAST_RATE).then(|| copied.saturating_mul(1_000) / millis.max(1))
}
