//! The foreign keys between a copy and other tables in its namespace.
//!
//! Read from the database when a run begins. The caller orders the copies of one server by them, so that
//! rows find those that they refer to.

use crate::backend::inspect::{Direction, ForeignKey, Shape};
use crate::error::{Error, ErrorKind};

/// The tables in the same namespace that foreign keys connect with a copy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ForeignKeys {
    /// The tables that the copy refers to.
    to: Vec<String>,
    /// The tables that refer to the copy.
    from: Vec<String>,
}

impl ForeignKeys {
    pub(crate) fn of(shape: &Shape) -> Self {
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

    /// Whether the copy refers to this table.
    pub(crate) fn refers_to(&self, table: &str) -> bool {
        self.to.iter().any(|one| one.eq_ignore_ascii_case(table))
    }

    /// Whether this table refers to the copy.
    pub(crate) fn is_referred_to_by(&self, table: &str) -> bool {
        self.from.iter().any(|one| one.eq_ignore_ascii_case(table))
    }

    /// Whether a table that the copy refers to refers to the copy.
    pub(crate) fn is_cyclic(&self) -> bool {
        self.to.iter().any(|table| self.is_referred_to_by(table))
    }

    /// Names the tables that the copy refers to in the error of a foreign key.
    pub(crate) fn explain(&self, (table, server): (&str, &str), error: Error) -> Error {
        if error.kind() != ErrorKind::ForeignKey || self.to.is_empty() {
            return error;
        }
        let to: Vec<String> = self.to.iter().map(|one| format!("`{one}`")).collect();
        let constraint = error.constraint().map(str::to_owned);
        Error::new(
            ErrorKind::ForeignKey,
            format!(
                "rows of table `{table}` on server `{server}` refer to rows that the copy of {} there \
                 does not have yet, and are copied after those: {}",
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
    fn a_foreign_key_error_names_both_tables() {
        let foreign_keys = ForeignKeys {
            to: vec!["makers".to_owned()],
            from: Vec::new(),
        };
        let at = ("items", "a");
        let error = Error::new(ErrorKind::ForeignKey, "violated").with_constraint(Some("k".into()));
        let explained = foreign_keys.explain(at, error);
        let text = explained.to_string();
        assert!(
            text.contains("`items`") && text.contains("`makers`"),
            "{text}"
        );
        assert!(text.contains("violated"), "{text}");
        assert_eq!(explained.constraint(), Some("k"));
        let other = foreign_keys.explain(at, Error::new(ErrorKind::Unique, "taken"));
        assert_eq!(other.to_string(), "unique constraint: taken");
    }
}
