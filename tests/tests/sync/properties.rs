//! Property test of the sync: after any sequence of writes and syncs, one more sync makes every copy equal to its
//! source.
//!
//! Several writers have transactions open at a time where the database allows it, end them by commit or rollback,
//! and syncs run between their statements. `SHARD_ORM_SYNC_CASES` sets the number of scenarios for each pair of
//! databases; the seeds of failed scenarios are kept in `proptest-regressions`.

use std::env;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};
use shard_orm::prelude::*;
use shard_orm::sync::{Mode, StaticSync};
use sqlx::AssertSqlSafe;

use crate::fixture::{Backend, Fixture, MARIADB, MIXED, POSTGRES, Pair, SQLITE};

const CASES_VARIABLE: &str = "SHARD_ORM_SYNC_CASES";
const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/sync.txt");

/// A row of a tree: its parent has a smaller id than it has, so that there is no circle.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "branches")]
struct Branch {
    #[static_model(primary_key)]
    id: i64,
    parent: Option<i64>,
    size: i64,
}

/// A row with a unique value, on a branch.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "leaves")]
struct Leaf {
    #[static_model(primary_key)]
    id: i64,
    #[static_model(unique)]
    code: i64,
    branch: Option<i64>,
}

const BRANCHES: &str = "CREATE TABLE branches (id bigint NOT NULL PRIMARY KEY, parent bigint NULL, \
                        size bigint NOT NULL, FOREIGN KEY (parent) REFERENCES branches (id))";
const LEAVES: &str = "CREATE TABLE leaves (id bigint NOT NULL PRIMARY KEY, \
                      code bigint NOT NULL UNIQUE, branch bigint NULL, \
                      FOREIGN KEY (branch) REFERENCES branches (id))";

/// How many ids, codes and branches each writer has.
const IDS: i64 = 6;
const WRITERS: usize = 2;

#[derive(Debug, Clone)]
enum Write {
    PutBranch(i64, Option<i64>, i64),
    DropBranch(i64),
    MoveBranch(i64, i64),
    PutLeaf(i64, i64, Option<i64>),
    DropLeaf(i64),
    MoveLeaf(i64, i64),
    /// Two codes change places.
    Swap(i64, i64),
}

#[derive(Debug, Clone)]
enum Step {
    Write(usize, Write),
    Commit(usize),
    Rollback(usize),
    Sync(Mode),
}

