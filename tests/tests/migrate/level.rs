//! The migrations of one logical shard, and where its tables deviate from those of the others of its group.

use shard_orm::migrate::{Basis, Migrations, ShardLevel, ShardVersion, VersionState, check_models};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::GROUP;

use crate::deployment::{Deployment, NOTES, TEXT, migrations};
use crate::{Note, Order};

impl Deployment<'_> {
    async fn level(&self, all: &Migrations, shard: u32) -> ShardLevel {
        let level = self.cluster.migrate(all).shard_level(GROUP, shard).await;
        level.unwrap()
    }
}

fn states(level: &ShardLevel) -> Vec<(i64, VersionState)> {
    let state = |version: &ShardVersion| (version.version, version.state);
    level.versions.iter().map(state).collect()
}

/// The column of the notes has another type.
fn longer(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "DROP TABLE notes; CREATE TABLE notes (id BIGINT NOT NULL PRIMARY KEY, content INT)"
        }
        Dialect::Postgres => "ALTER TABLE notes ALTER COLUMN content TYPE varchar(30)",
        Dialect::MySql => "ALTER TABLE notes MODIFY COLUMN content VARCHAR(30)",
    }
}

const APPLIED: VersionState = VersionState::Applied;

behaviours! { (Order), 16 shards on 2 servers, |options| options;
    async fn a_logical_shard_has_the_versions_and_tables_of_the_others(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "level").await;
        let all = migrations(&[NOTES, TEXT]);
        deployment.cluster.migrate(&all).up().await.unwrap();
        for all in [&all, &Migrations::none()] {
            let level = deployment.level(all, 9).await;
            assert_eq!(level.location, deployment.location(9));
            assert_eq!(states(&level), [(1, APPLIED), (2, APPLIED)]);
            let version = &level.versions[1];
            assert_eq!((&*version.name, version.others), ("text", 12));
            assert_eq!(version.has_file, all.folders().next().is_some());
            let age = version.at.unwrap().elapsed().unwrap_or_default();
            assert!(age.as_secs() < 600, "{age:?}");
            assert_eq!((level.group, level.read, level.compared), (15, 12, 12));
            assert!(level.deviations.is_empty() && level.failed.is_empty(), "{level:?}");
            assert_eq!(level.not_compared, None);
        }
    }

    async fn what_a_logical_shard_lacks_is_that_of_the_others_and_of_the_files(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "lacks").await;
        let run = |all: &Migrations| deployment.cluster.migrate(all);
        let all = migrations(&[NOTES, TEXT]);
        run(&migrations(&[NOTES])).up().await.unwrap();
        for shard in (0..16).filter(|shard| *shard != 3) {
            run(&all).shard(shard).up().await.unwrap();
        }
        let level = deployment.level(&Migrations::none(), 3).await;
        assert_eq!(states(&level), [(1, APPLIED), (2, VersionState::Missing)]);
        assert_eq!((level.versions[1].others, level.versions[1].at), (12, None));
        // No other one is at its versions.
        assert_eq!(level.compared, 0);
        assert!(level.not_compared.unwrap().contains("same versions"));

        let more = migrations(&[NOTES, TEXT, ("shop/3_more.sql", "CREATE TABLE more (id INT)")]);
        let level = deployment.level(&more, 5).await;
        assert_eq!(states(&level), [(1, APPLIED), (2, APPLIED), (3, VersionState::Missing)]);
        assert_eq!(level.versions[2].others, 0);
        assert!(level.compared > 9, "{level:?}");

        let other = migrations(&[NOTES, (TEXT.0, "ALTER TABLE notes ADD COLUMN content VARCHAR(21)")]);
        let level = deployment.level(&other, 5).await;
        assert_eq!(states(&level), [(1, APPLIED), (2, VersionState::Changed)]);
    }

    async fn a_table_that_differs_from_most_is_found_at_its_logical_shard_only(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "differs").await;
        let all = migrations(&[NOTES, TEXT]);
        deployment.cluster.migrate(&all).up().await.unwrap();
        deployment.run_on(5, longer(fixture.dialect)).await;
        let level = deployment.level(&all, 5).await;
        assert_eq!(level.compared, 12);
        let [drifted] = &level.deviations[..] else {
            panic!("{level:?}");
        };
        assert_eq!((&*drifted.table, drifted.basis), ("notes", Basis::Majority));
        assert_eq!(drifted.location, deployment.location(5));
        assert_eq!((drifted.namespaces, drifted.as_expected, drifted.as_found), (13, 12, 1));
        // The same as a comparison of all namespaces says.
        let drift = deployment.cluster.migrate(&all).without_scratch().drift().await.unwrap();
        assert_eq!(drift.deviations().map(|one| one.description()).collect::<Vec<_>>(), [drifted.description()]);
        let level = deployment.level(&all, 4).await;
        assert!(level.deviations.is_empty(), "{level:?}");

        let models = || check_models(&deployment.cluster).model::<Note>();
        let report = models().shard(GROUP, 5).run().await.unwrap();
        assert_eq!(report.namespaces, 1);
        let own: Vec<_> = report.deviations.iter().map(|one| &one.location).collect();
        assert!(!own.is_empty() && own.iter().all(|one| **one == deployment.location(5)), "{report}");
    }

    async fn a_version_that_was_interrupted_is_said_and_nothing_is_compared(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "stopped").await;
        let all = migrations(&[NOTES, TEXT]);
        deployment.cluster.migrate(&all).up().await.unwrap();
        let change = "UPDATE shard_orm_migration SET state = 'applying' WHERE version = 2";
        deployment.run_on(7, change).await;
        let level = deployment.level(&Migrations::none(), 7).await;
        assert_eq!(states(&level), [(1, APPLIED), (2, VersionState::Applying)]);
        assert_eq!(level.compared, 0);
        assert!(level.not_compared.unwrap().contains("interrupted"));
        // For others, it is one of which the versions differ.
        let level = deployment.level(&Migrations::none(), 6).await;
        assert_eq!(states(&level), [(1, APPLIED), (2, APPLIED)]);
        assert!(level.deviations.is_empty(), "{level:?}");
    }

    async fn without_migrations_tables_are_compared_and_a_namespace_that_is_missing_is_an_error(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "none").await;
        let none = Migrations::none();
        let error = deployment.cluster.migrate(&none).shard_level(GROUP, 0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UndefinedTable, "{error}");
        deployment.cluster.setup().table::<Note>().run().await.unwrap();
        let level = deployment.level(&none, 0).await;
        assert_eq!((states(&level), level.compared), (Vec::new(), 12));
        deployment.run_on(0, "ALTER TABLE notes ADD COLUMN extra INT").await;
        let level = deployment.level(&none, 0).await;
        assert_eq!(level.deviations.len(), 1, "{level:?}");
        let error = deployment.cluster.migrate(&none).shard_level("none", 0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        let error = deployment.cluster.migrate(&none).shard_level(GROUP, 99).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoShardForKey, "{error}");
    }
}
