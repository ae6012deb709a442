//! The words that an attribute takes, and what to say of one that it does not take.

use crate::names;

/// One word that an attribute may hold.
#[derive(Debug)]
pub(crate) struct Word {
    pub(crate) name: &'static str,
    /// How it is written, for messages.
    pub(crate) usage: &'static str,
    /// Whether it may be said more than once.
    pub(crate) repeats: bool,
}

impl Word {
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

/// The attribute of all derives but that of static models.
pub(crate) const SHARD: &str = "shard";

/// The words that one kind of place takes.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    /// The attribute that holds them: `shard`.
    pub(crate) attribute: &'static str,
    /// The place, for messages: "a model's field".
    pub(crate) place: &'static str,
    pub(crate) words: &'static [Word],
}

impl Vocabulary {
    /// The word of this name.
    pub(super) fn find(&self, name: &str) -> Option<&'static Word> {
        self.words.iter().find(|word| word.name == name)
    }

    /// What to say of a word that is not in it.
    pub(super) fn unknown(&self, name: &str) -> String {
        if self.words.is_empty() {
            return format!(
                "unknown attribute `{name}`; none is known on {}",
                self.place
            );
        }
        let all = self.words.iter().map(|word| word.name);
        let meant = habit(name)
            .iter()
            .copied()
            .find(|meant| self.find(meant).is_some())
            .or_else(|| names::nearest(name, all.clone()));
        let question = match meant {
            Some(meant) => format!("; did you mean `{meant}`?"),
            None => ".".to_owned(),
        };
        format!(
            "unknown attribute `{name}`{question} Known on {}: {}",
            self.place,
            names::list(all)
        )
    }
}

/// The words for what is called otherwise elsewhere.
fn habit(name: &str) -> &'static [&'static str] {
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