fn write() -> impl Strategy<Value = Write> {
    let id = || 0..IDS;
    let maybe = || proptest::option::of(0..IDS);
    prop_oneof![
        4 => (id(), maybe(), 0_i64..3).prop_map(|(id, parent, size)| Write::PutBranch(id, parent, size)),
        2 => id().prop_map(Write::DropBranch),
        1 => (id(), id()).prop_map(|(id, to)| Write::MoveBranch(id, to)),
        4 => (id(), id(), maybe()).prop_map(|(id, code, branch)| Write::PutLeaf(id, code, branch)),
        2 => id().prop_map(Write::DropLeaf),
        1 => (id(), id()).prop_map(|(id, to)| Write::MoveLeaf(id, to)),
        2 => (id(), id()).prop_map(|(one, other)| Write::Swap(one, other)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let writer = || 0..WRITERS;
    let mode = prop_oneof![3 => Just(Mode::Capture), 1 => Just(Mode::Full)];
    prop_oneof![
        12 => (writer(), write()).prop_map(|(writer, write)| Step::Write(writer, write)),
        4 => writer().prop_map(Step::Commit),
        1 => writer().prop_map(Step::Rollback),
        3 => mode.prop_map(Step::Sync),
    ]
}

impl Write {
    async fn run(&self, tx: &Tx, writer: usize) -> shard_orm::Result<()> {
        // Those of one writer are no other one's: none waits for another's transaction.
        let first = i64::try_from(writer).unwrap() * 100;
        let own = |id: &i64| first + *id;
        match self {
            Self::PutBranch(id, parent, size) => {
                let parent = parent.filter(|parent| parent < id);
                let branch = Branch {
                    id: own(id),
                    parent: parent.as_ref().map(own),
                    size: *size,
                };
                branch.save(tx).await.map(drop)
            }
            Self::DropBranch(id) => {
                let gone = Branch::query().filter(Branch::ID.eq(own(id)));
                gone.delete(tx).await.map(drop)
            }
            Self::MoveBranch(id, to) if to > id => {
                let moved = Branch::query().filter(Branch::ID.eq(own(id)));
                moved.set(Branch::ID, own(to)).update(tx).await.map(drop)
            }
            Self::MoveBranch(..) => Ok(()),
            Self::PutLeaf(id, code, branch) => {
                let leaf = Leaf {
                    id: own(id),
                    code: own(code),
                    branch: branch.as_ref().map(own),
                };
                leaf.save(tx).await.map(drop)
            }
            Self::DropLeaf(id) => {
                let gone = Leaf::query().filter(Leaf::ID.eq(own(id)));
                gone.delete(tx).await.map(drop)
            }
            Self::MoveLeaf(id, to) => {
                let moved = Leaf::query().filter(Leaf::ID.eq(own(id)));
                moved.set(Leaf::ID, own(to)).update(tx).await.map(drop)
            }
            Self::Swap(one, other) => {
                let of = |id: &i64| Leaf::query().filter(Leaf::ID.eq(own(id)));
                let (Some(first), Some(second)) =
                    (of(one).first(tx).await?, of(other).first(tx).await?)
                else {
                    return Ok(());
                };
                of(one).set(Leaf::CODE, -own(one) - 1).update(tx).await?;
                of(other).set(Leaf::CODE, first.code).update(tx).await?;
                let done = of(one).set(Leaf::CODE, second.code).update(tx);
                done.await.map(drop)
            }
        }
    }
}

/// The state of one scenario: a source with writers, and its copies.
struct Scenario<'s> {
    fixture: &'s Fixture,
    pair: Pair,
    open: [Option<Tx>; WRITERS],
}

impl Scenario<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Write(writer, write) => {
                // On SQLite there is one writer, and on MariaDB the log makes one of them.
                let alone = self.pair.0 != Backend::Postgres;
                let others = self.open.iter().enumerate();
                let mut others = others.filter(|(one, tx)| one != writer && tx.is_some());
                if alone && others.next().is_some() {
                    return Ok(());
                }
                let tx = match self.open[*writer].take() {
                    Some(tx) => tx,
                    None => {
                        let cluster = &self.fixture.cluster;
                        cluster.begin(Branch::database()).await.unwrap()
                    }
                };
                match write.run(&tx, *writer).await {
                    Ok(()) => self.open[*writer] = Some(tx),
                    // It would have broken what the source keeps.
                    Err(error)
                        if matches!(error.kind(), ErrorKind::Unique | ErrorKind::ForeignKey) =>
                    {
                        tx.rollback().await.unwrap();
                    }
                    Err(error) => return Err(TestCaseError::fail(format!("{write:?}: {error}"))),
                }
            }
            Step::Commit(writer) => {
                if let Some(tx) = self.open[*writer].take() {
                    tx.commit().await.unwrap();
                }
            }
            Step::Rollback(writer) => {
                if let Some(tx) = self.open[*writer].take() {
                    tx.rollback().await.unwrap();
                }
            }
            Step::Sync(mode) => {
                // The sync writes a row at the source, too.
                let busy = self.open.iter().any(Option::is_some);
                if !(busy && self.pair.0 == Backend::Sqlite) {
                    self.sync(*mode).await?;
                }
            }
        }
        Ok(())
    }

    async fn sync(&self, mode: Mode) -> Result<(), TestCaseError> {
        let report = StaticSync::all(&self.fixture.cluster)
            .mode(mode)
            .run()
            .await;
        let report = report.unwrap().complete();
        let rows = report.map_err(|error| TestCaseError::fail(format!("{mode}: {error}")))?;
        prop_assert_eq!(rows.rows().blocked, 0);
        Ok(())
    }

    async fn run(mut self, steps: &[Step], last: Mode) -> Result<(), TestCaseError> {
        // From nothing, whatever the scenario before has left.
        let at = &self.fixture.cluster;
        Leaf::query().delete(at).await.unwrap();
        Branch::query()
            .set(Branch::PARENT, None::<i64>)
            .update(at)
            .await
            .unwrap();
        Branch::query().delete(at).await.unwrap();
        self.sync(Mode::Capture).await?;
        for step in steps {
            self.step(step).await?;
        }
        for tx in &mut self.open {
            if let Some(tx) = tx.take() {
                tx.commit().await.unwrap();
            }
        }
        self.sync(last).await?;
        for one in StaticSync::all(at).verify().await.unwrap() {
            let found = one.result.unwrap();
            prop_assert!(found.is_equal(), "{}: {}", one.copy, found);
        }
        let branches = async |at| Branch::query().order_by(Branch::ID).all(at).await.unwrap();
        let leaves = async |at| Leaf::query().order_by(Leaf::ID).all(at).await.unwrap();
        let expected = (branches(at).await, leaves(at).await);
        for copy in &self.fixture.copies {
            prop_assert_eq!(&(branches(copy).await, leaves(copy).await), &expected);
        }
        Ok(())
    }
}

