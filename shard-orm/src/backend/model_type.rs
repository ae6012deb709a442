//! The type of a model's field for a column that a catalog describes.
//!
//! A catalog knows fewer types than a model has: SQLite keeps all integers alike, and PostgreSQL has
//! none without a sign. The checks that a model's type needs tell them apart. Called by `migrate`.

use super::codec::is_enabled;
use super::{ColumnType, DataType, Digits, SqlFragment, canonical, ddl};
use crate::dialect::Dialect;

/// The types that are told apart from the one in the catalog, those with a narrow check first.
const CANDIDATES: [ColumnType; 12] = [
    ColumnType::Bool,
    ColumnType::I8,
    ColumnType::U8,
    ColumnType::I16,
    ColumnType::U16,
    ColumnType::I32,
    ColumnType::U32,
    ColumnType::U64,
    ColumnType::I64,
    ColumnType::Text,
    ColumnType::Bytes,
    ColumnType::Uuid,
];

/// The type of the field, so that the model's table has the column as it is, or as nearly as a model
/// can say. `checks` are the conditions of the table. `None` for a type that no field has, and for one
/// whose feature this build does not have.
pub(crate) fn model_type(
    dialect: Dialect,
    column: &str,
    found: &DataType,
    checks: &[&str],
) -> Option<DataType> {
    let (own, digits, declared) = match found {
        DataType::Known {
            column_type,
            digits,
            declared,
            ..
        } => (*column_type, *digits, declared.as_ref()?),
        DataType::Opaque { declared, .. } => (near(declared)?, None, declared),
    };
    let length = found.length().or_else(|| length_of(&declared.text));
    let checks: Vec<String> = checks.iter().map(|text| canonical::check(text)).collect();
    let lengths = checks.iter().flat_map(|check| numbers(check));
    let lengths: Vec<Option<u32>> = [length, None].into_iter().chain(lengths).collect();
    let mut of_type = Vec::new();
    let mut of_check = Vec::new();
    for column_type in [own].into_iter().chain(CANDIDATES) {
        let digits = digits.filter(|_| column_type == own);
        let has_length = matches!(column_type, ColumnType::Text | ColumnType::Bytes);
        let lengths = if has_length { &lengths[..] } else { &[None] };
        for length in lengths {
            let candidate = known(column_type, *length, digits);
            if !is_enabled(column_type) || !is_declared(dialect, &candidate, declared) {
                continue;
            }
            match ddl::type_check(dialect, column, &candidate) {
                None => of_type.push(candidate),
                Some(check) => {
                    let check = canonical::check(&ddl::text(dialect, &check));
                    if checks.contains(&check) {
                        of_check.push(candidate);
                    }
                }
            }
        }
    }
    let mut exact = of_check.into_iter().chain(of_type);
    exact.next().or_else(|| {
        // Only a length that stands in the type is one that the table enforces.
        let length = length.filter(|_| length_of(&declared.text).is_some());
        let is_text = matches!(own, ColumnType::Text | ColumnType::Bytes);
        let column_type = digits.map_or(own, Digits::column_type);
        is_enabled(own).then(|| known(column_type, length.filter(|_| is_text), digits))
    })
}

/// Whether a column that is declared with another type keeps the values of the model's type alike:
/// the types of SQLite are names of affinities.
pub(crate) fn ignores_declared_types(dialect: Dialect) -> bool {
    dialect == Dialect::Sqlite
}

fn known(column_type: ColumnType, length: Option<u32>, digits: Option<Digits>) -> DataType {
    DataType::Known {
        column_type,
        length,
        digits,
        declared: None,
    }
}

/// Whether the database declares a column of this type so.
fn is_declared(dialect: Dialect, data_type: &DataType, declared: &SqlFragment) -> bool {
    let Some(sql_type) = ddl::sql_type(dialect, data_type, false) else {
        return false;
    };
    let rendered = canonical::rendered_type(dialect, sql_type);
    canonical::sql_type(dialect, &rendered) == canonical::sql_type(dialect, &declared.text)
}

/// The number in the parentheses of a type.
fn length_of(declared: &str) -> Option<u32> {
    let (_, arguments) = declared.split_once('(')?;
    let (length, _) = arguments.split_once(')')?;
    length.trim().parse().ok()
}

/// The numbers in a condition, which may limit a length.
fn numbers(check: &str) -> impl Iterator<Item = Option<u32>> {
    let numbers = check.split(|letter: char| !letter.is_ascii_digit());
    numbers.filter_map(|number| number.parse().ok().map(Some))
}

