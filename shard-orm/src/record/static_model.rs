//! Static models: reference tables with a full copy on every server.

use super::ops;
use super::transmit::DynTransmitHooks;
use super::verbs::{database_verbs, row_verbs};
use crate::cluster::Address;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::exec::Executor;
use crate::model::{IntoId, Model, StaticGroups};
use crate::query::{Columns, InDatabase, OnStaticCopy, Query, QueryFuture};
use crate::schema::CreateTable;

/// A reference table, such as airlines or currencies, with a full copy on every server of its
/// groups.
///
/// Derive it with `#[static_model(groups = [".."], table = "..")]`; see
/// [`StaticModel`](derive@crate::StaticModel). Rows are written either at a source
/// ([`TransmittedModel`]), or with `transmit = false` separately on each server
/// ([`PerServerModel`]).
///
/// A copy is read by logical shard: the query runs on that shard's server. A copy can lag behind
/// its source.
///
/// ```no_run
/// use shard_orm::prelude::*;
///
/// #[derive(StaticModel)]
/// #[static_model(source = "default", groups = ["air"], table = "airlines")]
/// struct Airline {
///     #[static_model(primary_key, length = 3)]
///     code: String,
///     name: String,
/// }
///
/// #[derive(ShardModel)]
/// #[shard(group = "air", table = "flights")]
/// #[shard(refers_to(airline = "Airline", by = "carrier"))]
/// struct Flight {
///     #[shard(primary_key)]
///     id: i64,
///     #[shard(key)]
///     pilot: i64,
///     #[shard(length = 3)]
///     carrier: String,
/// }
///
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// // Written at the source.
/// Airline { code: "KL".into(), name: "KLM".into() }.insert(cluster).await?;
///
/// // Read on the server of pilot 42.
/// let at = Flight::shard(42);
/// let all = Airline::copy(at.clone()).order_by(Airline::CODE).all(cluster).await?;
/// let klm = Airline::find_copy(cluster, at, "KL").await?;
///
/// // Joined on that server.
/// let flights: Vec<(Flight, Airline)> = Flight::on(42).join(Flight::AIRLINE).all(cluster).await?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a static model",
    note = "derive `StaticModel` on it with `#[static_model(groups = [\"..\"], table = \"..\")]`"
)]
pub trait StaticModel: Model {
    /// The groups whose servers hold copies.
    const GROUPS: StaticGroups;

    /// The model's [`TransmitHooks`](crate::sync::TransmitHooks), connected by
    /// `#[static_model(transmit_hooks)]`.
    #[doc(hidden)]
    const TRANSMIT_HOOKS: Option<&'static dyn DynTransmitHooks> = None;

    /// Starts a read-only query of the copy on the server of this logical shard:
    /// `Airline::copy(Flight::shard(42))`.
    ///
    /// In a transaction, it runs as part of the transaction on that logical shard.
    fn copy(at: Address) -> Query<Self, OnStaticCopy> {
        Query::new(OnStaticCopy(at))
    }

    /// Returns the row with this id from the copy on the server of this logical shard.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such row; otherwise as
    /// [`find_copy`](Self::find_copy).
    fn get_copy<'e>(
        on: impl Executor<'e>,
        at: Address,
        id: impl IntoId<Self::Id>,
    ) -> QueryFuture<'e, Self> {
        let found = Self::find_copy(on, at, id);
        Box::pin(async move { found.await?.ok_or_else(|| ops::not_found(Self::def())) })
    }

    /// Returns the row with this id from the copy on the server of this logical shard, if it
    /// exists.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if the servers of that group hold no
    /// copies. Also if the shard is unknown or unavailable, or the row does not fit the model.
    fn find_copy<'e>(
        on: impl Executor<'e>,
        at: Address,
        id: impl IntoId<Self::Id>,
    ) -> QueryFuture<'e, Option<Self>> {
        let target = on.target();
        let id = id.into_id();
        Box::pin(async move {
            let handle = target.handle_of_copy(Self::def(), &at)?;
            ops::find(target, handle, &|_| Ok(()), &id).await
        })
    }

    /// Returns the statements that create the table.
    ///
    /// # Errors
    /// If the DEFAULT of a column cannot be stored.
    fn create_table(dialect: Dialect) -> Result<CreateTable> {
        Self::def().create_table(dialect)
    }
}

/// A static model whose rows are written at its source, a named database.
///
/// It has the methods of a [`DatabaseModel`](crate::DatabaseModel), which all use the source.
/// Copies are read with [`StaticModel::copy`].
///
/// ```no_run
/// # use shard_orm::prelude::*;
/// # #[derive(StaticModel)]
/// # #[static_model(source = "default", groups = ["air"], table = "airlines")]
/// # struct Airline {
/// #     #[static_model(primary_key, length = 3)]
/// #     code: String,
/// #     name: String,
/// # }
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// let klm = Airline { code: "KL".into(), name: "KLM".into() }.insert(cluster).await?;
/// let all = Airline::query().filter(Airline::NAME.starts_with("K")).all(cluster).await?;
/// klm.delete(cluster).await?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no source",
    note = "derive `StaticModel` on it without `transmit = false`; with it, each server has its \
            own rows, written by `row.insert(&cluster, at)`"
)]
pub trait TransmittedModel: StaticModel {
    database_verbs!();

    row_verbs!((), target, _row => target.handle_of_database(Self::def()));
}

/// A static model with `transmit = false`: it has no source, and each server has its own rows.
///
/// A row is written on the server of a logical shard. It is read there with [`StaticModel::copy`],
/// and joined there.
///
/// ```no_run
/// # use shard_orm::prelude::*;
/// # #[derive(ShardModel)]
/// # #[shard(group = "air", table = "flights")]
/// # struct Flight {
/// #     #[shard(primary_key)]
/// #     id: i64,
/// #     #[shard(key)]
/// #     pilot: i64,
/// # }
/// #[derive(StaticModel)]
/// #[static_model(groups = ["air"], table = "limits", transmit = false)]
/// struct Limit {
///     #[static_model(primary_key, length = 32)]
///     name: String,
///     most: i64,
/// }
///
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// let limit = Limit { name: "flights".into(), most: 900 };
/// limit.save(cluster, Flight::shard(42)).await?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no server-local rows",
    note = "derive `StaticModel` on it with `transmit = false`; other static models are written \
            at their source, without an address"
)]
pub trait PerServerModel: StaticModel {
    /// Returns the address of the server of this logical shard, to begin a transaction that writes
    /// rows of this model there.
    ///
    /// This is a different transaction from one on the logical shard: on SQLite, the two use
    /// different files.
    fn server(at: Address) -> Address {
        at.on_server()
    }

    row_verbs!((at: Address), target, _row => target.handle_of_server(Self::def(), &at));
}
