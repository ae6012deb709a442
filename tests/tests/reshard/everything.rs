//! Tables with everything, and writers that go round the library.

use shard_orm::admin::{SqlPlace, SqlRequest, run_sql};
use shard_orm::prelude::*;
use shard_orm::reshard::JobState;
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm_tests::behaviours;

use crate::{MOVING, Order, Setting, cluster};

/// A tree with a key of two columns, which refers to itself; a table whose rows the database numbers; a table without
/// rows; a view, and a trigger.
fn tables(dialect: Dialect) -> Vec<&'static str> {
    const TREE: &str = "CREATE TABLE tree (a INT NOT NULL, b INT NOT NULL, up_a INT, up_b INT, label VARCHAR(40) NOT NULL, \
        total INT GENERATED ALWAYS AS (a + b) STORED, PRIMARY KEY (a, b), UNIQUE (label), \
        FOREIGN KEY (up_a, up_b) REFERENCES tree (a, b) ON DELETE CASCADE)";
    const EMPTY: &str = "CREATE TABLE empty (id INT NOT NULL PRIMARY KEY)";
    const VIEW: &str = "CREATE VIEW labels AS SELECT label, total FROM tree";
    match dialect {
        Dialect::Postgres => vec![
            TREE,
            "CREATE TABLE counted (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note TEXT, other JSONB, list INT[])",
            "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := upper(NEW.note); RETURN NEW; END'",
            "CREATE TRIGGER shout BEFORE INSERT ON counted FOR EACH ROW EXECUTE FUNCTION shout()",
            EMPTY,
            VIEW,
            "CREATE INDEX tree_total ON tree (total DESC) WHERE a > 1",
        ],
        Dialect::MySql => vec![
            TREE,
            "CREATE TABLE counted (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, note TEXT, other JSON, list SET('a', 'b'))",
            "CREATE TRIGGER shout BEFORE INSERT ON counted FOR EACH ROW SET NEW.note = UPPER(NEW.note)",
            EMPTY,
            VIEW,
            "CREATE INDEX tree_total ON tree (total)",
        ],
        _ => vec![
            TREE,
            "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, note TEXT, other JSON, list BLOB)",
            "CREATE TRIGGER shout AFTER INSERT ON counted BEGIN UPDATE counted SET note = upper(note) WHERE id = NEW.id; END",
            EMPTY,
            VIEW,
            "CREATE INDEX tree_total ON tree (total DESC) WHERE a > 1",
        ],
    }
}

/// Runs SQL on a logical shard, past the library, and returns the outcome of the last statement.
pub(crate) async fn attempt(
    cluster: &Cluster,
    shard: u32,
    text: &str,
) -> Result<Vec<Vec<Option<String>>>, ErrorKind> {
    let place = SqlPlace::Shard {
        group: "shop".to_owned(),
        shard,
    };
    let request = SqlRequest::new(place, AssertSqlSafe(text.to_owned()));
    let outcome = run_sql(cluster, &request).await.unwrap().outcomes.remove(0);
    match outcome.error {
        Some(error) => {
            // Shown if the test fails.
            println!("{text}: {error}");
            Err(error.kind())
        }
        None => Ok(outcome
            .results
            .into_iter()
            .next_back()
            .map(|result| result.rows)
            .unwrap_or_default()),
    }
}

/// Runs SQL on the moving shard.
pub(crate) async fn sql(cluster: &Cluster, text: &str) -> Vec<Vec<Option<String>>> {
    sql_at(cluster, MOVING, text).await
}

/// As an operator does, who tries again when the tables are away.
pub(crate) async fn sql_at(cluster: &Cluster, shard: u32, text: &str) -> Vec<Vec<Option<String>>> {
    loop {
        match attempt(cluster, shard, text).await {
            Err(ErrorKind::UndefinedTable | ErrorKind::ShardMoved) => {}
            outcome => return outcome.unwrap(),
        }
    }
}

