//! The column and the trigger by which PostgreSQL orders rows by their transactions.

use sea_query::{Alias, IntoTableRef as _};

use super::TRANSACTION;
use crate::backend::quote;
use crate::dialect::Dialect;
use crate::model::ModelDef;

/// The statements that create them at a source, where they are not there yet; none on databases that
/// are read by the criterion itself.
pub(crate) fn statements(def: &'static ModelDef, dialect: Dialect) -> Vec<String> {
    if dialect != Dialect::Postgres {
        return Vec::new();
    }
    let quoted = |name: &str| quote(dialect, &Alias::new(name).into_table_ref());
    let table = quoted(def.table);
    let column = quoted(TRANSACTION);
    let keys: Vec<String> = def
        .primary_key
        .iter()
        .map(|ordinal| quoted(def.columns[*ordinal].name))
        .collect();
    let keys = keys.join(", ");
    let trigger = quoted("shard_orm_transaction");
    let index = quoted(&format!("shard_orm_order_{:016x}", hash(def.table)));
    vec![
        // Rows that were there before come first. A constant default rewrites no row.
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

/// Tells the tables of a schema apart in a name of bounded length.
fn hash(name: &str) -> u64 {
    name.bytes()
        .fold(0, |hash, byte| crate::route::mix64(hash ^ u64::from(byte)))
}
