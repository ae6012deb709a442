//! Drives a job: looks at the catalog and at both ends, and takes the next action, until there is none.
//!
//! Which action is next is decided by `mover`. What an action does is in `steps`. The driver runs as a task
//! of its own: whoever waits for it may go away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Reshard;
use super::blueprint::Blueprint;
use super::divider::Divider;
use super::failure::{is_misfit, may_pass};
use super::mover::{Action, Done, End, Seen, View, next, state, together};
use super::place::{Place, Standing, Ticket};
use super::places::{Places, Site};
use super::pulse::Pulse;
use super::renewal::Renewal;
use super::replicas::Replicas;
use super::rows::MovedTable;
use super::steps::{Backlog, Watch};
use super::throttle::Throttle;
use crate::catalog::{Copied, Job, Owner, Store, Wish, taken};
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
    pub(super) places: Places,
    /// Of each source.
    pub(super) replicas: Vec<Replicas>,
    pub(super) seen: Option<(Vec<Seen>, Vec<Seen>)>,
    pub(super) done: Done,
    /// The structure as it is created at each target.
    pub(super) blueprints: Option<Vec<Blueprint>>,
    pub(super) tables: Vec<MovedTable>,
    /// Which of several namespaces of an end owns a row.
    pub(super) divider: Option<Arc<Divider>>,
    pub(super) copied: Copied,
    pub(super) watch: Watch,
    /// When the fence began that is closed now.
    pub(super) fenced: Option<Instant>,
    /// Since when a fence has been tried, and how often.
    pub(super) fencing: Option<(Instant, u32)>,
    /// What is known of the changes that wait.
    pub(super) backlog: Backlog,
    /// Why the job was given up.
    pub(super) reason: String,
    /// How often rows of several sources have met in the way of a copy.
    pub(super) collisions: u32,
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
            places: Places::new(job.sources.len(), job.targets.len()),
            job,
            owner,
            until,
            throttle,
            pulse: None,
            replicas: Vec::new(),
            seen: None,
            done: Done::default(),
            blueprints: None,
            tables: Vec::new(),
            divider: None,
            watch: Watch::default(),
            fenced: None,
            fencing: None,
            backlog: Backlog::default(),
            reason: String::new(),
            collisions: 0,
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
            Ok(()) => self.reason.clone(),
            Err(error) => error.to_string(),
        };
        if let Err(error) = &outcome {
            tracing::error!(target: "shard_orm", job = self.job.id, %error, "a job does not go on");
        }
        self.places.close().await;
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
                    let course = self.course();
                    self.forget();
                    // Another attempt would find the same rows.
                    if is_misfit(&error) && self.turn_round(course, &error).await? {
                        self.retake().await?;
                        continue;
                    }
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
        // Somebody else may have run it meanwhile.
        self.done.turned &= job.token == self.job.token + 1;
        let taken = (handle, job.clone(), self.owner.clone());
        self.renewal = Renewal::start(&self.cluster, taken, &self.throttle);
        self.job = job;
        Ok(())
    }

    /// Applies what has changed at the target to the source. True once the runner may stop.
    async fn follow_back(&mut self) -> Result<bool> {
        let applied = self.flow_back().await?;
        let goes_back = self.job.wish == Wish::Reverse;
        if goes_back {
            self.refuse_keyless(End::Target).await?;
        }
        self.done.level = goes_back;
        if self.done.level {
            return Ok(false);
        }
        // A pass applies all that was logged before it. Under traffic, the log is never empty.
        if self.until == Until::Settled {
            return Ok(true);
        }
        if applied == 0 {
            tokio::time::sleep(IDLE).await;
        }
        Ok(false)
    }

    async fn view(&mut self) -> Result<View> {
        if let Some(latest) = self.renewal.latest().borrow().clone() {
            self.job.wish = latest.wish;
            self.job.pace = latest.pace;
            (self.job.mirror, self.job.gradual) = (latest.mirror, latest.gradual);
            self.job.accepts_replica_risk = latest.accepts_replica_risk;
        }
        let (sources, targets) = match &self.seen {
            Some(seen) => seen.clone(),
            None => {
                let (mut sources, mut targets) = (Vec::new(), Vec::new());
                for site in self.sites(End::Source) {
                    sources.push(self.look(site).await?);
                }
                for site in self.sites(End::Target) {
                    targets.push(self.look(site).await?);
                }
                self.seen = Some((sources.clone(), targets.clone()));
                (sources, targets)
            }
        };
        Ok(View {
            kind: self.job.kind,
            state: self.job.state,
            wish: self.job.wish,
            source: together(&sources, self.job.state),
            target: together(&targets, self.job.state),
            mirrors: self.mirrors(),
            shifts: self.job.gradual.is_some(),
            stays: self.stays(),
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

    /// What the record of a namespace says.
    pub(super) async fn seen_at(&mut self, site: Site) -> Result<Seen> {
        self.view().await?;
        let seen = self.seen.as_ref().and_then(|(sources, targets)| {
            let of_end = match site.end {
                End::Source => sources,
                End::Target => targets,
            };
            of_end.get(site.number).copied()
        });
        Ok(seen.unwrap_or(Seen::Missing))
    }

    /// Reads the record of a namespace.
    async fn look(&mut self, site: Site) -> Result<Seen> {
        if !self.handle(site).await?.has_file() {
            return Ok(Seen::Missing);
        }
        let ticket = self.ticket();
        let place = self.place(site).await?;
        Ok(seen(place.standing(None).await?, ticket))
    }

    /// Notes what the record of a namespace says by now.
    pub(super) fn saw(&mut self, site: Site, standing: Standing) {
        let found = seen(Some(standing), self.ticket());
        let Some((sources, targets)) = &mut self.seen else {
            return;
        };
        let own = match site.end {
            End::Source => sources.get_mut(site.number),
            End::Target => targets.get_mut(site.number),
        };
        if let Some(own) = own {
            *own = found;
        }
    }

    /// Looks at all namespaces again before the next action.
    pub(super) fn look_again(&mut self) {
        self.seen = None;
    }

    pub(super) fn ticket(&self) -> Ticket {
        Ticket {
            job: self.job.id,
            token: self.job.token,
        }
    }

    /// The namespaces of an end.
    pub(super) fn sites(&self, end: End) -> Vec<Site> {
        match end {
            End::Source => (0..self.job.sources.len()).map(Site::source).collect(),
            End::Target => (0..self.job.targets.len()).map(Site::target).collect(),
        }
    }

    /// The namespaces of both ends.
    pub(super) fn all_sites(&self) -> Vec<Site> {
        [self.sites(End::Source), self.sites(End::Target)].concat()
    }

    pub(super) async fn handle(&self, site: Site) -> Result<Arc<NamespaceHandle>> {
        if let Some(place) = self.places.get(site) {
            return Ok(Arc::clone(&place.handle));
        }
        let (own, others) = match site.end {
            End::Source => (&self.job.sources, &self.job.targets),
            End::Target => (&self.job.targets, &self.job.sources),
        };
        let (revision, _) = self.cluster.newest_topology().await?;
        let part = (own.as_slice(), others.as_slice(), site.number);
        self.cluster
            .handle_of_part(&revision.document, &self.job.group, part)
    }

    /// The connection to a namespace.
    pub(super) async fn place(&mut self, site: Site) -> Result<&mut Place> {
        if self.places.get(site).is_none() {
            let handle = self.handle(site).await?;
            let mut place = Place::open(&handle, self.ticket()).await?;
            if self.job.is_between_kinds() {
                place.be_strict().await?;
            }
            self.note_history(site, place.position.as_ref());
            self.places.put(site, place);
        }
        self.places.get_mut(site).ok_or_else(not_there)
    }

    /// The connections to all namespaces: to the sources, and to the targets.
    pub(super) async fn both(&mut self) -> Result<(Vec<&mut Place>, Vec<&mut Place>)> {
        for site in self.all_sites() {
            self.place(site).await?;
        }
        self.places.both().ok_or_else(not_there)
    }

    /// After a failure nothing is known of the connections, nor of what the last statement did.
    fn forget(&mut self) {
        self.places = Places::new(self.job.sources.len(), self.job.targets.len());
        self.seen = None;
        self.blueprints = None;
        self.tables.clear();
        self.done.drained = false;
        self.done.level = false;
    }
}

fn not_there() -> Error {
    Error::decode("a connection that is not there")
}

fn seen(standing: Option<Standing>, ticket: Ticket) -> Seen {
    standing.map_or(Seen::Missing, |standing| Seen::Record {
        state: standing.state,
        own: standing.is_of(ticket),
    })
}
