//! Models that are written from tables.
//!
//! Called by users who begin with a database that exists, and by the command `generate models`.

mod names;
mod report;
mod select;
mod structure;
mod text;
mod unmapping;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use self::report::{GeneratedModels, Unmapped, UnmappedReason};

use self::select::Selected;
use self::text::Module;
use super::generate::{GeneratedFile, new_file};
use super::target::Target;
use crate::cluster::Cluster;
use crate::error::{Error, Result};

/// Starts to write models from the tables of a group, of its static tables, or of a named database.
///
/// Each table becomes a struct in a file of its own in `folder`, and a file `mod.rs` names them all,
/// unless the folder has one.
///
/// ```no_run
/// # async fn run() -> shard_orm::Result<()> {
/// use shard_orm::Cluster;
/// use shard_orm::migrate::{Target, models};
///
/// let cluster = Cluster::open("shard-orm.toml").await?;
/// let shop = Target::Group("shop".to_owned());
/// let generated = models(shop, "src/models").shard_key("user_id").run(&cluster).await?;
/// println!("{generated}");
/// # Ok(())
/// # }
/// ```
pub fn models(target: Target, folder: impl Into<PathBuf>) -> GenerateModels {
    GenerateModels {
        target,
        folder: folder.into(),
        tables: Vec::new(),
        shard_key: None,
        shard_keys: BTreeMap::new(),
        isolated: BTreeSet::new(),
        region: None,
        source: None,
        names: BTreeMap::new(),
        dates: DateCrate::default(),
    }
}

/// The crate of the types for dates and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateCrate {
    /// `chrono`.
    Chrono,
    /// `time`.
    Time,
}

impl Default for DateCrate {
    /// `time` where it is the only one that this build has, and otherwise `chrono`.
    fn default() -> Self {
        if cfg!(all(feature = "time", not(feature = "chrono"))) {
            Self::Time
        } else {
            Self::Chrono
        }
    }
}

/// Writes models from tables; started by [`models`].
///
/// A field has the type whose column is the one of the table, as far as the features of this build
/// have one. What a model cannot say, and columns and tables without a model, are in the report and in
/// comments of the files.
#[derive(Debug, Clone)]
#[must_use = "`run` consumes it"]
pub struct GenerateModels {
    target: Target,
    folder: PathBuf,
    tables: Vec<String>,
    shard_key: Option<String>,
    shard_keys: BTreeMap<String, String>,
    isolated: BTreeSet<String>,
    region: Option<String>,
    source: Option<String>,
    names: BTreeMap<String, String>,
    dates: DateCrate,
}

