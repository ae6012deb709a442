//! The comparison of two tables, part by part.
//!
//! Called by `difference`, which keeps the deviations, and by `alter`, which mends them.

use super::difference::{Aspect, Deviation};
use super::{Collation, ColumnDef, DefaultValue, ForeignKeyDef, IndexDef, IndexPart, TableDef};
use crate::backend::{DataType, canonical, ddl, literal};
use crate::dialect::Dialect;
use crate::error::Result;

/// The part of the expected table that a deviation is about; of the table that was found where
/// nothing was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// A column, by its ordinal.
    Column(usize),
    PrimaryKey,
    /// An index, by its position.
    Index(usize),
    /// A foreign key, by its position.
    ForeignKey(usize),
    /// A check of the table, by its position.
    Check(usize),
    /// The check that the type of this column needs.
    TypeCheck(usize),
}

/// The deviations of a table that was found from an expected one.
///
/// # Errors
/// When one of the tables has a type or an expression that this database does not have.
pub(super) fn compare(
    expected: &TableDef,
    found: &TableDef,
    dialect: Dialect,
) -> Result<Vec<(Deviation, Element)>> {
    expected.check_sql(dialect)?;
    found.check_sql(dialect)?;
    let mut sides = Sides {
        dialect,
        deviations: Vec::new(),
    };
    for (ordinal, column) in expected.columns.iter().enumerate() {
        let element = Element::Column(ordinal);
        match found.ordinal(&column.name) {
            None => {
                let of = sql_type(expected, ordinal, dialect);
                sides.add(element, Aspect::Column, &column.name, Some(of), None);
            }
            Some(at) => sides.column((expected, ordinal), (found, at)),
        }
    }
    for (ordinal, column) in found.columns.iter().enumerate() {
        if expected.ordinal(&column.name).is_none() {
            let element = Element::Column(ordinal);
            let of = sql_type(found, ordinal, dialect);
            sides.add(element, Aspect::Column, &column.name, None, Some(of));
        }
    }
    let key = |table: &TableDef| {
        let key = &table.primary_key;
        (!key.is_empty()).then(|| names(table, key))
    };
    let (one, other) = (key(expected), key(found));
    sides.compare(
        Element::PrimaryKey,
        Aspect::PrimaryKey,
        &expected.name,
        one,
        other,
    );
    let is_implied = |table: &TableDef, index: &IndexDef| {
        let column = |part: &IndexPart| match part {
            IndexPart::Column(ordinal) => Some(*ordinal),
            _ => None,
        };
        let Some(columns) = index.parts.iter().map(column).collect::<Option<Vec<_>>>() else {
            return false;
        };
        let of_index = names(table, &columns);
        let has_key = |of: &TableDef| {
            let mut keys = of.foreign_keys.iter();
            keys.any(|key| names(of, &key.columns) == of_index)
        };
        // MySQL and MariaDB make an index for a foreign key.
        ddl::has_indexes_inside(dialect) && !index.unique && (has_key(expected) || has_key(found))
    };
    let indexes = |table: &TableDef| -> Vec<(Element, String)> {
        let indexes = table.indexes.iter().enumerate();
        let indexes = indexes.filter(|(_, index)| !is_implied(table, index));
        let text = |(at, index)| (Element::Index(at), index_text(table, index));
        indexes.map(text).collect()
    };
    sides.lists(Aspect::Index, indexes(expected), indexes(found));
    let keys = |table: &TableDef| -> Vec<(Element, String)> {
        let keys = table.foreign_keys.iter().enumerate();
        let text = |(at, key)| (Element::ForeignKey(at), foreign_key_text(table, key));
        keys.map(text).collect()
    };
    sides.lists(Aspect::ForeignKey, keys(expected), keys(found));
    let of_expected = checks(expected, found, dialect);
    let mut of_found = checks(found, expected, dialect);
    // The check of a column that is not expected goes with it.
    of_found.retain(|(element, _)| match element {
        Element::Check(at) => {
            let text = &found.checks[*at].expression.text;
            let mut words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            !words.any(|word| found.ordinal(word).is_some() && expected.ordinal(word).is_none())
        }
        _ => true,
    });
    sides.lists(Aspect::Check, of_expected, of_found);
    Ok(sides.deviations)
}

