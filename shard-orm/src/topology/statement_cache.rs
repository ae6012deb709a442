//! The SQL of CRUD statements, rendered once per namespace.
//!
//! It belongs to the namespace, which a later topology reuses if the shard has not moved. A look-up
//! is two loads and an index.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use crate::observe::Count;

/// The number of CRUD statements of a model.
pub(crate) const OPERATIONS: usize = 12;

/// The first chunk holds this many models; each further chunk holds twice as many.
const FIRST: usize = 16;
const CHUNKS: usize = 29;

type ModelTexts = [OnceLock<Arc<str>>; OPERATIONS];

/// The number of a model, assigned at its first use: its index in statement caches.
#[derive(Debug, Default)]
pub(crate) struct StatementSlot(OnceLock<u32>);

static SLOTS: AtomicU32 = AtomicU32::new(0);

impl StatementSlot {
    /// A slot without a number yet.
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    pub(crate) fn number(&self) -> u32 {
        *self.0.get_or_init(|| SLOTS.fetch_add(1, Ordering::Relaxed))
    }

    /// The number of models used so far in this process.
    pub(crate) fn used() -> u32 {
        SLOTS.load(Ordering::Relaxed)
    }
}

/// SQL by model and operation.
pub(crate) struct StatementCache {
    chunks: [OnceLock<Box<[ModelTexts]>>; CHUNKS],
    /// The look-ups, and the texts that were rendered by them.
    looked_up: Count,
    rendered: Count,
}

impl StatementCache {
    pub(crate) fn new() -> Self {
        Self {
            chunks: std::array::from_fn(|_| OnceLock::new()),
            looked_up: Count::default(),
            rendered: Count::default(),
        }
    }

    /// The SQL of a model's operation, rendered by `render` at first use.
    pub(crate) fn get(
        &self,
        slot: u32,
        operation: usize,
        render: impl FnOnce() -> String,
    ) -> &Arc<str> {
        let (chunk, position) = locate(slot);
        let models = self.chunks[chunk].get_or_init(|| {
            (0..FIRST << chunk)
                .map(|_| std::array::from_fn(|_| OnceLock::new()))
                .collect()
        });
        self.looked_up.increment();
        models[position][operation].get_or_init(|| {
            self.rendered.increment();
            render().into()
        })
    }

    /// The look-ups that found a text, and those that had to render it.
    #[cfg(feature = "metrics")]
    pub(crate) fn hits_and_misses(&self) -> (u64, u64) {
        let misses = self.rendered.get();
        (self.looked_up.get().saturating_sub(misses), misses)
    }
}

/// The chunk of a slot, and the position in it. A `u32` needs 29 chunks of 16, 32, 64, ...
fn locate(slot: u32) -> (usize, usize) {
    let shifted = slot as usize + FIRST;
    let chunk = (shifted / FIRST).ilog2() as usize;
    (chunk, shifted - (FIRST << chunk))
}

impl fmt::Debug for StatementCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Texts(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_have_distinct_positions() {
        let mut expected = (0, 0);
        for slot in 0..5_000 {
            assert_eq!(locate(slot), expected, "slot {slot}");
            expected.1 += 1;
            if expected.1 == FIRST << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn the_last_slot_has_a_position() {
        let (chunk, position) = locate(u32::MAX);
        assert!(chunk < CHUNKS);
        assert!(position < FIRST << chunk);
    }

    #[test]
    fn sql_is_rendered_once() {
        let statement_cache = StatementCache::new();
        assert_eq!(
            &**statement_cache.get(40, 3, || "select".to_owned()),
            "select"
        );
        assert_eq!(
            &**statement_cache.get(40, 3, || unreachable!("it is cached")),
            "select"
        );
    }
}
