//! The names and the texts of migration files.

use super::backfill::Head;
use super::checksum::Checksum;
use super::phase::Phase;
use crate::dialect::{Dialect, named};
use crate::error::{Error, Result};

/// The first line of a file whose statements do not run in one transaction.
const NO_TRANSACTION: &str = "-- no-transaction";
/// Before the options of a backfill.
const BACKFILL: &str = "-- backfill:";

/// The parts of a file's name: `<version>_<name>[.<backend>][.up|.down].sql`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileName {
    pub(super) version: i64,
    pub(super) name: String,
    pub(super) backend: Option<Dialect>,
    pub(super) direction: Direction,
}

/// The direction of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

impl FileName {
    /// Parses a file's name. `None` for files that do not end in `.sql`, which sqlx also skips.
    pub(super) fn parse(file: &str) -> Result<Option<Self>> {
        let Some(stem) = file.strip_suffix(".sql") else {
            return Ok(None);
        };
        let (stem, direction) = match (stem.strip_suffix(".up"), stem.strip_suffix(".down")) {
            (Some(stem), _) => (stem, Direction::Up),
            (None, Some(stem)) => (stem, Direction::Down),
            (None, None) => (stem, Direction::Up),
        };
        let (stem, backend) = match stem.rsplit_once('.') {
            None => (stem, None),
            Some((stem, backend)) => match named(backend) {
                Some(backend) => (stem, Some(backend)),
                None => {
                    return Err(Error::configuration(format!(
                        "migration file `{file}` is for the unknown backend `{backend}`; it must be \
                         one of `postgres`, `mysql`, `sqlite`"
                    )));
                }
            },
        };
        let named = stem.split_once('_');
        let parsed = named.and_then(|(version, name)| Some((version.parse().ok()?, name)));
        match parsed {
            Some((version, name)) if version > 0 => Ok(Some(Self {
                version,
                name: name.replace('_', " "),
                backend,
                direction,
            })),
            _ => Err(Error::configuration(format!(
                "migration file `{file}` has no version; name it `<version>_<name>.sql`, for example \
                 `20260101120000_add_orders.sql`"
            ))),
        }
    }
}

/// The text of one direction of a migration.
#[derive(Debug, Clone)]
pub(super) struct Script {
    /// The path below the migrations folder.
    pub(super) path: String,
    pub(super) text: String,
    pub(super) checksum: Checksum,
    pub(super) phase: Option<Phase>,
    pub(super) no_transaction: bool,
    /// How it is run in batches.
    pub(super) backfill: Option<Head>,
}

impl Script {
    pub(super) fn new(path: String, text: String) -> Result<Self> {
        let head = || {
            let lines = text.lines().map(str::trim);
            lines.take_while(|line| line.is_empty() || line.starts_with("--"))
        };
        let phase = head().find_map(|line| line.strip_prefix("-- phase:"));
        let phase = match phase.map(str::trim) {
            None => None,
            Some(name) => Some(Phase::parse(name).ok_or_else(|| {
                Error::configuration(format!(
                    "migration file `{path}` is of the unknown phase `{name}`; it must be one of \
                     `expand`, `backfill`, `contract`"
                ))
            })?),
        };
        let no_transaction = text.starts_with(NO_TRANSACTION);
        let mut backfill = None;
        for (at, line) in text.lines().map(str::trim).enumerate() {
            if !line.is_empty() && !line.starts_with("--") {
                break;
            }
            if let Some(options) = line.strip_prefix(BACKFILL) {
                backfill = Some(Head::parse(&path, at + 1, options)?);
            }
        }
        if let Some(head) = backfill.as_ref().filter(|_| phase != Some(Phase::Backfill)) {
            return Err(Error::configuration(format!(
                "migration file `{path}`, line {}: a backfill is of the phase `backfill`; add the line \
                 `-- phase: backfill`",
                head.line
            )));
        }
        Ok(Self {
            checksum: Checksum::of(&text),
            path,
            phase,
            no_transaction,
            backfill,
            text,
        })
    }
}
