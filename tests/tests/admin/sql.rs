//! An operator's own SQL.

use shard_orm::admin::{Key, SqlPlace, SqlReport, SqlRequest, StopSignal, run_sql};
use shard_orm::config::Config;
use shard_orm::prelude::*;
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{DATABASE, Fixture, GROUP};

use crate::{Order, Setting, fill};

fn request(place: SqlPlace, text: &str) -> SqlRequest {
    SqlRequest::new(place, AssertSqlSafe(text.to_owned()))
}

fn group() -> String {
    GROUP.to_owned()
}

fn every_shard() -> SqlPlace {
    SqlPlace::EachShard { group: group() }
}

fn of_key(key: i64) -> SqlPlace {
    SqlPlace::Key {
        group: group(),
        key: Key::new(key),
    }
}

async fn run(fixture: &Fixture, place: SqlPlace, text: &str) -> SqlReport {
    run_sql(&fixture.cluster, &request(place, text))
        .await
        .unwrap()
}

/// The rows of the first result of a place.
fn rows(report: &SqlReport, place: usize) -> Vec<Vec<Option<&str>>> {
    let rows = report.outcomes[place].results[0].rows.iter();
    rows.map(|row| row.iter().map(Option::as_deref).collect())
        .collect()
}

/// Values of the types that the databases have, and their texts.
fn values(dialect: Dialect) -> (&'static str, Vec<Option<&'static str>>) {
    match dialect {
        Dialect::Sqlite => (
            "SELECT 1 AS a, -9223372036854775808 AS b, 1.5 AS c, 1e300 AS d, 'é' AS e, x'00ff' AS f, NULL AS g, '' AS h",
            vec![
                Some("1"),
                Some("-9223372036854775808"),
                Some("1.5"),
                Some("1e300"),
                Some("é"),
                Some("\\x00ff"),
                None,
                Some(""),
            ],
        ),
        Dialect::Postgres => (
            "SELECT 1 AS a, true AS b, 1.50::numeric AS c, '2026-01-02 03:04:05+00'::timestamptz AS d, 'é' AS e, \
             '\\x00ff'::bytea AS f, NULL AS g, '' AS h, ARRAY[1, NULL] AS i, '1 day'::interval AS j, \
             '{\"a\": 1}'::jsonb AS k, '10.0.0.0/8'::cidr AS l, int4range(1, 5) AS m, 'NaN'::float8 AS n, \
             row(1, 'x') AS o, 'a'::\"char\" AS p",
            vec![
                Some("1"),
                Some("t"),
                Some("1.50"),
                Some("2026-01-02 03:04:05+00"),
                Some("é"),
                Some("\\x00ff"),
                None,
                Some(""),
                Some("{1,NULL}"),
                Some("1 day"),
                Some("{\"a\": 1}"),
                Some("10.0.0.0/8"),
                Some("[1,5)"),
                Some("NaN"),
                Some("(1,x)"),
                Some("a"),
            ],
        ),
        Dialect::MySql => (
            "SELECT 1 AS a, 18446744073709551615 AS b, 1.50 AS c, CAST('2026-01-02 03:04:05' AS DATETIME) AS d, 'é' AS e, \
             x'00ff' AS f, NULL AS g, '' AS h, CAST('-25:00:00' AS TIME) AS i, b'101' AS j, CAST('0000-00-00' AS CHAR) AS k, \
             1e0 AS l",
            vec![
                Some("1"),
                Some("18446744073709551615"),
                Some("1.50"),
                Some("2026-01-02 03:04:05"),
                Some("é"),
                Some("\\x00ff"),
                None,
                Some(""),
                Some("-25:00:00"),
                Some("\\x05"),
                Some("0000-00-00"),
                Some("1"),
            ],
        ),
    }
}

