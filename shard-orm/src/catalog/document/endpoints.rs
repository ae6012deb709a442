//! Changes of the primary, the replicas and the options of a server or a named database.

use toml::{Table, Value};

use crate::error::{Error, Result};

/// The URL of the primary, with `${NAME}` for secrets.
pub(super) fn primary(described: &Value) -> String {
    let text = |key: &str| described.get(key).and_then(Value::as_str);
    let primary = text("primary").or_else(|| text("master"));
    primary.unwrap_or_default().to_owned()
}

/// The URLs of the replicas.
pub(super) fn replicas(described: &Value) -> Vec<String> {
    let replicas = described
        .get("replicas")
        .or_else(|| described.get("slaves"));
    let replicas = replicas.and_then(Value::as_array).into_iter().flatten();
    replicas.filter_map(url_of).map(str::to_owned).collect()
}

pub(super) fn set_primary(described: &mut Table, url: &str) {
    described.remove("master");
    described.insert("primary".to_owned(), url.into());
}

/// Sets an option of the sessions, or removes it.
pub(super) fn set_option(described: &mut Table, option: &str, value: Option<&str>) {
    let options = described
        .entry("options")
        .or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(options) = options {
        match value {
            Some(value) => options.insert(option.to_owned(), value.into()),
            None => options.remove(option),
        };
    }
}

/// Adds a replica with its share of the reads; `owner` names the server or database in messages.
pub(super) fn add_replica(
    described: &mut Table,
    url: &str,
    weight: u32,
    owner: &str,
) -> Result<()> {
    if let Some(slaves) = described.remove("slaves") {
        described.insert("replicas".to_owned(), slaves);
    }
    let replicas = described
        .entry("replicas")
        .or_insert_with(|| Value::Array(Vec::new()));
    let Value::Array(replicas) = replicas else {
        return Err(Error::configuration(format!(
            "the replicas of {owner} are not a list"
        )));
    };
    if replicas.iter().any(|replica| url_of(replica) == Some(url)) {
        return Err(Error::configuration(format!(
            "{owner} already has this replica"
        )));
    }
    replicas.push(match weight {
        1 => url.into(),
        weight => {
            let mut replica = Table::new();
            replica.insert("url".to_owned(), url.into());
            replica.insert("weight".to_owned(), i64::from(weight).into());
            Value::Table(replica)
        }
    });
    Ok(())
}

/// Removes the replica with this URL.
pub(super) fn remove_replica(described: &mut Table, url: &str, owner: &str) -> Result<()> {
    let key = if described.contains_key("slaves") {
        "slaves"
    } else {
        "replicas"
    };
    let replicas = described.get_mut(key).and_then(Value::as_array_mut);
    let removed = replicas.is_some_and(|replicas| {
        let before = replicas.len();
        replicas.retain(|replica| url_of(replica) != Some(url));
        replicas.len() < before
    });
    if removed {
        return Ok(());
    }
    Err(Error::configuration(format!(
        "{owner} has no such replica; name it by its URL as `shard-orm catalog show` prints it"
    )))
}

/// The URL of a replica: a string, or a table with it.
fn url_of(replica: &Value) -> Option<&str> {
    replica
        .as_str()
        .or_else(|| replica.get("url").and_then(Value::as_str))
}
