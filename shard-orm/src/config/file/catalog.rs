//! The `catalog` of a configuration file.

use std::path::Path;

use super::scalar::{duration, duration_or_off};
use super::table::Value;
use crate::config::Catalog;

/// The end of the local copy's name, which replaces the extension of the configuration file.
const LOCAL_COPY: &str = "topology.toml";

/// Reads the name of the database, or a table with it.
pub(super) fn catalog(value: &Value<'_>) -> Option<Catalog> {
    if !value.is_table() {
        return value.text().map(Catalog::new);
    }
    let mut table = value.table()?;
    let database = table.get("database");
    let database = table.require(database, "database", "\"default\"");
    let mut catalog = Catalog::new(database.and_then(|value| value.text()).unwrap_or_default());
    if let Some(poll) = table.get("poll").and_then(|value| duration(&value)) {
        catalog.poll = poll;
    }
    if let Some(timeout) = table.get("timeout").and_then(|value| duration(&value)) {
        catalog.timeout = timeout;
    }
    if let Some(wait) = table.get("switch_wait").and_then(|value| duration(&value)) {
        catalog.switch_wait = wait;
    }
    catalog.process = table.get("process").and_then(|value| value.text());
    if let Some(value) = table.get("heartbeat") {
        catalog.heartbeat = duration_or_off(&value).flatten();
    }
    if let Some(value) = table.get("sizes") {
        catalog.sizes = duration_or_off(&value).flatten();
    }
    let local_copy = table.get("local_copy").and_then(|value| value.text());
    catalog.local_copy = local_copy.map(Into::into);
    table.finish();
    Some(catalog)
}

/// Resolves the local copy against the folder of the configuration file; by default it is next to
/// that file.
pub(super) fn locate(catalog: &mut Catalog, file: Option<&Path>, folder: Option<&Path>) {
    let default = || {
        let stem = file?.file_stem()?.to_str()?;
        Some(format!("{stem}.{LOCAL_COPY}").into())
    };
    let named = catalog.local_copy.take().or_else(default);
    catalog.local_copy = named.map(|named| match folder {
        Some(folder) => folder.join(named),
        None => named,
    });
}
