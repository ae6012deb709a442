//! The scope of a query: the shards that it names, checked by the compiler.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use sea_query::{Alias, Expr, ExprTrait, Value};

use super::select::Query;
use crate::backend::Args;
use crate::cluster::Address;
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::Target;
use crate::model::{Key, Model, ModelDef};
use crate::plan::{ShardTask, Shards, any_of};

/// The maximum number of keys in a statement.
const KEYS_PER_STATEMENT: usize = 1_000;

/// No shard named yet.
#[derive(Debug, Clone, Copy)]
pub struct Unscoped;

/// The rows of one shard key.
#[derive(Clone)]
pub struct OnKey<K>(pub(super) K);

impl<K> OnKey<K> {
    pub(crate) fn of(key: K) -> Self {
        Self(key)
    }
}

/// The rows of several shard keys.
#[derive(Clone)]
pub struct OnKeys<K>(pub(super) Vec<K>);

/// All rows in one logical shard.
#[derive(Debug, Clone, Copy)]
pub struct OnShard(pub(crate) u32);

/// All rows in the logical shard that owns a key.
#[derive(Clone)]
pub struct OnShardOf<K>(pub(super) K);

impl<K> OnShardOf<K> {
    pub(crate) fn of(key: K) -> Self {
        Self(key)
    }
}

/// All rows in the logical shards that own several keys.
#[derive(Clone)]
pub struct OnShardsOf<K>(pub(super) Vec<K>);

impl<K> OnShardsOf<K> {
    pub(crate) fn of(keys: Vec<K>) -> Self {
        Self(keys)
    }
}

/// The rows of all logical shards of the model's group.
#[derive(Debug, Clone, Copy)]
pub struct AllShards;

/// The rows in the named database of the model.
#[derive(Debug, Clone, Copy)]
pub struct InDatabase;

/// The copy of a static model on the server of a logical shard.
#[derive(Clone)]
pub struct OnStaticCopy(pub(crate) Address);

impl fmt::Debug for OnStaticCopy {
    /// Shows no key: it is user data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnStaticCopy(..)")
    }
}

impl<K> fmt::Debug for OnKey<K> {
    /// Shows no key: it is the users' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnKey(..)")
    }
}

impl<K> fmt::Debug for OnShardOf<K> {
    /// Shows no key: it is the users' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnShardOf(..)")
    }
}

impl<K> fmt::Debug for OnShardsOf<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnShardsOf({} keys)", self.0.len())
    }
}

impl<K> fmt::Debug for OnKeys<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnKeys({} keys)", self.0.len())
    }
}

/// A query that names its logical shards. Only such a query can run.
#[diagnostic::on_unimplemented(
    message = "this query names no shard, so it does not run",
    label = "names no shard",
    note = "name one before it runs: `.on(key)` for the rows of one shard key, `.on_each(keys)` \
            for those of several, `.scatter()` for all rows of all logical shards"
)]
pub trait NamesAShard: private::Scope {}

/// A query that names the shard keys or the logical shard whose rows it changes. Only such a query
/// has `delete` and `update`.
#[diagnostic::on_unimplemented(
    message = "this query does not say which rows it changes",
    label = "names no shard, or all of them",
    note = "name the rows before it runs: `.on(key)` for those of one shard key, `.on_each(keys)` \
            for those of several; to change rows of all logical shards, say so: \
            `.delete_everywhere(..)`, `.update_everywhere(..)`"
)]
pub trait ChangesRows: NamesAShard {}

impl<M: Model, K: Key, S> ChangesRows for Query<M, OnKey<K>, S> {}
impl<M: Model, K: Key, S> ChangesRows for Query<M, OnKeys<K>, S> {}
impl<M: Model, S> ChangesRows for Query<M, OnShard, S> {}
impl<M: Model, S> ChangesRows for Query<M, InDatabase, S> {}
impl<M: WrittenCopies + Model, S> ChangesRows for Query<M, OnStaticCopy, S> {}

/// A query of whole logical shards, databases or copies, which can be written in SQL: the statement
/// sees the rows of all keys.
#[diagnostic::on_unimplemented(
    message = "a statement in SQL runs on a whole logical shard, and this query names none",
    label = "asks for the rows of keys, or names no shard",
    note = "`.on_shard_of(key).sql(..)` runs it on the logical shard of a key, where the rows of \
            other keys are too: name the key in the statement's own condition",
    note = "`.on_shards_of(keys)`, `.on_shard(number)` and `.scatter()` name other logical shards"
)]
pub trait TakesSql {}

