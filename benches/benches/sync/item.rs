//! The rows that are copied: three integers, two short texts, and a time.

use chrono::{DateTime, Utc};
use shard_orm::prelude::*;
use shard_orm::route::mix64;

/// A model of a table that holds the same as those of the other modes.
macro_rules! item {
    ($(#[$attribute:meta])* $name:ident in $table:literal $(, $criterion:ident = $field:literal)?) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, StaticModel)]
        #[static_model(groups = all, table = $table $(, $criterion = $field)?)]
        pub(crate) struct $name {
            #[static_model(primary_key)]
            pub(crate) id: i64,
            pub(crate) user_id: i64,
            pub(crate) quantity: i32,
            #[static_model(length = 40)]
            pub(crate) item: String,
            #[static_model(length = 40)]
            pub(crate) note: String,
            #[static_model(index)]
            pub(crate) updated_at: DateTime<Utc>,
        }

        impl $name {
            pub(crate) fn new(id: i64) -> Self {
                let random = mix64(id.cast_unsigned());
                Self {
                    id,
                    user_id: (random >> 32).cast_signed(),
                    quantity: 1,
                    item: format!("tea number {}", random % 100),
                    note: "as soon as you can".to_owned(),
                    updated_at: at(id),
                }
            }
        }
    };
}

item! {
    /// Copied by the log of its changes, and anew.
    Captured in "captured"
}
item! {
    /// Copied by when its rows were written.
    Ordered in "ordered", criterion = "updated_at"
}
item! {
    /// Copied by comparing it.
    Compared in "compared"
}

/// The table of [`Captured`] without its triggers, which need not see how it is filled.
#[derive(Debug, ShardModel)]
#[shard(database = "default", table = "captured")]
#[allow(dead_code, reason = "its table is what counts")]
pub(crate) struct Bare {
    #[shard(primary_key)]
    id: i64,
    user_id: i64,
    quantity: i32,
    #[shard(length = 40)]
    item: String,
    #[shard(length = 40)]
    note: String,
    updated_at: DateTime<Utc>,
}

/// A moment of the past, later for each later number.
pub(crate) fn at(number: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_600_000_000_000_000 + number * 1_000).unwrap()
}
