//! The column of another kind of database that holds the same values.
//!
//! Called by `schema::counterpart`, for moves between kinds of databases. A type is taken only if every value that one
//! of both columns can hold by its type is refused or held exactly by the other one: nothing is rounded, padded or cut.
//! Values that only rows show are looked at when they are read and written.

mod text;
mod value;

use sea_query::Value;

pub(crate) use self::value::{has_long_fraction, json_as_text, reads_any_type};
use super::{
    ColumnType, Constant, DataType, SqlFragment, canonical, ddl, inspect, is_null, model_type,
};
use crate::dialect::Dialect;

/// The digits of a second that a time has in the databases at most.
const MOST_FRACTION: u32 = 6;
/// The bytes that a key of MySQL and MariaDB has at most, and those of a column that is not kept beside the row.
const KEY_BYTES: u64 = 3_072;
const ROW_BYTES: u64 = 65_000;

/// A column of one database, and the other database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crossing<'a> {
    pub(crate) from: Dialect,
    pub(crate) to: Dialect,
    pub(crate) column: &'a str,
    pub(crate) found: &'a DataType,
    /// The conditions of its table.
    pub(crate) checks: &'a [&'a str],
}

impl Crossing<'_> {
    /// The type of the other column: that of a model's field, if one is known.
    ///
    /// # Errors
    /// Why there is none, and what to do.
    pub(crate) fn data_type(self, wanted: Option<&DataType>) -> Result<DataType, String> {
        let Some(declared) = self.found.declared() else {
            return Err("has no type in the catalog".to_owned());
        };
        let text = declared.text.to_lowercase();
        let base = text.split(['(', ' ']).next().unwrap_or_default();
        self.check_declared(&text, base)?;
        let own = model_type(self.from, self.column, self.found, self.checks);
        // SQLite does not look at the length of a type.
        let own = own.map(|own| match (self.from, own) {
            (
                Dialect::Sqlite,
                DataType::Known {
                    column_type,
                    digits,
                    declared,
                    ..
                },
            ) if text.contains('(') => DataType::Known {
                column_type,
                length: None,
                digits,
                declared,
            },
            (_, own) => own,
        });
        let own = match (wanted, own) {
            (Some(wanted), own)
                if own
                    .as_ref()
                    .is_some_and(|own| own.to_text() == wanted.to_text()) =>
            {
                wanted.clone()
            }
            (Some(wanted), _) if self.is_of(wanted, &text) => wanted.clone(),
            (Some(wanted), _) => {
                return Err(format!(
                    "is `{}` of {}, and its model has {}; change one of the two",
                    declared.text,
                    self.from,
                    wanted.to_text().unwrap_or_default()
                ));
            }
            (None, Some(own)) => own,
            (None, None) => return Err(self.only_there(&declared.text)),
        };
        if own.column_type() == Some(ColumnType::Bytes) && base == "binary" {
            return Err(format!(
                "is `{}` of {}, which fills values up with zeros; make it `varbinary`",
                declared.text, self.from
            ));
        }
        if own
            .length()
            .is_some_and(|length| u64::from(length) * 4 > ROW_BYTES)
            && self.to == Dialect::MySql
        {
            return Err(format!(
                "is longer than a column of {} can be; give it no length, or one up to {}",
                self.to,
                ROW_BYTES / 4
            ));
        }
        self.with_fraction(own, &text)
    }

    fn only_there(self, declared: &str) -> String {
        format!(
            "is `{declared}`, which {} alone has; change it to a type that both databases have, or drop the column",
            self.from
        )
    }

    /// Refuses what changes values by itself, or has no counterpart.
    fn check_declared(self, text: &str, base: &str) -> Result<(), String> {
        let is_opaque = matches!(self.found, DataType::Opaque { .. });
        let rounds = matches!(base, "float" | "double" | "real") && text.contains('(');
        let is_signless =
            text.contains("unsigned") && matches!(base, "float" | "double" | "decimal");
        match self.from {
            Dialect::Postgres | Dialect::MySql
                if matches!(base, "char" | "character")
                    && !text.starts_with("character varying") =>
            {
                Err(format!(
                    "is `{text}` of {}, which ignores spaces at the end; make it `varchar`",
                    self.from
                ))
            }
            Dialect::Postgres | Dialect::MySql if is_opaque => Err(self.only_there(text)),
            Dialect::MySql if rounds => Err(format!(
                "is `{text}` of {}, which rounds values; give it no digits",
                self.from
            )),
            Dialect::MySql if is_signless => Err(self.only_there(text)),
            _ => Ok(()),
        }
    }

    /// Whether the database declares a column of this type so, but for the digits of a second and the form of JSON.
    fn is_of(self, wanted: &DataType, declared: &str) -> bool {
        let spelled = |text: &str| canonical::sql_type(self.from, text);
        let found = spelled(declared);
        let is_time = matches!(
            wanted.column_type(),
            Some(ColumnType::TimestampUtc | ColumnType::Timestamp | ColumnType::Time)
        );
        let is_json = wanted.column_type() == Some(ColumnType::Json) && found.0 == "json";
        let own = [false, true].into_iter().any(|indexed| {
            ddl::sql_type(self.from, wanted, indexed).is_some_and(|own| {
                let own = spelled(&canonical::rendered_type(self.from, own));
                own == found || (is_time && own.0 == found.0)
            })
        });
        // A moment in UTC of MySQL and MariaDB.
        let is_moment = wanted.column_type() == Some(ColumnType::TimestampUtc)
            && self.from == Dialect::MySql
            && found.0 == "timestamp";
        let is_held = self.from == Dialect::Sqlite
            && wanted
                .column_type()
                .is_some_and(|of| inspect::is_held_by_affinity(of, declared));
        own || is_json || is_moment || is_held
    }

    /// The type with as many digits of a second as the column has.
    fn with_fraction(self, own: DataType, declared: &str) -> Result<DataType, String> {
        let name = match (self.to, own.column_type()) {
            (_, Some(ColumnType::TimestampUtc)) if self.to == Dialect::Postgres => "timestamptz",
            (Dialect::Postgres, Some(ColumnType::Timestamp)) => "timestamp",
            (Dialect::MySql, Some(ColumnType::TimestampUtc | ColumnType::Timestamp)) => "datetime",
            (Dialect::Sqlite, Some(ColumnType::TimestampUtc | ColumnType::Timestamp)) => "",
            (_, Some(ColumnType::Time)) => "time",
            _ => return Ok(own),
        };
        let default = match self.from {
            Dialect::MySql => 0,
            Dialect::Postgres | Dialect::Sqlite => MOST_FRACTION,
        };
        let digits = declared
            .split_once('(')
            .and_then(|(_, rest)| rest.split_once(')'));
        let digits = digits.map_or(Some(default), |(digits, _)| digits.trim().parse().ok());
        match digits {
            Some(MOST_FRACTION) => Ok(own),
            Some(digits) if self.to != Dialect::Sqlite => Ok(match own {
                DataType::Known {
                    column_type,
                    length,
                    digits: of,
                    ..
                } => DataType::Known {
                    column_type,
                    length,
                    digits: of,
                    declared: Some(SqlFragment {
                        dialect: self.to,
                        text: format!("{name}({digits})"),
                    }),
                },
                other => other,
            }),
            _ => Err(format!(
                "is `{declared}`, whose digits of a second {} cannot limit; give it {MOST_FRACTION} digits",
                self.to
            )),
        }
    }

    /// The default of the other column; `None` without one.
    ///
    /// # Errors
    /// Why it cannot have one, and what to do.
    pub(crate) fn default(
        self,
        own: &DataType,
        sql: &SqlFragment,
    ) -> Result<Option<Value>, String> {
        if is_null(&sql.text) {
            return Ok(None);
        }
        let refused = || {
            Err(format!(
                "has the default `{}` of {}, which is not written in SQL of {}; drop it for the move",
                sql.text, self.from, self.to
            ))
        };
        let Some(constant) = Constant::parse(self.from, own, &sql.text) else {
            return refused();
        };
        Ok(Some(match constant {
            Constant::Bool(truth) => Value::Bool(Some(truth)),
            Constant::Integer(number) => match (i64::try_from(number), u64::try_from(number)) {
                (Ok(number), _) => Value::BigInt(Some(number)),
                (_, Ok(number)) if self.to == Dialect::MySql => Value::BigUnsigned(Some(number)),
                _ => return refused(),
            },
            Constant::Float(number) => Value::Double(Some(number)),
            Constant::Text(text) => Value::String(Some(text)),
            _ => return refused(),
        }))
    }
}

