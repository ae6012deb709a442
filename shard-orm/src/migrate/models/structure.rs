//! The fields and attributes of one model, and what of its table they do not say.

use super::report::{Unmapped, UnmappedReason};
use super::unmapping::Unmapping;
use super::value::{self, Features};
use super::{DateCrate, names};
use crate::backend::row_stamp::STAMP;
use crate::backend::{ColumnType, Constant, DataType, model_type};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::schema::{Collation, ColumnDef, DefaultValue, IndexDef, IndexPart, TableDef};

/// The most columns of an id.
const MOST_ID_COLUMNS: usize = 4;
/// The longest name of a column or table, as the derives have it.
const LONGEST_NAME_BYTES: usize = 63;

/// Where the rows of a model are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Location<'a> {
    Sharded {
        group: &'a str,
        key: Option<&'a str>,
        region: Option<&'a str>,
    },
    Isolated(&'a str),
    Database(&'a str),
    Static {
        group: &'a str,
        source: Option<&'a str>,
    },
}

/// One model.
#[derive(Debug)]
pub(super) struct Structure<'a> {
    pub(super) location: Location<'a>,
    pub(super) fields: Vec<Field>,
    /// Indexes of several columns: whether they are unique, and their fields.
    pub(super) indexes: Vec<(bool, Vec<String>)>,
    pub(super) features: Features,
}

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    /// The name as it is written.
    pub(super) name: String,
    pub(super) rust_type: String,
    pub(super) attributes: Vec<String>,
}

/// A column with a field.
struct Mapped<'t> {
    /// The position in the table.
    ordinal: usize,
    name: String,
    column: &'t ColumnDef,
    data_type: DataType,
}

impl Mapped<'_> {
    fn column_type(&self) -> Option<ColumnType> {
        self.data_type.column_type()
    }
}

/// The model of a table; `None` for a table that no model can describe.
pub(super) fn of<'a>(
    table: &TableDef,
    location: Location<'a>,
    dialect: Dialect,
    dates: DateCrate,
) -> Result<(Option<Structure<'a>>, Vec<Unmapped>)> {
    let mut unmapped = Unmapping {
        table: &table.name,
        found: Vec::new(),
    };
    let has_name = is_name(&table.name) && names::model(&table.name).is_some();
    if !has_name || table.name.contains('.') {
        unmapped.add(None, UnmappedReason::Name);
        return Ok((None, unmapped.found));
    }
    let mut columns = mapped(table, dialect, &mut unmapped);
    if let Some(reason) = obstacle(table, &columns, location) {
        unmapped.add(None, reason);
        return Ok((None, unmapped.found));
    }
    in_key_order(table, &mut columns);
    let mut features = Features::new();
    let indexes = indexes(table, &columns);
    let mut fields = Vec::new();
    let mut expected = TableDef::new(&table.name, Vec::new());
    for (position, mapped) in columns.iter().enumerate() {
        let default = default(mapped, dialect, dates);
        let alone = |unique| {
            let mut indexes = indexes.iter();
            indexes.any(|(is_unique, parts)| *is_unique == unique && parts[..] == [position])
        };
        let mut attributes = routing(mapped, location);
        if table.primary_key.contains(&mapped.ordinal) {
            attributes.insert(0, "primary_key".to_owned());
        }
        attributes.extend(of_column(mapped));
        if alone(true) {
            attributes.push("unique".to_owned());
        } else if alone(false) {
            attributes.push("index".to_owned());
        }
        attributes.extend(
            default
                .as_ref()
                .map(|default| format!("default = {default}")),
        );
        let column_type = mapped.column_type().unwrap_or(ColumnType::Text);
        let rust_type = value::rust_type(column_type, dates, &mut features);
        fields.push(Field {
            name: mapped.name.clone(),
            rust_type: match mapped.column.nullable {
                true => format!("Option<{rust_type}>"),
                false => rust_type.to_owned(),
            },
            attributes,
        });
        let mut column = ColumnDef::new(&mapped.column.name, mapped.data_type.clone());
        column.nullable = mapped.column.nullable;
        if mapped.column.collation == Collation::Binary {
            column.collation = Collation::Binary;
        }
        column.default = mapped.column.default.clone().filter(|_| default.is_some());
        expected.columns.push(column);
    }
    expected.primary_key = positions(&table.primary_key, &columns).unwrap_or_default();
    expected.indexes = indexes.iter().map(definition).collect();
    unmapped.deviations(&expected, table, dialect)?;
    let of_several = indexes.into_iter().filter(|(_, parts)| parts.len() > 1);
    let of_several = of_several.map(|(unique, parts)| {
        let parts = parts.into_iter().map(|at| columns[at].name.clone());
        (unique, parts.collect())
    });
    let structure = Structure {
        location,
        fields,
        indexes: of_several.collect(),
        features,
    };
    Ok((Some(structure), unmapped.found))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST_NAME_BYTES && !name.contains(char::is_control)
}

