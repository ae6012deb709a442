//! Static models: reference tables of which every server holds a full copy.

use super::ops;
use super::transmit::DynTransmitHooks;
use super::verbs::row_verbs;
use crate::cluster::Address;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::exec::Executor;
use crate::model::{IntoId, Model, StaticGroups};
use crate::query::{Columns, InDatabase, OnCopy, Query, Running};
use crate::schema::CreateTable;

/// A reference table, such as airlines or currencies: every server of its groups holds a full copy
/// of it, beside the rows of its logical shards.
///
/// Derive it with `#[static_model(groups = [".."], table = "..")]`; see
/// [`StaticModel`](derive@crate::StaticModel). What it has beside depends on where its rows are
/// written: at a source ([`TransmittedModel`]), or with `transmit = false` on each server by itself
/// ([`PerServerModel`]).
///
/// A copy is read at a logical shard: on the server on which that shard is. It may be behind its
/// source.
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
/// // Read where the flights of pilot 42 are.
/// let at = Flight::shard(42);
/// let all = Airline::copy(at.clone()).order_by(Airline::CODE).all(cluster).await?;
/// let klm = Airline::find_copy(cluster, at, "KL").await?;
///
/// // Joined by that server.
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

    /// What `#[static_model(transmit_hooks)]` connects: the model's
    /// [`TransmitHooks`](crate::sync::TransmitHooks).
    #[doc(hidden)]
    const TRANSMIT_HOOKS: Option<&'static dyn DynTransmitHooks> = None;

    /// A query of the copy on the server on which this logical shard is: `Airline::copy(
    /// Flight::shard(42))`. It reads, and does not write.
    ///
    /// In a transaction it is one of the transaction's logical shard.
    fn copy(at: Address) -> Query<Self, OnCopy> {
        Query::new(OnCopy(at))
    }

    /// The row of an id, in the copy on the server on which this logical shard is.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is none; otherwise as
    /// [`find_copy`](Self::find_copy).
    fn get_copy<'e>(
        on: impl Executor<'e>,
        at: Address,
        id: impl IntoId<Self::Id>,
    ) -> Running<'e, Self> {
        let found = Self::find_copy(on, at, id);
        Box::pin(async move { found.await?.ok_or_else(|| ops::not_found(Self::def())) })
    }

    /// The row of an id, in the copy on the server on which this logical shard is, if there is one.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) when the servers of that group hold no
    /// copies; when the shard is unknown or unavailable, or the row does not fit the model.
    fn find_copy<'e>(
        on: impl Executor<'e>,
        at: Address,
        id: impl IntoId<Self::Id>,
    ) -> Running<'e, Option<Self>> {
        let target = on.target();
        let id = id.into_id();
        Box::pin(async move {
            let handle = target.handle_of_copy(Self::def(), &at)?;
            ops::find(target, handle, &|_| Ok(()), &id).await
        })
    }

    /// The statements that create the table.
    ///
    /// # Errors
    /// When a column's default cannot be stored.
    fn create_table(dialect: Dialect) -> Result<CreateTable> {
        CreateTable::new(Self::def(), dialect)
    }
}

/// A static model whose rows are written at its source, a named database.
///
/// Its verbs are those of a [`DatabaseModel`](crate::DatabaseModel), and all of them are sent to
/// the source. The copies are read by [`StaticModel::copy`].
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
    message = "`{Self}` has no source to which its rows are written",
    note = "derive `StaticModel` on it, without `transmit = false`: with that each server has rows \
            of its own, which are written by `row.insert(&cluster, at)`"
)]
pub trait TransmittedModel: StaticModel {
    /// A query of the rows at the source.
    fn query() -> Query<Self, InDatabase> {
        Query::new(InDatabase)
    }

    /// The source, to begin a transaction on.
    fn database() -> Address {
        Address::of_database(Self::def().home_name())
    }

    /// The row of an id, at the source.
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

    /// The row of an id, at the source, if there is one.
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
}

/// A static model with `transmit = false`: it has no source, and each server has rows of its own.
///
/// A row is written on the server on which a logical shard is. It is read there by
/// [`StaticModel::copy`], and joined there.
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
    message = "the rows of `{Self}` are not written on one server",
    note = "derive `StaticModel` on it with `transmit = false`, where each server has rows of its \
            own; all others are written at their source, without an address"
)]
pub trait PerServerModel: StaticModel {
    /// The server on which this logical shard is, to begin a transaction on that writes rows of
    /// this model there.
    ///
    /// It is another transaction than one of the logical shard: on SQLite the two are in different
    /// files.
    fn server(at: Address) -> Address {
        at.on_server()
    }

    row_verbs!((at: Address), target, _row => target.handle_of_server(Self::def(), &at));
}
