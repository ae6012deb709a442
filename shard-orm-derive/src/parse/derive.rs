//! The derives that make a struct a model: what their attributes are called, and which words they
//! take.

use super::relation::{BELONGS_TO, HAS_MANY, HAS_ONE, REFERS_TO};
use crate::attr::{SHARD, Vocabulary, Word};

/// The attribute of static models.
const STATIC_MODEL: &str = "static_model";

/// A derive that makes a struct a model.
#[derive(Debug)]
pub(crate) struct Derive {
    /// Its name, for messages.
    pub(crate) name: &'static str,
    /// Its attribute.
    pub(crate) attribute: &'static str,
    /// Whether it makes a static model.
    pub(crate) is_static: bool,
    pub(super) of_struct: Vocabulary,
    pub(super) of_field: Vocabulary,
}

/// `#[derive(ShardModel)]`.
pub(crate) static SHARDED: Derive = Derive {
    name: "ShardModel",
    attribute: SHARD,
    is_static: false,
    of_struct: Vocabulary {
        attribute: SHARD,
        place: "a model",
        words: &[
            Word::new("group", "group = \"shop\""),
            Word::new("isolated", "isolated"),
            Word::new("database", "database = \"default\""),
            Word::new("table", "table = \"orders\""),
            Word::repeated("index", "index(field, other)"),
            Word::repeated("unique", "unique(field, other)"),
            Word::repeated("has_many", HAS_MANY),
            Word::repeated("has_one", HAS_ONE),
            Word::repeated("belongs_to", BELONGS_TO),
            Word::repeated("refers_to", REFERS_TO),
            Word::new("hooks", "hooks"),
            Word::new("validate", "validate"),
            Word::new("crate", "crate = \"path\""),
        ],
    },
    of_field: Vocabulary {
        attribute: SHARD,
        place: "a model's field",
        words: &[
            Word::new("key", "key"),
            Word::new("region", "region"),
            Word::new("primary_key", "primary_key"),
            Word::new("generate", "generate = \"snowflake\""),
            Word::new("column", "column = \"name\""),
            Word::new("skip", "skip"),
            Word::new("default", "default` or `default = value"),
            Word::new("json", "json"),
            Word::new("created_at", "created_at"),
            Word::new("updated_at", "updated_at"),
            Word::new("soft_delete", "soft_delete"),
            Word::new("index", "index"),
            Word::new("unique", "unique"),
            Word::new("length", "length = 64"),
            Word::new("precision", "precision = 12"),
            Word::new("scale", "scale = 2"),
            Word::new("decimal", "decimal(12, 2)"),
            Word::new("collation", "collation = \"binary\""),
        ],
    },
};

/// `#[derive(StaticModel)]`.
pub(crate) static STATIC: Derive = Derive {
    name: "StaticModel",
    attribute: STATIC_MODEL,
    is_static: true,
    of_struct: Vocabulary {
        attribute: STATIC_MODEL,
        place: "a static model",
        words: &[
            Word::new("source", "source = \"default\""),
            Word::new("groups", "groups = [\"shop\"]` or `groups = all"),
            Word::new("table", "table = \"airlines\""),
            Word::new("criterion", "criterion = \"updated_at\""),
            Word::new("transmit", "transmit = false"),
            Word::new("transmit_hooks", "transmit_hooks"),
            Word::repeated("index", "index(field, other)"),
            Word::repeated("unique", "unique(field, other)"),
            Word::new("hooks", "hooks"),
            Word::new("validate", "validate"),
            Word::new("crate", "crate = \"path\""),
        ],
    },
    of_field: Vocabulary {
        attribute: STATIC_MODEL,
        place: "a static model's field",
        words: &[
            Word::new("primary_key", "primary_key"),
            Word::new("column", "column = \"name\""),
            Word::new("skip", "skip"),
            Word::new("default", "default` or `default = value"),
            Word::new("json", "json"),
            Word::new("created_at", "created_at"),
            Word::new("updated_at", "updated_at"),
            Word::new("index", "index"),
            Word::new("unique", "unique"),
            Word::new("length", "length = 64"),
            Word::new("precision", "precision = 12"),
            Word::new("scale", "scale = 2"),
            Word::new("decimal", "decimal(12, 2)"),
            Word::new("collation", "collation = \"binary\""),
        ],
    },
};
