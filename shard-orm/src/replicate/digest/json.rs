//! JSON in one spelling.

use serde_json::Value;

use crate::error::{Error, Result};

/// The largest integer below which a double has room for each: 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A value in one spelling, whatever database has kept it.
pub(super) fn canonical(value: &Value) -> Result<String> {
    let mut text = String::new();
    write(value, &mut text)?;
    Ok(text)
}

fn write(value: &Value, text: &mut String) -> Result<()> {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (position, (name, member)) in members.into_iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                text.push_str(&plain(name)?);
                text.push(':');
                write(member, text)?;
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                write(item, text)?;
            }
            text.push(']');
        }
        Value::Number(number) => {
            let whole = number.as_i64().is_some() || number.as_u64().is_some();
            match number.as_f64() {
                // PostgreSQL keeps `1.0` as it was written, MySQL makes a double of it.
                Some(double) if !whole && double.fract() == 0.0 && double.abs() < EXACT => {
                    text.push_str(&format!("{:.0}", double + 0.0));
                }
                Some(double) if !whole => text.push_str(&plain(&double)?),
                _ => text.push_str(&number.to_string()),
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => text.push_str(&plain(value)?),
    }
    Ok(())
}

fn plain(value: &(impl serde::Serialize + ?Sized)) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|source| Error::unsupported("a value is no JSON").with_source(source))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn order_of_members_and_spelling_of_numbers_do_not_matter() {
        let one: Value = serde_json::from_str(
            r#" {"b": [1.0, -0.0, 1e2, 0.5], "a": {"z": null, "y": "\u00e9\n"}} "#,
        )
        .unwrap();
        let other = json!({"a": {"y": "é\n", "z": null}, "b": [1, 0, 100, 0.5]});
        assert_eq!(canonical(&one).unwrap(), canonical(&other).unwrap());
        assert_eq!(
            canonical(&other).unwrap(),
            r#"{"a":{"y":"é\n","z":null},"b":[1,0,100,0.5]}"#
        );
    }

    #[test]
    fn large_integers_keep_their_digits() {
        for number in [u64::MAX, u64::MAX - 1] {
            assert_eq!(canonical(&json!(number)).unwrap(), number.to_string());
        }
        assert_ne!(
            canonical(&json!("1")).unwrap(),
            canonical(&json!(1)).unwrap()
        );
    }
}
