//! The merge of logical shards, as an operator asks for it.

use super::Reshard;
use super::planned::Planned;
use super::request::Request;
use crate::catalog::{Job, JobKind, Pace};
use crate::error::Result;

/// The merge of logical shards, before it begins: one of them gets the keys of all, and the others are unused from then
/// on. Their numbers are not used again.
///
/// The merged one keeps the lowest number. No two rows may have one primary key, or one value of a unique column.
///
/// ```no_run
/// # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
/// let reshard = cluster.reshard()?;
/// let job = reshard.merge_shards("shop", [3, 16], "a").start().await?;
/// reshard.run(job.id).await?;
/// reshard.finish(job.id).await?;
/// reshard.run(job.id).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is done before `start` is awaited"]
pub struct MergeShards(Request);

impl MergeShards {
    pub(super) fn new(reshard: &Reshard, group: &str, mut shards: Vec<u32>, server: &str) -> Self {
        shards.sort_unstable();
        let kept = shards.first().copied().unwrap_or_default();
        let mut request = Request::new(reshard, JobKind::Merge, group, kept);
        request.merged = shards.split_off(1.min(shards.len()));
        request.servers.push(server.to_owned());
        Self(request)
    }

    /// As [`SplitShard::key`](super::SplitShard::key).
    pub fn key(mut self, column: impl Into<String>) -> Self {
        self.0.columns.common = Some(column.into());
        self
    }

    /// As [`SplitShard::key_of`](super::SplitShard::key_of).
    pub fn key_of(mut self, table: impl Into<String>, column: impl Into<String>) -> Self {
        self.0.columns.own.insert(table.into(), column.into());
        self
    }

    /// Names a table without a shard key. Of the logical shards that are merged, only the one with the lowest number may
    /// have rows of it.
    pub fn keep(mut self, table: impl Into<String>) -> Self {
        self.0.columns.kept.insert(table.into());
        self
    }

    /// How fast rows are copied; the default is [`Pace::Gentle`].
    pub fn pace(mut self, pace: Pace) -> Self {
        self.0.pace = pace;
        self
    }

    /// As [`MoveShard::accept_relaxed_durability`](super::MoveShard::accept_relaxed_durability).
    pub fn accept_relaxed_durability(mut self) -> Self {
        self.0.accepts_relaxed_durability = true;
        self
    }

    /// As [`MoveShard::accept_replica_risk`](super::MoveShard::accept_replica_risk).
    pub fn accept_replica_risk(mut self) -> Self {
        self.0.accepts_replica_risk = true;
        self
    }

    /// Looks at all ends, and says what would be done and what stands against it. Changes nothing.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if group, shards or server are unknown, or a key is pinned to
    /// one of them; [`Unsupported`](crate::ErrorKind::Unsupported) if they are no neighbours;
    /// [`Unavailable`](crate::ErrorKind::Unavailable) if an end does not answer.
    pub async fn plan(&self) -> Result<Planned> {
        self.0.plan().await
    }

    /// Creates the job, unless something stands against it. [`Reshard::run`] runs it.
    ///
    /// # Errors
    /// As [`plan`](Self::plan), and as [`MoveShard::start`](super::MoveShard::start).
    pub async fn start(&self) -> Result<Job> {
        self.0.start().await
    }
}
