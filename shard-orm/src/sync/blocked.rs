//! Rows that are gone at the source and cannot go at the copy, because others point to them.
//!
//! The position goes on past them: they are kept in a table beside the copy, and tried again by each
//! run.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_query::{Alias, Expr, ExprTrait, Query, Value};

use super::keys::bytes_of;
use super::status::StatusRow;
use crate::backend::{Row, decode_value};
use crate::error::{Error, Result};
use crate::exec::{Executor as _, Intent, NoRows, Rows, own};
use crate::model::{Model as _, ModelDef};
use crate::transaction::Tx;
use crate::{Field as _, StaticModel};

/// The table, as each namespace of static tables has it.
const TABLE: &str = "shard_orm_sync_blocked";

/// One row that cannot be deleted.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, transmit = false, table = "shard_orm_sync_blocked")]
pub(crate) struct Blocked {
    #[static_model(primary_key, length = 63)]
    table_name: String,
    /// The primary key, as bytes in base64.
    #[static_model(primary_key, length = 600)]
    row_key: String,
    /// Since when, in milliseconds since 1970 by the copy's clock.
    since: i64,
    /// What the database said.
    blocker: String,
}

/// The definition of the table, for those who create it.
pub(crate) fn table() -> &'static ModelDef {
    Blocked::def()
}

/// Keeps a row that cannot be deleted.
pub(super) async fn note(
    status: &StatusRow,
    tx: &Tx,
    key: &[Value],
    blocker: &Error,
) -> Result<()> {
    let row_key = URL_SAFE_NO_PAD.encode(bytes_of(key)?);
    let own_row = Expr::col("table_name")
        .eq(status.def.table)
        .and(Expr::col("row_key").eq(row_key.clone()));
    let table = status.handle.namespace.table(TABLE);
    let mut update = Query::update();
    update
        .table(table.clone())
        .value("blocker", blocker.to_string())
        .and_where(own_row);
    let (write, target) = (Intent::Write, tx.target());
    let label = ("update", TABLE);
    let found = own::send(target, &status.handle, write, label, &update, &mut NoRows).await?;
    if found > 0 {
        return Ok(());
    }
    tracing::warn!(
        target: "shard_orm",
        table = status.def.table,
        server = &*status.handle.server,
        error = %blocker.kind(),
        "a row that is gone at the source is still pointed to"
    );
    let mut insert = Query::insert();
    insert
        .into_table(table)
        .columns(["table_name", "row_key", "since", "blocker"].map(Alias::new))
        .values([
            Expr::val(status.def.table),
            Expr::val(row_key),
            own::now(status.handle.dialect()),
            Expr::val(blocker.to_string()),
        ])
        .map_err(|source| Error::configuration("a row that is blocked").with_source(source))?;
    let label = ("insert", TABLE);
    own::send(target, &status.handle, write, label, &insert, &mut NoRows).await?;
    Ok(())
}

/// The primary keys of the rows that could not be deleted.
pub(super) async fn keys(status: &StatusRow) -> Result<Vec<Vec<Value>>> {
    let mut select = Query::select();
    select
        .column("row_key")
        .from(status.handle.namespace.table(TABLE))
        .and_where(Expr::col("table_name").eq(status.def.table));
    let mut rows = Rows::new(|row: &Row<'_>| String::read(row, 0));
    let target = status.cluster.read_from(crate::Read::Primary);
    let label = ("select", TABLE);
    own::send(
        target.target(),
        &status.handle,
        Intent::Read,
        label,
        &select,
        &mut rows,
    )
    .await?;
    rows.rows
        .iter()
        .map(|text| decode(status.def, text))
        .collect()
}

/// Forgets a row that is gone by now, or is back at the source.
pub(super) async fn forget(status: &StatusRow, key: &[Value]) -> Result<()> {
    let mut delete = Query::delete();
    delete
        .from_table(status.handle.namespace.table(TABLE))
        .and_where(Expr::col("table_name").eq(status.def.table))
        .and_where(Expr::col("row_key").eq(URL_SAFE_NO_PAD.encode(bytes_of(key)?)));
    let (write, label) = (Intent::Write, ("delete", TABLE));
    let target = status.cluster.target();
    own::send(target, &status.handle, write, label, &delete, &mut NoRows).await?;
    Ok(())
}

fn decode(def: &ModelDef, text: &str) -> Result<Vec<Value>> {
    let broken = || {
        Error::decode(format!(
            "a key of table `{}` in `{TABLE}` cannot be read; delete the row, and compare the copy \
             in full",
            def.table
        ))
    };
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| broken())?;
    let mut rest = bytes.as_slice();
    def.primary_key
        .iter()
        .map(|ordinal| decode_value(def.columns[*ordinal].codec(), &mut rest).ok_or_else(broken))
        .collect()
}
