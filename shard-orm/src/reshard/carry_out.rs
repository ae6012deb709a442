//! How a plan is carried out, and what happens meanwhile.
//!
//! The plan is stored, and its steps become jobs, a few at a time: by `run`, called by `stored`.

mod run;
mod step;

use std::time::SystemTime;

pub(super) use self::run::PlanRunner;
use super::hours::Hours;
use super::how::{How, names_columns, sets_how};
use super::kinds::{add_model, add_type};
use super::{Job, Pace};
use crate::model::Model;
use crate::schema::DataType;

/// How a plan is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct CarryOut {
    pub(super) concurrency: usize,
    pub(super) hours: Option<Hours>,
    pub(super) most_statements: Option<u64>,
    /// How each step is done.
    pub(super) jobs: How,
}

impl Default for CarryOut {
    fn default() -> Self {
        Self {
            concurrency: 1,
            hours: None,
            most_statements: None,
            jobs: How::default(),
        }
    }
}

sets_how!(CarryOut, jobs);
names_columns!(CarryOut, jobs);

impl CarryOut {
    /// One step at a time, at the pace [`Pace::Gentle`], at any hour.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many steps run at the same time; 1 by default. A server takes part in one of them at most.
    pub fn concurrency(mut self, jobs: usize) -> Self {
        self.concurrency = jobs.max(1);
        self
    }

    /// Sets the hours in which steps are started. A step that runs at their end goes on.
    pub fn between(mut self, hours: Hours) -> Self {
        self.hours = Some(hours);
        self
    }

    /// Starts no step while more statements than this run on one of its servers. A file of SQLite has no limit.
    pub fn most_statements(mut self, statements: u64) -> Self {
        self.most_statements = Some(statements);
        self
    }
}

impl CarryOut {
    /// As [`MoveShard::model`](super::MoveShard::model), for all steps.
    pub fn model<M: Model>(mut self) -> Self {
        add_model::<M>(&mut self.jobs.types);
        self
    }

    /// As [`MoveShard::column_type`](super::MoveShard::column_type), for all steps. It counts for those that lead to another
    /// kind of database ([`between_databases`](super::planner::Planner::between_databases)).
    ///
    /// ```
    /// use shard_orm::reshard::CarryOut;
    ///
    /// let how = CarryOut::new().column_type("orders", "placed_at", &"timestamp_utc".parse()?);
    /// # Ok::<(), shard_orm::Error>(())
    /// ```
    pub fn column_type(
        mut self,
        table: impl Into<String>,
        column: impl Into<String>,
        of: &DataType,
    ) -> Self {
        add_type(&mut self.jobs.types, table.into(), column.into(), of);
        self
    }
}

impl CarryOut {
    /// What differs from one step at a time, at a gentle pace and any hour.
    pub(super) fn in_words(&self) -> Vec<String> {
        let mut words = vec![format!("{} at a time", self.concurrency)];
        words.push(match self.jobs.pace {
            Pace::RowsPerSecond(rows) => format!("{rows} rows/s"),
            pace => format!("pace {pace}"),
        });
        if let Some(hours) = self.hours {
            words.push(format!("steps start between {hours} UTC"));
        }
        if let Some(most) = self.most_statements {
            words.push(format!("at most {most} running statements"));
        }
        if self.jobs.accepts_relaxed_durability {
            words.push("relaxed durability is accepted".to_owned());
        }
        if self.jobs.accepts_replica_risk {
            words.push("the risk of replicas is accepted".to_owned());
        }
        if let Some(mirror) = &self.jobs.mirror {
            words.push(format!("{mirror} of the reads are mirrored"));
        }
        if let Some(gradual) = &self.jobs.gradual {
            words.push(format!("reads switch by {gradual}"));
        }
        for (table, columns) in &self.jobs.types {
            let columns = columns.iter();
            let columns = columns.map(|(column, of)| format!("`{table}.{column}` is {of}"));
            words.extend(columns);
        }
        words
    }
}

/// What happens while a plan is carried out.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PlanEvent {
    /// The plan has this number, and is run.
    Runs(u64),
    /// No step is started before this time.
    Waits(SystemTime),
    /// No step is started on this server of a group while so many statements run there.
    Crowded(String, String, u64),
    /// A server of a group was made active.
    Activated(String, String),
    /// A step has begun, or goes on.
    Started(Job),
    /// A step is done, and its old rows are removed.
    Completed(Job),
}
