//! Rows with values at the edges of their types, which are copied and replayed as they are.

use shard_orm::prelude::*;
use shard_orm::reshard::JobState;
use shard_orm_tests::behaviours;

use crate::everything::sql;
use crate::{MOVING, Order, Setting, cluster};

/// Types of columns, with values as SQL.
fn values(dialect: Dialect) -> Vec<(&'static str, Vec<&'static str>)> {
    match dialect {
        Dialect::Postgres => vec![
            (
                "timestamptz",
                vec![
                    "'infinity'",
                    "'-infinity'",
                    "'4713-01-01 00:00:00+00 BC'",
                    "'294276-12-31 23:59:59.999999+00'",
                ],
            ),
            (
                "timestamp",
                vec![
                    "'infinity'",
                    "'4713-01-01 BC'",
                    "'2026-11-30 12:00:00.123456'",
                ],
            ),
            (
                "date",
                vec![
                    "'infinity'",
                    "'-infinity'",
                    "'5874897-12-31'",
                    "'4713-01-01 BC'",
                ],
            ),
            (
                "time",
                vec!["'24:00:00'", "'00:00:00'", "'23:59:59.999999'"],
            ),
            ("timetz", vec!["'24:00:00+15:59'", "'00:00:00-15:59'"]),
            (
                "numeric",
                vec![
                    "'NaN'",
                    "'Infinity'",
                    "1e100",
                    "1.000",
                    "-0.00000000000000000000000000000000000000001",
                ],
            ),
            ("numeric(10, 4)", vec!["'NaN'", "1.5", "-999999.9999"]),
            (
                "float8",
                vec![
                    "'NaN'",
                    "'-Infinity'",
                    "'-0'",
                    "5e-324",
                    "1.7976931348623157e308",
                ],
            ),
            ("float4", vec!["'NaN'", "1e-45", "0.1"]),
            (
                "json",
                vec![
                    "' {\"b\":1,\"a\": 1.00, \"a\":2}'",
                    "'1e400'",
                    "'\"\\u0000\"'",
                    "'null'",
                ],
            ),
            (
                "jsonb",
                vec![
                    "'{\"a\": 1.00, \"b\": 1e300}'",
                    "'123456789012345678901234567890'",
                    "'null'",
                ],
            ),
            (
                "text",
                vec!["''", "'NULL'", "E'\\\\N\\t\\n'", "repeat('long ', 100000)"],
            ),
            ("char(4)", vec!["''", "'a'", "'abcd'"]),
            ("bytea", vec!["''", "'\\x00ff'"]),
            (
                "interval",
                vec!["'178000000 years'", "'-1 mons +2 days -00:00:03.000001'"],
            ),
            ("int4range", vec!["'empty'", "'[1,)'"]),
            (
                "text[]",
                vec!["'{}'", "'{NULL,\"NULL\",\"a,b\"}'", "'[2:3]={x,y}'"],
            ),
            ("bit varying(9)", vec!["B''", "B'010'"]),
            ("money", vec!["'-92233720368547758.08'"]),
            ("point", vec!["'(1e300,-0)'"]),
            ("xml", vec!["'<a>&amp;</a>'"]),
        ],
        Dialect::MySql => vec![
            (
                "DATE",
                vec![
                    "'0000-00-00'",
                    "'2026-00-00'",
                    "'9999-12-31'",
                    "'2026-02-31'",
                ],
            ),
            (
                "DATETIME(6)",
                vec!["'0000-00-00 00:00:00'", "'9999-12-31 23:59:59.999999'"],
            ),
            (
                "TIMESTAMP(3) NULL",
                vec![
                    "'0000-00-00 00:00:00'",
                    "'1970-01-01 00:00:01.5'",
                    "'2038-01-19 03:14:07.999'",
                ],
            ),
            (
                "TIME(6)",
                vec!["'838:59:59.999999'", "'-838:59:59'", "'00:00:00.000001'"],
            ),
            ("YEAR", vec!["0", "1901", "2155"]),
            (
                "DECIMAL(65, 30)",
                vec![
                    "99999999999999999999999999999999999.999999999999999999999999999999",
                    "-0.000000000000000000000000000001",
                ],
            ),
            (
                "FLOAT",
                vec!["0.1", "3.40282e38", "1.17549e-38", "16777217"],
            ),
            (
                "DOUBLE",
                vec![
                    "0.1",
                    "-0e0",
                    "1.7976931348623157e308",
                    "2.2250738585072014e-308",
                ],
            ),
            ("BIGINT UNSIGNED", vec!["18446744073709551615"]),
            ("BIT(64)", vec!["b'0'", "18446744073709551615"]),
            ("ENUM ('a', 'b', '')", vec!["'a'", "''", "3"]),
            ("SET ('a', 'b', 'c')", vec!["''", "'a,c'"]),
            ("JSON", vec!["' {\"b\":1,\"a\": 1.00, \"a\":2}'", "'1e400'"]),
            (
                "VARCHAR(20) CHARACTER SET latin1",
                vec!["'\u{fc}'", "'a '", "''"],
            ),
            ("CHAR(4)", vec!["'a'", "''"]),
            ("BINARY(4)", vec!["'a'", "x'00ff'"]),
            ("LONGTEXT", vec!["REPEAT('long ', 100000)", "'\u{1f980}'"]),
            ("POINT", vec!["ST_GeomFromText('POINT(1e300 -0)')"]),
            ("UUID", vec!["'ffffffff-ffff-ffff-ffff-ffffffffffff'"]),
        ],
        _ => vec![
            (
                "INTEGER",
                vec!["9223372036854775807", "'text'", "x'00ff'", "1.5"],
            ),
            ("REAL", vec!["9e999", "-9e999", "-0.0", "1", "'text'"]),
            (
                "TEXT",
                vec!["''", "x'00ff'", "CAST(x'610062' AS TEXT)", "1"],
            ),
            ("BLOB", vec!["x''", "'text'", "7"]),
            ("NUMERIC", vec!["'1.50'", "'12345678901234567890'", "1e100"]),
            ("DATETIME", vec!["'2026-01-01'", "1700000000", "2460000.5"]),
            ("JSON", vec!["' {\"a\":1.00}'"]),
            ("ANY", vec!["'1'", "1", "x'31'"]),
        ],
    }
}

