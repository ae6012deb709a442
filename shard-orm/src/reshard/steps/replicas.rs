//! The replicas of the source at the switch: all of them have the fence before the target serves.
//!
//! A replica that takes over without the fence would serve the logical shard beside the target. Writes wait meanwhile,
//! so the source is closed only while its replicas are close, and opened again if one of them does not follow.

use std::time::Duration;

use futures_util::future::join_all;

use crate::backend::observe;
use crate::error::{Error, ErrorKind, Result};
use crate::reshard::blueprint::Stage;
use crate::reshard::driver::Driver;
use crate::reshard::mover::End;
use crate::reshard::replicas::{Awaited, Behind, Replicas};

/// How long a replica may take to apply what the source has committed, before it is closed.
const CLOSE: Duration = Duration::from_millis(250);
/// How long it may take to apply the fence. Writes wait meanwhile: less than the `switch_wait` of a call.
const LIMIT: Duration = Duration::from_secs(1);
/// The time between two looks at replicas that are not close.
const WHILE: Duration = Duration::from_millis(500);

impl Driver {
    /// Whether all replicas of the source answer and are close, so that each has the fence soon. Otherwise says so in the
    /// job's row, and waits for a while.
    pub(super) async fn replicas_are_close(&mut self) -> Result<bool> {
        if self.job.accepts_replica_risk {
            return Ok(true);
        }
        self.find_replicas().await?;
        let pause = self.replicas.iter().map(Replicas::pause).max();
        let pause = pause.unwrap_or_default();
        if !pause.is_zero() {
            tokio::time::sleep(pause.min(WHILE)).await;
            return Ok(false);
        }
        if let Some(message) = self.behind(CLOSE).await? {
            self.note_hindrance(Some(message)).await;
            tokio::time::sleep(WHILE).await;
            return Ok(false);
        }
        Ok(true)
    }

    /// Waits until all replicas of the source have the tables of a part that stays where they are now.
    ///
    /// # Errors
    /// `Unavailable` if one does not have them in time. Another attempt waits again.
    pub(super) async fn await_parting(&mut self) -> Result<()> {
        if self.job.accepts_replica_risk {
            return Ok(());
        }
        self.find_replicas().await?;
        let Some(message) = self.behind(LIMIT).await? else {
            return Ok(());
        };
        self.note_hindrance(Some(message.clone())).await;
        Err(Error::new(ErrorKind::Unavailable, message))
    }

    /// What to say of a replica that has not applied in this time what its source has committed, if there is one.
    async fn behind(&mut self, limit: Duration) -> Result<Option<String>> {
        let ticket = self.ticket();
        for site in self.sites(End::Source) {
            let source = self.place(site).await?;
            let position = if source.dialect().capability().servers.is_supported() {
                let seen = observe(&mut source.conn).await;
                seen.map_err(|failure| source.named(failure))?.position
            } else {
                None
            };
            let awaited = Awaited::Changes(position, ticket);
            let replicas = &mut self.replicas[site.number];
            if let Some(behind) = replicas.until(&awaited, limit).await {
                return Ok(Some(
                    self.waits_for(&behind, "has not applied the last changes"),
                ));
            }
        }
        Ok(None)
    }

    /// Waits until all replicas of the source have the fence.
    ///
    /// # Errors
    /// `Unavailable` if one does not have it in time. The source is open again then, and the runner takes a higher token:
    /// a replica may have this fence and not yet what has opened it.
    pub(super) async fn await_replicas(&mut self) -> Result<()> {
        // What follows a fence is done when the replicas have it.
        if self.job.accepts_replica_risk || self.done.completed {
            return Ok(());
        }
        self.find_replicas().await?;
        let awaited = Awaited::Fence(self.ticket());
        let waiting = self.replicas.iter_mut();
        let waiting = waiting.map(|replicas| replicas.until(&awaited, LIMIT));
        let Some(behind) = join_all(waiting).await.into_iter().flatten().next() else {
            return Ok(());
        };
        if self.was_completed().await? {
            return Ok(());
        }
        self.replicas.iter_mut().for_each(Replicas::closed_in_vain);
        self.reopen().await?;
        let message = self.waits_for(
            &behind,
            &format!("did not apply the fence within {LIMIT:?}"),
        );
        self.note_hindrance(Some(message.clone())).await;
        Err(Error::new(ErrorKind::Unavailable, message))
    }

    /// Finds out which replicas there are now: one that is gone for good is removed from the topology meanwhile.
    async fn find_replicas(&mut self) -> Result<()> {
        let sources = self.job.sources.len();
        self.replicas.resize_with(sources, Replicas::default);
        if !self.replicas.iter().any(Replicas::are_outdated) {
            return Ok(());
        }
        let (revision, _) = self.cluster.newest_topology().await?;
        for (number, replicas) in self.replicas.iter_mut().enumerate() {
            let part = (
                self.job.sources.as_slice(),
                self.job.targets.as_slice(),
                number,
            );
            let cluster = &self.cluster;
            let handle = cluster.handle_of_part(&revision.document, &self.job.group, part)?;
            replicas.found(&handle);
        }
        Ok(())
    }

    /// Whether a former runner has created foreign keys or triggers at the target, after the replicas had its fence. Rows
    /// of a source that was opened again could not be applied there.
    async fn was_completed(&mut self) -> Result<bool> {
        self.read_blueprints().await?;
        let stages = [Stage::ForeignKey, Stage::Program, Stage::Trigger];
        for site in self.fed() {
            let blueprint = self.blueprint(site);
            let last: Vec<String> = stages
                .into_iter()
                .flat_map(|stage| blueprint.texts(stage))
                .collect();
            if self.job.token == 1 || last.is_empty() {
                continue;
            }
            let there = self.created_at(site).await?;
            let there = [there.foreign_keys, there.programs, there.triggers].concat();
            if last.iter().any(|text| there.contains(text)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn waits_for(&self, behind: &Behind, what: &str) -> String {
        let Behind {
            label,
            server,
            answers,
        } = behind;
        let (what, advice) = if *answers {
            (what, "let it catch up")
        } else {
            ("does not answer", "start it")
        };
        format!(
            "the switch waits, since replica `{label}` of server `{server}` {what}: it could take over without the fence, \
             and accept writes that belong elsewhere; {advice}, remove it from the topology, or accept the risk with \
             `shard-orm job accept-replica-risk {}`",
            self.job.id
        )
    }
}
