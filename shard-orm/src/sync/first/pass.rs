//! Pages that pass from one database to another as bytes, without being read on the way.
//!
//! The statement that gives a page takes no arguments, so that its bounds are settings of the
//! transaction that it runs in, which are set by a statement that does.

use sea_query::{Alias, Expr, ExprTrait, IntoTableRef as _, Order, Query, SelectStatement, Value};

use super::{PASSED, Page, is_in_the_way};
use crate::backend::inspect::{ColumnShape, Shape};
use crate::backend::{has_bulk, quote, render};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{End, Executor as _, Intent, Rows, own, pass};
use crate::model::ModelDef;
use crate::sync::apply::Applied;
use crate::sync::keys::key_columns;
use crate::sync::position::{Mark, Position};
use crate::sync::run::Run;
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
            .from(source.place.namespace.table_of(def));
        if let Some(done) = done {
            let done = done.iter().cloned().map(Expr::Value);
            select.and_where(key(def).gt(tuple(done.collect())));
        }
        in_order(&mut select, def);
        select.offset(PASSED as u64 - 1).limit(1);
        let mut rows = Rows::new(|row| {
            let key = def.primary_key.iter().enumerate();
            key.map(|(position, ordinal)| (def.columns[*ordinal].value)(row, position))
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
        rows: &mut dyn crate::exec::Sink,
    ) -> Result<()> {
        let (read, label) = (Intent::Read, ("select", source.def.table));
        own::send(reading.target(), &source.place, read, label, select, rows)
            .await
            .map(drop)
    }

    /// The statement that gives the rows between the bounds.
    fn out(&self, source: &Source, bounds: [(&str, bool); 2]) -> String {
        let def = source.def;
        let mut rows = select(def, &source.place);
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

impl Run {
    /// Passes the next page on.
    pub(super) async fn pass_page(
        &mut self,
        passage: &Passage,
        from: Mark,
        done: Option<&[Value]>,
    ) -> Result<Page> {
        let source = &self.source;
        // One state: no row comes between the bounds after they were looked for.
        let reading = source.cluster.begin_reading_in(&source.place).await?;
        let outcome = self.pass_read(passage, &reading, from, done).await;
        // It has written nothing, and may have ended already.
        let _ = reading.rollback().await;
        let (position, applied) = match outcome {
            Ok(passed) => passed,
            Err(error) if is_refusal(&error) => return Ok(Page::Refused(error)),
            Err(error) => return Err(error),
        };
        self.work.read += applied.inserted;
        self.work.applied.add(applied);
        let next = match &position {
            Position::Copying {
                done: Some(key), ..
            } => Page::Copied(key.clone()),
            _ => Page::Last,
        };
        self.position = Some(position);
        Ok(next)
    }

    async fn pass_read(
        &self,
        passage: &Passage,
        reading: &Tx,
        from: Mark,
        done: Option<&[Value]>,
    ) -> Result<(Position, Applied)> {
        let (source, def) = (&self.source, self.task.def);
        let (after, to) = ("after", "to");
        let last = passage.last_of_page(source, reading, done).await?;
        passage
            .set_bounds(source, reading, [(after, done), (to, last.as_deref())])
            .await?;
        let out = passage.out(source, [(after, done.is_some()), (to, last.is_some())]);
        let into = into(def, self.copy.status.place.dialect(), || {
            self.copy.status.place.namespace.table_of(def)
        });
        let position = match last {
            Some(last) => Position::Copying {
                from,
                done: Some(last),
            },
            None => Position::Followed(from),
        };
        let give = End {
            tx: reading,
            text: &out,
            label: ("select", def.table),
        };
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
        let applied = self.copy.transact(Some(&position), false, passing).await?;
        Ok((position, applied))
    }
}

/// The statement that takes rows at the copy.
fn into(def: &ModelDef, dialect: Dialect, table: impl Fn() -> sea_query::TableRef) -> String {
    let columns: Vec<String> = def
        .columns
        .iter()
        .map(|column| quote(dialect, &Alias::new(column.name).into_table_ref()))
        .collect();
    format!(
        "COPY {} ({}) FROM STDIN (FORMAT binary)",
        quote(dialect, &table()),
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

/// Whether rows that did not pass as bytes may be copied as values all the same.
fn is_refusal(error: &Error) -> bool {
    use ErrorKind as Kind;
    is_in_the_way(error)
        || matches!(
            error.kind(),
            Kind::NotNull | Kind::Check | Kind::Timeout | Kind::Unsupported | Kind::Database
        )
}
