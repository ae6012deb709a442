//! Says which columns of a table do not fit its model, when a row of it could not be read.
//!
//! Called by `run` after a failure alone: the catalog is asked then, and never before a statement.

use futures_util::future::BoxFuture;

use super::catalog::{Ask, Tables};
use super::destination::Destination;
use super::run::{Intent, run_at};
use super::statement::{Rows, Statement};
use super::target::Target;
use crate::backend::Row;
use crate::backend::inspect::{self, About, Shape, unfit};
use crate::definition::ModelDef;
use crate::error::{Error, ErrorKind};

/// Whether a table that does not fit its model may be the cause.
pub(super) fn may_be_unfit(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Decode | ErrorKind::UndefinedTable)
}

/// The error with all columns that do not fit, or as it was where all of them do.
#[cold]
pub(super) fn explained<'a>(
    target: Target<'a>,
    destination: Destination,
    statement: &'a dyn Statement,
    error: Error,
) -> BoxFuture<'a, Error> {
    Box::pin(async move {
        let dialect = destination.handle.dialect();
        for def in statement.models() {
            let mut columns = Rows::new(|row: &Row<'_>| inspect::column(dialect, row));
            let ask = Ask(Tables::OfModel(def), About::Columns);
            let asked = run_at(
                target,
                destination.clone(),
                Intent::Read,
                &ask,
                &mut columns,
            );
            // A table that is not there has no columns, and is what the error says already.
            if asked.await.is_err() || columns.rows.is_empty() {
                continue;
            }
            let shape = Shape {
                columns: columns.rows.into_iter().map(|(column, _)| column).collect(),
                keys: Vec::new(),
                foreign_keys: Vec::new(),
                encoding: None,
            };
            let problems = problems(def, &destination, &shape);
            if !problems.is_empty() {
                let message = format!(
                    "the table `{}` does not fit the model `{}`: {}; alter the table, or change \
                     the fields",
                    def.table,
                    def.name,
                    problems.join("; ")
                );
                return destination
                    .name_error(Error::new(error.kind(), message).with_source(error));
            }
        }
        error
    })
}

fn problems(def: &ModelDef, destination: &Destination, shape: &Shape) -> Vec<String> {
    let dialect = destination.handle.dialect();
    let of_model = def.columns.iter().filter_map(|column| {
        let name = column.name;
        let Some(found) = shape.column(name) else {
            return Some(format!("column `{name}` is missing"));
        };
        let expected = unfit(column.column_type, dialect, found)?;
        let type_name = &found.type_name;
        Some(format!(
            "column `{name}` is `{type_name}`, and the model needs {expected}"
        ))
    });
    let unknown = shape.columns.iter().filter(|found| {
        let may_be_left_out = found.nullable || found.has_default || found.generated;
        let is_it = |name: &str| name.eq_ignore_ascii_case(&found.name);
        !(may_be_left_out || def.columns.iter().any(|column| is_it(column.name)))
    });
    let unknown = unknown.map(|found| {
        let name = &found.name;
        format!("column `{name}` is not in the model, and takes no row without a value")
    });
    of_model.chain(unknown).collect()
}
