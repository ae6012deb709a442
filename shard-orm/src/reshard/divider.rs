//! Which target of a split owns a row: the one that the new topology routes its key to.

use std::collections::BTreeMap;

use sea_query::Value;

use super::failure::Misfit;
use super::rows::MovedTable;
use crate::backend::{PackedRow, integer_of, shown};
use crate::error::{Error, ErrorKind, Result};
use crate::replicate::{Cells, key_of};
use crate::route::{OwnedKeys, Router, RoutingKey};

/// How many rows an error names.
const NAMED: usize = 5;

/// Which target of a split owns a row.
#[derive(Debug)]
pub(super) struct Divider {
    /// By the topology after the switch.
    router: Router,
    /// The region of the source, if its group has regions.
    region: Option<Box<str>>,
    /// The logical shard of each target.
    targets: Vec<u32>,
    /// The target that keeps the number of the source, and with it the tables that have no key.
    kept: usize,
    /// The columns that route the rows of each table: region, then key. None for a table without a key.
    columns: BTreeMap<String, Vec<String>>,
}

impl Divider {
    pub(super) fn new(
        router: Router,
        source: (u32, &OwnedKeys),
        targets: Vec<u32>,
        columns: BTreeMap<String, Vec<String>>,
    ) -> Self {
        let (number, keys) = source;
        let region = match keys {
            OwnedKeys::Hashes { region, .. } => region.clone(),
            _ => None,
        };
        let kept = targets.iter().position(|target| *target == number);
        Self {
            router,
            region,
            kept: kept.unwrap_or_default(),
            targets,
            columns,
        }
    }

    /// The rows of each target.
    ///
    /// # Errors
    /// `Conflict` with the rows that belong to none.
    pub(super) fn divide(&self, table: &MovedTable, rows: Vec<Cells>) -> Result<Vec<Vec<Cells>>> {
        let columns = self.columns_of(table)?;
        let mut divided: Vec<Vec<Cells>> = self.targets.iter().map(|_| Vec::new()).collect();
        let mut strays = Vec::new();
        for cells in rows {
            match self.target_of(columns.as_ref(), &cells) {
                Some(target) => divided[target].push(cells),
                None => strays.push(cells),
            }
        }
        if strays.is_empty() {
            return Ok(divided);
        }
        let named = strays.iter().take(NAMED);
        let named = named.map(|cells| {
            let key = key_of(&table.def, cells).into_iter();
            let key = key.map(|value| shown(&value));
            key.collect::<Vec<_>>().join("/")
        });
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "table `{}` has rows whose key belongs to another logical shard, or is NULL, as by a statement that went \
                 round the library: {} of those read, with the primary keys {}{}; correct or delete them, and run the \
                 job again",
                table.def.name,
                strays.len(),
                named.collect::<Vec<_>>().join(", "),
                if strays.len() > NAMED { ", .." } else { "" }
            ),
        )
        .with_source(Misfit))
    }

    /// Tells whose a row in the binary form of PostgreSQL is; `None` for one that belongs to no target.
    pub(super) fn of_packed(
        &self,
        table: &MovedTable,
    ) -> Result<impl FnMut(&PackedRow<'_>) -> Option<usize>> {
        let columns = self.columns_of(table)?;
        Ok(move |row: &PackedRow<'_>| {
            let Some((region, key)) = columns else {
                return Some(self.kept);
            };
            let region = match region {
                Some(region) => Some(str::from_utf8(row.field(region)?).ok()?),
                None => self.region.as_deref(),
            };
            self.target_of_key(region, row.integer(key)?)
        })
    }

    /// Whether that can be told: the region is a text, whose binary form is itself.
    pub(super) fn divides_packed(&self, table: &MovedTable) -> Result<bool> {
        let Some((Some(region), _)) = self.columns_of(table)? else {
            return Ok(true);
        };
        let declared = table.def.columns[region].data_type.declared();
        let texts = ["text", "character varying"];
        Ok(declared
            .is_some_and(|declared| texts.iter().any(|text| declared.text.starts_with(text))))
    }

    /// The ordinals of region and key in a table; `None` for one whose rows have no key.
    fn columns_of(&self, table: &MovedTable) -> Result<Option<(Option<usize>, usize)>> {
        let ordinal = |column: &String| {
            let mut columns = table.def.columns.iter();
            let found = columns.position(|own| own.name.eq_ignore_ascii_case(column));
            found.ok_or_else(|| {
                Error::configuration(format!(
                    "table `{}` has no column `{column}`, which the job has for its key; abort the job",
                    table.def.name
                ))
            })
        };
        match self.columns.get(&table.def.name).map(Vec::as_slice) {
            Some([]) => Ok(None),
            Some([key]) => Ok(Some((None, ordinal(key)?))),
            Some([region, key]) => Ok(Some((Some(ordinal(region)?), ordinal(key)?))),
            _ => Err(Error::configuration(format!(
                "the job does not know the key column of table `{}`; abort it",
                table.def.name
            ))),
        }
    }

    fn target_of(&self, columns: Option<&(Option<usize>, usize)>, cells: &Cells) -> Option<usize> {
        let Some((region, key)) = columns else {
            return Some(self.kept);
        };
        let key = integer_of(cells.get(*key)?)?;
        let region = match region.and_then(|region| cells.get(region)) {
            Some(Value::String(region)) => region.as_ref().map(|region| region.as_str()),
            _ => self.region.as_deref(),
        };
        self.target_of_key(region, key)
    }

    fn target_of_key(&self, region: Option<&str>, key: i64) -> Option<usize> {
        let shard = self.router.route(&RoutingKey { region, key }).ok()?;
        self.targets.iter().position(|target| *target == shard)
    }
}
