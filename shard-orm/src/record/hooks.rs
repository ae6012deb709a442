//! What a model does around the writes of its rows.
//!
//! Called by the verbs of this module where the model is marked `#[shard(hooks)]`. For all others
//! [`Model::HOOKS`] is a constant `None`, and what asks for it folds away when it is compiled.

use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt, TryFutureExt};

use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Executor, Sealed, Target};
use crate::model::{Model, ModelDef};
use crate::transaction::Tx;

/// A model that does something before and after its rows are written.
///
/// Mark the model with `#[shard(hooks)]`, and write the hooks that it needs as `async fn`; the
/// others do nothing. Each hook gets what the row is written on and can run statements there: in a
/// transaction they belong to it; outside of one, each is a statement of its own, with its effect
/// at once.
///
/// ```
/// use shard_orm::prelude::*;
/// use shard_orm::{Hooks, Result, WriteContext};
///
/// #[derive(ShardModel)]
/// #[shard(group = "shop", table = "orders", hooks)]
/// struct Order {
///     #[shard(primary_key)]
///     id: i64,
///     #[shard(key)]
///     user_id: i64,
///     item: String,
/// }
///
/// #[derive(ShardModel)]
/// #[shard(group = "shop", table = "entries")]
/// struct Entry {
///     #[shard(primary_key)]
///     order_id: i64,
///     #[shard(key)]
///     user_id: i64,
///     text: String,
/// }
///
/// impl Hooks for Order {
///     async fn before_insert(&mut self, _: WriteContext<'_>) -> Result<()> {
///         self.item = self.item.trim().to_lowercase();
///         Ok(())
///     }
///
///     async fn after_insert(&self, on: WriteContext<'_>) -> Result<()> {
///         let text = format!("ordered {}", self.item);
///         Entry { order_id: self.id, user_id: self.user_id, text }.insert(on).await?;
///         Ok(())
///     }
/// }
///
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// # let cluster = shard_orm::testing::cluster::<(Order, Entry)>().await?;
/// # let cluster = &cluster;
/// let tx = cluster.begin(Order::shard(42)).await?;
/// Order { id: 1, user_id: 42, item: " Tea".into() }.insert(&tx).await?;
/// tx.commit().await?;
/// assert_eq!(Entry::get(cluster, 42, 1).await?.text, "ordered tea");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
///
/// # Which verb calls what
/// | verb | before | after |
/// |---|---|---|
/// | `insert`, `insert_many` (each row) | `before_insert` | `after_insert` |
/// | `get_or_create`, when it found no row | `before_insert` | `after_insert`, when it inserted |
/// | `update`, `update_only`, `restore` | `before_update` | `after_update` |
/// | `save`, `upsert`, `upsert_only`, `update_or_create` | `before_save` | `after_save` |
/// | `delete`, `force_delete` | `before_delete` | `after_delete` |
/// | the builder's `update`, `delete`, `restore`, `force_delete`; SQL of your own | none | none |
///
/// The verbs of the builder change rows that nobody has read, so there is no row to call a hook on.
///
/// A row is made ready in this order: the `before_` hook, a generated id, `created_at` and
/// `updated_at`, [`Validate`](crate::Validate). A hook before an insert can change the row, the
/// others see it as it is: `update(&self)` and `delete(&self)` have no row of their own to change,
/// and what they write would differ from what the caller holds.
///
/// # Errors
/// A `before_` hook that fails keeps the row from being written; its error is what the verb gives.
///
/// An `after_` hook runs when the row is written. Outside of a transaction the row stays: the verb
/// gives [`AfterHook`](ErrorKind::AfterHook) with the hook's error as its source, and must not be
/// called again. In a transaction the verb gives the hook's error, and whether the row stays is
/// decided by the end of the transaction.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is marked `hooks`, but does not implement `Hooks`",
    note = "write `impl shard_orm::Hooks for {Self}`, or leave `#[shard(hooks)]` out"
)]
pub trait Hooks: Model {
    /// Runs before the row is inserted, and may change it.
    fn before_insert(&mut self, on: WriteContext<'_>) -> impl Future<Output = Result<()>> + Send {
        nothing(on)
    }

