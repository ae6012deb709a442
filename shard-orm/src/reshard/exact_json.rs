//! Whether all numbers of a JSON text keep their values in the library's form.
//!
//! Databases keep numbers of JSON with different numbers of digits. A value passes between kinds of databases only if
//! none of its numbers is rounded on the way.

/// Whether each number of the text is the same when it is read and written by the library.
pub(super) fn is_exact(text: &str) -> bool {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            rest = after_string(rest);
            continue;
        }
        if first != '-' && !first.is_ascii_digit() {
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let is_part = |character: char| {
            character.is_ascii_digit() || matches!(character, '-' | '+' | '.' | 'e' | 'E')
        };
        let end = rest.find(|character| !is_part(character));
        let (number, others) = rest.split_at(end.unwrap_or(rest.len()));
        if !keeps(number) {
            return false;
        }
        rest = others;
    }
    true
}

/// What follows a string, which begins with its quote.
fn after_string(text: &str) -> &str {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '"' => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

fn keeps(number: &str) -> bool {
    let Ok(read) = serde_json::from_str::<serde_json::Number>(number) else {
        return false;
    };
    let own = decimal(number);
    own.is_some() && own == decimal(&read.to_string())
}

/// A number as its sign, its digits without zeros at either end, and the exponent of the last one.
fn decimal(number: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = match number.find(['e', 'E']) {
        Some(at) => (&number[..at], number[at + 1..].parse::<i64>().ok()?),
        None => (number, 0),
    };
    let (is_negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let kept = digits.trim_end_matches('0');
    if kept.is_empty() {
        return Some((false, String::new(), 0));
    }
    let cut = i64::try_from(digits.len() - kept.len()).ok()?;
    let after_point = i64::try_from(fraction.len()).ok()?;
    Some((
        is_negative,
        kept.to_owned(),
        exponent.checked_add(cut)?.checked_sub(after_point)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_would_be_rounded_are_found() {
        for text in [
            "null",
            r#"{"a": [1, -2.50, 1e3, 0.1, -0.0], "b": "123456789012345678901234567890 \" 1e999"}"#,
            "18446744073709551615",
            "-9223372036854775808",
            "1e300",
            "123456789012345680000000000000",
        ] {
            assert!(is_exact(text), "{text}");
        }
        for text in [
            "123456789012345678901234567890",
            "[0.12345678901234567890]",
            "18446744073709551617",
            "1e400",
        ] {
            assert!(!is_exact(text), "{text}");
        }
    }
}
