//! Finds passwords that are written into a configuration file.

use toml::Value;

/// The paths of URLs with a literal password. One that comes from the environment is not literal.
pub(crate) fn literal_passwords(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(table) = text.parse::<toml::Table>() {
        walk("", &Value::Table(table), &mut found);
    }
    found
}

fn walk(path: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if has_password(text) => found.push(path.to_owned()),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                walk(&format!("{path}[{at}]"), item, found);
            }
        }
        Value::Table(entries) => {
            for (key, value) in entries {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                walk(&path, value, found);
            }
        }
        _ => {}
    }
}

fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else {
        return false;
    };
    let (address, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let in_login = address.rsplit_once('@').is_some_and(|(login, _)| {
        let password = login.split_once(':').map(|(_, password)| password);
        password.is_some_and(is_literal)
    });
    let in_parameters = parameters.split('&').any(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        key.to_ascii_lowercase().contains("password") && is_literal(value)
    });
    in_login || in_parameters
}

/// Whether anything in it is not a reference.
fn is_literal(text: &str) -> bool {
    let mut rest = text;
    loop {
        if rest.is_empty() {
            return false;
        }
        let reference = rest
            .strip_prefix("${")
            .and_then(|rest| rest.split_once('}'));
        match reference {
            Some((_, after)) => rest = after,
            None => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::literal_passwords;

    #[test]
    fn only_literal_passwords_are_found() {
        let text = "
            [databases]
            a.primary = 'postgres://app:secret@host/a'
            b.primary = 'postgres://app:${SECRET}@host/b'
            c.primary = 'postgres://app@host/c?sslmode=require'
            d.primary = 'sqlite://a:b'
            e = { primary = 'mysql://${LOGIN}@host/e', replicas = ['mysql://app:x${Y}@host/e'] }
            f.primary = 'postgres://host/f?user=app&password=secret'
            g.primary = 'postgres://app:${A}${B}@host/g'
            h.primary = 'postgres://app:@host/h'
        ";
        let mut found = literal_passwords(text);
        found.sort_unstable();
        assert_eq!(
            found,
            [
                "databases.a.primary",
                "databases.e.replicas[0]",
                "databases.f.primary"
            ]
        );
    }
}