    /// Runs when the row is inserted.
    fn after_insert(&self, on: WriteContext<'_>) -> impl Future<Output = Result<()>> + Send {
        nothing(on)
    }

    /// Runs before the row is updated.
    fn before_update(&self, on: WriteContext<'_>) -> impl Future<Output = Result<()>> + Send {
        nothing(on)
    }

    /// Runs when the row is updated.
    fn after_update(&self, on: WriteContext<'_>) -> impl Future<Output = Result<()>> + Send {
        nothing(on)
    }

    /// Runs before a verb that inserts the row or updates the one that is there: which of the two,
    /// the database alone decides.
    ///
    /// Refuses such a verb unless it is written: what the other hooks guard would be passed by
    /// without a word.
    fn before_save(&self, on: WriteContext<'_>) -> impl Future<Output = Result<()>> + Send {
        let _ = on;
        std::future::ready(Err(no_save_hook(Self::def())))
    }

    /// Runs when the row is inserted, or the one that was there is updated.
    fn after_save(&self, on: WriteContext<'_>) -> impl Future<Output = Result<()>> + Send {
        nothing(on)
    }

    /// Runs before the row is deleted, softly or for good.
    fn before_delete(&self, on: WriteContext<'_>) -> impl Future<Output = Result<()>> + Send {
        nothing(on)
    }

    /// Runs when the row is deleted.
    fn after_delete(&self, on: WriteContext<'_>) -> impl Future<Output = Result<()>> + Send {
        nothing(on)
    }
}

fn nothing(_: WriteContext<'_>) -> std::future::Ready<Result<()>> {
    std::future::ready(Ok(()))
}

#[cold]
fn no_save_hook(def: &ModelDef) -> Error {
    Error::unsupported(format!(
        "`{0}` has hooks, and this verb does not know whether it will insert or update: write \
         `before_save` for `{0}`, or use `insert`, `update` or `get_or_create`",
        def.name
    ))
}

/// What a row is written on: what a hook runs its own statements on.
///
/// It is an [`Executor`]: inside a transaction its statements belong to that transaction.
#[derive(Debug, Clone, Copy)]
pub struct WriteContext<'e> {
    target: Target<'e>,
    handle: &'e NamespaceHandle,
}

impl<'e> WriteContext<'e> {
    /// The transaction that the row is written in, if there is one.
    #[must_use]
    pub fn transaction(self) -> Option<&'e Tx> {
        match self.target {
            Target::Tx(tx) => Some(tx),
            Target::Cluster { .. } => None,
        }
    }

    /// The number of the logical shard that the row is written to; 0 for a row that is in none.
    #[must_use]
    pub fn shard(self) -> u32 {
        let namespace = &self.handle.namespace;
        if namespace.is_static() {
            0
        } else {
            namespace.shard()
        }
    }
}

impl Sealed for WriteContext<'_> {}

impl<'e> Executor<'e> for WriteContext<'e> {
    #[allow(private_interfaces)]
    fn target(self) -> Target<'e> {
        self.target
    }
}

/// [`Hooks`] of a model that the verbs know only as a [`Model`].
#[doc(hidden)]
pub trait DynHooks<M>: Send + Sync {
    fn before_insert<'c>(&self, row: &'c mut M, on: WriteContext<'c>) -> Hook<'c>;
    fn after_insert<'c>(&self, row: &'c M, on: WriteContext<'c>) -> Hook<'c>;
    fn before_update<'c>(&self, row: &'c M, on: WriteContext<'c>) -> Hook<'c>;
    fn after_update<'c>(&self, row: &'c M, on: WriteContext<'c>) -> Hook<'c>;
    fn before_save<'c>(&self, row: &'c M, on: WriteContext<'c>) -> Hook<'c>;
    fn after_save<'c>(&self, row: &'c M, on: WriteContext<'c>) -> Hook<'c>;
    fn before_delete<'c>(&self, row: &'c M, on: WriteContext<'c>) -> Hook<'c>;
    fn after_delete<'c>(&self, row: &'c M, on: WriteContext<'c>) -> Hook<'c>;
}

