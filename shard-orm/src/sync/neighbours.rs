//! The tables beside a copy that its rows point to, and whose rows point to it.
//!
//! Known when a run has begun, from the foreign keys that the copy really has. By them the copies of
//! one server are brought up in an order in which rows find what they point to (`together`).

use crate::backend::inspect::{Direction, ForeignKey, Shape};
use crate::error::{Error, ErrorKind};

/// The tables in the same namespace that foreign keys connect with a copy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Neighbours {
    to: Vec<String>,
    from: Vec<String>,
}

impl Neighbours {
    pub(super) fn of(shape: &Shape) -> Self {
        let tables = |direction| {
            let keys = shape.foreign_keys.iter();
            let own = keys.filter(|key| key.direction == direction && key.schema.is_none());
            let mut tables: Vec<String> =
                own.map(|ForeignKey { table, .. }| table.clone()).collect();
            tables.sort();
            tables.dedup();
            tables
        };
        Self {
            to: tables(Direction::Outgoing),
            from: tables(Direction::Incoming),
        }
    }

    /// Whether rows of the copy point to rows of this table.
    pub(super) fn points_to(&self, table: &str) -> bool {
        self.to.iter().any(|one| one.eq_ignore_ascii_case(table))
    }

    /// Whether rows of this table point to rows of the copy.
    pub(super) fn is_pointed_to_by(&self, table: &str) -> bool {
        self.from.iter().any(|one| one.eq_ignore_ascii_case(table))
    }

    /// Whether a table that the copy points to points to it.
    pub(super) fn is_in_circle(&self) -> bool {
        self.to.iter().any(|table| self.is_pointed_to_by(table))
    }

    /// Adds to an error of a foreign key which tables the copy points to.
    pub(super) fn explain(&self, (table, server): (&str, &str), error: Error) -> Error {
        if error.kind() != ErrorKind::ForeignKey || self.to.is_empty() {
            return error;
        }
        let to: Vec<String> = self.to.iter().map(|one| format!("`{one}`")).collect();
        let constraint = error.constraint().map(str::to_owned);
        Error::new(
            ErrorKind::ForeignKey,
            format!(
                "rows of table `{table}` on server `{server}` point to rows that are not in the \
                 copy of {} there, and come when those have: {}",
                to.join(" or "),
                error.message()
            ),
        )
        .with_constraint(constraint)
        .with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_a_foreign_key_names_both_tables() {
        let neighbours = Neighbours {
            to: vec!["makers".to_owned()],
            from: Vec::new(),
        };
        let at = ("items", "a");
        let error = Error::new(ErrorKind::ForeignKey, "violated").with_constraint(Some("k".into()));
        let explained = neighbours.explain(at, error);
        let text = explained.to_string();
        assert!(
            text.contains("`items`") && text.contains("`makers`"),
            "{text}"
        );
        assert!(text.contains("violated"), "{text}");
        assert_eq!(explained.constraint(), Some("k"));
        let other = neighbours.explain(at, Error::new(ErrorKind::Unique, "taken"));
        assert_eq!(other.to_string(), "unique constraint: taken");
    }
}