/// The columns that have a field.
fn mapped<'t>(
    table: &'t TableDef,
    dialect: Dialect,
    unmapped: &mut Unmapping<'_>,
) -> Vec<Mapped<'t>> {
    let checks: Vec<&str> = table
        .checks
        .iter()
        .map(|check| check.expression.text.as_str())
        .collect();
    let mut columns: Vec<Mapped<'_>> = Vec::new();
    for (ordinal, column) in table.columns.iter().enumerate() {
        // Written by a trigger of the library alone.
        if column.name == STAMP {
            continue;
        }
        let subject = Some(column.name.clone());
        if let Some(generated) = &column.generated {
            let expression = generated.expression.text.clone();
            unmapped.add(subject, UnmappedReason::Generated { expression });
            continue;
        }
        let is_twice = columns
            .iter()
            .any(|other| other.column.name.to_lowercase() == column.name.to_lowercase());
        let name = names::field(&column.name).filter(|_| is_name(&column.name) && !is_twice);
        let Some(name) = name else {
            unmapped.add(subject, UnmappedReason::Name);
            continue;
        };
        let Some(data_type) = model_type(dialect, &column.name, &column.data_type, &checks) else {
            let declared = column.data_type.declared();
            let declared = declared.map_or_else(String::new, |declared| declared.text.clone());
            unmapped.add(subject, UnmappedReason::Type { declared });
            continue;
        };
        // Fields whose constants would be the same.
        let is_taken = |name: &str| {
            let mut columns = columns.iter();
            columns.any(|other| constant(&other.name) == constant(name))
        };
        let mut distinct = name.clone();
        let mut number = 2;
        while is_taken(&distinct) {
            distinct = format!("{}_{number}", name.trim_start_matches("r#"));
            number += 1;
        }
        columns.push(Mapped {
            ordinal,
            name: distinct,
            column,
            data_type,
        });
    }
    columns
}

fn constant(field: &str) -> String {
    field.trim_start_matches("r#").to_uppercase()
}

/// Why no model can describe a table.
fn obstacle(
    table: &TableDef,
    columns: &[Mapped<'_>],
    location: Location<'_>,
) -> Option<UnmappedReason> {
    let is_named = |mapped: &Mapped<'_>, name: &str| table.ordinal(name) == Some(mapped.ordinal);
    let mut routing = Vec::new();
    if let Location::Sharded { key, region, .. } = location {
        let key = key.unwrap_or_default();
        let fits = |mapped: &&Mapped<'_>| {
            let column_type = mapped.column_type();
            !mapped.column.nullable && column_type.is_some_and(ColumnType::is_integer)
        };
        let mut found = columns.iter().filter(|mapped| is_named(mapped, key));
        match found.find(fits) {
            Some(mapped) => routing.push(mapped.ordinal),
            None => {
                let column = key.to_owned();
                return Some(UnmappedReason::UnsuitableShardKey { column });
            }
        }
        let region = region.and_then(|region| table.ordinal(region));
        if let Some(ordinal) = region {
            let column = &table.columns[ordinal];
            let mut found = columns.iter().filter(|mapped| mapped.ordinal == ordinal);
            let is_text = found.any(|mapped| mapped.column_type() == Some(ColumnType::Text));
            if column.nullable || !is_text {
                let column = column.name.clone();
                return Some(UnmappedReason::Region { column });
            }
            routing.push(ordinal);
        }
    }
    if table.primary_key.is_empty() {
        return Some(UnmappedReason::NoPrimaryKey);
    }
    let is_comparable = |ordinal: &usize| {
        let mut columns = columns.iter();
        columns.any(|one| one.ordinal == *ordinal && one.column_type() != Some(ColumnType::Json))
    };
    if !table.primary_key.iter().all(is_comparable) {
        return Some(UnmappedReason::PrimaryKey);
    }
    let id = table.primary_key.iter().filter(|at| !routing.contains(at));
    (id.count() > MOST_ID_COLUMNS).then_some(UnmappedReason::TooManyKeyColumns)
}

