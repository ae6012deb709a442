//! A query as a statement: rendered by sea-query for whichever namespace it is sent to.

use sea_query::{
    Alias, ColumnName, ColumnRef, Expr, ExprTrait, IntoColumnRef, LockBehavior, LockType,
    NullOrdering, Order, Query as Sea, SelectStatement, Value, Values,
};

use crate::backend::{Args, Sql, render, signature};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::exec::{Label, Statement, columns};
use crate::model::ModelDef;
use crate::plan::condition::{all_of, any_of, few};
use crate::plan::order::{Nulls, Term};
use crate::plan::spec::{Lock, QuerySpec, Requirements, has_scaled, refuse_decimals};
use crate::topology::Namespace;

/// What a query does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Select,
    Count,
    /// One row when there is any.
    Exists,
    Update,
    Delete,
}

/// One query, for one of its logical shards.
pub(crate) struct ShardStatement<'q> {
    pub(crate) def: &'static ModelDef,
    pub(crate) verb: Verb,
    pub(crate) spec: &'q QuerySpec,
    /// The condition on the shard key.
    pub(crate) keys: Option<&'q Expr>,
}

/// As [`ShardStatement`], for a stream, which outlives the call that begins it.
pub(crate) struct OwnedStatement {
    pub(crate) def: &'static ModelDef,
    pub(crate) verb: Verb,
    pub(crate) spec: QuerySpec,
    pub(crate) keys: Option<Expr>,
}

impl OwnedStatement {
    fn borrow(&self) -> ShardStatement<'_> {
        ShardStatement {
            def: self.def,
            verb: self.verb,
            spec: &self.spec,
            keys: self.keys.as_ref(),
        }
    }
}

impl Statement for OwnedStatement {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        self.borrow().prepare(namespace, args)
    }

    fn models(&self) -> Vec<&'static ModelDef> {
        self.borrow().models()
    }

    fn label(&self) -> Label<'_> {
        self.borrow().named()
    }
}

impl ShardStatement<'_> {
    /// Names it in spans and errors.
    fn named(&self) -> Label<'static> {
        Label {
            verb: match self.verb {
                Verb::Select => "select",
                Verb::Count => "count",
                Verb::Exists => "exists",
                Verb::Update => "update",
                Verb::Delete => "delete",
            },
            table: self.def.table,
        }
    }
}

impl Statement for ShardStatement<'_> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let dialect = namespace.dialect();
        self.spec.check(dialect)?;
        let (text, values) = match self.verb {
            Verb::Select => render(dialect, &self.select(namespace)),
            Verb::Count if self.spec.limit.is_some() || self.spec.offset.is_some() => {
                let mut count = Sea::select();
                count
                    .expr(Expr::cust("COUNT(*)"))
                    .from_subquery(self.select(namespace), Alias::new("counted"));
                render(dialect, &count)
            }
            Verb::Count => {
                let mut count = Sea::select();
                count
                    .expr(Expr::cust("COUNT(*)"))
                    .from(namespace.table_of(self.def));
                self.conditions(dialect, |condition| {
                    count.and_where(condition);
                });
                render(dialect, &count)
            }
            Verb::Exists => {
                let mut exists = Sea::select();
                exists
                    .expr(Expr::cust("1"))
                    .from(namespace.table_of(self.def))
                    .limit(u64::from(self.spec.limit != Some(0)));
                if let Some(offset) = self.spec.offset {
                    exists.offset(offset);
                }
                self.conditions(dialect, |condition| {
                    exists.and_where(condition);
                });
                render(dialect, &exists)
            }
            Verb::Update => {
                let mut update = Sea::update();
                update.table(namespace.table_of(self.def));
                check_order(self.def, dialect, &self.spec.sets)?;
                for (ordinal, value) in &self.spec.sets {
                    update.value(Alias::new(self.def.columns[*ordinal].name), value.clone());
                }
                self.conditions(dialect, |condition| {
                    update.and_where(condition);
                });
                render(dialect, &update)
            }
            Verb::Delete if !self.spec.sets.is_empty() => {
                // The rows are marked as deleted.
                let mut mark = Sea::update();
                mark.table(namespace.table_of(self.def));
                for (ordinal, value) in &self.spec.sets {
                    mark.value(Alias::new(self.def.columns[*ordinal].name), value.clone());
                }
                self.conditions(dialect, |condition| {
                    mark.and_where(condition);
                });
                render(dialect, &mark)
            }
            Verb::Delete => {
                let mut delete = Sea::delete();
                delete.from_table(namespace.table_of(self.def));
                self.conditions(dialect, |condition| {
                    delete.and_where(condition);
                });
                render(dialect, &delete)
            }
        };
        ready(
            dialect,
            self.spec.requirements,
            text,
            &values,
            self.is_single(),
            args,
            || has_scaled(self.def),
        )
    }

    fn models(&self) -> Vec<&'static ModelDef> {
        vec![self.def]
    }

    fn label(&self) -> Label<'_> {
        self.named()
    }
}

