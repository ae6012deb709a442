//! Jobs whose ends are different kinds of databases.
//!
//! Such a job has the types of all columns in its row. Its tables are canonical: their values are read and written as
//! values that all databases have, and compared by the digests that all databases have. Each end has statements of its
//! own, in its own SQL: those of the target are made from the descriptions of the source's tables.

use std::sync::Arc;

use super::blueprint::{includes, read_structure};
use super::driver::Driver;
use super::mover::End;
use super::place::Place;
use super::places::Site;
use super::planned::Planned;
use crate::backend::counterpart::strict_session;
use crate::backend::structure::{Counter, Numbered, Structure, numbering};
use crate::catalog::Job;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::schema::counterpart::{Counterparts, Types, structure_of};
use crate::schema::{DataType, TableDef};

/// Takes the types of the columns of a model's table.
pub(super) fn add_model<M: Model>(types: &mut Types) {
    let table = M::def().table_def();
    let columns = table
        .columns
        .iter()
        .filter_map(|column| Some((column.name.clone(), column.data_type.to_text()?)));
    types.insert(table.name.clone(), columns.collect());
}

/// Takes the type of a column.
pub(super) fn add_type(types: &mut Types, table: String, column: String, of: &DataType) {
    let own = types.entry(table).or_default();
    if let Some(text) = of.to_text() {
        own.insert(column, text);
    }
}

impl Job {
    /// Whether its ends are different kinds of databases.
    pub(super) fn is_between_kinds(&self) -> bool {
        !self.types.is_empty()
    }
}

impl Planned {
    /// Finds out the types of all columns in another kind of database, and what it cannot hold.
    pub(super) async fn cross(
        &mut self,
        source: &mut Place,
        structure: &Structure,
        (to, types): (Dialect, &Types),
    ) -> Result<()> {
        let from = source.dialect();
        for (object, what) in structure.only_of_database() {
            let message = format!(
                "{what}, which is written in SQL of {from}; drop it for the move, and write it anew at the target"
            );
            self.against(&object, &message);
        }
        let found = Counterparts::of(&tables_of(source).await?, from, to, types);
        for (object, reason) in &found.unheld {
            self.against(object, reason);
        }
        self.types = found.types();
        Ok(())
    }
}

/// The tables of a namespace that move with it.
async fn tables_of(place: &mut Place) -> Result<Vec<TableDef>> {
    let mut tables = place.tables().await?;
    tables.retain(|table| includes(&table.name));
    Ok(tables)
}

impl Place {
    /// Lets a session between kinds of databases refuse what a column does not hold.
    pub(super) async fn be_strict(&mut self) -> Result<()> {
        match strict_session(self.dialect()) {
            Some(text) => self.batch(text).await,
            None => Ok(()),
        }
    }
}

impl Driver {
    /// Whether a namespace is of another kind of database than the sources.
    async fn is_foreign(&self, site: Site) -> Result<bool> {
        let source = self.handle(Site::source(0)).await?;
        Ok(self.handle(site).await?.dialect() != source.dialect())
    }

    /// The counterparts of the source's tables in a kind of database, whatever the names of the tables are now.
    pub(super) async fn counterparts(&mut self, to: Dialect) -> Result<Counterparts> {
        let types = self.job.types.clone();
        let held = self.blueprint(Site::source(0));
        let source = self.place(Site::source(0)).await?;
        let from = source.dialect();
        let mut tables = source.tables().await?;
        let fence = held.fence(source);
        for table in &mut tables {
            let mut names = held.tables().iter();
            if let Some(name) = names.find(|name| fence.held(name) == table.name) {
                table.name.clone_from(name);
            }
        }
        tables.retain(|table| includes(&table.name) && types.contains_key(&table.name));
        let found = Counterparts::of(&tables, from, to, &types);
        let mut columns = found
            .unheld
            .iter()
            .filter(|(object, _)| object.starts_with("column"));
        match columns.next() {
            None => Ok(found),
            Some((object, reason)) => Err(Error::unsupported(format!(
                "{object} has changed since the job began, and {reason}; abort the job"
            ))),
        }
    }

    /// The tables of the job, where its ends are different kinds of databases.
    pub(super) async fn canonical_tables(&mut self) -> Result<Counterparts> {
        let mut to = self.handle(Site::source(0)).await?.dialect();
        for site in self.sites(End::Target) {
            if self.is_foreign(site).await? {
                to = self.handle(site).await?.dialect();
            }
        }
        self.counterparts(to).await
    }

    /// The structure of a target of another kind of database than the source; `None` for one of the same kind.
    pub(super) async fn structure_there(&mut self, site: Site) -> Result<Option<Structure>> {
        if !self.is_foreign(site).await? {
            return Ok(None);
        }
        let to = self.handle(site).await?.dialect();
        let found = self.counterparts(to).await?;
        if let Some((object, reason)) = found.unheld.first() {
            return Err(Error::unsupported(format!(
                "{object} {reason} ({} things stand against the move)",
                found.unheld.len()
            )));
        }
        structure_of(&found.tables, to).map(Some)
    }

    /// Adds to such a structure the sequences that its tables have got.
    pub(super) async fn with_sequences(
        &mut self,
        site: Site,
        mut structure: Structure,
    ) -> Result<Structure> {
        let target = self.place(site).await?;
        let name = target.handle.namespace.name().to_string();
        let found = read_structure(target, &name).await?;
        structure.sequences = found.sequences;
        Ok(structure)
    }

    /// What exists at a namespace, as the statements of its blueprint spell it.
    pub(super) async fn created_at(&mut self, site: Site) -> Result<Structure> {
        let is_described = self.is_foreign(site).await?;
        let place = self.place(site).await?;
        if is_described {
            let tables = tables_of(place).await?.into_iter().map(Arc::new);
            let dialect = place.dialect();
            let tables: Vec<_> = tables.map(|table| without_checks(&table)).collect();
            return structure_of(&tables, dialect);
        }
        let name = place.handle.namespace.name().to_string();
        read_structure(place, &name).await
    }

    /// The statements that set the numbers which columns of this end give next, from those of the other one.
    pub(super) async fn numbered(
        &mut self,
        from: Site,
        is_held: bool,
        to: Dialect,
    ) -> Result<Vec<Counter>> {
        let columns = self.tables.iter().filter_map(|table| {
            let column = table.def.columns.iter().find(|column| column.identity)?;
            Some(Numbered {
                table: table.def.name.clone(),
                column: column.name.clone(),
            })
        });
        let columns: Vec<Numbered> = columns.collect();
        let blueprint = self.blueprint(from);
        let place = self.place(from).await?;
        let fence = blueprint.fence(place);
        let present = |name: &str| match is_held {
            true => fence.held(name),
            false => name.to_owned(),
        };
        let found = numbering(&mut place.conn, &columns, &present, to).await;
        found.map_err(|failure| place.named(failure))
    }
}

/// A table without what no statement of a later stage creates.
fn without_checks(table: &TableDef) -> Arc<TableDef> {
    Arc::new(TableDef {
        checks: Vec::new(),
        ..table.clone()
    })
}