/// Puts the columns of the primary key in its order: a model has that of its fields.
fn in_key_order(table: &TableDef, columns: &mut [Mapped<'_>]) {
    let places: Vec<usize> = (0..columns.len())
        .filter(|at| table.primary_key.contains(&columns[*at].ordinal))
        .collect();
    for (place, ordinal) in places.into_iter().zip(&table.primary_key) {
        if let Some(at) = columns.iter().position(|one| one.ordinal == *ordinal) {
            columns.swap(place, at);
        }
    }
}

/// The places of columns among the fields; `None` if one has no field.
fn positions(ordinals: &[usize], columns: &[Mapped<'_>]) -> Option<Vec<usize>> {
    let position = |ordinal: &usize| columns.iter().position(|one| one.ordinal == *ordinal);
    ordinals.iter().map(position).collect()
}

/// The indexes that a model can state, each with the places of its fields; unique ones first.
fn indexes(table: &TableDef, columns: &[Mapped<'_>]) -> Vec<(bool, Vec<usize>)> {
    let mut found: Vec<(bool, Vec<usize>)> = Vec::new();
    for unique in [true, false] {
        for index in table.indexes.iter().filter(|index| index.unique == unique) {
            let ordinals: Option<Vec<usize>> = index
                .parts
                .iter()
                .map(|part| match part {
                    IndexPart::Column(ordinal) => Some(*ordinal),
                    _ => None,
                })
                .collect();
            let is_plain = index.condition.is_none() && index.definition.is_none();
            let places = ordinals
                .filter(|_| is_plain)
                .and_then(|ordinals| positions(&ordinals, columns));
            let Some(places) = places else {
                continue;
            };
            let is_json = |at: &usize| columns[*at].column_type() == Some(ColumnType::Json);
            let is_twice = found.iter().any(|(_, other)| *other == places);
            if !is_twice && !places.iter().any(is_json) {
                found.push((unique, places));
            }
        }
    }
    found
}

fn definition((unique, parts): &(bool, Vec<usize>)) -> IndexDef {
    IndexDef {
        name: String::new(),
        parts: parts.iter().copied().map(IndexPart::Column).collect(),
        unique: *unique,
        condition: None,
        definition: None,
    }
}

/// The attributes `key` and `region`.
fn routing(mapped: &Mapped<'_>, location: Location<'_>) -> Vec<String> {
    let Location::Sharded { key, region, .. } = location else {
        return Vec::new();
    };
    let is = |name: Option<&str>| {
        name.is_some_and(|name| name.eq_ignore_ascii_case(&mapped.column.name))
    };
    let mut attributes = Vec::new();
    if is(key) {
        attributes.push("key".to_owned());
    } else if is(region) {
        attributes.push("region".to_owned());
    }
    attributes
}

/// The attributes that describe the column itself.
fn of_column(mapped: &Mapped<'_>) -> Vec<String> {
    let mut attributes = Vec::new();
    let column = &mapped.column.name;
    if mapped.name.trim_start_matches("r#") != column {
        attributes.push(format!("column = {column:?}"));
    }
    if let Some(length) = mapped.data_type.length() {
        attributes.push(format!("length = {length}"));
    }
    if let Some(digits) = mapped.data_type.digits() {
        attributes.push(format!(
            "decimal({}, {})",
            digits.precision(),
            digits.scale()
        ));
    }
    let is_text = mapped.column_type() == Some(ColumnType::Text);
    if is_text && mapped.column.collation == Collation::Binary {
        attributes.push("collation = \"binary\"".to_owned());
    }
    attributes
}

/// The default of a column in Rust.
fn default(mapped: &Mapped<'_>, dialect: Dialect, dates: DateCrate) -> Option<String> {
    let Some(DefaultValue::Expression(sql)) = &mapped.column.default else {
        return None;
    };
    let constant = Constant::parse(dialect, &mapped.data_type, &sql.text)?;
    let written = value::expression(&constant, mapped.column_type()?, dates)?;
    Some(match (mapped.column.nullable, &constant) {
        // A string literal becomes a `String` by itself.
        (true, Constant::Text(_)) | (false, _) => written,
        (true, _) => format!("Some({written})"),
    })
}
