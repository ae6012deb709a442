//! The tables of generated ids, `shard_orm_worker` and `shard_orm_sequence`.
//!
//! Both are in a named database. Used by `lease` and `block`, created by `Cluster::setup`.

use std::sync::Arc;

use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;
use crate::error::Result;
use crate::exec::system_tables::{Kind, create_table};

/// The worker ids with their holders and expiry.
pub(super) const WORKERS: &str = "shard_orm_worker";
/// The next number of each sequence.
pub(super) const SEQUENCES: &str = "shard_orm_sequence";

/// The tables that a configuration needs, each with its database and its `CREATE TABLE IF NOT
/// EXISTS`.
pub(crate) fn tables(cluster: &Cluster) -> Result<Vec<(Arc<NamespaceHandle>, String)>> {
    let ids = cluster.generators().config();
    let mut tables = Vec::new();
    if let Some(database) = ids.lease_database() {
        let handle = cluster.handle_of_database(database)?;
        let create = create_table(
            handle.dialect(),
            WORKERS,
            &[
                ("worker", Kind::Integer),
                ("token", Kind::Text),
                ("layout", Kind::Text),
                ("expires_at", Kind::Integer),
                ("reserved_until", Kind::Integer),
            ],
        );
        tables.push((handle, create));
    }
    if let Some(database) = ids.tables_database() {
        let handle = cluster.handle_of_database(database)?;
        let create = create_table(
            handle.dialect(),
            SEQUENCES,
            &[("name", Kind::Text), ("next", Kind::Integer)],
        );
        tables.push((handle, create));
    }
    Ok(tables)
}
