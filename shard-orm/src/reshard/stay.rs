//! A part that stays: of a logical shard that is split, whether one of its parts keeps the tables.
//!
//! Such a job copies the rows of the other parts alone. At the switch they are deleted from the source's tables, which become
//! those of the part that stays by a rename. Called by `check` for a plan, and by the runner of the job.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use sea_query::{Alias, Expr, Query, SelectStatement};

use super::division::Division;
use super::driver::Driver;
use super::mover::End;
use super::place::Place;
use super::places::Site;
use super::planned::Planned;
use super::request::Request;
use super::rows::MovedTable;
use crate::backend::structure::Structure;
use crate::backend::{Field as _, Row};
use crate::catalog::Leaving;
use crate::error::Result;
use crate::route::{OwnedKeys, Pins, joined};

/// The most rows that are deleted while writes wait, over all tables. With more, all parts are copied.
const MOST: u64 = 10_000;
/// The most that there may be by the time of the switch.
pub(super) const MOST_AT_SWITCH: u64 = 2 * MOST;

impl Planned {
    /// Whether a part stays where it is, and why not. Of several that can, the one from which the fewest rows leave does.
    pub(super) async fn examine_parts(
        &mut self,
        (request, pins): (&Request, &Pins),
        source: &mut Place,
        structure: &Structure,
    ) -> Result<()> {
        if !self.kind.divides() {
            return Ok(());
        }
        let found = match self.candidates(request, pins) {
            Ok(found) => found,
            Err(because) => {
                self.copied_because = Some(because);
                return Ok(());
            }
        };
        self.copied_because = if source.dialect().capability().file_per_namespace {
            Some("its file cannot become another one while processes have it open".to_owned())
        } else if !self.types.is_empty() {
            Some("the servers are different kinds of databases".to_owned())
        } else if request.how.mirror.is_some() {
            Some("its reads are mirrored".to_owned())
        } else {
            structure.bound()
        };
        if self.copied_because.is_some() {
            return Ok(());
        }
        let mut fewest = MOST + 1;
        for leaving in found {
            let rows = source.count(&leaving, &self.keys, fewest).await?;
            if rows < fewest {
                (fewest, self.leaving) = (rows, Some(leaving));
            }
        }
        match self.leaving {
            Some(_) => self.leaving_rows = fewest,
            None => {
                self.copied_because = Some(format!(
                    "more than {MOST} rows would leave, and writes would wait until they are deleted from its tables"
                ));
            }
        }
        Ok(())
    }

    /// What leaves if a part stays, for each that can; or why none can.
    fn candidates(
        &self,
        request: &Request,
        pins: &Pins,
    ) -> std::result::Result<Vec<Leaving>, String> {
        if request.copies_all {
            return Err("that was asked for".to_owned());
        }
        let shard = request.shard;
        let server = self.sources.first().map_or("", |source| &*source.server);
        let mut because = format!("no part is to be on server `{server}`, where it is");
        let mut found = Vec::new();
        let parts = self.targets.iter().enumerate();
        for (stays, _) in parts.filter(|(_, part)| part.server == server) {
            let others = (0..self.targets.len()).filter(|part| *part != stays);
            let keys = others.map(|part| self.keys_of(part, &request.division));
            let Some(keys) = keys.collect::<Option<Vec<_>>>() else {
                because = "its parts are ranges of a hash, by which SQL selects no rows".to_owned();
                continue;
            };
            let keys: Vec<&[RangeInclusive<i64>]> = keys.iter().map(|keys| &**keys).collect();
            let leaving = Leaving::new(stays, joined(&keys));
            let mut pinned = pins.iter().filter(|(_, to)| *to == shard);
            match pinned.find(|(key, _)| leaving.is_crossed_by(*key)) {
                Some((key, _)) => {
                    because = format!(
                        "key {key} is pinned to logical shard {shard}, whichever part has its range"
                    );
                }
                None => found.push(leaving),
            }
        }
        match found.is_empty() {
            true => Err(because),
            false => Ok(found),
        }
    }

    /// The keys of a part, if SQL can tell them. Of hashes, it can tell that of a key that is isolated.
    fn keys_of(&self, part: usize, division: &Division) -> Option<Box<[RangeInclusive<i64>]>> {
        match (&self.targets.get(part)?.keys, division) {
            (OwnedKeys::Keys(ranges), _) => Some(ranges.clone()),
            (OwnedKeys::Hashes { .. }, Division::Key(key)) if part == 1 => {
                Some([*key..=*key].into())
            }
            _ => None,
        }
    }

    /// Counts the rows that are copied, in place of all.
    pub(super) fn count_leaving(&mut self) {
        if self.leaving.is_none() {
            return;
        }
        let all = u128::from(Ord::max(self.rows, 1));
        let own = self.leaving_rows;
        let bytes = |bytes: u64| u128::from(bytes) * u128::from(own) / all;
        self.bytes = self
            .bytes
            .map(|own| u64::try_from(bytes(own)).unwrap_or(own));
        self.rows = own;
    }
}

impl Driver {
    /// Whether a part stays where it is.
    pub(super) fn stays(&self) -> bool {
        self.job.leaving.is_some()
    }

    /// The target that stays where it is.
    pub(super) fn staying(&self) -> Option<Site> {
        let leaving = self.job.leaving.as_ref()?;
        Some(Site::target(leaving.stays()))
    }

    /// The targets whose rows are copied: all but a part that stays.
    pub(super) fn fed(&self) -> Vec<Site> {
        let staying = self.staying();
        let mut sites = self.sites(End::Target);
        sites.retain(|site| Some(*site) != staying);
        sites
    }

    /// The connections to the sources, and to the targets whose rows are copied.
    pub(super) async fn both_fed(&mut self) -> Result<(Vec<&mut Place>, Vec<&mut Place>)> {
        let staying = self.staying();
        let (sources, mut targets) = self.both().await?;
        if let Some(site) = staying {
            targets.remove(site.number);
        }
        Ok((sources, targets))
    }

    /// A table, of which only the rows move that leave.
    pub(super) fn leaving(&self, table: MovedTable) -> MovedTable {
        let Some(leaving) = &self.job.leaving else {
            return table;
        };
        let columns = self.job.keys.get(&table.def.name);
        let whose = leaving.condition(columns.map_or(&[], Vec::as_slice));
        MovedTable {
            whose: Some(whose),
            ..table
        }
    }

    /// The number of rows that leave, as far as it is not above the most.
    pub(super) async fn rows_leaving(&mut self) -> Result<u64> {
        let keys = self.job.keys.clone();
        let Some(leaving) = self.job.leaving.clone() else {
            return Ok(0);
        };
        let source = self.place(Site::source(0)).await?;
        source.count(&leaving, &keys, MOST_AT_SWITCH + 1).await
    }
}

impl Place {
    /// The number of rows that leave, over all tables, up to the most.
    async fn count(
        &mut self,
        leaving: &Leaving,
        keys: &BTreeMap<String, Vec<String>>,
        most: u64,
    ) -> Result<u64> {
        let mut rows = 0;
        for (table, columns) in keys {
            let mut own = Query::select();
            own.expr(Expr::cust("1"))
                .from(Alias::new(table))
                .and_where(leaving.condition(columns))
                .limit(most - rows);
            let mut select: SelectStatement = Query::select();
            select
                .expr(Expr::cust("COUNT(*)"))
                .from_subquery(own, Alias::new("own"));
            let read = |row: &Row<'_>| Ok(i64::read(row, 0)?.unsigned_abs());
            rows += self.rows(&select, read).await?.pop().unwrap_or_default();
        }
        Ok(rows)
    }
}
