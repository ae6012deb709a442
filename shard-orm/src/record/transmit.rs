//! What a static model does around the copying of its rows.
//!
//! Called by `sync` where the model is marked `#[static_model(transmit_hooks)]`; of all others
//! nothing is asked. `sync` knows a model by its definition alone, so the typed rows of a batch are
//! made here, behind `DynTransmitHooks`.

mod batch;
mod collect;
mod connected;
mod context;

pub use batch::Batch;
pub use collect::Collect;
pub(crate) use collect::Collection;
pub(crate) use connected::{Changes, DynBatch};
pub use connected::{DynTransmitHooks, connect_transmit_hooks};
pub use context::TransmitContext;
pub(crate) use context::WriteBatch;

use super::TransmittedModel;
use crate::error::Result;
use crate::model::{CopyId, ModelDef};

/// A static model that takes part in the copying of its rows.
///
/// Mark the model with `#[static_model(transmit_hooks)]`, and write the hooks that it needs; the
/// others do what is done without them. They are called in this order, for each batch of changes
/// and each copy:
///
/// | hook | runs | says or does |
/// |---|---|---|
/// | [`collect`](Self::collect) | when a run begins | which rows of the source the copy holds, and how they look there |
/// | [`before_transmit`](Self::before_transmit) | before the transaction at the copy | can refuse the batch |
/// | [`transmit`](Self::transmit) | in the transaction | writes the batch |
/// | [`after_transmit`](Self::after_transmit) | in the transaction, when the batch is written | writes what follows from it |
///
/// The position of the copy moves in the same transaction: what a hook writes there is committed
/// together with the batch and the position, or not at all. A run that another one has overtaken
/// commits nothing, whatever its hooks do.
///
/// A batch may be handed to its hooks again: when the run was killed before it could commit, when
/// rows were in each other's way, together with further rows then, and when the copy is compared in
/// full. What a hook does outside of the transaction has to bear that.
///
/// ```
/// use shard_orm::prelude::*;
/// use shard_orm::Result;
/// use shard_orm::sync::{Batch, Collect, CopyId, StaticSync, TransmitContext, TransmitHooks};
///
/// #[derive(Debug, Clone, PartialEq, StaticModel)]
/// #[static_model(groups = ["shop"], table = "products", transmit_hooks)]
/// struct Product {
///     #[static_model(primary_key)]
///     id: i64,
///     name: String,
///     offered: bool,
///     cost: Option<i64>,
/// }
///
/// /// How often products have come to a server.
/// #[derive(Debug, Clone, PartialEq, StaticModel)]
/// #[static_model(groups = ["shop"], table = "arrivals", transmit = false)]
/// struct Arrival {
///     #[static_model(primary_key)]
///     product: i64,
///     name: String,
/// }
///
/// impl TransmitHooks for Product {
///     fn collect(rows: Collect<Self>, _: &CopyId) -> Collect<Self> {
///         // Only what is offered, and what it costs the shop stays at the source.
///         rows.filter(Product::OFFERED.eq(true)).change(|product| product.cost = None)
///     }
///
///     async fn after_transmit(batch: &Batch<Self>, on: TransmitContext<'_>) -> Result<()> {
///         for product in batch.rows() {
///             let arrival = Arrival { product: product.id, name: product.name.clone() };
///             arrival.save(on, on.server()).await?;
///         }
///         Ok(())
///     }
/// }
///
/// # #[derive(ShardModel)]
/// # #[shard(group = "shop", table = "orders")]
/// # struct Order {
/// #     #[shard(primary_key, key)]
/// #     id: i64,
/// # }
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// # let cluster = shard_orm::testing::cluster::<(Order, Product, Arrival)>().await?;
/// # let cluster = &cluster;
/// let tea = Product { id: 1, name: "tea".into(), offered: true, cost: Some(3) };
/// tea.insert(cluster).await?;
/// Product { id: 2, name: "ink".into(), offered: false, cost: None }.insert(cluster).await?;
/// StaticSync::of::<Product>(cluster).run().await?.complete()?;
///
/// let copy = Product::copy(Order::shard(42)).all(cluster).await?;
/// assert_eq!(copy, [Product { id: 1, name: "tea".into(), offered: true, cost: None }]);
/// assert_eq!(Arrival::get_copy(cluster, Order::shard(42), 1).await?.name, "tea");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
///
/// # Errors
/// A hook that fails ends the run of that copy with its error, and the batch is not committed. It
/// comes again with the next run.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is marked `transmit_hooks`, but does not implement `TransmitHooks`",
    note = "write `impl shard_orm::sync::TransmitHooks for {Self}`, or leave \
            `#[static_model(transmit_hooks)]` out"
)]
pub trait TransmitHooks: TransmittedModel {
    /// Which of all rows of the source this copy holds, and how they look there: all, and as they
    /// are, unless it says otherwise.
    ///
    /// It has to give the same for the same copy as long as the program runs: `verify` and
    /// [`Mode::Full`](crate::sync::Mode::Full) compare the copy with what is collected. A condition
    /// that is another one than that of the last run makes the next one compare the copy in full. A
    /// change of rows that is written anew is not noticed: run `Mode::Full` once.
    fn collect(rows: Collect<Self>, copy: &CopyId) -> Collect<Self> {
        let _ = copy;
        rows
    }

    /// Runs before the transaction at the copy begins, and can refuse the batch.
    fn before_transmit(batch: &Batch<Self>) -> impl Future<Output = Result<()>> + Send {
        let _ = batch;
        std::future::ready(Ok(()))
    }

    /// Writes the batch: rows are inserted, updated in place or deleted.
    ///
    /// What it leaves out is a difference from then on, which `verify` reports and
    /// [`Mode::Full`](crate::sync::Mode::Full) hands to it again.
    fn transmit(
        batch: &Batch<Self>,
        on: TransmitContext<'_>,
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = batch;
        on.write()
    }

    /// Runs in the same transaction when the batch is written.
    fn after_transmit(
        batch: &Batch<Self>,
        on: TransmitContext<'_>,
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (batch, on);
        std::future::ready(Ok(()))
    }
}

/// A static model with a source, as those know it who know no types.
#[derive(Clone, Copy)]
pub(crate) struct Transmitted {
    pub(crate) def: &'static ModelDef,
    pub(crate) hooks: Option<&'static dyn DynTransmitHooks>,
}

impl Transmitted {
    pub(crate) fn of<M: super::StaticModel>() -> Self {
        Self {
            def: M::def(),
            hooks: M::TRANSMIT_HOOKS,
        }
    }
}

impl std::fmt::Debug for Transmitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.def.name)
    }
}
