//! What processes have found of the reads that they send to the target of a job: a row for each process and job.
//!
//! A process writes all that it has found so far, and the runner of the job reads the rows of all processes.

use sea_query::{Alias, Expr, ExprTrait as _, OnConflict, Query};
use toml::{Table, Value};

use super::job::{DifferingRow, Job, JobState};
use super::process::Heartbeat;
use super::session::Store;
use super::tables::{CLUSTER, FINDINGS, FINDINGS_COLUMNS};
use crate::backend::{Field as _, Row};
use crate::error::{Error, ErrorKind, Result};

/// What came of the reads that a process has sent to the target of a job.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Findings {
    /// Reads whose rows were compared.
    pub(crate) compared: u64,
    /// Reads that were chosen and not compared.
    pub(crate) skipped: u64,
    /// Reads that the target has served.
    pub(crate) served: u64,
    /// Reads that were chosen for the target, and that the source has served.
    pub(crate) fallen_back: u64,
    /// The last rows that differed, each with a number that ascends.
    pub(crate) rows: Vec<(u64, DifferingRow)>,
}

impl Findings {
    fn to_text(&self) -> String {
        let integer = |number: u64| Value::Integer(number.cast_signed());
        let mut table = Table::new();
        for (key, number) in [
            ("compared", self.compared),
            ("skipped", self.skipped),
            ("served", self.served),
            ("fallen_back", self.fallen_back),
        ] {
            table.insert(key.to_owned(), integer(number));
        }
        let rows = self.rows.iter();
        let rows = rows.map(|(number, row)| Value::Array(vec![integer(*number), row.to_value()]));
        table.insert("rows".to_owned(), Value::Array(rows.collect()));
        table.to_string()
    }

    /// Rows that another version of the library has written are left out.
    fn parse(text: &str) -> Self {
        let table: Table = text.parse().unwrap_or_default();
        let integer = |value: &Value| value.as_integer().map(i64::cast_unsigned);
        let own = |key: &str| table.get(key).and_then(integer).unwrap_or_default();
        let row = |value: &Value| match value.as_array()?.as_slice() {
            [number, row] => Some((integer(number)?, DifferingRow::of_value(row)?)),
            _ => None,
        };
        let rows = table.get("rows").and_then(Value::as_array);
        Self {
            compared: own("compared"),
            skipped: own("skipped"),
            served: own("served"),
            fallen_back: own("fallen_back"),
            rows: rows.into_iter().flatten().filter_map(row).collect(),
        }
    }
}

impl Store<'_> {
    /// The jobs that ask for reads of applications.
    pub(crate) async fn reading_jobs(self) -> Result<Vec<Job>> {
        let states = [JobState::Mirroring, JobState::Shifting, JobState::Switching];
        self.jobs_in(&states).await
    }

    /// Writes what a process has found so far.
    pub(crate) async fn report_findings(
        self,
        job: u64,
        process: &Heartbeat,
        findings: &Findings,
    ) -> Result<()> {
        let handle = self.handle();
        let [_, job_number, process_id, found] = FINDINGS_COLUMNS;
        let mut conflict = OnConflict::columns([CLUSTER, job_number, process_id].map(Alias::new));
        conflict.update_column(Alias::new(found));
        let mut insert = Query::insert();
        insert
            .into_table(handle.namespace.own_table(FINDINGS))
            .columns(FINDINGS_COLUMNS.map(Alias::new))
            .values([
                Expr::val(&*handle.cluster),
                Expr::val(job.cast_signed()),
                Expr::val(process.id()),
                Expr::val(findings.to_text()),
            ])
            .map_err(|source| {
                Error::configuration("the findings of a process").with_source(source)
            })?
            .on_conflict(conflict);
        self.write(&insert).await.map(drop)
    }

    /// What all processes have found, by the id of each.
    pub(crate) async fn findings(self, job: u64) -> Result<Vec<(String, Findings)>> {
        let [_, number, ..] = FINDINGS_COLUMNS;
        let mut select = self.select(FINDINGS, &FINDINGS_COLUMNS);
        select
            .and_where(Expr::col((Alias::new(FINDINGS), Alias::new(number))).eq(job.cast_signed()));
        let read = |row: &Row<'_>| {
            let found = Findings::parse(&String::read(row, 3)?);
            Ok((String::read(row, 2)?, found))
        };
        match self.rows(&select, read).await {
            Err(error) if error.kind() == ErrorKind::UndefinedTable => Ok(Vec::new()),
            rows => rows,
        }
    }

    /// Removes what processes have found of a job.
    pub(crate) async fn forget_findings(self, job: u64) -> Result<()> {
        let [_, number, ..] = FINDINGS_COLUMNS;
        let mut delete = Query::delete();
        delete
            .from_table(self.handle().namespace.own_table(FINDINGS))
            .and_where(Expr::col(Alias::new(CLUSTER)).eq(&*self.handle().cluster))
            .and_where(Expr::col(Alias::new(number)).eq(job.cast_signed()));
        match self.write(&delete).await {
            Err(error) if error.kind() == ErrorKind::UndefinedTable => Ok(()),
            outcome => outcome.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_read_as_they_were_written() {
        let id = sea_query::Value::BigInt(Some(i64::MIN));
        let row = DifferingRow::new("orders", vec![("id".to_owned(), id)]);
        let findings = Findings {
            compared: 12,
            skipped: 3,
            served: 2,
            fallen_back: 1,
            rows: vec![(4, row)],
        };
        assert_eq!(Findings::parse(&findings.to_text()), findings);
        assert_eq!(Findings::parse("rows = [[1, 2]]"), Findings::default());
        assert_eq!(Findings::parse("no TOML"), Findings::default());
    }
}