pub(super) fn names(table: &TableDef, ordinals: &[usize]) -> String {
    let names = ordinals.iter().map(|at| table.columns[*at].name.as_str());
    names.collect::<Vec<_>>().join(", ")
}

fn index_text(table: &TableDef, index: &IndexDef) -> String {
    let name = |ordinal: &usize| &table.columns[*ordinal].name;
    let parts = index.parts.iter().map(|part| match part {
        IndexPart::Column(ordinal) => name(ordinal).clone(),
        IndexPart::Descending(ordinal) => format!("{} DESC", name(ordinal)),
        IndexPart::Prefix(ordinal, length) => format!("{}({length})", name(ordinal)),
        IndexPart::Expression(expression) => expression.text.clone(),
    });
    let parts = parts.collect::<Vec<_>>().join(", ");
    let mut text = if index.unique { "UNIQUE " } else { "" }.to_owned();
    match &index.definition {
        Some(definition) if ddl::index_definition(definition).is_some() => {
            text.push_str(&definition.text);
            return text;
        }
        Some(definition) => text.push_str(&format!("{} ({parts})", definition.text)),
        None => text.push_str(&format!("({parts})")),
    }
    if let Some(condition) = &index.condition {
        text.push_str(&format!(" WHERE {}", condition.text));
    }
    text
}

fn foreign_key_text(table: &TableDef, key: &ForeignKeyDef) -> String {
    let schema = key.schema.as_ref().map(|schema| format!("{schema}."));
    format!(
        "({}) REFERENCES {}{} ({}) ON DELETE {:?} ON UPDATE {:?}",
        names(table, &key.columns),
        schema.unwrap_or_default(),
        key.table,
        key.referenced.join(", "),
        key.on_delete,
        key.on_update
    )
}

/// The checks of a table, and those that the types of its columns need on this database. The check of
/// a column that the other table does not have comes and goes with the column.
fn checks(table: &TableDef, other: &TableDef, dialect: Dialect) -> Vec<(Element, String)> {
    let columns = table.columns.iter().enumerate();
    let of_types = columns.filter_map(|(ordinal, column)| {
        other.ordinal(&column.name)?;
        let check = ddl::type_check(dialect, &column.name, &column.data_type)?;
        let text = canonical::check(&ddl::text(dialect, &check));
        Some((Element::TypeCheck(ordinal), text))
    });
    let own = table.checks.iter().enumerate();
    let own = own.map(|(at, check)| {
        let text = canonical::check(&check.expression.text);
        (Element::Check(at), text)
    });
    of_types.chain(own).collect()
}

/// The type of a column on this database.
pub(super) fn sql_type(table: &TableDef, ordinal: usize, dialect: Dialect) -> String {
    let data_type = &table.columns[ordinal].data_type;
    let declared = data_type.declared();
    match declared.filter(|declared| declared.dialect == dialect) {
        Some(declared) => declared.text.clone(),
        None => ddl::sql_type(dialect, data_type, table.is_indexed(ordinal))
            .map(|sql_type| canonical::rendered_type(dialect, sql_type))
            .unwrap_or_default(),
    }
}

/// The default of a column in SQL.
///
/// # Errors
/// When the value cannot be stored on this database.
pub(super) fn default_text(column: &ColumnDef, dialect: Dialect) -> Result<Option<String>> {
    Ok(match &column.default {
        None => None,
        Some(DefaultValue::Value(value)) => {
            let literal = literal(dialect, value.clone())?;
            Some(ddl::text(dialect, &literal))
        }
        Some(DefaultValue::Expression(expression)) => Some(expression.text.clone()),
    })
}

