//! What to say of a job that cannot go on without an operator.

use super::driver::Driver;
use super::mover::{Seen, View, is_target_lost};
use crate::error::{Error, ErrorKind};

impl Driver {
    /// The error for what is seen, which cannot be.
    pub(super) fn stuck(&self, view: &View) -> Error {
        let id = self.job.id;
        let mut servers: Vec<&str> = self.job.targets.iter().map(|part| &*part.server).collect();
        servers.dedup();
        let server = servers.join("` or `");
        let message = if !is_target_lost(view) {
            format!(
                "and its namespaces do not fit: source {:?}, target {:?}; look at their records with \
                 `shard-orm check`",
                view.source, view.target
            )
        } else if view.state.is_before_switch() {
            format!(
                "and server `{server}` has lost the rows that were copied there, as a replica that took over too early \
                 would; give them up with `shard-orm job abort {id}`"
            )
        } else if view.kind.divides() {
            format!(
                "and server `{server}` has lost its part of the rows, or does not know that it serves it, as a replica \
                 that took over too early would not; bring back the former server"
            )
        } else if view.target == Seen::Missing {
            format!(
                "and server `{server}` has lost the rows, as a replica that took over too early would; bring back the \
                 former server: what opens the rows of the source again is kept there"
            )
        } else {
            format!(
                "and server `{server}` does not know that it serves the logical shard, as a replica that took over too \
                 early would not; with `shard-orm job reverse {id}` the rows of the source serve again, with all that had \
                 flowed back, or bring back the former server"
            )
        };
        Error::new(
            ErrorKind::Conflict,
            format!("{} is `{}`, {message}", self.job, view.state),
        )
    }
}
