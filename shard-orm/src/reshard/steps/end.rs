//! The steps after a switch, and after a job was given up.

use crate::backend::{Field as _, Row};
use crate::catalog::{JobKind, JobState, Store};
use crate::connect::{State, progress_table};
use crate::error::{ErrorKind, Result};
use crate::reshard::blueprint::{Stage, table_of};
use crate::reshard::driver::Driver;
use crate::reshard::mover::{End, Seen};
use crate::reshard::place::quoted;
use crate::reshard::places::Site;
use crate::reshard::steps::prepare::names_of;
use crate::schema::move_log;

impl Driver {
    /// Drops capture, foreign keys and triggers at the source: nothing acts there while changes flow back.
    pub(super) async fn release(&mut self) -> Result<()> {
        self.read_blueprints().await?;
        self.silence(End::Source).await?;
        // Of one of which a part stays, the source has no tables any more.
        let sources = match self.stays() {
            true => Vec::new(),
            false => self.sites(End::Source),
        };
        for site in sources {
            let blueprint = self.blueprint(site);
            let source = self.place(site).await?;
            let transactional = source.dialect().capability().transactional_ddl;
            source.begin_as(State::Fenced).await?;
            if !transactional {
                source.commit().await?;
            }
            source.all(&blueprint.texts(Stage::Release)).await?;
            if transactional {
                source.commit().await?;
            }
        }
        let (job, is_regrouped) = (self.job.id, self.job.kind.regroups());
        for site in self.fed() {
            let blueprint = self.blueprint(site);
            let target = self.place(site).await?;
            match target.all(&blueprint.texts(Stage::Validate)).await {
                // Of a row and the one that it refers to, each may be in another part.
                Err(error) if is_regrouped && error.kind() == ErrorKind::ForeignKey => {
                    tracing::warn!(target: "shard_orm", job, %error, "a foreign key is not validated");
                }
                validated => validated?,
            }
        }
        self.done.released = true;
        Ok(())
    }

    /// Applies what has changed at the target to the source, and returns the number of changes.
    pub(in crate::reshard) async fn flow_back(&mut self) -> Result<u64> {
        if self.stays() {
            return Ok(0);
        }
        self.read_blueprints().await?;
        self.pass(End::Target).await
    }

    /// Opens the source again.
    pub(super) async fn reopen(&mut self) -> Result<()> {
        self.read_blueprints().await?;
        self.fenced = None;
        self.done.turned = false;
        for site in self.sites(End::Source) {
            if self.standing_at(site).await? == State::Fenced {
                self.reopen_at(site).await?;
            }
        }
        Ok(())
    }

    /// Opens the targets again, and lets them hold the logical shard: a row that was written just before they were closed
    /// cannot go back.
    pub(super) async fn remain(&mut self) -> Result<()> {
        self.read_blueprints().await?;
        for site in self.sites(End::Target) {
            if self.standing_at(site).await? == State::Fenced {
                self.reopen_at(site).await?;
            }
        }
        self.fenced = None;
        self.record(JobState::Holding).await
    }

