//! Models that live on one named database.

use super::ops;
use super::verbs::row_verbs;
use crate::cluster::Address;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::exec::Executor;
use crate::model::{IntoId, Model};
use crate::query::{Columns, InDatabase, Query};
use crate::schema::CreateTable;

/// A model that lives on one named database, which is not sharded.
///
/// Derive it with `#[shard(database = "..", table = "..")]`; see
/// [`ShardModel`](derive@crate::ShardModel). It has the verbs of a sharded model, without a key.
///
/// ```no_run
/// use shard_orm::prelude::*;
///
/// #[derive(ShardModel)]
/// #[shard(database = "default", table = "settings")]
/// struct Setting {
///     #[shard(primary_key)]
///     name: String,
///     value: String,
/// }
///
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// Setting { name: "theme".into(), value: "dark".into() }.save(cluster).await?;
/// let all = Setting::query().order_by(Setting::NAME).all(cluster).await?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model of a named database",
    note = "derive `ShardModel` on it with `#[shard(database = \"..\", table = \"..\")]`"
)]
pub trait DatabaseModel: Model {
    /// A query of the rows.
    fn query() -> Query<Self, InDatabase> {
        Query::new(InDatabase)
    }

    /// The database, to begin a transaction on.
    fn database() -> Address {
        Address::of_database(Self::def().home_name())
    }

    /// The row of an id.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is none.
    fn get<'e>(
        on: impl Executor<'e>,
        id: impl IntoId<Self::Id>,
    ) -> impl Future<Output = Result<Self>> + Send {
        let found = Self::find(on, id);
        async move { found.await?.ok_or_else(|| ops::not_found(Self::def())) }
    }

    /// The row of an id, if there is one.
    ///
    /// # Errors
    /// When the database is unknown or unavailable, or the row does not fit the model.
    fn find<'e>(
        on: impl Executor<'e>,
        id: impl IntoId<Self::Id>,
    ) -> impl Future<Output = Result<Option<Self>>> + Send {
        let target = on.target();
        let id = id.into_id();
        async move {
            let handle = target.handle_of_database(Self::def())?;
            ops::find(target, handle, &|_| Ok(()), &id).await
        }
    }

    row_verbs!((), target, _row => target.handle_of_database(Self::def()));

    /// The statements that create the table.
    ///
    /// # Errors
    /// When a column's default cannot be stored.
    fn create_table(dialect: Dialect) -> Result<CreateTable> {
        CreateTable::new(Self::def(), dialect)
    }
}
