//! What a query runs on: a cluster or a transaction.

use std::sync::Arc;

use crate::cluster::{Address, Cluster, Moved, Session};
use crate::connect::{NamespaceHandle, WriteMarks};
use crate::definition::ModelDef;
use crate::error::{Error, ErrorKind, Result};
use crate::route::RoutingKey;
use crate::topology::Read;
use crate::transaction::Tx;

/// What a query runs on: `&Cluster`, `&Session`, `&Tx`, or [`Cluster::read_from`].
///
/// All are `Copy`, so that a helper that takes one can send as many statements as it likes:
///
/// ```
/// use shard_orm::{Executor, Result};
/// # use shard_orm::prelude::*;
/// # #[derive(ShardModel)]
/// # #[shard(group = "shop", table = "orders")]
/// # struct Order {
/// #     #[shard(primary_key)]
/// #     id: i64,
/// #     #[shard(key)]
/// #     user_id: i64,
/// # }
///
/// async fn orders_of(on: impl Executor<'_>, user: i64) -> Result<(u64, Vec<Order>)> {
///     Ok((Order::on(user).count(on).await?, Order::on(user).all(on).await?))
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not run queries",
    label = "expected `&Cluster`, `&Session` or `&Tx`",
    note = "pass the cluster or the transaction by reference"
)]
pub trait Executor<'e>: Copy + Send + Sealed {
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn target(self) -> Target<'e>;
}

/// Keeps [`Executor`] to this crate.
pub trait Sealed {}

impl Sealed for &Cluster {}
impl Sealed for &Session {}
impl Sealed for &Tx {}
impl Sealed for ReadFrom<'_> {}

/// A cluster with a choice of where its reads go; see [`Cluster::read_from`].
#[derive(Debug, Clone, Copy)]
pub struct ReadFrom<'e> {
    cluster: &'e Cluster,
    read: Read,
}

impl Cluster {
    /// The same cluster, with its reads sent to the primary or to a replica, whatever the policy
    /// of the group says. Writes go to the primary as ever.
    ///
    /// ```no_run
    /// # use shard_orm::prelude::*;
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "orders")]
    /// # struct Order {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// # }
    /// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    /// let order = Order::get(cluster.read_from(Read::Primary), 42, 7).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn read_from(&self, read: Read) -> ReadFrom<'_> {
        ReadFrom {
            cluster: self,
            read,
        }
    }
}

impl<'e> Executor<'e> for &'e Cluster {
    #[allow(private_interfaces)]
    fn target(self) -> Target<'e> {
        Target::Cluster {
            cluster: self,
            read: None,
            marks: None,
        }
    }
}

impl<'e> Executor<'e> for &'e Session {
    #[allow(private_interfaces)]
    fn target(self) -> Target<'e> {
        Target::Cluster {
            cluster: self.cluster(),
            read: None,
            marks: Some(self.marks()),
        }
    }
}

impl<'e> Executor<'e> for ReadFrom<'e> {
    #[allow(private_interfaces)]
    fn target(self) -> Target<'e> {
        Target::Cluster {
            cluster: self.cluster,
            read: Some(self.read),
            marks: None,
        }
    }
}

impl<'e> Executor<'e> for &'e Tx {
    #[allow(private_interfaces)]
    fn target(self) -> Target<'e> {
        Target::Tx(self)
    }
}

/// An executor, taken apart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'e> {
    Cluster {
        cluster: &'e Cluster,
        read: Option<Read>,
        /// What the session has written, inside of one.
        marks: Option<&'e WriteMarks>,
    },
    Tx(&'e Tx),
}

