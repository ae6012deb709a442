//! Several logical shards of one server, asked in one statement.
//!
//! Round trips are then by servers, and not by logical shards. SQLite is asked a file at a time.

use std::sync::Arc;

use super::leg::Leg;
use super::site::Site;
use super::target::Target;
use crate::connect::NamespaceHandle;
use crate::error::{Error, ShardId};

/// The most logical shards of one statement. Beyond about so many, planning it takes longer than
/// a second round trip.
const MOST: usize = 64;

/// Logical shards that one statement asks.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// At least one, all of one server.
    pub(crate) legs: Arc<[Leg]>,
}

impl Batch {
    /// The place whose connection its statement takes.
    pub(super) fn handle(&self) -> &Arc<NamespaceHandle> {
        &self.legs[0].handle
    }

    /// Where its statement goes.
    pub(crate) fn site(&self) -> Site {
        let beside = self.legs[1..].iter().map(|leg| Arc::clone(&leg.handle));
        Site::of_several(Arc::clone(self.handle()), beside.collect())
    }

    /// The batches in which it is asked again when a part of it has moved since it was planned:
    /// those that have moved, at their new places, and the others as they were.
    ///
    /// `None` when the error is not one that says so, or all is where it was.
    pub(crate) fn planned_again(&self, target: Target<'_>, failed: &Error) -> Option<Vec<Self>> {
        if !failed.kind().may_have_moved() {
            return None;
        }
        let (mut stayed, mut moved) = (Vec::new(), Vec::new());
        for leg in &*self.legs {
            match leg.moved(target) {
                Some(leg) => moved.push(leg),
                None => stayed.push(leg.clone()),
            }
        }
        if moved.is_empty() {
            return None;
        }
        moved.extend(stayed);
        Some(batches(target, moved, Cut::Bounded))
    }

    /// What it asks, each where it is by now.
    pub(crate) fn legs_now<'t>(
        &self,
        target: Target<'t>,
    ) -> impl Iterator<Item = Leg> + use<'_, 't> {
        let now = move |leg: &Leg| leg.moved(target).unwrap_or_else(|| leg.clone());
        self.legs.iter().map(now)
    }

    /// The two halves of a batch of several.
    pub(super) fn halves(&self) -> Option<Vec<Self>> {
        let (first, second) = self.legs.split_at(self.legs.len().div_ceil(2));
        let half = |legs: &[Leg]| Self { legs: legs.into() };
        (!second.is_empty()).then(|| vec![half(first), half(second)])
    }

    /// The logical shards that it asks.
    pub(super) fn shards(&self) -> Vec<ShardId> {
        let id = |leg: &Leg| leg.handle.shard_id();
        self.legs.iter().map(id).collect()
    }

    /// Names the shard in an error, or the shards.
    pub(super) fn name_error(&self, error: Error) -> Error {
        match &*self.legs {
            [only] => only.handle.name_error(error),
            _ => error.with_progress(Vec::new(), self.shards()),
        }
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
    let batch = |legs: Vec<Leg>| Batch { legs: legs.into() };
    if matches!(target, Target::Tx(_)) {
        return legs.into_iter().map(|leg| batch(vec![leg])).collect();
    }
    let mut servers: Vec<Vec<Leg>> = Vec::new();
    for leg in legs {
        let shared = servers.iter_mut().find(|legs| {
            !leg.handle.dialect().capability().file_per_namespace
                && legs
                    .first()
                    .is_some_and(|first| Arc::ptr_eq(&first.handle.health, &leg.handle.health))
        });
        match shared {
            Some(legs) => legs.push(leg),
            None => servers.push(vec![leg]),
        }
    }
    if cut == Cut::Whole {
        return servers.into_iter().map(batch).collect();
    }
    let mut batches = Vec::new();
    for mut legs in servers {
        while !legs.is_empty() {
            let size = largest_power(legs.len().min(MOST));
            let rest = legs.split_off(size);
            batches.push(batch(std::mem::replace(&mut legs, rest)));
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
