//! The statements that write the records of namespaces and of named databases.
//!
//! Called by `setup`, and where a namespace is created.

use sea_query::{Alias, ColumnDef, Expr, ExprTrait as _, InsertStatement, Query, Table, Value};

#[cfg(feature = "reshard")]
use crate::backend::create_namespace;
use crate::backend::{Field, long_text, render, render_alter, render_table, short_text};
use crate::connect::{
    IDENTITY, LAYOUT, Layout, Lease, NamespaceHandle, Record, STATE, State, TABLE, ask, comment,
    compare, read, send, write,
};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};

/// The table of the identities of named databases.
const DATABASES: &str = "shard_orm_database";
/// Its columns.
const CLUSTER: &str = "cluster_name";
const DATABASE: &str = "database_name";
const DATABASE_ID: &str = "database_id";

/// Writes the record of a namespace that has none, and gives the one that it has then.
pub(super) async fn record(
    handle: &NamespaceHandle,
    lease: &mut Lease,
    layout: Option<&Layout>,
) -> Result<Record> {
    if let Some(found) = read(handle, lease).await? {
        compare(handle, lease.label(), &found)?;
        return Ok(found);
    }
    create_record(handle, lease).await?;
    let insert = insert_record(handle, layout, None)?;
    match write(handle, lease, &insert).await {
        // Another process has written it meanwhile.
        Err(error) if error.kind() == ErrorKind::Unique => {}
        outcome => {
            outcome?;
        }
    }
    read_back(handle, lease).await
}

/// Creates the table of the record.
async fn create_record(handle: &NamespaceHandle, lease: &mut Lease) -> Result<()> {
    let [cluster, group, shard, generation] = IDENTITY;
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
        .table(handle.namespace.own_table(TABLE))
        .if_not_exists()
        .comment(comment(&handle.cluster, handle.namespace.group()))
        .col(text(cluster))
        .col(text(group))
        .col(number(shard).primary_key())
        .col(number(generation));
    for column in layout_columns(handle.dialect()) {
        create.col(column);
    }
    for column in state_columns(handle.dialect()) {
        create.col(column);
    }
    send(lease, &render_table(handle.dialect(), &create)).await?;
    Ok(())
}

/// The statement that inserts the record: with this layout, and as the target of this job under this
/// token.
fn insert_record(
    handle: &NamespaceHandle,
    layout: Option<&Layout>,
    incoming: Option<(u64, u64)>,
) -> Result<InsertStatement> {
    let expected = Record::expected(handle);
    let mut columns: Vec<Alias> = IDENTITY.map(Alias::new).into();
    let mut values: Vec<Expr> = vec![
        Expr::val(expected.cluster),
        Expr::val(expected.group),
        Expr::val(expected.shard),
        Expr::val(expected.generation),
    ];
    if let Some(layout) = layout {
        columns.extend(LAYOUT.map(Alias::new));
        values.extend(layout_values(layout).map(Expr::val));
    }
    if let Some((job, token)) = incoming {
        let [state, job_column, token_column, _] = STATE;
        columns.extend([state, job_column, token_column].map(Alias::new));
        values.extend([
            Expr::val(State::Incoming.name()),
            Expr::val(job.to_string()),
            Expr::val(token.cast_signed()),
        ]);
    }
    let mut insert = Query::insert();
    insert
        .into_table(handle.namespace.own_table(TABLE))
        .columns(columns)
        .values(values)
        .map_err(|source| Error::configuration("a namespace's record").with_source(source))?;
    Ok(insert)
}

/// Creates the namespace that a job fills, with a record that says so. It may exist, of an earlier
/// attempt.
#[cfg(feature = "reshard")]
pub(crate) async fn create_incoming(
    handle: &NamespaceHandle,
    layout: &Layout,
    (job, token): (u64, u64),
) -> Result<()> {
    handle.create_file()?;
    let mut lease = handle.writer()?.acquire().await?;
    if let Some(create) = create_namespace(handle.dialect(), handle.namespace.name()) {
        send(&mut lease, &create).await?;
    }
    create_record(handle, &mut lease).await?;
    if read(handle, &mut lease).await?.is_some() {
        return Ok(());
    }
    let insert = insert_record(handle, Some(layout), Some((job, token)))?;
    match write(handle, &mut lease, &insert).await {
        Err(error) if error.kind() == ErrorKind::Unique => Ok(()),
        outcome => outcome.map(drop),
    }
}