impl ShardStatement<'_> {
    /// Whether the result has one row at most.
    fn is_single(&self) -> bool {
        match self.verb {
            Verb::Count | Verb::Exists => true,
            Verb::Select => self.spec.limit == Some(1),
            Verb::Update | Verb::Delete => false,
        }
    }

    fn select(&self, namespace: &Namespace) -> SelectStatement {
        let dialect = namespace.dialect();
        let mut select = Sea::select();
        match &self.spec.columns {
            // MySQL takes no column twice in a subquery, and a count needs none.
            _ if self.verb == Verb::Count => select.expr(Expr::cust("1")),
            Some(ordinals) => select.columns(columns(self.def, ordinals.iter().copied())),
            None => select.columns(columns(self.def, 0..self.def.columns.len())),
        };
        select.from(namespace.table_of(self.def));
        self.conditions(dialect, |condition| {
            select.and_where(condition);
        });
        for term in &self.spec.orders {
            let column = Alias::new(self.def.columns[term.ordinal].name);
            order_by(&mut select, column, *term);
        }
        bound(&mut select, dialect, self.spec);
        if dialect.capability().row_locks {
            match self.spec.lock {
                Some(Lock::Update) => {
                    select.lock(LockType::Update);
                }
                Some(Lock::UpdateSkipLocked) => {
                    select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
                }
                None => {}
            }
        }
        select
    }

    /// Gives each condition: on the shard key, of the filters, of the page.
    pub(crate) fn conditions(&self, dialect: Dialect, mut add: impl FnMut(Expr)) {
        if let Some(keys) = self.keys {
            add(keys.clone());
        }
        few(self.spec.filters.iter().cloned())
            .into_iter()
            .for_each(&mut add);
        if let Some(condition) = self.spec.deleted.condition(self.def) {
            add(condition);
        }
        if let Some(values) = &self.spec.after {
            add(after(self.def, dialect, &self.spec.orders, values));
        }
    }
}

/// Binds the values of a statement that is rendered, and says how it is sent. `scaled` says whether
/// its tables have decimals that SQLite keeps as integers.
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
pub(crate) fn bound(select: &mut SelectStatement, dialect: Dialect, spec: &QuerySpec) {
    if let Some(limit) = spec.limit {
        select.limit(limit);
    } else if spec.offset.is_some() && !dialect.capability().offset_without_limit {
        select.limit(i64::MAX.unsigned_abs());
    }
    if let Some(offset) = spec.offset {
        select.offset(offset);
    }
}

/// The rows that come after these values in the order: `(a > x) OR (a = x AND b > y) OR ..`, with
/// NULL in its place.
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

/// Refuses an assignment that reads a column which an earlier assignment has set, where the database
/// would read the new value.
fn check_order(def: &ModelDef, dialect: Dialect, sets: &[(usize, Expr)]) -> Result<()> {
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
