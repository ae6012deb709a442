//! Models of a named database.

use super::ops;
use super::verbs::{database_verbs, row_verbs};
use crate::cluster::Address;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::exec::Executor;
use crate::model::{IntoId, Model};
use crate::query::{Columns, InDatabase, Query};
use crate::schema::CreateTable;

/// A model in a named database, which is not sharded.
///
/// Derive it with `#[shard(database = "..", table = "..")]`; see
/// [`ShardModel`](derive@crate::ShardModel). It has the methods of a sharded model, without a key.
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
    database_verbs!();

    row_verbs!((), target, _row => target.handle_of_database(Self::def()));

    /// Returns the statements that create the table.
    ///
    /// # Errors
    /// If the DEFAULT of a column cannot be stored.
    fn create_table(dialect: Dialect) -> Result<CreateTable> {
        Self::def().create_table(dialect)
    }
}
