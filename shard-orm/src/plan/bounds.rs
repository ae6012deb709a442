//! The rows of a merged result that a query asks for.

use crate::plan::spec::QuerySpec;

/// Offset and limit, where the client applies them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bounds {
    pub(crate) offset: u64,
    pub(crate) limit: Option<u64>,
}

/// The position of a row relative to the bounds.
pub(crate) enum Place {
    Before,
    Within,
    Behind,
}

impl Bounds {
    pub(crate) fn of(spec: &QuerySpec) -> Self {
        Self {
            offset: spec.offset.unwrap_or(0),
            limit: spec.limit,
        }
    }

    /// Offset and limit of the first rows that can be among those of a merged result.
    pub(crate) fn most(self) -> Option<u64> {
        let most = self.limit?.saturating_add(self.offset);
        Some(most.min(i64::MAX.unsigned_abs()))
    }

    pub(crate) fn cut<T>(self, rows: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        let most = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        rows.skip(most(self.offset))
            .take(self.limit.map_or(usize::MAX, most))
    }

    /// The same, after the databases have applied the offset.
    pub(crate) fn without_offset(self) -> Self {
        Self { offset: 0, ..self }
    }

    /// How many of this number of rows are within the bounds.
    pub(crate) fn count(self, all: u64) -> u64 {
        let rest = all.saturating_sub(self.offset);
        self.limit.map_or(rest, |limit| rest.min(limit))
    }

    /// The position of the next row.
    pub(crate) fn next(&mut self) -> Place {
        if self.limit == Some(0) {
            return Place::Behind;
        }
        if self.offset > 0 {
            self.offset -= 1;
            return Place::Before;
        }
        if let Some(limit) = &mut self.limit {
            *limit -= 1;
        }
        Place::Within
    }
}