/// A hook that is running.
type Hook<'c> = BoxFuture<'c, Result<()>>;

/// Connects a model's [`Hooks`]; called by the derive.
#[doc(hidden)]
#[must_use]
pub const fn connect_hooks<M: Hooks>() -> &'static dyn DynHooks<M> {
    &Connected(PhantomData)
}

struct Connected<M>(PhantomData<fn() -> M>);

impl<M: Hooks> DynHooks<M> for Connected<M> {
    fn before_insert<'c>(&self, row: &'c mut M, on: WriteContext<'c>) -> Hook<'c> {
        row.before_insert(on).boxed()
    }

    fn after_insert<'c>(&self, row: &'c M, on: WriteContext<'c>) -> Hook<'c> {
        on.after::<M>("after_insert", row.after_insert(on))
    }

    fn before_update<'c>(&self, row: &'c M, on: WriteContext<'c>) -> Hook<'c> {
        row.before_update(on).boxed()
    }

    fn after_update<'c>(&self, row: &'c M, on: WriteContext<'c>) -> Hook<'c> {
        on.after::<M>("after_update", row.after_update(on))
    }

    fn before_save<'c>(&self, row: &'c M, on: WriteContext<'c>) -> Hook<'c> {
        row.before_save(on).boxed()
    }

    fn after_save<'c>(&self, row: &'c M, on: WriteContext<'c>) -> Hook<'c> {
        on.after::<M>("after_save", row.after_save(on))
    }

    fn before_delete<'c>(&self, row: &'c M, on: WriteContext<'c>) -> Hook<'c> {
        row.before_delete(on).boxed()
    }

    fn after_delete<'c>(&self, row: &'c M, on: WriteContext<'c>) -> Hook<'c> {
        on.after::<M>("after_delete", row.after_delete(on))
    }
}

impl<'c> WriteContext<'c> {
    /// A hook that runs when the row was written.
    fn after<M: Model>(
        self,
        name: &'static str,
        hook: impl Future<Output = Result<()>> + Send + 'c,
    ) -> Hook<'c> {
        hook.map_err(move |error| self.written::<M>(name, error))
            .boxed()
    }

    /// The error of a hook that ran when the row was written.
    fn written<M: Model>(self, hook: &str, error: Error) -> Error {
        if self.transaction().is_some() {
            return error;
        }
        let def = M::def();
        let message = format!(
            "the write to `{}` was carried out, and stays; then `{hook}` of `{}` failed: {}",
            def.table,
            def.name,
            error.message()
        );
        self.handle
            .name_error(Error::new(ErrorKind::AfterHook, message).with_source(error))
    }
}

/// The hooks of a model that has them, and what its row is written on.
pub(super) struct Around<'e, M: Model> {
    pub(super) hooks: &'static dyn DynHooks<M>,
    target: Target<'e>,
    handle: Arc<NamespaceHandle>,
}

impl<M: Model> Around<'_, M> {
    pub(super) fn on(&self) -> WriteContext<'_> {
        WriteContext {
            target: self.target,
            handle: &self.handle,
        }
    }
}

/// The hooks of the model; `None`, known when it is compiled, for one without.
#[inline]
pub(super) fn around<'e, M: Model>(
    target: Target<'e>,
    handle: &Arc<NamespaceHandle>,
) -> Option<Around<'e, M>> {
    M::HOOKS.map(|hooks| Around {
        hooks,
        target,
        handle: Arc::clone(handle),
    })
}
