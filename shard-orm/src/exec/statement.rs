//! What is sent, and what takes its rows.

use std::fmt;

use super::found_by::FoundBy;
use crate::backend::{Args, Row, Sql};
use crate::definition::ModelDef;
use crate::error::Result;
use crate::topology::Namespace;

/// One statement, ready to be rendered for whichever namespace it is sent to.
///
/// Prepared anew for each attempt: a later one may go to another place.
pub(crate) trait Statement: Sync {
    /// Renders the text for this namespace and binds its arguments.
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql>;

    /// What spans and errors call it: a verb and a table.
    fn label(&self) -> Label<'_>;

    /// Whether a server that refuses it as read-only has surely done nothing of it, so that the new
    /// primary may be sent it. Of the users' own SQL nobody knows: a procedure may have committed
    /// a part.
    fn is_refused_whole(&self) -> bool {
        true
    }

    /// Whether what it says was decided by the kind of database at which it began, so that it is not sent to another one.
    fn is_of_one_kind(&self) -> bool {
        false
    }

    /// By what its logical shard is found again, once that was split or merged.
    fn found_by(&self) -> FoundBy {
        FoundBy::Rows
    }

    /// The models whose tables it names.
    fn models(&self) -> Vec<&'static ModelDef> {
        Vec::new()
    }

    /// The model whose rows it gives, each with all columns in the order of the model; `None` if it gives something else.
    #[cfg(feature = "reshard")]
    fn whole_rows(&self) -> Option<&'static ModelDef> {
        None
    }

    /// How many tables of each namespace it reads.
    fn tables(&self) -> usize {
        1
    }
}

/// What spans and errors call a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label<'a> {
    pub(crate) verb: &'static str,
    pub(crate) table: &'a str,
}

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.table)
    }
}

/// Takes the rows of a result.
pub(crate) trait Sink: Send {
    fn row(&mut self, row: &Row<'_>) -> Result<()>;

    /// Forgets the rows so far: the statement is asked again.
    fn reset(&mut self);
}

/// Takes no rows, for statements that give none.
pub(crate) struct NoRows;

impl Sink for NoRows {
    fn row(&mut self, _row: &Row<'_>) -> Result<()> {
        Ok(())
    }

    fn reset(&mut self) {}
}

/// Collects all rows.
pub(crate) struct Rows<T, F> {
    pub(crate) rows: Vec<T>,
    read: F,
}

impl<T, F: FnMut(&Row<'_>) -> Result<T>> Rows<T, F> {
    pub(crate) fn new(read: F) -> Self {
        Self {
            rows: Vec::new(),
            read,
        }
    }
}

impl<T: Send, F: FnMut(&Row<'_>) -> Result<T> + Send> Sink for Rows<T, F> {
    fn row(&mut self, row: &Row<'_>) -> Result<()> {
        self.rows.push((self.read)(row)?);
        Ok(())
    }

    fn reset(&mut self) {
        self.rows.clear();
    }
}

/// Keeps the first row.
pub(crate) struct First<T, F> {
    pub(crate) row: Option<T>,
    read: F,
}

impl<T, F: FnMut(&Row<'_>) -> Result<T>> First<T, F> {
    pub(crate) fn new(read: F) -> Self {
        Self { row: None, read }
    }
}

impl<T: Send, F: FnMut(&Row<'_>) -> Result<T> + Send> Sink for First<T, F> {
    fn row(&mut self, row: &Row<'_>) -> Result<()> {
        if self.row.is_none() {
            self.row = Some((self.read)(row)?);
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.row = None;
    }
}
