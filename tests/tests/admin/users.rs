//! Accounts with the least privileges.

use shard_orm::admin::{
    Account, AccountPurpose, SqlPlace, SqlRequest, run_sql, set_up_accounts, sync_status,
};
use shard_orm::config::{Config, Database, Group, Server};
use shard_orm::prelude::*;
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm::sync::StaticSync;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{DATABASE, Fixture, GROUP};

use crate::copies::forget_declarations;
use crate::{Airline, Order, Setting, fill};

const PASSWORD: &str = "it's a \\ s3cr3t";

/// A name that no other account of the server has.
fn name(fixture: &Fixture, role: &str) -> String {
    format!("{role}_{}_{}", std::process::id(), fixture.id())
}

fn account(name: &str, purpose: AccountPurpose) -> Account {
    Account::new(name, purpose).password(PASSWORD)
}

/// The cluster, as this account opens it.
async fn opened_as(fixture: &Fixture, name: &str) -> Cluster {
    let password: String = PASSWORD
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect();
    let url = |url: &str| {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (_, place) = rest.rsplit_once('@').unwrap();
        format!("{scheme}://{name}:{password}@{place}")
    };
    let mut group = Group::new(fixture.logical_shards)
        .namespace(fixture.namespace())
        .static_namespace(fixture.namespace().replace("{shard}", "static"));
    for (number, server) in fixture.server_urls().iter().enumerate() {
        group = group.server(Server::new(format!("server-{number}"), url(server)));
    }
    let config = Config::new(fixture.cluster_name())
        .database(DATABASE, Database::new(url(fixture.database_url())))
        .group(GROUP, group);
    Cluster::connect(&config).await.unwrap()
}

/// The error of a statement on the first logical shard; `None` if it was carried out.
async fn refusal(cluster: &Cluster, text: &str) -> Option<String> {
    let place = SqlPlace::Shard {
        group: GROUP.to_owned(),
        shard: 0,
    };
    let request = SqlRequest::new(place, AssertSqlSafe(text.to_owned()));
    let report = run_sql(cluster, &request).await.unwrap();
    report
        .outcomes
        .into_iter()
        .next()
        .unwrap()
        .error
        .map(|error| error.to_string())
}

behaviours! { (Order, Airline, Setting), 2 shards on 1 servers, |options| options;
    async fn an_application_writes_rows_and_nothing_else(fixture: &Fixture) {
        let name = name(fixture, "app");
        let accounts = [account(&name, AccountPurpose::Application)];
        let done = set_up_accounts(&fixture.cluster, &accounts, false).await;
        if fixture.dialect == Dialect::Sqlite {
            let error = done.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("no accounts"), "{error}");
            return;
        }
        let report = done.unwrap();
        assert!(report.is_done(), "{report:?}");
        assert!(!format!("{report:?} {accounts:?}").contains("s3cr3t"), "{report:?}");
        let places: Vec<&str> = report.outcomes.iter().map(|one| &*one.server).collect();
        assert_eq!(places, ["shop/server-0", "database default"]);

        let cluster = opened_as(fixture, &name).await;
        let key = fixture.key_of_shard(0);
        let order = Order { id: fixture.id(), user_id: key, item: "tea".into(), note: None };
        let order = order.insert(&cluster).await.unwrap();
        assert_eq!(Order::get(&cluster, key, order.id).await.unwrap(), order);
        Setting { name: "a".into(), value: "b".into() }.insert(&cluster).await.unwrap();
        assert!(refusal(&cluster, "CREATE TABLE more (id int)").await.is_some());
        assert!(refusal(&cluster, "DROP TABLE orders").await.is_some());
        if fixture.dialect == Dialect::Postgres {
            assert!(refusal(&cluster, "UPDATE shard_orm_namespace SET ready = 0").await.is_some());
            // Tables that are created later are granted as well.
            assert_eq!(refusal(&fixture.cluster, "CREATE TABLE later (id int)").await, None);
            assert_eq!(refusal(&cluster, "INSERT INTO later VALUES (1)").await, None);
        }
    }

    async fn an_account_that_may_not_alter_tables_syncs_without_a_record(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            return;
        }
        let name = name(fixture, "app");
        let accounts = [account(&name, AccountPurpose::Application)];
        assert!(set_up_accounts(&fixture.cluster, &accounts, false).await.unwrap().is_done());
        forget_declarations(fixture).await;
        let cluster = opened_as(fixture, &name).await;
        let hooks = async || sync_status(&cluster).await.unwrap()[0].hooks;
        for code in ["AA", "BB"] {
            Airline { code: code.into(), name: code.into() }.insert(&cluster).await.unwrap();
            let sync = StaticSync::of::<Airline>(&cluster);
            let done = sync.run().await.unwrap().complete().unwrap();
            assert_eq!((done.rows().inserted, hooks().await), (1, None));
        }
        fixture.setup_of(&fixture.cluster).table::<Order>().table::<Airline>().table::<Setting>().run().await.unwrap();
        StaticSync::of::<Airline>(&cluster).run().await.unwrap().complete().unwrap();
        assert_eq!(hooks().await, Some(false));
    }

    async fn a_reader_writes_nothing(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            return;
        }
        fill(fixture).await;
        let name = name(fixture, "ro");
        let accounts = [account(&name, AccountPurpose::ReadOnly)];
        // A second time it is brought up to date.
        for _ in 0..2 {
            let report = set_up_accounts(&fixture.cluster, &accounts, false).await.unwrap();
            assert!(report.is_done(), "{report:?}");
        }
        let cluster = opened_as(fixture, &name).await;
        assert_eq!(refusal(&cluster, "SELECT count(*) FROM orders").await, None);
        assert!(refusal(&cluster, "DELETE FROM orders").await.is_some());
    }

    async fn a_dry_run_changes_nothing(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            return;
        }
        let name = name(fixture, "dry");
        let accounts = [account(&name, AccountPurpose::Application)];
        let report = set_up_accounts(&fixture.cluster, &accounts, true).await.unwrap();
        assert!(report.is_done(), "{report:?}");
        for outcome in &report.outcomes {
            assert_eq!(outcome.done, 0);
            assert!(outcome.statements[0].contains("'***'"), "{outcome:?}");
            assert!(outcome.statements.len() >= 2, "{outcome:?}");
        }
        let unknown = [Account::new(&name, AccountPurpose::ReadOnly)];
        let report = set_up_accounts(&fixture.cluster, &unknown, false).await.unwrap();
        assert!(!report.is_done(), "it does not exist, and has no password");
    }

    async fn a_name_is_checked_before_anything_is_sent(fixture: &Fixture) {
        for name in ["", "a b", "1a", "pg_app", "a'--", &"a".repeat(64)] {
            let accounts = [account(name, AccountPurpose::Application)];
            let error = set_up_accounts(&fixture.cluster, &accounts, false).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}");
        }
    }
}
