//! Changes that are spread over the whole table: nine in ten are updates, the rest deletions and insertions.

use shard_orm::route::mix64;

/// What changes at the source in a round, each row once.
#[derive(Debug)]
pub(crate) struct Changes {
    pub(crate) updated: Vec<i64>,
    pub(crate) deleted: Vec<i64>,
    pub(crate) inserted: Vec<i64>,
}

/// The ids of the table, of which each round takes some at random, always the same.
///
/// Before the first change they are the even numbers up to twice the number of rows. What is deleted is not taken
/// again, and what is inserted are odd numbers between the others.
#[derive(Debug)]
pub(crate) struct Ids {
    rows: i64,
    drawn: u64,
    gone: std::collections::HashSet<i64>,
    come: std::collections::HashSet<i64>,
}

impl Ids {
    pub(crate) fn new(rows: i64) -> Self {
        Self {
            rows,
            drawn: 0,
            gone: std::collections::HashSet::new(),
            come: std::collections::HashSet::new(),
        }
    }

    /// All ids before the first change.
    pub(crate) fn first(&self) -> impl Iterator<Item = i64> + use<> {
        (1..=self.rows).map(|number| number * 2)
    }

    /// The changes of a round, of so many rows; without deletions where a mode cannot see them.
    pub(crate) fn change(&mut self, deletions: bool) -> Changes {
        let count = usize::try_from(self.rows / 1_000).unwrap().max(20);
        let few = count / 20;
        let mut taken = std::collections::HashSet::new();
        let mut existing = |ids: &mut Self, count: usize| -> Vec<i64> {
            let mut drawn = Vec::new();
            while drawn.len() < count {
                let id = ids.draw() * 2;
                if !ids.gone.contains(&id) && taken.insert(id) {
                    drawn.push(id);
                }
            }
            drawn
        };
        let gone = if deletions { few } else { 0 };
        let updated = existing(self, count - few - gone);
        let deleted = existing(self, gone);
        self.gone.extend(&deleted);
        let mut inserted = Vec::new();
        while inserted.len() < few {
            let id = self.draw() * 2 - 1;
            if self.come.insert(id) {
                inserted.push(id);
            }
        }
        Changes {
            updated,
            deleted,
            inserted,
        }
    }

    /// A number from 1 to the number of rows.
    fn draw(&mut self) -> i64 {
        self.drawn += 1;
        let random = mix64(self.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        i64::try_from(random % self.rows.unsigned_abs()).unwrap() + 1
    }
}
