//! The state that models are compared with.

use std::path::Path;

use super::wanted::Wanted;
use crate::cluster::Cluster;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::migrate::scratch::tables_after;
use crate::migrate::{Migrations, Target};
use crate::schema::{Alteration, Change, TableDef};

/// The tables before the new migration.
pub(super) struct Base {
    dialect: Dialect,
    /// `None` before the first migration.
    tables: Option<Vec<TableDef>>,
    /// The lowest version that the next migration may have.
    pub(super) next_version: i64,
}

/// What a table needs.
#[derive(Debug)]
pub(super) struct TableChange {
    pub(super) model: &'static str,
    pub(super) table: String,
    pub(super) creates: bool,
    /// The statements for each database.
    pub(super) statements: Vec<(Dialect, Alteration)>,
    /// What the author has to do.
    pub(super) manual: Vec<Change>,
}

/// All changes of a target.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) tables: Vec<TableChange>,
    /// The databases that have files of their own; none for one file for all.
    pub(super) backends: Vec<Dialect>,
    pub(super) dialect: Dialect,
}

pub(super) async fn of(cluster: &Cluster, folder: &Path, target: &Target) -> Result<Base> {
    let handles = target.handles(cluster)?;
    let Some(first) = handles.first() else {
        return Err(Error::configuration(format!("{target} has no server")));
    };
    let dialect = first.dialect();
    let own = folder.join(target.folder());
    let mut base = Base {
        dialect,
        tables: None,
        next_version: 0,
    };
    if !own.is_dir() {
        return Ok(base);
    }
    let migrations = Migrations::from_folder(folder)?;
    let migrations = migrations.in_folder(&target.folder());
    let Some(last) = migrations.last() else {
        return Ok(base);
    };
    base.next_version = last.version() + 1;
    base.tables = Some(tables_after(&handles, migrations).await?);
    Ok(base)
}

impl Base {
    /// The changes that bring the tables to what is wanted.
    pub(super) fn changes(&self, wanted: &[Wanted], backends: &[Dialect]) -> Result<Changes> {
        let mut tables = Vec::new();
        for Wanted { model, table } in wanted {
            let found = self.tables.iter().flatten();
            let found = found.into_iter().find(|found| found.name == table.name);
            let own = Alteration::new(table, found, self.dialect)?;
            let dialects = if backends.is_empty() {
                &[self.dialect]
            } else {
                backends
            };
            let mut statements = Vec::new();
            for dialect in dialects {
                let alteration = match found {
                    Some(found) if *dialect != self.dialect => {
                        Alteration::elsewhere(table, found, self.dialect, *dialect)?
                    }
                    Some(_) => own.clone(),
                    None => Alteration::new(table, None, *dialect)?,
                };
                statements.push((*dialect, alteration));
            }
            if !own.is_empty() {
                tables.push(TableChange {
                    model,
                    table: table.name.clone(),
                    creates: found.is_none(),
                    statements,
                    manual: own.manual().cloned().collect(),
                });
            }
        }
        Ok(Changes {
            tables,
            backends: backends.to_vec(),
            dialect: self.dialect,
        })
    }
}
