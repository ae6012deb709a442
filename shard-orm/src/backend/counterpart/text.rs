//! The texts of types that all databases have, as jobs keep them and operators write them.

use crate::backend::{ColumnType, DataType, Digits};
use crate::error::{Error, Result};

/// The names of types, as jobs keep them.
const NAMES: [(&str, ColumnType); 19] = [
    ("bool", ColumnType::Bool),
    ("i8", ColumnType::I8),
    ("i16", ColumnType::I16),
    ("i32", ColumnType::I32),
    ("i64", ColumnType::I64),
    ("u8", ColumnType::U8),
    ("u16", ColumnType::U16),
    ("u32", ColumnType::U32),
    ("u64", ColumnType::U64),
    ("f32", ColumnType::F32),
    ("f64", ColumnType::F64),
    ("text", ColumnType::Text),
    ("bytes", ColumnType::Bytes),
    ("timestamp_utc", ColumnType::TimestampUtc),
    ("timestamp", ColumnType::Timestamp),
    ("date", ColumnType::Date),
    ("time", ColumnType::Time),
    ("uuid", ColumnType::Uuid),
    ("json", ColumnType::Json),
];

impl DataType {
    /// The type as a text: `i64`, `text(40)`, `decimal(10,2)`. `None` for a type of one database.
    pub(crate) fn to_text(&self) -> Option<String> {
        let column_type = self.column_type()?;
        if let Some(digits) = self.digits() {
            return Some(format!(
                "decimal({},{})",
                digits.precision(),
                digits.scale()
            ));
        }
        let named = NAMES.iter().find(|(_, of)| *of == column_type);
        let name = named.map_or("decimal", |(name, _)| name);
        Some(match self.length() {
            Some(length) => format!("{name}({length})"),
            None => name.to_owned(),
        })
    }

    /// The type of such a text, of which the library knows all.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        let (name, arguments) = text.split_once('(').unwrap_or((text, ""));
        let arguments = arguments.trim_end_matches(')').split(',');
        let arguments: Vec<u32> = arguments
            .filter_map(|one| one.trim().parse().ok())
            .collect();
        let (column_type, digits) = match (name, arguments.as_slice()) {
            ("decimal", []) => (ColumnType::Decimal, None),
            ("decimal", [precision, scale])
                if (1..=28).contains(precision) && scale <= precision =>
            {
                let digits =
                    Digits::new(u8::try_from(*precision).ok()?, u8::try_from(*scale).ok()?);
                (digits.column_type(), Some(digits))
            }
            _ => (NAMES.iter().find(|(own, _)| *own == name)?.1, None),
        };
        let length = arguments.first().copied().filter(|_| digits.is_none());
        Some(Self::Known {
            column_type,
            length,
            digits,
            declared: None,
        })
    }
}

/// Reads the text of a type that all databases have: `bool`, `i8` to `i64`, `u8` to `u64`, `f32`, `f64`, `text` and
/// `bytes`, both with a length or without one, `decimal`, also with its digits, `timestamp_utc`, `timestamp`, `date`,
/// `time`, `uuid` or `json`.
///
/// ```
/// use shard_orm::schema::DataType;
///
/// let price: DataType = "decimal(12,2)".parse()?;
/// assert_eq!(price.digits().map(|digits| digits.scale()), Some(2));
/// # Ok::<(), shard_orm::Error>(())
/// ```
impl std::str::FromStr for DataType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::of_text(text).ok_or_else(|| {
            Error::configuration(format!(
                "`{text}` is no type of a column; use one as `i64`, `text(40)`, `decimal(12,2)` or `timestamp_utc`"
            ))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_they_were_written() {
        for text in [
            "i64",
            "text",
            "text(40)",
            "bytes(7)",
            "decimal",
            "decimal(10,2)",
            "decimal(28,0)",
            "json",
        ] {
            assert_eq!(DataType::of_text(text).unwrap().to_text().unwrap(), text);
        }
        assert_eq!(DataType::of_text("decimal(29,0)"), None);
        assert_eq!(DataType::of_text("point"), None);
    }
}
