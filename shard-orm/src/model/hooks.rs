//! Hooks that run before and after the writes of a row.
//!
//! Called by `record` for models marked `#[shard(hooks)]`. For all other models,
//! [`Model::HOOKS`] is the constant `None`, and the compiler removes the calls.

use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt, TryFutureExt};

use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Executor, Sealed, Target};
use crate::model::{Model, ModelDef};
use crate::transaction::Tx;

/// A model with hooks that run before and after its rows are written.
///
/// Mark the model with `#[shard(hooks)]`, and implement the hooks that it needs as `async fn`; the
/// others do nothing. Each hook gets the executor of the write and can run statements on it. In a
/// transaction, they are part of it; outside of one, each takes effect immediately.
///
/// ```
/// use shard_orm::prelude::*;
/// use shard_orm::{Result, hooks::{Hooks, WriteContext}};
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
/// # Methods and their hooks
/// | method | before | after |
/// |---|---|---|
/// | `insert`, `insert_many` (each row) | `before_insert` | `after_insert` |
/// | `get_or_create`, if it found no row | `before_insert` | `after_insert`, if it inserted |
/// | `update`, `update_only`, `restore` | `before_update` | `after_update` |
/// | `save`, `upsert`, `upsert_only`, `update_or_create` | `before_save` | `after_save` |
/// | `delete`, `force_delete` | `before_delete` | `after_delete` |
/// | the query builder's `update`, `delete`, `restore`, `force_delete`; raw SQL | none | none |
///
/// The query builder changes rows without reading them, so there is no row to call a hook on.
///
/// A row is prepared in this order: the `before_` hook, a generated id, `created_at` and
/// `updated_at`, [`Validate`](crate::hooks::Validate). Only `before_insert` can change the row:
/// `update(&self)` and `delete(&self)` take it by reference, and would otherwise write values that
/// the caller does not have.
///
/// # Errors
/// If a `before_` hook fails, the row is not written, and the method returns the hook's error.
///
/// If an `after_` hook fails, the row has been written. Outside of a transaction it stays written:
/// the method returns [`AfterHook`](ErrorKind::AfterHook) with the hook's error as its source, and
/// must not be called again. In a transaction, the method returns the hook's error, and the outcome
/// of the transaction decides.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is marked `hooks`, but does not implement `Hooks`",
    note = "add `impl shard_orm::hooks::Hooks for {Self}`, or remove `#[shard(hooks)]`"
)]
pub trait Hooks: Model {
    /// Runs before the row is inserted, and can change it.
    fn before_insert(&mut self, on: WriteContext<'_>) -> impl Future<Output = Result<()>> + Send {
        nothing(on)
    }

    /// Runs after the row is inserted.
    fn after_insert(&self, on: WriteContext<'_>) -> impl Future<Output = Result<()>> + Send {
        nothing(on)
    }

    /// Runs before the row is updated.
    fn before_update(&self, on: WriteContext<'_>) -> impl Future<Output = Result<()>> + Send {
        nothing(on)
    }

    /// Runs after the row is updated.
    fn after_update(&self, on: WriteContext<'_>) -> impl Future<Output = Result<()>> + Send {
        nothing(on)
    }

    /// Runs before a method that either inserts or updates the row, as decided by the database.
    ///
    /// The default implementation rejects these methods, since they would bypass the other hooks.
    fn before_save(&self, on: WriteContext<'_>) -> impl Future<Output = Result<()>> + Send {
        let _ = on;
        std::future::ready(Err(no_save_hook(Self::def())))
    }

    /// Runs after the row is inserted or updated.
    fn after_save(&self, on: WriteContext<'_>) -> impl Future<Output = Result<()>> + Send {
        nothing(on)
    }

    /// Runs before the row is deleted, softly or permanently.
    fn before_delete(&self, on: WriteContext<'_>) -> impl Future<Output = Result<()>> + Send {
        nothing(on)
    }

    /// Runs after the row is deleted.
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
        "`{0}` has hooks, and this method may insert or update: implement `before_save` for \
         `{0}`, or use `insert`, `update` or `get_or_create`",
        def.name
    ))
}

/// The executor of a write, on which hooks run their own statements.
///
/// In a transaction, the statements are part of it.
#[derive(Debug, Clone, Copy)]
pub struct WriteContext<'e> {
    target: Target<'e>,
    handle: &'e NamespaceHandle,
}

impl<'e> WriteContext<'e> {
    /// Returns the transaction of the write, if there is one.
    #[must_use]
    pub fn transaction(self) -> Option<&'e Tx> {
        match self.target {
            Target::Tx(tx) => Some(tx),
            Target::Cluster { .. } => None,
        }
    }

    /// Returns the number of the logical shard; 0 for a model that is not sharded.
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

/// Object-safe [`Hooks`], for methods that require only [`Model`].
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

/// The future of a hook.
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
    /// Wraps the future of an `after_` hook.
    fn after<M: Model>(
        self,
        name: &'static str,
        hook: impl Future<Output = Result<()>> + Send + 'c,
    ) -> Hook<'c> {
        hook.map_err(move |error| self.written::<M>(name, error))
            .boxed()
    }

    /// Converts the error of an `after_` hook.
    fn written<M: Model>(self, hook: &str, error: Error) -> Error {
        if self.transaction().is_some() {
            return error;
        }
        let def = M::def();
        let message = format!(
            "the write to `{}` succeeded, but then `{hook}` of `{}` failed: {}",
            def.table,
            def.name,
            error.message()
        );
        self.handle
            .name_error(Error::new(ErrorKind::AfterHook, message).with_source(error))
    }
}

/// The hooks of a model, with the executor of the write.
pub(crate) struct Around<'e, M: Model> {
    pub(crate) hooks: &'static dyn DynHooks<M>,
    target: Target<'e>,
    handle: Arc<NamespaceHandle>,
}

impl<M: Model> Around<'_, M> {
    pub(crate) fn on(&self) -> WriteContext<'_> {
        WriteContext {
            target: self.target,
            handle: &self.handle,
        }
    }
}

/// Returns the hooks of the model. For a model without hooks, the compiler reduces this to `None`.
#[inline]
pub(crate) fn around<'e, M: Model>(
    target: Target<'e>,
    handle: &Arc<NamespaceHandle>,
) -> Option<Around<'e, M>> {
    M::HOOKS.map(|hooks| Around {
        hooks,
        target,
        handle: Arc::clone(handle),
    })
}
