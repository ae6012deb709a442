//! The digests of several ranges of a table, in one statement.

use sea_query::{Alias, Expr, SelectStatement};

use super::expression::{RowHash, row_hash};
use super::{Digest, encode};
use crate::backend::{Field as _, Row};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::exec::Sink;
use crate::sync::range::{Key, KeyOrder, Range, Way, part};
use crate::sync::table::TableAt;
use crate::topology::Namespace;

/// Whether the server computes digests of the table, so that no row of it is read.
pub(crate) fn is_by_server(table: &TableAt<'_>) -> bool {
    hash_of(table).is_some()
}

/// The MD5 of a row as its server computes it, where that is what is compared.
fn hash_of(table: &TableAt<'_>) -> Option<RowHash> {
    if table.changes_rows() {
        return None;
    }
    row_hash(table.dialect(), table.def())
}

/// The digests of the parts that `bounds` cut ranges into, and how many rows were read for it. Each
/// bound is the first key of a part, but for the first part, which has all before the first bound.
pub(crate) async fn digests(
    table: &TableAt<'_>,
    order: &KeyOrder,
    ranges: &[Range],
    way: Way,
    bounds: &[Key],
) -> Result<(Vec<Digest>, u64)> {
    let mut parts = vec![Digest::default(); bounds.len() + 1];
    let Some(hash) = hash_of(table) else {
        let mut sink = ByLibrary {
            table,
            order,
            bounds,
            parts,
            encoded: Vec::new(),
        };
        let build = |namespace: &Namespace| {
            let mut select = order.select(namespace, ranges, way);
            table.narrow(&mut select);
            for column in table.def().columns {
                select.column(Alias::new(column.name));
            }
            select
        };
        table.ask("digest", &build, &mut sink).await?;
        let read = sink.parts.iter().map(Digest::rows).sum();
        return Ok((sink.parts, read));
    };
    let dialect = table.dialect();
    let build = |namespace: &Namespace| {
        let mut rows = order.select(namespace, ranges, way);
        table.narrow(&mut rows);
        rows.expr_as(part(order, dialect, bounds), Alias::new("part"));
        let whole = match &hash {
            RowHash::Whole(hash) => hash,
            RowHash::OfTexts(texts, hash) => {
                for (name, text) in texts {
                    rows.expr_as(Expr::cust(text.clone()), Alias::new(name));
                }
                by_itself(dialect, &mut rows);
                let mut hashed = SelectStatement::new();
                hashed
                    .column(Alias::new("part"))
                    .from_subquery(rows, Alias::new("texts"));
                rows = hashed;
                hash
            }
        };
        rows.expr_as(Expr::cust(whole.clone()), Alias::new("row_hash"));
        by_itself(dialect, &mut rows);
        summed(dialect, rows)
    };
    let mut sink = ByServer {
        table,
        parts: &mut parts,
    };
    table.ask("digest", &build, &mut sink).await?;
    Ok((parts, 0))
}

/// Keeps a query of rows one of its own, without which what it makes would be made anew for each use.
fn by_itself(dialect: Dialect, rows: &mut SelectStatement) {
    match dialect {
        Dialect::MySql => rows.limit(u64::MAX),
        Dialect::Postgres | Dialect::Sqlite => rows.offset(0),
    };
}

/// For each part: its number, its rows, the rows that have a hash, and the sums of its words.
fn summed(dialect: Dialect, rows: SelectStatement) -> SelectStatement {
    let mut sums = SelectStatement::new();
    let integer = if dialect == Dialect::MySql {
        "SIGNED"
    } else {
        "bigint"
    };
    sums.expr(Expr::cust(format!("CAST(part AS {integer})")))
        .expr(Expr::cust("COUNT(*)"))
        .expr(Expr::cust("COUNT(row_hash)"));
    for word in 0..4 {
        sums.expr(Expr::cust(match dialect {
            Dialect::MySql => format!(
                "CAST(COALESCE(SUM(CAST(CONV(SUBSTRING(row_hash, {}, 8), 16, 10) AS UNSIGNED)), 0) \
                 AS CHAR)",
                word * 8 + 1
            ),
            Dialect::Postgres | Dialect::Sqlite => format!(
                "CAST(COALESCE(SUM(substring(row_hash FROM {} FOR 32)::bigint), 0) AS text)",
                word * 32 + 1
            ),
        }));
    }
    sums.from_subquery(rows, Alias::new("hashed"))
        .group_by_col(Alias::new("part"));
    sums
}

/// Takes the sums of a server.
struct ByServer<'a> {
    table: &'a TableAt<'a>,
    parts: &'a mut [Digest],
}

impl Sink for ByServer<'_> {
    fn row(&mut self, row: &Row<'_>) -> Result<()> {
        let number = usize::try_from(i64::read(row, 0)?).ok();
        let rows = i64::read(row, 1)?;
        if rows != i64::read(row, 2)? {
            return Err(Error::unsupported(format!(
                "the server cannot encode some rows of {}: they are longer than \
                 `max_allowed_packet`, or hold dates that are none; raise the limit or mend the rows",
                self.table
            )));
        }
        let mut words = [0; 4];
        for (ordinal, word) in words.iter_mut().enumerate() {
            *word = modulo_u64(&String::read(row, ordinal + 3)?)?;
        }
        if let Some(part) = number.and_then(|number| self.parts.get_mut(number)) {
            *part = Digest::new(rows.unsigned_abs(), words);
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.parts.fill(Digest::default());
    }
}

fn modulo_u64(sum: &str) -> Result<u64> {
    let sum: u128 = sum.parse().map_err(|source| {
        Error::decode(format!("`{sum}` is no sum of hashes")).with_source(source)
    })?;
    let low = sum & u128::from(u64::MAX);
    u64::try_from(low).map_err(|source| Error::decode("a sum of hashes").with_source(source))
}

/// Encodes rows as they come.
struct ByLibrary<'a> {
    table: &'a TableAt<'a>,
    order: &'a KeyOrder,
    bounds: &'a [Key],
    parts: Vec<Digest>,
    encoded: Vec<u8>,
}

impl Sink for ByLibrary<'_> {
    fn row(&mut self, row: &Row<'_>) -> Result<()> {
        let values = self.table.cells(row)?;
        let part = if self.bounds.is_empty() {
            0
        } else {
            let key = self.order.key(&values);
            self.bounds
                .partition_point(|bound| self.order.compare(bound, &key).is_le())
        };
        self.encoded.clear();
        encode(&values, &mut self.encoded)?;
        self.parts[part].add_row(&self.encoded);
        Ok(())
    }

    fn reset(&mut self) {
        self.parts.fill(Digest::default());
    }
}
