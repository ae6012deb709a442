//! Migrations: SQL files that change the tables of all namespaces.
//!
//! A folder has a folder for each group, for each group's static tables (`<group>.static`) and for
//! each named database, with files in the layout of sqlx (see [`Migrations`]). Each namespace keeps
//! the versions that were applied to it in the table `shard_orm_migration`.
//!
//! ```no_run
//! # async fn run() -> shard_orm::Result<()> {
//! use shard_orm::Cluster;
//! use shard_orm::migrate::Migrations;
//!
//! let cluster = Cluster::open("shard-orm.toml").await?;
//! let migrations = Migrations::from_folder("migrations")?;
//! let report = cluster.migrate(&migrations).up().await?;
//! println!("{report}");
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//! - A migration waits only some milliseconds for a lock, and then gives way, so that the application
//!   does not queue behind it ([`Migrate::lock_timeout`]).
//! - The first namespace is migrated by itself, and the others only if that succeeds.
//! - One operator at a time changes a group. A second one is told who is at work.
//! - A run that was interrupted, at any point, is completed by the next one.
//! - Files that were changed after they were applied are refused.
//! - A backfill runs in batches by a key; each is committed with its progress.

mod apply;
mod backfill;
mod blocker;
mod builder;
mod catalog;
mod check_models;
mod checksum;
mod drift;
mod effect;
mod event;
mod file;
mod generate;
mod history;
mod in_use;
mod lint;
mod lock;
mod mark;
mod mending;
mod migrations;
mod models;
mod phase;
mod plan;
mod report;
mod run;
mod scratch;
mod session;
mod sessions;
mod status;
mod survey;
mod target;
mod wave;
mod work;

pub use backfill::Begun;
pub use blocker::Blocker;
pub use builder::Migrate;
pub use check_models::{CheckModels, ModelDeviation, ModelReport, check_models};
pub use drift::{Basis, Drift, Drifted, ShardLevel, ShardVersion, TargetDrift, VersionState};
pub use event::Event;
pub use generate::{Generate, Generated, GeneratedFile, ToDo, generate};
pub use lint::{Finding, LintRule, lint};
#[cfg(feature = "reshard")]
pub(crate) use lock::GroupLock;
pub use mark::Resolution;
pub use migrations::{Migration, Migrations};
pub use models::{DateCrate, GenerateModels, GeneratedModels, Unmapped, UnmappedReason, models};
pub use phase::Phase;
pub use report::{Done, Failed, Report};
pub use status::{Status, TargetStatus, VersionStatus};
pub use target::Target;
