//! The figures of a pool.

use super::Pool;
use crate::connect::pool_set::PoolFigures;

impl Pool {
    /// Adds this pool to the figures of its endpoint.
    pub(in crate::connect) fn add_to(&self, figures: &mut PoolFigures) {
        let in_use = self.outstanding() as u64;
        figures.max += self.max_connections() as u64;
        figures.size += self.lock().len() as u64 + in_use;
        figures.in_use += in_use;
        figures.waiting += self.waiters.get();
    }
}
