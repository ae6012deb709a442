//! Raw SQL on one shard.

use shard_orm::prelude::*;
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, GROUP};

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    item: String,
    #[shard(column = "how_many")]
    quantity: i32,
    weight: f64,
    note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "lines")]
struct Line {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    order_id: i64,
    text: String,
}

#[derive(Debug, PartialEq, ShardProjection)]
#[shard(model = Order)]
struct Short {
    id: i64,
    quantity: i32,
}

async fn order(fixture: &Fixture, user_id: i64, quantity: i32) -> Order {
    let row = Order {
        id: fixture.id(),
        user_id,
        item: format!("item {quantity}"),
        quantity,
        weight: 0.5,
        note: None,
    };
    row.insert(&fixture.cluster).await.unwrap()
}

behaviours! { (Order, Line);
    async fn braces_name_tables_of_the_shard(fixture: &Fixture) {
        for key in fixture.key_of_each_shard() {
            let row = order(fixture, key, 3).await;
            Line { id: fixture.id(), user_id: key, order_id: row.id, text: "x".into() }.insert(&fixture.cluster).await.unwrap();
            let text = "SELECT o.id, l.text FROM {orders} o JOIN { lines } l ON l.order_id = o.id WHERE o.user_id = ?";
            let found: Vec<(i64, String)> = Order::query().on_shard_of(key).sql(text).bind(key).all(&fixture.cluster).await.unwrap();
            assert_eq!(found, [(row.id, "x".to_owned())]);
        }
    }

    async fn the_columns_of_the_model_are_listed(fixture: &Fixture) {
        let key = fixture.key();
        let row = order(fixture, key, 3).await;
        let text = "SELECT {orders.*} FROM {orders} WHERE user_id = ?";
        let found: Vec<Order> = Order::query().on_shard_of(key).sql(text).bind(key).all(&fixture.cluster).await.unwrap();
        assert_eq!(found, std::slice::from_ref(&row));
        let text = "SELECT id, how_many FROM {orders} WHERE user_id = ?";
        let found: Short = Order::query().on_shard_of(key).sql(text).bind(key).one(&fixture.cluster).await.unwrap();
        assert_eq!(found, Short { id: row.id, quantity: 3 });
    }

    async fn rows_are_read_as_fields_and_tuples(fixture: &Fixture) {
        let key = fixture.key();
        order(fixture, key, 3).await;
        let query = |text: &'static str| Order::query().on_shard_of(key).sql(text).bind(key);
        let on = &fixture.cluster;
        assert_eq!(query("SELECT COUNT(*) FROM {orders} WHERE user_id = ?").one::<i64>(on).await.unwrap(), 1);
        let found = query("SELECT note, item FROM {orders} WHERE user_id = ?").one::<(Option<String>, String)>(on).await;
        assert_eq!(found.unwrap(), (None, "item 3".into()));
        let none = query("SELECT id FROM {orders} WHERE user_id = ? AND 1 = 0").first::<i64>(on).await;
        assert_eq!(none.unwrap(), None);
        let none = query("SELECT id FROM {orders} WHERE user_id = ? AND 1 = 0").one::<i64>(on).await;
        assert_eq!(kind(none), ErrorKind::NotFound);
        let wide = query("SELECT id, item FROM {orders} WHERE user_id = ?").all::<i64>(on).await;
        assert_eq!(kind(wide), ErrorKind::Decode);
        let null = query("SELECT note FROM {orders} WHERE user_id = ?").all::<String>(on).await;
        assert_eq!(kind(null), ErrorKind::Decode);
        let other = query("SELECT item FROM {orders} WHERE user_id = ?").all::<i64>(on).await;
        assert_eq!(kind(other), ErrorKind::Decode);
    }

    async fn placeholders_of_either_form_work_on_every_database(fixture: &Fixture) {
        let key = fixture.key();
        order(fixture, key, 3).await;
        order(fixture, key, 4).await;
        let on = &fixture.cluster;
        let count = |text: &'static str| Order::on_shard_of(key).sql(text).bind(key).bind(3);
        for text in [
            "SELECT COUNT(*) FROM {orders} WHERE user_id = ? AND how_many = ?",
            "SELECT COUNT(*) FROM {orders} WHERE user_id = $1 AND how_many = $2",
            "SELECT COUNT(*) FROM {orders} WHERE how_many = $2 AND user_id = $1",
            "SELECT COUNT(*) FROM {orders} WHERE user_id = $1 AND (how_many = $2 OR how_many < $2)",
            "SELECT COUNT(*) FROM {orders} WHERE user_id = ?1 AND how_many = ?2",
            "SELECT COUNT(*) FROM {orders} WHERE user_id = ? /* $1 ? */ AND item <> '?' AND how_many = ?",
        ] {
            assert_eq!(count(text).one::<i64>(on).await.unwrap(), 1, "{text}");
        }
        let parts = count("SELECT COUNT(*) FROM {orders} WHERE user_id = $1 AND how_many >= $2");
        let found = parts.reduce(
            on,
            async |mut rows: shard_orm::query::ShardRows<'_, i64>| Ok(rows.try_next().await?.unwrap_or(0)),
            |one, two| one + two,
        );
        assert_eq!(found.await.unwrap(), Some(2));
        for text in ["SELECT COUNT(*) FROM {orders} WHERE user_id = $1", "SELECT COUNT(*) FROM {orders} WHERE user_id = ?"] {
            let report = on.broadcast(GROUP).sql(text).bind(key).all::<i64>().await.unwrap();
            assert_eq!(report.into_result().unwrap().into_iter().flatten().sum::<i64>(), 2, "{text}");
        }
    }

    async fn doubled_question_marks_are_an_escape(fixture: &Fixture) {
        if fixture.dialect == Dialect::Postgres {
            let text = "SELECT ('{\"a\": 1}'::jsonb ?? ?) AND ('{\"a\": 1}'::jsonb ??| ARRAY['a', 'b'])";
            let found = Order::on_shard_of(fixture.key()).sql(text).bind("a".to_owned()).one::<bool>(&fixture.cluster).await;
            assert!(found.unwrap());
        }
    }

    async fn mismatched_placeholders_are_refused(fixture: &Fixture) {
        let key = fixture.key();
        for text in [
            "SELECT COUNT(*) FROM {orders} WHERE user_id = 1",
            "SELECT COUNT(*) FROM {orders} WHERE user_id = ? AND id = ?",
            "SELECT COUNT(*) FROM {orders} WHERE user_id = $2",
            "SELECT COUNT(*) FROM {orders} WHERE user_id = $1 AND id = ?",
            "SELECT COUNT(*) FROM {orders} WHERE user_id = $0",
        ] {
            let one = Order::on_shard_of(key).sql(text).bind(key).all::<i64>(&fixture.cluster).await;
            assert_eq!(kind(one), ErrorKind::Unsupported, "{text}");
            let each = fixture.cluster.broadcast(GROUP).sql(text).bind(key).all::<i64>().await;
            assert_eq!(each.unwrap_err().kind(), ErrorKind::Unsupported, "{text}");
        }
        let unbound = Order::on_shard_of(key).sql("SELECT COUNT(*) FROM {orders} WHERE user_id = ?").all::<i64>(&fixture.cluster);
        assert_eq!(kind(unbound.await), ErrorKind::Unsupported);
    }

    async fn a_statement_sees_the_whole_logical_shard_of_a_key(fixture: &Fixture) {
        let one = fixture.key();
        let two = fixture.neighbours(one, 1)[0];
        order(fixture, one, 41).await;
        order(fixture, two, 42).await;
        let on = &fixture.cluster;
        let text = "SELECT COUNT(*) FROM {orders} WHERE user_id IN ($1, $2)";
        let seen = Order::on_shard_of(one).sql(text).bind(one).bind(two).one::<i64>(on).await;
        assert_eq!(seen.unwrap(), 2);
        // Two keys of one logical shard ask it once.
        let seen = Order::on_shards_of([one, two]).sql(text).bind(one).bind(two).reduce(
            on,
            async |mut rows: shard_orm::query::ShardRows<'_, i64>| Ok(rows.try_next().await?.unwrap_or(0)),
            |one, two| one + two,
        );
        assert_eq!(seen.await.unwrap(), Some(2));
        let of_these = Order::USER_ID.is_in([one, two]);
        assert_eq!(Order::on_shard_of(one).filter(of_these.clone()).count(on).await.unwrap(), 2);
        assert_eq!(Order::query().on_shards_of([one, two]).filter(of_these).count(on).await.unwrap(), 2);
    }

    async fn execute_returns_the_affected_rows(fixture: &Fixture) {
        let key = fixture.key();
        order(fixture, key, 1).await;
        order(fixture, key, 2).await;
        let text = "UPDATE {orders} SET how_many = how_many + ? WHERE user_id = ?";
        let query = Order::query().on_shard_of(key).sql(text).bind(10_i32).bind(key);
        assert_eq!(query.execute(&fixture.cluster).await.unwrap(), 2);
        let quantities = Order::on(key).select(Order::QUANTITY).order_by(Order::ID).all(&fixture.cluster).await.unwrap();
        assert_eq!(quantities, [11, 12]);
    }

    async fn braces_in_quotes_and_comments_are_left_alone(fixture: &Fixture) {
        let key = fixture.key();
        order(fixture, key, 1).await;
        let on = &fixture.cluster;
        let query = |text: &str| Order::query().on_shard_of(key).sql(AssertSqlSafe(text.to_owned()));
        let texts = [
            ("SELECT '{orders}'", "{orders}"),
            ("SELECT '{{'", "{{"),
            ("SELECT 'it''s {orders}'", "it's {orders}"),
            ("SELECT 'x' -- {orders} 'unclosed \n", "x"),
            ("SELECT /* {orders.*} ' \" */ 'x'", "x"),
            ("SELECT /* {{ -- */ '}'", "}"),
            ("SELECT 'a' || '{'", "a{"),
        ];
        for (text, expected) in texts {
            // There `||` is OR.
            if fixture.dialect == Dialect::MySql && text.contains("||") {
                continue;
            }
            assert_eq!(query(text).one::<String>(on).await.unwrap(), expected, "{text}");
        }
        let quoted = match fixture.dialect {
            Dialect::MySql => "SELECT x.`{orders}` FROM (SELECT 'y' AS `{orders}`) x",
            _ => "SELECT x.\"{orders}\" FROM (SELECT 'y' AS \"{orders}\") x",
        };
        assert_eq!(query(quoted).one::<String>(on).await.unwrap(), "y");
        if fixture.dialect == Dialect::Postgres {
            let texts = [
                ("SELECT $${orders}$$", "{orders}"),
                ("SELECT $tag$it's {orders} $$ {{$tag$", "it's {orders} $$ {{"),
                ("SELECT E'{orders}'", "{orders}"),
            ];
            for (text, expected) in texts {
                let query = Order::query().on_shard_of(key).sql(AssertSqlSafe(text.to_owned()));
                assert_eq!(query.one::<String>(on).await.unwrap(), expected, "{text}");
            }
            let array = Order::query().on_shard_of(key).sql("SELECT ('{7,8}'::bigint[])[2]");
            assert_eq!(array.one::<i64>(on).await.unwrap(), 8);
        }
    }

    async fn doubled_braces_are_an_escape(fixture: &Fixture) {
        let key = fixture.key();
        // A brace outside of quotes is an error of each database: it has to arrive there as one.
        let error = Order::query().on_shard_of(key).sql("SELECT {{").all::<i64>(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Database, "{error}");
    }

    async fn unknown_table_names_are_refused_before_sending(fixture: &Fixture) {
        let key = fixture.key();
        for text in ["SELECT 1 FROM {", "SELECT {}", "SELECT {a b}", "SELECT {orders; DROP TABLE x}", "SELECT {\"orders\"}", "SELECT {lines.*} FROM {lines}"] {
            let query = Order::query().on_shard_of(key).sql(AssertSqlSafe(text.to_owned()));
            assert_eq!(kind(query.all::<i64>(&fixture.cluster).await), ErrorKind::Unsupported, "{text}");
        }
        let query = Order::query().on_shard_of(key).sql("SELECT 1 FROM {no_such_table}");
        assert_eq!(kind(query.all::<i64>(&fixture.cluster).await), ErrorKind::UndefinedTable);
    }

    async fn one_raw_text_takes_values_of_several_types(fixture: &Fixture) {
        // The driver finds a prepared statement by its text alone.
        let key = fixture.key();
        order(fixture, key, 2).await;
        let text = || "UPDATE {orders} SET weight = ? WHERE user_id = ?";
        for _ in 0..2 {
            Order::query().on_shard_of(key).sql(text()).bind(7_i64).bind(key).execute(&fixture.cluster).await.unwrap();
            assert_eq!(Order::on(key).one(&fixture.cluster).await.unwrap().weight, 7.0);
            Order::query().on_shard_of(key).sql(text()).bind(1.5_f64).bind(key).execute(&fixture.cluster).await.unwrap();
            assert_eq!(Order::on(key).one(&fixture.cluster).await.unwrap().weight, 1.5);
            Order::query().on_shard_of(key).sql(text()).bind(3_i32).bind(key).execute(&fixture.cluster).await.unwrap();
            assert_eq!(Order::on(key).one(&fixture.cluster).await.unwrap().weight, 3.0);
        }
    }

    async fn nulls_are_bound_in_their_type(fixture: &Fixture) {
        let key = fixture.key();
        order(fixture, key, 2).await;
        let text = || "UPDATE {orders} SET note = ? WHERE user_id = ?";
        for note in [Some("x".to_owned()), None, Some("y".to_owned())] {
            Order::query().on_shard_of(key).sql(text()).bind(note.clone()).bind(key).execute(&fixture.cluster).await.unwrap();
            assert_eq!(Order::on(key).one(&fixture.cluster).await.unwrap().note, note);
        }
    }

    async fn a_statement_runs_in_a_transaction(fixture: &Fixture) {
        let key = fixture.key();
        order(fixture, key, 1).await;
        let tx = fixture.cluster.begin(Order::shard(key)).await.unwrap();
        let text = "DELETE FROM {orders} WHERE user_id = ?";
        assert_eq!(Order::query().on_shard_of(key).sql(text).bind(key).execute(&tx).await.unwrap(), 1);
        tx.rollback().await.unwrap();
        assert_eq!(Order::on(key).count(&fixture.cluster).await.unwrap(), 1);
    }

    async fn raw_sql_takes_one_shard_and_no_filter(fixture: &Fixture) {
        let key = fixture.key();
        let keys = fixture.key_of_each_shard();
        if keys.len() > 1 {
            let several = Order::on_shards_of(keys).sql("SELECT 1").all::<i64>(&fixture.cluster).await;
            assert_eq!(kind(several), ErrorKind::Unsupported);
        }
        let filtered = Order::on_shard_of(key).filter(Order::ID.eq(1)).sql("SELECT 1").all::<i64>(&fixture.cluster).await;
        assert_eq!(kind(filtered), ErrorKind::Unsupported);
        let limited = Order::on_shard_of(key).limit(1).sql("SELECT 1").all::<i64>(&fixture.cluster).await;
        assert_eq!(kind(limited), ErrorKind::Unsupported);
    }

    async fn a_driver_connection_is_borrowed_and_returned(fixture: &Fixture) {
        let key = fixture.key();
        let row = order(fixture, key, 5).await;
        // More often than the pool has connections.
        for _ in 0..20 {
            let mut raw = fixture.cluster.connection(Order::shard(key)).await.unwrap();
            let namespace = raw.namespace().to_owned();
            let text = match fixture.dialect {
                Dialect::Sqlite => format!("SELECT how_many FROM orders WHERE id = {}", row.id),
                _ => format!("SELECT how_many FROM {namespace}.orders WHERE id = {}", row.id),
            };
            let found: i32 = match fixture.dialect {
                #[cfg(feature = "sqlite")]
                Dialect::Sqlite => {
                    shard_orm::sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(raw.sqlite().unwrap()).await.unwrap()
                }
                #[cfg(feature = "postgres")]
                Dialect::Postgres => {
                    shard_orm::sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(raw.postgres().unwrap()).await.unwrap()
                }
                #[cfg(feature = "mysql")]
                Dialect::MySql => {
                    shard_orm::sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(raw.mysql().unwrap()).await.unwrap()
                }
                #[allow(unreachable_patterns)]
                _ => unreachable!(),
            };
            assert_eq!(found, 5);
            raw.give_back();
        }
    }
}
