//! The statements that create namespaces and tables where they do not exist yet.
//!
//! Called by `setup`, and by what has tables of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::record::{record, upgrade};
use crate::backend::inspect;
use crate::backend::{Field, create_namespace, render, tables_of_namespace};
use crate::connect::{Layout, Lease, NamespaceHandle, Record, ask, send};
use crate::definition::ModelDef;
use crate::error::{Error, ErrorKind, Result};

/// Creates a table of the library's own in a named database; of SQLite its file before it.
pub(crate) async fn create_in_database(handle: &NamespaceHandle, create: &str) -> Result<()> {
    create_all(handle, &[create.to_owned()]).await
}

/// As [`create_in_database`], of several statements, one after the other.
pub(crate) async fn create_all(handle: &NamespaceHandle, statements: &[String]) -> Result<()> {
    handle.create_file()?;
    let mut lease = handle.writer()?.acquire().await?;
    for statement in statements {
        send(&mut lease, statement).await?;
    }
    Ok(())
}

/// Creates the table of a model in a named database.
pub(crate) async fn create_table(handle: &NamespaceHandle, def: &'static ModelDef) -> Result<()> {
    let table = def.create_table(handle.dialect())?;
    create_all(handle, &table.statements()).await
}

/// Creates a namespace of a group and its record, and gives the record; of one that is known, only
/// completes a record of an earlier version. An identity that the record has already stays.
pub(crate) async fn create_namespace_as(
    handle: &Arc<NamespaceHandle>,
    known: Option<&Record>,
    layout: Option<&Layout>,
) -> Result<Record> {
    if known.is_none() {
        handle.create_file()?;
    }
    let mut lease = handle.writer()?.acquire().await?;
    let found = match known {
        Some(known) => known.clone(),
        None => {
            if let Some(create) = create_namespace(handle.dialect(), handle.namespace.name()) {
                send(&mut lease, &create).await?;
            }
            record(handle, &mut lease, layout).await?
        }
    };
    match layout {
        Some(layout) if found.layout.is_none() || found.state.is_none() => {
            upgrade(handle, &mut lease, layout).await
        }
        _ => Ok(found),
    }
}

/// Creates the tables of models, and of the library's own, in a namespace that exists.
///
/// # Errors
/// `UndefinedTable` when a table that was made here before is gone, unless it is to be made anew.
pub(crate) async fn create_tables(
    handle: &Arc<NamespaceHandle>,
    defs: &[&'static ModelDef],
    made_before: &str,
    anew: bool,
) -> Result<()> {
    if defs.is_empty() {
        return Ok(());
    }
    let mut lease = handle.writer()?.acquire().await?;
    let there = tables(handle, &mut lease).await?;
    let made_before: BTreeSet<&str> = names(made_before).collect();
    let lost = defs
        .iter()
        .find(|def| made_before.contains(def.table) && !there.contains(def.table));
    if let Some(def) = lost.filter(|_| !anew) {
        return Err(Error::new(
            ErrorKind::UndefinedTable,
            format!(
                "table `{}` was made in namespace `{}` on {} before, and does not exist there any \
                 more; bring its rows back, or, if they are lost, create it empty with \
                 `cluster.setup().create_missing(\"{}\", [{}])`",
                def.table,
                handle.namespace.name(),
                lease.label(),
                handle.namespace.group(),
                handle.namespace.shard(),
            ),
        ));
    }
    for def in defs {
        if there.contains(def.table) {
            check_numbers(handle, &mut lease, def).await?;
        }
        let table = def.create_table(handle.dialect())?;
        let table = table.in_namespace(&**handle.namespace.name());
        for statement in table.statements() {
            send(&mut lease, &statement).await?;
        }
    }
    Ok(())
}

/// Checks that the numbers of a model can be read from a table that exists.
async fn check_numbers(handle: &NamespaceHandle, lease: &mut Lease, def: &ModelDef) -> Result<()> {
    let dialect = handle.dialect();
    let table = handle.namespace.own_table(def.table);
    let asked = inspect::question(dialect, &table, inspect::About::Columns)?;
    let mut columns = Vec::new();
    ask(lease, handle, asked.text, &asked.values, &mut |row| {
        columns.push(inspect::column(dialect, row)?.0);
        Ok(())
    })
    .await?;
    let unfit = def.columns.iter().filter_map(|column| {
        let found = columns
            .iter()
            .find(|found| found.name.eq_ignore_ascii_case(column.name))?;
        let expected = inspect::unfit_number(column.column_type, dialect, found)?;
        Some(format!(
            "column `{}` is `{}`, and the model needs {expected}",
            column.name, found.type_name
        ))
    });
    let unfit: Vec<String> = unfit.collect();
    if unfit.is_empty() {
        return Ok(());
    }
    Err(Error::configuration(format!(
        "table `{}` in namespace `{}` on {} does not fit the model `{}`: {}; alter the table, or change \
         the fields",
        def.table,
        handle.namespace.name(),
        lease.label(),
        def.name,
        unfit.join("; ")
    )))
}

/// The names in a list of a record.
pub(crate) fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(|name| !name.is_empty())
}

/// The tables that a namespace has.
pub(crate) async fn tables_at(handle: &Arc<NamespaceHandle>) -> Result<BTreeSet<String>> {
    let mut lease = handle.writer()?.acquire().await?;
    tables(handle, &mut lease).await
}

/// Whether a select gives a row. Asks the primary, whatever the namespace's record says.
pub(crate) async fn has_rows(
    handle: &Arc<NamespaceHandle>,
    select: &sea_query::SelectStatement,
) -> Result<bool> {
    let mut lease = handle.writer()?.acquire().await?;
    let (text, values) = render(handle.dialect(), select);
    let mut found = false;
    ask(&mut lease, handle, text, &values.0, &mut |_| {
        found = true;
        Ok(())
    })
    .await?;
    Ok(found)
}

async fn tables(handle: &NamespaceHandle, lease: &mut Lease) -> Result<BTreeSet<String>> {
    let (text, values) = tables_of_namespace(handle.dialect(), handle.namespace.name());
    let mut found = BTreeSet::new();
    ask(lease, handle, text, &values, &mut |row| {
        found.insert(String::read(row, 0)?);
        Ok(())
    })
    .await?;
    Ok(found)
}
