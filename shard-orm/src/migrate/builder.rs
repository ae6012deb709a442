//! The builder of a run of migrations.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::backfill::Throttle;
use super::event::Event;
use super::lock::this_process;
use super::migrations::Migrations;
use super::plan::Limits;
use super::target::Target;
use crate::cluster::{Cluster, Location, names};
use crate::connect::NamespaceHandle;
use crate::error::{Error, Result};

/// A check between the first namespace and the others.
type Check = Arc<dyn Fn(Location) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// A run of migrations over the namespaces of a cluster; started by [`Cluster::migrate`].
///
/// ```no_run
/// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
/// use shard_orm::migrate::Migrations;
///
/// let migrations = Migrations::from_folder("migrations")?;
/// let report = cluster.migrate(&migrations).up().await?;
/// println!("{report}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "`up`, `down`, `status` or another method runs it"]
pub struct Migrate {
    pub(super) cluster: Cluster,
    pub(super) migrations: Migrations,
    pub(super) options: Options,
}

#[derive(Clone)]
pub(super) struct Options {
    pub(super) folders: Vec<String>,
    pub(super) shards: Vec<u32>,
    pub(super) servers: Vec<String>,
    pub(super) limits: Limits,
    pub(super) throttle: Throttle,
    pub(super) lock_timeout: Duration,
    pub(super) lock_wait: Duration,
    pub(super) ignores_uses: bool,
    pub(super) per_server: usize,
    pub(super) max_failures: usize,
    pub(super) canary: bool,
    pub(super) scratch: bool,
    pub(super) after_canary: Option<Check>,
    pub(super) on_event: Option<Arc<dyn Fn(Event) + Send + Sync>>,
    pub(super) holder: String,
    pub(super) lease: Duration,
    pub(super) wait: Duration,
}

impl Cluster {
    /// Starts a run of migrations. Sends nothing before `up` or another of its methods is awaited.
    pub fn migrate(&self, migrations: &Migrations) -> Migrate {
        Migrate {
            cluster: self.clone(),
            migrations: migrations.clone(),
            options: Options {
                folders: Vec::new(),
                shards: Vec::new(),
                servers: Vec::new(),
                limits: Limits::default(),
                throttle: Throttle::default(),
                lock_timeout: Duration::from_millis(10),
                lock_wait: Duration::from_mins(1),
                ignores_uses: false,
                per_server: 4,
                max_failures: usize::MAX,
                canary: true,
                scratch: true,
                after_canary: None,
                on_event: None,
                holder: this_process(),
                lease: Duration::from_secs(30),
                wait: Duration::ZERO,
            },
        }
    }
}

impl Migrate {
    /// Limits the run to one folder of migrations: a group, `<group>.static`, or a named database.
    /// Called several times, to several.
    pub fn only(mut self, folder: impl Into<String>) -> Self {
        self.options.folders.push(folder.into());
        self
    }

    /// Limits the run to one logical shard; called several times, to several.
    pub fn shard(mut self, shard: u32) -> Self {
        self.options.shards.push(shard);
        self
    }

    /// Limits the run to the namespaces on one server; called several times, on several.
    pub fn server(mut self, server: impl Into<String>) -> Self {
        self.options.servers.push(server.into());
        self
    }

    /// The last version that [`up`](Self::up) applies.
    pub fn to(mut self, version: i64) -> Self {
        self.options.limits.to = Some(version);
        self
    }

    /// Also applies migrations of the phase `contract`. Without it, the run ends before the first of
    /// them in each folder.
    ///
    /// Call it once no process runs any more that uses what they remove. With a catalog, such a migration
    /// is refused while a process lives that has [registered](Cluster::register_model) a model which
    /// names a table or column that the migration drops or renames.
    pub fn contract(mut self) -> Self {
        self.options.limits.contract = true;
        self
    }

    /// Applies migrations of the phase `contract` also if a living process uses what they remove, or if
    /// the catalog cannot be read: calls of that process will fail.
    pub fn ignore_uses(mut self) -> Self {
        self.options.ignores_uses = true;
        self
    }

