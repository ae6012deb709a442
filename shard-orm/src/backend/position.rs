//! The replication position of a server, and the history to which it belongs.
//!
//! After a failover, another server continues with the same numbers. So a position includes the
//! identity of its history, and positions of different histories are never compared.

use std::fmt::Write as _;

/// The replication position of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Position {
    /// PostgreSQL's write-ahead log.
    Wal(Wal),
    /// The global transaction ids of MariaDB and MySQL.
    Gtid(Gtid),
}

/// A position in the write-ahead log of a PostgreSQL cluster, on one timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wal {
    /// `system_identifier`: equal for a primary and its standbys.
    pub(crate) system: u64,
    /// Increases with every promotion.
    pub(crate) timeline: u32,
    /// The log sequence number, in bytes.
    pub(crate) lsn: u64,
}

/// The last global transaction id of each stream, as one server reported it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gtid {
    /// `server_id` (MariaDB) or `server_uuid` (MySQL) of the server that reported it.
    pub(crate) server: String,
    /// The start time of that server, in seconds since 1970 by its own clock.
    pub(crate) started: i64,
    /// For each stream, the number of its last transaction. A stream is a domain and the server
    /// that wrote last in it (`0-3`), or on MySQL the `server_uuid` of its writer.
    pub(crate) streams: Vec<(String, u64)>,
    /// Whether the reporting server wrote all of it itself. Only then does it represent the writes
    /// that this server has acknowledged: after a promotion, the numbers are still those of the old
    /// primary.
    pub(crate) own: bool,
}

impl Position {
    /// Returns whether an endpoint at this position has all data of `wanted`.
    pub(crate) fn holds(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (Self::Wal(own), Self::Wal(wanted)) => {
                own.system == wanted.system
                    && own.timeline == wanted.timeline
                    && own.lsn >= wanted.lsn
            }
            (Self::Gtid(own), Self::Gtid(wanted)) => wanted.streams.iter().all(|(stream, last)| {
                own.streams
                    .iter()
                    .any(|(other, number)| other == stream && number >= last)
            }),
            _ => false,
        }
    }

    /// Returns whether both belong to one history: that of one primary, between two failovers.
    pub(crate) fn is_of(&self, primary: &Self) -> bool {
        match (self, primary) {
            (Self::Wal(one), Self::Wal(other)) => {
                one.system == other.system && one.timeline == other.timeline
            }
            (Self::Gtid(one), Self::Gtid(other)) => {
                one.server == other.server && one.started == other.started
            }
            _ => false,
        }
    }

    /// Returns whether both can belong to one database.
    pub(crate) fn is_related(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Wal(one), Self::Wal(other)) => one.system == other.system,
            _ => true,
        }
    }

    /// Returns whether the position of a primary represents all writes that it has acknowledged.
    pub(crate) fn is_exact(&self) -> bool {
        match self {
            Self::Wal(_) => true,
            Self::Gtid(gtid) => gtid.own && !gtid.streams.is_empty(),
        }
    }

    /// The cluster and timeline of a PostgreSQL position. A higher timeline is newer.
    pub(crate) fn timeline(&self) -> Option<(u64, u32)> {
        match self {
            Self::Wal(wal) => Some((wal.system, wal.timeline)),
            Self::Gtid(_) => None,
        }
    }

    /// The lag behind a primary in bytes of the log, where positions are counted in bytes.
    pub(crate) fn bytes_behind(&self, primary: &Self) -> Option<u64> {
        match (self, primary) {
            (Self::Wal(own), Self::Wal(primary)) if own.system == primary.system => {
                Some(primary.lsn.saturating_sub(own.lsn))
            }
            _ => None,
        }
    }

    /// The text of the position in a token: letters, digits, `.`, `-` and `_`.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Wal(wal) => format!("w{:x}.{:x}.{:x}", wal.system, wal.timeline, wal.lsn),
            Self::Gtid(gtid) => {
                let mut text = format!("g{}.{}", gtid.server, gtid.started);
                for (stream, last) in &gtid.streams {
                    // Writing to a `String` does not fail.
                    let _ = write!(text, ".{stream}_{last}");
                }
                text
            }
        }
    }

    /// Parses the text of a position.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.get(1..)?.split('.');
        match text.get(..1)? {
            "w" => {
                let wal = Wal {
                    system: u64::from_str_radix(parts.next()?, 16).ok()?,
                    timeline: u32::from_str_radix(parts.next()?, 16).ok()?,
                    lsn: u64::from_str_radix(parts.next()?, 16).ok()?,
                };
                parts.next().is_none().then_some(Self::Wal(wal))
            }
            "g" => {
                let server = name(parts.next()?)?;
                let started = parts.next()?.parse().ok()?;
                let streams: Option<Vec<(String, u64)>> = parts
                    .map(|part| {
                        let (stream, last) = part.split_once('_')?;
                        Some((name(stream)?, last.parse().ok()?))
                    })
                    .collect();
                Some(Self::Gtid(Gtid {
                    server,
                    started,
                    streams: streams.filter(|streams| !streams.is_empty())?,
                    own: true,
                }))
            }
            _ => None,
        }
    }
}

