//! The parts that statements are made of: conditions, order, limits; and their values.

use sea_query::{
    Alias, ColumnName, ColumnRef, Expr, ExprTrait, IntoColumnRef, NullOrdering, Order,
    SelectStatement, Value, Values,
};

use crate::backend::{Args, Sql, signature};
use crate::definition::ModelDef;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::plan::condition::{all_of, any_of, few};
use crate::plan::order::{Nulls, Term};
use crate::plan::spec::{QuerySpec, Requirements, refuse_decimals};

/// The verb of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Select,
    Count,
    /// One row, if there is one.
    Exists,
    Update,
    Delete,
}

/// Adds each condition of a query of one table: on the shard key, the filters, the start of the
/// page.
pub(crate) fn conditions(
    def: &'static ModelDef,
    spec: &QuerySpec,
    keys: Option<&Expr>,
    dialect: Dialect,
    mut add: impl FnMut(Expr),
) {
    if let Some(keys) = keys {
        add(keys.clone());
    }
    few(spec.filters.iter().cloned())
        .into_iter()
        .for_each(&mut add);
    if let Some(condition) = spec.deleted.condition(def) {
        add(condition);
    }
    if let Some(values) = &spec.after {
        add(after(def, dialect, &spec.orders, values));
    }
}

/// Binds the values of a rendered statement. `scaled` returns whether its tables have decimals that
/// SQLite stores as integers.
pub(crate) fn ready(
    dialect: Dialect,
    requirements: Requirements,
    mut text: String,
    values: &Values,
    single: bool,
    args: &mut Args,
    scaled: impl FnOnce() -> bool,
) -> Result<Sql> {
    check_arity(dialect, values.0.len())?;
    if requirements.has(Requirements::FOREIGN) && dialect.capability().decimals_in_units && scaled()
    {
        refuse_decimals(&values.0)?;
    }
    for value in &values.0 {
        args.push(value)?;
    }
    if requirements.has(Requirements::FOREIGN) {
        text.push_str(&signature(dialect, &values.0));
    }
    Ok(Sql {
        text: text.into(),
        persistent: !requirements.has(Requirements::VARIABLE),
        single,
    })
}

/// Orders by a column as the term says.
pub(crate) fn order_by(select: &mut SelectStatement, column: impl IntoColumnRef, term: Term) {
    let order = if term.descending {
        Order::Desc
    } else {
        Order::Asc
    };
    match term.nulls {
        Some(nulls) => select.order_by_with_nulls(
            column,
            order,
            match nulls {
                Nulls::First => NullOrdering::First,
                Nulls::Last => NullOrdering::Last,
            },
        ),
        None => select.order_by(column, order),
    };
}

/// Sets limit and offset.
pub(crate) fn bound(
    select: &mut SelectStatement,
    dialect: Dialect,
    limit: Option<u64>,
    offset: Option<u64>,
) {
    if let Some(limit) = limit {
        select.limit(limit);
    } else if offset.is_some() && !dialect.capability().offset_without_limit {
        select.limit(i64::MAX.unsigned_abs());
    }
    if let Some(offset) = offset {
        select.offset(offset);
    }
}

/// The condition for rows after these values in the order: `(a > x) OR (a = x AND b > y) OR ..`,
/// with NULL in its position.
fn after(def: &'static ModelDef, dialect: Dialect, orders: &[Term], values: &[Value]) -> Expr {
    let mut any = Vec::with_capacity(orders.len());
    let mut equal = Vec::with_capacity(orders.len());
    for (term, value) in orders.iter().zip(values) {
        let definition = &def.columns[term.ordinal];
        let column = || Expr::col(Alias::new(definition.name));
        let is_null = *value == value.as_null();
        let nulls = term.nulls(dialect);
        let beyond = match (is_null, nulls) {
            // All that follows NULL at the end are ties.
            (true, Nulls::Last) => None,
            (true, Nulls::First) => Some(column().is_not_null()),
            (false, nulls) => {
                let value = Expr::Value(value.clone());
                let beyond = if term.descending {
                    column().lt(value)
                } else {
                    column().gt(value)
                };
                Some(if definition.nullable && nulls == Nulls::Last {
                    beyond.or(column().is_null())
                } else {
                    beyond
                })
            }
        };
        if let Some(beyond) = beyond {
            let branch = equal.iter().cloned().chain([beyond]).collect();
            any.extend(all_of(branch));
        }
        equal.push(if is_null {
            column().is_null()
        } else {
            column().eq(Expr::Value(value.clone()))
        });
    }
    any_of(any).unwrap_or_else(|| Expr::cust("1 = 0"))
}

/// Rejects an assignment that reads a column set by an earlier assignment, if the database would
/// read the new value.
pub(crate) fn check_order(def: &ModelDef, dialect: Dialect, sets: &[(usize, Expr)]) -> Result<()> {
    if !dialect.capability().sequential_assignments {
        return Ok(());
    }
    for (position, (_, value)) in sets.iter().enumerate() {
        let Expr::Column(ColumnRef::Column(ColumnName(_, read))) = value else {
            continue;
        };
        let read = read.to_string();
        if sets[..position]
            .iter()
            .any(|(set, _)| def.columns[*set].name == read)
        {
            return Err(Error::unsupported(format!(
                "the update reads column `{read}` after it has set it, which {dialect} takes for \
                 the new value and the other databases for the old one; read the row, and set \
                 values"
            )));
        }
    }
    Ok(())
}

fn check_arity(dialect: Dialect, arguments: usize) -> Result<()> {
    let most = dialect.capability().arguments;
    if arguments <= most {
        return Ok(());
    }
    Err(Error::unsupported(format!(
        "the statement has {arguments} arguments, but {dialect} takes {most}; ask in several \
         smaller lists"
    )))
}
