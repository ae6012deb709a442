//! The line at the head of a file that says by which table and key it is run in batches:
//! `-- backfill: table=orders key=id batch=5000`.

use crate::error::{Error, Result};

/// The rows of a batch, where the file does not say.
const BATCH: u64 = 1_000;

/// How the file of a backfill is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::migrate) struct Head {
    /// The line, from 1.
    pub(in crate::migrate) line: usize,
    /// The table whose rows are counted.
    pub(in crate::migrate) table: String,
    /// The columns that the batches are made by; those of the primary key if it is empty.
    pub(in crate::migrate) key: Vec<String>,
    /// The rows of a batch.
    pub(in crate::migrate) batch: u64,
    /// The name of the table in the statement, where it has another one.
    pub(in crate::migrate) alias: Option<String>,
}

impl Head {
    /// Reads what follows `-- backfill:`.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) with the file and the line.
    pub(in crate::migrate) fn parse(path: &str, line: usize, text: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::configuration(format!(
                "migration file `{path}`, line {line}: {what}; write it as `-- backfill: table=orders \
                 key=id batch=5000`"
            ))
        };
        let (mut table, mut key, mut batch, mut alias) = (None, Vec::new(), BATCH, None);
        for part in text.split_whitespace() {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            if value.is_empty() {
                return Err(wrong(&format!("`{name}` has no value")));
            }
            match name {
                "table" => table = Some(value.to_owned()),
                "key" => key = value.split(',').map(str::to_owned).collect(),
                "as" => alias = Some(value.to_owned()),
                "batch" => {
                    let rows = value.parse().ok().filter(|rows| *rows > 0);
                    batch = rows.ok_or_else(|| {
                        wrong(&format!("`batch={value}` is no number of rows, from 1 on"))
                    })?;
                }
                other => {
                    return Err(wrong(&format!(
                        "unknown option `{other}`; there are `table`, `key`, `batch` and `as`"
                    )));
                }
            }
        }
        if key.iter().any(String::is_empty) {
            return Err(wrong("a column of `key` has no name"));
        }
        Ok(Self {
            line,
            table: table.ok_or_else(|| wrong("`table` is missing"))?,
            key,
            batch,
            alias,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_any_order() {
        let head = Head::parse("a.sql", 2, " as=o key=order_id,line  table=items ").unwrap();
        assert_eq!(head.table, "items");
        assert_eq!(head.key, ["order_id", "line"]);
        assert_eq!((head.batch, head.alias.as_deref()), (BATCH, Some("o")));
        assert_eq!(Head::parse("a.sql", 2, "table=a batch=7").unwrap().batch, 7);
    }

    #[test]
    fn wrong_options_are_refused_with_their_line() {
        for (text, expected) in [
            ("key=id", "`table` is missing"),
            ("table=a batch=0", "no number of rows"),
            ("table=a batch=-1", "no number of rows"),
            ("table=a size=1", "unknown option `size`"),
            ("table a", "`table` has no value"),
            ("table=a key=b,", "has no name"),
        ] {
            let message = Head::parse("shop/3_a.sql", 2, text)
                .unwrap_err()
                .to_string();
            assert!(message.contains(expected), "{message}");
            assert!(message.contains("`shop/3_a.sql`, line 2"), "{message}");
        }
    }
}
