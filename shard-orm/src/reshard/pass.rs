//! Pages whose rows pass as bytes between servers of PostgreSQL, without being decoded: to one target, or each row to the
//! one of several that owns it.
//!
//! Called by `copy` and `regroup`.

use futures_util::future::try_join_all;
use sea_query::{Alias, Expr, IntoTableRef as _, Order, Query, Value};

use super::copy::{Progress, record};
use super::divider::Divider;
use super::failure::Misfit;
use super::place::{Place, quoted};
use super::rows::MovedTable;
use crate::backend::{Divided, Field as _, PackedRow, Row, Transfer, Undivided, divide, transfer};
use crate::connect::State;
use crate::error::{Error, ErrorKind, Result};
use crate::replicate::{selected, text_of, values};

/// A table of PostgreSQL, as far as it is needed to pass its rows.
pub(super) struct PassedTable<'t> {
    table: &'t MovedTable,
    /// The types of the columns of its primary key.
    types: Vec<String>,
    /// Whether the last key at its target is that of the page: both ends order keys alike, whatever their collations, and
    /// only this source is copied there.
    ends_at_target: bool,
}

impl<'t> PassedTable<'t> {
    /// Asks a source, which may be one of several; `None` if bytes do not pass from its database to the other end.
    pub(super) async fn read(
        source: &mut Place,
        table: &'t MovedTable,
        of_several: bool,
    ) -> Result<Option<Self>> {
        // Numbers, times, bits, addresses and bytes. Others are ordered by collations, or by labels that were added.
        const TYPES: &str = "SELECT format_type(a.atttypid, a.atttypmod), t.typtype = 'b' AND \
             (t.typcategory IN ('B', 'D', 'I', 'N', 'T', 'V') OR t.typname IN ('bytea', 'uuid')) \
             FROM pg_index i \
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) \
             JOIN pg_type t ON t.oid = a.atttypid \
             WHERE i.indrelid = to_regclass($1) AND i.indisprimary \
             ORDER BY array_position(i.indkey::int2[], a.attnum)";
        if !source.dialect().capability().binary_transfer || table.is_canonical {
            return Ok(None);
        }
        let name = quoted(source.dialect(), &table.name);
        let mut own = Self {
            table,
            types: Vec::new(),
            ends_at_target: !of_several,
        };
        let on_row = &mut |row: &Row<'_>| {
            own.types.push(String::read(row, 0)?);
            own.ends_at_target &= bool::read(row, 1)?;
            Ok(())
        };
        source.ask_text(TYPES, &[name.into()], on_row).await?;
        Ok(Some(own))
    }

    /// That a key is beyond a bound, which is in settings of the transaction, since `COPY` takes no arguments.
    fn beyond(&self, keys: &str, operator: &str, bound: &str) -> String {
        let values = self.types.iter().enumerate().map(|(position, as_type)| {
            format!("CAST(current_setting('shard_orm.{bound}_{position}') AS {as_type})")
        });
        let values = values.collect::<Vec<_>>().join(", ");
        format!("({keys}) {operator} ({values})")
    }

    /// Makes a key the bound of this name.
    async fn set_bound(&self, source: &mut Place, bound: &str, key: &[Value]) -> Result<()> {
        let def = &self.table.def;
        let mut select = Query::select();
        for ((position, ordinal), value) in def.primary_key.iter().enumerate().zip(key) {
            let value = def.columns[*ordinal].bound(value.clone())?;
            let setting =
                format!("set_config('shard_orm.{bound}_{position}', CAST($1 AS text), true)");
            select.expr(Expr::cust_with_expr(setting, value));
        }
        source.ask(&select, &mut |_| Ok(())).await.map(drop)
    }
}

