//! `CREATE TABLE` from a model.
//!
//! Used by [`Setup`](crate::Setup), and by whoever wants to read or keep the statements.

use std::fmt;

use sea_query::{
    Alias, ColumnDef as SeaColumn, ColumnType as SeaType, Expr, ExprTrait, Index,
    IndexCreateStatement, IntoTableRef, StringLen, Table, TableCreateStatement, TableRef,
};

use crate::backend::{Args, ColumnType, Digits, literal, render_index, render_table};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::model::{ColumnDef, IndexDef, ModelDef};

/// The statements that create a model's table and its indexes, where they are not there yet.
///
/// Shows itself as SQL.
///
/// ```
/// # use shard_orm::prelude::*;
/// # #[derive(ShardModel)]
/// # #[shard(group = "shop", table = "orders")]
/// # struct Order {
/// #     #[shard(primary_key)]
/// #     id: i64,
/// #     #[shard(key, index)]
/// #     user_id: i64,
/// #     item: String,
/// # }
/// let table = Order::create_table(Dialect::Postgres)?;
/// assert_eq!(
///     table.to_string(),
///     r#"CREATE TABLE IF NOT EXISTS "orders" ( "id" bigint NOT NULL, "user_id" bigint NOT NULL, "item" text NOT NULL, PRIMARY KEY ("id") );
/// CREATE INDEX IF NOT EXISTS "orders_user_id_index" ON "orders" ("user_id");"#
/// );
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CreateTable {
    dialect: Dialect,
    def: &'static ModelDef,
    namespace: Option<String>,
    defaults: Vec<Option<Expr>>,
}

/// Text that is indexed on MySQL needs a length; a key of it holds at most 3,072 bytes.
const INDEXED_LENGTH: u32 = 255;

/// The collations of MariaDB (from 10.2.2) and of MySQL (from 8.0.17) under which texts are equal
/// when their bytes are.
pub(crate) const EXACT_COLLATION: &str =
    "/*M!100202 COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */";

impl CreateTable {
    pub(crate) fn new(def: &'static ModelDef, dialect: Dialect) -> Result<Self> {
        let defaults = def
            .columns
            .iter()
            .map(|column| {
                let value = column.default.map(Args::value).transpose()?;
                value.map(|value| literal(dialect, value)).transpose()
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            dialect,
            def,
            namespace: None,
            defaults,
        })
    }

    /// The same in a namespace: a schema on PostgreSQL, a database on MySQL and MariaDB. SQLite's
    /// files are namespaces by themselves.
    #[must_use]
    pub fn in_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into()).filter(|_| self.dialect != Dialect::Sqlite);
        self
    }

    /// The statements, one by one.
    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        let mut statements = vec![render_table(self.dialect, &self.table())];
        if self.dialect != Dialect::MySql {
            statements.extend(self.def.indexes.iter().map(|index| {
                let mut create = self.index(index);
                create.if_not_exists().table(self.reference());
                render_index(self.dialect, &create)
            }));
        }
        statements
    }

    fn reference(&self) -> TableRef {
        match &self.namespace {
            Some(namespace) => (Alias::new(namespace), Alias::new(self.def.table)).into_table_ref(),
            None => Alias::new(self.def.table).into_table_ref(),
        }
    }

    fn table(&self) -> TableCreateStatement {
        let mut table = Table::create();
        table.table(self.reference()).if_not_exists();
        for (ordinal, column) in self.def.columns.iter().enumerate() {
            let mut created = SeaColumn::new_with_type(
                Alias::new(column.name),
                column_type(self.dialect, column, self.def.is_indexed(ordinal)),
            );
            if !column.nullable {
                created.not_null();
            }
            // The tables of the others compare by bytes as a whole.
            if column.binary && self.dialect == Dialect::Postgres {
                created.extra("COLLATE \"C\"");
            }
            if let Some(default) = &self.defaults[ordinal] {
                let indexed = self.def.is_indexed(ordinal);
                created.default(match is_large(self.dialect, column, indexed) {
                    // MySQL takes an expression there, and no literal: sea-query puts one that it
                    // did not make in parentheses.
                    true => Expr::cust_with_expr("?", default.clone()),
                    false => default.clone(),
                });
            }
            if let Some(check) = check(self.dialect, column) {
                created.check(check);
            }
            table.col(created);
        }
        let mut primary_key = Index::create();
        for ordinal in self.def.primary_key {
            primary_key.col(Alias::new(self.def.columns[*ordinal].name));
        }
        table.primary_key(&mut primary_key);
        match self.dialect {
            // MySQL has no CREATE INDEX IF NOT EXISTS. A binary collation tells texts apart as
            // the other databases do, and has to be one that does not pass over spaces at the
            // end. MySQL and MariaDB have no such one in common: each reads its own comment.
            Dialect::MySql => {
                for index in self.def.indexes {
                    table.index(&mut self.index(index));
                }
            }
            Dialect::Sqlite | Dialect::Postgres => {}
        }
        exact_table(self.dialect, &mut table);
        table
    }

    fn index(&self, index: &IndexDef) -> IndexCreateStatement {
        let names: Vec<&str> = index
            .columns
            .iter()
            .map(|ordinal| self.def.columns[*ordinal].name)
            .collect();
        let mut create = Index::create();
        create.name(index_name(self.def.table, &names, index.unique));
        for name in names {
            create.col(Alias::new(name));
        }
        if index.unique {
            create.unique();
        }
        create
    }
}

