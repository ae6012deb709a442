//! One statement for several logical shards of one server: a `UNION ALL` with a select of each.
//!
//! ```sql
//! SELECT c0, c1 FROM ( -- named `shard_orm_c0` and so on
//!     SELECT * FROM (SELECT id AS c0, item AS c1 FROM shop_0.orders ORDER BY id LIMIT 10) AS s0
//!     UNION ALL
//!     (SELECT * FROM (SELECT id AS c0, item AS c1 FROM shop_1.orders ORDER BY id LIMIT 10) AS s1)
//! ) AS shards ORDER BY c0 LIMIT 10
//! ```
//!
//! Each branch has a limit of its own, so that an index can end it early. The server sorts the whole,
//! so that its answers only need to be merged.

use sea_query::{Alias, Expr, Query as Sea, SelectStatement, UnionType};

use super::Request;
use crate::plan::shard_task::ShardTask;
use crate::plan::statement::{Verb, order_by};
use crate::topology::Namespace;

impl Request {
    /// The select of one logical shard. `alone`, it is sorted even without a limit.
    pub(super) fn branch(
        &self,
        namespace: &Namespace,
        keys: Option<&Expr>,
        alone: bool,
    ) -> SelectStatement {
        let mut select = Sea::select();
        self.tables
            .read_in(namespace, keys, &self.spec, &mut select);
        match self.verb {
            Verb::Count => {
                select.expr_as(Expr::cust("COUNT(*)"), name(0));
            }
            Verb::Exists => {
                select.expr_as(Expr::cust("1"), name(0)).limit(1);
            }
            Verb::Select | Verb::Update | Verb::Delete => {
                for (position, at) in self.shape.columns.iter().enumerate() {
                    select.expr_as(Expr::col(self.tables.column(*at)), name(position));
                }
                let most = self.bounds.most();
                if most.is_some() || alone {
                    for key in &self.shape.keys {
                        let column = self.tables.column(self.shape.columns[key.position]);
                        order_by(&mut select, column, key.term);
                    }
                }
                if let Some(most) = most {
                    select.limit(most);
                }
            }
        }
        select
    }

    /// The rows of several logical shards of one server.
    pub(super) fn union(&self, tasks: &[ShardTask]) -> SelectStatement {
        let branches = tasks
            .iter()
            .map(|task| self.branch(&task.handle.namespace, task.keys.as_ref(), false));
        let width = match self.verb {
            Verb::Count | Verb::Exists => 1,
            _ => self.shape.columns.len(),
        };
        let mut whole = Sea::select();
        whole
            .columns((0..width).map(name))
            .from_subquery(unite(branches, width), Alias::new("shards"));
        for key in &self.shape.keys {
            order_by(&mut whole, name(key.position), key.term);
        }
        let most = match self.verb {
            Verb::Exists => Some(1),
            Verb::Count => None,
            _ => self.bounds.most(),
        };
        if let Some(most) = most {
            whole.limit(most);
        }
        whole
    }
}

/// The rows of all branches, whose columns are named by [`name`]. A single branch stays as it is.
pub(crate) fn unite(
    mut branches: impl Iterator<Item = SelectStatement>,
    width: usize,
) -> SelectStatement {
    let Some(first) = branches.next() else {
        return Sea::select();
    };
    let Some(second) = branches.next() else {
        return first;
    };
    let columns = || (0..width).map(name);
    let mut union = Sea::select();
    union
        .columns(columns())
        .from_subquery(first, branch_name(0));
    for (number, branch) in (1..).zip(std::iter::once(second).chain(branches)) {
        let mut part = Sea::select();
        part.columns(columns())
            .from_subquery(branch, branch_name(number));
        union.union(UnionType::All, part);
    }
    union
}

/// The name of a column of the result, by its position. No column of a table is likely to have it:
/// an order by a column would take such a name for that of the result.
pub(crate) fn name(position: usize) -> Alias {
    Alias::new(format!("shard_orm_c{position}"))
}

fn branch_name(number: usize) -> Alias {
    Alias::new(format!("s{number}"))
}
