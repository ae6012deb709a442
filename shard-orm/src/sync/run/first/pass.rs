//! Pages that pass from one database to another as bytes, without being read on the way.
//!
//! The statement that gives a page takes no arguments, so that its bounds are settings of the
//! transaction that it runs in, which are set by a statement that does.

use sea_query::{Alias, Expr, ExprTrait, IntoTableRef as _, Order, Query, SelectStatement, Value};

use super::PASSED;
use crate::backend::inspect::{ColumnShape, Shape};
use crate::backend::{has_bulk, quote, render};
use crate::error::Result;
use crate::exec::{End, Executor as _, Intent, Rows, Sink, own, pass};
use crate::model::ModelDef;
use crate::sync::apply::{Applied, Copy};
use crate::sync::keys::key_columns;
use crate::sync::position::Position;
use crate::sync::source::{Source, select};
use crate::sync::table::TableAt;
use crate::transaction::Tx;

/// Rows of a source that its copy takes as they are.
#[derive(Debug, Clone)]
pub(in crate::sync) struct Passage {
    /// The types of the primary key's columns at the source.
    keys: Vec<&'static str>,
}

impl Passage {
    /// `None` when a column has another form on the one side than on the other.
    pub(in crate::sync) fn between(
        (source, there): (&TableAt<'_>, &Shape),
        (copy, here): (&TableAt<'_>, &Shape),
    ) -> Option<Self> {
        if !has_bulk(source.dialect()) || !has_bulk(copy.dialect()) {
            return None;
        }
        let def = source.def();
        for column in def.columns {
            let (there, here) = (there.column(column.name)?, here.column(column.name)?);
            // A NULL that the model does not take is found when it is read, or by its column.
            let is_guarded = column.nullable || !there.nullable || !here.nullable;
            if !is_guarded || form(there) != form(here) {
                return None;
            }
        }
        let types = def.primary_key.iter();
        let types = types.map(|ordinal| bound_as(there.column(def.columns[*ordinal].name)?));
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
        let def = source.def;
        let mut select = Query::select();
        select
            .columns(key_columns(def))
            .from(source.handle.namespace.table_of(def));
        if let Some(done) = done {
            let done = done.iter().cloned().map(Expr::Value);
            select.and_where(key(def).gt(tuple(done.collect())));
        }
        in_order(&mut select, def);
        select.offset(PASSED as u64 - 1).limit(1);
        let mut rows = Rows::new(|row| {
            let key = def.primary_key.iter().enumerate();
            key.map(|(position, ordinal)| def.columns[*ordinal].read(row, position))
                .collect::<Result<Vec<Value>>>()
        });
        self.ask(source, reading, &select, &mut rows).await?;
        Ok(rows.rows.pop())
    }

    /// Sets between which keys the page lies.
    async fn set_bounds(
        &self,
        source: &Source,
        reading: &Tx,
        bounds: [(&str, Option<&[Value]>); 2],
    ) -> Result<()> {
        let mut select = Query::select();
        // In which times are written and read again.
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
        let mut rows = Rows::new(|_| Ok(()));
        self.ask(source, reading, &select, &mut rows).await
    }

    async fn ask(
        &self,
        source: &Source,
        reading: &Tx,
        select: &SelectStatement,
        rows: &mut dyn Sink,
    ) -> Result<()> {
        let (read, label) = (Intent::Read, ("select", source.def.table));
        own::send(reading.target(), &source.handle, read, label, select, rows)
            .await
            .map(drop)
    }

    /// The statement that gives the rows between the bounds.
    fn out(&self, source: &Source, bounds: [(&str, bool); 2]) -> String {
        let def = source.def;
        let mut rows = select(def, &source.handle);
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

    /// A bound as it was set.
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

/// A page that can be asked for: its bounds are set in a transaction at the source.
#[derive(Debug)]
pub(super) struct Ready {
    reading: Tx,
    /// The key of its last row; `None` of the last page.
    pub(super) last: Option<Vec<Value>>,
    out: String,
}

impl Ready {
    /// The page after this key.
    pub(super) async fn after(
        passage: &Passage,
        source: &Source,
        done: Option<&[Value]>,
    ) -> Result<Self> {
        // One state: no row comes between the bounds after they were looked for.
        let reading = source.cluster.begin_reading_in(&source.handle).await?;
        let last = passage.last_of_page(source, &reading, done).await?;
        let (after, to) = ("after", "to");
        passage
            .set_bounds(source, &reading, [(after, done), (to, last.as_deref())])
            .await?;
        let out = passage.out(source, [(after, done.is_some()), (to, last.is_some())]);
        Ok(Self { reading, last, out })
    }

    /// Passes the page on, and gives how many rows it had.
    pub(super) async fn pass(self, copy: &Copy, position: &Position) -> Result<u64> {
        let def = copy.status.def;
        let give = End {
            tx: &self.reading,
            text: &self.out,
            label: ("select", def.table),
        };
        let into = into(copy);
        let passing = async |tx: Tx| {
            let take = End {
                tx: &tx,
                text: &into,
                label: ("insert", def.table),
            };
            Ok(Applied {
                inserted: pass(give, take).await?,
                ..Applied::default()
            })
        };
        let passed = copy.transact(Some(position), false, passing).await;
        // It has written nothing, and may have ended already.
        let _ = self.reading.rollback().await;
        passed.map(|applied| applied.inserted)
    }
}

/// The statement that takes rows at the copy.
fn into(copy: &Copy) -> String {
    let (def, handle) = (copy.status.def, &copy.status.handle);
    let columns: Vec<String> = def
        .columns
        .iter()
        .map(|column| Alias::new(column.name).into_table_ref())
        .map(|column| quote(handle.dialect(), &column))
        .collect();
    format!(
        "COPY {} ({}) FROM STDIN (FORMAT binary)",
        quote(handle.dialect(), &handle.namespace.table_of(def)),
        columns.join(", ")
    )
}

/// What tells the bytes of a column from those of others. Texts are the same whatever their length
/// is; `json` and `jsonb` are not.
fn form(column: &ColumnShape) -> &str {
    match column.type_name.as_str() {
        "varchar" => "text",
        other => other,
    }
}

/// The type as which a bound is compared with a column. Of floating point numbers the text may be
/// another number's.
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
fn key(def: &ModelDef) -> Expr {
    tuple(key_columns(def).map(Expr::col).collect())
}

/// Several expressions as one: an index finds where they begin, which it does not of `a > ? OR ..`.
fn tuple(mut parts: Vec<Expr>) -> Expr {
    match parts.len() {
        1 => parts.remove(0),
        _ => Expr::tuple(parts),
    }
}

fn in_order(select: &mut SelectStatement, def: &ModelDef) {
    for column in key_columns(def) {
        select.order_by(column, Order::Asc);
    }
}