behaviours! { (Order, Setting);
    async fn values_of_any_type_are_texts(fixture: &Fixture) {
        let (text, expected) = values(fixture.dialect);
        let report = run(fixture, of_key(fixture.key()), text).await;
        assert!(report.is_done(), "{report:?}");
        assert_eq!(rows(&report, 0), std::slice::from_ref(&expected));
        let result = &report.outcomes[0].results[0];
        assert_eq!(result.columns.len(), expected.len());
        assert_eq!(result.columns[0], "a");
    }

    async fn names_mean_the_tables_of_the_shard(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let list: Vec<String> = keys.iter().map(ToString::to_string).collect();
        let text = format!("SELECT user_id, item FROM orders WHERE user_id IN ({})", list.join(", "));
        let report = run(fixture, every_shard(), &text).await;
        assert!(report.is_done(), "{report:?}");
        assert_eq!(report.outcomes.len(), keys.len());
        for (shard, key) in keys.iter().enumerate() {
            let outcome = &report.outcomes[shard];
            assert_eq!(outcome.place(), format!("{GROUP}/{shard}"));
            assert_eq!(rows(&report, shard), [[Some(&*key.to_string()), Some("tea")]]);
            assert!(outcome.endpoint.is_some());
        }
        let one = run(fixture, SqlPlace::Shard { group: group(), shard: 0 }, &text).await;
        assert_eq!((one.outcomes.len(), rows(&one, 0).len()), (1, 1));
    }

    async fn a_text_of_several_statements_has_several_results(fixture: &Fixture) {
        let key = fixture.key();
        let id = fixture.id();
        let text = format!(
            "INSERT INTO orders (id, user_id, item) VALUES ({id}, {key}, 'a;b');\n\
             SELECT item, note FROM orders WHERE id = {id};\nDELETE FROM orders WHERE id = {id};"
        );
        let report = run(fixture, of_key(key), &text).await;
        let results = &report.outcomes[0].results;
        assert_eq!(results.len(), 3, "{report:?}");
        assert_eq!((results[0].affected, results[2].affected), (1, 1));
        assert_eq!(results[1].rows, [[Some("a;b".to_owned()), None]]);
    }

    async fn an_error_is_reported_with_what_was_done_before(fixture: &Fixture) {
        let report = run(fixture, every_shard(), "SELECT 1; SELECT id FROM nowhere").await;
        assert!(!report.is_done());
        assert_eq!(report.failed().count(), report.outcomes.len());
        for (outcome, error) in report.failed() {
            assert_eq!(error.kind(), ErrorKind::UndefinedTable, "{error}");
            assert_eq!(error.shard(), outcome.shard.as_ref());
            assert!(error.to_string().contains("nowhere"), "{error}");
            assert!(outcome.begun);
            assert_eq!(outcome.results.len(), 1, "{outcome:?}");
        }
    }

    async fn a_transaction_is_rolled_back_as_a_whole(fixture: &Fixture) {
        let (key, id) = (fixture.key(), fixture.id());
        let insert = format!("INSERT INTO orders (id, user_id, item) VALUES ({id}, {key}, 'x')");
        let failing = request(of_key(key), &format!("{insert}; SELECT id FROM nowhere")).transaction(true);
        let report = run_sql(&fixture.cluster, &failing).await.unwrap();
        assert!(!report.is_done());
        assert_eq!(Order::find(&fixture.cluster, key, id).await.unwrap(), None);
        let done = request(of_key(key), &insert).transaction(true);
        assert!(run_sql(&fixture.cluster, &done).await.unwrap().is_done());
        assert!(Order::find(&fixture.cluster, key, id).await.unwrap().is_some());
    }

    async fn settings_of_a_text_end_with_it(fixture: &Fixture) {
        let (set, get) = match fixture.dialect {
            Dialect::Sqlite => ("PRAGMA cache_size = 77", "PRAGMA cache_size"),
            Dialect::Postgres => ("SET work_mem = '77MB'", "SHOW work_mem"),
            Dialect::MySql => ("SET SESSION join_buffer_size = 77824", "SELECT @@join_buffer_size"),
        };
        let key = fixture.key();
        let both = run(fixture, of_key(key), &format!("{set}; {get}")).await;
        let changed = both.outcomes[0].results.last().unwrap().rows.clone();
        let after = run(fixture, of_key(key), get).await;
        assert_ne!(after.outcomes[0].results[0].rows, changed);
    }

    async fn servers_run_it_once(fixture: &Fixture) {
        let place = SqlPlace::EachServer { group: group() };
        let asked = run_sql(&fixture.cluster, &request(place, "SELECT 1")).await;
        if fixture.dialect == Dialect::Sqlite {
            assert_eq!(asked.unwrap_err().kind(), ErrorKind::Unsupported);
            return;
        }
        let report = asked.unwrap();
        let places: Vec<String> = report.outcomes.iter().map(|one| one.place()).collect();
        let expected: Vec<String> = (0..fixture.servers).map(|number| format!("server-{number}")).collect();
        assert_eq!(places, expected);
        assert!(report.is_done(), "{report:?}");
    }

    async fn a_named_database_is_where_its_url_leads(fixture: &Fixture) {
        let place = SqlPlace::Database { name: DATABASE.to_owned() };
        let report = run(fixture, place, "SELECT count(*) FROM settings").await;
        assert!(report.is_done(), "{report:?}");
    }

    async fn what_is_known_to_be_wrong_is_refused_before_anything_is_sent(fixture: &Fixture) {
        let wrong = |place| {
            let asked = request(place, "SELECT 1");
            async move { run_sql(&fixture.cluster, &asked).await.unwrap_err().kind() }
        };
        assert_eq!(wrong(SqlPlace::EachShard { group: "nowhere".into() }).await, ErrorKind::Configuration);
        assert_eq!(wrong(SqlPlace::Shard { group: group(), shard: 99 }).await, ErrorKind::NoShardForKey);
        assert_eq!(wrong(SqlPlace::Database { name: "nowhere".into() }).await, ErrorKind::Configuration);
        let empty = run_sql(&fixture.cluster, &request(every_shard(), " \n")).await;
        assert_eq!(empty.unwrap_err().kind(), ErrorKind::Unsupported);
    }

    async fn after_an_error_nothing_further_is_begun_on_request(fixture: &Fixture) {
        let failing = request(every_shard(), "SELECT id FROM nowhere").parallel(1, 1).stop_at_first_error(true);
        let report = run_sql(&fixture.cluster, &failing).await.unwrap();
        let begun = report.outcomes.iter().filter(|one| one.begun).count();
        assert_eq!((begun, report.failed().count()), (1, 1));
        assert!(!report.is_done());
    }

    async fn a_stop_ends_it_after_what_has_begun(fixture: &Fixture) {
        let stop = StopSignal::default();
        let given = stop.clone();
        let asked = request(every_shard(), "SELECT 1").parallel(1, 1).stop_on(stop).observe(move |_| given.stop());
        let report = run_sql(&fixture.cluster, &asked).await.unwrap();
        assert_eq!(report.outcomes.iter().filter(|one| one.begun).count(), 1);
        assert_eq!(report.is_done(), fixture.logical_shards == 1);
    }
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn a_namespace_of_another_cluster_is_not_touched(fixture: &Fixture) {
        fixture.raw_namespace(1).set_record("cluster_name = 'other'").await;
        let cluster = fixture.another_process().await;
        let report = run_sql(&cluster, &request(every_shard(), "DELETE FROM orders")).await.unwrap();
        let kinds: Vec<Option<ErrorKind>> = report.outcomes.iter().map(|one| one.error.as_ref().map(|e| e.kind())).collect();
        assert_eq!(kinds, [None, Some(ErrorKind::Configuration), None, None]);
    }

    async fn a_replica_is_required_on_request(fixture: &Fixture) {
        let asked = request(every_shard(), "SELECT 1").on_replicas(true);
        let report = run_sql(&fixture.cluster, &asked).await.unwrap();
        for (_, error) in report.failed() {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        }
        assert_eq!(report.failed().count(), 4);
    }
}

