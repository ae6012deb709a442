//! The gradual switch: the target serves a share of the reads that take rows of a replica, more with each step.
//!
//! The runner keeps the target level, and notes there up to when its rows are those of the source. Processes serve reads
//! there only while that note holds, and while the record says that this job fills the namespace.

use std::time::{Duration, Instant};

use sea_query::{Alias, Expr, ExprTrait as _, Query};

use super::mirror::Watch;
use crate::backend::{Field as _, now};
use crate::catalog::Store;
use crate::connect::{FEED, PROGRESS, State, progress_table};
use crate::error::{Error, Result};
use crate::reshard::driver::Driver;
use crate::reshard::mover::End;
use crate::reshard::places::Site;

/// The pause of a round in which nothing was to be applied.
const IDLE: Duration = Duration::from_millis(200);
/// The time between two looks at what processes report.
const PERIOD: Duration = Duration::from_millis(500);
/// The time after which no process sends reads to a target any more whose job was given up.
const LEFT: Duration = Duration::from_secs(3);

impl Driver {
    /// Keeps the target level, and goes on to the next step when the one at hand has lasted long enough.
    pub(super) async fn shift(&mut self) -> Result<()> {
        self.read_blueprints().await?;
        let level = self.time_at_target().await?;
        let applied = self.pass(End::Source).await?;
        self.note_feed(level).await?;
        let Some(gradual) = self.job.gradual.clone() else {
            self.done.shifted = true;
            return Ok(());
        };
        let is_first = self.watch.since.is_none();
        let since = *self.watch.since.get_or_insert_with(Instant::now);
        let shifted = &self.copied.shifted;
        let has_lasted = shifted.lasted + since.elapsed() >= gradual.duration();
        if shifted.step > 0 && has_lasted && shifted.step >= gradual.count() {
            self.ask_readers().await?;
            self.done.shifted = true;
            self.done.level = false;
            self.watch = Watch::default();
            return Ok(());
        }
        if shifted.step == 0 || has_lasted {
            let step = shifted.step + 1;
            self.copied.shifted.step = step;
            self.copied.shifted.lasted = Duration::ZERO;
            self.watch.since = Some(Instant::now());
            self.note().await;
            let share = f64::from(gradual.share(step)) / 100.0;
            self.tell(&format!(
                "the target serves {share}% of the reads with the policy `Replica`"
            ))
            .await?;
        }
        let asked = self.watch.asked.map(|asked| asked.elapsed());
        if is_first || asked.is_none_or(|asked| asked >= PERIOD) {
            self.ask_readers().await?;
        }
        if applied == 0 {
            tokio::time::sleep(IDLE).await;
        }
        Ok(())
    }

    /// Waits until no process sends reads to the target of a job that was given up.
    pub(super) async fn let_readers_leave(&mut self) -> Result<()> {
        if self.copied.shifted.step == 0 {
            return Ok(());
        }
        self.tell("the target serves 0% of the reads with the policy `Replica`")
            .await?;
        // The record says that it serves nobody, and the job is given up: whoever looks at either leaves.
        tokio::time::sleep(LEFT).await;
        self.copied.shifted.step = 0;
        self.note().await;
        Ok(())
    }

    /// Counts the reads that processes report.
    async fn ask_readers(&mut self) -> Result<()> {
        let handle = self.cluster.catalog_handle()?;
        let findings = Store::new(&handle).findings(self.job.id).await?;
        let shifted = &mut self.copied.shifted;
        shifted.served = findings.iter().map(|(_, own)| own.served).sum();
        shifted.fallen_back = findings.iter().map(|(_, own)| own.fallen_back).sum();
        let now = Instant::now();
        let since = self.watch.since.replace(now);
        shifted.lasted += since.map_or(Duration::ZERO, |since| now - since);
        self.watch.asked = Some(now);
        self.note().await;
        Ok(())
    }

    /// Records an event of the job.
    async fn tell(&self, what: &str) -> Result<()> {
        let message = format!("{}: {what}", self.job);
        tracing::info!(target: "shard_orm", job = self.job.id, "{message}");
        let handle = self.cluster.catalog_handle()?;
        let epoch = self.cluster.topology().epoch();
        let store = Store::new(&handle);
        store
            .note_event("job", &self.owner.name, epoch, &message)
            .await;
        Ok(())
    }

    /// The time by the clock of the target's server.
    async fn time_at_target(&mut self) -> Result<i64> {
        let target = self.place(Site::target(0)).await?;
        let mut select = Query::select();
        select.expr(now(target.dialect()));
        let found = target.rows(&select, |row| i64::read(row, 0)).await?.pop();
        found.ok_or_else(|| Error::decode("a server without a clock"))
    }

    /// Notes at the target that its rows are those of the source up to this time.
    async fn note_feed(&mut self, level: i64) -> Result<()> {
        let target = self.place(Site::target(0)).await?;
        let name = || Alias::new(progress_table(target.ticket().job));
        let [number, ..] = PROGRESS;
        let mut delete = Query::delete();
        delete
            .from_table(name())
            .and_where(Expr::col(Alias::new(number)).eq(FEED));
        let mut insert = Query::insert();
        insert
            .into_table(name())
            .columns(PROGRESS.map(Alias::new))
            .values([
                Expr::val(FEED),
                Expr::val(level.to_string()),
                Expr::val(0_i64),
                Expr::val(0_i64),
            ])
            .map_err(|source| Error::configuration("the feed of a job").with_source(source))?;
        target.begin_as(State::Incoming).await?;
        target.run(&delete).await?;
        target.run(&insert).await?;
        target.commit().await
    }
}
