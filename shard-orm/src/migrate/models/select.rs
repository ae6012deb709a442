//! The tables that become models, and where their rows are.

use std::collections::BTreeMap;

use super::structure::Location;
use super::{GenerateModels, names};
use crate::backend::system_table::OWN;
use crate::cluster::{Cluster, names as listed};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::exec::tables_of;
use crate::migrate::Target;
use crate::migrate::history::SQLX_TABLE;
use crate::schema::TableDef;

/// The named database of static tables without another one.
const DEFAULT_SOURCE: &str = "default";

/// The tables of a run, with the names of their models.
pub(super) struct Selected {
    pub(super) dialect: Dialect,
    pub(super) tables: Vec<TableDef>,
}

impl GenerateModels {
    /// Reads the tables of the first namespace, and checks what the caller says about them.
    pub(super) async fn select(&self, cluster: &Cluster) -> Result<Selected> {
        let handles = self.target.handles(cluster)?;
        let Some(first) = handles.first() else {
            return Err(Error::configuration(format!(
                "{} has no server",
                self.target
            )));
        };
        self.check_options(cluster)?;
        let mut tables = tables_of(cluster, first).await?;
        tables.retain(|table| !table.name.starts_with(OWN) && table.name != SQLX_TABLE);
        let named = self.tables.iter().chain(self.shard_keys.keys());
        let named = named.chain(&self.isolated).chain(self.names.keys());
        for name in named {
            if !tables.iter().any(|table| table.name == *name) {
                let all = listed(tables.iter().map(|table| table.name.as_str()));
                return Err(Error::configuration(format!(
                    "{first} has no table `{name}`; it has {all}"
                )));
            }
        }
        for (name, column) in &self.shard_keys {
            let mut of_name = tables.iter().filter(|table| table.name == *name);
            if of_name.all(|table| table.ordinal(column).is_none()) {
                return Err(Error::configuration(format!(
                    "table `{name}` at {first} has no column `{column}`, which is to be its shard key"
                )));
            }
        }
        if !self.tables.is_empty() {
            tables.retain(|table| self.tables.contains(&table.name));
        }
        tables.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Selected {
            dialect: first.dialect(),
            tables,
        })
    }

    /// Checks that the options suit the target.
    fn check_options(&self, cluster: &Cluster) -> Result<()> {
        if let Some(name) = self.names.values().find(|name| !names::is_type_name(name)) {
            return Err(Error::configuration(format!(
                "`{name}` cannot be the name of a model; use upper camel case, as in `OrderLine`"
            )));
        }
        let has_keys = self.shard_key.is_some() || !self.shard_keys.is_empty();
        let is_routed = has_keys || !self.isolated.is_empty() || self.region.is_some();
        let problem = match &self.target {
            Target::Group(_) if !has_keys && self.isolated.is_empty() => {
                "the tables of a group need a shard key: name its column with `shard_key` \
                 (`--shard-key`), and the tables without one with `isolated` (`--isolated`)"
            }
            Target::Group(_) if self.source.is_some() => {
                "a source belongs to static tables; take them from `Target::Static` (`--static`)"
            }
            Target::Database(_) if self.source.is_some() || is_routed => {
                "the tables of a named database have no shard key, region or source; leave them out"
            }
            Target::Static(_) if is_routed => {
                "static tables have no shard key or region; leave them out"
            }
            Target::Static(_) => {
                let source = self.source.as_deref().unwrap_or(DEFAULT_SOURCE);
                return cluster.handle_of_database(source).map(drop);
            }
            _ => return Ok(()),
        };
        Err(Error::configuration(problem))
    }

    /// Where the rows of a table are.
    pub(super) fn location(&self, table: &TableDef) -> Location<'_> {
        match &self.target {
            Target::Database(name) => Location::Database(name),
            Target::Static(group) => Location::Static {
                group,
                source: self
                    .source
                    .as_deref()
                    .filter(|name| *name != DEFAULT_SOURCE),
            },
            Target::Group(group) if self.isolated.contains(&table.name) => {
                Location::Isolated(group)
            }
            Target::Group(group) => Location::Sharded {
                group,
                key: self
                    .shard_keys
                    .get(&table.name)
                    .or(self.shard_key.as_ref())
                    .map(String::as_str),
                region: self.region.as_deref(),
            },
        }
    }

    /// The names of the models, by table; a table whose name has no letter has none.
    ///
    /// # Errors
    /// If two tables would have the same one.
    pub(super) fn model_names(&self, tables: &[TableDef]) -> Result<BTreeMap<String, String>> {
        let mut models: BTreeMap<String, String> = BTreeMap::new();
        for table in tables {
            let given = self.names.get(&table.name).cloned();
            let Some(name) = given.or_else(|| names::model(&table.name)) else {
                continue;
            };
            // Files are compared without regard to case on some systems.
            let module = names::module(&name);
            let mut others = models.iter();
            if let Some((other, _)) = others.find(|(_, other)| names::module(other) == module) {
                return Err(Error::configuration(format!(
                    "the tables `{other}` and `{}` would both have the model `{name}`; name one of \
                     them with `named` (`--name`)",
                    table.name
                )));
            }
            models.insert(table.name.clone(), name);
        }
        Ok(models)
    }
}