async fn read_back(handle: &NamespaceHandle, lease: &mut Lease) -> Result<Record> {
    match read(handle, lease).await? {
        Some(found) => {
            compare(handle, lease.label(), &found)?;
            Ok(found)
        }
        None => Err(Error::configuration("a namespace's record was not kept")),
    }
}

/// Completes a record of an earlier version.
pub(super) async fn upgrade(
    handle: &NamespaceHandle,
    lease: &mut Lease,
    layout: &Layout,
) -> Result<Record> {
    let columns = layout_columns(handle.dialect()).into_iter();
    let columns = columns.chain(state_columns(handle.dialect()));
    add_columns(handle, lease, TABLE, columns).await?;
    let [group_id, ..] = LAYOUT;
    let mut update = Query::update();
    update
        .table(handle.namespace.own_table(TABLE))
        .values(
            LAYOUT
                .map(Alias::new)
                .into_iter()
                .zip(layout_values(layout).map(Expr::val)),
        )
        .and_where(Expr::col(Alias::new(group_id)).is_null());
    write(handle, lease, &update).await?;
    read_back(handle, lease).await
}

/// Adds columns to a table of the library's own that an earlier version has created without them.
/// Returns whether it has them then: an account may not alter tables.
pub(crate) async fn complete_table(
    handle: &NamespaceHandle,
    table: &str,
    columns: Vec<ColumnDef>,
) -> Result<bool> {
    let mut lease = handle.writer()?.acquire().await?;
    if has_columns(handle, &mut lease, table, &columns).await? {
        return Ok(true);
    }
    add_columns(handle, &mut lease, table, columns.iter().cloned()).await?;
    has_columns(handle, &mut lease, table, &columns).await
}

async fn has_columns(
    handle: &NamespaceHandle,
    lease: &mut Lease,
    table: &str,
    columns: &[ColumnDef],
) -> Result<bool> {
    let mut select = Query::select();
    for column in columns {
        // Qualified: SQLite treats an unknown quoted name as a string.
        select.expr(Expr::col((
            Alias::new(table),
            Alias::new(column.get_column_name()),
        )));
    }
    select.from(handle.namespace.own_table(table)).limit(1);
    let (text, values) = render(handle.dialect(), &select);
    match ask(lease, handle, text, &values.0, &mut |_| Ok(())).await {
        Err(error) if error.kind() == ErrorKind::UndefinedTable => Ok(false),
        outcome => outcome.map(|_| true),
    }
}

/// Adds columns to a table that lacks some of them.
async fn add_columns(
    handle: &NamespaceHandle,
    lease: &mut Lease,
    table: &str,
    columns: impl Iterator<Item = ColumnDef>,
) -> Result<()> {
    for mut column in columns {
        let mut alter = Table::alter();
        alter
            .table(handle.namespace.own_table(table))
            .add_column(&mut column);
        let altered = lease
            .conn()?
            .batch(&render_alter(handle.dialect(), &alter))
            .await;
        match altered {
            Ok(()) => lease.settle(),
            Err(failure) if failure.lost => {
                lease.lost();
                return Err(failure.error);
            }
            // The column is there: another process, or an upgrade that was interrupted, has added it. A
            // column that is missing for another reason fails the next statement that names it.
            Err(_) => lease.settle(),
        }
    }
    Ok(())
}

/// Writes the layout into the record of a namespace of this identity, or of none.
pub(crate) async fn write_layout(handle: &NamespaceHandle, layout: &Layout) -> Result<()> {
    let mut lease = handle.writer()?.acquire().await?;
    let [group_id, ..] = LAYOUT;
    let mut update = Query::update();
    let column = || Expr::col(Alias::new(group_id));
    update
        .table(handle.namespace.own_table(TABLE))
        .values(
            LAYOUT
                .map(Alias::new)
                .into_iter()
                .zip(layout_values(layout).map(Expr::val)),
        )
        .and_where(column().is_null().or(column().eq(layout.group_id.as_str())));
    write(handle, &mut lease, &update).await?;
    Ok(())
}

