//! What a file that uses models needs: `use shard_orm::prelude::*;`.
//!
//! It exports nothing that is named as a model of the users' is likely to be.

pub use crate::{
    Cluster, DatabaseModel, Dialect, ErrorKind, Executor, IsolatedModel, Isolation, PerServerModel,
    Read, ShardField, ShardKey, ShardModel, ShardProjection, StaticModel, TransmittedModel, Tx,
    TxOptions, UnscopedQuery,
};

// Their methods alone: the names are left to the users' models.
pub use crate::relation::{RelatedRow as _, Relation as _};
