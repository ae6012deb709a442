//! The namespaces of a job, and which of them has which row.
//!
//! There are as many rows as namespaces at the end that has more of them: each of these has one, and the namespace at the
//! other end has all.

use crate::catalog::JobKind;
use crate::reshard::mover::End;

/// How many rows there can be.
pub(super) const ROWS: usize = 2;

/// Something of each row.
pub(super) type Each<T> = [T; ROWS];

/// A namespace: an end, and the number of the namespace there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct At {
    pub(super) end: End,
    pub(super) number: u8,
}

/// How many namespaces each end has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    sources: u8,
    targets: u8,
    /// Whether the first target is a part that stays: it gets the tables of the source, and no rows are copied there.
    pub(super) stays: bool,
}

impl At {
    /// The first namespace of an end.
    pub(super) fn first(end: End) -> Self {
        Self { end, number: 0 }
    }

    /// Its position among all.
    pub(super) fn index(self) -> usize {
        self.end as usize * ROWS + usize::from(self.number)
    }
}

impl Shape {
    pub(super) const MOVE: Self = Self {
        sources: 1,
        targets: 1,
        stays: false,
    };
    pub(super) const SPLIT: Self = Self {
        sources: 1,
        targets: 2,
        stays: false,
    };
    pub(super) const MERGE: Self = Self {
        sources: 2,
        targets: 1,
        stays: false,
    };

    pub(super) const STAY: Self = Self {
        stays: true,
        ..Self::SPLIT
    };

    pub(super) fn kind(self) -> JobKind {
        match (self.sources, self.targets) {
            (1, 1) => JobKind::Move,
            (1, _) => JobKind::Split,
            _ => JobKind::Merge,
        }
    }

    fn count(self, end: End) -> u8 {
        match end {
            End::Source => self.sources,
            End::Target => self.targets,
        }
    }

    /// The namespaces of an end.
    pub(super) fn sites(self, end: End) -> impl Iterator<Item = At> {
        (0..self.count(end)).map(move |number| At { end, number })
    }

    /// The namespaces of an end to which rows are written.
    pub(super) fn fed(self, end: End) -> impl Iterator<Item = At> {
        let stays = self.stays;
        self.sites(end)
            .filter(move |at| !(stays && at.end == End::Target && at.number == 0))
    }

    /// The namespaces of both ends, sources first.
    pub(super) fn all(self) -> impl Iterator<Item = At> {
        self.sites(End::Source).chain(self.sites(End::Target))
    }

    /// The rows by their numbers.
    pub(super) fn rows(self) -> std::ops::Range<usize> {
        0..usize::from(self.sources.max(self.targets))
    }

    /// The namespace of an end that has a row.
    pub(super) fn place_of(self, end: End, row: usize) -> At {
        let number = if self.count(end) == 1 { 0 } else { row };
        At {
            end,
            number: u8::try_from(number).unwrap_or_default(),
        }
    }

    /// Whether a namespace has a row.
    pub(super) fn has(self, at: At, row: usize) -> bool {
        self.place_of(at.end, row) == at
    }

    /// The rows that go from one namespace to another one.
    pub(super) fn between(self, one: At, other: At) -> Each<bool> {
        std::array::from_fn(|row| {
            self.rows().contains(&row) && self.has(one, row) && self.has(other, row)
        })
    }
}
