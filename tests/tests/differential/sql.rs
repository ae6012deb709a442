//! The same query as SQL text, for the database with all rows.

use shard_orm::prelude::*;
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm::{Result, query::ReadRow};

use crate::cell::{Cell, IntoRow, Row, rows};
use crate::order::Nulls;
use crate::sample::{Col, Sample, column, plain};

/// A statement that is being written.
#[derive(Debug, Clone)]
pub(crate) struct Sql {
    pub(crate) dialect: Dialect,
    text: String,
    values: Vec<(Col, Cell)>,
}

impl Sql {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            text: String::new(),
            values: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// A value of this column's type.
    pub(crate) fn bind(&mut self, column: Col, value: &Cell) -> &mut Self {
        self.values.push((column, value.clone()));
        if self.dialect == Dialect::Postgres {
            self.text.push_str(&format!("${}", self.values.len()));
        } else {
            self.text.push('?');
        }
        self
    }

    /// A list, with this between its elements.
    pub(crate) fn list<T>(
        &mut self,
        items: &[T],
        between: &str,
        mut each: impl FnMut(&mut Self, &T),
    ) -> &mut Self {
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                self.push(between);
            }
            each(self, item);
        }
        self
    }

    /// One part of an ORDER BY. MySQL and MariaDB have no NULLS FIRST.
    pub(crate) fn order(&mut self, item: &str, descending: bool, nulls: Nulls) -> &mut Self {
        match nulls {
            Nulls::Default => {}
            Nulls::First => {
                self.push(&format!("CASE WHEN {item} IS NULL THEN 0 ELSE 1 END, "));
            }
            Nulls::Last => {
                self.push(&format!("CASE WHEN {item} IS NULL THEN 1 ELSE 0 END, "));
            }
        }
        self.push(item);
        self.push(if descending { " DESC" } else { "" })
    }

    /// LIMIT and OFFSET.
    pub(crate) fn bounds(&mut self, limit: Option<u64>, offset: Option<u64>) -> &mut Self {
        let most = i64::MAX.unsigned_abs();
        if limit.is_some() || offset.is_some() {
            let limit = limit.unwrap_or(most).min(most);
            self.push(&format!(" LIMIT {limit}"));
        }
        if let Some(offset) = offset {
            self.push(&format!(" OFFSET {}", offset.min(most)));
        }
        self
    }

    /// Asks the one database.
    pub(crate) async fn ask<T: ReadRow + IntoRow>(self, on: &Cluster) -> Result<Vec<Row>> {
        let mut query = Sample::query().on_shard(0).sql(AssertSqlSafe(self.text));
        for (column, value) in &self.values {
            query = column!(*column, column => query.bind(plain(column, value)));
        }
        Ok(rows(query.all::<T>(on).await?))
    }
}
