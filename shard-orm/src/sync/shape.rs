//! Whether a source and its copy can hold the same rows, found out before any row is touched.
//!
//! All that stands against it is said at once, with what there is on each side and what to do.

mod loss;

use sea_query::Value;

use self::loss::{Kept, loses};
use super::table::TableAt;
use crate::backend::inspect::{self, About, ColumnShape, Equality, Shape, unfit};
use crate::backend::{Args, ColumnType, Row, Sql};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Label, Rows, Statement};
use crate::topology::Namespace;

/// What a table really looks like.
///
/// # Errors
/// `UndefinedTable` when it is not there.
pub(crate) async fn inspect(table: &TableAt<'_>) -> Result<Shape> {
    let dialect = table.dialect();
    let ask = |about| Ask { table, about };
    let mut columns = Rows::new(|row: &Row<'_>| inspect::column(dialect, row));
    table.send(&ask(About::Columns), &mut columns).await?;
    let Some((_, encoding)) = columns.rows.first() else {
        return Err(Error::new(
            ErrorKind::UndefinedTable,
            format!("there is no table {table}: create it with `cluster.setup()`"),
        ));
    };
    let encoding = encoding.clone();
    let mut parts = Rows::new(inspect::key);
    table.send(&ask(About::Keys), &mut parts).await?;
    let mut foreign_keys = Rows::new(inspect::foreign_key);
    table
        .send(&ask(About::ForeignKeys), &mut foreign_keys)
        .await?;
    let mut keys: Vec<inspect::KeyShape> = Vec::new();
    for (name, primary, column) in parts.rows {
        match keys.last_mut() {
            Some(key) if key.name == name && key.primary == primary => key.columns.push(column),
            _ => keys.push(inspect::KeyShape {
                name,
                primary,
                columns: vec![column],
            }),
        }
    }
    Ok(Shape {
        columns: columns.rows.into_iter().map(|(column, _)| column).collect(),
        keys,
        foreign_keys: inspect::foreign_keys(foreign_keys.rows),
        encoding,
    })
}

struct Ask<'a> {
    table: &'a TableAt<'a>,
    about: About,
}

impl Statement for Ask<'_> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let table = namespace.table_of(self.table.def());
        let asked = inspect::question(namespace.dialect(), &table, self.about)?;
        let bind = |value: &Value| args.push(value);
        asked.values.iter().try_for_each(bind)?;
        Ok(Sql {
            text: asked.text.into(),
            persistent: false,
            single: false,
        })
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: "inspect",
            table: self.table.def().table,
        }
    }
}

/// A table and what it looks like.
type Seen<'a> = (&'a TableAt<'a>, &'a Shape);

