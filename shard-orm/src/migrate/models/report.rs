//! The result of a generation of models.

use std::collections::BTreeSet;
use std::fmt;

use crate::migrate::GeneratedFile;
use crate::schema::Aspect;

/// The models that were written, and what of the tables they do not say; returned by
/// [`GenerateModels::run`](super::GenerateModels::run).
///
/// Shows itself as text for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct GeneratedModels {
    /// The files: one for each table, and the one that declares the modules if there was none.
    pub files: Vec<GeneratedFile>,
    /// The declarations that are to be added to the file of the modules, if there was one.
    pub declarations: Option<String>,
    /// The features of this library that the models need, such as `chrono` and `uuid`. The crates of
    /// the types have to be dependencies of the user's crate.
    pub features: BTreeSet<&'static str>,
    /// What the models do not say.
    pub unmapped: Vec<Unmapped>,
}

/// Something of a table that its model does not say, or a table without a model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Unmapped {
    /// The table.
    pub table: String,
    /// The column; of a key, an index or a check its columns or its condition. `None` if the table
    /// has no model at all.
    pub subject: Option<String>,
    /// The reason.
    pub reason: UnmappedReason,
}

/// Why something is not in a model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "kind", rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum UnmappedReason {
    /// The table has no primary key.
    NoPrimaryKey,
    /// A column of the primary key has no field.
    PrimaryKey,
    /// The primary key has more than four columns besides shard key and region.
    TooManyKeyColumns,
    /// The table has no such column, or it takes NULL or holds no integers, so it is no shard key.
    UnsuitableShardKey {
        /// The column that was named.
        column: String,
    },
    /// The column takes NULL or holds no text, so it is no region.
    Region {
        /// The column that was named.
        column: String,
    },
    /// The name has no letter, is longer than 63 bytes, or differs from another one in case alone.
    Name,
    /// No field has the type, or its feature is not enabled.
    Type {
        /// The type in the SQL of the database.
        declared: String,
    },
    /// The database computes the column, and the library writes every column of a model.
    Generated {
        /// The expression.
        expression: String,
    },
    /// The table has it otherwise than a table of the model would.
    Deviation {
        /// The kind.
        aspect: Aspect,
        /// What a table of the model would have; `None` if nothing.
        model: Option<String>,
        /// What the table has; `None` if nothing.
        table: Option<String>,
    },
}

impl fmt::Display for Unmapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            None => write!(f, "table `{}` has no model: {}", self.table, self.reason),
            Some(_) => write!(f, "table `{}`: {}", self.table, self.told()),
        }
    }
}

impl Unmapped {
    /// The text without the table.
    pub(super) fn told(&self) -> String {
        let subject = self.subject.as_deref().unwrap_or_default();
        match &self.reason {
            UnmappedReason::Deviation { aspect, .. } if self.reason.is_whole() => {
                format!("{aspect} `{subject}`: {}", self.reason)
            }
            UnmappedReason::Deviation { aspect, .. } => {
                format!("{aspect} `{subject}` {}", self.reason)
            }
            reason => format!("column `{subject}` is left out: {reason}"),
        }
    }
}

impl UnmappedReason {
    /// Whether it is about a whole index, foreign key or check.
    fn is_whole(&self) -> bool {
        matches!(
            self,
            Self::Deviation {
                aspect: Aspect::Index | Aspect::ForeignKey | Aspect::Check,
                ..
            }
        )
    }
}

impl fmt::Display for UnmappedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPrimaryKey => f.write_str(
                "it has no primary key; add one, since rows are found and changed by it",
            ),
            Self::PrimaryKey => f.write_str("a column of its primary key has no field"),
            Self::TooManyKeyColumns => f.write_str(
                "its primary key has more than four columns besides the shard key and the region",
            ),
            Self::UnsuitableShardKey { column } if column.is_empty() => f.write_str(
                "no shard key is named for it; name its column, or the table as isolated",
            ),
            Self::UnsuitableShardKey { column } => write!(
                f,
                "it has no column `{column}` of integers that are never NULL, which could be its \
                 shard key; name another one for this table, or the table as isolated"
            ),
            Self::Region { column } => write!(
                f,
                "the region `{column}` has to be a text that is never NULL"
            ),
            Self::Name => f.write_str(
                "its name has no letter, is longer than 63 bytes, or differs from another one in \
                 case alone",
            ),
            Self::Type { declared } => write!(
                f,
                "no field has the type `{declared}`, or the feature of its type (`chrono`, `time`, \
                 `uuid`, `decimal`, `json`) is not enabled"
            ),
            Self::Generated { expression } => write!(
                f,
                "the database computes it as `{expression}`, and the library would write it"
            ),
            Self::Deviation {
                aspect,
                model,
                table,
            } => deviation(f, *aspect, model.as_deref(), table.as_deref()),
        }
    }
}

fn deviation(
    f: &mut fmt::Formatter<'_>,
    aspect: Aspect,
    model: Option<&str>,
    table: Option<&str>,
) -> fmt::Result {
    let found = table.unwrap_or("none");
    match aspect {
        Aspect::Index => f.write_str("a model cannot state it; keep it by migrations"),
        Aspect::ForeignKey => f.write_str(
            "a model does not state it; keep it by migrations, and declare the relation with \
             `belongs_to` or `refers_to`",
        ),
        Aspect::Check => f.write_str("a model does not state it; keep it by migrations"),
        Aspect::Identity => f.write_str(
            "is not used, as the library writes every column; fill in the ids, or declare \
             `generate = \"..\"`",
        ),
        Aspect::Default => write!(
            f,
            "is `{found}`, which is no constant; the library writes every column, so it serves \
             other programs alone (`created_at` and `updated_at` set the time)"
        ),
        _ => write!(
            f,
            "is `{found}`; a table of the model would have `{}`",
            model.unwrap_or("none")
        ),
    }
}

impl fmt::Display for GeneratedModels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.files.is_empty() && self.unmapped.is_empty() {
            return f.write_str("there are no tables");
        }
        let mut lines: Vec<String> = self.files.iter().map(|file| file.path.clone()).collect();
        if let Some(declarations) = &self.declarations {
            lines.push("add to the file of the modules:".to_owned());
            lines.extend(
                declarations
                    .lines()
                    .map(|line| format!("  {line}").trim_end().to_owned()),
            );
        }
        if !self.features.is_empty() {
            let names: Vec<String> = self
                .features
                .iter()
                .map(|name| format!("`{name}`"))
                .collect();
            lines.push(format!("features of shard-orm: {}", names.join(", ")));
        }
        if !self.unmapped.is_empty() {
            lines.push("not in the models:".to_owned());
            lines.extend(self.unmapped.iter().map(|one| format!("- {one}")));
        }
        f.write_str(&lines.join("\n"))
    }
}