impl<M, S> TakesSql for Query<M, OnShard, S> {}
impl<M, K, S> TakesSql for Query<M, OnShardOf<K>, S> {}
impl<M, K, S> TakesSql for Query<M, OnShardsOf<K>, S> {}
impl<M, S> TakesSql for Query<M, AllShards, S> {}
impl<M, S> TakesSql for Query<M, InDatabase, S> {}
impl<M, S> TakesSql for Query<M, OnStaticCopy, S> {}

/// A model with writable copies. No model implements it: copies follow their source.
#[diagnostic::on_unimplemented(
    message = "the copies of `{Self}` are not written to",
    label = "reads a copy, and changes nothing",
    note = "write the rows at their source, from which the copies are made: by `row.update(&cluster)` \
            and its like, or `{Self}::query().filter(..)` with `delete` and `update`",
    note = "with `transmit = false` each server has rows of its own: write those by \
            `row.update(&cluster, at)` and its like"
)]
pub trait WrittenCopies {}

pub(crate) mod private {
    use super::{Result, Shards, Target};

    pub trait Scope {
        /// Returns the logical shards of the query, each with the keys that it owns.
        #[doc(hidden)]
        #[allow(private_interfaces)]
        fn shards(&self, target: Target<'_>) -> Result<Shards>;

        /// Returns the values of the routing columns, if the query has exactly one shard key.
        #[doc(hidden)]
        fn routing_values(&self) -> Result<Option<Vec<sea_query::Value>>>;
    }
}

impl<M: Model, K: Key, S> NamesAShard for Query<M, OnKey<K>, S> {}
impl<M: Model, K: Key, S> NamesAShard for Query<M, OnKeys<K>, S> {}
impl<M: Model, S> NamesAShard for Query<M, OnShard, S> {}
// The compiler lists the implementations; those of the other scopes are enough.
#[diagnostic::do_not_recommend]
impl<M: Model, K: Key, S> NamesAShard for Query<M, OnShardOf<K>, S> {}
#[diagnostic::do_not_recommend]
impl<M: Model, K: Key, S> NamesAShard for Query<M, OnShardsOf<K>, S> {}
impl<M: Model, S> NamesAShard for Query<M, AllShards, S> {}
impl<M: Model, S> NamesAShard for Query<M, InDatabase, S> {}
impl<M: Model, S> NamesAShard for Query<M, OnStaticCopy, S> {}

impl<M: Model, K: Key, S> private::Scope for Query<M, OnKey<K>, S> {
    #[allow(private_interfaces)]
    fn shards(&self, target: Target<'_>) -> Result<Shards> {
        task_of_key(M::def(), target, &self.scope.0).map(Shards::Single)
    }

    fn routing_values(&self) -> Result<Option<Vec<Value>>> {
        key_values(&self.scope.0).map(Some)
    }
}

impl<M: Model, K: Key, S> private::Scope for Query<M, OnKeys<K>, S> {
    #[allow(private_interfaces)]
    fn shards(&self, target: Target<'_>) -> Result<Shards> {
        tasks_of_keys(M::def(), target, &self.scope.0).map(Shards::Scatter)
    }

    fn routing_values(&self) -> Result<Option<Vec<Value>>> {
        Ok(None)
    }
}

impl<M: Model, S> private::Scope for Query<M, OnShard, S> {
    #[allow(private_interfaces)]
    fn shards(&self, target: Target<'_>) -> Result<Shards> {
        let handle = target.handle_of_shard(M::def(), self.scope.0)?;
        Ok(Shards::Single(ShardTask::of_number(handle)))
    }

    fn routing_values(&self) -> Result<Option<Vec<Value>>> {
        Ok(None)
    }
}

impl<M: Model, K: Key, S> private::Scope for Query<M, OnShardOf<K>, S> {
    #[allow(private_interfaces)]
    fn shards(&self, target: Target<'_>) -> Result<Shards> {
        let key = self.scope.0.routing_key()?;
        let handle = target.handle_of_key(M::def(), &key)?;
        Ok(Shards::Single(ShardTask::of_key(handle, &key)))
    }

    fn routing_values(&self) -> Result<Option<Vec<Value>>> {
        Ok(None)
    }
}

impl<M: Model, K: Key, S> private::Scope for Query<M, OnShardsOf<K>, S> {
    #[allow(private_interfaces)]
    fn shards(&self, target: Target<'_>) -> Result<Shards> {
        let mut shards: BTreeMap<u32, Arc<NamespaceHandle>> = BTreeMap::new();
        for key in &self.scope.0 {
            let handle = target.handle_of_key(M::def(), &key.routing_key()?)?;
            shards.insert(handle.namespace.shard(), handle);
        }
        let tasks = shards.into_values().map(ShardTask::whole);
        Ok(Shards::Scatter(tasks.collect()))
    }

