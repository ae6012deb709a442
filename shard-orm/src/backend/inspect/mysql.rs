//! The information schema of MySQL and MariaDB.

use sea_query::Value;

use super::{About, Question};

/// MariaDB tells a default as SQL; MySQL tells a literal without its quotes.
const COLUMNS: &str = "\
SELECT CAST(COLUMN_NAME AS CHAR), CAST(COLUMN_TYPE AS CHAR), CAST(IS_NULLABLE = 'YES' AS SIGNED), \
CAST(COLUMN_DEFAULT IS NOT NULL OR EXTRA LIKE '%auto_increment%' AS SIGNED), \
CAST(EXTRA LIKE '%VIRTUAL%' OR EXTRA LIKE '%STORED%' AS SIGNED), \
CAST(COLLATION_NAME AS CHAR), CAST(CHARACTER_SET_NAME AS CHAR), \
CAST(CHARACTER_MAXIMUM_LENGTH AS SIGNED), CAST(NUMERIC_PRECISION AS SIGNED), \
CAST(NUMERIC_SCALE AS SIGNED), CAST(DATETIME_PRECISION AS SIGNED), CAST(1 AS SIGNED), \
CAST(NULL AS CHAR), CAST(TABLE_NAME AS CHAR), CAST(COLUMN_TYPE AS CHAR), \
CAST(CASE WHEN VERSION() LIKE '%MariaDB%' THEN NULLIF(COLUMN_DEFAULT, 'NULL') \
WHEN EXTRA LIKE '%DEFAULT_GENERATED%' THEN COLUMN_DEFAULT \
WHEN COLUMN_DEFAULT IS NULL THEN NULL ELSE QUOTE(COLUMN_DEFAULT) END AS CHAR), \
CAST(EXTRA LIKE '%auto_increment%' AS SIGNED), CAST(NULLIF(GENERATION_EXPRESSION, '') AS CHAR), \
CAST(EXTRA LIKE '%STORED%' AS SIGNED), CAST(NULL AS CHAR), CAST(COLLATION_NAME AS CHAR) \
FROM information_schema.COLUMNS WHERE ";

/// A part of an index is a column, the beginning of one, or on MySQL an expression. The whole column
/// of a spatial index counts as a beginning of 32 bytes.
const INDEXES: &str = "\
SELECT CAST(INDEX_NAME AS CHAR), CAST(INDEX_NAME = 'PRIMARY' AS SIGNED), \
CAST(COLUMN_NAME AS CHAR), CAST(NON_UNIQUE = 0 AS SIGNED), CAST(TABLE_NAME AS CHAR), \
CAST(/*M!100202 NULL */ /*!80013 EXPRESSION */ AS CHAR), CAST(NULL AS CHAR), CAST(NULL AS CHAR), \
CAST(SEQ_IN_INDEX AS SIGNED), CAST(COALESCE(COLLATION = 'D', 0) AS SIGNED), \
CAST(IF(INDEX_TYPE = 'SPATIAL', NULL, SUB_PART) AS SIGNED), \
CAST(IF(INDEX_TYPE IN ('FULLTEXT', 'SPATIAL'), INDEX_TYPE, NULL) AS CHAR) \
FROM information_schema.STATISTICS WHERE ";

/// Both sides of a key, column by column. A table's own name in another case is its own name where
/// names of tables are kept in lower case.
const FOREIGN_KEYS: &str = "\
SELECT CAST(CONSTRAINT_NAME AS CHAR), \
CAST(NULLIF(REFERENCED_TABLE_SCHEMA, TABLE_SCHEMA) AS CHAR), \
CAST(REFERENCED_TABLE_NAME AS CHAR), \
CAST(IF(REFERENCED_TABLE_SCHEMA = TABLE_SCHEMA AND REFERENCED_TABLE_NAME = TABLE_NAME, 2, 0) AS SIGNED), \
CAST(COLUMN_NAME AS CHAR), CAST(REFERENCED_COLUMN_NAME AS CHAR), CAST(ORDINAL_POSITION AS SIGNED) \
FROM information_schema.KEY_COLUMN_USAGE \
WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND REFERENCED_TABLE_NAME IS NOT NULL \
UNION ALL \
SELECT CAST(CONSTRAINT_NAME AS CHAR), \
CAST(NULLIF(TABLE_SCHEMA, REFERENCED_TABLE_SCHEMA) AS CHAR), \
CAST(TABLE_NAME AS CHAR), CAST(1 AS SIGNED), \
CAST(COLUMN_NAME AS CHAR), CAST(REFERENCED_COLUMN_NAME AS CHAR), CAST(ORDINAL_POSITION AS SIGNED) \
FROM information_schema.KEY_COLUMN_USAGE \
WHERE REFERENCED_TABLE_SCHEMA = COALESCE(?, DATABASE()) AND REFERENCED_TABLE_NAME = ? \
AND NOT (TABLE_SCHEMA = REFERENCED_TABLE_SCHEMA AND TABLE_NAME = REFERENCED_TABLE_NAME) \
ORDER BY 4, 1, 2, 3, 7";

