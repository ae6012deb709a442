//! Transfer of rows from one connection to several, each row to one of them, in the binary form of the database: `COPY` of
//! PostgreSQL. Rows are not decoded, but for the fields that tell whose they are.
//!
//! Called by `reshard`, for the copy of a logical shard that is split.

use std::ops::Range;

use super::{Conn, Failure};
use crate::error::Error;

/// A row in the binary form of the database.
#[derive(Debug)]
pub(crate) struct PackedRow<'r> {
    bytes: &'r [u8],
    fields: &'r [Option<Range<usize>>],
}

/// Says which connection a row is for; `None` if it is for none.
pub(crate) type OwnerOf<'o> = dyn FnMut(&PackedRow<'_>) -> Option<usize> + Send + 'o;

/// Rows that were accepted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Divided {
    /// How many.
    pub(crate) rows: u64,
    /// The connection that the last one went to.
    pub(crate) last: Option<usize>,
}

/// Why rows were not divided.
#[derive(Debug)]
pub(crate) enum Undivided {
    /// A row is for none of the connections. All are idle.
    Stray,
    /// A target rejected the rows. The source, and the targets, are idle or lost.
    Target(usize, Failure),
    /// The source failed. No connection can be used again.
    Source(Failure),
}

impl PackedRow<'_> {
    /// The bytes of a field; `None` for NULL.
    pub(crate) fn field(&self, ordinal: usize) -> Option<&[u8]> {
        self.bytes.get(self.fields.get(ordinal)?.clone()?)
    }

    /// The value of an integer field of whatever width.
    pub(crate) fn integer(&self, ordinal: usize) -> Option<i64> {
        Some(match *self.field(ordinal)? {
            [a, b] => i64::from(i16::from_be_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_be_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => i64::from_be_bytes([a, b, c, d, e, f, g, h]),
            _ => return None,
        })
    }
}

/// Transfers each row of the statement `out` to the statement `into` on the connection that owns it.
#[cfg_attr(not(feature = "postgres"), allow(clippy::unused_async))]
pub(crate) async fn divide(
    from: &mut Conn,
    out: &str,
    to: Vec<&mut Conn>,
    into: &str,
    owner: &mut OwnerOf<'_>,
) -> Result<Divided, Undivided> {
    #[cfg(feature = "postgres")]
    {
        let to = to.into_iter().map(Conn::as_postgres);
        if let (Some(from), Some(to)) = (from.as_postgres(), to.collect()) {
            return of_postgres::divide((from, out), (to, into), owner).await;
        }
    }
    #[cfg(not(feature = "postgres"))]
    let _ = (from, out, to, into, owner);
    Err(Undivided::Source(Failure::own(Error::unsupported(
        "binary transfer of rows is supported between PostgreSQL databases alone",
    ))))
}

/// What a copy in the binary form begins with: a signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with, in place of a row's number of fields.
const TRAILER: &[u8] = &[0xff, 0xff];

/// Cuts a stream in the binary form into its rows.
#[derive(Debug, Default)]
struct Cutter {
    buffer: Vec<u8>,
    /// Where the next row begins.
    at: usize,
    has_begun: bool,
    fields: Vec<Option<Range<usize>>>,
}

impl Cutter {
    /// Takes the next bytes of the stream.
    fn add(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next row; `None` until more bytes have come, and at the end.
    fn next(&mut self) -> Option<PackedRow<'_>> {
        if !self.has_begun {
            self.buffer.get(..HEADER.len())?;
            self.has_begun = true;
            self.at = HEADER.len();
        }
        let begin = self.at;
        let mut end = begin + 2;
        let count = i16::from_be_bytes(self.buffer.get(begin..end)?.try_into().ok()?);
        // The trailer has -1 fields.
        let count = usize::try_from(count).ok()?;
        self.fields.clear();
        for _ in 0..count {
            let first = end + 4;
            let length = i32::from_be_bytes(self.buffer.get(end..first)?.try_into().ok()?);
            // That of NULL is -1.
            let length = usize::try_from(length).ok();
            end = first + length.unwrap_or_default();
            self.buffer.get(first..end)?;
            self.fields.push(length.map(|_| first - begin..end - begin));
        }
        self.at = end;
        Some(PackedRow {
            bytes: &self.buffer[begin..end],
            fields: &self.fields,
        })
    }
}

#[cfg(feature = "postgres")]
mod of_postgres {
    use futures_util::TryStreamExt as _;
    use futures_util::future::join_all;
    use sqlx::PgConnection;
    use sqlx::postgres::PgCopyIn;

    use super::{Cutter, Divided, Failure, HEADER, OwnerOf, TRAILER, Undivided};
    use crate::backend::bulk::CHUNK;
    use crate::dialect::Dialect;

