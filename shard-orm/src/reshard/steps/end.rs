//! The steps after a switch, and after a job was given up.

use crate::backend::{Field as _, Row};
use crate::catalog::{JobKind, JobState};
use crate::connect::State;
use crate::error::Result;
use crate::reshard::blueprint::{Stage, table_of};
use crate::reshard::copy::progress_table;
use crate::reshard::driver::Driver;
use crate::reshard::mover::End;
use crate::reshard::place::quoted;
use crate::reshard::steps::prepare::names_of;
use crate::schema::move_log;

impl Driver {
    /// Drops capture, foreign keys and triggers at the source: nothing acts there while changes flow back.
    pub(super) async fn release(&mut self) -> Result<()> {
        self.read_blueprint().await?;
        let blueprint = self.blueprint.clone().unwrap_or_default();
        self.silence(End::Source).await?;
        let source = self.place(End::Source).await?;
        let transactional = source.dialect().capability().transactional_ddl;
        source.begin_as(State::Fenced).await?;
        if !transactional {
            source.commit().await?;
        }
        source.all(&blueprint.texts(Stage::Release)).await?;
        if transactional {
            source.commit().await?;
        }
        let target = self.place(End::Target).await?;
        target.all(&blueprint.texts(Stage::Validate)).await?;
        self.done.released = true;
        Ok(())
    }

    /// Applies what has changed at the target to the source, and returns the number of changes.
    pub(in crate::reshard) async fn flow_back(&mut self) -> Result<u64> {
        self.read_blueprint().await?;
        self.pass(End::Target).await
    }

    /// Opens the source again.
    pub(super) async fn reopen(&mut self) -> Result<()> {
        self.read_blueprint().await?;
        let blueprint = self.blueprint.clone().unwrap_or_default();
        let source = self.place(End::Source).await?;
        let fence = blueprint.fence(source);
        if source.dialect().capability().transactional_ddl {
            source.begin_change(State::Fenced).await?;
            source.all(&fence.open()).await?;
            if let Some(kept) = fence.kept() {
                let mut texts = Vec::new();
                let on_row = &mut |row: &Row<'_>| {
                    texts.push(String::read(row, 0)?);
                    Ok(())
                };
                source.ask_text(&kept, &[], on_row).await?;
                source.all(&texts).await?;
            }
            source.set_state(State::Active).await?;
            source.commit().await?;
        } else {
            source.all(&fence.open()).await?;
        }
        self.saw_state(End::Source, State::Active);
        Ok(())
    }

    /// Writes a last state into the record of an end.
    pub(super) async fn mark(&mut self, end: End, state: State) -> Result<()> {
        let place = self.place(end).await?;
        place.begin_in_any_state().await?;
        place.set_state(state).await?;
        place.commit().await?;
        self.saw_state(end, state);
        Ok(())
    }

    /// Removes what the job has created.
    pub(super) async fn clean(&mut self) -> Result<()> {
        self.read_blueprint().await?;
        let (source, target) = self.records().await?;
        match self.job.state {
            JobState::Aborting => {
                if source.is_some() {
                    self.silence(End::Source).await?;
                }
                if target.is_some() {
                    self.drop_target().await?;
                }
                if source.is_some() {
                    self.clean_source().await?;
                }
            }
            JobState::Finishing if self.job.kind == JobKind::Duplicate => {
                self.clean_source().await?;
                self.drop_own(End::Target).await?;
            }
            JobState::Finishing => {
                self.silence(End::Target).await?;
                self.drop_held(End::Source).await?;
                self.drop_capture(End::Source).await?;
                self.clean_fence(End::Source).await?;
                self.drop_capture(End::Target).await?;
                self.clean_fence(End::Target).await?;
                self.drop_own(End::Target).await?;
            }
            // It lacks the switch, so that it was never closed.
            _ if matches!(target, None | Some(State::Incoming)) => {
                self.clean_source().await?;
                if target.is_some() {
                    self.drop_target().await?;
                }
            }
            _ => {
                self.drop_capture(End::Source).await?;
                self.clean_fence(End::Source).await?;
                self.drop_capture(End::Target).await?;
                self.mark(End::Target, State::Moved).await?;
                self.drop_held(End::Target).await?;
                self.clean_fence(End::Target).await?;
                self.drop_own(End::Target).await?;
            }
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
        let place = self.place(end).await?;
        let silence = move_log::silence(place.dialect(), &job, tables);
        place.all(&silence).await
    }

    /// Drops what is left of the capture at one end.
    async fn drop_capture(&mut self, end: End) -> Result<()> {
        let (job, tables) = (self.job.id.to_string(), self.job.tables.len());
        let place = self.place(end).await?;
        let remove = move_log::remove(place.dialect(), &job, tables);
        place.all(&remove).await
    }

    async fn clean_fence(&mut self, end: End) -> Result<()> {
        let blueprint = self.blueprint.clone().unwrap_or_default();
        let place = self.place(end).await?;
        let others = names_of(place).await?;
        let texts = blueprint.fence(place).clean(&others);
        place.all(&texts).await
    }

    /// Drops the held tables of an end that has no rows to give any more.
    async fn drop_held(&mut self, end: End) -> Result<()> {
        self.read_blueprint().await?;
        let blueprint = self.blueprint.clone().unwrap_or_default();
        let place = self.place(end).await?;
        let names = blueprint.tables().iter();
        let texts: Vec<String> = {
            let fence = blueprint.fence(place);
            names.map(|name| fence.drop_held(name)).collect()
        };
        place.all(&texts).await
    }

    /// Drops the job's own tables.
    async fn drop_own(&mut self, end: End) -> Result<()> {
        let job = self.job.id;
        let place = self.place(end).await?;
        for name in [progress_table(job), table_of(job)] {
            let name = quoted(place.dialect(), &name);
            place.batch(&format!("DROP TABLE IF EXISTS {name}")).await?;
        }
        Ok(())
    }

    /// Drops the namespace that an aborted job has filled.
    async fn drop_target(&mut self) -> Result<()> {
        let target = self.place(End::Target).await?;
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
        self.target = None;
        self.look_again();
        Ok(())
    }
}
