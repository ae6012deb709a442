//! Measures the servers once in a period, if no other process has.

use std::future::pending;
use std::time::Duration;

use super::Task;
use crate::error::ErrorKind;
use crate::random::fraction;

/// The longest time until the first look: a process that ends soon needs not measure.
const FIRST: Duration = Duration::from_mins(1);
/// The pause after a failure: what is missing, such as the right to create a table, stays so.
const PAUSE: Duration = Duration::from_mins(10);

impl Task {
    /// Processes that were started together do not look together; the first one that does measures.
    pub(super) async fn measure(mut self, period: Duration) {
        let mut pause = period.min(FIRST).mul_f64(0.5 + fraction());
        while self.wait(pause, pending()).await {
            let Some(cluster) = self.cluster.upgrade() else {
                return;
            };
            pause = period;
            match cluster.measure_server_sizes().await {
                Err(error) if error.kind() == ErrorKind::UndefinedTable => {
                    pause = period.min(FIRST)
                }
                Err(error) => {
                    pause = period.min(PAUSE);
                    tracing::debug!(
                        target: "shard_orm",
                        error = %error.kind(),
                        "the sizes of servers were not kept in the catalog"
                    );
                }
                Ok(_) => {}
            }
        }
    }
}
