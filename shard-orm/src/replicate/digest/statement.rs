//! The digests of several ranges of a table, in one statement.

use sea_query::TableRef;

use super::{Digest, encode};
use crate::backend::{Field as _, Row, RowHash};
use crate::error::{Error, Result};
use crate::exec::Sink;
use crate::replicate::keys::selected;
use crate::replicate::range::{Key, KeyOrder, Method, Range, part};
use crate::replicate::table::TableAt;

/// Whether the server computes digests of the table, so that none of its rows is read.
pub(crate) fn is_by_server(table: &TableAt<'_>) -> bool {
    hash_of(table).is_some()
}

/// The MD5 of a row as its server computes it; `None` where the library has to compute it.
fn hash_of(table: &TableAt<'_>) -> Option<RowHash> {
    if table.changes_rows() {
        return None;
    }
    let columns = table.def().columns.iter();
    let columns = columns.map(|column| (column.name.as_str(), column.data_type.column_type()));
    RowHash::new(table.dialect(), columns)
}

/// The digests of the parts that `bounds` cut ranges into, and the number of rows that were read. Each
/// bound is the first key of a part, but for the first part, which has all before the first bound.
pub(crate) async fn digests(
    table: &TableAt<'_>,
    order: &KeyOrder,
    ranges: &[Range],
    method: Method,
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
        let build = |name: &TableRef| {
            let mut select = order.select(name, ranges, method);
            table.narrow(&mut select);
            let all = 0..table.def().columns.len();
            select.exprs(selected(table.def(), all, table.dialect()));
            select
        };
        table.ask("digest", &build, &mut sink).await?;
        let read = sink.parts.iter().map(Digest::rows).sum();
        return Ok((sink.parts, read));
    };
    let build = |name: &TableRef| {
        let mut rows = order.select(name, ranges, method);
        table.narrow(&mut rows);
        hash.sums(rows, part(order, table.dialect(), bounds))
    };
    let mut sink = ByServer {
        table,
        parts: &mut parts,
    };
    table.ask("digest", &build, &mut sink).await?;
    Ok((parts, 0))
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
                 `max_allowed_packet`, or hold invalid dates; raise the limit or correct the rows",
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
        Error::decode(format!("`{sum}` is not a sum of hashes")).with_source(source)
    })?;
    let low = sum & u128::from(u64::MAX);
    u64::try_from(low).map_err(|source| Error::decode("a sum of hashes").with_source(source))
}

/// Encodes rows as they arrive.
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
