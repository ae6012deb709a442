//! By which columns the rows of each table are divided, as models and operators say.

use std::collections::{BTreeMap, BTreeSet};

use super::planned::Obstacle;
use crate::schema::{ForeignKeyDef, TableDef};

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
    /// what stands against a table. `known` is what models have said, and `divides` whether rows go to several parts.
    pub(super) fn resolve(
        &self,
        (names, defs): (&[String], &[TableDef]),
        known: &BTreeMap<String, Vec<String>>,
        divides: bool,
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
            let mut spelled = Vec::new();
            for (at, column) in columns.iter().enumerate() {
                let mut own = def.columns.iter();
                let found = own.find(|own| own.name.eq_ignore_ascii_case(column));
                let is_key = at + 1 == columns.len();
                // As the table spells it.
                spelled.extend(found.map(|found| found.name.clone()));
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
                resolved.insert(name.clone(), spelled);
            }
        }
        for def in defs.iter().filter(|def| names.contains(&def.name)) {
            for key in &def.foreign_keys {
                let theirs = resolved.get(&key.table);
                let theirs = theirs.filter(|_| key.schema.is_none());
                let (Some(own), Some(theirs)) = (resolved.get(&def.name), theirs) else {
                    continue;
                };
                match (own.last(), theirs.last()) {
                    (Some(_), None) => against(
                        &def.name,
                        format!(
                            "refers by a foreign key to table `{}`, whose rows all stay with one part; drop the foreign \
                             key, or make that table a static one",
                            key.table
                        ),
                    ),
                    (Some(own), Some(theirs))
                        if divides && !is_within_key(def, key, own, theirs) =>
                    {
                        against(
                            &def.name,
                            format!(
                                "refers by {} to table `{}`, and not to rows of the same shard key: its own is `{own}`, and \
                             that of `{}` is `{theirs}`, so that a row and the one that it refers to may go to different \
                             parts; drop the foreign key, or let it include `{own}`, which refers to `{theirs}`",
                                named(def, key),
                                key.table,
                                key.table
                            ),
                        )
                    }
                    _ => {}
                }
            }
        }
        resolved
    }
}

/// Whether rows refer to rows of their own shard key, whose columns have these names: the foreign key says so, or it says
/// nothing of the columns, which have one name.
fn is_within_key(def: &TableDef, key: &ForeignKeyDef, own: &str, theirs: &str) -> bool {
    let columns = key.columns.iter().map(|ordinal| def.columns.get(*ordinal));
    let mut pairs = columns.zip(&key.referenced).map(|(column, referenced)| {
        let is_own = column.is_some_and(|column| column.name.eq_ignore_ascii_case(own));
        (is_own, referenced.eq_ignore_ascii_case(theirs))
    });
    // One that refers to another column, or is referred to by one, is of another key.
    let said = pairs.find(|(is_own, is_theirs)| *is_own || *is_theirs);
    said.map_or_else(
        || own.eq_ignore_ascii_case(theirs),
        |(is_own, is_theirs)| is_own && is_theirs,
    )
}

/// A foreign key in an obstacle. Those of SQLite have no names.
fn named(def: &TableDef, key: &ForeignKeyDef) -> String {
    let columns = key
        .columns
        .iter()
        .filter_map(|ordinal| def.columns.get(*ordinal));
    let columns = columns.map(|column| format!("`{}`", column.name));
    format!(
        "{} of {}",
        quoted(&key.name),
        columns.collect::<Vec<_>>().join(", ")
    )
}

fn quoted(name: &str) -> String {
    match name.starts_with("foreign key ") {
        true => "the foreign key".to_owned(),
        false => format!("the foreign key `{name}`"),
    }
}

fn is_integer(column: &crate::schema::ColumnDef) -> bool {
    let column_type = column.data_type.column_type();
    column_type.is_some_and(crate::backend::ColumnType::is_integer)
}
