//! The rows that the contenders read and write.

use shard_orm::route::{Hash, RoutingKey, Strategy, mix64};

use crate::order::Order;

/// A row, and the logical shard that it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Located {
    pub(crate) shard: u32,
    pub(crate) order: Order,
}

/// Makes rows of which some are in the database, and others are not yet.
#[derive(Debug)]
pub(crate) struct Rows {
    shards: Hash,
    stored: Vec<Located>,
    next: i64,
}

impl Rows {
    /// Thinks of rows for so many logical shards; they are not stored yet.
    pub(crate) fn new(shards: u32, rows: i64) -> Self {
        let mut all = Self {
            shards: Hash::new(shards).unwrap(),
            stored: Vec::new(),
            next: 1,
        };
        all.stored = (0..rows).map(|_| all.fresh(None)).collect();
        all
    }

    pub(crate) fn stored(&self) -> &[Located] {
        &self.stored
    }

    /// Stored rows in random order, of one logical shard or of all.
    pub(crate) fn some(&self, count: usize, shard: Option<u32>) -> Vec<Located> {
        let eligible: Vec<&Located> = self
            .stored
            .iter()
            .filter(|row| shard.is_none_or(|shard| row.shard == shard))
            .collect();
        (0..count)
            .map(|turn| {
                let random = mix64(turn as u64 + 1) >> 33;
                eligible[random as usize % eligible.len()].clone()
            })
            .collect()
    }

    /// Rows that are not stored yet.
    pub(crate) fn more(&mut self, count: usize, shard: Option<u32>) -> Vec<Located> {
        (0..count).map(|_| self.fresh(shard)).collect()
    }

    fn fresh(&mut self, shard: Option<u32>) -> Located {
        loop {
            let order = Order::new(self.next);
            self.next += 1;
            let key = RoutingKey::new(order.user_id);
            let located = self.shards.route(&key).unwrap();
            if shard.is_none_or(|shard| shard == located) {
                return Located {
                    shard: located,
                    order,
                };
            }
        }
    }
}
