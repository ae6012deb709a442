//! Pages of rows that pass from one PostgreSQL database to another as bytes, without being decoded.
//!
//! `COPY` takes no arguments, so the bounds of a page are settings of its transaction, which a statement
//! with arguments sets.

use sea_query::{Expr, ExprTrait, IntoTableRef as _, Order, SelectStatement, Value};

use super::PASSED;
use crate::backend::inspect::{ColumnShape, Shape};
use crate::backend::{Row, quote, render};
use crate::error::Result;
use crate::exec::{End, pass};
use crate::replicate::apply::{Applied, CopyWriter};
use crate::replicate::keys::{alias, key_columns, values};
use crate::replicate::location::TableLocation;
use crate::replicate::position::Position;
use crate::replicate::source::Source;
use crate::replicate::table::TableAt;
use crate::schema::TableDef;
use crate::transaction::Tx;

/// The passing of rows whose copy has the same binary form.
#[derive(Debug, Clone)]
pub(crate) struct BinaryCopy {
    /// The types of the primary key's columns at the source.
    keys: Vec<&'static str>,
}

impl BinaryCopy {
    /// `None` when a column has different forms on the two sides.
    pub(crate) fn between(
        (source, there): (&TableAt<'_>, &Shape),
        (copy, here): (&TableAt<'_>, &Shape),
    ) -> Option<Self> {
        if !source.dialect().capability().binary_transfer
            || !copy.dialect().capability().binary_transfer
        {
            return None;
        }
        let def = source.def();
        for column in &def.columns {
            // A type that the library does not know is read as a text.
            column.data_type.column_type()?;
            let (there, here) = (there.column(&column.name)?, here.column(&column.name)?);
            // An unexpected NULL is refused by its column, or found when its row is read.
            let is_guarded = column.nullable || !there.nullable || !here.nullable;
            if !is_guarded || form(there) != form(here) {
                return None;
            }
        }
        let types = def.primary_key.iter();
        let types = types.map(|ordinal| bound_as(there.column(&def.columns[*ordinal].name)?));
        Some(Self {
            keys: types.collect::<Option<_>>()?,
        })
    }

    /// The key of the last row of the next page; `None` when no full page is left.
    async fn last_of_page(
        &self,
        source: &Source,
        reading: &Tx,
        done: Option<&[Value]>,
    ) -> Result<Option<Vec<Value>>> {
        let def = source.def();
        let mut select = source.at.select(def.primary_key.iter().copied());
        if let Some(done) = done {
            let done = done.iter().cloned().map(Expr::Value);
            select.and_where(key(def).gt(tuple(done.collect())));
        }
        in_order(&mut select, def);
        select.offset(PASSED as u64 - 1).limit(1);
        let read = |row: &Row<'_>| values(def, &def.primary_key, row, 0);
        let reading = Some(reading);
        let mut keys = source
            .at
            .read(reading, source.at.name(), &select, read)
            .await?;
        Ok(keys.pop())
    }

    /// Sets the keys between which the page is.
    async fn set_bounds(
        &self,
        source: &Source,
        reading: &Tx,
        bounds: [(&str, Option<&[Value]>); 2],
    ) -> Result<()> {
        let mut select = SelectStatement::new();
        // The format in which times are written and parsed.
        select.expr(Expr::cust("set_config('DateStyle', 'ISO', true)"));
        for (bound, key) in bounds {
            let Some(key) = key else { continue };
            for (position, (value, as_type)) in key.iter().zip(&self.keys).enumerate() {
                let set = format!(
                    "set_config('{}', CAST(CAST($1 AS {as_type}) AS text), true)",
                    setting(bound, position)
                );
                select.expr(Expr::cust_with_values(set, [value.clone()]));
            }
        }
        let reading = Some(reading);
        let set = source
            .at
            .read(reading, source.at.name(), &select, |_| Ok(()));
        set.await.map(drop)
    }

    /// The statement that reads the rows between the bounds.
    fn out(&self, source: &Source, bounds: [(&str, bool); 2]) -> String {
        let def = source.def();
        let mut rows = source.at.select_all();
        let [(after, has_after), (last, has_last)] = bounds;
        if has_after {
            rows.and_where(key(def).gt(self.bound(after)));
        }
        if has_last {
            rows.and_where(key(def).lte(self.bound(last)));
        }
        in_order(&mut rows, def);
        let (text, _) = render(source.dialect(), &rows);
        format!("COPY ({text}) TO STDOUT (FORMAT binary)")
    }

    /// A bound, read from its settings.
    fn bound(&self, bound: &str) -> Expr {
        let keys = self.keys.iter().enumerate();
        let keys = keys.map(|(position, as_type)| {
            Expr::cust(format!(
                "CAST(current_setting('{}') AS {as_type})",
                setting(bound, position)
            ))
        });
        tuple(keys.collect())
    }
}

/// A page whose bounds are set in a transaction at the source.
#[derive(Debug)]
pub(super) struct Page {
    reading: Tx,
    /// The key of its last row; `None` for the last page.
    pub(super) last: Option<Vec<Value>>,
    out: String,
}

impl Page {
    /// The page after this key.
    pub(super) async fn after(
        binary: &BinaryCopy,
        source: &Source,
        done: Option<&[Value]>,
    ) -> Result<Self> {
        // One snapshot: no row appears between the bounds after they were read.
        let reading = source
            .at
            .cluster
            .begin_reading_in(&source.at.handle)
            .await?;
        let last = binary.last_of_page(source, &reading, done).await?;
        let (after, to) = ("after", "to");
        binary
            .set_bounds(source, &reading, [(after, done), (to, last.as_deref())])
            .await?;
        let out = binary.out(source, [(after, done.is_some()), (to, last.is_some())]);
        Ok(Self { reading, last, out })
    }

    /// Passes the page on, and returns the number of its rows.
    pub(super) async fn pass(self, copy: &CopyWriter, position: &Position) -> Result<u64> {
        let name = copy.at().name();
        let give = End {
            tx: &self.reading,
            text: &self.out,
            label: ("select", name),
        };
        let into = into(copy.at());
        let passing = async |tx: Tx| {
            let take = End {
                tx: &tx,
                text: &into,
                label: ("insert", name),
            };
            Ok(Applied {
                inserted: pass(give, take).await?,
                ..Applied::default()
            })
        };
        let passed = copy.transact(Some(position), false, passing).await;
        // It has written nothing, and may have ended.
        let _ = self.reading.rollback().await;
        passed.map(|applied| applied.inserted)
    }
}

/// The statement that writes rows at the copy.
fn into(copy: &TableLocation) -> String {
    let columns = 0..copy.def().columns.len();
    let columns: Vec<String> = columns
        .map(|ordinal| alias(copy.def(), ordinal).into_table_ref())
        .map(|column| quote(copy.dialect(), &column))
        .collect();
    format!(
        "COPY {} ({}) FROM STDIN (FORMAT binary)",
        quote(copy.dialect(), &copy.reference(copy.name())),
        columns.join(", ")
    )
}

/// Identifies the binary form of a column. Texts have one form whatever their length; `json` and `jsonb`
/// differ.
fn form(column: &ColumnShape) -> &str {
    match column.type_name.as_str() {
        "varchar" => "text",
        other => other,
    }
}

/// The type in which a bound is compared with a column; `None` for floating point numbers, whose text
/// may be that of another number.
fn bound_as(column: &ColumnShape) -> Option<&'static str> {
    Some(match column.type_name.as_str() {
        "bool" => "bool",
        "int2" => "int2",
        "int4" => "int4",
        "int8" => "int8",
        "text" | "varchar" => "text",
        "bytea" => "bytea",
        "uuid" => "uuid",
        "numeric" => "numeric",
        "date" => "date",
        "time" => "time",
        "timestamp" => "timestamp",
        "timestamptz" => "timestamptz",
        _ => return None,
    })
}

/// The setting that holds one value of a bound.
fn setting(bound: &str, position: usize) -> String {
    format!("shard_orm.{bound}_{position}")
}

/// The primary key, as it is compared.
fn key(def: &TableDef) -> Expr {
    tuple(key_columns(def).map(Expr::col).collect())
}

/// Several expressions as one row, which an index looks up, unlike `a > ? OR ..`.
fn tuple(mut parts: Vec<Expr>) -> Expr {
    match parts.len() {
        1 => parts.remove(0),
        _ => Expr::tuple(parts),
    }
}

fn in_order(select: &mut SelectStatement, def: &TableDef) {
    for column in key_columns(def) {
        select.order_by(column, Order::Asc);
    }
}