/// Whether a default numbers the rows, as that of a `serial` column does.
pub(crate) fn numbers_rows(default: &SqlFragment) -> bool {
    default.dialect == Dialect::Postgres && default.text.starts_with("nextval(")
}

/// Whether a database numbers rows by a column at this place in the primary key, which has so many columns.
pub(crate) fn can_number(dialect: Dialect, place: Option<usize>, columns: usize) -> bool {
    match dialect {
        Dialect::Postgres => true,
        Dialect::MySql => place == Some(0),
        Dialect::Sqlite => place == Some(0) && columns == 1,
    }
}

/// Whether a key of columns of these types is short enough.
pub(crate) fn fits_key<'t>(dialect: Dialect, types: impl Iterator<Item = &'t DataType>) -> bool {
    let bytes = types.map(|data_type| match data_type.column_type() {
        Some(ColumnType::Text) => 4 * u64::from(longest(dialect, data_type, true).unwrap_or(255)),
        Some(ColumnType::Bytes) => u64::from(longest(dialect, data_type, true).unwrap_or(255)),
        _ => 32,
    });
    dialect != Dialect::MySql || bytes.sum::<u64>() <= KEY_BYTES
}

/// The longest text in characters, or byte string in bytes, that a column of this type has there.
pub(crate) fn longest(dialect: Dialect, data_type: &DataType, indexed: bool) -> Option<u32> {
    let is_long = matches!(
        data_type.column_type(),
        Some(ColumnType::Text | ColumnType::Bytes)
    );
    let of_index = (dialect == Dialect::MySql && indexed).then_some(ddl::INDEXED_LENGTH);
    data_type.length().or(of_index).filter(|_| is_long)
}

