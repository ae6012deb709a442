//! The loss of a value that passes from the column of a source to that of a copy: digits, length,
//! characters.
//!
//! Called by `replicate::compatibility`.

use super::{ColumnShape, base, expected};
use crate::backend::{ColumnType, Digits};
use crate::dialect::Dialect;

/// A column as one database stores it.
#[derive(Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) shape: &'a ColumnShape,
}

/// A column as its table is described.
#[derive(Clone, Copy)]
pub(crate) struct Described {
    pub(crate) column_type: ColumnType,
    pub(crate) length: Option<u32>,
    pub(crate) digits: Option<Digits>,
    /// Whether an index of the copy holds it.
    pub(crate) indexed: bool,
}

impl<'a> Stored<'a> {
    /// The name of the type without length and sign.
    fn base(self) -> &'a str {
        base(self.shape)
    }
}

/// The maximum number of digits of a decimal, before and after its point.
const DECIMAL: (i64, i64) = (29, 28);
/// The length of an indexed text that `cluster.setup()` creates on MySQL.
const INDEXED_LENGTH: i64 = 255;

/// The loss at the copy, in words.
pub(crate) fn loss(column: Described, (source, copy): (Stored<'_>, Stored<'_>)) -> Option<String> {
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
                |side: Stored<'_>| side.dialect == Dialect::MySql && side.base() == "timestamp";
            (short(copy) && !short(source))
                .then(|| format!("{pair}, which holds no time before 1970; make it {make}"))
        }
        ColumnType::Decimal | ColumnType::ScaledDecimal => {
            let digits = |side: Stored<'_>| match (side.shape.precision, side.shape.scale) {
                (Some(precision), Some(scale)) => {
                    ((precision - scale).min(DECIMAL.0), scale.min(DECIMAL.1))
                }
                // There it is an integer, with the digits of the description.
                _ if side.dialect == Dialect::Sqlite
                    && column.column_type == ColumnType::ScaledDecimal =>
                {
                    column.digits.map_or(DECIMAL, |digits| {
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
        ColumnType::Text => text(column, (source, copy), &pair),
        ColumnType::Bytes => shorter(column, (source, copy))
            .map(|length| format!("{pair}, which cuts at {length} bytes; make it {make}")),
        _ => None,
    }
}

fn text(column: Described, (source, copy): (Stored<'_>, Stored<'_>), pair: &str) -> Option<String> {
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
    let length = shorter(column, (source, copy))?;
    let make = expected(column.column_type, copy.dialect);
    Some(format!(
        "{pair}, which holds {length} characters; make it as long as at the source, or {make}"
    ))
}

/// The length of the copy's column, when it is less than that of the source's and of a newly created
/// one.
fn shorter(column: Described, (source, copy): (Stored<'_>, Stored<'_>)) -> Option<i64> {
    let here = copy.shape.length?;
    let there = source.shape.length.unwrap_or(i64::MAX);
    let by_model = column
        .length
        .map(i64::from)
        .or((column.indexed && copy.dialect == Dialect::MySql).then_some(INDEXED_LENGTH))
        .unwrap_or(i64::MAX);
    // The longest of MySQL's texts and blobs counts in bytes, 2^32 of them.
    (here < there.min(by_model).min(i64::from(u32::MAX))).then_some(here)
}
