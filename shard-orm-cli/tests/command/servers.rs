//! The command on PostgreSQL, MariaDB and SQLite.

use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::GROUP;
use shard_orm_tests::secrets::SECRET;

use crate::fixture::{Folder, configuration};

/// A sharded row.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
pub(crate) struct Order {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
}

/// The texts at a path of all elements of a list.
fn texts(list: &serde_json::Value, key: &str) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| one[key].as_str().unwrap_or("null").to_owned())
        .collect()
}

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn status_counts_rows_on_request(fixture: &Fixture) {
        for key in fixture.key_of_each_shard() {
            Order { id: fixture.id(), user_id: key }.insert(&fixture.cluster).await.unwrap();
        }
        let folder = Folder::of(fixture);
        let status = folder.run(&["status", "--exact", "--json"]).json(0);
        let group = &status["groups"][0];
        assert_eq!(group["name"], GROUP);
        for shard in group["shards"].as_array().unwrap() {
            assert_eq!((&shard["rows"], &shard["rows_estimated"]), (&1.into(), &false.into()), "{shard}");
        }
        assert_eq!(texts(&group["servers"], "name"), ["server-0", "server-1"]);
        let text = folder.run(&["status", "--exact", "--group", GROUP]);
        assert_eq!(text.code, 0, "{text:?}");
        assert!(text.stdout.contains("4 shards, 4 rows, "), "{text:?}");
        assert!(!text.stdout.contains("named databases"), "{text:?}");
    }

    async fn a_check_that_finds_nothing_is_done_and_one_that_does_is_not(fixture: &Fixture) {
        let folder = Folder::of(fixture);
        let well = folder.run(&["check"]);
        assert_eq!((well.code, &*well.stdout), (0, "ok: nothing is wrong\n"), "{well:?}");
        fixture.raw_namespace(2).remove().await;
        let found = folder.run(&["check", "--json"]).json(3);
        assert_eq!(texts(&found["findings"], "check"), ["namespaces"], "{found}");
        let text = folder.run(&["check"]);
        assert!(text.stdout.starts_with("error group shop\n"), "{text:?}");
        assert!(text.stdout.contains("--create-missing"), "{text:?}");
        assert!(text.stdout.ends_with("1 error\n"), "{text:?}");

        let setup = folder.run(&["setup", "--check"]);
        assert_eq!(setup.code, 3, "{setup:?}");
        let refused = folder.run(&["setup", "--create-missing", "shop:2"]);
        assert_eq!(refused.code, 2, "without --yes: {refused:?}");
        let created = folder.run(&["setup", "--create-missing", "shop:2", "--yes"]);
        assert_eq!((created.code, &*created.stdout), (0, "4 namespaces are ready\n"), "{created:?}");
        assert_eq!(folder.run(&["check"]).code, 0);
    }

    async fn pools_of_many_processes_are_found(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            return;
        }
        let folder = Folder::of(fixture);
        let found = folder.run(&["check", "--processes", "1000", "--json"]).json(3);
        assert!(texts(&found["findings"], "check").contains(&"connection_budget".to_owned()), "{found}");
    }

    async fn sql_has_an_outcome_for_each_shard(fixture: &Fixture) {
        let folder = Folder::of(fixture);
        fixture.raw_namespace(1).run(&format!("DROP TABLE {}", fixture.raw_namespace(1).table("orders"))).await;
        let ran = folder.run(&["sql", "--all", "SELECT count(*) AS n FROM orders"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        let lines: Vec<&str> = ran.stdout.lines().collect();
        assert_eq!(lines, ["shard   n", "shop/0  0", "shop/2  0", "shop/3  0", "(3 rows)"], "{ran:?}");
        assert!(ran.stderr.starts_with("error: shop/1: undefined table or column: "), "{ran:?}");
        assert!(ran.stderr.ends_with("3 of 4 done, 1 failed\n"), "{ran:?}");

        let json = folder.run(&["sql", "--all", "--json", "SELECT count(*) AS n FROM orders"]).json(1);
        let outcomes = json["outcomes"].as_array().unwrap();
        assert_eq!(outcomes.len(), 4);
        assert_eq!(outcomes[0]["results"][0]["rows"][0][0], "0", "{json}");
        assert_eq!(outcomes[1]["error"]["kind"], "undefined_table", "{json}");
    }

    async fn what_removes_data_everywhere_asks(fixture: &Fixture) {
        let folder = Folder::of(fixture);
        let refused = folder.run(&["sql", "--all", "DELETE FROM orders"]);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.stderr.contains("removes data on 4 logical shards of group shop: DELETE FROM orders"), "{refused:?}");
        assert_eq!(folder.run(&["sql", "--all", "--yes", "DELETE FROM orders"]).code, 0);
        assert_eq!(folder.run(&["sql", "--shard", "1", "DELETE FROM orders"]).code, 0);
    }

    async fn a_file_is_run_in_a_transaction(fixture: &Fixture) {
        let folder = Folder::of(fixture);
        folder.write("fix.sql", "INSERT INTO orders VALUES (1, 1);\nINSERT INTO orders VALUES (1, 1);\n");
        let ran = folder.run(&["sql", "--shard", "0", "--transaction", "--file", "fix.sql"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains("unique constraint"), "{ran:?}");
        let count = folder.run_with(&["sql", "--shard", "0", "--file", "-"], "SELECT count(*) AS n FROM orders");
        assert_eq!((count.code, &*count.stdout), (0, "n\n0\n(1 row)\n"), "{count:?}");
    }

    async fn accounts_are_created_with_passwords_from_the_environment(fixture: &Fixture) {
        let folder = Folder::of(fixture);
        let name = format!("cli_{}_{}", std::process::id(), fixture.id());
        let arguments = ["user", "setup", "--application", &name, "--application-password", "APP_PASSWORD"];
        let unset = folder.run(&arguments);
        assert_eq!(unset.code, 2, "{unset:?}");
        let with_password = |more: &[&str]| {
            let all: Vec<&str> = arguments.iter().chain(more).copied().collect();
            folder.command(&all).env("APP_PASSWORD", SECRET).output().unwrap().into()
        };
        let ran: crate::fixture::Ran = with_password(&["--dry-run"]);
        if fixture.dialect == Dialect::Sqlite {
            assert_eq!(ran.code, 1);
            assert!(ran.stderr.contains("SQLite has no accounts"), "{ran:?}");
            return;
        }
        assert!(ran.stdout.contains("'***'") && ran.stdout.contains("GRANT"), "{ran:?}");
        assert!(!ran.stdout.contains(SECRET), "{ran:?}");
        let ran = with_password(&[]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.stdout.starts_with(&format!("shop/server-0: account {name} is ready (")), "{ran:?}");
        let again = with_password(&["--json"]).json(0);
        assert_eq!(texts(&again["outcomes"], "server"), ["shop/server-0", "shop/server-1", "database default"]);
    }

    async fn dangerous_migrations_ask_before_they_run(fixture: &Fixture) {
        let folder = Folder::of(fixture);
        std::fs::create_dir_all(folder.path().join("migrations/shop")).unwrap();
        folder.write("migrations/shop/1_notes.sql", "CREATE TABLE notes (id int PRIMARY KEY, text int);");
        folder.write("migrations/shop/2_renamed.sql", "ALTER TABLE notes RENAME COLUMN text TO line;");
        let first = folder.run(&["migrate", "up"]);
        assert_eq!((first.code, &*first.stderr), (0, ""), "nobody uses a new table: {first:?}");

        folder.write("migrations/shop/3_again.sql", "ALTER TABLE notes RENAME COLUMN line TO text;");
        let is_asked = fixture.dialect != Dialect::Sqlite;
        let planned = folder.run(&["migrate", "up", "--dry-run"]);
        assert_eq!(planned.code, 0, "{planned:?}");
        assert_eq!(planned.stderr.contains("shop/3_again.sql:1: dangerous rename-column"), is_asked, "{planned:?}");
        if is_asked {
            let refused = folder.run(&["migrate", "up"]);
            assert_eq!((refused.code, &*refused.stdout), (2, ""), "{refused:?}");
            assert!(refused.stderr.contains("1 statement can stop the programs"), "{refused:?}");
            assert!(refused.stderr.contains("answer with --yes"), "{refused:?}");
            let other = folder.run(&["migrate", "up", "--allow", "drop-table"]);
            assert_eq!(other.code, 2, "{other:?}");
        }
        let done = folder.run(&["migrate", "up", "--allow", "rename-column"]);
        assert_eq!((done.code, &*done.stderr), (0, ""), "{done:?}");
        folder.write("migrations/shop/4_more.sql", "ALTER TABLE notes RENAME COLUMN text TO line;");
        let done = folder.run(&["migrate", "up", "--yes"]);
        assert_eq!((done.code, &*done.stdout), (0, "4 migrations in 4 namespaces\n"), "{done:?}");
        let none = folder.run(&["migrate", "up"]);
        assert_eq!((none.code, &*none.stderr), (0, ""), "{none:?}");
    }

    async fn a_server_that_does_not_answer_fails_the_status(fixture: &Fixture) {
        let url = match fixture.dialect {
            Dialect::Sqlite => return,
            Dialect::Postgres => format!("postgres://app:{SECRET}@127.0.0.1:9/shop"),
            Dialect::MySql => format!("mysql://app:{SECRET}@127.0.0.1:9"),
        };
        let servers = [fixture.server_urls()[0].clone(), url];
        let folder = Folder::new(&configuration(fixture, &servers));
        let ran = folder.run(&["status"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stdout.contains("no answer"), "{ran:?}");
        let checked = folder.run(&["check"]);
        assert_eq!(checked.code, 3, "{checked:?}");
        for ran in [ran, checked] {
            assert!(!format!("{ran:?}").contains(SECRET), "{ran:?}");
        }
    }
}
