//! The column in which a trigger on PostgreSQL writes the number of the transaction of a row's last
//! write: rows are read in its order, and none is missed whose transaction committed late.
//!
//! Called by `replicate::watermark`.

use sea_query::{Alias, IntoTableRef as _};

use super::quote;
use crate::dialect::Dialect;

/// The column.
pub(crate) const STAMP: &str = "shard_orm_transaction";

/// The statements that create the column and its trigger, where they do not exist yet; none on
/// databases without transaction numbers.
pub(crate) fn statements(dialect: Dialect, table: &str, keys: &[&str]) -> Vec<String> {
    if !dialect.capability().transaction_numbers {
        return Vec::new();
    }
    let quoted = |name: &str| quote(dialect, &Alias::new(name).into_table_ref());
    let index = quoted(&format!("shard_orm_order_{:016x}", hash(table)));
    let (table, column) = (quoted(table), quoted(STAMP));
    let keys: Vec<String> = keys.iter().map(|key| quoted(key)).collect();
    let keys = keys.join(", ");
    let trigger = quoted("shard_orm_transaction");
    vec![
        // Existing rows come first. A constant default rewrites no row.
        format!(
            "ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} xid8 NOT NULL DEFAULT '0'::xid8"
        ),
        // In the order in which they are read.
        format!("CREATE INDEX IF NOT EXISTS {index} ON {table} ({column}, {keys})"),
        format!(
            "CREATE OR REPLACE FUNCTION {trigger}() RETURNS trigger LANGUAGE plpgsql AS $shard_orm$\n\
             BEGIN\n\
             NEW.{column} := pg_current_xact_id();\n\
             RETURN NEW;\n\
             END $shard_orm$"
        ),
        format!(
            "CREATE OR REPLACE TRIGGER {trigger} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW \
             EXECUTE FUNCTION {trigger}()"
        ),
    ]
}

/// Distinguishes the tables of a schema in a name of bounded length.
fn hash(name: &str) -> u64 {
    name.bytes()
        .fold(0, |hash, byte| crate::route::mix64(hash ^ u64::from(byte)))
}