/// Checks that both tables fit the model, and that the copy can hold what the source holds.
///
/// # Errors
/// `Configuration`, with all that does not fit.
pub(crate) fn check(source: Seen<'_>, copy: Seen<'_>) -> Result<()> {
    let mut problems = Vec::new();
    for (role, seen) in [("source", source), ("copy", copy)] {
        alone(role, seen, &mut problems);
    }
    let copied = source.0.def().columns.iter().filter_map(|column| {
        let pair = source.1.column(column.name).zip(copy.1.column(column.name));
        pair.map(|pair| (column, pair))
    });
    for (column, (there, here)) in copied {
        // A type that is wrong has been said.
        if unfit(column.column_type, copy.0.dialect(), here).is_some()
            || unfit(column.column_type, source.0.dialect(), there).is_some()
        {
            continue;
        }
        let indexed = is_in_key(copy.1, &here.name);
        let sides = (Kept::of(source.0, there), Kept::of(copy.0, here));
        if let Some(lost) = loses(column, sides, indexed) {
            problems.push(format!("column `{}`: {lost}", column.name));
        }
    }
    folded(source, copy, &mut problems);
    // Nothing may be said of NULL where the model has none: a row with one is an error when it is
    // read.
    for column in source
        .0
        .def()
        .columns
        .iter()
        .filter(|column| column.nullable)
    {
        if copy
            .1
            .column(column.name)
            .is_some_and(|here| !here.nullable)
        {
            problems.push(format!(
                "column `{}`: the model takes NULL and the copy does not; drop its NOT NULL",
                column.name
            ));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::configuration(format!(
        "{} cannot be kept as a copy of {}:\n- {}",
        copy.0,
        source.0,
        problems.join("\n- ")
    )))
}

/// What does not fit the model in one table, whatever the other one looks like.
fn alone(role: &str, (table, shape): Seen<'_>, problems: &mut Vec<String>) {
    let (def, dialect) = (table.def(), table.dialect());
    if let Some(encoding) = &shape.encoding
        && !matches!(&**encoding, "UTF8" | "UTF-8")
    {
        problems.push(format!(
            "the database of the {role} has the encoding {encoding}; move it to one in UTF-8"
        ));
    }
    for column in def.columns {
        let Some(found) = shape.column(column.name) else {
            problems.push(format!(
                "column `{}` is missing at the {role}; add it as {}",
                column.name,
                inspect::expected(column.column_type, dialect)
            ));
            continue;
        };
        if let Some(wanted) = unfit(column.column_type, dialect, found) {
            problems.push(format!(
                "column `{}` is `{}` at the {role}, and the model has {:?}; make it {wanted}",
                column.name, found.type_name, column.column_type
            ));
        }
        if role == "copy" && found.generated {
            problems.push(format!(
                "column `{}` is generated at the copy, which cannot be written; make it a plain one",
                column.name
            ));
        }
    }
    if role == "copy" {
        for found in &shape.columns {
            let known = def.columns.iter().any(|column| {
                column.name == found.name || column.name.eq_ignore_ascii_case(&found.name)
            });
            if !known && !found.nullable && !found.has_default && !found.generated {
                problems.push(format!(
                    "column `{}` of the copy is none of the model's, and takes neither NULL nor a \
                     default; give it one or drop it",
                    found.name
                ));
            }
        }
    }
    primary_key(role, (table, shape), problems);
}

fn primary_key(role: &str, (table, shape): Seen<'_>, problems: &mut Vec<String>) {
    let def = table.def();
    let mut wanted: Vec<String> = def
        .primary_key
        .iter()
        .map(|ordinal| def.columns[*ordinal].name.to_lowercase())
        .collect();
    let listed = wanted.join(", ");
    let Some(key) = shape.primary_key() else {
        problems.push(format!(
            "the {role} has no primary key; add PRIMARY KEY ({listed})"
        ));
        return;
    };
    let mut found: Vec<String> = key
        .columns
        .iter()
        .map(|column| column.as_deref().unwrap_or("an expression").to_lowercase())
        .collect();
    let is_called = found.join(", ");
    wanted.sort();
    found.sort();
    if wanted != found {
        problems.push(format!(
            "the primary key of the {role} is ({is_called}), and the model's is ({listed}); make \
             them the same"
        ));
    }
}

/// Unique texts that the source tells apart and the copy does not.
fn folded(source: Seen<'_>, copy: Seen<'_>, problems: &mut Vec<String>) {
    for column in source.0.def().columns {
        if column.column_type != ColumnType::Text || !is_in_key(copy.1, column.name) {
            continue;
        }
        let (Some(there), Some(here)) = (source.1.column(column.name), copy.1.column(column.name))
        else {
            continue;
        };
        if here.equality <= there.equality {
            continue;
        }
        let pair = match here.equality {
            Equality::Folded => "'Tea' and 'tea'",
            Equality::Padded | Equality::Bytes => "'tea' and 'tea '",
        };
        problems.push(format!(
            "column `{}` is unique, and the copy's collation {} takes {pair} for one, which the \
             source's {} tells apart; make it {}",
            column.name,
            called(here),
            called(there),
            match copy.0.dialect() {
                Dialect::MySql => "`utf8mb4_nopad_bin` (MySQL: `utf8mb4_0900_bin`)",
                Dialect::Postgres => "`\"C\"`",
                Dialect::Sqlite => "`BINARY`",
            }
        ));
    }
}

fn called(column: &ColumnShape) -> String {
    let name = column.collation.as_deref().unwrap_or("BINARY");
    format!("`{name}`")
}

fn is_in_key(shape: &Shape, column: &str) -> bool {
    let mut columns = shape.keys.iter().flat_map(|key| &key.columns);
    columns.any(|name| {
        name.as_deref()
            .is_some_and(|name| name.eq_ignore_ascii_case(column))
    })
}
