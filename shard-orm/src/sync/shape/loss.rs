//! What the column of a copy would lose of what that of the source keeps.
//!
//! Called by `shape`.

use crate::backend::ColumnType;
use crate::backend::inspect::{ColumnShape, base, expected};
use crate::dialect::Dialect;
use crate::model::FieldDef;
use crate::sync::table::TableAt;

/// A column as it is kept somewhere.
#[derive(Clone, Copy)]
pub(super) struct Kept<'a> {
    dialect: Dialect,
    shape: &'a ColumnShape,
}

impl<'a> Kept<'a> {
    pub(super) fn of(table: &TableAt<'_>, shape: &'a ColumnShape) -> Self {
        Self {
            dialect: table.dialect(),
            shape,
        }
    }

    /// The name of the type without length and sign.
    fn base(self) -> &'a str {
        base(self.shape)
    }
}

/// The digits that a decimal of the model has at most, before and after its point.
const DECIMAL: (i64, i64) = (29, 28);
/// What `cluster.setup()` gives an indexed text on MySQL.
const INDEXED_LENGTH: i64 = 255;

/// What the copy would lose of what the source keeps.
pub(super) fn loses(
    column: &FieldDef,
    (source, copy): (Kept<'_>, Kept<'_>),
    indexed: bool,
) -> Option<String> {
    let (there, here) = (source.shape, copy.shape);
    let pair = format!(
        "is `{}` at the source and `{}` at the copy",
        there.type_name, here.type_name
    );
    let make = expected(column.column_type, copy.dialect);
    match column.column_type {
        ColumnType::F64 if copy.base() == "float" && source.base() != "float" => {
            Some(format!("{pair}, which halves its digits; make it {make}"))
        }
        ColumnType::TimestampUtc | ColumnType::Timestamp | ColumnType::Time => {
            let digits = |shape: &ColumnShape| shape.fraction.unwrap_or(6);
            if digits(here) < digits(there) {
                return Some(format!(
                    "{pair}, which keeps {} digits of a second of {}; make it {make}",
                    digits(here),
                    digits(there)
                ));
            }
            let short =
                |side: Kept<'_>| side.dialect == Dialect::MySql && side.base() == "timestamp";
            (short(copy) && !short(source))
                .then(|| format!("{pair}, which holds no time before 1970; make it {make}"))
        }
        ColumnType::Decimal | ColumnType::ScaledDecimal => {
            let digits = |side: Kept<'_>| match (side.shape.precision, side.shape.scale) {
                (Some(precision), Some(scale)) => {
                    ((precision - scale).min(DECIMAL.0), scale.min(DECIMAL.1))
                }
                // There it is an integer, with the digits of the model.
                _ if side.dialect == Dialect::Sqlite
                    && column.column_type == ColumnType::ScaledDecimal =>
                {
                    column.decimal.map_or(DECIMAL, |digits| {
                        let scale = i64::from(digits.scale());
                        (i64::from(digits.precision()) - scale, scale)
                    })
                }
                _ => DECIMAL,
            };
            let (there, here) = (digits(source), digits(copy));
            (here.0 < there.0 || here.1 < there.1).then(|| {
                format!(
                    "{pair}, which keeps {} digits before the point and {} after it of {} and {}; \
                     make it {make}",
                    here.0, here.1, there.0, there.1
                )
            })
        }
        ColumnType::Text => text(column, (source, copy), indexed, &pair),
        ColumnType::Bytes => shorter(column, (source, copy), indexed)
            .map(|length| format!("{pair}, which cuts at {length} bytes; make it {make}")),
        _ => None,
    }
}

fn text(
    column: &FieldDef,
    (source, copy): (Kept<'_>, Kept<'_>),
    indexed: bool,
    pair: &str,
) -> Option<String> {
    let charset = copy.shape.charset.as_deref();
    if copy.dialect == Dialect::MySql
        && charset != Some("utf8mb4")
        && source.shape.charset.as_deref() != charset
    {
        return Some(format!(
            "is in {} at the copy, which does not hold every character; make it utf8mb4",
            charset.unwrap_or("no character set")
        ));
    }
    let length = shorter(column, (source, copy), indexed)?;
    let make = expected(column.column_type, copy.dialect);
    Some(format!(
        "{pair}, which holds {length} characters; make it as long as at the source, or {make}"
    ))
}

/// The length of the copy's column, when it is less than the source's and than what the model's own
/// table would have.
fn shorter(column: &FieldDef, (source, copy): (Kept<'_>, Kept<'_>), indexed: bool) -> Option<i64> {
    let here = copy.shape.length?;
    let there = source.shape.length.unwrap_or(i64::MAX);
    let by_model = column
        .length
        .map(i64::from)
        .or((indexed && copy.dialect == Dialect::MySql).then_some(INDEXED_LENGTH))
        .unwrap_or(i64::MAX);
    // The longest of MySQL's texts and blobs counts in bytes, 2^32 of them.
    (here < there.min(by_model).min(i64::from(u32::MAX))).then_some(here)
}
