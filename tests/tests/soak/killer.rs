//! Kills random sessions of the library on the server.

use std::sync::Arc;
use std::time::Duration;

use crate::random::Random;
use crate::run::{Counts, Run};

/// Ends a session every few hundredths of a second, until the soak is over.
pub(crate) async fn kill(run: Arc<Run>, seed: u64) {
    let mut random = Random::new(seed, u64::MAX - 1);
    let mut direct = run.fixture.direct().await;
    let sessions = run.fixture.sessions();
    while run
        .pause(Duration::from_millis(5 + u64::from(random.up_to(140))))
        .await
    {
        let ids = direct.numbers(&sessions).await;
        if ids.is_empty() {
            continue;
        }
        let victim = *random.pick(&ids);
        // It may have ended by itself meanwhile.
        if direct.try_run(&run.fixture.kill(victim)).await.is_ok() {
            Counts::add(&run.counts.killed);
        }
    }
}
