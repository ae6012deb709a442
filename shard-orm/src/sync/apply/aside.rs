//! Unique values that are put aside within a transaction, so that a circle of them can be closed.
//!
//! The rows stay where they are, since others may point to them. Nobody sees the values that they
//! have meanwhile.

use sea_query::{Alias, Expr, ExprTrait, Query, Value};

use super::Copy;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Executor as _, Intent, NoRows, Rows, own};
use crate::model::ModelIndex;
use crate::random::random;
use crate::sync::keys::{equal, key_of};
use crate::sync::source::Cells;
use crate::transaction::Tx;

/// How many values are tried that a row may have already.
const TRIES: usize = 20;

impl Copy {
    /// Gives each of these rows, where it is there, unique values that no row has.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) when a unique index has no column for which a value is
    /// found; what the database says when it refuses one.
    pub(super) async fn put_aside(&self, tx: &Tx, rows: &[Cells]) -> Result<()> {
        let (def, handle) = (self.status.def, &self.status.handle);
        let present = self.present(tx, rows).await?;
        for cells in present.values() {
            for index in def.indexes.iter().filter(|index| index.unique) {
                let (ordinal, value) = self.free_value(tx, index, cells).await?;
                let mut update = Query::update();
                update
                    .table(handle.namespace.table_of(def))
                    .value(Alias::new(def.columns[ordinal].name), Expr::Value(value))
                    .and_where_option(equal(def, &key_of(def, cells)));
                let label = ("update", def.table);
                let write = Intent::Write;
                own::send(tx.target(), handle, write, label, &update, &mut NoRows).await?;
            }
        }
        Ok(())
    }

    /// A column of an index, and a value for it that no row has.
    async fn free_value(
        &self,
        tx: &Tx,
        index: &ModelIndex,
        cells: &Cells,
    ) -> Result<(usize, Value)> {
        let (def, handle) = (self.status.def, &self.status.handle);
        let plain = index.columns.iter().copied();
        let plain = plain.filter(|one| !def.primary_key.contains(one));
        // Rows with a NULL are all different from each other.
        if let Some(ordinal) = plain.clone().find(|one| def.columns[*one].nullable) {
            return Ok((ordinal, cells[ordinal].as_null()));
        }
        for ordinal in plain {
            let column = &def.columns[ordinal];
            for _ in 0..TRIES {
                let Some(value) = like(&cells[ordinal], column.length) else {
                    break;
                };
                let mut select = Query::select();
                select
                    .expr(Expr::cust("1"))
                    .from(handle.namespace.table_of(def))
                    .and_where(Expr::col(Alias::new(column.name)).eq(Expr::Value(value.clone())))
                    .limit(1);
                let mut rows = Rows::new(|_: &crate::backend::Row<'_>| Ok(()));
                let label = ("select", def.table);
                let read = Intent::Read;
                own::send(tx.target(), handle, read, label, &select, &mut rows).await?;
                if rows.rows.is_empty() {
                    return Ok((ordinal, value));
                }
            }
        }
        Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "no value is free to put a row of table `{}` aside",
                def.table
            ),
        ))
    }
}

/// A value at random of the same type, within the type's limits.
fn like(value: &Value, length: Option<u32>) -> Option<Value> {
    let number = random();
    // The least bytes, of which each number has enough.
    let [a, b, c, d, ..] = number.to_le_bytes();
    Some(match value {
        Value::TinyInt(_) => Value::TinyInt(Some(a.cast_signed())),
        Value::SmallInt(_) => Value::SmallInt(Some(i16::from_le_bytes([a, b]))),
        Value::Int(_) => Value::Int(Some(i32::from_le_bytes([a, b, c, d]))),
        Value::BigInt(_) => Value::BigInt(Some(number.cast_signed())),
        // PostgreSQL and SQLite keep these as signed numbers of the next width.
        Value::TinyUnsigned(_) => Value::TinyUnsigned(Some(a)),
        Value::SmallUnsigned(_) => Value::SmallUnsigned(Some(u16::from_le_bytes([a, b]))),
        Value::Unsigned(_) => Value::Unsigned(Some(u32::from_le_bytes([a, b, c, d]))),
        Value::BigUnsigned(_) => Value::BigUnsigned(Some(number >> 1)),
        Value::String(_) => {
            let text = format!("{number:016x}");
            let length = length.map_or(text.len(), |length| (length as usize).min(text.len()));
            Value::String(Some(text[..length].to_owned()))
        }
        Value::Bytes(_) => {
            let length = length.map_or(8, |length| (length as usize).min(8));
            Value::Bytes(Some(number.to_le_bytes()[..length].to_vec()))
        }
        _ => return None,
    })
}
