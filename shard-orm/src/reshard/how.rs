//! How a job is done, as operators say of a move, a split or merge, and the steps of a plan.

use super::columns::Columns;
use super::{Gradual, Mirror, Pace};
use crate::schema::counterpart::Types;

/// How a job is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct How {
    pub(super) pace: Pace,
    pub(super) accepts_relaxed_durability: bool,
    pub(super) accepts_replica_risk: bool,
    pub(super) mirror: Option<Mirror>,
    pub(super) gradual: Option<Gradual>,
    pub(super) columns: Columns,
    /// The types of columns, where the job leads to another kind of database.
    pub(super) types: Types,
}

/// The methods of a builder that say how a job is done. `$how` is where it has that.
macro_rules! sets_how {
    ($builder:ident, $($how:tt).+) => {
        impl $builder {
            /// How fast rows are copied; the default is [`Pace::Gentle`](crate::reshard::Pace::Gentle).
            pub fn pace(mut self, pace: $crate::reshard::Pace) -> Self {
                self.$($how).+.pace = pace;
                self
            }

            /// Accepts a source that acknowledges commits before they are durable
            /// (`innodb_flush_log_at_trx_commit` other than 1 on MySQL and MariaDB): after a crash of it, the target
            /// may have rows that the source has lost.
            pub fn accept_relaxed_durability(mut self) -> Self {
                self.$($how).+.accepts_relaxed_durability = true;
                self
            }

            /// Accepts that a replica of the source may take over without the fence, and serve the logical shard beside the
            /// target. Otherwise the switch waits until all replicas of the source in the topology have the fence: one that is
            /// down, or that stands still, keeps the job from switching.
            pub fn accept_replica_risk(mut self) -> Self {
                self.$($how).+.accepts_replica_risk = true;
                self
            }

            /// Before the switch, lets the processes of the application send a share of their reads of the logical shard to the
            /// target too, and compare the rows. The caller gets what the source answers, and does not wait for the target. A row
            /// that differs is compared again once the target has all changes; if it still differs, the job keeps its table and
            /// primary key ([`Mirrored`](crate::reshard::Mirrored)), and does not switch.
            ///
            /// Mirrored are reads of whole rows of one logical shard, such as `get`, `find`, `first` and `all`, outside of
            /// transactions, sessions and streams, by processes that follow the catalog and are built with the feature
            /// `reshard`. Each of them has two such reads under way at most, and skips some if more than 64 wait. Of a logical shard
            /// that is split or merged, reads by a key are mirrored, where the key will be; those of a whole logical shard by its
            /// number are not.
            ///
            /// ```no_run
            /// # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
            /// use std::time::Duration;
            /// use shard_orm::reshard::Mirror;
            ///
            /// let mirror = Mirror::percent(5.0)?.lasting(Duration::from_mins(10));
            /// let reshard = cluster.reshard()?;
            /// let job = reshard.move_shard("shop", 3, "b").mirror(mirror).start().await?;
            /// let job = reshard.run(job.id).await?;
            /// println!("{} reads were compared", job.copied.mirrored.compared);
            /// # Ok(())
            /// # }
            /// ```
            pub fn mirror(mut self, mirror: $crate::reshard::Mirror) -> Self {
                self.$($how).+.mirror = Some(mirror);
                self
            }

            /// Before the switch, lets the target serve reads with the policy [`Replica`](crate::Read::Replica): a share of them,
            /// and a larger one with each step. Then writes switch, and all other reads with them.
            ///
            /// Served there are reads whose statement asks this logical shard alone, outside of transactions, sessions and streams,
            /// while the target is no further behind the source than `max_lag` of its server. All others go to the source, and so
            /// do these when the target lags more, fails, or does not answer; they wait for it for three seconds at most, once. After
            /// the job was given up, they have left the target before its tables are removed.
            ///
            /// It is refused for clones, splits and merges. A plan does it for its moves.
            ///
            /// ```no_run
            /// # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
            /// use std::time::Duration;
            /// use shard_orm::reshard::Gradual;
            ///
            /// let gradual = Gradual::percent([5.0, 25.0, 100.0])?.each(Duration::from_mins(10));
            /// let reshard = cluster.reshard()?;
            /// let job = reshard.move_shard("shop", 3, "b").gradual(gradual).start().await?;
            /// # Ok(())
            /// # }
            /// ```
            pub fn gradual(mut self, gradual: $crate::reshard::Gradual) -> Self {
                self.$($how).+.gradual = Some(gradual);
                self
            }
        }
    };
}

/// The methods of a builder that name the columns by which rows are divided.
macro_rules! names_columns {
    ($builder:ident, $($how:tt).+) => {
        impl $builder {
            /// Names the column of the shard key, of all tables that have such a column and whose models were not seen by
            /// the catalog: setup and registered models tell it.
            pub fn key(mut self, column: impl Into<String>) -> Self {
                self.$($how).+.columns.common = Some(column.into());
                self
            }

            /// Names the column of the shard key of one table.
            pub fn key_of(mut self, table: impl Into<String>, column: impl Into<String>) -> Self {
                self.$($how).+.columns.own.insert(table.into(), column.into());
                self
            }

            /// Names a table without a shard key: all of its rows stay with the part that keeps the number. Of the logical
            /// shards that are merged, only the one with that number may have rows of it.
            pub fn keep(mut self, table: impl Into<String>) -> Self {
                self.$($how).+.columns.kept.insert(table.into());
                self
            }
        }
    };
}

pub(super) use {names_columns, sets_how};
