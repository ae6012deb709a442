//! Mistakes that only a text can have: its syntax, keys, types and variables.

use crate::*;

#[test]
fn what_is_no_toml_is_reported_with_its_line() {
    let text = shop(&[(7, "primary = 'postgres://app:secret@h/db")]);
    let found = problems(&text);
    assert_eq!(found[0].line(), Some(7), "{found:?}");
    assert!(found[0].message().contains("invalid TOML"));
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    let text = shop(&[(8, "wieght = 2")]);
    let path = "groups.shop.servers[0].wieght";
    assert_problems(&text, &[(path, 8, "did you mean `weight`?")]);
}

#[test]
fn an_unknown_key_far_from_all_is_refused_with_the_list() {
    let text = shop(&[(4, "colour = 'red'")]);
    assert_problems(&text, &[("groups.shop.colour", 4, "`logical_shards`")]);
    let text = shop(&[(12, "[shards]")]);
    assert_problems(&text, &[("shards", 12, "`databases`")]);
}

#[test]
fn a_wrong_type_is_named() {
    let text = shop(&[(2, "logical_shards = '16'")]);
    let path = "groups.shop.logical_shards";
    assert_problems(
        &text,
        &[(path, 2, "this is a string; write a whole number")],
    );
    let text = shop(&[(7, "primary = 7")]);
    let path = "groups.shop.servers[0].primary";
    assert_problems(&text, &[(path, 7, "write a string in quotes")]);
    let text = "[groups.shop]\nlogical_shards = 1\nservers = [1]";
    let path = "groups.shop.servers[0]";
    assert_problems(text, &[(path, 3, "write a table")]);
    let text = shop(&[(8, "replicas = 'sqlite://copy/a'")]);
    let path = "groups.shop.servers[0].replicas";
    assert_problems(&text, &[(path, 8, "write a list in brackets")]);
}

#[test]
fn a_number_out_of_range_is_refused() {
    let text = shop(&[(8, "weight = -1")]);
    assert_problems(&text, &[("groups.shop.servers[0].weight", 8, "too small")]);
}

#[test]
fn what_must_be_there_is_missed() {
    let text = shop(&[(2, "")]);
    assert_problems(
        &text,
        &[("groups.shop.logical_shards", 1, "is missing; add")],
    );
    let text = shop(&[(11, "")]);
    assert_problems(
        &text,
        &[("groups.shop.servers[1].primary", 9, "is missing; add")],
    );
    let text = shop(&[(6, "")]);
    assert_problems(
        &text,
        &[("groups.shop.servers[0].name", 5, "is missing; add")],
    );
}

#[test]
fn a_name_and_its_alias_are_not_taken_together() {
    let text = shop(&[(8, "master = 'sqlite://data/c'")]);
    assert_problems(
        &text,
        &[("groups.shop.servers[0].master", 8, "both are given")],
    );
    let text = shop(&[(8, "slaves = []\nreplicas = []")]);
    assert_problems(
        &text,
        &[("groups.shop.servers[0].slaves", 8, "both are given")],
    );
}

#[test]
fn a_missing_variable_is_named_and_no_other_is_shown() {
    let url = "primary = 'sqlite://${CARGO_PKG_NAME}/${SHARD_ORM_IS_NOT_SET}'";
    let text = shop(&[(7, url)]);
    let path = "groups.shop.servers[0].primary";
    assert_problems(&text, &[(path, 7, "`SHARD_ORM_IS_NOT_SET` is not set")]);
    let package = std::env::var("CARGO_PKG_NAME").unwrap();
    assert!(!problems(&text)[0].to_string().contains(&package));
}

#[test]
fn a_time_has_a_unit() {
    let text = shop(&[(12, "[pool]\nidle_timeout = 5\nmax_lifetime = '5 days'")]);
    assert_problems(
        &text,
        &[
            ("pool.idle_timeout", 13, "without a unit"),
            ("pool.max_lifetime", 14, "write it like"),
        ],
    );
}

#[test]
fn a_run_of_shards_is_half_open() {
    let text = shop(&[(8, "shards = '0..=7'"), (12, "shards = '8..16'")]);
    let path = "groups.shop.servers[0].shards";
    assert_problems(&text, &[(path, 8, "not a run of shards")]);
}

#[test]
fn a_pin_is_a_whole_number() {
    let text = shop(&[(12, "[groups.shop.pins]\nada = 3\n7 = 'x'")]);
    assert_problems(
        &text,
        &[
            ("groups.shop.pins.ada", 13, "`ada` is not a shard key"),
            ("groups.shop.pins.7", 14, "write a whole number"),
        ],
    );
}

#[test]
fn an_unknown_choice_is_refused() {
    let text = shop(&[(4, "strategy = 'hsah'")]);
    assert_problems(
        &text,
        &[("groups.shop.strategy", 4, "did you mean \"hash\"?")],
    );
    let text = shop(&[(4, "strategy = { type = 'lookup' }")]);
    assert_problems(&text, &[("groups.shop.strategy.type", 4, "`modulo`")]);
    let text = shop(&[(4, "read = 'slave'")]);
    assert_problems(&text, &[("groups.shop.read", 4, "`primary`, `replica`")]);
    let text = shop(&[(4, "strategy = { type = 'ring', compatible = 'vitess' }")]);
    let path = "groups.shop.strategy.compatible";
    assert_problems(&text, &[(path, 4, "`django-shard-library`")]);
}

#[test]
fn a_strategy_that_needs_more_says_so() {
    let text = shop(&[(4, "strategy = 'range'")]);
    assert_problems(&text, &[("groups.shop.strategy", 4, "write a table")]);
    let text = shop(&[(4, "strategy = { type = 'range' }")]);
    assert_problems(&text, &[("groups.shop.strategy.bounds", 4, "is missing")]);
    let text = shop(&[(4, "strategy = { type = 'region' }")]);
    assert_problems(&text, &[("groups.shop.strategy.regions", 4, "is missing")]);
}

#[test]
fn a_key_of_another_strategy_is_refused() {
    let text = shop(&[(4, "strategy = { type = 'hash', bounds = [1] }")]);
    assert_problems(
        &text,
        &[("groups.shop.strategy.bounds", 4, "unknown key `bounds`")],
    );
}
