//! Type erasure of transmit hooks.

use std::marker::PhantomData;

use futures_util::future::{BoxFuture, FutureExt};
use sea_query::Value;

use super::TransmitHooks;
use super::batch::Batch;
use super::collect::Collect;
use super::context::TransmitContext;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::model::CopyId;
use crate::replicate::Subset;

/// The changes of one batch: rows in column order, and primary keys.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Changes<'c> {
    pub(crate) put: Vec<&'c [Value]>,
    pub(crate) deleted: Vec<&'c [Value]>,
}

/// Object-safe [`TransmitHooks`].
#[doc(hidden)]
pub trait DynTransmitHooks: Send + Sync {
    fn collect(&self, copy: &CopyId, source: Dialect) -> Result<Option<Subset>>;
    fn batch(&self, copy: &CopyId, changes: &Changes<'_>) -> Result<Box<dyn DynBatch>>;
}

/// An object-safe batch with the hooks of its model.
#[doc(hidden)]
pub trait DynBatch: Send + Sync {
    fn before(&self) -> BoxFuture<'_, Result<()>>;
    fn transmit<'b>(&'b self, on: TransmitContext<'b>) -> BoxFuture<'b, Result<()>>;
}

/// Connects a model's [`TransmitHooks`]; called by the derive.
#[doc(hidden)]
#[must_use]
pub const fn connect_transmit_hooks<M: TransmitHooks>() -> &'static dyn DynTransmitHooks {
    &Connected::<M>(PhantomData)
}

struct Connected<M>(PhantomData<fn() -> M>);

impl<M: TransmitHooks> DynTransmitHooks for Connected<M> {
    fn collect(&self, copy: &CopyId, source: Dialect) -> Result<Option<Subset>> {
        M::collect(Collect::all(), copy).erase(source)
    }

    fn batch(&self, copy: &CopyId, changes: &Changes<'_>) -> Result<Box<dyn DynBatch>> {
        Ok(Box::new(Batch::<M>::read(copy, changes)?))
    }
}

impl<M: TransmitHooks> DynBatch for Batch<M> {
    fn before(&self) -> BoxFuture<'_, Result<()>> {
        M::before_transmit(self).boxed()
    }

    fn transmit<'b>(&'b self, on: TransmitContext<'b>) -> BoxFuture<'b, Result<()>> {
        async move {
            M::transmit(self, on).await?;
            M::after_transmit(self, on).await
        }
        .boxed()
    }
}
