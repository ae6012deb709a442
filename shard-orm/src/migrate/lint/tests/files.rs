//! Rules over a file, and over several: comments, and tables that are new.

use super::*;

#[test]
fn comments_allow_rules_for_one_statement() {
    passes(
        Postgres,
        &[
            "-- lint: allow(create-index) a table of countries\nCREATE INDEX i ON a (b);",
            "CREATE INDEX i ON a (b); -- lint: allow(create-index) a table of countries",
            "CREATE INDEX i -- lint: allow(create-index): small\nON a (b);",
        ],
    );
    let text =
        "-- lint: allow(create-index) small\nCREATE INDEX i ON a (b);\nCREATE INDEX j ON a (c);";
    assert_eq!(broken(Postgres, text), [(3, "create-index")]);
    let text = "-- lint: allow(drop-table) small\nCREATE INDEX i ON a (b);";
    assert_eq!(broken(Postgres, text), [(2, "create-index")]);
    let text = "-- lint: allow(create-index)\nCREATE INDEX i ON a (b);";
    assert_eq!(
        broken(Postgres, text),
        [(1, "lint-comment"), (2, "create-index")]
    );
}

#[test]
fn tables_of_earlier_files_are_new_where_all_namespaces_lack_them() {
    let files = [
        ("shop/1_a.sql", "CREATE TABLE a (b int);"),
        ("shop/2_b.sql", "CREATE INDEX i ON a (b);"),
    ];
    let migrations = Migrations::embedded(&files).unwrap();
    let of = |pending: &[&[i64]]| {
        let pending: Vec<BTreeSet<i64>> = pending
            .iter()
            .map(|one| one.iter().copied().collect())
            .collect();
        of_pending(migrations.in_folder("shop"), Postgres, &pending).len()
    };
    assert_eq!(migrations.lint("shop", Postgres).len(), 1);
    assert_eq!(of(&[&[1, 2], &[1, 2]]), 0);
    assert_eq!(of(&[&[2], &[1, 2]]), 1);
    assert_eq!(of(&[&[2], &[2]]), 1);
    assert_eq!(of(&[&[], &[]]), 0);
}