/// The default of a column, for people and for comparison.
fn default(column: &ColumnDef, like: &DataType, dialect: Dialect) -> Option<String> {
    let text = default_text(column, dialect).ok()??;
    Some(canonical::default(dialect, like, &text))
}

/// What one database makes of both sides.
struct Sides {
    dialect: Dialect,
    deviations: Vec<(Deviation, Element)>,
}

impl Sides {
    fn add(
        &mut self,
        element: Element,
        aspect: Aspect,
        subject: &str,
        expected: Option<String>,
        found: Option<String>,
    ) {
        let deviation = Deviation {
            aspect,
            subject: subject.to_owned(),
            expected,
            found,
        };
        self.deviations.push((deviation, element));
    }

    fn compare(
        &mut self,
        element: Element,
        aspect: Aspect,
        subject: &str,
        expected: Option<String>,
        found: Option<String>,
    ) {
        if expected != found {
            self.add(element, aspect, subject, expected, found);
        }
    }

    fn column(&mut self, expected: (&TableDef, usize), found: (&TableDef, usize)) {
        let dialect = self.dialect;
        let element = Element::Column(expected.1);
        let (one, other) = (&expected.0.columns[expected.1], &found.0.columns[found.1]);
        let name = one.name.as_str();
        let types = [expected, found].map(|(table, at)| sql_type(table, at, dialect));
        let [(base, arguments), (found_base, found_arguments)] = types
            .each_ref()
            .map(|text| canonical::sql_type(dialect, text));
        let [expected_type, found_type] = types.map(Some);
        if base != found_base {
            self.add(element, Aspect::Type, name, expected_type, found_type);
        } else if arguments != found_arguments {
            self.add(element, Aspect::Length, name, expected_type, found_type);
        }
        let null =
            |column: &ColumnDef| Some(if column.nullable { "NULL" } else { "NOT NULL" }.to_owned());
        self.compare(element, Aspect::Nullability, name, null(one), null(other));
        let collations = [one, other].map(|column| {
            let by_bytes = ddl::binary_collation(dialect).is_none();
            match &column.collation {
                // Where tables compare by bytes as a whole, these are one.
                Collation::Default | Collation::Binary if by_bytes => "binary".to_owned(),
                Collation::Default => "default".to_owned(),
                Collation::Binary => "binary".to_owned(),
                Collation::Named(name) => name.text.clone(),
            }
        });
        let [collation, found_collation] = collations.map(Some);
        self.compare(element, Aspect::Collation, name, collation, found_collation);
        let like = &one.data_type;
        let defaults = [one, other].map(|column| default(column, like, dialect));
        let [default, found_default] = defaults;
        let is_same = match (&default, &found_default) {
            (Some(one), Some(other)) => {
                one == other || ddl::may_be_same_bytes(dialect, like, one, other)
            }
            (one, other) => one == other,
        };
        if !is_same {
            self.add(element, Aspect::Default, name, default, found_default);
        }
        let identity = |column: &ColumnDef| column.identity.then(|| "identity".to_owned());
        self.compare(
            element,
            Aspect::Identity,
            name,
            identity(one),
            identity(other),
        );
        let generated = |column: &ColumnDef| {
            let generated = column.generated.as_ref()?;
            let kind = if generated.stored {
                "STORED"
            } else {
                "VIRTUAL"
            };
            Some(format!("{} {kind}", generated.expression.text))
        };
        self.compare(
            element,
            Aspect::Generated,
            name,
            generated(one),
            generated(other),
        );
    }

    /// What only one of the sides has.
    fn lists(
        &mut self,
        aspect: Aspect,
        expected: Vec<(Element, String)>,
        mut found: Vec<(Element, String)>,
    ) {
        for (element, one) in expected {
            match found.iter().position(|(_, other)| *other == one) {
                Some(at) => drop(found.remove(at)),
                None => self.add(element, aspect, &one.clone(), Some(one), None),
            }
        }
        for (element, other) in found {
            self.add(element, aspect, &other.clone(), None, Some(other));
        }
    }
}
