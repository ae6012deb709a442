//! The tables of one logical shard.

use std::cmp::Reverse;

use crate::cluster::Cluster;
use crate::error::Result;

/// A table of a logical shard, with estimates of its size.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TableSize {
    /// The table.
    pub table: String,
    /// Its rows, as the database estimates them; not known on SQLite.
    pub rows: Option<u64>,
    /// Its bytes with those of its indexes, as of the last `ANALYZE` or `VACUUM` on PostgreSQL; not known on SQLite.
    pub bytes: Option<u64>,
}

/// The tables of a logical shard, the largest first, without the library's own. Sends one statement to the catalogs of
/// its server's primary, which locks no table.
///
/// ```no_run
/// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
/// for size in shard_orm::admin::table_sizes(cluster, "shop", 3).await? {
///     println!("{}: {:?} rows", size.table, size.rows);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Configuration`](crate::ErrorKind::Configuration) for an unknown group;
/// [`NoShardForKey`](crate::ErrorKind::NoShardForKey) for an unknown logical shard; the database's error.
pub async fn table_sizes(cluster: &Cluster, group: &str, shard: u32) -> Result<Vec<TableSize>> {
    let handle = cluster.handle_of_shard(group, shard)?;
    let name = handle.namespace.name();
    let tables = crate::exec::sizes::table_sizes(&handle, name).await?;
    let mut tables: Vec<TableSize> = tables
        .into_iter()
        .map(|(table, rows, bytes)| TableSize { table, rows, bytes })
        .collect();
    tables.sort_by(|a, b| {
        let size = |one: &TableSize| Reverse((one.bytes, one.rows));
        size(a).cmp(&size(b)).then_with(|| a.table.cmp(&b.table))
    });
    Ok(tables)
}
