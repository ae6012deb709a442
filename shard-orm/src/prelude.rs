//! Imports for files that use models: `use shard_orm::prelude::*;`.
//!
//! It exports no name that is likely to be a model's.

pub use crate::{
    Cluster, DatabaseModel, Dialect, ErrorKind, Executor, IsolatedModel, Isolation, PerServerModel,
    Read, ShardField, ShardKey, ShardModel, ShardProjection, StaticModel, TransmittedModel, Tx,
    TxOptions, UnscopedQuery,
};

// Only their methods: the names are left to models.
pub use crate::relation::{RelatedRow as _, Relation as _};
