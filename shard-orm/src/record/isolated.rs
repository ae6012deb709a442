//! Models that live in each logical shard of a group.

use super::ops;
use super::verbs::row_verbs;
use crate::cluster::Address;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::exec::Executor;
use crate::model::{IntoId, Model};
use crate::query::{Columns, OnShard, Query};
use crate::schema::CreateTable;

/// A model that lives in each logical shard of a group, and is addressed by the number of the
/// shard: what is kept about a shard, such as the state of a task that works on it.
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
    /// A query of the rows in one logical shard, by its number.
    fn on(shard: u32) -> Query<Self, OnShard> {
        Query::new(OnShard(shard))
    }

    /// One logical shard, by its number, to begin a transaction on.
    fn shard(shard: u32) -> Address {
        Address::of_shard(Self::def().home_name(), shard)
    }

    /// The row of an id in one logical shard.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is none.
    fn get<'e>(
        on: impl Executor<'e>,
        shard: u32,
        id: impl IntoId<Self::Id>,
    ) -> impl Future<Output = Result<Self>> + Send {
        let found = Self::find(on, shard, id);
        async move { found.await?.ok_or_else(|| ops::not_found(Self::def())) }
    }

    /// The row of an id in one logical shard, if there is one.
    ///
    /// # Errors
    /// When the shard is unknown or unavailable, or the row does not fit the model.
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

    /// The statements that create the table.
    ///
    /// # Errors
    /// When a column's default cannot be stored.
    fn create_table(dialect: Dialect) -> Result<CreateTable> {
        CreateTable::new(Self::def(), dialect)
    }
}