impl fmt::Display for CreateTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, statement) in self.statements().iter().enumerate() {
            let line = if position == 0 { "" } else { "\n" };
            write!(f, "{line}{statement};")?;
        }
        Ok(())
    }
}

/// The name of an index: table, columns and kind, within the 63 bytes of PostgreSQL. It has no
/// quotes, which sea-query would not double in it.
fn index_name(table: &str, columns: &[&str], unique: bool) -> String {
    let kind = if unique { "unique" } else { "index" };
    let name = format!("{table}_{}_{kind}", columns.join("_"));
    let is_quote = |character| matches!(character, '"' | '`' | '\'' | '\\');
    if name.len() <= 63 && !name.contains(is_quote) {
        return name;
    }
    let mut hash = 0;
    for byte in name.bytes() {
        hash = crate::route::mix64(hash ^ u64::from(byte));
    }
    let kept: String = name
        .chars()
        .scan(0, |length, character| {
            *length += character.len_utf8();
            (*length <= 40).then_some(character)
        })
        .map(|character| if is_quote(character) { '_' } else { character })
        .collect();
    format!("{kept}_{hash:016x}")
}

impl ModelDef {
    /// Whether an index, or the primary key, holds the column.
    fn is_indexed(&self, ordinal: usize) -> bool {
        self.primary_key.contains(&ordinal)
            || self
                .indexes
                .iter()
                .any(|index| index.columns.contains(&ordinal))
    }
}

/// A column that holds values of a model's column, or NULL, and stands in an index.
pub(crate) fn column_like(dialect: Dialect, column: &ColumnDef) -> SeaColumn {
    let mut like =
        SeaColumn::new_with_type(Alias::new(column.name), column_type(dialect, column, true));
    if column.binary && dialect == Dialect::Postgres {
        like.extra("COLLATE \"C\"");
    }
    like
}

/// How a table of this library's own is kept where the databases have a choice: texts are compared
/// by their bytes, and a column holds nothing but its type.
pub(crate) fn exact_table(dialect: Dialect, table: &mut TableCreateStatement) {
    match dialect {
        Dialect::MySql => {
            table
                .engine("InnoDB")
                .character_set("utf8mb4")
                .extra(EXACT_COLLATION);
        }
        Dialect::Sqlite => {
            table.extra("STRICT");
        }
        Dialect::Postgres => {}
    }
}

fn column_type(dialect: Dialect, column: &ColumnDef, indexed: bool) -> SeaType {
    match dialect {
        Dialect::Sqlite => sqlite_type(column.column_type),
        Dialect::Postgres => postgres_type(column),
        Dialect::MySql => mysql_type(column, indexed),
    }
}

fn with_digits(name: &str, digits: Digits) -> String {
    format!("{name}({}, {})", digits.precision(), digits.scale())
}

/// The five types of a strict table.
fn sqlite_type(column_type: ColumnType) -> SeaType {
    let name = match column_type {
        ColumnType::Bool
        | ColumnType::I8
        | ColumnType::I16
        | ColumnType::I32
        | ColumnType::I64
        | ColumnType::U8
        | ColumnType::U16
        | ColumnType::U32
        | ColumnType::U64
        | ColumnType::ScaledDecimal => "INTEGER",
        ColumnType::F32 | ColumnType::F64 => "REAL",
        ColumnType::Text
        | ColumnType::TimestampUtc
        | ColumnType::Timestamp
        | ColumnType::Date
        | ColumnType::Time
        | ColumnType::Decimal
        | ColumnType::Json => "TEXT",
        ColumnType::Bytes | ColumnType::Uuid => "BLOB",
    };
    SeaType::custom(name)
}

