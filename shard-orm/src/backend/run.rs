//! Rows that a stream returns together.
//!
//! Read by `exec::stream`. What is done once per run need not be done per row: a merge of many files
//! awaits each of them once for several hundred rows.

use std::collections::VecDeque;

/// One row, or the rows that were read ahead.
#[derive(Debug)]
pub(crate) enum Run<T> {
    One(Option<T>),
    Many(VecDeque<T>),
}

impl<T> Run<T> {
    /// A run without rows.
    pub(crate) fn empty() -> Self {
        Self::One(None)
    }

    /// Takes rows that were gathered; the room for them is kept where there is one.
    pub(crate) fn take(rows: &mut VecDeque<T>) -> Self {
        match rows.len() {
            0 | 1 => Self::One(rows.pop_front()),
            _ => Self::Many(std::mem::take(rows)),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(row) => usize::from(row.is_some()),
            Self::Many(rows) => rows.len(),
        }
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let (one, many) = match self {
            Self::One(row) => (row.as_mut(), None),
            Self::Many(rows) => (None, Some(rows.iter_mut())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

impl<T> Iterator for Run<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match self {
            Self::One(row) => row.take(),
            Self::Many(rows) => rows.pop_front(),
        }
    }
}