impl Wal {
    /// The insert position of the log, from the `lsn` that the server reports.
    ///
    /// When the last record ends with its page, the server answers with the place behind the next
    /// page's header, which a replica of an idle primary never reaches. Then it is the page's
    /// beginning. A header takes 40 bytes in the first page of a segment and 24 in the others
    /// (PostgreSQL's `xlog_internal.h`).
    pub(crate) fn of_insert(
        system: u64,
        timeline: u32,
        lsn: u64,
        block: u64,
        segment: u64,
    ) -> Self {
        let in_page = if block == 0 { 0 } else { lsn % block };
        let in_segment = if segment == 0 { lsn } else { lsn % segment };
        let header = if in_segment < block { 40 } else { 24 };
        Self {
            system,
            timeline,
            lsn: if in_page == header {
                lsn - in_page
            } else {
                lsn
            },
        }
    }
}

impl Gtid {
    /// Parses MariaDB's list of ids: `0-3-100,1-1-5`.
    pub(crate) fn of_mariadb(server: String, started: i64, list: &str) -> Option<Self> {
        let mut own = true;
        let streams: Option<Vec<(String, u64)>> = parts(list)
            .map(|id| {
                let (stream, number) = id.rsplit_once('-')?;
                let (_, writer) = stream.split_once('-')?;
                own &= writer == server;
                Some((name(stream)?, number.parse().ok()?))
            })
            .collect();
        Some(Self {
            server,
            started,
            streams: streams?,
            own,
        })
    }

    /// Parses MySQL's set of ids: `uuid:1-100,uuid:1-5:7`. A stream counts from its beginning to
    /// its first gap. The position of a primary is that of its own stream.
    pub(crate) fn of_mysql(server: String, started: i64, writable: bool, set: &str) -> Self {
        let mut streams = Vec::new();
        for entry in parts(set) {
            let mut pieces = entry.split(':');
            let (Some(writer), Some(first)) = (pieces.next(), pieces.next()) else {
                continue;
            };
            let (from, to) = first.split_once('-').unwrap_or((first, first));
            if let (Ok(1), Ok(to), Some(writer)) = (from.parse::<u64>(), to.parse(), name(writer)) {
                streams.push((writer, to));
            }
        }
        if writable {
            streams.retain(|(writer, _)| *writer == server);
        }
        Self {
            server,
            started,
            streams,
            own: true,
        }
    }
}

fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// A name in a token, which contains no separator of tokens.
fn name(text: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (!text.is_empty() && text.len() <= 64 && text.chars().all(allowed)).then(|| text.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn wal(system: u64, timeline: u32, lsn: u64) -> Position {
        Position::Wal(Wal {
            system,
            timeline,
            lsn,
        })
    }

    fn mariadb(server: &str, list: &str) -> Position {
        Position::Gtid(Gtid::of_mariadb(server.to_owned(), 1_700_000_000, list).unwrap())
    }

    #[test]
    fn a_log_position_counts_on_its_timeline_alone() {
        assert!(wal(7, 1, 100).holds(&wal(7, 1, 100)));
        assert!(!wal(7, 1, 99).holds(&wal(7, 1, 100)));
        assert!(!wal(7, 1, 500).holds(&wal(7, 2, 100)));
        assert!(!wal(7, 2, 500).holds(&wal(7, 1, 100)));
        assert!(!wal(8, 1, 500).holds(&wal(7, 1, 100)));
    }

    #[test]
    fn an_id_counts_for_its_writer_alone() {
        let wanted = mariadb("3", "0-3-100");
        assert!(mariadb("9", "0-3-100").holds(&wanted));
        assert!(mariadb("9", "0-3-101,1-1-5").holds(&wanted));
        assert!(!mariadb("9", "0-3-99").holds(&wanted));
        assert!(!mariadb("9", "0-1-500").holds(&wanted));
        assert!(!mariadb("9", "").holds(&wanted));
    }

    #[test]
    fn a_promoted_server_stands_for_nothing_until_it_has_written() {
        assert!(!mariadb("3", "0-1-100").is_exact());
        assert!(mariadb("3", "0-3-101").is_exact());
        assert!(!mariadb("3", "0-3-101,1-1-5").is_exact());
        assert!(!mariadb("3", "").is_exact());
    }

    #[test]
    fn the_header_of_a_page_is_not_waited_for() {
        let lsn = |lsn| Wal::of_insert(1, 1, lsn, 8_192, 16 << 20).lsn;
        assert_eq!(lsn(3 * 8_192 + 24), 3 * 8_192);
        // A record that continues after the header.
        assert_eq!(lsn(3 * 8_192 + 32), 3 * 8_192 + 32);
        assert_eq!(lsn(3 * 8_192 + 40), 3 * 8_192 + 40);
        assert_eq!(lsn((16 << 20) + 40), 16 << 20);
        assert_eq!(lsn((16 << 20) + 24), (16 << 20) + 24);
        assert_eq!(lsn(8_192), 8_192);
    }

    #[test]
    fn a_set_counts_to_its_first_gap() {
        let set = "3E11FA47-71CA-11E1-9E33-C80AA9429562:1-23:25,\n 2174b383:1,x:5-6";
        let replica = Gtid::of_mysql("r".into(), 0, false, set);
        assert_eq!(
            replica.streams,
            [
                ("3E11FA47-71CA-11E1-9E33-C80AA9429562".to_owned(), 23),
                ("2174b383".to_owned(), 1)
            ]
        );
        let primary = Gtid::of_mysql("2174b383".into(), 0, true, set);
        assert_eq!(primary.streams, [("2174b383".to_owned(), 1)]);
        assert!(Position::Gtid(replica).holds(&Position::Gtid(primary)));
    }

    #[test]
    fn a_text_reads_back_and_no_other_does() {
        for position in [
            wal(u64::MAX, u32::MAX, u64::MAX),
            wal(0, 0, 0),
            mariadb("3", "0-3-100,1-3-5"),
        ] {
            assert_eq!(Position::from_text(&position.text()), Some(position));
        }
        for text in [
            "",
            "w",
            "w1.2",
            "w1.2.3.4",
            "wx.1.1",
            "g3",
            "g3.x.0-3_1",
            "g3.1",
            "g3.1.0-3",
            "g3.1.0-3_x",
            "g.1.0-3_1",
            "h1.2.3",
            "é",
            "w-1.1.1",
        ] {
            assert_eq!(Position::from_text(text), None, "{text}");
        }
    }
}
