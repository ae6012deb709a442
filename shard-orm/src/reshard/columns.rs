//! By which columns the rows of each table are divided, as models and operators say.

use std::collections::{BTreeMap, BTreeSet};

use super::planned::Obstacle;
use crate::schema::TableDef;

/// What an operator says of the columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Columns {
    /// The key column of all tables that have such a column.
    pub(super) common: Option<String>,
    /// The key columns of some tables.
    pub(super) own: BTreeMap<String, String>,
    /// Tables whose rows all stay with the number of the logical shard.
    pub(super) kept: BTreeSet<String>,
}

impl Columns {
    /// The columns of each table: region, if models say so, and key; none for a table whose rows have no key. Adds
    /// what stands against a table. `known` is what models have said.
    pub(super) fn resolve(
        &self,
        names: &[String],
        defs: &[TableDef],
        known: &BTreeMap<String, Vec<String>>,
        obstacles: &mut Vec<Obstacle>,
    ) -> BTreeMap<String, Vec<String>> {
        let mut resolved = BTreeMap::new();
        let mut against = |table: &str, message: String| {
            obstacles.push(Obstacle {
                about: format!("table `{table}`"),
                message,
            });
        };
        for name in names {
            let Some(def) = defs.iter().find(|def| def.name == *name) else {
                continue;
            };
            let has = |column: &String| {
                let mut columns = def.columns.iter();
                columns.any(|own| own.name.eq_ignore_ascii_case(column))
            };
            let common = self.common.as_ref().filter(|column| has(column));
            let columns = match (self.own.get(name), known.get(name), common) {
                _ if self.kept.contains(name) => Vec::new(),
                (Some(column), ..) => vec![column.clone()],
                (_, Some(known), _) => known.clone(),
                (_, _, Some(column)) => vec![column.clone()],
                (None, None, None) => {
                    against(
                        name,
                        format!(
                            "has a shard key that is not known: run the setup of the application that has its model, or \
                             name the column with `--key-column {name}=COLUMN`; if its rows have none, they stay with the part \
                             that keeps the number, with `--keep {name}`"
                        ),
                    );
                    continue;
                }
            };
            let mut is_right = true;
            for (at, column) in columns.iter().enumerate() {
                let mut own = def.columns.iter();
                let found = own.find(|own| own.name.eq_ignore_ascii_case(column));
                let is_key = at + 1 == columns.len();
                let problem = match found {
                    None => Some(format!(
                        "has no column `{column}`, which is to be its shard key"
                    )),
                    Some(found) if is_key && !is_integer(found) => Some(format!(
                        "has a shard key, `{column}`, that is not an integer: only the application can route its rows"
                    )),
                    Some(_) => None,
                };
                if let Some(problem) = problem {
                    is_right = false;
                    against(name, problem);
                }
            }
            if is_right {
                resolved.insert(name.clone(), columns);
            }
        }
        for def in defs.iter().filter(|def| names.contains(&def.name)) {
            let has_key = |name: &str| resolved.get(name).map(|columns| !columns.is_empty());
            for key in &def.foreign_keys {
                if has_key(&def.name) == Some(true) && has_key(&key.table) == Some(false) {
                    against(
                        &def.name,
                        format!(
                            "refers by a foreign key to table `{}`, whose rows all stay with one part; drop the foreign \
                             key, or make that table a static one",
                            key.table
                        ),
                    );
                }
            }
        }
        resolved
    }
}

fn is_integer(column: &crate::schema::ColumnDef) -> bool {
    let column_type = column.data_type.column_type();
    column_type.is_some_and(crate::backend::ColumnType::is_integer)
}
