//! Breaks a cycle of rows that exchange unique values: gives the rows temporary values within the
//! transaction.
//!
//! The rows are not deleted, since others may refer to them. Nobody sees the temporary values.

use sea_query::{Expr, ExprTrait, Query, Value};

use super::CopyWriter;
use crate::error::{Error, ErrorKind, Result};
use crate::random::random;
use crate::replicate::keys::{Cells, alias, equal, key_of, unique_indexes};
use crate::transaction::Tx;

/// The number of random values that are tried.
const ATTEMPTS: usize = 20;

impl CopyWriter {
    /// Gives each of these rows, if it exists, unique values that no row has.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) when no free value is found for a unique index; the error
    /// of the database when it refuses one.
    pub(super) async fn break_cycle(&self, tx: &Tx, rows: &[Cells]) -> Result<()> {
        let (copy, def) = (self.at(), self.at().def());
        let present = self.present(tx, rows).await?;
        for cells in present.values() {
            for index in unique_indexes(def) {
                let (ordinal, value) = self.free_value(tx, &index, cells).await?;
                let mut update = Query::update();
                update
                    .table(copy.reference(copy.name()))
                    .value(alias(def, ordinal), Expr::Value(value))
                    .and_where_option(equal(def, &key_of(def, cells)));
                let label = ("update", copy.name());
                copy.write(Some(tx), label, &update).await?;
            }
        }
        Ok(())
    }

    /// A column of an index, and a value for it that no row has.
    async fn free_value(&self, tx: &Tx, index: &[usize], cells: &Cells) -> Result<(usize, Value)> {
        let (copy, def) = (self.at(), self.at().def());
        let plain = index.iter().copied();
        let plain = plain.filter(|one| !def.primary_key.contains(one));
        // Rows with a NULL all differ from each other.
        if let Some(ordinal) = plain.clone().find(|one| def.columns[*one].nullable) {
            return Ok((ordinal, cells[ordinal].as_null()));
        }
        for ordinal in plain {
            let column = &def.columns[ordinal];
            for _ in 0..ATTEMPTS {
                let Some(value) = like(&cells[ordinal], column.data_type.length()) else {
                    break;
                };
                let mut select = Query::select();
                select
                    .expr(Expr::cust("1"))
                    .from(copy.reference(copy.name()))
                    .and_where(Expr::col(alias(def, ordinal)).eq(Expr::Value(value.clone())))
                    .limit(1);
                let found = copy.read(Some(tx), copy.name(), &select, |_| Ok(()));
                if found.await?.is_empty() {
                    return Ok((ordinal, value));
                }
            }
        }
        Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "no temporary unique value was found for a row of table `{}`",
                copy.name()
            ),
        ))
    }
}

/// A random value of the same type, within the type's limits.
fn like(value: &Value, length: Option<u32>) -> Option<Value> {
    let number = random();
    // The lowest bytes, as many as each number needs.
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
