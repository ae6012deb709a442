//! The sizes of the namespaces of one server: estimates from the catalogs, exact ones, and those of files.
//!
//! Called by `cluster` for the sizes that are kept in the catalog, by `admin`, and by `reshard` before rows are copied to
//! a server.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use sea_query::Value;

use super::{Lease, NamespaceHandle, ask};
use crate::backend::system_table::OWN;
use crate::backend::{
    Field, Row, arguments_of_sizes, exact_size, quote, sizes_of_namespaces, sizes_of_tables,
    tables_of_namespace,
};
use crate::error::Result;

/// The number of namespaces of one server that are counted at the same time.
const COUNTED: usize = 2;

/// The size of a namespace.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Size {
    /// Without the library's own.
    pub(crate) tables: Option<u64>,
    /// Tables, indexes and sequences, with the library's own.
    pub(crate) relations: Option<u64>,
    pub(crate) rows: Option<u64>,
    pub(crate) bytes: Option<u64>,
    /// Whether the bytes are those of a file.
    pub(crate) is_file: bool,
}

/// A namespace and its name on the server, which is not known of a named database.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) handle: Arc<NamespaceHandle>,
    pub(crate) name: String,
}

/// Estimates of all namespaces that exist, by name. Sends one statement.
pub(crate) async fn sizes(
    namespaces: &[Named],
    lease: &mut Lease,
) -> Result<BTreeMap<String, Size>> {
    let mut found = BTreeMap::new();
    let Some(Named { handle, .. }) = namespaces.first() else {
        return Ok(found);
    };
    let dialect = handle.dialect();
    let Some(text) = sizes_of_namespaces(dialect) else {
        return Ok(found);
    };
    let names: Vec<&str> = namespaces.iter().map(|one| &*one.name).collect();
    let names = Value::from(names.join(","));
    let values = vec![names; arguments_of_sizes(dialect)];
    ask(lease, handle, text, &values, &mut |row| {
        let count = |ordinal| count(row, ordinal);
        let size = Size {
            tables: count(1)?,
            relations: count(2)?,
            rows: count(3)?,
            bytes: count(4)?,
            is_file: false,
        };
        found.insert(String::read(row, 0)?, size);
        Ok(())
    })
    .await?;
    Ok(found)
}

/// The bytes of the namespaces that exist on one server. They are measured where its catalogs do not know them yet, as
/// on PostgreSQL before the first `ANALYZE`.
#[cfg(any(feature = "metrics", feature = "reshard"))]
pub(crate) async fn bytes_on_server(namespaces: &[Named]) -> Result<u64> {
    let Some(Named { handle, .. }) = namespaces.first() else {
        return Ok(0);
    };
    let dialect = handle.dialect();
    if dialect.capability().file_per_namespace {
        let files = of_files(namespaces);
        return Ok(files.values().filter_map(|size| size.bytes).sum());
    }
    let mut lease = handle.writer()?.acquire().await?;
    let mut sum = 0_u64;
    for (name, size) in sizes(namespaces, &mut lease).await? {
        let mut bytes = size.bytes;
        if bytes.is_none() {
            let text = exact_size(dialect, &name, &[]);
            ask(&mut lease, handle, text, &[], &mut |row| {
                bytes = count(row, 1)?;
                Ok(())
            })
            .await?;
        }
        sum = sum.saturating_add(bytes.unwrap_or_default());
    }
    Ok(sum)
}

/// The sizes of the files that exist. Their rows are not known without reading them.
pub(crate) fn of_files(namespaces: &[Named]) -> BTreeMap<String, Size> {
    let sized = namespaces.iter().filter_map(|Named { handle, name }| {
        let file = handle.file()?;
        let bytes = bytes_of(file)? + bytes_of(&beside(file, "-wal")).unwrap_or(0);
        let size = Size {
            bytes: Some(bytes),
            is_file: true,
            ..Size::default()
        };
        Some((name.clone(), size))
    });
    sized.collect()
}

fn bytes_of(file: &Path) -> Option<u64> {
    std::fs::metadata(file).ok().map(|data| data.len())
}

/// The path of the log beside a file.
fn beside(file: &Path, suffix: &str) -> std::path::PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// The exact rows of the namespaces that exist, by name.
pub(crate) async fn exact_sizes(
    namespaces: &[Named],
    existing: &BTreeMap<String, Size>,
) -> BTreeMap<String, Result<Size>> {
    let counted: Vec<_> = namespaces
        .iter()
        .filter(|one| existing.contains_key(&one.name))
        .map(|one| async move {
            let size = exact_size_of(one).await;
            (one.name.clone(), size)
        })
        .collect();
    stream::iter(counted)
        .buffer_unordered(COUNTED)
        .collect()
        .await
}

async fn exact_size_of(Named { handle, name }: &Named) -> Result<Size> {
    let mut lease = handle.writer()?.acquire().await?;
    let (text, values) = tables_of_namespace(handle.dialect(), name);
    let mut tables = Vec::new();
    ask(&mut lease, handle, text, &values, &mut |row| {
        tables.push(String::read(row, 0)?);
        Ok(())
    })
    .await?;
    tables.retain(|table| !table.starts_with(OWN));
    let quoted = tables.iter().map(|table| {
        let table = handle.namespace.own_table(table);
        quote(handle.dialect(), &table)
    });
    let text = exact_size(handle.dialect(), name, &quoted.collect::<Vec<_>>());
    let mut size = Size {
        tables: Some(tables.len() as u64),
        ..Size::default()
    };
    ask(&mut lease, handle, text, &[], &mut |row| {
        size.rows = count(row, 0)?;
        size.bytes = count(row, 1)?;
        Ok(())
    })
    .await?;
    Ok(size)
}

/// The name of each table of a namespace, and estimates of its rows and bytes; without the library's own. Sends one
/// statement.
pub(crate) async fn table_sizes(
    handle: &NamespaceHandle,
    name: &str,
) -> Result<Vec<(String, Option<u64>, Option<u64>)>> {
    let mut lease = handle.for_primary_read().await?.lease;
    let (text, values) = sizes_of_tables(handle.dialect(), name);
    let mut tables = Vec::new();
    ask(&mut lease, handle, text, &values, &mut |row| {
        tables.push((String::read(row, 0)?, count(row, 1)?, count(row, 2)?));
        Ok(())
    })
    .await?;
    tables.retain(|(table, ..)| !table.starts_with(OWN));
    Ok(tables)
}

fn count(row: &Row<'_>, ordinal: usize) -> Result<Option<u64>> {
    let number = Option::<i64>::read(row, ordinal)?;
    Ok(number.and_then(|number| u64::try_from(number).ok()))
}
