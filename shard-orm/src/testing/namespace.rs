//! One session in one namespace, for this library's own tests of the parts that moves consist of.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::backend::structure::{self, Scope, Structure};
use crate::backend::{Conn, Failure, Opener, Session, use_namespace};
use crate::dialect::Dialect;
use crate::error::Result;

/// A session in a namespace.
#[allow(missing_debug_implementations)]
pub struct Namespace {
    conn: Conn,
    name: String,
    structure: Option<Structure>,
}

impl Namespace {
    /// Opens a session on a server, or a file of SQLite, and enters the namespace.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(
        dialect: Dialect,
        url: &str,
        file: Option<PathBuf>,
        name: &str,
    ) -> Result<Self> {
        let session = Session {
            dialect,
            url: url.to_owned(),
            file,
            read_only: false,
            attached: None,
            sql_mode: None,
            collation: None,
            time_zone: None,
            settings: Vec::new(),
            statement_timeout: None,
            statement_cache: 100,
            busy_timeout: Duration::from_secs(10),
            cache_kib: 2048,
        };
        let mut namespace = Self {
            conn: Opener::new(session)?.open().await?,
            name: name.to_owned(),
            structure: None,
        };
        if let Some(enter) = use_namespace(dialect, name) {
            namespace.run(&enter).await?;
        }
        Ok(namespace)
    }

    /// Runs statements without results.
    ///
    /// # Errors
    /// When one fails.
    pub async fn run(&mut self, text: &str) -> Result<()> {
        self.conn.batch(text).await.map_err(error)
    }

    /// Runs a query, whose columns are all read as text.
    ///
    /// # Errors
    /// When it fails.
    pub async fn rows(&mut self, text: &str) -> Result<Vec<Vec<Option<String>>>> {
        let mut results = Vec::new();
        self.conn
            .run_texts(text, &mut results)
            .await
            .map_err(error)?;
        Ok(results.pop().map(|result| result.rows).unwrap_or_default())
    }

    /// The contents of the namespace, as the statements that create them in the namespace `target`, by the field of the
    /// structure; the objections to its move; and the statements that release its tables, whose names now begin with
    /// `held_`.
    ///
    /// # Errors
    /// When a statement fails.
    pub async fn contents(
        &mut self,
        target: &str,
        statics: Option<&str>,
    ) -> Result<BTreeMap<&'static str, Vec<String>>> {
        let scope = Scope {
            statics,
            target,
            includes: &|name| !name.starts_with("so_") && name != "shard_orm_namespace",
        };
        let read = structure::read(&mut self.conn, &scope)
            .await
            .map_err(error)?;
        let sequences = read.sequences.iter();
        let views = read.views.iter();
        let contents = BTreeMap::from([
            ("tables", read.tables.clone()),
            (
                "sequences",
                sequences
                    .map(|one| format!("{} {}", one.name, one.owned))
                    .collect(),
            ),
            (
                "views",
                views
                    .map(|one| format!("{}: {}", one.name, one.create))
                    .collect(),
            ),
            ("create", read.create.clone()),
            ("indexes", read.indexes.clone()),
            ("foreign_keys", read.foreign_keys.clone()),
            ("validate", read.validate.clone()),
            ("programs", read.programs.clone()),
            ("triggers", read.triggers.clone()),
            ("privileges", read.privileges.clone()),
            ("accounts", read.accounts.clone()),
            (
                "objections",
                read.objections.iter().map(ToString::to_string).collect(),
            ),
            ("release", read.release(&|table| format!("held_{table}"))),
        ]);
        self.structure = Some(read);
        Ok(contents)
    }

    /// The statements that set counters to the values of this namespace, whose structure was read before. The names of
    /// its tables and sequences now begin with `prefix`.
    ///
    /// # Errors
    /// When a statement fails.
    pub async fn counters(&mut self, prefix: &str) -> Result<Vec<String>> {
        let Some(structure) = &self.structure else {
            return Ok(Vec::new());
        };
        let present = |name: &str| format!("{prefix}{name}");
        let counters = structure::counters(&mut self.conn, structure, &present).await;
        Ok(structure::highest(vec![counters.map_err(error)?]))
    }

    /// The name of the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn error(failure: Failure) -> crate::Error {
    failure.error
}