/// Each row of a table as a text that shows all of it.
fn shown(dialect: Dialect, column: &str) -> String {
    let value = match dialect {
        Dialect::Postgres => "CAST(v AS text)",
        Dialect::MySql if column == "POINT" => "HEX(ST_AsBinary(v))",
        Dialect::MySql if column.starts_with("BI") => "HEX(v)",
        Dialect::MySql if column == "FLOAT" => "v + 0e0",
        Dialect::MySql => "CAST(v AS CHAR)",
        _ => "typeof(v) || quote(v)",
    };
    match dialect {
        // Many bytes, by their sum.
        Dialect::Sqlite => value.to_owned(),
        _ => format!("CASE WHEN LENGTH({value}) > 1000 THEN MD5({value}) ELSE {value} END"),
    }
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn values_at_the_edges_move_and_move_back(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let values = values(fixture.dialect);
        // As a server that was set up long ago has let them in.
        let lenient = match fixture.dialect {
            Dialect::MySql => "SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO'; ",
            _ => "",
        };
        let number = match fixture.dialect {
            Dialect::Postgres => "INT GENERATED BY DEFAULT AS IDENTITY",
            Dialect::MySql => "INT AUTO_INCREMENT",
            _ => "INTEGER",
        };
        for (position, (column, values)) in values.iter().enumerate() {
            let create = format!("CREATE TABLE edge_{position} (id {number} PRIMARY KEY, v {column}, note INT)");
            sql(&operator, &create).await;
            for (id, value) in values.iter().chain(&["NULL"]).enumerate() {
                let insert = format!("{lenient}INSERT INTO edge_{position} (id, v, note) VALUES ({id}, {value}, 0)");
                sql(&operator, &insert).await;
            }
        }
        let all = async || {
            let mut all = Vec::new();
            for (position, (column, _)) in values.iter().enumerate() {
                let shown = shown(fixture.dialect, column);
                let select = format!("SELECT id, {shown}, note FROM edge_{position} ORDER BY id");
                all.push((*column, sql(&operator, &select).await));
            }
            all
        };
        let noted = async |note: usize| {
            for position in 0..values.len() {
                sql(&operator, &format!("{lenient}UPDATE edge_{position} SET note = {note}")).await;
            }
        };
        let before = all().await;
        let check = async |note: usize| {
            for ((column, before), (_, found)) in before.iter().zip(all().await) {
                let mut expected = before.clone();
                for row in &mut expected {
                    row[2] = Some(note.to_string());
                }
                assert_eq!(found, expected, "{column}");
            }
        };
        let reshard = operator.reshard().unwrap();
        let request = reshard.move_shard("shop", MOVING, "server-1").accept_relaxed_durability();
        let planned = request.plan().await.unwrap();
        assert!(planned.obstacles.is_empty(), "{planned}");
        let job = request.start().await.unwrap();
        let (job, ()) = tokio::join!(reshard.run(job.id), noted(1));
        let job = job.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        check(1).await;
        // These flow back.
        noted(2).await;
        reshard.reverse(job.id).await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Reversed, "{job:?}");
        check(2).await;
    }
}
