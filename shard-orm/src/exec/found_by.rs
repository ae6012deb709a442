//! By what a statement finds its logical shard, again once that was split or merged.

use std::sync::Arc;

use sea_query::Value;

use crate::backend::{Args, integer_of};
use crate::cluster::{At, Cluster};
use crate::connect::NamespaceHandle;
use crate::definition::ModelDef;
use crate::error::Result;
use crate::route::RoutingKey;

/// By what a statement finds its logical shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FoundBy {
    /// The key that all its rows have.
    Key { region: Option<Box<str>>, key: i64 },
    /// The number of the logical shard, whichever keys it has.
    Number,
    /// Neither: its rows have several keys.
    Rows,
}

impl FoundBy {
    pub(crate) fn of_key(key: &RoutingKey<'_>) -> Self {
        Self::Key {
            region: key.region.map(Into::into),
            key: key.key,
        }
    }

    pub(crate) fn of_address(at: &At) -> Self {
        match at {
            At::Key { region, key } => Self::Key {
                region: region.as_deref().map(Into::into),
                key: *key,
            },
            At::Server(of) => Self::of_address(of),
            _ => Self::Number,
        }
    }

    /// Of a statement about one row. `bind` binds some columns, and then those by which rows are looked up.
    pub(crate) fn of_lookup(
        def: &ModelDef,
        before: usize,
        bind: &dyn Fn(&mut Args) -> Result<()>,
    ) -> Self {
        let values = Args::values(bind).unwrap_or_default();
        let routing = values.get(before..).unwrap_or_default();
        Self::of_values(def, &routing[..def.routing().count().min(routing.len())])
    }

    /// Of a statement about one row, all of whose columns `bind` binds, in their order.
    pub(crate) fn of_columns(def: &ModelDef, bind: &dyn Fn(&mut Args) -> Result<()>) -> Self {
        let values = Args::values(bind).unwrap_or_default();
        let routing = def.routing().filter_map(|ordinal| values.get(ordinal));
        Self::of_values(def, &routing.cloned().collect::<Vec<_>>())
    }

    /// From the region, if the model has one, and the key.
    fn of_values(def: &ModelDef, routing: &[Value]) -> Self {
        if def.key.is_none() {
            return Self::Number;
        }
        let region = match routing {
            [Value::String(region), _] => region.as_ref().map(|region| region.as_str().into()),
            _ => None,
        };
        match routing.last().and_then(integer_of) {
            Some(key) => Self::Key { region, key },
            None => Self::Rows,
        }
    }

    /// The namespace by the topology in use, of a logical shard of this group; `None` if neither a key nor a
    /// number leads there.
    pub(crate) fn handle(
        &self,
        cluster: &Cluster,
        before: &NamespaceHandle,
    ) -> Option<Result<Arc<NamespaceHandle>>> {
        let (group, shard) = (before.namespace.group(), before.namespace.shard());
        match self {
            Self::Key { region, key } => {
                let key = RoutingKey {
                    region: region.as_deref(),
                    key: *key,
                };
                Some(cluster.handle_of_key(group, &key))
            }
            Self::Number => Some(cluster.handle_of_shard(group, shard)),
            Self::Rows => None,
        }
    }
}
