//! Comparison of two copies of a table on any two databases: digests, compatibility, and differences.

mod digest;
mod edits;
mod keys;
mod shape;

use shard_orm::Dialect;
use shard_orm_tests::fixture::{Fixture, FixtureOptions, Tables};

/// The databases of this build.
fn dialects() -> impl Iterator<Item = Dialect> + Clone {
    let all = [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql];
    all.into_iter().filter(|dialect| dialect.is_enabled())
}

/// A fixture with one shard.
async fn fixture(dialect: Dialect, tables: Tables) -> Fixture {
    FixtureOptions::new(dialect, 1, 1).open(tables).await
}