/// The keys of the tables themselves, with what they do to a row.
///
/// The database is compared with each of the two, and not one with the other: MariaDB would read all
/// databases of the server for the second one.
const OWN_FOREIGN_KEYS: &str = "\
SELECT CAST(k.CONSTRAINT_NAME AS CHAR), \
CAST(NULLIF(k.REFERENCED_TABLE_SCHEMA, k.TABLE_SCHEMA) AS CHAR), \
CAST(k.REFERENCED_TABLE_NAME AS CHAR), CAST(0 AS SIGNED), \
CAST(k.COLUMN_NAME AS CHAR), CAST(k.REFERENCED_COLUMN_NAME AS CHAR), CAST(k.TABLE_NAME AS CHAR), \
CAST(r.DELETE_RULE AS CHAR), CAST(r.UPDATE_RULE AS CHAR) \
FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r \
ON r.CONSTRAINT_SCHEMA = COALESCE(?, DATABASE()) AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
AND r.TABLE_NAME = k.TABLE_NAME WHERE k.";

/// On MariaDB the name of a check is one of its table, on MySQL of the database. The database is
/// compared as for [`OWN_FOREIGN_KEYS`].
const CHECKS: &str = "\
SELECT CAST(t.TABLE_NAME AS CHAR), CAST(t.CONSTRAINT_NAME AS CHAR), CAST(c.CHECK_CLAUSE AS CHAR) \
FROM information_schema.TABLE_CONSTRAINTS t JOIN information_schema.CHECK_CONSTRAINTS c \
ON c.CONSTRAINT_SCHEMA = COALESCE(?, DATABASE()) AND c.CONSTRAINT_NAME = t.CONSTRAINT_NAME \
/*M!100202 AND c.TABLE_NAME = t.TABLE_NAME */ \
WHERE t.CONSTRAINT_TYPE = 'CHECK' AND t.";

/// The question about one table, or about all tables of a database.
pub(super) fn question(schema: Option<String>, table: Option<String>, about: About) -> Question {
    let mut values = vec![Value::String(schema.clone())];
    let mut tables = "TABLE_SCHEMA = COALESCE(?, DATABASE())".to_owned();
    values.push(Value::String(match table {
        Some(table) => {
            tables.push_str(" AND TABLE_NAME = ?");
            Some(table)
        }
        None => {
            tables.push_str(
                " AND TABLE_NAME IN (SELECT b.TABLE_NAME FROM information_schema.TABLES b \
                 WHERE b.TABLE_SCHEMA = COALESCE(?, DATABASE()) AND b.TABLE_TYPE = 'BASE TABLE')",
            );
            schema
        }
    }));
    let text = match about {
        About::Columns => format!("{COLUMNS}{tables} ORDER BY TABLE_NAME, ORDINAL_POSITION"),
        About::Keys => {
            format!("{INDEXES}{tables} AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX")
        }
        About::Indexes => {
            format!("{INDEXES}{tables} ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX")
        }
        About::ForeignKeys => {
            values.extend(values.clone());
            FOREIGN_KEYS.to_owned()
        }
        About::OwnForeignKeys => {
            values.insert(0, values[0].clone());
            let tables = tables.replacen(" AND TABLE_NAME", " AND k.TABLE_NAME", 1);
            format!("{OWN_FOREIGN_KEYS}{tables} ORDER BY 7, 1, k.ORDINAL_POSITION")
        }
        About::Checks => {
            values.insert(0, values[0].clone());
            let tables = tables.replacen(" AND TABLE_NAME", " AND t.TABLE_NAME", 1);
            format!("{CHECKS}{tables} ORDER BY 1, 2")
        }
    };
    Question { text, values }
}
