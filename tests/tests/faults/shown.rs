//! How errors are shown: `Debug` too is for people.

use shard_orm::prelude::*;

use crate::site::{Backend, Setting, Site, note, on, pool_of};

async fn debug_of_an_error_reads_like_its_text(backend: Backend) {
    let site = Site::new(backend).await;
    let cluster = site.cluster(pool_of(2)).await;
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

on! { [sqlite postgres mariadb] => debug_of_an_error_reads_like_its_text }
