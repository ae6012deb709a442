//! The SQL of CRUD statements, rendered once per namespace.
//!
//! It belongs to the namespace, which a later topology reuses if the shard has not moved. A look-up
//! is two loads and an index.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

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
}

impl StatementCache {
    pub(crate) fn new() -> Self {
        Self {
            chunks: std::array::from_fn(|_| OnceLock::new()),
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
        models[position][operation].get_or_init(|| render().into())
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
