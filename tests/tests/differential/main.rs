//! Queries over many logical shards give what one database gives that holds all rows.
//!
//! The same random rows are in 16 logical shards on two servers, and in one database. Random queries of the whole
//! grammar of the builder are asked of the former, and in SQL of their own of the latter. A query is plain data
//! (`case`), so that one that fails is made smaller and printed; to keep it, add it to `known`. Its seed is kept
//! in `proptest-regressions`.
//!
//! `SHARD_ORM_DIFFERENTIAL_CASES=3000 cargo test --test differential` asks so many queries of each database; without
//! it two hundred.

mod aggregate;
mod case;
mod cell;
mod condition;
mod data;
mod expected;
mod group;
mod group_filter;
mod group_keys;
mod known;
mod order;
mod sample;
mod scope;
mod select;
mod sql;

use std::env;

use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};
use shard_orm::prelude::*;
use shard_orm_tests::fixture::{Fixture, FixtureOptions};
use tokio::runtime::Runtime;

use crate::case::Case;
use crate::data::DataSet;
use crate::sample::Sample;

/// How many queries of each database there are without the variable.
const CASES: u32 = 200;
const CASES_VARIABLE: &str = "SHARD_ORM_DIFFERENTIAL_CASES";

/// Where the seeds of queries that failed are kept.
fn seeds(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/proptest-regressions/sqlite.txt"
        ),
        Dialect::Postgres => concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/proptest-regressions/postgres.txt"
        ),
        Dialect::MySql => concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/proptest-regressions/mariadb.txt"
        ),
    }
}

fn cases() -> u32 {
    match env::var(CASES_VARIABLE) {
        Ok(cases) => cases.parse().expect(CASES_VARIABLE),
        Err(_) => CASES,
    }
}

/// The same rows on both.
struct Sides {
    runtime: Runtime,
    sharded: Fixture,
    whole: Fixture,
}

impl Sides {
    fn open(dialect: Dialect) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (sharded, whole) = runtime.block_on(async {
            let open = |shards, servers| {
                FixtureOptions::new(dialect, shards, servers).open(|setup| setup.table::<Sample>())
            };
            (open(16, 2).await, open(1, 1).await)
        });
        Self {
            runtime,
            sharded,
            whole,
        }
    }

    /// Puts these rows in the scope of all others.
    fn load(&self, rows: &[Sample]) {
        self.runtime.block_on(async {
            for fixture in [&self.sharded, &self.whole] {
                let all = Sample::scatter();
                all.delete_everywhere(&fixture.cluster).await.unwrap();
                Sample::insert_many(&fixture.cluster, rows.to_vec())
                    .await
                    .unwrap();
            }
        });
    }

    fn differs(&self, case: &Case) -> Result<(), String> {
        self.runtime
            .block_on(case.differs(&self.sharded, &self.whole))
    }
}

fn queries_match_one_database(dialect: Dialect) {
    let sides = Sides::open(dialect);
    for set in DataSet::ALL {
        sides.load(&set.rows(dialect));
        for (name, case) in known::all(dialect) {
            if let Err(difference) = sides.differs(&case) {
                panic!("{dialect}, {set:?} rows, {name}: {difference}\n{case:#?}");
            }
        }
        let mut runner = TestRunner::new(Config {
            // Half of them of the set that has most in it.
            cases: match set {
                DataSet::Empty => cases() / 10,
                DataSet::Few | DataSet::Ties => cases() / 5,
                DataSet::Many => cases() / 2,
            },
            failure_persistence: Some(Box::new(FileFailurePersistence::Direct(seeds(dialect)))),
            max_shrink_iters: 2_000,
            ..Config::default()
        });
        let outcome = runner.run(&Case::any(dialect), |case| {
            sides.differs(&case).map_err(TestCaseError::fail)
        });
        outcome.unwrap_or_else(|error| panic!("{dialect}, {set:?} rows: {error}"));
    }
}

mod queries_match_one_database {
    use super::*;

    #[cfg(feature = "sqlite")]
    #[test]
    fn sqlite() {
        super::queries_match_one_database(Dialect::Sqlite);
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn postgres() {
        super::queries_match_one_database(Dialect::Postgres);
    }

    #[cfg(feature = "mysql")]
    #[test]
    fn mariadb() {
        super::queries_match_one_database(Dialect::MySql);
    }
}