/// The type of a field that reads and writes a column of a type which only one database has.
fn near(declared: &SqlFragment) -> Option<ColumnType> {
    let text = declared.text.to_lowercase();
    let base = text.split('(').next().unwrap_or_default().trim();
    let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match declared.dialect {
        Dialect::Postgres => {
            let base = base.rsplit('.').next().unwrap_or_default();
            ["character", "citext"]
                .contains(&base)
                .then_some(ColumnType::Text)
        }
        Dialect::MySql => (base == "enum" || base == "set").then_some(ColumnType::Text),
        // A type is any text. Its affinity decides how values are kept: "Datatypes In SQLite".
        Dialect::Sqlite if any(&["int"]) => Some(ColumnType::I64),
        Dialect::Sqlite if any(&["char", "clob", "text"]) => Some(ColumnType::Text),
        Dialect::Sqlite if any(&["blob"]) => Some(ColumnType::Bytes),
        Dialect::Sqlite if any(&["real", "floa", "doub"]) => Some(ColumnType::F64),
        Dialect::Sqlite => match base {
            "bool" | "boolean" => Some(ColumnType::Bool),
            "datetime" | "timestamp" => Some(ColumnType::Timestamp),
            "date" => Some(ColumnType::Date),
            "time" => Some(ColumnType::Time),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(dialect: Dialect, column_type: ColumnType, declared: &str) -> DataType {
        DataType::Known {
            column_type,
            length: length_of(declared),
            digits: None,
            declared: Some(SqlFragment {
                dialect,
                text: declared.to_owned(),
            }),
        }
    }

    fn of(dialect: Dialect, column_type: ColumnType, declared: &str, checks: &[&str]) -> String {
        let found = found(dialect, column_type, declared);
        match model_type(dialect, "a", &found, checks) {
            Some(DataType::Known {
                column_type,
                length,
                ..
            }) => format!("{column_type:?} {length:?}"),
            _ => String::new(),
        }
    }

    #[test]
    fn checks_tell_integers_apart() {
        use ColumnType::{I8, I16, I32, I64};
        use Dialect::{MySql, Postgres, Sqlite};
        let u32 = "((a >= 0) AND (a <= '4294967295'::bigint))";
        assert_eq!(of(Postgres, I64, "bigint", &[u32]), "U32 None");
        assert_eq!(of(Postgres, I64, "bigint", &["(a >= 0)"]), "U64 None");
        assert_eq!(of(Postgres, I64, "bigint", &["(b >= 0)"]), "I64 None");
        assert_eq!(of(Postgres, I16, "smallint", &[]), "I16 None");
        assert_eq!(
            of(Sqlite, I64, "INTEGER", &["\"a\" BETWEEN 0 AND 1"]),
            "Bool None"
        );
        assert_eq!(of(Sqlite, I64, "INTEGER", &[]), "I64 None");
        assert_eq!(of(MySql, I8, "tinyint(1)", &[]), "Bool None");
        assert_eq!(of(MySql, I8, "tinyint(4)", &[]), "I8 None");
        assert_eq!(of(MySql, I32, "mediumint(9)", &[]), "I32 None");
    }

    #[test]
    fn lengths_stand_in_types_and_checks() {
        use ColumnType::{Bytes, Text};
        use Dialect::{MySql, Postgres, Sqlite};
        assert_eq!(of(MySql, Text, "varchar(7)", &[]), "Text Some(7)");
        assert_eq!(of(MySql, Text, "char(7)", &[]), "Text Some(7)");
        assert_eq!(of(MySql, Text, "text", &[]), "Text None");
        let check = "(octet_length(a) <= 4)";
        assert_eq!(of(Postgres, Bytes, "bytea", &[check]), "Bytes Some(4)");
        let check = "LENGTH(\"a\") <= 9";
        assert_eq!(of(Sqlite, Text, "TEXT", &[check]), "Text Some(9)");
        assert_eq!(of(Sqlite, Text, "TEXT", &["a <> '9'"]), "Text None");
    }

    #[test]
    fn types_of_one_database_become_near_ones() {
        let of = |dialect, text: &str| {
            let declared = SqlFragment {
                dialect,
                text: text.to_owned(),
            };
            near(&declared)
        };
        assert_eq!(
            of(Dialect::Postgres, "public.citext"),
            Some(ColumnType::Text)
        );
        assert_eq!(
            of(Dialect::Postgres, "character(3)"),
            Some(ColumnType::Text)
        );
        assert_eq!(of(Dialect::Postgres, "tsvector"), None);
        assert_eq!(
            of(Dialect::MySql, "enum('int','b')"),
            Some(ColumnType::Text)
        );
        assert_eq!(of(Dialect::MySql, "point"), None);
        assert_eq!(of(Dialect::Sqlite, "VARCHAR(10)"), Some(ColumnType::Text));
        assert_eq!(
            of(Dialect::Sqlite, "unsigned big int"),
            Some(ColumnType::I64)
        );
        assert_eq!(of(Dialect::Sqlite, "BOOLEAN"), Some(ColumnType::Bool));
        assert_eq!(of(Dialect::Sqlite, "DECIMAL(10,2)"), None);
    }
}
