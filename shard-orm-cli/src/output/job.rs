//! Prints jobs, and their progress.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Instant;

use serde_json::json;
use shard_orm::reshard::{Gradual, Job, JobState, Mirror, Mirrored, Pace, Part, Planned, Shifted};

use super::Output;
use super::table::{Align, Table};
use super::text::{bytes, duration, time};
use crate::Result;

/// Prints a move that was examined. JSON: the fields of the plan.
///
/// # Errors
/// If the output is closed.
pub fn planned(output: &Output, planned: &Planned) -> Result<()> {
    if output.is_json() {
        return output.json(&json!(planned));
    }
    let size = planned
        .bytes
        .map_or_else(String::new, |size| format!(", {}", bytes(size)));
    let mut text = format!(
        "{} of logical shard {} of group {} from server {} to {}\n\
         tables   {}\n\
         rows     about {}{size}\n",
        planned.kind,
        shards(&planned.sources),
        planned.group,
        servers(&planned.sources),
        servers(&planned.targets),
        planned.tables.join(", "),
        planned.rows,
    );
    if !planned.keys.is_empty() {
        let keys = planned
            .keys
            .iter()
            .map(|(table, columns)| match columns.last() {
                Some(column) => format!("{table}.{column}"),
                None => format!("{table} stays whole"),
            });
        let keys: Vec<String> = keys.collect();
        text.push_str(&format!("by       {}\n", keys.join(", ")));
        for target in &planned.targets {
            let Part { shard, server, .. } = target;
            text.push_str(&format!(
                "part     {shard} on {server}: {}\n",
                target.keys()
            ));
        }
    }
    if let Some(copied) = planned.copied() {
        text.push_str(&format!("copied   {copied}\n"));
    }
    if planned.obstacles.is_empty() {
        text.push_str("nothing stands against it; start it with --run\n");
    }
    for obstacle in &planned.obstacles {
        text.push_str(&format!("cannot   {obstacle}\n"));
    }
    output.text(&text)
}

/// Prints a table. JSON: `{"jobs": [..]}`.
///
/// # Errors
/// If the output is closed.
pub fn list(output: &Output, jobs: &[Job]) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({ "jobs": jobs }));
    }
    let mut table = Table::new(&[
        ("job", Align::Right),
        ("kind", Align::Left),
        ("group", Align::Left),
        ("shard", Align::Right),
        ("from", Align::Left),
        ("to", Align::Left),
        ("state", Align::Left),
        ("rows", Align::Right),
        ("runner", Align::Left),
    ]);
    for job in jobs {
        table.row([
            job.id.to_string(),
            job.kind.to_string(),
            job.group.clone(),
            shards(&job.sources),
            servers(&job.sources),
            servers(&job.targets),
            job.state.to_string(),
            job.copied.rows.to_string(),
            runner(job),
        ]);
    }
    if table.is_empty() {
        return output.text("there are no jobs\n");
    }
    output.text(&table.text())
}

/// Prints all about a job. JSON: its fields.
///
/// # Errors
/// If the output is closed.
pub fn show(output: &Output, job: &Job) -> Result<()> {
    if output.is_json() {
        return output.json(&json!(job));
    }
    let copied = &job.copied;
    let mut text = format!(
        "{job}\n\
         state    {}, since {}\n\
         runner   {}\n\
         tables   {}\n\
         rows     {} copied, {} changes applied\n",
        job.state,
        time(job.changed_at),
        runner(job),
        job.tables.join(", "),
        copied.rows,
        copied.changes,
    );
    if let Pace::RowsPerSecond(rows) = job.pace {
        text.push_str(&format!("limit    {rows} rows/s\n"));
    }
    if let Some(throttling) = job.throttling() {
        text.push_str(&format!("slower   {throttling}\n"));
    }
    if copied.failovers > 0 {
        text.push_str(&format!(
            "servers  failed over {} times; {} rows differed, and were copied again\n",
            copied.failovers, copied.repaired
        ));
    }
    if let Some(mirror) = job.mirror {
        text.push_str(&mirrored(mirror, &copied.mirrored));
    }
    if let Some(gradual) = &job.gradual {
        text.push_str(&shifted(gradual, &copied.shifted));
    }
    if let Some(pause) = copied.pause {
        text.push_str(&format!("pause    writes waited for {}\n", duration(pause)));
    }
    let times = copied.milliseconds.iter();
    let times = times.map(|(state, millis)| {
        format!(
            "{state} {}",
            duration(std::time::Duration::from_millis(*millis))
        )
    });
    let times: Vec<String> = times.collect();
    if !times.is_empty() {
        text.push_str(&format!("times    {}\n", times.join(", ")));
    }
    if !job.message.is_empty() {
        text.push_str(&format!("problem  {}\n", job.message));
    }
    if let Some(advice) = advice(job) {
        text.push_str(&format!("next     {advice}\n"));
    }
    output.text(&text)
}

