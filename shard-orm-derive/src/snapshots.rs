//! Snapshots of the generated code, in `snapshots/`, so that reviewers see the effect of a change.
//!
//! `INSTA_UPDATE=always cargo test -p shard-orm-derive --lib` updates them; review the difference.

use insta::{assert_snapshot, with_settings};
use proc_macro2::TokenStream;
use syn::DeriveInput;

type Derive = fn(&DeriveInput) -> syn::Result<TokenStream>;

/// Compares the code that a derive generates for an input with a snapshot.
fn expands(name: &str, derive: Derive, input: &str) {
    let input = syn::parse_str(input).unwrap();
    let file = syn::parse2(derive(&input).unwrap()).unwrap();
    let code = prettyplease::unparse(&file);
    with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        assert_snapshot!(name, code);
    });
}

#[test]
fn a_sharded_model() {
    expands(
        "a_sharded_model",
        crate::model,
        r#"
        #[shard(group = "shop", table = "orders")]
        #[shard(has_many(lines = "Line", by = "order_id"))]
        #[shard(unique(user_id, code), index(created_at))]
        pub struct Order {
            #[shard(primary_key, generate = "snowflake")]
            id: i64,
            #[shard(key)]
            user_id: UserId,
            #[shard(length = 20)]
            code: String,
            note: Option<String>,
            #[shard(precision = 12, scale = 2)]
            price: Decimal,
            #[shard(json)]
            tags: Vec<String>,
            #[shard(default = 1)]
            amount: i32,
            #[shard(skip)]
            selected: bool,
            #[shard(created_at)]
            created_at: DateTime<Utc>,
            #[shard(soft_delete)]
            deleted_at: Option<DateTime<Utc>>,
        }
        "#,
    );
}

#[test]
fn a_model_keyed_by_its_shard_key() {
    expands(
        "a_model_keyed_by_its_shard_key",
        crate::model,
        r#"
        #[shard(group = "shop", table = "users")]
        struct User {
            #[shard(key, primary_key)]
            id: i64,
            name: String,
        }
        "#,
    );
}

#[test]
fn an_isolated_model() {
    expands(
        "an_isolated_model",
        crate::model,
        r#"
        #[shard(group = "shop", isolated, table = "jobs")]
        struct Job {
            #[shard(primary_key)]
            id: i64,
        }
        "#,
    );
}

#[test]
fn a_static_model() {
    expands(
        "a_static_model",
        crate::static_model,
        r#"
        #[static_model(groups = all, table = "countries")]
        struct Country {
            #[static_model(primary_key)]
            id: i64,
            #[static_model(length = 2, unique)]
            code: String,
        }
        "#,
    );
}

#[test]
fn a_shard_key() {
    expands("a_shard_key", crate::key, "pub struct UserId(i64);");
}

#[test]
fn an_enum_field() {
    expands(
        "an_enum_field",
        crate::field,
        r#"
        #[shard(rename_all = "snake_case")]
        enum Status { New, InTransit, #[shard(rename = "gone")] Sent }
        "#,
    );
}

#[test]
fn an_integer_enum_field() {
    expands(
        "an_integer_enum_field",
        crate::field,
        r#"#[shard(integer = "i16")] enum Level { Low = -1, High = 300 }"#,
    );
}

#[test]
fn a_newtype_field() {
    expands("a_newtype_field", crate::field, "struct Email(String);");
}

#[test]
fn a_projection() {
    expands(
        "a_projection",
        crate::projection,
        r#"
        #[shard(model = Order)]
        struct Summary { id: i64, code: String }
        "#,
    );
}
