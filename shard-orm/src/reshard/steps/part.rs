//! The step in which a part stays: the rows that leave are deleted, and the tables of the source become those of the part's
//! namespace.
//!
//! The source is closed, and its log was drained. From the first deletion on nothing is read there any more, neither rows nor
//! entries of the log: the rows that leave are at the other targets alone. So the job's state tells that this step may have
//! begun, and the job does not go back from there.

use sea_query::Expr;

use crate::backend::adopt::{Adoption, Reference};
use crate::catalog::Leaving;
use crate::connect::State;
use crate::error::{Error, ErrorKind, Result};
use crate::reshard::driver::Driver;
use crate::reshard::failure::{Misfit, is_locked, is_misfit, may_pass};
use crate::reshard::place::Place;
use crate::reshard::places::Site;
use crate::reshard::stay::MOST_AT_SWITCH;
use crate::reshard::steps::prepare::names_of;
use crate::schema::move_log;

impl Driver {
    /// Whether still so few rows leave that writes can wait for their deletion.
    pub(super) async fn check_leaving(&mut self) -> Result<()> {
        if self.rows_leaving().await? <= MOST_AT_SWITCH {
            return Ok(());
        }
        let id = self.job.id;
        Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "more than {MOST_AT_SWITCH} rows leave by now, and writes would wait until they are deleted from the tables that \
                 stay; delete some of them, or give it up with `shard-orm job abort {id}` and begin again, which then copies \
                 all parts"
            ),
        ))
    }

    /// Gives the tables of the source to the part that stays, without the rows that leave.
    pub(super) async fn part(&mut self) -> Result<()> {
        self.read_blueprints().await?;
        if !self.is_parted().await? {
            self.give_tables(false).await?;
        }
        self.await_parting().await?;
        self.done.parted = true;
        Ok(())
    }

    /// Tries it in a transaction that is rolled back, while the source can still be opened again. On MySQL and MariaDB, where
    /// a rename has none, deletions look at no foreign key, so that rows of others do not stand in their way.
    ///
    /// # Errors
    /// A misfit if it cannot be done.
    pub(super) async fn rehearse_parting(&mut self) -> Result<()> {
        match self.give_tables(true).await {
            Err(error) if is_locked(&error) || may_pass(&error) || is_misfit(&error) => Err(error),
            Err(error) if error.kind() == ErrorKind::Fenced => Err(error),
            Err(error) => {
                let message = format!(
                    "the tables cannot be parted from the rows that leave: {}; begin again with all parts copied",
                    error.message()
                );
                Err(Error::new(error.kind(), message).with_source(Misfit))
            }
            done => done,
        }
    }

    /// Whether a former runner has done it: at once for all tables.
    async fn is_parted(&mut self) -> Result<bool> {
        let Some(site) = self.staying() else {
            return Ok(true);
        };
        let blueprint = self.blueprint(site);
        let there = names_of(self.place(site).await?).await?;
        let mut tables = blueprint.tables().iter();
        Ok(tables.all(|table| there.contains(table)))
    }

    async fn give_tables(&mut self, rehearses: bool) -> Result<()> {
        let (Some(leaving), Some(staying)) = (self.job.leaving.clone(), self.staying()) else {
            return Ok(());
        };
        let into = self.handle(staying).await?;
        let references = self.references().await?;
        let (job, count) = (self.job.id.to_string(), self.job.tables.len());
        let of_tables = self.job.keys.iter();
        let of_tables =
            of_tables.map(|(table, columns)| (table.clone(), leaving.condition(columns)));
        let of_tables: Vec<(String, Expr)> = of_tables.collect();
        let site = Site::source(0);
        let blueprint = self.blueprint(site);
        let source = self.place(site).await?;
        let adoption = Adoption {
            fence: blueprint.fence(source),
            into: into.namespace.name(),
            leaving: &of_tables,
            references: &references,
        };
        // Deletions are no changes: an entry of one would delete the row at its target.
        let silence = move_log::remove(source.dialect(), &job, count);
        let transactional = source.dialect().capability().transactional_ddl;
        if !transactional {
            if rehearses {
                return Ok(());
            }
            source.all(&silence).await?;
        }
        source.begin_as(State::Fenced).await?;
        let done = async {
            if transactional {
                source.all(&silence).await?;
            }
            refuse_strays(source, &adoption, &leaving).await?;
            source.all(&adoption.delete()).await?;
            if transactional {
                source.all(&adoption.rename()).await?;
            }
            Ok(())
        };
        let done = done.await;
        if rehearses || done.is_err() {
            source.rollback().await;
            return done;
        }
        source.commit().await?;
        if !transactional {
            source.all(&adoption.rename()).await?;
        }
        Ok(())
    }

    /// The foreign keys between tables of the logical shard, as a target has them whose rows were copied.
    async fn references(&mut self) -> Result<Vec<Reference>> {
        let Some(site) = self.fed().into_iter().next() else {
            return Ok(Vec::new());
        };
        let tables = self.place(site).await?.tables().await?;
        let mut references = Vec::new();
        for table in &tables {
            for key in table.foreign_keys.iter().filter(|key| key.schema.is_none()) {
                let columns = key.columns.iter().zip(&key.referenced);
                let columns = columns.filter_map(|(ordinal, referenced)| {
                    let column = table.columns.get(*ordinal)?;
                    Some((column.name.clone(), referenced.clone()))
                });
                references.push(Reference {
                    child: table.name.clone(),
                    parent: key.table.clone(),
                    columns: columns.collect(),
                });
            }
        }
        Ok(references)
    }
}

/// Fails if rows that stay refer to rows that are to be deleted.
async fn refuse_strays(
    source: &mut Place,
    adoption: &Adoption<'_>,
    leaving: &Leaving,
) -> Result<()> {
    for (table, query) in adoption.strays() {
        let mut is_found = false;
        let on_row = &mut |_: &crate::backend::Row<'_>| {
            is_found = true;
            Ok(())
        };
        source.ask_text(&query, &[], on_row).await?;
        if is_found {
            return Err(Error::new(
                ErrorKind::ForeignKey,
                format!(
                    "table `{table}` has rows of other keys that refer to rows of {leaving}: correct them, or begin again with \
                     all parts copied, which breaks the foreign key"
                ),
            )
            .with_source(Misfit));
        }
    }
    Ok(())
}
