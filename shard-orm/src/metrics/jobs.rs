//! The jobs of the catalog as metrics.

use std::collections::BTreeMap;

use super::sink::{Sink, float};
use super::table;
use crate::catalog::{Job, Store};
use crate::cluster::Cluster;
use crate::error::Result;

/// Reads all jobs.
pub(super) async fn read(cluster: &Cluster) -> Result<Vec<Job>> {
    let handle = cluster.catalog_handle()?;
    Store::new(&handle).jobs().await
}

/// The sums of the open jobs of one group and kind.
#[derive(Default)]
struct Sums {
    jobs: u64,
    rows: u64,
    estimated: u64,
    backlog: u64,
    age: f64,
}

/// Publishes the open jobs, by group and kind; zero where all are over.
pub(super) fn publish(sink: &mut Sink<'_>, jobs: &[Job]) {
    let mut sums: BTreeMap<(&str, &str), Sums> = BTreeMap::new();
    for job in jobs {
        let sum = sums.entry((&job.group, job.kind.name())).or_default();
        if job.state.is_over() {
            continue;
        }
        sum.jobs += 1;
        sum.rows += job.copied.rows;
        sum.estimated += job.copied.estimated_rows;
        sum.backlog += job.copied.backlog;
        // When the clock was set back, there is no better answer than zero.
        let age = job.created_at.elapsed().unwrap_or_default();
        sum.age = sum.age.max(age.as_secs_f64());
    }
    for ((group, kind), sum) in sums {
        let labels = [group, kind];
        sink.gauge(&table::JOBS, &labels, float(sum.jobs));
        sink.gauge(&table::JOB_ROWS, &labels, float(sum.rows));
        sink.gauge(&table::JOB_ESTIMATED, &labels, float(sum.estimated));
        sink.gauge(&table::JOB_BACKLOG, &labels, float(sum.backlog));
        sink.gauge(&table::JOB_AGE, &labels, sum.age);
    }
}
