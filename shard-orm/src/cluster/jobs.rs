//! What moves need of a cluster: the jobs of its catalog, and namespaces that are not in its topology.

use std::sync::Arc;

use super::{Cluster, no_such_shard};
use crate::catalog::{Document, Job, Part, Revision, Store};
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::topology::Topology;

impl Cluster {
    /// The handle of the catalog's database.
    ///
    /// # Errors
    /// `Configuration` if the cluster has no catalog.
    pub(crate) fn catalog_handle(&self) -> Result<Arc<NamespaceHandle>> {
        self.handle_of_database(self.catalog_database()?)
    }

    /// The name of the database that holds the catalog.
    pub(crate) fn catalog_database(&self) -> Result<&str> {
        self.catalog()?;
        let follower = self.follower();
        let database = follower.map(|follower| follower.options().database.as_str());
        Ok(database.unwrap_or_default())
    }

    /// The newest topology of the catalog.
    pub(crate) async fn newest_topology(&self) -> Result<(Revision, Topology)> {
        let handle = self.catalog_handle()?;
        let revision = Store::new(&handle).current().await?.ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                "the catalog holds no topology yet; initialize it with `shard-orm catalog init`",
            )
        })?;
        let topology = self.topology_of(&revision.document)?;
        Ok((revision, topology))
    }

    /// The topology of a document, with this process's own settings.
    pub(crate) fn topology_of(&self, document: &str) -> Result<Topology> {
        let follower = self
            .follower()
            .ok_or_else(|| Error::configuration("the cluster has no catalog"))?;
        follower.config().with_document(document)?.topology()
    }

    /// The handle of a namespace that the topology may not have (any more), with the pools of its server: the
    /// one at a position among the parts of one end of a job, of which the other parts are the other end.
    pub(crate) fn handle_of_part(
        &self,
        document: &str,
        group: &str,
        (parts, others, at): (&[Part], &[Part], usize),
    ) -> Result<Arc<NamespaceHandle>> {
        let part = parts.get(at);
        let part = part.ok_or_else(|| Error::decode("a job without namespaces"))?;
        let mut edited: Document = document.parse()?;
        edited.place(&self.topology_of(document)?, group, parts, others)?;
        let topology = self.topology_of(&edited.to_string())?;
        let before = self.inner.state.load_full();
        let pool_set = before
            .pool_set
            .renew(&before.topology, &topology, &self.inner.runtime)?;
        let index = topology.groups().iter().position(|own| own.name() == group);
        let handle = index.and_then(|index| pool_set.shard(index, part.shard));
        handle.ok_or_else(|| no_such_shard(group, part.shard))
    }

    /// The job that moves a part of a group, if one does; `None` without a catalog.
    #[cfg(feature = "migrate")]
    pub(crate) async fn job_of_group(&self, group: &str) -> Result<Option<Job>> {
        if self.follower().is_none() {
            return Ok(None);
        }
        let handle = self.catalog_handle()?;
        let jobs = Store::new(&handle).jobs().await?;
        let is_open = |job: &Job| job.group == group && !job.state.is_over();
        Ok(jobs.into_iter().find(is_open))
    }
}
