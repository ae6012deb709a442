//! The compatibility of a source with its copy, checked before any row is read or written.
//!
//! All reasons against it are reported at once, with the state of each side and the remedy.

use sea_query::Value;

use super::table::TableAt;
use crate::backend::inspect::{self, About, ColumnShape, Equality, Shape, Stored, unfit};
use crate::backend::{Args, ColumnType, DataType, Row, Sql, collation_by_bytes};
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Label, Rows, Statement};
use crate::topology::Namespace;

/// Reads the definition of a table from its database.
///
/// # Errors
/// `UndefinedTable` when it does not exist.
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
        let table = self.table.reference(namespace);
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
            table: self.table.name(),
        }
    }
}

/// A table and its definition in the database.
type Seen<'a> = (&'a TableAt<'a>, &'a Shape);

/// Checks that both tables fit their description, and that the copy can store the rows of the source.
///
/// # Errors
/// `Configuration`, with every reason.
pub(crate) fn check(source: Seen<'_>, copy: Seen<'_>) -> Result<()> {
    source.0.def().check_types(source.0.dialect())?;
    source.0.def().check_types(copy.0.dialect())?;
    let mut problems = Vec::new();
    for (role, seen) in [("source", source), ("copy", copy)] {
        alone(role, seen, &mut problems);
    }
    let copied = source.0.def().columns.iter().filter_map(|column| {
        let pair = source
            .1
            .column(&column.name)
            .zip(copy.1.column(&column.name));
        pair.map(|pair| (column, pair))
    });
    for (column, (there, here)) in copied {
        let DataType::Known {
            column_type,
            length,
            digits,
            ..
        } = column.data_type
        else {
            if there.type_name != here.type_name {
                problems.push(format!(
                    "column `{}` is `{}` at the source and `{}` at the copy; make it the same",
                    column.name, there.type_name, here.type_name
                ));
            }
            continue;
        };
        // A wrong type is reported already.
        if unfit(column_type, copy.0.dialect(), here).is_some()
            || unfit(column_type, source.0.dialect(), there).is_some()
        {
            continue;
        }
        let indexed = is_in_key(copy.1, &here.name);
        let stored = |table: &TableAt<'_>, shape| Stored {
            dialect: table.dialect(),
            shape,
        };
        let described = inspect::Described {
            column_type,
            length,
            digits,
            indexed,
        };
        let sides = (stored(source.0, there), stored(copy.0, here));
        if let Some(lost) = inspect::loss(described, sides) {
            problems.push(format!("column `{}`: {lost}", column.name));
        }
    }
    folded(source, copy, &mut problems);
    // A NULL in a column that is described without is an error when its row is read.
    for column in source
        .0
        .def()
        .columns
        .iter()
        .filter(|column| column.nullable)
    {
        if copy
            .1
            .column(&column.name)
            .is_some_and(|here| !here.nullable)
        {
            problems.push(format!(
                "column `{}`: the definition takes NULL and the copy does not; drop its NOT NULL",
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

/// The deviations of one table from its description.
fn alone(role: &str, (table, shape): Seen<'_>, problems: &mut Vec<String>) {
    let (def, dialect) = (table.def(), table.dialect());
    if let Some(encoding) = &shape.encoding
        && !matches!(&**encoding, "UTF8" | "UTF-8")
    {
        problems.push(format!(
            "the database of the {role} has the encoding {encoding}; move it to one in UTF-8"
        ));
    }
    for column in &def.columns {
        let expected = |column_type| inspect::expected(column_type, dialect);
        let column_type = column.data_type.column_type();
        let Some(found) = shape.column(&column.name) else {
            problems.push(format!(
                "column `{}` is missing at the {role}; add it as {}",
                column.name,
                column_type.map_or("at the other side", expected)
            ));
            continue;
        };
        if let Some(column_type) = column_type
            && let Some(wanted) = unfit(column_type, dialect, found)
        {
            problems.push(format!(
                "column `{}` is `{}` at the {role}, and the definition has {:?}; make it {wanted}",
                column.name, found.type_name, column_type
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
                    "column `{}` of the copy is not in the definition, and takes neither NULL nor \
                     a default; give it one or drop it",
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
            "the primary key of the {role} is ({is_called}), and that of the definition is \
             ({listed}); make them the same"
        ));
    }
}

/// Unique texts that differ at the source and are equal at the copy.
fn folded(source: Seen<'_>, copy: Seen<'_>, problems: &mut Vec<String>) {
    for column in &source.0.def().columns {
        let is_text = column.data_type.column_type() == Some(ColumnType::Text);
        if !is_text || !is_in_key(copy.1, &column.name) {
            continue;
        }
        let (Some(there), Some(here)) =
            (source.1.column(&column.name), copy.1.column(&column.name))
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
            collation_by_bytes(copy.0.dialect())
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
