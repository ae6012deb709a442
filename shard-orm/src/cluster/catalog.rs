//! The catalog of a cluster, for operators.

mod changes;
mod rebuild;

use std::sync::Arc;
use std::time::Duration;

use self::changes::check_placements;
use super::Cluster;
use super::follow::Follower;
use crate::catalog::{
    Document, Event, Known, Process, Proposal, Revision, Store, local_copy_text, parse_local_copy,
};
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};

/// The catalog of a cluster: its topologies, its processes, and what was done to it.
///
/// ```no_run
/// # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
/// let catalog = cluster.catalog()?;
/// for revision in catalog.history(10).await? {
///     println!("{}: {} by {}", revision.epoch, revision.comment, revision.changed_by);
/// }
/// # Ok(())
/// # }
/// ```
///
/// Every call reads and writes the primary of the catalog's database, and waits no longer than the
/// configured timeout for each answer.
#[derive(Debug, Clone)]
pub struct Catalog {
    cluster: Cluster,
    operator: String,
    allow_moves: bool,
}

impl Cluster {
    /// The catalog from which this cluster takes its topology. Sends nothing.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the configuration names no catalog.
    pub fn catalog(&self) -> Result<Catalog> {
        if self.follower().is_none() {
            return Err(Error::configuration(
                "the cluster has no catalog; name the database for it with `catalog = \"default\"` \
                 in the configuration, and initialize it with `shard-orm catalog init`",
            ));
        }
        Ok(Catalog {
            cluster: self.clone(),
            operator: operator(),
            allow_moves: false,
        })
    }
}

impl Catalog {
    /// Sets the name under which changes are recorded; the default is the user of this process.
    #[must_use]
    pub fn operator(mut self, name: impl Into<String>) -> Self {
        self.operator = name.into();
        self
    }

    /// Accepts topologies in which logical shards are on other servers, because an operator has moved
    /// their rows by hand. By default such a change is refused, since it moves no rows.
    #[must_use]
    pub fn allow_moves(mut self) -> Self {
        self.allow_moves = true;
        self
    }

    /// Creates the tables of the catalog, and stores the first topology: epoch 1.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if the catalog holds a topology already;
    /// [`Configuration`](ErrorKind::Configuration) with the problems of the document.
    pub async fn initialize(&self, document: &str) -> Result<Revision> {
        self.check(None, document)?;
        let handle = self.handle()?;
        let store = Store::new(&handle);
        store.create_tables().await?;
        let proposal = Proposal::new(document, &self.operator, "the catalog was initialized");
        let revision = store.append(None, &proposal, "catalog").await?;
        self.use_it().await;
        Ok(revision)
    }

    /// The newest topology; `None` if the catalog is empty.
    ///
    /// # Errors
    /// The database's error.
    pub async fn current(&self) -> Result<Option<Revision>> {
        let handle = self.handle()?;
        self.within(Store::new(&handle).current()).await
    }

    /// The topology of an epoch; `None` if the catalog does not have it.
    ///
    /// # Errors
    /// The database's error.
    pub async fn at(&self, epoch: u64) -> Result<Option<Revision>> {
        let handle = self.handle()?;
        self.within(Store::new(&handle).at(epoch)).await
    }

    /// The last topologies, the newest first.
    ///
    /// # Errors
    /// The database's error.
    pub async fn history(&self, limit: u32) -> Result<Vec<Revision>> {
        let handle = self.handle()?;
        self.within(Store::new(&handle).history(limit.into())).await
    }

