//! A split or merge of logical shards, as an operator asks for it.

use super::Reshard;
use super::division::Division;
use super::how::{How, names_columns, sets_how};
use super::planned::Planned;
use super::request::{Request, Turn};
use crate::catalog::{Job, JobKind};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::schema::DataType;

/// A split or merge of logical shards, before it begins.
///
/// The first part of a split keeps the number of the logical shard, and the others get new ones; by default, the parts
/// have about equally many rows. A merge keeps the lowest number, and the others are not used again. No two rows of the
/// logical shards that are merged may have one primary key, or one value of a unique column.
///
/// ```no_run
/// # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
/// let reshard = cluster.reshard()?;
/// let split = reshard.split_shard("shop", 3, ["a", "b"]);
/// println!("{}", split.plan().await?);
/// let job = split.start().await?;
/// reshard.run(job.id).await?;
/// reshard.finish(job.id).await?;
/// reshard.run(job.id).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is done before `start` is awaited"]
pub struct ChangeKeys(Request);

sets_how!(ChangeKeys, 0.how);
names_columns!(ChangeKeys, 0.how);

impl ChangeKeys {
    pub(super) fn split(reshard: &Reshard, group: &str, shard: u32, servers: Vec<String>) -> Self {
        let mut request = Request::new(reshard, JobKind::Split, group, shard);
        request.servers = servers;
        Self(request)
    }

    pub(super) fn merge(
        reshard: &Reshard,
        group: &str,
        mut shards: Vec<u32>,
        server: &str,
    ) -> Self {
        shards.sort_unstable();
        let kept = shards.first().copied().unwrap_or_default();
        let mut request = Request::new(reshard, JobKind::Merge, group, kept);
        request.merged = shards.split_off(1.min(shards.len()));
        request.servers.push(server.to_owned());
        Self(request)
    }

    pub(super) fn isolate(reshard: &Reshard, group: &str, key: i64, server: &str) -> Result<Self> {
        let topology = reshard.cluster.topology();
        let described = topology
            .group(group)
            .ok_or_else(|| Error::configuration(format!("unknown group `{group}`")))?;
        let shard = described.router().route(&key.into())?;
        let pinned = described.router().pins().get(key).is_some();
        if pinned {
            return Err(Error::configuration(format!(
                "key {key} is pinned to logical shard {shard}, whichever keys that owns; remove the pin first"
            )));
        }
        let placement = described.placement(shard);
        let own = placement.and_then(|placement| described.servers().get(placement.server()));
        let own = own.map_or("", |own| own.name());
        let mut split = Self::split(
            reshard,
            group,
            shard,
            vec![own.to_owned(), server.to_owned()],
        );
        split.0.division = Division::Key(key);
        Ok(split)
    }

    /// Splits at these positions, in the notation of configuration files: 16 hexadecimal digits of a hash, or a key
    /// under the strategy `range`. Each is the first one of a part, in ascending order; there is one less than parts.
    /// Of no meaning for a merge.
    pub fn at(mut self, positions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.0.division = Division::At(positions.into_iter().map(Into::into).collect());
        self
    }

    /// Copies all parts of a logical shard that is split. Otherwise one stays in its tables where that is possible
    /// ([`Planned::leaving`]), and the job cannot be reversed: with all parts copied, it can. Of no meaning for a merge.
    ///
    /// ```no_run
    /// # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
    /// let reshard = cluster.reshard()?;
    /// let job = reshard.isolate("shop", 42, "b")?.copy_all().start().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn copy_all(mut self) -> Self {
        self.0.copies_all = true;
        self
    }

    /// As [`MoveShard::model`](super::MoveShard::model).
    pub fn model<M: Model>(mut self) -> Self {
        self.0.add_model::<M>();
        self
    }

    /// As [`MoveShard::column_type`](super::MoveShard::column_type).
    pub fn column_type(
        mut self,
        table: impl Into<String>,
        column: impl Into<String>,
        of: &DataType,
    ) -> Self {
        self.0.add_type(table.into(), column.into(), of);
        self
    }

    /// Does it as a plan is carried out. A split switches all reads at once.
    pub(super) fn how(mut self, how: &How) -> Self {
        self.0.how = How {
            gradual: None,
            ..how.clone()
        };
        self
    }

    /// Makes it a step of a plan.
    pub(super) fn turn(mut self, how: &How, turn: Turn) -> Self {
        self = self.how(how);
        self.0.turn = Some(turn);
        self
    }

    /// Why a logical shard cannot be divided like this, if it cannot. Looks at its rows, and not at the servers of the
    /// parts.
    pub(super) async fn indivisible(&self) -> Result<Option<String>> {
        self.0.indivisible().await
    }

    /// Looks at all ends, and says what would be done and what stands against it. Changes nothing.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if group, shards, servers or positions are unknown, or a key is
    /// pinned to a logical shard that would be unused; [`Unsupported`](crate::ErrorKind::Unsupported) if the strategy has
    /// no ranges, the rows have fewer keys than there are parts, or those to be merged are no neighbours;
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