/// Passes the page after the progress from a source, by its number, and returns the number of its rows.
///
/// The key of the page's last row is that of its target's last row, if nothing else is written there before the copy ends.
/// Otherwise the source is asked before, which costs as much as to read the page.
///
/// # Errors
/// `Unique` if a row has the primary key of one that is there, and a misfit if a row belongs to no target. All connections
/// are in a transaction then, which is to be rolled back.
pub(super) async fn pass_page(
    (source, targets, divider): (&mut Place, &mut [&mut Place], Option<&Divider>),
    passed: &PassedTable<'_>,
    most: u64,
    (number, progress): (usize, &mut Progress),
) -> Result<u64> {
    let (dialect, table) = (source.dialect(), passed.table);
    let names = |ordinals: &mut dyn Iterator<Item = usize>| {
        let names = ordinals.map(|ordinal| quoted(dialect, &table.def.columns[ordinal].name));
        names.collect::<Vec<_>>().join(", ")
    };
    let keys = names(&mut table.def.primary_key.iter().copied());
    let all = names(&mut (0..table.def.columns.len()));
    source.begin_snapshot().await?;
    let mut conditions: Vec<String> = table.limit_text(dialect).into_iter().collect();
    let after = progress.key(table)?;
    if let Some(after) = &after {
        passed.set_bound(source, "after", after).await?;
        conditions.push(passed.beyond(&keys, ">", "after"));
    }
    let mut end = None;
    if !passed.ends_at_target {
        let name = Alias::new(&table.name).into_table_ref();
        end = source
            .end_of_page(table, name, after.as_deref(), most)
            .await?;
        if let Some(end) = &end {
            passed.set_bound(source, "to", end).await?;
            conditions.push(passed.beyond(&keys, "<=", "to"));
        }
    }
    let whose = match conditions.is_empty() {
        true => String::new(),
        false => format!(" WHERE {}", conditions.join(" AND ")),
    };
    let limit = match passed.ends_at_target {
        true => format!(" LIMIT {most}"),
        false => String::new(),
    };
    let own = quoted(dialect, &table.name);
    let there = quoted(dialect, &table.def.name);
    let out = format!(
        "COPY (SELECT {all} FROM {own}{whose} ORDER BY {keys}{limit}) TO STDOUT (FORMAT binary)"
    );
    let into = format!("COPY {there} ({all}) FROM STDIN (FORMAT binary)");
    let begun = targets.iter_mut();
    let begun = begun.map(|target| target.begin_as(State::Incoming));
    try_join_all(begun).await?;
    let Divided { rows, last } = send(source, targets, (divider, table), (&out, &into)).await?;
    if let Some(last) = last
        && passed.ends_at_target
        && rows == most
    {
        end = targets[last].last_key(table).await?;
    }
    progress.done = end.is_none();
    if let Some(end) = end {
        progress.last = Some(text_of(&end)?);
    }
    progress.rows += rows;
    source.commit().await?;
    source.make_durable().await?;
    let progress = &*progress;
    let written = targets.iter_mut().map(async |target| {
        record(target, table, number, progress).await?;
        target.commit().await
    });
    try_join_all(written).await?;
    Ok(rows)
}

/// Sends the rows of a page.
async fn send(
    source: &mut Place,
    targets: &mut [&mut Place],
    (divider, table): (Option<&Divider>, &MovedTable),
    (out, into): (&str, &str),
) -> Result<Divided> {
    if let [target] = targets {
        return match transfer(&mut source.conn, out, &mut target.conn, into).await {
            Transfer::Done(rows) => Ok(Divided {
                rows,
                last: Some(0),
            }),
            Transfer::Rejected(failure) | Transfer::TargetLost(failure) => {
                Err(target.named(failure))
            }
            Transfer::SourceFailed(failure) => Err(source.named(failure)),
        };
    }
    let divider =
        divider.ok_or_else(|| Error::decode("rows of several targets are not divided"))?;
    let mut owner_of = divider.of_packed(table)?;
    let owner_of = &mut |row: &PackedRow<'_>| owner_of(row);
    let connections = targets.iter_mut().map(|target| &mut target.conn).collect();
    match divide(&mut source.conn, out, connections, into, owner_of).await {
        Ok(divided) => Ok(divided),
        Err(Undivided::Source(failure)) => Err(source.named(failure)),
        Err(Undivided::Target(number, failure)) => Err(targets[number].named(failure)),
        Err(Undivided::Stray) => Err(Error::new(
            ErrorKind::Conflict,
            format!("a row of table `{}` belongs to no target", table.def.name),
        )
        .with_source(Misfit)),
    }
}

impl Place {
    /// The last key in the order of the primary key.
    async fn last_key(&mut self, table: &MovedTable) -> Result<Option<Vec<Value>>> {
        let keys = table.def.primary_key.as_slice();
        let mut select = Query::select();
        select
            .exprs(selected(&table.def, keys.iter().copied(), self.dialect()))
            .from(Alias::new(&table.def.name))
            .limit(1);
        for ordinal in keys {
            let column = &table.def.columns[*ordinal];
            let own = column.ordered(Expr::col(Alias::new(&column.name)));
            select.order_by_expr(own, Order::Desc);
        }
        let read = |row: &Row<'_>| values(&table.def, keys, row, 0);
        Ok(self.rows(&select, read).await?.pop())
    }
}
