//! Truncated, tampered and mismatched cursors.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use shard_orm::prelude::*;
use shard_orm::{Error, query::Cursor};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "notes")]
struct Note {
    #[shard(primary_key)]
    id: u64,
    #[shard(key)]
    user_id: i64,
    text: Option<String>,
    weight: f64,
    at: chrono::DateTime<chrono::Utc>,
    day: chrono::NaiveDate,
    moment: time::Time,
    mark: uuid::Uuid,
    data: Vec<u8>,
}

/// As many columns of the same order, in another table.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "others")]
struct Other {
    #[shard(primary_key)]
    id: u64,
    #[shard(key)]
    user_id: i64,
}

async fn filled(fixture: &Fixture) -> i64 {
    let key = fixture.key();
    let rows = (0..6)
        .map(|n| Note {
            id: fixture.id().unsigned_abs(),
            user_id: key,
            text: (n % 2 == 0).then(|| format!("text {n}")),
            weight: f64::from(n),
            at: chrono::DateTime::UNIX_EPOCH,
            day: chrono::NaiveDate::from_ymd_opt(2024, 2, 29).unwrap(),
            moment: time::Time::from_hms(1, 2, 3).unwrap(),
            mark: uuid::Uuid::from_u128(9),
            data: vec![1, 2, 3],
        })
        .collect();
    Note::insert_many(&fixture.cluster, rows).await.unwrap();
    key
}

fn by_all(key: i64) -> shard_orm::Query<Note, shard_orm::query::OnKey<i64>> {
    Note::on(key)
        .order_by(Note::TEXT)
        .order_by(Note::WEIGHT)
        .order_by(Note::AT)
        .order_by(Note::DAY)
        .order_by(Note::MOMENT)
        .order_by(Note::MARK)
        .order_by(Note::DATA)
}

behaviours! { (Note, Other);
    async fn a_cursor_of_another_order_or_model_is_refused(fixture: &Fixture) {
        let key = filled(fixture).await;
        let on = &fixture.cluster;
        let cursor = Note::on(key).order_by(Note::WEIGHT).page(on, 2, None).await.unwrap().next.unwrap();
        let again = Note::on(key).order_by(Note::WEIGHT).page(on, 2, Some(&cursor)).await.unwrap();
        assert_eq!(again.rows.len(), 2);
        let foreign = Note::on(key).order_by(Note::WEIGHT.desc()).page(on, 2, Some(&cursor)).await;
        assert_eq!(kind(foreign), ErrorKind::InvalidCursor);
        let foreign = Note::on(key).page(on, 2, Some(&cursor)).await;
        assert_eq!(kind(foreign), ErrorKind::InvalidCursor);
        let by_id = Note::on(key).page(on, 2, None).await.unwrap().next.unwrap();
        let foreign = Other::on(key).page(on, 2, Some(&by_id)).await;
        assert_eq!(kind(foreign), ErrorKind::InvalidCursor);
    }

    async fn a_tampered_cursor_gives_an_error_or_a_page(fixture: &Fixture) {
        let key = filled(fixture).await;
        let cursor = by_all(key).page(&fixture.cluster, 2, None).await.unwrap().next.unwrap();
        let bytes = decode(&cursor.to_string());
        let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
        let change = (0..bytes.len(), any::<u8>(), 0..4_u8, 0..bytes.len());
        // The first nine bytes tell versions and orders apart: leave them, so that the values are read.
        let cases: Vec<_> = std::iter::repeat_with(|| change.new_tree(&mut runner).unwrap().current()).take(60).collect();
        for (at, byte, kind_of_change, end) in cases {
            let mut changed = bytes.clone();
            let at = at.max(9);
            match kind_of_change {
                0 => changed.truncate(end.max(9)),
                1 => changed.insert(at, byte),
                2 => drop(changed.remove(at)),
                _ => changed[at] = byte,
            }
            let cursor: Cursor = encode(&changed).parse().unwrap();
            match by_all(key).page(&fixture.cluster, 2, Some(&cursor)).await {
                Ok(_) => {}
                // A value that is read, but that the database cannot hold.
                Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidCursor, "{changed:?}: {error}"),
            }
        }
    }

    async fn a_truncated_cursor_is_refused(fixture: &Fixture) {
        let key = filled(fixture).await;
        let cursor = by_all(key).page(&fixture.cluster, 2, None).await.unwrap().next.unwrap();
        let bytes = decode(&cursor.to_string());
        for end in 0..bytes.len() {
            let outcome: Result<(), Error> = async {
                let cut: Cursor = encode(&bytes[..end]).parse()?;
                by_all(key).page(&fixture.cluster, 2, Some(&cut)).await.map(drop)
            }
            .await;
            assert_eq!(kind(outcome), ErrorKind::InvalidCursor, "cut at {end}");
        }
        let longer: Cursor = encode(&[&bytes[..], &[0]].concat()).parse().unwrap();
        assert_eq!(kind(by_all(key).page(&fixture.cluster, 2, Some(&longer)).await), ErrorKind::InvalidCursor);
    }
}

#[test]
fn arbitrary_text_is_a_cursor_or_a_client_error() {
    proptest!(Config { failure_persistence: None, ..Config::default() }, |(text in ".*")| {
        match text.parse::<Cursor>() {
            Ok(cursor) => prop_assert_eq!(cursor.to_string(), text),
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidCursor),
        }
    });
    proptest!(Config { failure_persistence: None, ..Config::default() }, |(text in "[A-Za-z0-9_-]{0,40}")| {
        if let Err(error) = text.parse::<Cursor>() {
            prop_assert_eq!(error.kind(), ErrorKind::InvalidCursor);
        }
    });
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64 for URLs, without padding, as the text of a cursor is.
fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut word = [0; 3];
        word[..chunk.len()].copy_from_slice(chunk);
        let word = u32::from_be_bytes([0, word[0], word[1], word[2]]);
        for place in 0..=chunk.len() {
            let digit = usize::try_from(word >> (18 - 6 * place) & 63).unwrap();
            text.push(char::from(ALPHABET[digit]));
        }
    }
    text
}

fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut word, mut bits) = (0_u32, 0);
    for digit in text.bytes() {
        let digit = ALPHABET.iter().position(|letter| *letter == digit).unwrap();
        word = word << 6 | u32::try_from(digit).unwrap();
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(word >> bits & 255).unwrap());
        }
    }
    bytes
}