fn layout_columns(dialect: Dialect) -> [ColumnDef; 10] {
    let mut position = 0;
    LAYOUT.map(|name| {
        let mut column = ColumnDef::new_with_type(
            Alias::new(name),
            match position {
                2 | 9 => sea_query::ColumnType::BigInteger,
                _ => long_text(dialect),
            },
        );
        column.null();
        position += 1;
        column
    })
}

fn state_columns(dialect: Dialect) -> [ColumnDef; 4] {
    let number = || sea_query::ColumnType::BigInteger;
    let text = || short_text(dialect);
    let types = [text(), text(), number(), number()];
    let mut types = types.into_iter();
    STATE.map(|name| {
        let column_type = types.next().unwrap_or_else(number);
        let mut column = ColumnDef::new_with_type(Alias::new(name), column_type);
        column.null();
        column
    })
}

fn layout_values(layout: &Layout) -> [Value; 10] {
    let text = |text: &str| Value::String(Some(text.to_owned()));
    [
        text(&layout.group_id),
        text(&layout.server),
        Value::BigInt(Some(layout.logical_shards)),
        text(&layout.strategy),
        text(&layout.routing),
        text(&layout.pins),
        text(&layout.pinned_keys),
        text(&layout.tables),
        text(&layout.databases),
        Value::BigInt(Some(layout.ready.into())),
    ]
}

/// The identities that a named database holds for this cluster, by the name that it has in it.
pub(crate) async fn database_ids(handle: &NamespaceHandle) -> Result<Vec<(String, String)>> {
    if !handle.has_file() {
        return Ok(Vec::new());
    }
    let mut select = Query::select();
    for column in [DATABASE, DATABASE_ID] {
        select.expr(Expr::col((Alias::new(DATABASES), Alias::new(column))));
    }
    select
        .from(handle.namespace.own_table(DATABASES))
        .and_where(Expr::col((Alias::new(DATABASES), Alias::new(CLUSTER))).eq(&*handle.cluster));
    let (text, values) = render(handle.dialect(), &select);
    let mut lease = handle.writer()?.acquire().await?;
    let mut ids = Vec::new();
    let asked = ask(&mut lease, handle, text, &values.0, &mut |row| {
        ids.push((String::read(row, 0)?, String::read(row, 1)?));
        Ok(())
    })
    .await;
    match asked {
        Err(error) if error.kind() == ErrorKind::UndefinedTable => Ok(Vec::new()),
        outcome => outcome.map(|_| ids),
    }
}

/// Gives a named database an identity, and returns the one that it has then.
pub(crate) async fn give_database_id(handle: &NamespaceHandle, id: &str) -> Result<String> {
    handle.create_file()?;
    let mut lease = handle.writer()?.acquire().await?;
    let name = handle.namespace.name();
    let text = |name: &str| {
        let mut column = ColumnDef::new(Alias::new(name));
        column.string_len(64).not_null();
        column
    };
    let mut create = Table::create();
    let mut key = sea_query::Index::create();
    key.col(Alias::new(CLUSTER)).col(Alias::new(DATABASE));
    create
        .table(handle.namespace.own_table(DATABASES))
        .if_not_exists()
        .col(text(CLUSTER))
        .col(text(DATABASE))
        .col(text(DATABASE_ID))
        .primary_key(&mut key);
    send(&mut lease, &render_table(handle.dialect(), &create)).await?;
    let mut insert = Query::insert();
    insert
        .into_table(handle.namespace.own_table(DATABASES))
        .columns([CLUSTER, DATABASE, DATABASE_ID].map(Alias::new))
        .values([&*handle.cluster, &**name, id].map(Expr::val))
        .map_err(|source| Error::configuration("a database's identity").with_source(source))?;
    match write(handle, &mut lease, &insert).await {
        // Another process has written it meanwhile.
        Err(error) if error.kind() == ErrorKind::Unique => {}
        outcome => {
            outcome?;
        }
    }
    drop(lease);
    let ids = database_ids(handle).await?;
    let own = ids.into_iter().find(|(own, _)| **own == **name);
    own.map(|(_, id)| id)
        .ok_or_else(|| Error::configuration("a database's identity was not kept"))
}
