//! What precedes the switch of a job: reads that are mirrored, and a gradual switch of them.

use std::time::Duration;

use shard_orm::reshard::{Gradual, Mirror};

use super::job::MirrorArgs;

/// What precedes the switch of a job.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options before the switch")]
pub(super) struct BeforeSwitchArgs {
    /// Before the switch, let the application send a share of its reads to the target too, and compare the rows:
    /// `5%`. A row that differs holds the job.
    #[arg(long, value_name = "PERCENT")]
    mirror: Option<Mirror>,
    #[command(flatten)]
    mirror_for: MirrorArgs,
    /// Before the switch, let the target serve a share of the reads with the policy `Replica`, and more with each step:
    /// `5,25,100`. Splits and merges switch at once.
    #[arg(long, value_name = "PERCENTS")]
    gradual: Option<Gradual>,
    /// How long each step of --gradual lasts.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60,
        requires = "gradual"
    )]
    step_for: u64,
}

impl BeforeSwitchArgs {
    pub(super) fn mirror(&self) -> Option<Mirror> {
        self.mirror.map(|mirror| self.mirror_for.lasting(mirror))
    }

    pub(super) fn gradual(&self) -> Option<Gradual> {
        let gradual = self.gradual.clone()?;
        Some(gradual.each(Duration::from_secs(self.step_for)))
    }
}
