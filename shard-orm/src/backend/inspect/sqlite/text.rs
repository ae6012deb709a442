//! What SQLite tells by the text of `CREATE TABLE` and `CREATE INDEX` alone: collations, checks,
//! generated columns, and expressions of indexes.

/// A piece of a statement.
#[derive(Debug, Clone, PartialEq)]
enum Token<'t> {
    /// A keyword, a number or an unquoted name.
    Word(&'t str),
    /// A quoted name or text, without its quotes.
    Quoted(String),
    /// What stands in parentheses.
    Group(&'t str),
    /// Any other character.
    Other,
}

impl Token<'_> {
    fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn name(&self) -> Option<String> {
        match self {
            Self::Word(name) => Some((*name).to_owned()),
            Self::Quoted(name) => Some(name.clone()),
            Self::Group(_) | Self::Other => None,
        }
    }
}

/// The first token of a text, and where it ends; spaces and comments are skipped.
fn token(text: &str, from: usize) -> Option<(Token<'_>, usize)> {
    let mut at = from;
    loop {
        let rest = &text[at..];
        let trimmed = rest.trim_start();
        at += rest.len() - trimmed.len();
        let skipped = if trimmed.starts_with("--") {
            trimmed.find('\n').map_or(trimmed.len(), |end| end + 1)
        } else if trimmed.starts_with("/*") {
            trimmed.find("*/").map_or(trimmed.len(), |end| end + 2)
        } else {
            break;
        };
        at += skipped;
    }
    let rest = &text[at..];
    let first = rest.chars().next()?;
    let closing = match first {
        '\'' | '"' | '`' => first,
        '[' => ']',
        '(' => {
            let mut end = at + 1;
            loop {
                if text[end..].trim_start().starts_with(')') {
                    end += text[end..].find(')').unwrap_or(0);
                    return Some((Token::Group(&text[at + 1..end]), end + 1));
                }
                match token(text, end) {
                    Some((_, after)) => end = after,
                    None => return Some((Token::Group(&text[at + 1..]), text.len())),
                }
            }
        }
        _ => {
            let is_word =
                |character: char| character.is_alphanumeric() || "_.$".contains(character);
            let length = rest.find(|character| !is_word(character));
            let length = length.unwrap_or(rest.len());
            return Some(match length {
                0 => (Token::Other, at + first.len_utf8()),
                length => (Token::Word(&rest[..length]), at + length),
            });
        }
    };
    let mut name = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((offset, character)) = characters.next() {
        if character != closing {
            name.push(character);
        } else if closing != ']' && characters.peek().is_some_and(|(_, next)| *next == closing) {
            name.push(closing);
            characters.next();
        } else {
            return Some((Token::Quoted(name), at + offset + closing.len_utf8()));
        }
    }
    Some((Token::Quoted(name), text.len()))
}

fn tokens(text: &str) -> Vec<(Token<'_>, usize)> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some((token, end)) = token(text, at) {
        all.push((token, end));
        at = end;
    }
    all
}

/// The parts between the commas of a list.
fn items(list: &str) -> Vec<&str> {
    let mut items = Vec::new();
    let mut begin = 0;
    for (token, end) in tokens(list) {
        if token == Token::Other && list[..end].ends_with(',') {
            items.push(list[begin..end - 1].trim());
            begin = end;
        }
    }
    items.push(list[begin..].trim());
    items
}

/// A column, as its definition says beside what the pragmas tell.
#[derive(Debug, Default, PartialEq)]
pub(in crate::backend::inspect) struct ColumnText {
    pub(in crate::backend::inspect) name: String,
    pub(in crate::backend::inspect) collation: Option<String>,
    pub(in crate::backend::inspect) generated: Option<String>,
    pub(in crate::backend::inspect) identity: bool,
}