    /// A connection that takes rows, and those that were not sent yet.
    struct Taker<'c> {
        copy: PgCopyIn<&'c mut PgConnection>,
        chunk: Vec<u8>,
    }

    impl Taker<'_> {
        async fn flush(&mut self) -> Result<(), sqlx::Error> {
            self.copy.send(self.chunk.as_slice()).await?;
            self.chunk.clear();
            Ok(())
        }
    }

    fn failed(source: sqlx::Error) -> Failure {
        Failure::from_driver(Dialect::Postgres, source)
    }

    /// The targets start first: if one rejects the rows, the source has sent nothing that would have to be read to its
    /// end.
    pub(super) async fn divide(
        (from, out): (&mut PgConnection, &str),
        (to, into): (Vec<&mut PgConnection>, &str),
        owner: &mut OwnerOf<'_>,
    ) -> Result<Divided, Undivided> {
        let mut takers = Vec::new();
        for (number, to) in to.into_iter().enumerate() {
            match to.copy_in_raw(into).await {
                Ok(copy) => takers.push(Taker {
                    copy,
                    chunk: HEADER.to_vec(),
                }),
                Err(source) => {
                    give_up(takers).await;
                    return Err(Undivided::Target(number, failed(source)));
                }
            }
        }
        let mut rows = match from.copy_out_raw(out).await {
            Ok(rows) => rows,
            Err(source) => return Err(Undivided::Source(failed(source))),
        };
        let (mut cutter, mut divided, mut is_stray) =
            (Cutter::default(), Divided::default(), false);
        while let Some(bytes) = rows
            .try_next()
            .await
            .map_err(|source| Undivided::Source(failed(source)))?
        {
            // What is left is read all the same, so that the connection can be used again.
            if is_stray {
                continue;
            }
            cutter.add(&bytes);
            while let Some(row) = cutter.next() {
                let Some(number) = owner(&row).filter(|number| *number < takers.len()) else {
                    is_stray = true;
                    break;
                };
                let taker = &mut takers[number];
                taker.chunk.extend_from_slice(row.bytes);
                divided.rows += 1;
                divided.last = Some(number);
                if taker.chunk.len() >= CHUNK {
                    let sent = taker.flush().await;
                    sent.map_err(|source| Undivided::Target(number, failed(source)))?;
                }
            }
        }
        drop(rows);
        if is_stray {
            give_up(takers).await;
            return Err(Undivided::Stray);
        }
        // Each has all of its rows before one of them is waited for.
        for (number, taker) in takers.iter_mut().enumerate() {
            taker.chunk.extend_from_slice(TRAILER);
            let sent = taker.flush().await;
            sent.map_err(|source| Undivided::Target(number, failed(source)))?;
        }
        let finished = takers.into_iter().map(|taker| taker.copy.finish());
        for (number, finished) in join_all(finished).await.into_iter().enumerate() {
            finished.map_err(|source| Undivided::Target(number, failed(source)))?;
        }
        Ok(divided)
    }

    async fn give_up(takers: Vec<Taker<'_>>) {
        for taker in takers {
            // A connection that is lost says so at its next statement.
            let _ = taker.copy.abort("the rows are not divided").await;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A row of these fields.
    fn packed(fields: &[Option<&[u8]>]) -> Vec<u8> {
        let mut bytes = i16::try_from(fields.len()).unwrap().to_be_bytes().to_vec();
        for field in fields {
            let length = field.map_or(-1, |field| i32::try_from(field.len()).unwrap());
            bytes.extend(length.to_be_bytes());
            bytes.extend(field.unwrap_or_default());
        }
        bytes
    }

    #[test]
    fn rows_are_cut_wherever_a_stream_is_divided() {
        let rows = [
            packed(&[Some(&7_i64.to_be_bytes()), None, Some(b"text")]),
            packed(&[]),
            packed(&[Some(b""), Some(&(-3_i16).to_be_bytes()), None]),
        ];
        let stream = [HEADER, &rows.concat(), TRAILER].concat();
        for length in 1..=stream.len() {
            let (mut cutter, mut found) = (Cutter::default(), Vec::new());
            let mut integers = Vec::new();
            for bytes in stream.chunks(length) {
                cutter.add(bytes);
                while let Some(row) = cutter.next() {
                    found.push(row.bytes.to_vec());
                    integers.push([row.integer(0), row.integer(1)]);
                }
            }
            assert_eq!(found, rows);
            assert_eq!(integers, [[Some(7), None], [None, None], [None, Some(-3)]]);
        }
    }

    #[test]
    fn a_field_of_a_row_is_found() {
        let mut cutter = Cutter::default();
        cutter.add(&[HEADER, &packed(&[None, Some(b"eu")])].concat());
        let row = cutter.next().unwrap();
        assert_eq!(row.field(0), None);
        assert_eq!(row.field(1), Some(b"eu".as_slice()));
        assert_eq!(row.field(2), None);
    }
}