behaviours! { (Order, Setting), 2 shards on 1 servers, |options| options.replicas();
    async fn replicas_are_asked_on_request(fixture: &Fixture) {
        let cluster = Cluster::connect(&config(fixture)).await.unwrap();
        let asked = request(every_shard(), "SELECT count(*) FROM orders").on_replicas(true);
        let report = run_sql(&cluster, &asked).await.unwrap();
        assert!(report.is_done(), "{report:?}");
        let replica = fixture.replica_urls()[0].rsplit_once('@').map_or("replica-0", |(_, place)| place);
        for outcome in &report.outcomes {
            let endpoint = outcome.endpoint.clone().unwrap();
            assert!(endpoint.contains(replica), "{endpoint} {replica}");
        }
        let write = request(every_shard(), "DELETE FROM orders").on_replicas(true);
        let report = run_sql(&cluster, &write).await.unwrap();
        for (_, error) in report.failed() {
            assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error}");
        }
        assert_eq!(report.failed().count(), 2);
    }
}

/// The configuration of a fixture with its replica.
fn config(fixture: &Fixture) -> Config {
    use shard_orm::config::{Group, Server};
    let group = Group::new(fixture.logical_shards)
        .namespace(fixture.namespace())
        .static_namespace(fixture.namespace().replace("{shard}", "static"))
        .server(
            Server::new("server-0", &fixture.server_urls()[0]).replica(&fixture.replica_urls()[0]),
        );
    Config::new(fixture.cluster_name()).group(GROUP, group)
}