async fn fixture(pair: Pair) -> Fixture {
    let fixture = Fixture::bare(pair).await;
    let setup = fixture.cluster.setup().table::<Branch>().table::<Leaf>();
    setup.run().await.unwrap();
    // The source keeps what the copies keep.
    let made = [("branches", BRANCHES), ("leaves", LEAVES)];
    for (table, create) in made {
        for text in [format!("DROP TABLE {table}"), create.to_owned()] {
            let text = Branch::query().sql(AssertSqlSafe(text));
            text.execute(&fixture.cluster).await.unwrap();
        }
    }
    // Which makes the triggers anew.
    fixture.add::<Branch>("branches", BRANCHES).await;
    fixture.add::<Leaf>("leaves", LEAVES).await;
    fixture
}

fn cases(few: u32) -> u32 {
    env::var(CASES_VARIABLE).map_or(few, |cases| cases.parse().expect(CASES_VARIABLE))
}

fn one_more_sync_makes_all_copies_equal(pair: Pair, few: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let fixture = runtime.block_on(fixture(pair));
    let mut runner = TestRunner::new(Config {
        cases: cases(few),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(SEEDS))),
        max_shrink_iters: 500,
        // What waits for a lock waits long.
        max_shrink_time: 60_000,
        ..Config::default()
    });
    let last = prop_oneof![Just(Mode::Capture), Just(Mode::Full)];
    let outcome = runner.run(&(vec(step(), 1..60), last), |(steps, last)| {
        let scenario = Scenario {
            fixture: &fixture,
            pair,
            open: [const { None }; WRITERS],
        };
        runtime.block_on(scenario.run(&steps, last))
    });
    outcome.unwrap_or_else(|failed| panic!("{pair:?}: {failed}"));
    runtime.block_on(async { drop(fixture) });
}

macro_rules! pairs {
    ($($test:ident: $pair:ident $few:literal)+) => {
        mod one_more_sync_makes_all_copies_equal {
            $(
                #[test]
                fn $test() {
                    super::one_more_sync_makes_all_copies_equal(super::$pair, $few);
                }
            )+
        }
    };
}

pairs! {
    sqlite: SQLITE 60
    postgres: POSTGRES 8
    mariadb: MARIADB 8
    postgres_to_mariadb: MIXED 8
}
