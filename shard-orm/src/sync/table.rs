//! The table of a model as a side of a comparison.

use std::sync::Arc;

use crate::cluster::Address;
use crate::error::Result;
use crate::exec::Executor;
use crate::model::Model;
use crate::replicate::TableAt;

impl<'e> TableAt<'e> {
    /// The table of a model at an address, as `Order::shard(key)` or `Setting::database()`.
    ///
    /// It is read from the primary, whatever the policy of the group says, unless `on` is
    /// [`Cluster::read_from`](crate::Cluster::read_from): a replica that lags shows an older table.
    ///
    /// # Errors
    /// When the address is unknown, or is not where the transaction runs.
    pub fn of<M: Model>(on: impl Executor<'e>, at: &Address) -> Result<Self> {
        let target = on.target();
        let handle = target.handle(M::def(), at)?;
        let is_static = M::def().copied().is_some();
        let table = Arc::clone(M::def().table_def());
        Ok(Self::new(target, handle, table).of_statics(is_static))
    }
}