/// The reads that were sent to both ends, and the rows that differ.
fn mirrored(mirror: Mirror, mirrored: &Mirrored) -> String {
    let mut text = format!(
        "mirror   {}% of the reads for {}: {} compared, {} skipped, {} rows lagged, {} differ\n",
        mirror.share(),
        duration(mirror.duration()),
        mirrored.compared,
        mirrored.skipped,
        mirrored.lagging,
        mirrored.differing.len(),
    );
    for row in &mirrored.differing {
        text.push_str(&format!("differs  {row}\n"));
    }
    text
}

/// The share of the reads that the target serves before the switch.
fn shifted(gradual: &Gradual, shifted: &Shifted) -> String {
    let steps: Vec<String> = gradual.steps().map(|step| format!("{step}%")).collect();
    format!(
        "gradual  {} of the reads of replicas for {} each: step {}, {} served by the target, {} by the source\n",
        steps.join(", "),
        duration(gradual.duration()),
        shifted.step,
        shifted.served,
        shifted.fallen_back,
    )
}

/// What an operator can do with a job.
fn advice(job: &Job) -> Option<String> {
    let id = job.id;
    match job.state {
        JobState::Holding if job.leaving.is_some() => Some(format!(
            "`shard-orm job finish {id}` removes what is left at the old place; a merge undoes it"
        )),
        JobState::Parting => Some(format!("`shard-orm job run {id}` goes on")),
        JobState::Holding => Some(format!(
            "`shard-orm job finish {id}` removes the old rows, `shard-orm job reverse {id}` goes back"
        )),
        state if state.is_over() => None,
        _ if job.owner.is_some() => Some(format!("`shard-orm job watch {id}`")),
        _ => Some(format!(
            "`shard-orm job run {id}` goes on, `shard-orm job abort {id}` gives up"
        )),
    }
}

fn runner(job: &Job) -> String {
    job.owner.clone().unwrap_or_else(|| "none".to_owned())
}

fn shards(parts: &[Part]) -> String {
    let shards = parts.iter().map(|part| part.shard.to_string());
    shards.collect::<Vec<_>>().join(", ")
}

fn servers(parts: &[Part]) -> String {
    let mut servers: Vec<&str> = parts.iter().map(|part| part.server.as_str()).collect();
    servers.dedup();
    servers.join(", ")
}

/// Lines about the progress of a job, on standard error.
#[derive(Debug)]
pub struct Progress {
    is_quiet: bool,
    is_terminal: bool,
    said: Option<(JobState, Instant)>,
    rows: (u64, Instant),
}

impl Progress {
    /// Says nothing where the output is JSON.
    #[must_use]
    pub fn new(output: &Output) -> Self {
        Self {
            is_quiet: output.is_json(),
            is_terminal: io::stderr().is_terminal(),
            said: None,
            rows: (0, Instant::now()),
        }
    }

    /// Says how far a job is: at each new state, and now and then in between.
    pub fn update(&mut self, job: &Job) {
        let period = if self.is_terminal { 1 } else { 10 };
        let is_due = self
            .said
            .is_none_or(|(state, at)| state != job.state || at.elapsed().as_secs() >= period);
        if self.is_quiet || !is_due {
            return;
        }
        let (before, since) = self.rows;
        let seconds = since.elapsed().as_secs_f64().max(0.001);
        #[allow(clippy::cast_precision_loss)] // For people.
        let rate = job.copied.rows.saturating_sub(before) as f64 / seconds;
        self.said = Some((job.state, Instant::now()));
        self.rows = (job.copied.rows, Instant::now());
        let line = match job.state {
            JobState::Copying => {
                let left = job.copied.estimated_rows.saturating_sub(job.copied.rows);
                #[allow(clippy::cast_precision_loss)]
                let left = left as f64 / rate.max(1.0);
                let slower = job.throttling().map(|throttling| format!("; {throttling}"));
                format!(
                    "copying: {} of about {} rows, {rate:.0} rows/s, {left:.0} s left{}",
                    job.copied.rows,
                    job.copied.estimated_rows,
                    slower.unwrap_or_default()
                )
            }
            JobState::Mirroring => format!(
                "mirroring: {} reads compared, {} rows differ",
                job.copied.mirrored.compared,
                job.copied.mirrored.differing.len()
            ),
            JobState::Shifting => format!(
                "shifting: step {}, {} reads served by the target",
                job.copied.shifted.step, job.copied.shifted.served
            ),
            state => format!(
                "{state}: {} changes applied, {} left",
                job.copied.changes, job.copied.backlog
            ),
        };
        // If nobody reads it, the work goes on.
        let _ = writeln!(io::stderr(), "{line}");
    }
}