/// What a column refuses by the type that it has here, where the database's own is wider.
fn check(dialect: Dialect, column: &ColumnDef) -> Option<Expr> {
    let reference = || Expr::col(Alias::new(column.name));
    let range = |low: i64, high: i64| Some(reference().between(low, high));
    if dialect == Dialect::MySql {
        return None;
    }
    match column.column_type {
        ColumnType::I8 => return range(i8::MIN.into(), i8::MAX.into()),
        ColumnType::U8 => return range(0, u8::MAX.into()),
        ColumnType::U16 => return range(0, u16::MAX.into()),
        ColumnType::U32 => return range(0, u32::MAX.into()),
        ColumnType::U64 => return Some(reference().gte(0_i64)),
        _ => {}
    }
    if dialect == Dialect::Postgres {
        let length = column
            .length
            .filter(|_| column.column_type == ColumnType::Bytes)?;
        let bytes = sea_query::Func::cust(Alias::new("OCTET_LENGTH")).arg(reference());
        return Some(Expr::expr(bytes).lte(i64::from(length)));
    }
    match column.column_type {
        ColumnType::Bool => range(0, 1),
        ColumnType::ScaledDecimal => column
            .decimal
            .and_then(|digits| range(-digits.largest(), digits.largest())),
        ColumnType::I16 => range(i16::MIN.into(), i16::MAX.into()),
        ColumnType::I32 => range(i32::MIN.into(), i32::MAX.into()),
        ColumnType::Text | ColumnType::Bytes => column.length.map(|length| {
            Expr::expr(sea_query::Func::char_length(reference())).lte(i64::from(length))
        }),
        _ => None,
    }
}

fn postgres_type(column: &ColumnDef) -> SeaType {
    match column.column_type {
        ColumnType::Text => match column.length {
            Some(length) => SeaType::String(StringLen::N(length)),
            None => SeaType::Text,
        },
        ColumnType::Bytes => SeaType::custom("bytea"),
        ColumnType::TimestampUtc => SeaType::custom("timestamptz"),
        ColumnType::Decimal | ColumnType::ScaledDecimal => match column.decimal {
            Some(digits) => SeaType::custom(with_digits("numeric", digits)),
            None => SeaType::custom("numeric"),
        },
        other => match other {
            ColumnType::Bool => SeaType::Boolean,
            ColumnType::I8 | ColumnType::I16 | ColumnType::U8 => SeaType::SmallInteger,
            ColumnType::I32 | ColumnType::U16 => SeaType::Integer,
            ColumnType::F32 => SeaType::Float,
            ColumnType::F64 => SeaType::Double,
            ColumnType::Timestamp => SeaType::DateTime,
            ColumnType::Date => SeaType::Date,
            ColumnType::Time => SeaType::Time,
            ColumnType::Uuid => SeaType::Uuid,
            ColumnType::Json => SeaType::JsonBinary,
            _ => SeaType::BigInteger,
        },
    }
}

/// Whether the column is one of MySQL's that are kept beside the row.
fn is_large(dialect: Dialect, column: &ColumnDef, indexed: bool) -> bool {
    dialect == Dialect::MySql
        && match column.column_type {
            ColumnType::Text | ColumnType::Bytes => mysql_length(column, indexed).is_none(),
            column_type => column_type == ColumnType::Json,
        }
}

fn mysql_length(column: &ColumnDef, indexed: bool) -> Option<u32> {
    column.length.or(indexed.then_some(INDEXED_LENGTH))
}

fn mysql_type(column: &ColumnDef, indexed: bool) -> SeaType {
    let length = mysql_length(column, indexed);
    match column.column_type {
        ColumnType::Bool => SeaType::Boolean,
        ColumnType::I8 => SeaType::TinyInteger,
        ColumnType::I16 => SeaType::SmallInteger,
        ColumnType::I32 => SeaType::Integer,
        ColumnType::I64 => SeaType::BigInteger,
        ColumnType::U8 => SeaType::TinyUnsigned,
        ColumnType::U16 => SeaType::SmallUnsigned,
        ColumnType::U32 => SeaType::Unsigned,
        ColumnType::U64 => SeaType::BigUnsigned,
        ColumnType::F32 => SeaType::Float,
        ColumnType::F64 => SeaType::Double,
        ColumnType::Text => match length {
            Some(length) => SeaType::String(StringLen::N(length)),
            None => SeaType::custom("longtext"),
        },
        ColumnType::Bytes => match length {
            Some(length) => SeaType::VarBinary(StringLen::N(length)),
            None => SeaType::custom("longblob"),
        },
        ColumnType::TimestampUtc | ColumnType::Timestamp => SeaType::custom("datetime(6)"),
        ColumnType::Date => SeaType::Date,
        ColumnType::Time => SeaType::custom("time(6)"),
        ColumnType::Uuid => SeaType::Uuid,
        ColumnType::Decimal | ColumnType::ScaledDecimal => {
            let digits = column.decimal;
            let digits = digits.map(|digits| (digits.precision().into(), digits.scale().into()));
            SeaType::Decimal(Some(digits.unwrap_or((57, 28))))
        }
        ColumnType::Json => SeaType::Json,
    }
}
