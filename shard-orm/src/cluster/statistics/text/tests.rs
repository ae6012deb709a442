//! Published texts are read as they were written, are never too long, and harm nobody when they are broken.

use std::time::Duration;

use proptest::prelude::*;

use super::super::spans::Span;
use super::*;
use crate::observe::{Durations, Totals};

fn load() -> impl Strategy<Value = Load> {
    (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>()).prop_map(
        |(calls, errors, rows, micros)| Load {
            calls,
            errors,
            rows,
            micros,
        },
    )
}

fn over() -> impl Strategy<Value = Duration> {
    (0..10_000_000_u64).prop_map(Duration::from_millis)
}

fn durations() -> impl Strategy<Value = Durations> {
    prop::collection::vec((0..38_usize, any::<u64>()), 0..6).prop_map(|filled| {
        let mut buckets = Durations::default();
        for (bucket, count) in filled {
            buckets.0[bucket] = count;
        }
        buckets
    })
}

fn totals() -> impl Strategy<Value = Span<Totals>> {
    (over(), load(), durations())
        .prop_map(|(over, load, durations)| Span::new(over, Totals { load, durations }))
}

fn name() -> impl Strategy<Value = String> {
    "[a-z<>'\"é-]{1,12}"
}

fn role() -> impl Strategy<Value = OfRole> {
    let spans = (totals(), totals(), totals(), totals(), over(), load());
    let pools = prop::collection::btree_map(0..4_usize, any::<[u64; 4]>(), 0..3);
    (spans, pools).prop_map(
        |((one, five, fifteen, earlier, over, load), pools)| OfRole {
            spans: Spans {
                one,
                five,
                fifteen,
                earlier,
                total: Span::new(over, load).totals(),
            },
            verbs: Vec::new(),
            pools: pools
                .into_iter()
                .map(|(endpoint, [max, size, in_use, waiting])| {
                    (
                        endpoint,
                        PoolStatistics {
                            endpoint,
                            max,
                            size,
                            in_use,
                            waiting,
                        },
                    )
                })
                .collect(),
        },
    )
}

fn statement() -> impl Strategy<Value = StatementStatistics> {
    let names = (name(), name(), name(), name(), "[ -~é]{0,600}");
    let numbers = (any::<u32>(), any::<u64>(), any::<u64>(), over(), over());
    (names, numbers).prop_map(
        |((group, table, verb, server, fingerprint), (shard, calls, slow, busy, longest))| {
            StatementStatistics {
                group,
                table,
                verb,
                fingerprint,
                calls,
                busy,
                slow,
                longest,
                server,
                shard,
            }
        },
    )
}

prop_compose! {
    fn figures(most: usize)(
        over in over(),
        servers in prop::collection::btree_map(
            (name(), name()),
            (role(), prop::option::of(role()), any::<[u64; 6]>(), durations(), any::<[u16; 8]>()),
            0..most,
        ),
        shards in prop::collection::btree_map((name(), any::<u32>()), (over(), load()), 0..20 * most),
        tables in prop::collection::btree_map((name(), name()), any::<(u64, u64)>(), 0..4),
        statements in prop::collection::vec(statement(), 0..30),
    ) -> Figures {
        let servers = servers.into_iter().map(|((group, server), (one, other, counts, waits, lag))| {
            let millis = |place: usize| Duration::from_millis(lag[place].into());
            let before = [0, 2, 4].map(|place| LagBefore { ago: millis(place), lag: millis(place + 1) });
            let (lag, endpoint) = (millis(6), usize::from(lag[7]));
            let own = ReplicaLag { group: group.clone(), server: server.clone(), endpoint, lag, before };
            let of_server = OfServer {
                roles: [Some(one), other],
                incidents: OfIncidents { counts, waits },
                lags: [(endpoint, own)].into(),
            };
            ((group, server), of_server)
        });
        let shards = shards.into_iter().map(|(name, (over, load))| {
            let span = Span::new(over, load);
            (name, Spans { one: span, five: span, fifteen: span, ..Spans::default() })
        });
        Figures {
            over,
            servers: servers.collect(),
            shards: shards.collect(),
            tables,
            statements,
            cut: Cut::default(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn figures_that_fit_are_read_as_they_were_written(mut figures in figures(3)) {
        figures.shards.retain(|_, spans| spans.fifteen.counts.calls > 0);
        figures.statements.truncate(5);
        for statement in &mut figures.statements {
            statement.fingerprint.truncate(statement.fingerprint.floor_char_boundary(FINGERPRINT));
        }
        let mut read = parse(&text_of(&figures)).unwrap();
        read.statements.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
        figures.statements.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
        prop_assert_eq!(read, figures);
    }

    #[test]
    fn a_text_is_never_longer_than_the_bound_and_says_what_is_missing(figures in figures(80)) {
        let text = text_of(&figures);
        prop_assert!(text.len() <= MOST_BYTES, "{} bytes", text.len());
        let read = parse(&text).unwrap();
        prop_assert_eq!(read.servers.len() as u64 + read.cut.servers, figures.servers.len() as u64);
        prop_assert_eq!(read.statements.len() as u64 + read.cut.statements, figures.statements.len() as u64);
        let with_calls = figures.shards.values().filter(|spans| spans.fifteen.counts.calls > 0);
        prop_assert_eq!(read.shards.len() as u64 + read.cut.shards, with_calls.count() as u64);
    }

    #[test]
    fn a_broken_text_harms_nobody(figures in figures(3), at in any::<prop::sample::Index>(), with in "\\PC{0,3}") {
        let text = text_of(&figures);
        let at = text.floor_char_boundary(at.index(text.len()));
        let broken = format!("{}{with}{}", &text[..at], text[at..].get(1..).unwrap_or_default());
        let _ = parse(&broken);
        let _ = parse(&text[..at]);
    }
}

#[test]
fn a_text_of_another_version_is_not_read() {
    for text in ["", "\n", "2\t0\t0 0 0\n", "1", "1\t!\t0 0 0"] {
        assert_eq!(parse(text), None, "{text}");
    }
    assert_eq!(parse("1\t0\t0 0 0\nz\tnew\n"), Some(Figures::default()));
}

#[test]
fn quiet_logical_shards_and_servers_are_left_out_first() {
    let mut figures = Figures::default();
    let load = |micros: u64| {
        Span::new(
            Duration::from_mins(15),
            Load {
                calls: micros,
                errors: 1,
                rows: micros,
                micros,
            },
        )
    };
    for number in 0..4_000_u32 {
        let span = load(u64::from(number) * 1_000_000);
        let spans = Spans {
            one: span,
            five: span,
            fifteen: span,
            ..Spans::default()
        };
        figures.shards.insert(("shop".to_owned(), number), spans);
    }
    for number in 0..1_000_u64 {
        let span = load(number).totals();
        let role = OfRole {
            spans: Spans {
                fifteen: span,
                ..Spans::default()
            },
            ..OfRole::default()
        };
        let server = OfServer {
            roles: [Some(role), None],
            ..OfServer::default()
        };
        figures
            .servers
            .insert(("shop".to_owned(), format!("server-{number:04}")), server);
    }
    let read = parse(&text_of(&figures)).unwrap();
    let least = read.shards.keys().map(|(_, shard)| *shard).min().unwrap();
    assert!(read.shards.len() > 200, "{} fit", read.shards.len());
    assert_eq!(read.shards.len() as u64, 4_000 - u64::from(least));
    let least = read
        .servers
        .keys()
        .map(|(_, server)| &**server)
        .min()
        .unwrap();
    assert_eq!(least, format!("server-{:04}", 1_000 - read.servers.len()));
}
