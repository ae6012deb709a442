//! Drives a job: looks at the catalog and at both ends, and takes the next action, until there is none.
//!
//! Which action is next is decided by `mover`. What an action does is in `steps`. The driver runs as a task
//! of its own: whoever waits for it may go away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Reshard;
use super::blueprint::Blueprint;
use super::failure::may_pass;
use super::mover::{Action, Done, End, Seen, View, is_target_lost, next, state};
use super::place::{Place, Standing, Ticket};
use super::pulse::Pulse;
use super::renewal::Renewal;
use super::replicas::Replicas;
use super::rows::MovedTable;
use super::throttle::Throttle;
use crate::catalog::{Copied, Job, Owner, Store, taken};
use crate::cluster::Cluster;
use crate::connect::{NamespaceHandle, State};
use crate::error::{Error, ErrorKind, Result};

/// The pause after a failure that may pass, which doubles, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// How long failures that may pass are met with another attempt.
const PATIENCE: Duration = Duration::from_mins(5);
/// The pause of a job that has nothing to do but to follow.
const IDLE: Duration = Duration::from_millis(200);

/// How far a runner goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Until nothing is left to do without an operator's word: the old rows are kept level once.
    Settled,
    /// Until the job is over: after the switch, the old rows are kept level until the operator decides.
    Over,
}

/// The runner of one job.
pub(super) struct Driver {
    pub(super) cluster: Cluster,
    pub(super) job: Job,
    pub(super) owner: Owner,
    until: Until,
    pub(super) throttle: Arc<Throttle>,
    pub(super) pulse: Option<Pulse>,
    pub(super) source: Option<Place>,
    pub(super) target: Option<Place>,
    pub(super) replicas: Replicas,
    seen: Option<(Seen, Seen)>,
    pub(super) done: Done,
    pub(super) blueprint: Option<Blueprint>,
    pub(super) tables: Vec<MovedTable>,
    /// The last entry that was read of each table's log.
    pub(super) cursors: Vec<i64>,
    pub(super) copied: Copied,
    /// When the fence began that is closed now.
    pub(super) fenced: Option<Instant>,
    /// Since when a fence has been tried, and how often.
    pub(super) fencing: Option<(Instant, u32)>,
    /// Since when more changes wait than are applied at a switch.
    pub(super) behind: Option<Instant>,
    /// What the job's row says of what hinders it.
    pub(super) hindrance: Option<String>,
    pub(super) since: Instant,
    /// A step has failed, and no higher token was got since.
    retake_failed: bool,
    renewal: Renewal,
}

