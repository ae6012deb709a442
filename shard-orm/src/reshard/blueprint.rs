//! What a namespace holds, as the job keeps it: in a table of the target, from the moment of its creation.
//!
//! Once the source is fenced, its tables have other names, so its structure is not read again.

use sea_query::{Alias, Expr, Order, Query};

use super::place::Place;
use crate::backend::Field as _;
use crate::backend::Row;
use crate::backend::fence::Fence;
use crate::backend::structure::{self, Scope, Structure};
use crate::backend::system_table::{Kind, create_table};
use crate::connect::TABLE as RECORD;
use crate::error::{Error, Result};

/// What follows the creation of tables, each with the statements of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Index,
    ForeignKey,
    Validate,
    Program,
    Trigger,
    /// Drops foreign keys and triggers from the held tables of the source.
    Release,
    Table,
    Sequence,
    View,
}

impl Stage {
    const NAMES: [(&'static str, Self); 9] = [
        ("index", Self::Index),
        ("foreign key", Self::ForeignKey),
        ("validate", Self::Validate),
        ("program", Self::Program),
        ("trigger", Self::Trigger),
        ("release", Self::Release),
        ("table", Self::Table),
        ("sequence", Self::Sequence),
        ("view", Self::View),
    ];

    fn name(self) -> &'static str {
        let named = Self::NAMES.iter().find(|(_, stage)| *stage == self);
        named.map_or("", |(name, _)| name)
    }
}

/// The statements and names of a job's structure.
#[derive(Debug, Clone, Default)]
pub(super) struct Blueprint {
    entries: Vec<(Stage, String)>,
    tables: Vec<String>,
    sequences: Vec<String>,
    views: Vec<String>,
    /// That of the source, if it is another kind of database.
    source: Option<Box<Blueprint>>,
}

/// Before the name of a stage of the source.
const OF_SOURCE: &str = "source ";

/// The table of the blueprint in the target's namespace.
pub(super) fn table_of(job: u64) -> String {
    format!("so_{job}_structure")
}

/// Whether an object of this name moves with the namespace.
pub(super) fn includes(name: &str) -> bool {
    name != RECORD && !name.starts_with("so_") && !name.starts_with("shard_orm_lock")
}

/// Reads the structure of a namespace that is open.
pub(super) async fn read_structure(place: &mut Place, target: &str) -> Result<Structure> {
    let handle = std::sync::Arc::clone(&place.handle);
    let scope = Scope {
        statics: handle.namespace.statics().map(|name| &**name),
        target,
        includes: &includes,
    };
    let read = structure::read(&mut place.conn, &scope).await;
    read.map_err(|failure| place.named(failure))
}

impl Blueprint {
    pub(super) fn of(structure: &Structure, held: &dyn Fn(&str) -> String) -> Self {
        let sequences = structure
            .sequences
            .iter()
            .map(|sequence| sequence.name.clone());
        let views = structure.views.iter().map(|view| view.name.clone());
        let mut own = Self {
            tables: structure.tables.clone(),
            sequences: sequences.collect(),
            views: views.collect(),
            entries: Vec::new(),
            source: None,
        };
        for (stage, texts) in [
            (Stage::Index, &structure.indexes),
            (Stage::ForeignKey, &structure.foreign_keys),
            (Stage::Validate, &structure.validate),
            (Stage::Program, &structure.programs),
            (Stage::Trigger, &structure.triggers),
            (Stage::Release, &structure.release(held)),
            (Stage::Table, &own.tables),
            (Stage::Sequence, &own.sequences),
            (Stage::View, &own.views),
        ] {
            own.entries
                .extend(texts.iter().map(|text| (stage, text.clone())));
        }
        own
    }

    /// The same, of a source that is another kind of database.
    pub(super) fn with_source(mut self, source: Self) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// The statements and names at the source.
    pub(super) fn at_source(&self) -> &Self {
        self.source.as_deref().unwrap_or(self)
    }

    /// The statements of a stage.
    pub(super) fn texts(&self, stage: Stage) -> Vec<String> {
        let texts = self.entries.iter().filter(|(own, _)| *own == stage);
        texts.map(|(_, text)| text.clone()).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn tables(&self) -> &[String] {
        &self.tables
    }

    /// The fence of one end.
    pub(super) fn fence(&self, place: &Place) -> Fence<'_> {
        let ticket = place.ticket();
        Fence {
            dialect: place.dialect(),
            job: ticket.job,
            token: ticket.token,
            tables: &self.tables,
            sequences: &self.sequences,
            views: &self.views,
            record: RECORD,
        }
    }

    /// Writes it into the target's namespace.
    pub(super) async fn write(&self, target: &mut Place) -> Result<()> {
        let job = target.ticket().job;
        let name = || Alias::new(table_of(job));
        let columns = [
            ("number", Kind::Integer),
            ("stage", Kind::Text),
            ("content", Kind::LongText),
        ];
        let create = create_table(target.dialect(), name(), &columns);
        target.batch(&create).await?;
        let mut delete = Query::delete();
        delete.from_table(name());
        target.run(&delete).await?;
        let entries = self.entries.iter();
        let entries = entries.map(|(stage, text)| (stage.name().to_owned(), text));
        let of_source = self.source.iter().flat_map(|source| &source.entries);
        let of_source =
            of_source.map(|(stage, text)| (format!("{OF_SOURCE}{}", stage.name()), text));
        for (number, (stage, text)) in (0_i64..).zip(entries.chain(of_source)) {
            let mut insert = Query::insert();
            insert
                .into_table(Alias::new(table_of(target.ticket().job)))
                .columns(["number", "stage", "content"].map(Alias::new))
                .values([
                    Expr::val(number),
                    Expr::val(stage),
                    Expr::val(text.as_str()),
                ])
                .map_err(|source| Error::configuration("a structure").with_source(source))?;
            target.run(&insert).await?;
        }
        Ok(())
    }

    /// Reads it from the target's namespace.
    pub(super) async fn read(target: &mut Place) -> Result<Self> {
        let mut select = Query::select();
        select
            .columns(["stage", "content"].map(Alias::new))
            .from(Alias::new(table_of(target.ticket().job)))
            .order_by(Alias::new("number"), Order::Asc);
        let read = |row: &Row<'_>| Ok((String::read(row, 0)?, String::read(row, 1)?));
        let mut own = Self::default();
        for (name, text) in target.rows(&select, read).await? {
            let (stage, of_source) = match name.strip_prefix(OF_SOURCE) {
                Some(stage) => (stage, true),
                None => (name.as_str(), false),
            };
            let known = Stage::NAMES.iter().find(|(name, _)| *name == stage);
            let Some((_, stage)) = known else {
                return Err(Error::decode(format!(
                    "a structure with the unknown stage `{stage}`"
                )));
            };
            let own = match of_source {
                true => &mut **own.source.get_or_insert_default(),
                false => &mut own,
            };
            match stage {
                Stage::Table => own.tables.push(text.clone()),
                Stage::Sequence => own.sequences.push(text.clone()),
                Stage::View => own.views.push(text.clone()),
                _ => {}
            }
            own.entries.push((*stage, text));
        }
        Ok(own)
    }
}