async fn number(cluster: &Cluster, text: &str) -> i64 {
    sql(cluster, text).await[0][0]
        .as_ref()
        .unwrap()
        .parse()
        .unwrap()
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn tables_with_everything_move_and_move_back(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        for text in tables(fixture.dialect) {
            sql(&operator, text).await;
        }
        sql(&operator, "INSERT INTO tree (a, b, label) VALUES (1, 1, 'root')").await;
        for child in 2..40 {
            let up = child / 2;
            let insert = format!(
                "INSERT INTO tree (a, b, up_a, up_b, label) VALUES ({child}, {child}, {up}, {up}, 'node {child}')"
            );
            sql(&operator, &insert).await;
            sql(&operator, &format!("INSERT INTO counted (note) VALUES ('note {child}')")).await;
        }
        sql(&operator, "DELETE FROM counted WHERE id > 30").await;
        let reshard = operator.reshard().unwrap();
        let request = reshard.move_shard("shop", MOVING, "server-1").accept_relaxed_durability();
        let planned = request.plan().await.unwrap();
        assert!(planned.obstacles.is_empty(), "{planned}");
        let job = request.start().await.unwrap();
        let writing = async {
            // Past the library, while the job runs: a cascade over several levels, and values that change places.
            for label in 0..10 {
                sql(&operator, &format!("UPDATE tree SET label = 'free {label}' WHERE a = 39")).await;
                sql(&operator, &format!("UPDATE tree SET label = 'node 39' WHERE a = {}", 20 + label)).await;
                sql(&operator, &format!("UPDATE tree SET label = 'node {0}' WHERE a = {0}", 20 + label)).await;
            }
            sql(&operator, "DELETE FROM tree WHERE a = 3").await;
        };
        let (job, ()) = tokio::join!(reshard.run(job.id), writing);
        let job = job.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        let check = async |tree: i64, counted: i64| {
            assert_eq!(number(&operator, "SELECT COUNT(*) FROM tree").await, tree);
            assert_eq!(number(&operator, "SELECT COUNT(*) FROM labels WHERE total > 0").await, tree);
            assert_eq!(number(&operator, "SELECT COUNT(*) FROM empty").await, 0);
            // It goes on above what was given out, though the last rows were deleted.
            sql(&operator, "INSERT INTO counted (note) VALUES ('after')").await;
            assert_eq!(number(&operator, "SELECT MAX(id) FROM counted").await, counted);
            let notes = sql(&operator, "SELECT note FROM counted ORDER BY id DESC").await;
            assert_eq!(notes[0][0].as_deref(), Some("AFTER"));
        };
        // 39 nodes without 3, 6, 7, 12..16, 24..32.
        let left = 39 - 1 - 2 - 4 - 8;
        check(left, 39).await;
        let duplicate = attempt(&operator, MOVING, "UPDATE tree SET label = 'root' WHERE a = 2").await;
        assert_eq!(duplicate, Err(ErrorKind::Unique));
        sql(&operator, "DELETE FROM tree WHERE a = 4").await;
        // 4, 8, 9, 16..20, 32..40.
        let left = left - 1 - 2 - 4 - 8;
        check(left, 40).await;
        reshard.reverse(job.id).await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Reversed, "{job:?}");
        check(left, 41).await;
        sql(&operator, "DELETE FROM tree WHERE a = 1").await;
        check(0, 42).await;
    }

    async fn a_shard_of_many_tables_moves(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        for number in 0..60 {
            sql(&operator, &format!("CREATE TABLE many_{number} (id INT NOT NULL PRIMARY KEY)")).await;
            sql(&operator, &format!("INSERT INTO many_{number} (id) VALUES ({number})")).await;
        }
        let reshard = operator.reshard().unwrap();
        let request = reshard.move_shard("shop", MOVING, "server-1").accept_relaxed_durability();
        let job = request.start().await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Holding, "{job:?}");
        for number in 0..60 {
            assert_eq!(self::number(&operator, &format!("SELECT id FROM many_{number}")).await, number);
        }
        reshard.reverse(job.id).await.unwrap();
        let job = reshard.run(job.id).await.unwrap();
        assert_eq!(job.state, JobState::Reversed, "{job:?}");
        assert_eq!(self::number(&operator, "SELECT id FROM many_59").await, 59);
    }
}
