//! The steps of the switch, during which writes wait: fence, drain, complete, activate, switch.

use std::time::{Duration, Instant};

use sea_query::{Alias, Query};

use crate::backend::fence;
use crate::backend::move_log::log_name;
use crate::backend::structure::{Counter, Structure, counters, highest};
use crate::catalog::{Document, JobState, Known, Proposal, Store, Switch};
use crate::connect::State;
use crate::error::{Error, ErrorKind, Result};
use crate::reshard::blueprint::{Blueprint, Stage};
use crate::reshard::driver::Driver;
use crate::reshard::failure::is_locked;
use crate::reshard::mover::{End, state};
use crate::reshard::place::{Place, Standing};
use crate::reshard::places::Site;
use crate::reshard::steps::fill::missing;
use crate::reshard::steps::prepare::names_of;

/// The pause between two attempts to close a namespace, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// How long it is tried.
const PATIENCE: Duration = Duration::from_mins(2);

impl Driver {
    /// Closes one end. Gives way after some milliseconds if a table is locked, and is tried again.
    pub(super) async fn fence(&mut self, end: End) -> Result<()> {
        self.read_blueprints().await?;
        let is_switching = end == End::Source && self.job.state == JobState::Switching;
        if is_switching && !self.replicas_are_close().await? {
            return Ok(());
        }
        // Few entries are left to be applied while writes wait.
        match end {
            End::Source if is_switching => self.pass(End::Source).await?,
            End::Target => self.pass(End::Target).await?,
            End::Source => 0,
        };
        if is_switching {
            self.check_leaving().await?;
        }
        if is_switching || end == End::Target {
            self.refuse_keyless(end).await?;
        }
        for site in self.sites(end) {
            if self.standing_at(site).await? == State::Active && !self.fence_at(site).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Closes a namespace. False if a table was locked.
    async fn fence_at(&mut self, site: Site) -> Result<bool> {
        let blueprint = self.blueprint(site);
        let (since, tried) = self.fencing.unwrap_or((Instant::now(), 0));
        let place = self.place(site).await?;
        // A server that has failed over may lack what was prepared before.
        place.all(&blueprint.fence(place).prepare()).await?;
        if !place.dialect().capability().transactional_ddl {
            // What was prepared under an old token stays without effect.
            place.begin_as(State::Active).await?;
            place.commit().await?;
        }
        let begun = Instant::now();
        match close(place, &blueprint, tried).await {
            Ok(()) => {}
            Err(error) if is_locked(&error) => {
                self.fencing = Some((since, tried + 1));
                if since.elapsed() > PATIENCE {
                    return Err(Error::new(
                        ErrorKind::Unavailable,
                        format!(
                            "the tables were never free within {PATIENCE:?}: {}; end the transactions \
                             that hold them, and resume the job",
                            error.message()
                        ),
                    ));
                }
                let (first, longest) = PAUSES;
                let jitter = Duration::from_millis(crate::random::random() % 20);
                tokio::time::sleep((first + since.elapsed() / 4).min(longest) + jitter).await;
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        self.fencing = None;
        // A server that has failed over lacks what was done there.
        self.done.released &= site.end == End::Target;
        self.fenced.get_or_insert(begun);
        self.done.drained = false;
        self.saw_state(site, State::Fenced);
        Ok(true)
    }

    /// Applies the changes of the end that was closed until its logs are empty.
    pub(super) async fn drain(&mut self, end: End) -> Result<()> {
        self.read_blueprints().await?;
        while self.pass(end).await? > 0 {}
        // By now nobody writes such rows any more.
        self.refuse_keyless(end).await?;
        if end == End::Source {
            self.await_replicas().await?;
        }
        self.done.drained = true;
        Ok(())
    }

    /// Sets counters, and creates foreign keys, views and triggers.
    pub(super) async fn complete(&mut self, end: End) -> Result<()> {
        self.read_blueprints().await?;
        let sites = match end {
            End::Source => self.sites(end),
            End::Target => self.fed(),
        };
        for site in sites {
            self.complete_at(site).await?;
        }
        if self.stays() {
            self.rehearse_parting().await?;
        }
        self.done.completed = true;
        Ok(())
    }

    async fn complete_at(&mut self, site: Site) -> Result<()> {
        let end = site.end;
        let blueprint = self.blueprint(site);
        let others = self.sites(match end {
            End::Source => End::Target,
            End::Target => End::Source,
        });
        let to = self.handle(site).await?.dialect();
        let mut counted = Vec::new();
        for other in others {
            // A target that lacks the switch knows less than the source.
            if let Some(state) = state(self.seen_at(other).await?)
                && (end == End::Target || state != State::Incoming)
            {
                counted.push(match self.job.is_between_kinds() {
                    true => self.numbered(other, state == State::Fenced, to).await?,
                    false => self.counted(other, state == State::Fenced).await?,
                });
            }
        }
        let stages = match end {
            End::Source => vec![Stage::ForeignKey, Stage::Trigger],
            End::Target => vec![Stage::ForeignKey, Stage::Program, Stage::Trigger],
        };
        let is_resumed = self.job.token > 1;
        let there = if is_resumed || end == End::Source {
            let found = self.created_at(site).await?;
            [found.foreign_keys, found.programs, found.triggers].concat()
        } else {
            Vec::new()
        };
        let place = self.place(site).await?;
        let transactional = place.dialect().capability().transactional_ddl;
        place.begin_in_any_state().await?;
        if !transactional {
            place.commit().await?;
        }
        place.all(&highest(counted)).await?;
        for stage in stages {
            place.all(&missing(blueprint.texts(stage), &there)).await?;
        }
        if transactional {
            place.commit().await?;
        }
        Ok(())
    }

    /// The counters of a namespace, whose tables may be held.
    async fn counted(&mut self, site: Site, is_held: bool) -> Result<Vec<Counter>> {
        let blueprint = self.blueprint(site);
        let place = self.place(site).await?;
        let fence = blueprint.fence(place);
        let counted = Structure::of_names(place.dialect(), fence.tables, fence.sequences);
        let present = |name: &str| {
            if is_held {
                fence.held(name)
            } else {
                name.to_owned()
            }
        };
        let counted = counters(&mut place.conn, &counted, &present).await;
        counted.map_err(|failure| place.named(failure))
    }

    /// Makes the targets active. What their capture has logged so far came from this job.
    pub(super) async fn activate(&mut self) -> Result<()> {
        self.read_blueprints().await?;
        for site in self.sites(End::Target) {
            if self.standing_at(site).await? == State::Incoming {
                self.activate_at(site).await?;
            }
        }
        Ok(())
    }

    async fn activate_at(&mut self, site: Site) -> Result<()> {
        // Nothing flows back from one of which a part stays, and nothing was logged.
        let tables = match self.stays() {
            true => Vec::new(),
            false => self.tables.clone(),
        };
        let target = self.place(site).await?;
        target.begin_change(State::Incoming).await?;
        for table in &tables {
            let mut delete = Query::delete();
            delete.from_table(Alias::new(log_name(&target.job(), table.number)));
            target.run(&delete).await?;
        }
        target.set_state(State::Active).await?;
        target.commit().await?;
        self.saw_state(site, State::Active);
        Ok(())
    }

    /// Records the topology in which the logical shard is at this end, together with the next state.
    pub(super) async fn switch(&mut self, end: End, to: JobState) -> Result<()> {
        let (own, others) = match end {
            End::Source => (&self.job.sources, &self.job.targets),
            End::Target => (&self.job.targets, &self.job.sources),
        };
        let places = own.iter().map(ToString::to_string);
        let comment = format!(
            "group `{}`: {}",
            self.job.group,
            places.collect::<Vec<_>>().join(", ")
        );
        let handle = self.cluster.catalog_handle()?;
        let store = Store::new(&handle);
        loop {
            let (base, topology) = self.cluster.newest_topology().await?;
            let mut document: Document = base.document.parse()?;
            document.place(&topology, &self.job.group, own, others)?;
            let by = &self.job.created_by;
            let mut proposal = Proposal::new(document.to_string(), by, comment.as_str());
            proposal.job = Some(self.job.id.to_string());
            let switch = Switch { job: &self.job, to };
            match store
                .append_with(&Known::from(&base), &proposal, switch)
                .await
            {
                Ok(_) => break,
                // An operator has changed something else meanwhile.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(fenced) = self.fenced.take() {
            self.copied.pause = Some(fenced.elapsed());
        }
        let epoch = self.cluster.topology().epoch();
        let _ = self.cluster.reload_topology(epoch).await;
        self.leave();
        let job = store.job(self.job.id).await?;
        self.entered(job);
        self.note().await;
        Ok(())
    }

    /// Notes the state that this runner has given to a record.
    pub(super) fn saw_state(&mut self, site: Site, state: State) {
        let ticket = self.ticket();
        let standing = Standing {
            state,
            job: Some(ticket.job),
            token: ticket.token,
        };
        self.saw(site, standing);
    }
}

/// Closes a namespace at once, or not at all.
async fn close(place: &mut Place, blueprint: &Blueprint, tried: u32) -> Result<()> {
    let fence = blueprint.fence(place);
    if !place.dialect().capability().transactional_ddl {
        let begun = Instant::now();
        return match place.all(&fence.close(tried)).await {
            // A rename that is interrupted may fail with any error, such as one of the syntax of a trigger.
            Err(error)
                if !is_locked(&error)
                    && begun.elapsed() >= fence::WAIT
                    && fence.is_prepared(&names_of(place).await?) =>
            {
                let message = format!("the tables were not renamed in time: {}", error.message());
                Err(Error::new(ErrorKind::Timeout, message).with_source(error))
            }
            closed => closed,
        };
    }
    place.begin_change(State::Active).await?;
    let closed = async {
        place.all(&fence.close(tried)).await?;
        place.set_state(State::Fenced).await?;
        place.commit().await
    };
    let closed = closed.await;
    if closed.as_ref().is_err_and(is_locked) {
        place.rollback().await;
    }
    closed
}
