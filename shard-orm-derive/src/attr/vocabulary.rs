//! The keywords that an attribute accepts, and the message for an unknown one.

use crate::names;

/// One keyword of an attribute.
#[derive(Debug)]
pub(crate) struct Keyword {
    pub(crate) name: &'static str,
    /// Its syntax, for messages.
    pub(crate) usage: &'static str,
    /// Whether it may occur more than once.
    pub(crate) repeats: bool,
}

impl Keyword {
    pub(crate) const fn new(name: &'static str, usage: &'static str) -> Self {
        Self {
            name,
            usage,
            repeats: false,
        }
    }

    pub(crate) const fn repeated(name: &'static str, usage: &'static str) -> Self {
        Self {
            name,
            usage,
            repeats: true,
        }
    }
}

/// The attribute of all derives except `StaticModel`.
pub(crate) const SHARD: &str = "shard";

/// The keywords that one kind of target accepts.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    /// The name of the attribute, such as `shard`.
    pub(crate) attribute: &'static str,
    /// The target, for messages: "a model's field".
    pub(crate) target: &'static str,
    pub(crate) keywords: &'static [Keyword],
}

impl Vocabulary {
    /// Returns the keyword with this name.
    pub(super) fn find(&self, name: &str) -> Option<&'static Keyword> {
        self.keywords.iter().find(|keyword| keyword.name == name)
    }

    /// Returns the message for a keyword that is not in it.
    pub(super) fn unknown(&self, name: &str) -> String {
        if self.keywords.is_empty() {
            return format!("unknown attribute `{name}`; {} takes none", self.target);
        }
        let all = self.keywords.iter().map(|keyword| keyword.name);
        let meant = alias(name)
            .iter()
            .copied()
            .find(|meant| self.find(meant).is_some())
            .or_else(|| names::nearest(name, all.clone()));
        let question = match meant {
            Some(meant) => format!("; did you mean `{meant}`?"),
            None => ".".to_owned(),
        };
        format!(
            "unknown attribute `{name}`{question} Attributes of {}: {}",
            self.target,
            names::list(all)
        )
    }
}

/// Returns the keywords that other libraries call `name`.
fn alias(name: &str) -> &'static [&'static str] {
    match name {
        "shard_key" | "sharding_key" | "partition_key" => &["key"],
        "id" | "pk" | "primary" => &["primary_key"],
        "db" | "unsharded" => &["database", "source"],
        "database" | "origin" => &["source"],
        "name" | "rename" | "column" => &["column", "field", "rename", "table"],
        "table_name" | "schema" => &["table"],
        "column_name" => &["column"],
        "keyspace" | "shard_group" => &["group", "groups"],
        "ignore" | "transient" => &["skip"],
        "max_length" | "size" | "len" => &["length"],
        "auto_now_add" | "created" => &["created_at"],
        "auto_now" | "updated" => &["updated_at"],
        "unique_index" => &["unique"],
        "auto_increment" | "autoincrement" | "generated" => &["generate"],
        "deleted_at" | "paranoid" => &["soft_delete"],
        "validated" => &["validate"],
        _ => &[],
    }
}
