//! Expands `${NAME}` in a string from the environment.

use std::env::VarError;

/// Looks up a variable.
pub(super) type Environment<'a> = dyn Fn(&str) -> Result<String, VarError> + 'a;

/// The variables of this process.
pub(super) fn process(name: &str) -> Result<String, VarError> {
    std::env::var(name)
}

/// The string with each `${NAME}` expanded and each `$$` replaced by `$`, or all problems in it. No
/// message repeats a value.
pub(super) fn expand(text: &str, environment: &Environment<'_>) -> Result<String, Vec<String>> {
    let mut whole = String::with_capacity(text.len());
    let mut problems = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        whole.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            whole.push('$');
            rest = after;
            continue;
        }
        let name = after
            .strip_prefix('{')
            .and_then(|name| name.split_once('}'));
        let Some((name, after)) = name else {
            problems
                .push("a `$` is not followed by `{NAME}`; write `$$` for a literal `$`".to_owned());
            rest = after;
            continue;
        };
        rest = after;
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            problems.push(
                "`${..}` does not hold a valid name of an environment variable; use letters, \
                 digits and `_`"
                    .to_owned(),
            );
            continue;
        }
        match environment(name) {
            Ok(value) => whole.push_str(&value),
            Err(VarError::NotPresent) => {
                problems.push(format!(
                    "the environment variable `{name}` is not set; set it"
                ));
            }
            Err(VarError::NotUnicode(_)) => {
                problems.push(format!(
                    "the environment variable `{name}` is not valid UTF-8"
                ));
            }
        }
    }
    whole.push_str(rest);
    if problems.is_empty() {
        Ok(whole)
    } else {
        Err(problems)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, Vec<String>> {
        expand(text, &|name| match name {
            "A" => Ok("secret$".to_owned()),
            "EMPTY" => Ok(String::new()),
            _ => Err(VarError::NotPresent),
        })
    }

    #[test]
    fn variables_and_dollars_are_expanded() {
        for (text, whole) in [
            ("plain", "plain"),
            ("x${A}y${A}", "xsecret$ysecret$"),
            ("${EMPTY}", ""),
            ("a$$b$${A}", "a$b${A}"),
            ("{shard}", "{shard}"),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(whole), "{text}");
        }
    }

    #[test]
    fn missing_variables_are_named_without_values() {
        for (text, count, part) in [
            ("${A}${NONE}${A}", 1, "`NONE` is not set"),
            ("${X}${Y}", 2, "`X` is not set"),
            ("${A}$", 1, "`$$`"),
            ("$A", 1, "`$$`"),
            ("${A", 1, "`$$`"),
            ("${}", 1, "does not hold a valid name"),
            ("${A }", 1, "does not hold a valid name"),
        ] {
            let problems = expanded(text).unwrap_err();
            assert_eq!(problems.len(), count, "{problems:?}");
            assert!(problems[0].contains(part), "{problems:?}");
            assert!(!problems.concat().contains("secret"), "{problems:?}");
        }
    }
}