    fn routing_values(&self) -> Result<Option<Vec<Value>>> {
        Ok(None)
    }
}

impl<M: Model, S> private::Scope for Query<M, AllShards, S> {
    #[allow(private_interfaces)]
    fn shards(&self, target: Target<'_>) -> Result<Shards> {
        let handles = target.handles_of_group(M::def())?;
        let tasks = handles.into_iter().map(ShardTask::whole);
        Ok(Shards::Scatter(tasks.collect()))
    }

    fn routing_values(&self) -> Result<Option<Vec<Value>>> {
        Ok(None)
    }
}

impl<M: Model, S> private::Scope for Query<M, InDatabase, S> {
    #[allow(private_interfaces)]
    fn shards(&self, target: Target<'_>) -> Result<Shards> {
        debug_assert!(!M::def().is_in_shards());
        let handle = target.handle_of_database(M::def())?;
        Ok(Shards::Single(ShardTask::whole(handle)))
    }

    fn routing_values(&self) -> Result<Option<Vec<Value>>> {
        Ok(None)
    }
}

impl<M: Model, S> private::Scope for Query<M, OnStaticCopy, S> {
    #[allow(private_interfaces)]
    fn shards(&self, target: Target<'_>) -> Result<Shards> {
        let handle = target.handle_of_copy(M::def(), &self.scope.0)?;
        Ok(Shards::Single(ShardTask::at(handle, &self.scope.0)))
    }

    fn routing_values(&self) -> Result<Option<Vec<Value>>> {
        Ok(None)
    }
}

fn key_values(key: &impl Key) -> Result<Vec<Value>> {
    Args::values(|args| key.bind(args))
}

fn routing_columns(def: &'static ModelDef) -> impl Iterator<Item = Expr> {
    def.routing()
        .map(|ordinal| Expr::col(Alias::new(def.columns[ordinal].name)))
}

/// `region = ? AND key = ?`.
fn equals(def: &'static ModelDef, values: Vec<Value>) -> Option<Expr> {
    routing_columns(def)
        .zip(values)
        .map(|(column, value)| column.eq(Expr::Value(value)))
        .reduce(ExprTrait::and)
}

fn task_of_key(def: &'static ModelDef, target: Target<'_>, key: &impl Key) -> Result<ShardTask> {
    let routing = key.routing_key()?;
    Ok(ShardTask {
        keys: equals(def, key_values(key)?),
        ..ShardTask::of_key(target.handle_of_key(def, &routing)?, &routing)
    })
}

/// Groups the keys by logical shard. Duplicate keys are asked for once.
fn tasks_of_keys<K: Key>(
    def: &'static ModelDef,
    target: Target<'_>,
    keys: &[K],
) -> Result<Vec<ShardTask>> {
    let mut shards: BTreeMap<u32, (Arc<NamespaceHandle>, Vec<Vec<Value>>)> = BTreeMap::new();
    for key in keys {
        let handle = target.handle_of_key(def, &key.routing_key()?)?;
        shards
            .entry(handle.namespace.shard())
            .or_insert_with(|| (handle, Vec::new()))
            .1
            .push(key_values(key)?);
    }
    let mut tasks = Vec::with_capacity(shards.len());
    for (handle, mut values) in shards.into_values() {
        let mut seen = HashSet::with_capacity(values.len());
        values.retain(|value| seen.insert(format!("{value:?}")));
        while !values.is_empty() {
            let rest = values.split_off(values.len().min(KEYS_PER_STATEMENT));
            tasks.push(ShardTask {
                keys: one_of(def, std::mem::replace(&mut values, rest)),
                ..ShardTask::whole(Arc::clone(&handle))
            });
        }
    }
    Ok(tasks)
}

/// `key IN (?, ..)`, or with a region `(region = ? AND key = ?) OR ..`.
fn one_of(def: &'static ModelDef, keys: Vec<Vec<Value>>) -> Option<Expr> {
    if def.region.is_some() {
        let keys = keys.into_iter().filter_map(|values| equals(def, values));
        return any_of(keys.collect());
    }
    let values: Vec<Expr> = keys.into_iter().flatten().map(Expr::Value).collect();
    routing_columns(def)
        .next()
        .map(|column| column.is_in(values))
}

/// The error for changing a routing column.
pub(super) fn moves_a_row(def: &ModelDef, ordinal: usize) -> Error {
    Error::new(
        ErrorKind::CrossShard,
        format!(
            "`{}.{}` decides in which logical shard a row of `{}` lives, so it is not changed in \
             place; to move a row, insert it under its new key and delete it under its old one",
            def.table, def.columns[ordinal].name, def.name
        ),
    )
}
