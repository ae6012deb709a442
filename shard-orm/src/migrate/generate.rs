//! Migrations that are written from models.
//!
//! Only the user's crate knows its models, so this is called by a small program in it.

mod base;
mod report;
mod text;
mod wanted;
mod write;

use std::path::PathBuf;

pub use self::report::{Generated, GeneratedFile, ToDo};
pub(super) use self::text::point;
pub(super) use self::wanted::{Wanted, by_target};
pub(super) use self::write::new_file;

use crate::cluster::Cluster;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::model::{Model, ModelDef};

/// Starts to write the migrations that the models need but the folder does not have yet.
///
/// A project keeps a small program for it, for example in `src/bin/generate.rs`:
///
/// ```no_run
/// use shard_orm::prelude::*;
///
/// # #[derive(ShardModel)]
/// # #[shard(group = "shop", table = "orders")]
/// # struct Order {
/// #     #[shard(primary_key)]
/// #     id: i64,
/// #     #[shard(key)]
/// #     user_id: i64,
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> shard_orm::Result<()> {
/// let cluster = Cluster::open("shard-orm.toml").await?;
/// let generated = shard_orm::migrate::generate("migrations").model::<Order>().run(&cluster).await?;
/// println!("{generated}");
/// # Ok(())
/// # }
/// ```
pub fn generate(folder: impl Into<PathBuf>) -> Generate {
    Generate {
        folder: folder.into(),
        models: Vec::new(),
        name: None,
        backends: Vec::new(),
    }
}

/// Writes migrations from models; started by [`generate`].
///
/// The first migration of a folder creates the tables of all models in it, where they do not exist
/// yet: a cluster whose tables [`setup`](crate::setup) has created takes it over. Later migrations
/// bring what the files before them make to the models, where the change is additive: a new table, a
/// new column that takes NULL or has a default, a new index. Everything else is described in the
/// report, and in a comment of the file. Nothing is ever dropped.
///
/// The files are run in a scratch namespace on a server of the folder's group or database, as for
/// [`Migrate::drift`](crate::migrate::Migrate::drift). No namespace needs to exist, and files that are
/// not applied yet count.
///
/// On PostgreSQL, indexes of existing tables are built with `CREATE INDEX CONCURRENTLY`, and
/// constraints are validated, in a second file that runs without a transaction.
#[derive(Debug, Clone)]
#[must_use = "`run` consumes it"]
pub struct Generate {
    folder: PathBuf,
    models: Vec<&'static ModelDef>,
    name: Option<String>,
    backends: Vec<Dialect>,
}

impl Generate {
    /// Adds a model. Name all models of a group or database; tables without a model are left alone.
    pub fn model<M: Model>(mut self) -> Self {
        self.models.push(M::def());
        self
    }

    /// Names the files; the default is `create_<table>` or `change_<table>`.
    ///
    /// ```
    /// let generate = shard_orm::migrate::generate("migrations").name("add notes");
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Writes a file for each of these databases, `<version>_<name>.<backend>.sql`, for a project
    /// that runs on several. The default is one file for the database of the group.
    ///
    /// The changes are those that the database of the cluster needs, in the SQL of each.
    pub fn backends(mut self, backends: impl IntoIterator<Item = Dialect>) -> Self {
        self.backends.extend(backends);
        self
    }

    /// Writes the files, and returns what they contain and what is left to their author.
    ///
    /// Existing files are never changed. Without a difference, nothing is written.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if a model names an unknown group or
    /// database, if two models describe one table differently, if the folder cannot be read or
    /// written; the error of the database, with the file and the line, if a file of the folder does
    /// not run in an empty namespace.
    pub async fn run(self, cluster: &Cluster) -> Result<Generated> {
        let generated = self.compare(cluster).await?;
        for file in &generated.files {
            write::new_file(&self.folder.join(&file.path), &file.text)?;
        }
        Ok(generated)
    }

    /// Compares as [`run`](Self::run) does, and writes nothing. A deployment can check with it that
    /// no migration is missing.
    ///
    /// # Errors
    /// As [`run`](Self::run), save for writing.
    pub async fn preview(self, cluster: &Cluster) -> Result<Generated> {
        self.compare(cluster).await
    }

    async fn compare(&self, cluster: &Cluster) -> Result<Generated> {
        if self.models.is_empty() {
            return Err(Error::configuration(
                "there is no model to generate migrations from; add one with `model::<..>()`",
            ));
        }
        let name = self.name.as_deref().map(text::file_name).transpose()?;
        let mut generated = Generated::default();
        for (target, tables) in wanted::by_target(cluster, &self.models)? {
            let base = base::of(cluster, &self.folder, &target).await?;
            let changes = base.changes(&tables, &self.backends)?;
            generated.add(&target, base.next_version, name.as_deref(), changes);
        }
        Ok(generated)
    }
}
