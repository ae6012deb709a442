//! Several logical shards of one server, asked in one statement.
//!
//! Round trips are then by servers, and not by logical shards. SQLite is asked a file at a time.

use std::sync::Arc;

use super::fan_out::Leg;
use super::site::Site;
use super::target::Target;
use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// The most logical shards of one statement. Beyond about so many, planning it takes longer than
/// a second round trip.
const MOST: usize = 64;

/// Logical shards that one statement asks.
#[derive(Debug)]
pub(crate) struct Batch {
    /// At least one, all of one server.
    pub(crate) legs: Vec<Leg>,
}

impl Batch {
    /// Where its statement goes.
    pub(crate) fn site(&self) -> Result<Site> {
        let places = self.legs.iter().map(|leg| Arc::clone(&leg.place));
        Site::of_several(places).ok_or_else(|| Error::unsupported("a statement to no shard"))
    }
}

/// How the legs of one server are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Into statements of a bounded size, whose sizes are powers of two: the texts are few.
    Bounded,
    /// Not at all: one connection to each server serves a stream.
    Whole,
}

/// Groups legs by server, in the order in which the servers come first.
pub(crate) fn batches(target: Target<'_>, legs: Vec<Leg>, cut: Cut) -> Vec<Batch> {
    let alone = |leg: Leg| Batch { legs: vec![leg] };
    if matches!(target, Target::Tx(_)) {
        return legs.into_iter().map(alone).collect();
    }
    let mut servers: Vec<Batch> = Vec::new();
    for leg in legs {
        let shared = servers.iter_mut().find(|batch| {
            leg.place.dialect() != Dialect::Sqlite
                && batch
                    .legs
                    .first()
                    .is_some_and(|first| Arc::ptr_eq(&first.place.watch, &leg.place.watch))
        });
        match shared {
            Some(batch) => batch.legs.push(leg),
            None => servers.push(alone(leg)),
        }
    }
    if cut == Cut::Whole {
        return servers;
    }
    let mut batches = Vec::new();
    for mut server in servers {
        while !server.legs.is_empty() {
            let size = largest_power(server.legs.len().min(MOST));
            let rest = server.legs.split_off(size);
            batches.push(Batch {
                legs: std::mem::replace(&mut server.legs, rest),
            });
        }
    }
    batches
}

/// The largest power of two that is not above a number from 1 on.
fn largest_power(number: usize) -> usize {
    1 << number.max(1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::largest_power;

    #[test]
    fn sizes_are_powers_of_two() {
        let sizes = [1, 2, 3, 4, 7, 8, 63, 64].map(largest_power);
        assert_eq!(sizes, [1, 2, 2, 4, 4, 8, 32, 64]);
    }
}
