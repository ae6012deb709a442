//! The result of the single database, and its comparison with the sharded result.

use crate::cell::{Cell, Row};

/// What the one database answers.
#[derive(Debug, Clone)]
pub(crate) enum Expected {
    /// These rows in this order.
    Ordered(Vec<Row>),
    /// These rows in any order.
    Unordered(Vec<Row>),
    /// So many of these rows.
    Some(usize, Vec<Row>),
}

impl Expected {
    /// One value.
    pub(crate) fn value(value: Cell) -> Self {
        Self::Ordered(vec![vec![value]])
    }

    /// What is different, if anything is.
    pub(crate) fn check(self, found: Vec<Row>) -> Result<(), String> {
        match self {
            Self::Ordered(expected) => same(&found, &expected),
            Self::Unordered(expected) => same(&sorted(found), &sorted(expected)),
            Self::Some(count, all) => {
                if found.len() != count {
                    return Err(format!("{} rows, and not {count}", found.len()));
                }
                let mut left = all;
                for row in found {
                    let Some(position) = left.iter().position(|other| *other == row) else {
                        return Err(format!("{row:?} is not there, or not so often"));
                    };
                    left.swap_remove(position);
                }
                Ok(())
            }
        }
    }
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_cached_key(|row| format!("{row:?}"));
    rows
}

fn same(found: &[Row], expected: &[Row]) -> Result<(), String> {
    let difference = (0..found.len().max(expected.len()))
        .find(|position| found.get(*position) != expected.get(*position));
    let Some(position) = difference else {
        return Ok(());
    };
    let show = |rows: &[Row]| match rows.get(position) {
        Some(row) => format!("{row:?}"),
        None => "none".to_owned(),
    };
    Err(format!(
        "{} rows, where the one database has {}; row {position} is\n  {}\nand not\n  {}",
        found.len(),
        expected.len(),
        show(found),
        show(expected)
    ))
}
