//! Whether a deviation lets calls of a model fail.

use crate::schema::{Aspect, Deviation, TableDef};

/// Whether calls of a model can fail because of a deviation, or read and write other values.
pub(super) fn is_breaking(deviation: &Deviation, expected: &TableDef, found: &TableDef) -> bool {
    let is_missing = deviation.found.is_none();
    let is_unique = |side: &Option<String>| {
        let side = side.as_deref().unwrap_or_default();
        side.starts_with("UNIQUE ")
    };
    match deviation.aspect {
        // Inserts that do not know it fail if it needs a value.
        Aspect::Column if !is_missing && deviation.expected.is_none() => {
            let column = found.column(&deviation.subject);
            column.is_some_and(|column| {
                !column.nullable
                    && column.default.is_none()
                    && !column.identity
                    && column.generated.is_none()
            })
        }
        Aspect::Length => {
            let length = |table: &TableDef| {
                let column = table.column(&deviation.subject)?;
                column.data_type.length()
            };
            match (length(expected), length(found)) {
                (Some(expected), Some(found)) => found < expected,
                (Some(_), None) => false,
                (None, _) => true,
            }
        }
        Aspect::Default => false,
        // What is missing accepts more rows; what is extra may refuse some.
        Aspect::ForeignKey | Aspect::Check => !is_missing,
        // Upserts and inserts of rows that exist rely on unique indexes.
        Aspect::Index => is_unique(&deviation.expected) || is_unique(&deviation.found),
        _ => true,
    }
}
