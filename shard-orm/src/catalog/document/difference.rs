//! What differs between two documents.

use std::collections::BTreeMap;
use std::fmt;

use toml::{Table, Value};

/// One difference between two documents.
///
/// ```
/// use shard_orm::catalog::Document;
///
/// let one: Document = "fan_out.statements = 4".parse()?;
/// let other: Document = "fan_out.statements = 8".parse()?;
/// let difference = one.difference(&other);
/// assert_eq!(difference[0].to_string(), "fan_out.statements: 4 -> 8");
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Difference {
    /// The part of the document: `groups.shop.servers[a].weight`.
    pub path: String,
    /// The value in the first document, in TOML; `None` if it has none.
    pub before: Option<String>,
    /// The value in the second document.
    pub after: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            before,
            after,
        } = self;
        match (before, after) {
            (Some(before), Some(after)) => write!(f, "{path}: {before} -> {after}"),
            (Some(before), None) => write!(f, "{path}: {before} removed"),
            (None, Some(after)) => write!(f, "{path}: {after} added"),
            (None, None) => f.write_str(path),
        }
    }
}

/// All differences, sorted by path.
pub(super) fn of(before: &Table, after: &Table) -> Vec<Difference> {
    let (mut one, mut other) = (BTreeMap::new(), BTreeMap::new());
    flatten("", before, &mut one);
    flatten("", after, &mut other);
    let mut paths: Vec<&String> = one.keys().chain(other.keys()).collect();
    paths.sort_unstable();
    paths.dedup();
    let differs = paths
        .into_iter()
        .filter(|path| one.get(*path) != other.get(*path));
    let difference = |path: &String| Difference {
        path: path.clone(),
        before: one.get(path).cloned(),
        after: other.get(path).cloned(),
    };
    differs.map(difference).collect()
}

/// The values of a table by path. Servers have their names in it, not their positions.
fn flatten(path: &str, table: &Table, values: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        match value {
            Value::Table(table) => flatten(&path, table, values),
            Value::Array(items) if items.iter().any(|item| name_of(item).is_some()) => {
                for item in items {
                    if let (Some(name), Value::Table(table)) = (name_of(item), item) {
                        flatten(&format!("{path}[{name}]"), table, values);
                    }
                }
            }
            other => {
                values.insert(path, other.to_string());
            }
        }
    }
}

fn name_of(item: &Value) -> Option<&str> {
    item.get("name").and_then(Value::as_str)
}