/// The columns of a `CREATE TABLE`, and its checks with their names.
pub(in crate::backend::inspect) fn table(
    sql: &str,
) -> (Vec<ColumnText>, Vec<(Option<String>, String)>) {
    let (mut columns, mut checks) = (Vec::new(), Vec::new());
    let all = tokens(sql);
    let group = all.iter().find_map(|(token, _)| match token {
        Token::Group(group) => Some(*group),
        _ => None,
    });
    for item in items(group.unwrap_or_default()) {
        let tokens: Vec<Token<'_>> = tokens(item).into_iter().map(|(token, _)| token).collect();
        let is_constraint = tokens.first().is_some_and(|first| {
            let of_table = ["CONSTRAINT", "CHECK", "PRIMARY", "UNIQUE", "FOREIGN"];
            of_table.iter().any(|keyword| first.is(keyword))
        });
        let mut column = ColumnText::default();
        if let (false, Some(name)) = (is_constraint, tokens.first().and_then(Token::name)) {
            column.name = name;
        }
        let mut named = None;
        for pair in tokens.windows(2) {
            match pair {
                [keyword, name] if keyword.is("CONSTRAINT") => named = name.name(),
                [keyword, Token::Group(check)] if keyword.is("CHECK") => {
                    checks.push((named.take(), check.trim().to_owned()));
                }
                [keyword, name] if keyword.is("COLLATE") => column.collation = name.name(),
                [keyword, Token::Group(expression)] if keyword.is("AS") => {
                    column.generated = Some(expression.trim().to_owned());
                }
                _ => {}
            }
        }
        column.identity = tokens.iter().any(|token| token.is("AUTOINCREMENT"));
        if !column.name.is_empty() {
            columns.push(column);
        }
    }
    (columns, checks)
}

/// The parts of a `CREATE INDEX`, and its condition.
pub(in crate::backend::inspect) fn index(sql: &str) -> (Vec<String>, Option<String>) {
    let all = tokens(sql);
    let parts = all.iter().find_map(|(token, _)| match token {
        Token::Group(group) => Some(items(group).into_iter().map(str::to_owned).collect()),
        _ => None,
    });
    let condition = all.iter().find(|(token, _)| token.is("WHERE"));
    let condition = condition.map(|(_, end)| sql[*end..].trim().to_owned());
    (parts.unwrap_or_default(), condition)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn collations_checks_and_expressions_are_found() {
        let (columns, checks) = table(
            "CREATE TABLE \"a (b\" (\n`id` INTEGER PRIMARY KEY AUTOINCREMENT, -- one, two\n\
             [name] TEXT COLLATE nocase CONSTRAINT `short` CHECK (length(name) < 5 AND name <> ',)'), \
             twice INTEGER GENERATED ALWAYS AS (id * (1 + 1)) STORED /* ) */, \
             CHECK (id > 0), CONSTRAINT \"x\"\"y\" CHECK (id IN (1, 2)), PRIMARY KEY (id))",
        );
        let of = |name: &str| columns.iter().find(|column| column.name == name).unwrap();
        assert_eq!(columns.len(), 3);
        assert!(of("id").identity);
        assert_eq!(of("name").collation.as_deref(), Some("nocase"));
        assert_eq!(of("twice").generated.as_deref(), Some("id * (1 + 1)"));
        let expected = [
            (Some("short"), "length(name) < 5 AND name <> ',)'"),
            (None, "id > 0"),
            (Some("x\"y"), "id IN (1, 2)"),
        ];
        let expected = expected.map(|(name, check)| (name.map(str::to_owned), check.to_owned()));
        assert_eq!(checks, expected);
    }

    #[test]
    fn parts_and_conditions_of_indexes_are_found() {
        let (parts, condition) = index("CREATE UNIQUE INDEX i ON t (lower(a), b) WHERE a > (1)");
        assert_eq!(parts, ["lower(a)", "b"]);
        assert_eq!(condition.as_deref(), Some("a > (1)"));
        assert_eq!(
            index("CREATE INDEX i ON t (a"),
            (vec!["a".to_owned()], None)
        );
    }

    #[test]
    fn any_text_ends() {
        for text in [
            "",
            "(",
            ")",
            "CREATE TABLE t (",
            "CREATE TABLE t ('",
            "/*",
            "--",
            "a(b)c)",
            "é(",
        ] {
            table(text);
            index(text);
        }
    }
}
