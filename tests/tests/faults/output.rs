//! The output of errors and reports: `Debug` for people, `serde` for programs.

use serde_json::{Value, json};
use shard_orm::prelude::*;
use shard_orm::query::{Cursor, Page};

use crate::fixture::{Backend, Fixture, Note, Setting, note, on, pool_of};

async fn the_debug_output_of_an_error_is_its_message(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let cluster = fixture.cluster(pool_of(2)).await;
    note(1).insert(&cluster).await.unwrap();
    let error = note(1).insert(&cluster).await.unwrap_err();
    let (text, debug) = (error.to_string(), format!("{error:?}"));
    assert!(debug.starts_with(&text), "{debug}");
    assert_eq!(debug, format!("{error:#?}"));
    for escaped in ["\\\"", "\\n", "Error {", "Some(", "DatabaseError"] {
        assert!(!debug.contains(escaped), "{debug}");
    }
    // By the library, and by the driver with its code; not by each error behind that.
    let said = text.split_once(": ").unwrap().1;
    let said = said.split(" (shard").next().unwrap();
    assert_eq!(debug.matches(said).count(), 2, "{debug}");

    // A source that says more is behind it.
    let strange = Setting::query().sql("SELECT 'word' AS value");
    let error = strange.all::<i64>(&cluster).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(
        format!("{error:?}").contains("\n  caused by: "),
        "{error:?}"
    );
}

on! { [sqlite postgres mariadb] => the_debug_output_of_an_error_is_its_message }

fn data(of: impl serde::Serialize) -> Value {
    serde_json::to_value(of).unwrap()
}

#[tokio::test]
async fn reports_are_data_with_units_in_their_names() {
    let fixture = Fixture::new(Backend::Sqlite).await;
    let cluster = fixture.cluster(pool_of(2)).await;
    note(1).insert(&cluster).await.unwrap();

    let servers = data(cluster.check_health().await);
    let server = &servers[0];
    assert_eq!(
        (&server["group"], &server["primary"]),
        (&json!("shop"), &json!(0))
    );
    let endpoint = &server["endpoints"][0];
    assert_eq!(endpoint["status"], "primary");
    assert_eq!(endpoint["lag_seconds"], Value::Null);
    for seconds in ["latency_seconds", "asked_seconds_ago"] {
        let seconds = endpoint[seconds].as_f64().unwrap();
        assert!((0.0..600.0).contains(&seconds), "{endpoint}");
    }

    let location = data(cluster.locate(&Note::shard(1)).unwrap());
    let expected = json!({"group": "shop", "shard": 1, "server": "a", "namespace": "shop_1"});
    assert_eq!(location, expected);

    let error = data(note(1).insert(&cluster).await.unwrap_err());
    assert_eq!(error["kind"], "unique");
    assert_eq!(error["shard"], json!({"group": "shop", "shard": 0}));
    assert!(
        error["message"].as_str().unwrap().contains("notes.id"),
        "{error}"
    );

    let broadcast = cluster
        .broadcast("shop")
        .sql("UPDATE {notes} SET amount = 9 / (id - 1)");
    let report = broadcast.go_on().execute().await.unwrap();
    let report = data(report);
    assert_eq!(report["outcomes"].as_array().unwrap().len(), 4, "{report}");
    assert_eq!(report["outcomes"][1]["result"], 0, "{report}");
    assert_eq!(
        report["outcomes"][0]["error"]["kind"], "not_null",
        "{report}"
    );
    assert_eq!(report["outcomes"][0]["shard"]["shard"], 0, "{report}");
}

/// A note as a program hands it on.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, ShardModel)]
#[shard(group = "shop", table = "notes")]
struct Sent {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(length = 64)]
    text: String,
    amount: i32,
}

#[tokio::test]
async fn a_page_and_its_cursor_go_through_json() {
    let fixture = Fixture::new(Backend::Sqlite).await;
    let cluster = fixture.cluster(pool_of(2)).await;
    for id in 1..4 {
        note(id).insert(&cluster).await.unwrap();
    }
    let page = Sent::on(0).page(&cluster, 2, None).await.unwrap();
    let text = serde_json::to_string(&page).unwrap();
    let back: Page<Sent> = serde_json::from_str(&text).unwrap();
    assert_eq!(back, page);
    let cursor = page.next.unwrap();
    assert_eq!(data(&cursor), json!(cursor.to_string()));
    let rest = Sent::on(0)
        .page(&cluster, 2, back.next.as_ref())
        .await
        .unwrap();
    assert_eq!(rest.rows.len(), 1);
    assert_eq!(rest.rows[0].id, 3);
    let refused = serde_json::from_str::<Cursor>("\"no cursor\"").unwrap_err();
    assert!(refused.to_string().contains("first page"), "{refused}");
}