impl Driver {
    /// Takes a job that nobody runs.
    ///
    /// # Errors
    /// `Conflict` with the runner if it has one.
    pub(super) async fn take(reshard: &Reshard, id: u64, until: Until) -> Result<Self> {
        let cluster = &reshard.cluster;
        let handle = cluster.catalog_handle()?;
        let owner = Owner {
            name: format!("{} {:08x}", reshard.operator, crate::random::random() >> 32),
            lease: reshard.lease,
        };
        let Some(job) = Store::new(&handle).take_job(id, &owner).await? else {
            let job = Store::new(&handle).job(id).await?;
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "{job} is run by {}, whose lease ends in {:?} unless it renews it; follow it with \
                     `shard-orm job watch {id}`",
                    job.owner.as_deref().unwrap_or("nobody"),
                    job.lease
                ),
            ));
        };
        let throttle = Arc::new(Throttle::new(job.pace));
        let renewal = Renewal::start(cluster, (handle, job.clone(), owner.clone()), &throttle);
        Ok(Self {
            cluster: cluster.clone(),
            copied: job.copied.clone(),
            job,
            owner,
            until,
            throttle,
            pulse: None,
            source: None,
            target: None,
            replicas: Replicas::default(),
            seen: None,
            done: Done::default(),
            blueprint: None,
            tables: Vec::new(),
            cursors: Vec::new(),
            fenced: None,
            fencing: None,
            behind: None,
            hindrance: None,
            since: Instant::now(),
            retake_failed: false,
            renewal,
        })
    }

    /// Runs the job until an operator is needed, or it is over.
    pub(super) async fn run(mut self) -> Result<Job> {
        let outcome = self.drive().await;
        let message = match &outcome {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        };
        if let Err(error) = &outcome {
            tracing::error!(target: "shard_orm", job = self.job.id, %error, "a job does not go on");
        }
        for place in [self.source.take(), self.target.take()]
            .into_iter()
            .flatten()
        {
            place.close().await;
        }
        let handle = self.cluster.catalog_handle()?;
        let store = Store::new(&handle);
        if !self.renewal.is_lost() {
            store.release_job(&self.job, &message).await?;
        }
        outcome?;
        store.job(self.job.id).await
    }

    async fn drive(&mut self) -> Result<()> {
        let (first, longest) = PAUSES;
        let mut pause = first;
        let mut failing_since: Option<Instant> = None;
        loop {
            if self.renewal.is_lost() {
                return Err(taken(&self.job));
            }
            if self.retake_failed {
                self.retake().await?;
                if self.retake_failed {
                    tokio::time::sleep(pause).await;
                    continue;
                }
            }
            let step = async {
                let view = self.view().await?;
                let action = next(&view);
                tracing::debug!(target: "shard_orm", job = self.job.id, ?action, "next step");
                match action {
                    Action::Stop | Action::Rest => Ok(true),
                    Action::Stuck => Err(self.stuck(&view)),
                    Action::FlowBack => self.follow_back().await,
                    action => self.act(action).await.map(|()| false),
                }
            };
            match step.await {
                Ok(true) => return Ok(()),
                Ok(false) => {
                    failing_since = None;
                    pause = first;
                }
                Err(error) => {
                    self.forget();
                    let since = *failing_since.get_or_insert_with(Instant::now);
                    if !may_pass(&error) || since.elapsed() > PATIENCE {
                        return Err(self.taken_or(error).await);
                    }
                    tracing::warn!(
                        target: "shard_orm",
                        job = self.job.id,
                        %error,
                        "a step of a job failed, and is repeated"
                    );
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(longest);
                    self.retake().await?;
                }
            }
        }
    }

    /// The error of a step, unless another runner has taken the job and changed what the step has met.
    async fn taken_or(&self, error: Error) -> Error {
        let Ok(handle) = self.cluster.catalog_handle() else {
            return error;
        };
        match Store::new(&handle).job(self.job.id).await {
            Ok(job) if job.token != self.job.token => taken(&job),
            _ => error,
        }
    }

    /// Takes the job again, under a higher token: a statement whose answer was lost may still be on its way,
    /// and must not act on what is concluded from now on.
    async fn retake(&mut self) -> Result<()> {
        let handle = self.cluster.catalog_handle()?;
        let store = Store::new(&handle);
        let job = match store.take_job(self.job.id, &self.owner).await {
            Ok(Some(job)) => job,
            Ok(None) => return Err(taken(&store.job(self.job.id).await?)),
            // The token stays, and the next failure or success tells more.
            Err(error) => {
                self.retake_failed = true;
                tracing::warn!(target: "shard_orm", job = self.job.id, %error, "no higher token");
                return Ok(());
            }
        };
        self.retake_failed = false;
        let taken = (handle, job.clone(), self.owner.clone());
        self.renewal = Renewal::start(&self.cluster, taken, &self.throttle);
        self.job = job;
        Ok(())
    }

    /// Applies what has changed at the target to the source. True once the runner may stop.
    async fn follow_back(&mut self) -> Result<bool> {
        let applied = self.flow_back().await?;
        if applied > 0 {
            return Ok(false);
        }
        if self.until == Until::Settled {
            return Ok(true);
        }
        tokio::time::sleep(IDLE).await;
        Ok(false)
    }

    async fn view(&mut self) -> Result<View> {
        if let Some(latest) = self.renewal.latest().borrow().clone() {
            self.job.wish = latest.wish;
            self.job.pace = latest.pace;
            self.job.accepts_replica_risk = latest.accepts_replica_risk;
        }
        let (source, target) = match self.seen {
            Some(seen) => seen,
            None => {
                let source = self.look(End::Source).await?;
                let target = self.look(End::Target).await?;
                self.seen = Some((source, target));
                (source, target)
            }
        };
        Ok(View {
            kind: self.job.kind,
            state: self.job.state,
            wish: self.job.wish,
            source,
            target,
            done: self.done,
        })
    }

    /// What the renewal of the lease sees of the job's row.
    pub(super) fn latest(&self) -> watch::Receiver<Option<Job>> {
        self.renewal.latest()
    }

    /// The states in the records of both ends.
    pub(super) async fn records(&mut self) -> Result<(Option<State>, Option<State>)> {
        let view = self.view().await?;
        Ok((state(view.source), state(view.target)))
    }

    /// Reads the record at one end.
    async fn look(&mut self, end: End) -> Result<Seen> {
        if !self.handle(end).await?.has_file() {
            return Ok(Seen::Missing);
        }
        let ticket = self.ticket();
        let place = self.place(end).await?;
        Ok(seen(place.standing(None).await?, ticket))
    }

    /// Notes what an end's record says by now.
    pub(super) fn saw(&mut self, end: End, standing: Standing) {
        let found = seen(Some(standing), self.ticket());
        if let Some((source, target)) = &mut self.seen {
            match end {
                End::Source => *source = found,
                End::Target => *target = found,
            }
        }
    }

    /// Looks at both ends again before the next action.
    pub(super) fn look_again(&mut self) {
        self.seen = None;
    }

    pub(super) fn ticket(&self) -> Ticket {
        Ticket {
            job: self.job.id,
            token: self.job.token,
        }
    }

    pub(super) async fn handle(&self, end: End) -> Result<Arc<NamespaceHandle>> {
        let place = match end {
            End::Source => &self.source,
            End::Target => &self.target,
        };
        if let Some(place) = place {
            return Ok(Arc::clone(&place.handle));
        }
        let parts = match end {
            End::Source => &self.job.sources,
            End::Target => &self.job.targets,
        };
        let part = parts
            .first()
            .ok_or_else(|| Error::decode("a job without namespaces"))?;
        let (revision, _) = self.cluster.newest_topology().await?;
        self.cluster
            .handle_of_part(&revision.document, &self.job.group, part)
    }

    /// The connection to one end.
    pub(super) async fn place(&mut self, end: End) -> Result<&mut Place> {
        let is_open = match end {
            End::Source => self.source.is_some(),
            End::Target => self.target.is_some(),
        };
        if !is_open {
            let handle = self.handle(end).await?;
            let place = Place::open(&handle, self.ticket()).await?;
            self.note_history(end, place.position.as_ref());
            match end {
                End::Source => self.source = Some(place),
                End::Target => self.target = Some(place),
            }
        }
        let place = match end {
            End::Source => &mut self.source,
            End::Target => &mut self.target,
        };
        place
            .as_mut()
            .ok_or_else(|| Error::decode("a connection that is not there"))
    }

    /// Both connections, source first.
    pub(super) async fn both(&mut self) -> Result<(&mut Place, &mut Place)> {
        self.place(End::Source).await?;
        self.place(End::Target).await?;
        match (&mut self.source, &mut self.target) {
            (Some(source), Some(target)) => Ok((source, target)),
            _ => Err(Error::decode("a connection that is not there")),
        }
    }

    /// After a failure nothing is known of the connections, nor of what the last statement did.
    fn forget(&mut self) {
        self.source = None;
        self.target = None;
        self.seen = None;
        self.blueprint = None;
        self.tables.clear();
        self.cursors.clear();
        self.done.drained = false;
        self.done.level = false;
    }

    fn stuck(&self, view: &View) -> Error {
        let (id, target) = (self.job.id, self.job.targets.first());
        let server = target.map_or("", |part| &part.server);
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

fn seen(standing: Option<Standing>, ticket: Ticket) -> Seen {
    standing.map_or(Seen::Missing, |standing| Seen::Record {
        state: standing.state,
        own: standing.is_of(ticket),
    })
}
