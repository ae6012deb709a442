//! Isolated models.

use super::ops;
use super::verbs::row_verbs;
use crate::cluster::Address;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::exec::Executor;
use crate::model::{IntoId, Model};
use crate::query::{Columns, OnShard, Query};
use crate::schema::CreateTable;

/// A model with separate rows in each logical shard of a group, addressed by shard number; for
/// example, the state of a job that processes the shard.
///
/// Derive it with `#[shard(group = "..", isolated, table = "..")]`; see
/// [`ShardModel`](derive@crate::ShardModel).
///
/// ```no_run
/// use shard_orm::prelude::*;
///
/// #[derive(ShardModel)]
/// #[shard(group = "shop", isolated, table = "jobs")]
/// struct Job {
///     #[shard(primary_key)]
///     name: String,
///     done: bool,
/// }
///
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// let job = Job { name: "clean".into(), done: false }.insert(cluster, 3).await?;
/// let open = Job::on(3).filter(Job::DONE.eq(false)).all(cluster).await?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an isolated model",
    note = "derive `ShardModel` on it with `#[shard(group = \"..\", isolated, table = \"..\")]`"
)]
pub trait IsolatedModel: Model {
    /// Starts a query of the rows in one logical shard.
    fn on(shard: u32) -> Query<Self, OnShard> {
        Query::new(OnShard(shard))
    }

    /// Returns the address of a logical shard, to begin a transaction.
    fn shard(shard: u32) -> Address {
        Address::of_shard(Self::def().location_name(), shard)
    }

    /// Returns the row with this id in one logical shard.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such row.
    fn get<'e>(
        on: impl Executor<'e>,
        shard: u32,
        id: impl IntoId<Self::Id>,
    ) -> impl Future<Output = Result<Self>> + Send {
        let found = Self::find(on, shard, id);
        async move { found.await?.ok_or_else(|| ops::not_found(Self::def())) }
    }

    /// Returns the row with this id in one logical shard, if it exists.
    ///
    /// # Errors
    /// If the shard is unknown or unavailable, or the row does not fit the model.
    fn find<'e>(
        on: impl Executor<'e>,
        shard: u32,
        id: impl IntoId<Self::Id>,
    ) -> impl Future<Output = Result<Option<Self>>> + Send {
        let target = on.target();
        let id = id.into_id();
        async move {
            let handle = target.handle_of_shard(Self::def(), shard)?;
            ops::find(target, handle, &|_| Ok(()), &id).await
        }
    }

    row_verbs!((shard: u32), target, _row => target.handle_of_shard(Self::def(), shard));

    /// Returns the statements that create the table.
    ///
    /// # Errors
    /// If the DEFAULT of a column cannot be stored.
    fn create_table(dialect: Dialect) -> Result<CreateTable> {
        Self::def().create_table(dialect)
    }
}
