//! Looks for the jobs that ask for reads of this process, and reports what came of these.
//!
//! Called with each look at the catalog. The jobs are rows of their own, and no part of the topology: a process of an
//! earlier version of this library would refuse a topology with something that it does not know.

use std::sync::Arc;
use std::time::Duration;

use super::Follower;
use crate::catalog::{Document, Findings, Job, Mirror, Store};
use crate::cluster::shifts::is_asked_for;
use crate::cluster::{Cluster, Mirroring, Shifting};
use crate::error::{Error, Result};

/// The longest time between two looks while jobs ask for reads.
pub(super) const PERIOD: Duration = Duration::from_secs(1);
/// How long a look at a target may take.
const LIMIT: Duration = Duration::from_secs(1);

impl Cluster {
    /// Lets jobs have the reads that they ask for now, and no others. Without the catalog they get none.
    pub(super) async fn look_for_readers(&self) {
        let Some(follower) = self.follower() else {
            return;
        };
        let looked = Store::within(follower.options.timeout, self.find_readers(follower)).await;
        if let Err(error) = looked {
            self.mirrors().set(Vec::new());
            self.shifts().set(Vec::new());
            tracing::debug!(
                target: "shard_orm",
                error = %error.kind(),
                "no reads are sent to the targets of jobs, since the jobs of the catalog are not known"
            );
        }
        for shift in self.shifts().all() {
            shift.look(LIMIT).await;
        }
    }

    /// Whether a job has reads of this process.
    pub(super) fn has_readers(&self) -> bool {
        self.is_mirroring() || self.is_shifting()
    }

    async fn find_readers(&self, follower: &Follower) -> Result<()> {
        let handle = self.handle_of_database(&follower.options.database)?;
        let store = Store::new(&handle);
        let report = async |job: u64, findings: &Findings| {
            let report = store.report_findings(job, &follower.heartbeat, findings);
            report.await
        };
        let (mirrors, shifts) = (self.mirrors().all(), self.shifts().all());
        for mirror in &mirrors {
            if let Some(findings) = mirror.to_report()
                && let Err(error) = report(mirror.job.id, &findings).await
            {
                mirror.not_reported();
                return Err(error);
            }
        }
        for shift in &shifts {
            if let Some(findings) = shift.to_report()
                && let Err(error) = report(shift.job.id, &findings).await
            {
                shift.not_reported();
                return Err(error);
            }
        }
        let (mut mirroring, mut shifting) = (Vec::new(), Vec::new());
        for job in store.reading_jobs().await? {
            if let Some(mirror) = job.mirror_now() {
                match mirrors.iter().find(|known| known.job.id == job.id) {
                    Some(known) => {
                        known.set(mirror);
                        mirroring.push(Arc::clone(known));
                    }
                    None => mirroring.push(Arc::new(self.mirror(job, mirror).await?)),
                }
            } else if is_asked_for(&job) {
                match shifts.iter().find(|known| known.job.id == job.id) {
                    Some(known) => {
                        known.set(&job);
                        shifting.push(Arc::clone(known));
                    }
                    None => shifting.push(Arc::new(self.shift(job).await?)),
                }
            }
        }
        self.mirrors().set(mirroring);
        self.shifts().set(shifting);
        Ok(())
    }

    /// The mirror of a job, with the connections to its target.
    async fn mirror(&self, job: Job, mirror: Mirror) -> Result<Mirroring> {
        let (revision, topology) = self.newest_topology().await?;
        let (sources, targets) = (job.sources.as_slice(), job.targets.as_slice());
        let mut document: Document = revision.document.parse()?;
        document.place(&topology, &job.group, targets, sources)?;
        let topology = self.topology_of(&document.to_string())?;
        let group = topology.group(&job.group);
        let group = group.ok_or_else(|| Error::decode("a job of a group that is gone"))?;
        let router = group.router().clone();
        let mut handles = Vec::new();
        for at in 0..targets.len() {
            let part = (targets, sources, at);
            handles.push(self.handle_of_part(&revision.document, &job.group, part)?);
        }
        Ok(Mirroring::new(job, mirror, router, handles))
    }

    /// The target of a job that serves reads.
    async fn shift(&self, job: Job) -> Result<Shifting> {
        let (revision, _) = self.newest_topology().await?;
        let part = (job.targets.as_slice(), job.sources.as_slice(), 0);
        let handle = self.handle_of_part(&revision.document, &job.group, part)?;
        Ok(Shifting::new(job, handle))
    }
}
