//! The columns by which the rows of each table are routed, as setup and processes know them from their models. Splits
//! need them: the databases do not tell.

use std::collections::BTreeMap;

use sea_query::{Alias, Expr, OnConflict, Query};

use super::session::Store;
use super::tables::{TABLE_KEY, TABLE_KEY_COLUMNS};
use crate::backend::{Field as _, Row};
use crate::error::{Error, ErrorKind, Result};

/// The columns by which the rows of a table in the logical shards of a group are routed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableKey {
    /// The group.
    pub(crate) place: String,
    pub(crate) table: String,
    /// Region, if there is one, and key; none where rows have no key.
    pub(crate) columns: Vec<String>,
}

impl Store<'_> {
    /// Records the columns that route the rows of these tables, if they differ from what is recorded.
    pub(crate) async fn report_keys(self, keys: &[TableKey]) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let known = self.all_keys().await?;
        let handle = self.handle();
        let [cluster, place, table, columns] = TABLE_KEY_COLUMNS;
        for key in keys {
            let of = (key.place.clone(), key.table.clone());
            if known.get(&of) == Some(&key.columns) {
                continue;
            }
            let mut conflict = OnConflict::columns([cluster, place, table].map(Alias::new));
            conflict.update_column(Alias::new(columns));
            let mut insert = Query::insert();
            insert
                .into_table(handle.namespace.own_table(TABLE_KEY))
                .columns(TABLE_KEY_COLUMNS.map(Alias::new))
                .values([
                    Expr::val(&*handle.cluster),
                    Expr::val(key.place.as_str()),
                    Expr::val(key.table.as_str()),
                    Expr::val(key.columns.join("\t")),
                ])
                .map_err(|source| Error::configuration("the key of a table").with_source(source))?
                .on_conflict(conflict);
            self.write_upgrading(&insert).await?;
        }
        Ok(())
    }

    /// The columns that route the rows of each table of a group, as far as they are recorded; none for a table
    /// whose rows have no key.
    #[cfg(feature = "reshard")]
    pub(crate) async fn keys_of_group(self, group: &str) -> Result<BTreeMap<String, Vec<String>>> {
        let all = self.all_keys().await?.into_iter();
        let own = all.filter(|((place, _), _)| place == group);
        Ok(own.map(|((_, table), columns)| (table, columns)).collect())
    }

    async fn all_keys(self) -> Result<BTreeMap<(String, String), Vec<String>>> {
        let select = self.select(TABLE_KEY, &TABLE_KEY_COLUMNS);
        let read = |row: &Row<'_>| {
            let columns = String::read(row, 3)?;
            let columns = columns.split('\t').filter(|column| !column.is_empty());
            let columns = columns.map(str::to_owned).collect();
            Ok(((String::read(row, 1)?, String::read(row, 2)?), columns))
        };
        match self.rows(&select, read).await {
            Err(error) if error.kind() == ErrorKind::UndefinedTable => Ok(BTreeMap::new()),
            rows => rows.map(|rows| rows.into_iter().collect()),
        }
    }
}