impl GenerateModels {
    /// Limits it to one table; called several times, to several. The default is all tables but those
    /// of the library and of sqlx.
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.tables.push(name.into());
        self
    }

    /// The column that is the shard key of all tables of a group, unless a table has another one.
    pub fn shard_key(mut self, column: impl Into<String>) -> Self {
        self.shard_key = Some(column.into());
        self
    }

    /// The column that is the shard key of one table of a group.
    pub fn shard_key_of(mut self, table: impl Into<String>, column: impl Into<String>) -> Self {
        self.shard_keys.insert(table.into(), column.into());
        self
    }

    /// A table of a group whose rows have no shard key: each logical shard has its own.
    pub fn isolated(mut self, table: impl Into<String>) -> Self {
        self.isolated.insert(table.into());
        self
    }

    /// The column that holds the region of a row, in those tables of a group that have it.
    pub fn region(mut self, column: impl Into<String>) -> Self {
        self.region = Some(column.into());
        self
    }

    /// The named database with the source of static tables; `default` without it.
    pub fn source(mut self, database: impl Into<String>) -> Self {
        self.source = Some(database.into());
        self
    }

    /// The name of a table's struct. The default is the name of the table in the singular and in
    /// upper camel case: `OrderLine` for `order_lines`.
    ///
    /// ```
    /// use shard_orm::migrate::{Target, models};
    ///
    /// let shop = Target::Group("shop".to_owned());
    /// let models = models(shop, "src/models").shard_key("user_id").named("tbl_ord", "Order");
    /// ```
    pub fn named(mut self, table: impl Into<String>, model: impl Into<String>) -> Self {
        self.names.insert(table.into(), model.into());
        self
    }

    /// The crate of the types for dates and times.
    pub fn dates(mut self, dates: DateCrate) -> Self {
        self.dates = dates;
        self
    }

    /// Reads the tables of the first namespace, with four statements, and writes the files.
    ///
    /// A file that exists is never changed. If a model's file exists, nothing is written at all.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if the configuration has no such group or
    /// database, if a table or column that was named does not exist, if a sharded table has no shard
    /// key, if two tables would have the same model, or if a file exists or cannot be written. Errors
    /// of the database.
    pub async fn run(self, cluster: &Cluster) -> Result<GeneratedModels> {
        let generated = self.preview(cluster).await?;
        let paths: Vec<PathBuf> = generated
            .files
            .iter()
            .map(|file| self.folder.join(&file.path))
            .collect();
        let existing: Vec<String> = paths
            .iter()
            .filter(|path| path.symlink_metadata().is_ok())
            .map(|path| path.display().to_string())
            .collect();
        if !existing.is_empty() {
            return Err(Error::configuration(format!(
                "no file is overwritten, and nothing was written, since there is {} already; limit the \
                 run to other tables, choose another folder, or remove it",
                existing.join(", ")
            )));
        }
        for (position, (file, path)) in generated.files.iter().zip(&paths).enumerate() {
            if let Err(error) = new_file(path, &file.text) {
                for written in &paths[..position] {
                    let _ = std::fs::remove_file(written);
                }
                return Err(error);
            }
        }
        Ok(generated)
    }

    /// Does what [`run`](Self::run) does, and writes nothing.
    ///
    /// # Errors
    /// As [`run`](Self::run), save for files.
    pub async fn preview(&self, cluster: &Cluster) -> Result<GeneratedModels> {
        let Selected { dialect, tables } = self.select(cluster).await?;
        let mut models = self.model_names(&tables)?;
        let mut generated = GeneratedModels::default();
        let mut modules = Vec::new();
        for table in &tables {
            let location = self.location(table);
            let (structure, unmapped) = structure::of(table, location, dialect, self.dates)?;
            if let (Some(structure), Some(model)) = (structure, models.remove(&table.name)) {
                let name = names::module(&model);
                generated.features.extend(&structure.features);
                generated.files.push(GeneratedFile {
                    path: format!("{name}.rs"),
                    text: text::model(&structure, &model, &table.name, &unmapped),
                });
                modules.push(Module { model, name });
            }
            generated.unmapped.extend(unmapped);
        }
        if modules.is_empty() {
            return Ok(generated);
        }
        modules.sort_by(|one, other| one.name.cmp(&other.name));
        let declared = text::declarations(&modules);
        match self.module_file() {
            Some(path) => generated.files.push(GeneratedFile {
                path: path.to_owned(),
                text: format!("{}\n{declared}", text::module_head(&self.target)),
            }),
            None => generated.declarations = Some(declared),
        }
        Ok(generated)
    }

    /// The file that declares the modules; `None` if there is one already.
    fn module_file(&self) -> Option<&'static str> {
        let exists = |path: &Path| path.symlink_metadata().is_ok();
        let inside = |name: &str| exists(&self.folder.join(name));
        if self.folder.file_name().is_some_and(|name| name == "src") {
            let has_root = inside("lib.rs") || inside("main.rs");
            return (!has_root).then_some("lib.rs");
        }
        let has_module = inside("mod.rs") || exists(&self.folder.with_extension("rs"));
        (!has_module).then_some("mod.rs")
    }
}
