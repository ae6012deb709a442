//! The two derives for models: their attributes, and the keywords that they accept.

use super::relation::{BELONGS_TO, HAS_MANY, HAS_ONE, REFERS_TO};
use crate::attr::{Keyword, SHARD, Vocabulary};

/// The attribute of static models.
const STATIC_MODEL: &str = "static_model";

/// A derive for models.
#[derive(Debug)]
pub(crate) struct Derive {
    /// Its name, for messages.
    pub(crate) name: &'static str,
    /// Its attribute.
    pub(crate) attribute: &'static str,
    /// Whether it derives a static model.
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
        target: "a model",
        keywords: &[
            Keyword::new("group", "group = \"shop\""),
            Keyword::new("isolated", "isolated"),
            Keyword::new("database", "database = \"default\""),
            Keyword::new("table", "table = \"orders\""),
            Keyword::repeated("index", "index(field, other)"),
            Keyword::repeated("unique", "unique(field, other)"),
            Keyword::repeated("has_many", HAS_MANY),
            Keyword::repeated("has_one", HAS_ONE),
            Keyword::repeated("belongs_to", BELONGS_TO),
            Keyword::repeated("refers_to", REFERS_TO),
            Keyword::new("hooks", "hooks"),
            Keyword::new("validate", "validate"),
            Keyword::new("crate", "crate = \"path\""),
        ],
    },
    of_field: Vocabulary {
        attribute: SHARD,
        target: "a model's field",
        keywords: &[
            Keyword::new("key", "key"),
            Keyword::new("region", "region"),
            Keyword::new("primary_key", "primary_key"),
            Keyword::new("generate", "generate = \"snowflake\""),
            Keyword::new("column", "column = \"name\""),
            Keyword::new("skip", "skip"),
            Keyword::new("default", "default` or `default = value"),
            Keyword::new("json", "json"),
            Keyword::new("created_at", "created_at"),
            Keyword::new("updated_at", "updated_at"),
            Keyword::new("soft_delete", "soft_delete"),
            Keyword::new("index", "index"),
            Keyword::new("unique", "unique"),
            Keyword::new("length", "length = 64"),
            Keyword::new("precision", "precision = 12"),
            Keyword::new("scale", "scale = 2"),
            Keyword::new("decimal", "decimal(12, 2)"),
            Keyword::new("collation", "collation = \"binary\""),
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
        target: "a static model",
        keywords: &[
            Keyword::new("source", "source = \"default\""),
            Keyword::new("groups", "groups = [\"shop\"]` or `groups = all"),
            Keyword::new("table", "table = \"airlines\""),
            Keyword::new("criterion", "criterion = \"updated_at\""),
            Keyword::new("transmit", "transmit = false"),
            Keyword::new("transmit_hooks", "transmit_hooks"),
            Keyword::repeated("index", "index(field, other)"),
            Keyword::repeated("unique", "unique(field, other)"),
            Keyword::new("hooks", "hooks"),
            Keyword::new("validate", "validate"),
            Keyword::new("crate", "crate = \"path\""),
        ],
    },
    of_field: Vocabulary {
        attribute: STATIC_MODEL,
        target: "a static model's field",
        keywords: &[
            Keyword::new("primary_key", "primary_key"),
            Keyword::new("column", "column = \"name\""),
            Keyword::new("skip", "skip"),
            Keyword::new("default", "default` or `default = value"),
            Keyword::new("json", "json"),
            Keyword::new("created_at", "created_at"),
            Keyword::new("updated_at", "updated_at"),
            Keyword::new("index", "index"),
            Keyword::new("unique", "unique"),
            Keyword::new("length", "length = 64"),
            Keyword::new("precision", "precision = 12"),
            Keyword::new("scale", "scale = 2"),
            Keyword::new("decimal", "decimal(12, 2)"),
            Keyword::new("collation", "collation = \"binary\""),
        ],
    },
};
