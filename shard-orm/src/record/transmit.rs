//! Hooks of static models that run when their rows are copied.
//!
//! Called by `sync` for models marked `#[static_model(transmit_hooks)]`. `sync` is not generic over
//! models, so the typed rows of a batch are created here, behind `DynTransmitHooks`.

mod batch;
mod collect;
mod connected;
mod context;

pub use batch::Batch;
pub use collect::Collect;
pub(crate) use connected::{Changes, DynBatch};
pub use connected::{DynTransmitHooks, connect_transmit_hooks};
pub use context::TransmitContext;

use super::TransmittedModel;
use crate::error::Result;
use crate::model::{CopyId, ModelDef};

/// A static model with hooks that run when its rows are copied.
///
/// Mark the model with `#[static_model(transmit_hooks)]`, and implement the hooks that it needs;
/// the others keep their default behavior. The hooks are called in this order, for each batch of
/// changes and each copy:
///
/// | hook | runs | purpose |
/// |---|---|---|
/// | [`collect`](Self::collect) | when a run starts | filters and transforms the rows of the copy |
/// | [`before_transmit`](Self::before_transmit) | before the transaction at the copy | can reject the batch |
/// | [`transmit`](Self::transmit) | in the transaction | writes the batch |
/// | [`after_transmit`](Self::after_transmit) | in the transaction, after the batch is written | writes dependent rows |
///
/// The position of the copy is updated in the same transaction, so the rows written by a hook are
/// committed atomically with the batch and the position. A run that has been fenced off by a newer
/// one cannot commit.
///
/// Hooks can be called again for the same batch: if the run was killed before the commit, if rows
/// conflicted with each other (then possibly with further rows), and when the copy is compared in
/// full. The effects of a hook outside of the transaction must tolerate this.
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
/// /// The products that have arrived on a server.
/// #[derive(Debug, Clone, PartialEq, StaticModel)]
/// #[static_model(groups = ["shop"], table = "arrivals", transmit = false)]
/// struct Arrival {
///     #[static_model(primary_key)]
///     product: i64,
///     name: String,
/// }
///
/// impl TransmitHooks for Product { fn collect(rows: Collect<Self>, _: &CopyId) -> Collect<Self> {
/// // Copies only offered products, without their cost.
/// rows.filter(Product::OFFERED.eq(true)).change(|product| product.cost = None) }
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
/// If a hook fails, the run of that copy ends with its error, and the batch is not committed. The
/// next run retries the batch.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is marked `transmit_hooks`, but does not implement `TransmitHooks`",
    note = "add `impl shard_orm::sync::TransmitHooks for {Self}`, or remove \
            `#[static_model(transmit_hooks)]`"
)]
pub trait TransmitHooks: TransmittedModel {
    /// Filters and transforms the rows of this copy. By default, a copy holds all rows unchanged.
    ///
    /// The result must be the same for the same copy as long as the program runs, because `verify`
    /// and [`Mode::Full`](crate::sync::Mode::Full) compare the copy with it. If the filter differs
    /// from that of the last run, the next run compares the copy in full. A different
    /// transformation is not detected: run `Mode::Full` once.
    fn collect(rows: Collect<Self>, copy: &CopyId) -> Collect<Self> {
        let _ = copy;
        rows
    }

    /// Runs before the transaction at the copy, and can reject the batch.
    fn before_transmit(batch: &Batch<Self>) -> impl Future<Output = Result<()>> + Send {
        let _ = batch;
        std::future::ready(Ok(()))
    }

    /// Writes the batch: rows are inserted, updated in place or deleted.
    ///
    /// Changes that it omits remain as differences: `verify` reports them, and
    /// [`Mode::Full`](crate::sync::Mode::Full) passes them to this hook again.
    fn transmit(
        batch: &Batch<Self>,
        on: TransmitContext<'_>,
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = batch;
        on.write()
    }

    /// Runs in the same transaction, after the batch is written.
    fn after_transmit(
        batch: &Batch<Self>,
        on: TransmitContext<'_>,
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (batch, on);
        std::future::ready(Ok(()))
    }
}

/// A type-erased static model with a source.
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