    async fn reopen_at(&mut self, site: Site) -> Result<()> {
        let blueprint = self.blueprint(site);
        let place = self.place(site).await?;
        let fence = blueprint.fence(place);
        if place.dialect().capability().transactional_ddl {
            place.begin_change(State::Fenced).await?;
            place.all(&fence.open()).await?;
            if let Some(kept) = fence.kept() {
                let mut texts = Vec::new();
                let on_row = &mut |row: &Row<'_>| {
                    texts.push(String::read(row, 0)?);
                    Ok(())
                };
                place.ask_text(&kept, &[], on_row).await?;
                place.all(&texts).await?;
            }
            place.set_state(State::Active).await?;
            place.commit().await?;
        } else {
            place.all(&fence.open()).await?;
        }
        self.saw_state(site, State::Active);
        Ok(())
    }

    /// Writes a last state into the records of an end.
    pub(super) async fn mark(&mut self, end: End, state: State) -> Result<()> {
        for site in self.present(end).await? {
            let place = self.place(site).await?;
            place.begin_in_any_state().await?;
            place.set_state(state).await?;
            place.commit().await?;
            self.saw_state(site, state);
        }
        Ok(())
    }

    /// The namespaces of an end that have a record.
    async fn present(&mut self, end: End) -> Result<Vec<Site>> {
        let mut present = Vec::new();
        for site in self.sites(end) {
            if self.seen_at(site).await? != Seen::Missing {
                present.push(site);
            }
        }
        Ok(present)
    }

    /// Removes what the job has created.
    pub(super) async fn clean(&mut self) -> Result<()> {
        self.read_blueprints().await?;
        let (_, target) = self.records().await?;
        match self.job.state {
            JobState::Aborting => {
                self.silence(End::Source).await?;
                self.let_readers_leave().await?;
                self.drop_targets().await?;
                self.clean_source().await?;
            }
            JobState::Finishing if self.job.kind == JobKind::Duplicate => {
                self.clean_source().await?;
                self.drop_own().await?;
            }
            JobState::Finishing => {
                self.silence(End::Target).await?;
                self.drop_held(End::Source).await?;
                self.drop_capture(End::Source).await?;
                self.clean_fence(End::Source).await?;
                self.drop_capture(End::Target).await?;
                self.clean_fence(End::Target).await?;
                self.drop_own().await?;
            }
            // It lacks the switch, so that it was never closed.
            _ if matches!(target, None | Some(State::Incoming)) => {
                self.clean_source().await?;
                self.drop_targets().await?;
            }
            _ => {
                self.drop_capture(End::Source).await?;
                self.clean_fence(End::Source).await?;
                self.drop_capture(End::Target).await?;
                self.mark(End::Target, State::Moved).await?;
                self.drop_held(End::Target).await?;
                self.clean_fence(End::Target).await?;
                self.drop_own().await?;
            }
        }
        if self.job.mirror.is_some() || self.job.gradual.is_some() {
            let handle = self.cluster.catalog_handle()?;
            Store::new(&handle).forget_findings(self.job.id).await?;
        }
        self.done.cleaned = true;
        Ok(())
    }

    async fn clean_source(&mut self) -> Result<()> {
        self.drop_capture(End::Source).await?;
        self.clean_fence(End::Source).await
    }

    /// Drops the triggers of the capture at one end, whatever the names of the tables are there.
    async fn silence(&mut self, end: End) -> Result<()> {
        let (job, tables) = (self.job.id.to_string(), self.job.tables.len());
        for site in self.present(end).await? {
            let place = self.place(site).await?;
            let silence = move_log::silence(place.dialect(), &job, tables);
            place.all(&silence).await?;
        }
        Ok(())
    }

    /// Drops what is left of the capture at one end.
    async fn drop_capture(&mut self, end: End) -> Result<()> {
        let (job, tables) = (self.job.id.to_string(), self.job.tables.len());
        for site in self.present(end).await? {
            let place = self.place(site).await?;
            let remove = move_log::remove(place.dialect(), &job, tables);
            place.all(&remove).await?;
        }
        Ok(())
    }

    async fn clean_fence(&mut self, end: End) -> Result<()> {
        for site in self.present(end).await? {
            let blueprint = self.blueprint(site);
            let place = self.place(site).await?;
            let others = names_of(place).await?;
            let texts = blueprint.fence(place).clean(&others);
            place.all(&texts).await?;
        }
        Ok(())
    }

    /// Drops the held tables of an end that has no rows to give any more.
    async fn drop_held(&mut self, end: End) -> Result<()> {
        self.read_blueprints().await?;
        for site in self.present(end).await? {
            let blueprint = self.blueprint(site);
            let place = self.place(site).await?;
            let fence = blueprint.fence(place);
            let names = blueprint.tables().iter();
            let texts: Vec<String> = names.map(|name| fence.drop_held(name)).collect();
            place.all(&texts).await?;
        }
        Ok(())
    }

    /// Drops the job's own tables at the targets.
    async fn drop_own(&mut self) -> Result<()> {
        let job = self.job.id;
        for site in self.present(End::Target).await? {
            let place = self.place(site).await?;
            for name in [progress_table(job), table_of(job)] {
                let name = quoted(place.dialect(), &name);
                place.batch(&format!("DROP TABLE IF EXISTS {name}")).await?;
            }
        }
        Ok(())
    }

    /// Drops the namespaces that an aborted job has filled.
    async fn drop_targets(&mut self) -> Result<()> {
        for site in self.present(End::Target).await? {
            self.drop_target(site).await?;
        }
        self.look_again();
        Ok(())
    }

    async fn drop_target(&mut self, site: Site) -> Result<()> {
        let target = self.place(site).await?;
        if let Some(file) = target.handle.file().map(std::path::Path::to_owned) {
            for suffix in ["", "-wal", "-shm", "-journal"] {
                let mut name = file.clone().into_os_string();
                name.push(suffix);
                match std::fs::remove_file(&name) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        tracing::warn!(target: "shard_orm", %error, "a file of an aborted job is left");
                    }
                    _ => {}
                }
            }
        } else {
            let name = target.handle.namespace.name().to_string();
            let names = names_of(target).await?;
            let texts = crate::backend::drop_namespace(target.dialect(), &name, &names);
            target.all(&texts).await?;
        }
        self.places.drop(site);
        Ok(())
    }
}
