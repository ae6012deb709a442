//! Namespaces, their records, and tables: the statements that create them, where they are not there
//! yet.
//!
//! Called by `setup`, and by what has tables of its own.

use std::sync::Arc;

use sea_query::{Alias, ColumnDef, Expr, Query, Table};

use crate::backend::{create_namespace, render, render_table};
use crate::connect::{
    CLUSTER, GENERATION, GROUP, Lease, Place, Record, SHARD, TABLE, compare, read,
};
use crate::error::{Error, ErrorKind, Result};
use crate::model::ModelDef;
use crate::schema::CreateTable;

/// How often a statement is sent again that met another client doing the same.
const ROUNDS: usize = 5;

/// Creates a table of the library's own in a named database; of SQLite its file before it.
pub(crate) async fn create_in_database(place: &Place, create: &str) -> Result<()> {
    create_all(place, &[create.to_owned()]).await
}

/// As [`create_in_database`], of several statements, one after the other.
pub(crate) async fn create_all(place: &Place, statements: &[String]) -> Result<()> {
    place.create_file()?;
    let mut lease = place.writer()?.acquire().await?;
    for statement in statements {
        send(&mut lease, statement).await?;
    }
    Ok(())
}

/// Creates the table of a model in a named database.
pub(crate) async fn create_table(place: &Place, def: &'static ModelDef) -> Result<()> {
    let table = CreateTable::new(def, place.dialect())?;
    create_all(place, &table.statements()).await
}

/// Makes a namespace of a group with its record, and these tables in it.
pub(crate) async fn create_namespace_with(
    place: &Arc<Place>,
    tables: Vec<CreateTable>,
) -> Result<()> {
    place.create_file()?;
    let mut lease = place.writer()?.acquire().await?;
    if let Some(create) = create_namespace(place.dialect(), place.namespace.name()) {
        send(&mut lease, &create).await?;
    }
    record(place, &mut lease).await?;
    for table in tables {
        let table = table.in_namespace(&**place.namespace.name());
        for statement in table.statements() {
            send(&mut lease, &statement).await?;
        }
    }
    Ok(())
}

/// Writes the record of a namespace that has none, and checks that of one that has.
async fn record(place: &Place, lease: &mut Lease) -> Result<()> {
    if let Some(found) = read(place, lease).await? {
        return compare(place, lease.label(), &found);
    }
    let text = |name: &str| {
        let mut column = ColumnDef::new(Alias::new(name));
        column.string_len(255).not_null();
        column
    };
    let number = |name: &str| {
        let mut column = ColumnDef::new(Alias::new(name));
        column.big_integer().not_null();
        column
    };
    let mut create = Table::create();
    create
        .table(place.namespace.own_table(TABLE))
        .if_not_exists()
        .col(text(CLUSTER))
        .col(text(GROUP))
        .col(number(SHARD).primary_key())
        .col(number(GENERATION));
    send(lease, &render_table(place.dialect(), &create)).await?;

    let expected = Record::expected(place);
    let mut insert = Query::insert();
    insert
        .into_table(place.namespace.own_table(TABLE))
        .columns([CLUSTER, GROUP, SHARD, GENERATION].map(Alias::new))
        .values([
            Expr::val(expected.cluster),
            Expr::val(expected.group),
            Expr::val(expected.shard),
            Expr::val(expected.generation),
        ])
        .map_err(|source| Error::configuration("a namespace's record").with_source(source))?;
    let (text, values) = render(place.dialect(), &insert);
    let mut args = crate::backend::Args::new(place.dialect())?;
    for value in &values.0 {
        args.push(value)?;
    }
    let sql = crate::backend::Sql {
        text: text.into(),
        persistent: false,
        single: false,
    };
    match lease.conn()?.run(sql, args, &mut |_| Ok(())).await {
        Ok(_) => lease.settle(),
        // Another process has written it meanwhile.
        Err(failure) if failure.error.kind() == ErrorKind::Unique => lease.settle(),
        Err(failure) => return Err(failure.error),
    }
    match read(place, lease).await? {
        Some(found) => compare(place, lease.label(), &found),
        None => Err(Error::configuration("a namespace's record was not kept")),
    }
}

/// Sends a DDL statement. `IF NOT EXISTS` does not keep two clients apart on every database: the
/// one that comes second is refused, and finds the thing made when it asks again.
async fn send(lease: &mut Lease, statement: &str) -> Result<()> {
    let mut round = 1;
    loop {
        match lease.conn()?.batch(statement).await {
            Ok(()) => {
                lease.settle();
                return Ok(());
            }
            Err(failure) if failure.lost => {
                lease.lost();
                return Err(failure.error);
            }
            Err(failure) => {
                lease.settle();
                let kind = failure.error.kind();
                let met = matches!(
                    kind,
                    ErrorKind::Unique
                        | ErrorKind::Database
                        | ErrorKind::Deadlock
                        | ErrorKind::Serialization
                );
                if !met || round == ROUNDS {
                    return Err(failure.error);
                }
                round += 1;
            }
        }
    }
}