    /// How long one attempt waits for the lock of a table; 10 ms by default.
    ///
    /// Statements of the application queue behind the waiting migration, so this bounds their delay.
    /// An attempt that does not get all locks is rolled back, and repeated after a pause. MariaDB does
    /// not wait at all; MySQL waits a second, its shortest time.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.options.lock_timeout = timeout;
        self
    }

    /// How long one migration is attempted in one namespace before it fails for lack of locks; one
    /// minute by default.
    pub fn lock_wait(mut self, wait: Duration) -> Self {
        self.options.lock_wait = wait;
        self
    }

    /// The number of rows of a backfill's batch, instead of what its file says.
    pub fn batch(mut self, rows: u64) -> Self {
        self.options.throttle.batch = Some(rows.max(1));
        self
    }

    /// The number of rows that the backfills on one server read in a second at most, those of all its
    /// namespaces together. By default there is no limit.
    pub fn rows_per_second(mut self, rows: u64) -> Self {
        self.options.throttle.rows_per_second = Some(rows.max(1));
        self
    }

    /// The pause after each batch of a backfill in one namespace; none by default.
    pub fn batch_pause(mut self, pause: Duration) -> Self {
        self.options.throttle.pause = pause;
        self
    }

    /// The number of namespaces on one server that are migrated concurrently; 4 by default.
    pub fn per_server(mut self, namespaces: usize) -> Self {
        self.options.per_server = namespaces.max(1);
        self
    }

    /// The number of failed namespaces after which no further one is started. By default there is no
    /// limit: a failure stops the run on its own server, and the others finish.
    pub fn max_failures(mut self, failures: usize) -> Self {
        self.options.max_failures = failures.max(1);
        self
    }

    /// Migrates all namespaces concurrently from the start, instead of the first one by itself.
    pub fn without_canary(mut self) -> Self {
        self.options.canary = false;
        self
    }

    /// Lets [`drift`](Self::drift) compare the namespaces only with each other, without a scratch: for
    /// an account that may not create namespaces.
    pub fn without_scratch(mut self) -> Self {
        self.options.scratch = false;
        self
    }

    /// Awaits a check after the first namespace is migrated, before the others start. An error ends
    /// the run.
    ///
    /// ```no_run
    /// # use shard_orm::migrate::Migrate;
    /// # fn run(migrate: Migrate) -> Migrate {
    /// migrate.after_canary(|location| async move {
    ///     println!("migrated {location}; going on in a minute");
    ///     tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn after_canary<F>(mut self, check: impl Fn(Location) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        self.options.after_canary = Some(Arc::new(move |location| Box::pin(check(location))));
        self
    }

    /// Receives the events of the run, for a progress bar or a log. Called on the task that awaits the
    /// run: it must not block.
    pub fn on_event(mut self, receiver: impl Fn(Event) + Send + Sync + 'static) -> Self {
        self.options.on_event = Some(Arc::new(receiver));
        self
    }

    /// The name of this operator, for others who find the lock of the group taken; by default user,
    /// host and process.
    pub fn holder(mut self, holder: impl Into<String>) -> Self {
        self.options.holder = holder.into();
        self
    }

    /// How long the lock of a group outlives this process if it is killed; 30 s by default. It is
    /// renewed while the run lasts.
    pub fn lease(mut self, ttl: Duration) -> Self {
        self.options.lease = ttl;
        self
    }

    /// How long to wait for the lock of a group if another operator holds it; not at all by default.
    pub fn wait_for_lock(mut self, wait: Duration) -> Self {
        self.options.wait = wait;
        self
    }

    /// The targets of the run: first named databases, then static tables, then groups.
    pub(super) fn targets(&self) -> Result<Vec<Target>> {
        let selected = &self.options.folders;
        for folder in selected {
            Target::of_folder(&self.cluster, folder)?;
            if self.migrations.in_folder(folder).is_empty() {
                return Err(Error::configuration(format!(
                    "there is no migration in the folder `{folder}`"
                )));
            }
        }
        let mut targets = Vec::new();
        for folder in self.migrations.folders() {
            let target = Target::of_folder(&self.cluster, folder)?;
            if selected.is_empty() || selected.iter().any(|one| one == folder) {
                targets.push(target);
            }
        }
        targets.sort();
        self.check_limits(&targets)?;
        Ok(targets)
    }

    /// Checks that the run is limited to shards and servers that exist: a name with a typing error
    /// would leave nothing to do.
    fn check_limits(&self, targets: &[Target]) -> Result<()> {
        let mut handles = Vec::new();
        for target in targets {
            handles.extend(target.handles(&self.cluster)?);
        }
        for shard in &self.options.shards {
            let is_it = |handle: &Arc<NamespaceHandle>| {
                handle.namespace.is_sharded() && handle.namespace.shard() == *shard
            };
            if !handles.iter().any(is_it) {
                return Err(Error::configuration(format!(
                    "no group of the selected migrations has a logical shard {shard}"
                )));
            }
        }
        for server in &self.options.servers {
            if !handles.iter().any(|handle| *handle.server == **server) {
                let servers: BTreeSet<&str> = handles.iter().map(|one| &*one.server).collect();
                return Err(Error::configuration(format!(
                    "unknown server `{server}`; the selected migrations have {}",
                    names(servers.into_iter())
                )));
            }
        }
        Ok(())
    }

    /// The namespaces of a target that the run is limited to.
    pub(super) fn handles(&self, target: &Target) -> Result<Vec<Arc<NamespaceHandle>>> {
        let Options {
            shards, servers, ..
        } = &self.options;
        let mut handles = target.handles(&self.cluster)?;
        handles.retain(|handle| {
            let of_shard = shards.is_empty()
                || (handle.namespace.is_sharded() && shards.contains(&handle.namespace.shard()));
            let of_server =
                servers.is_empty() || servers.iter().any(|server| **server == *handle.server);
            of_shard && of_server
        });
        Ok(handles)
    }

    pub(super) fn notify(&self, event: Event) {
        if let Some(receiver) = &self.options.on_event {
            receiver(event);
        }
    }
}

impl fmt::Debug for Migrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migrate")
            .field("cluster", &self.cluster)
            .field("folders", &self.options.folders)
            .finish_non_exhaustive()
    }
}