    /// Stores a topology after `base`, the one that it was made from. The processes use it within a
    /// poll, or at once on PostgreSQL.
    ///
    /// Two changes of one base exclude each other. If the connection is lost, this reads the catalog
    /// to find out whether the change was stored, and repeats it if it was not.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) with the newer topology's epoch, author, comment and changes if
    /// `base` is not the newest one; [`Configuration`](ErrorKind::Configuration) with all problems of the
    /// document, or if it would route a key elsewhere; [`OutcomeUnknown`](ErrorKind::OutcomeUnknown) if
    /// the catalog stays unreachable.
    pub async fn change(
        &self,
        base: &Revision,
        document: &str,
        comment: impl Into<String>,
    ) -> Result<Revision> {
        self.check(Some(base), document)?;
        let handle = self.handle()?;
        let proposal = Proposal::new(document, &self.operator, comment);
        let known = Known::from(base);
        self.check_database(base, document).await?;
        let store = Store::new(&handle);
        match store.append(Some(&known), &proposal, "topology").await {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                Err(self.with_changes_since(base, error).await)
            }
            appended => {
                let revision = appended?;
                self.use_it().await;
                Ok(revision)
            }
        }
    }

    /// Reads the newest topology, edits it, and stores the result with [`change`](Self::change).
    ///
    /// ```no_run
    /// # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
    /// use shard_orm::config::ServerState;
    ///
    /// let catalog = cluster.catalog()?;
    /// let drain = |document: &mut shard_orm::catalog::Document| {
    ///     document.set_state("shop", "a", ServerState::Draining)
    /// };
    /// catalog.edit("server a leaves", drain).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The error of `edit`, and those of [`change`](Self::change).
    pub async fn edit(
        &self,
        comment: impl Into<String>,
        edit: impl FnOnce(&mut Document) -> Result<()>,
    ) -> Result<Revision> {
        let base = self.newest().await?;
        let mut document: Document = base.document.parse()?;
        edit(&mut document)?;
        self.change(&base, &document.to_string(), comment).await
    }

    /// Stores the topology of an earlier epoch again, as a new epoch.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if the catalog does not have that epoch;
    /// [`Configuration`](ErrorKind::Configuration) if logical shards were on other servers then, and
    /// as for [`change`](Self::change).
    pub async fn rollback(&self, epoch: u64) -> Result<Revision> {
        let base = self.newest().await?;
        let Some(earlier) = self.at(epoch).await? else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "the catalog has no epoch {epoch}; its last one is {}",
                    base.epoch
                ),
            ));
        };
        let comment = format!("rolled back to epoch {epoch}");
        self.change(&base, &earlier.document, comment).await
    }

    /// A topology as text, with its epoch and its place in the history, for
    /// [`restore`](Self::restore). Local copies have the same form.
    #[must_use]
    pub fn export(&self, revision: &Revision) -> String {
        let topology = self.cluster.topology();
        local_copy_text(&Known::from(revision), topology.name(), &revision.document)
    }

    /// Stores an exported topology, or a local copy, under its own epoch: the repair of a catalog that
    /// was lost, or restored from a backup that lacks the last epochs. Processes that use that epoch
    /// follow the catalog again.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if the catalog has that epoch or a later one;
    /// [`Configuration`](ErrorKind::Configuration) if the text is not an exported topology of this
    /// cluster, and as for [`change`](Self::change).
    pub async fn restore(&self, exported: &str) -> Result<Revision> {
        let (known, document) = parse_local_copy(exported, self.cluster.topology().name())?;
        self.check(None, &document)?;
        let handle = self.handle()?;
        let store = Store::new(&handle);
        store.create_tables().await?;
        let newest = store.current().await?;
        if let Some(newest) = newest.as_ref().filter(|newest| newest.epoch >= known.epoch) {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "the catalog has epoch {}, and the text holds epoch {}; only a later one can be \
                     restored. To go back, use `rollback`",
                    newest.epoch, known.epoch
                ),
            ));
        }
        let comment = format!("epoch {} was restored", known.epoch);
        let mut proposal = Proposal::new(document, &self.operator, comment);
        proposal.change_id = known.change_id;
        let base = newest.as_ref().map(Known::from);
        let revision = store
            .append_as(base.as_ref(), known.epoch, &proposal, "catalog")
            .await?;
        self.use_it().await;
        Ok(revision)
    }

    /// The last events, in their order.
    ///
    /// # Errors
    /// The database's error.
    pub async fn events(&self, limit: u32) -> Result<Vec<Event>> {
        let handle = self.handle()?;
        self.within(Store::new(&handle).last_events(limit.into()))
            .await
    }

    /// The events after the one with this number, in their order: the first `limit` of them.
    ///
    /// # Errors
    /// The database's error.
    pub async fn events_after(&self, number: u64, limit: u32) -> Result<Vec<Event>> {
        let handle = self.handle()?;
        self.within(Store::new(&handle).events_after(number, limit.into()))
            .await
    }

    /// The processes that use the cluster, those that reported last first.
    ///
    /// # Errors
    /// The database's error.
    pub async fn processes(&self) -> Result<Vec<Process>> {
        let handle = self.handle()?;
        self.within(Store::new(&handle).processes()).await
    }

    /// Whether every part of a document is valid, and may follow `base`.
    fn check(&self, base: Option<&Revision>, document: &str) -> Result<()> {
        let own = self.follower()?.config();
        let config = own.with_document(document)?;
        config.check_document(own, document)?;
        let Some(base) = base else {
            return Ok(());
        };
        let before = own.with_document(&base.document)?;
        before.check_change(&config)?;
        if self.allow_moves {
            return Ok(());
        }
        check_placements(&before.topology()?, &config.topology()?)
    }

    /// The named database of the catalog.
    pub(crate) fn database(&self) -> &str {
        let follower = self.cluster.follower();
        follower.map_or("", |follower| &follower.options().database)
    }

    async fn newest(&self) -> Result<Revision> {
        self.current().await?.ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                "the catalog holds no topology yet; initialize it with `shard-orm catalog init`",
            )
        })
    }

    /// Uses a new topology in this process at once. An error is logged: the change was stored.
    async fn use_it(&self) {
        let epoch = self.cluster.topology().epoch();
        let _ = self.cluster.reload_topology(epoch).await;
    }

    fn follower(&self) -> Result<&Follower> {
        self.cluster
            .follower()
            .ok_or_else(|| Error::configuration("the cluster has no catalog"))
    }

    fn handle(&self) -> Result<Arc<NamespaceHandle>> {
        let database = &self.follower()?.options().database;
        self.cluster.handle_of_database(database)
    }

    async fn within<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        let limit: Duration = self.follower()?.options().timeout;
        Store::within(limit, call).await
    }
}

/// The user of this process.
pub(crate) fn operator() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    user.unwrap_or_else(|| "unknown".to_owned())
}