/// Whether each value of a type has one form in a column, so that a unique key tells values apart: times and decimals
/// are texts of SQLite.
pub(crate) fn has_one_form(dialect: Dialect, column_type: ColumnType) -> bool {
    dialect != Dialect::Sqlite
        || !matches!(
            column_type,
            ColumnType::TimestampUtc
                | ColumnType::Timestamp
                | ColumnType::Date
                | ColumnType::Time
                | ColumnType::Decimal
        )
}

/// Whether names of tables and columns that differ in capitals alone are two.
pub(crate) fn tells_capitals_apart(dialect: Dialect) -> bool {
    dialect == Dialect::Postgres
}

/// Whether a foreign key can set columns to their defaults.
pub(crate) fn sets_defaults(dialect: Dialect) -> bool {
    dialect != Dialect::MySql
}

/// Whether foreign keys are a part of `CREATE TABLE` alone.
pub(crate) fn references_are_inside(dialect: Dialect) -> bool {
    dialect == Dialect::Sqlite
}

/// Whether the columns of a foreign key have to be of the types that they refer to.
pub(crate) fn references_need_equal_types(dialect: Dialect) -> bool {
    dialect == Dialect::MySql
}

/// The modes of a session between kinds of databases: a value that a column does not hold is an error.
pub(crate) fn strict_session(dialect: Dialect) -> Option<&'static str> {
    (dialect == Dialect::MySql).then_some(
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION,PIPES_AS_CONCAT,IGNORE_SPACE'",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(
        from: Dialect,
        to: Dialect,
        declared: &str,
        found: &DataType,
    ) -> Result<DataType, String> {
        let declared = SqlFragment {
            dialect: from,
            text: declared.to_owned(),
        };
        let found = match found.clone() {
            DataType::Known {
                column_type,
                length,
                digits,
                ..
            } => DataType::Known {
                column_type,
                length,
                digits,
                declared: Some(declared),
            },
            DataType::Opaque { form, .. } => DataType::Opaque { declared, form },
        };
        let crossing = Crossing {
            from,
            to,
            column: "a",
            found: &found,
            checks: &[],
        };
        crossing.data_type(None)
    }

    #[test]
    fn what_changes_values_by_itself_is_refused() {
        use Dialect::{MySql, Postgres, Sqlite};
        let known = DataType::known;
        let is = |from, to, declared: &str, column_type| {
            of(from, to, declared, &known(column_type)).map(|found| found.to_text().unwrap())
        };
        assert_eq!(
            is(Postgres, MySql, "bigint", ColumnType::I64).unwrap(),
            "i64"
        );
        assert_eq!(
            is(MySql, Postgres, "tinyint(1)", ColumnType::I8).unwrap(),
            "bool"
        );
        assert_eq!(
            is(MySql, Postgres, "binary(16)", ColumnType::Bytes).unwrap(),
            "uuid"
        );
        assert!(is(MySql, Postgres, "binary(4)", ColumnType::Bytes).is_err());
        assert!(is(MySql, Postgres, "char(4)", ColumnType::Text).is_err());
        assert!(is(MySql, Postgres, "float(7,4)", ColumnType::F32).is_err());
        assert!(is(MySql, Sqlite, "datetime", ColumnType::Timestamp).is_err());
        let seconds = of(MySql, Postgres, "datetime", &known(ColumnType::Timestamp)).unwrap();
        assert_eq!(seconds.declared().unwrap().text, "timestamp(0)");
        let opaque = DataType::Opaque {
            declared: SqlFragment {
                dialect: Postgres,
                text: String::new(),
            },
            form: super::super::OpaqueForm::Text,
        };
        assert!(
            of(Postgres, MySql, "text[]", &opaque)
                .unwrap_err()
                .contains("PostgreSQL alone")
        );
    }
}
