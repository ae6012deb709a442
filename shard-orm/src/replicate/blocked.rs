//! Rows that are deleted at the source and cannot be deleted at the copy, because others refer to them.
//!
//! The position moves past them: they are listed in a table next to the copy, and each run tries them
//! again.

use sea_query::{Expr, ExprTrait, Query, Value};

use super::keys::{text_of, values_from};
use super::location::TableLocation;
use crate::Field as _;
use crate::backend::{Row, now};
use crate::error::{Error, Result};
use crate::transaction::Tx;

/// The table of blocked rows in each namespace of copies.
pub(crate) const TABLE: &str = "shard_orm_sync_blocked";

/// Lists a row that cannot be deleted.
pub(crate) async fn note(
    copy: &TableLocation,
    tx: &Tx,
    key: &[Value],
    blocker: &Error,
) -> Result<()> {
    let row_key = text_of(key)?;
    let mut update = Query::update();
    update
        .table(copy.reference(TABLE))
        .value("blocker", blocker.to_string())
        .and_where(Expr::col("table_name").eq(copy.name()))
        .and_where(Expr::col("row_key").eq(row_key.clone()));
    if copy.write(Some(tx), ("update", TABLE), &update).await? > 0 {
        return Ok(());
    }
    tracing::warn!(
        target: "shard_orm",
        table = copy.name(),
        server = &*copy.handle.server,
        error = %blocker.kind(),
        "a row that was deleted at the source is still referred to at the copy"
    );
    let mut insert = Query::insert();
    insert
        .into_table(copy.reference(TABLE))
        .columns(["table_name", "row_key", "since", "blocker"])
        .values([
            Expr::val(copy.name()),
            Expr::val(row_key),
            now(copy.dialect()),
            Expr::val(blocker.to_string()),
        ])
        .map_err(|source| Error::configuration("a blocked row").with_source(source))?;
    let label = ("insert", TABLE);
    copy.write(Some(tx), label, &insert).await.map(drop)
}

/// The primary keys of the listed rows.
pub(crate) async fn keys(copy: &TableLocation) -> Result<Vec<Vec<Value>>> {
    let mut select = Query::select();
    select
        .column("row_key")
        .from(copy.reference(TABLE))
        .and_where(Expr::col("table_name").eq(copy.name()));
    let read = |row: &Row<'_>| String::read(row, 0);
    let rows = copy.read(None, TABLE, &select, read).await?;
    let key = |text: &String| {
        values_from(text, copy.def(), &copy.def().primary_key).ok_or_else(|| {
            Error::decode(format!(
                "a key of table `{}` in `{TABLE}` cannot be read; delete the row, and compare the \
                 copy in full",
                copy.name()
            ))
        })
    };
    rows.iter().map(key).collect()
}

/// Removes a row from the list that is deleted by now, or is back at the source.
pub(crate) async fn forget(copy: &TableLocation, key: &[Value]) -> Result<()> {
    let mut delete = Query::delete();
    delete
        .from_table(copy.reference(TABLE))
        .and_where(Expr::col("table_name").eq(copy.name()))
        .and_where(Expr::col("row_key").eq(text_of(key)?));
    copy.write(None, ("delete", TABLE), &delete).await.map(drop)
}
