//! The template of a group's namespace names, and the rules for a name.

use crate::dialect::Dialect;

/// The placeholder for the number of the logical shard.
const SHARD: &str = "{shard}";

/// The bytes reserved for the suffix of a later generation, up to `_g999`.
const SUFFIX_BYTES: usize = 5;

/// A template that yields a valid name for every logical shard.
#[derive(Debug, Clone)]
pub(super) struct Template {
    before: String,
    after: String,
    numbered: bool,
}

impl Template {
    /// Checks a template for this number of shards; the error says what is wrong and what to do.
    pub(super) fn new(text: &str, shards: u32, dialect: Option<Dialect>) -> Result<Self, String> {
        let template = match text.split_once(SHARD) {
            Some((_, after)) if after.contains(SHARD) => {
                return Err(format!("`{SHARD}` occurs twice; write it once"));
            }
            Some((before, after)) => Self {
                before: before.to_owned(),
                after: after.to_owned(),
                numbered: true,
            },
            None => Self {
                before: text.to_owned(),
                after: String::new(),
                numbered: false,
            },
        };
        if text.replacen(SHARD, "", 1).contains(['{', '}']) {
            return Err(format!(
                "only `{SHARD}` is a placeholder; remove the other braces"
            ));
        }
        if !template.numbered && shards > 1 {
            return Err(format!(
                "`{text}` is the same name for {shards} logical shards; add `{SHARD}`"
            ));
        }
        let longest = template.name(shards.saturating_sub(1));
        check_name(&longest)?;
        check_length(&longest, dialect)?;
        Ok(template)
    }

    /// The name of a logical shard's first namespace.
    pub(super) fn name(&self, shard: u32) -> String {
        if self.numbered {
            format!("{}{shard}{}", self.before, self.after)
        } else {
            self.before.clone()
        }
    }
}

/// Whether a name is valid, quoted, in the SQL of every database, and as a file's name.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("the name is empty".to_owned());
    }
    if let Some(odd) = name
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && *c != '_')
    {
        return Err(format!(
            "`{name}` contains `{}`; use ASCII letters, digits and `_`",
            odd.escape_debug()
        ));
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!(
            "`{name}` begins with a digit; begin with a letter or `_`"
        ));
    }
    let lower = name.to_ascii_lowercase();
    let systems = [
        "information_schema",
        "mysql",
        "performance_schema",
        "sys",
        "main",
        "temp",
    ];
    if lower.starts_with("pg_") || systems.contains(&&*lower) {
        return Err(format!(
            "`{name}` is reserved by the database; choose another"
        ));
    }
    Ok(())
}

/// Whether a name leaves room for the suffix of a generation.
pub(super) fn check_length(name: &str, dialect: Option<Dialect>) -> Result<(), String> {
    let longest = dialect.map_or(64, |dialect| dialect.capability().name_bytes);
    let limit = longest - SUFFIX_BYTES;
    if name.len() > limit {
        return Err(format!(
            "`{name}` has {} bytes; use at most {limit}, which leaves room for a suffix like \
             `_g999`",
            name.len()
        ));
    }
    Ok(())
}
