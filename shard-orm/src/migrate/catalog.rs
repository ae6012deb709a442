//! The tables of a session's namespace, as its catalog describes them.

use sea_query::{Alias, IntoTableRef as _};

use super::history::SQLX_TABLE;
use super::session::Session;
use crate::backend::inspect::{Catalog, question_about_all};
use crate::backend::migration::invalid_indexes;
use crate::backend::{Failure, Field as _, Row};
use crate::schema::TableDef;

/// The beginning of the names of this library's own tables.
const OWN: &str = "shard_orm_";

impl Session {
    /// The names of the indexes that an interrupted build has left in the namespace.
    pub(super) async fn invalid_indexes(&mut self) -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        if let Some(text) = invalid_indexes(self.handle().dialect()) {
            let on_row = &mut |row: &Row<'_>| {
                names.push(String::read(row, 0)?);
                Ok(())
            };
            self.ask(text, &[], on_row).await?;
        }
        Ok(names)
    }

    /// The tables of this namespace, which the session has entered, by name; without those of this
    /// library and of sqlx, and without the name of the namespace in their expressions. Sends four
    /// statements.
    pub(super) async fn tables(
        &mut self,
        namespace: Option<&str>,
    ) -> Result<Vec<TableDef>, Failure> {
        let dialect = self.handle().dialect();
        // Every question names a table of the namespace that it is about.
        let any = match namespace {
            Some(name) => (Alias::new(name), Alias::new("any")).into_table_ref(),
            None => Alias::new("any").into_table_ref(),
        };
        let mut catalog = Catalog::new(dialect);
        for about in Catalog::QUESTIONS {
            let asked = question_about_all(dialect, &any, about).map_err(Failure::own)?;
            let add = &mut |row: &Row<'_>| catalog.add(about, row);
            self.ask(&asked.text, &asked.values, add).await?;
        }
        let mut tables = TableDef::of_catalog(catalog);
        tables.retain(|table| !table.name.starts_with(OWN) && table.name != SQLX_TABLE);
        Ok(match namespace {
            Some(name) => {
                let tables = tables.into_iter();
                tables.map(|table| table.in_no_namespace(name)).collect()
            }
            None => tables,
        })
    }
}