impl Target<'_> {
    pub(crate) fn cluster(&self) -> &Cluster {
        match self {
            Self::Cluster { cluster, .. } => cluster,
            Self::Tx(tx) => tx.cluster(),
        }
    }

    /// Whether it is a transaction in which locks can be taken.
    pub(crate) fn can_lock(&self) -> bool {
        matches!(self, Self::Tx(tx) if !tx.is_read_only())
    }

    /// The same target, with a choice of where its reads go.
    pub(crate) fn reading(self, choice: Option<Read>) -> Self {
        match (self, choice) {
            (Self::Cluster { cluster, marks, .. }, Some(read)) => Self::Cluster {
                cluster,
                read: Some(read),
                marks,
            },
            (unchanged, _) => unchanged,
        }
    }

    /// Where a place is by now, when that is elsewhere. A transaction stays where it was begun.
    pub(crate) fn moved(&self, handle: &Arc<NamespaceHandle>) -> Option<Moved> {
        let Self::Cluster { cluster, .. } = self else {
            return None;
        };
        cluster.moved_to(handle)
    }

    /// Where a place is by now, or once its logical shard has changed servers, after a statement
    /// failed there; `None` if it has not moved.
    ///
    /// # Errors
    /// `ShardMoved` in a transaction, and if the switch does not end in time.
    pub(crate) async fn settled(
        &self,
        handle: &Arc<NamespaceHandle>,
        failed: &Error,
    ) -> Result<Option<Moved>> {
        match self {
            Self::Cluster { cluster, .. } => cluster.settled(handle, failed).await,
            Self::Tx(tx) => {
                if failed.kind() == ErrorKind::UndefinedTable
                    && tx.cluster().is_fenced(handle).await
                {
                    return Err(tx.moved(failed));
                }
                Ok(None)
            }
        }
    }

    /// Where the rows of a key are; inside a transaction, only when that is where it runs.
    pub(crate) fn handle_of_key(
        &self,
        def: &ModelDef,
        key: &RoutingKey<'_>,
    ) -> Result<Arc<NamespaceHandle>> {
        self.within(def, self.cluster().handle_of_key(def.location_name(), key)?)
    }

    /// Where the rows of a shard, by number, are.
    pub(crate) fn handle_of_shard(
        &self,
        def: &ModelDef,
        shard: u32,
    ) -> Result<Arc<NamespaceHandle>> {
        self.within(
            def,
            self.cluster().handle_of_shard(def.location_name(), shard)?,
        )
    }

    /// Where all the rows of a model are that lives in the logical shards of a group.
    pub(crate) fn handles_of_group(&self, def: &ModelDef) -> Result<Vec<Arc<NamespaceHandle>>> {
        let handles = self.cluster().handles_of_group(def.location_name())?;
        handles
            .into_iter()
            .map(|handle| self.within(def, handle))
            .collect()
    }

    /// Where an address is; inside a transaction, only when that is where it runs.
    pub(crate) fn handle(&self, def: &ModelDef, address: &Address) -> Result<Arc<NamespaceHandle>> {
        self.within(def, self.cluster().handle(address)?)
    }

    /// Where the rows of a model that is not sharded are.
    pub(crate) fn handle_of_database(&self, def: &ModelDef) -> Result<Arc<NamespaceHandle>> {
        debug_assert!(!def.is_in_shards());
        self.within(def, self.cluster().handle_of_database(def.location_name())?)
    }

    /// Where the copy of a static model is read that is on the server of this logical shard: at the
    /// shard, which names the tables beside it.
    pub(crate) fn handle_of_copy(
        &self,
        def: &ModelDef,
        at: &Address,
    ) -> Result<Arc<NamespaceHandle>> {
        self.within(def, self.cluster().handle_of_copy(def, at)?)
    }

    /// Where the rows of a static model are written on the server of this logical shard.
    pub(crate) fn handle_of_server(
        &self,
        def: &ModelDef,
        at: &Address,
    ) -> Result<Arc<NamespaceHandle>> {
        self.within(def, self.cluster().handle_of_server(def, at)?)
    }

    fn within(&self, def: &ModelDef, handle: Arc<NamespaceHandle>) -> Result<Arc<NamespaceHandle>> {
        match self {
            Self::Cluster { .. } => Ok(handle),
            Self::Tx(tx) => {
                let (own, cluster) = (tx.handle(), tx.cluster());
                let (here, there) = (&own.namespace, &handle.namespace);
                if here.is_same_shard(there) && here.keys() == there.keys() {
                    return Ok(Arc::clone(own));
                }
                let error = Error::new(
                    ErrorKind::CrossShard,
                    format!(
                        "this `{}` lives elsewhere than the transaction, which runs on {own}: \
                         begin another one for it, or leave it out",
                        def.name
                    ),
                );
                // It may have been here when the transaction began, before a split or a merge.
                Err(match cluster.moved_to(own) {
                    Some(_) => tx.moved(&error),
                    None => handle.name_error(error),
                })
            }
        }
    }
}
