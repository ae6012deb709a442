//! Scripts: texts of several SQL statements, split as the client of their database splits them.
//!
//! Called by `migrate`, which sends one statement at a time, so that an error can name its line, and by
//! `fingerprint`, which reads the tokens.

use super::lexer::verbatim;
use crate::dialect::Dialect;

/// One statement of a script, without the semicolon at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScriptStatement {
    pub(crate) text: String,
    /// The line of its first word, from 1.
    pub(crate) line: usize,
    /// Its words, names and symbols; no comments.
    pub(crate) tokens: Vec<Token>,
}

/// A part of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A keyword, a name without quotes, or a number.
    Word(String),
    /// A name in quotes, without them.
    Name(String),
    /// A string literal.
    Literal,
    /// Any other character.
    Symbol(char),
}

impl Token {
    /// Whether it is this keyword.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// The name, with or without quotes.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Name(name) => Some(name),
            Self::Literal | Self::Symbol(_) => None,
        }
    }
}

/// The statements of a script. Bodies of triggers and routines are not split, and neither is text in
/// quotes. `DELIMITER` of the clients of MySQL and MariaDB is obeyed.
pub(crate) fn statements(dialect: Dialect, script: &str) -> Vec<ScriptStatement> {
    let mut splitter = Splitter::new(dialect);
    let mut at = 0;
    while at < script.len() {
        at += splitter.step(script, at);
    }
    splitter.end(script, script.len());
    splitter.done
}

/// The state between two tokens.
struct Splitter {
    dialect: Dialect,
    done: Vec<ScriptStatement>,
    delimiter: String,
    /// Where the current statement begins: at its first token or special comment.
    start: Option<usize>,
    tokens: Vec<Token>,
    /// The number of open `BEGIN`, `CASE`, `IF` and loops in the body of a routine.
    depth: usize,
}

impl Splitter {
    fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            done: Vec::new(),
            delimiter: ";".to_owned(),
            start: None,
            tokens: Vec::new(),
            depth: 0,
        }
    }

    /// Reads one token at `at`, and returns its length in bytes.
    fn step(&mut self, script: &str, at: usize) -> usize {
        let rest = &script[at..];
        if self.start.is_none()
            && self.dialect == Dialect::MySql
            && let Some((delimiter, length)) = delimiter(rest)
        {
            self.delimiter = delimiter;
            return length;
        }
        if self.depth == 0 && rest.starts_with(&self.delimiter) {
            self.end(script, at);
            return self.delimiter.len();
        }
        let mut length = verbatim(self.dialect, &script[..at], rest);
        if length > 1 {
            // A doubled quote is part of the text.
            let quote = rest
                .chars()
                .next()
                .filter(|first| matches!(first, '\'' | '"' | '`'));
            while quote.is_some_and(|quote| rest[length..].starts_with(quote)) {
                length += verbatim(self.dialect, &script[..at + length], &rest[length..]);
            }
            self.quoted(at, &rest[..length]);
            return length;
        }
        let Some(first) = rest.chars().next() else {
            return 1;
        };
        if first.is_whitespace() || first == '\u{feff}' {
            return first.len_utf8();
        }
        self.start.get_or_insert(at);
        if first.is_alphanumeric() || first == '_' {
            let word: &str = rest
                .find(|next: char| !next.is_alphanumeric() && next != '_' && next != '$')
                .map_or(rest, |end| &rest[..end]);
            // A prefix of a literal, as in E'..' and X'..', belongs to it.
            self.word(word);
            return word.len();
        }
        self.tokens.push(Token::Symbol(first));
        first.len_utf8()
    }

    /// A comment, a quoted name or a literal.
    fn quoted(&mut self, at: usize, text: &str) {
        let inner = || text.get(1..text.len() - 1).unwrap_or_default();
        let token = match text.as_bytes() {
            // Run by MySQL and MariaDB, so it is a statement on its own.
            [b'/', b'*', b'!', ..] | [b'/', b'*', b'M', b'!', ..]
                if self.dialect == Dialect::MySql =>
            {
                self.start.get_or_insert(at);
                return;
            }
            [b'-', b'-', ..] | [b'/', b'*', ..] | [b'#', ..] => return,
            [b'"', ..] if self.dialect != Dialect::MySql => {
                Token::Name(inner().replace("\"\"", "\""))
            }
            [b'`', ..] => Token::Name(inner().replace("``", "`")),
            [b'[', ..] => Token::Name(inner().to_owned()),
            _ => Token::Literal,
        };
        self.start.get_or_insert(at);
        self.tokens.push(token);
    }

    fn word(&mut self, word: &str) {
        if self.dialect == Dialect::MySql
            && matches!(self.tokens.as_slice(), [begin] if begin.is("BEGIN"))
            && word.eq_ignore_ascii_case("NOT")
        {
            self.depth += 1;
        }
        if self.is_routine() {
            let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
            let closes = self.tokens.last().is_some_and(|last| last.is("END"));
            if is("END") {
                self.depth = self.depth.saturating_sub(1);
            } else if is("CASE") && !closes {
                self.depth += usize::from(self.depth > 0);
            } else if is("BEGIN")
                || (self.depth > 0
                    && self.is_at_beginning()
                    && ["IF", "LOOP", "WHILE", "REPEAT", "FOR"].into_iter().any(is))
            {
                self.depth += usize::from(!closes);
            }
        }
        self.tokens.push(Token::Word(word.to_owned()));
    }

    /// Whether the current statement may have a body of statements.
    fn is_routine(&self) -> bool {
        const ROUTINES: [&str; 5] = ["TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE"];
        const OTHERS: [&str; 6] = ["TABLE", "INDEX", "VIEW", "UNIQUE", "SCHEMA", "DATABASE"];
        let any = |token: &Token, all: &[&str]| all.iter().any(|keyword| token.is(keyword));
        match self.tokens.as_slice() {
            [create, rest @ ..] if create.is("CREATE") => {
                let kind = rest
                    .iter()
                    .find(|token| any(token, &ROUTINES) || any(token, &OTHERS));
                kind.is_some_and(|kind| any(kind, &ROUTINES))
            }
            // An anonymous block of MariaDB.
            [begin, not, ..] => {
                self.dialect == Dialect::MySql && begin.is("BEGIN") && not.is("NOT")
            }
            _ => false,
        }
    }

    /// Whether the next word begins a statement inside of a body.
    fn is_at_beginning(&self) -> bool {
        match self.tokens.last() {
            Some(Token::Symbol(symbol)) => matches!(symbol, ';' | ':'),
            Some(word) => ["BEGIN", "THEN", "ELSE", "DO", "LOOP", "REPEAT"]
                .iter()
                .any(|keyword| word.is(keyword)),
            None => true,
        }
    }

    /// Ends the current statement before `at`.
    fn end(&mut self, script: &str, at: usize) {
        let tokens = std::mem::take(&mut self.tokens);
        self.depth = 0;
        let Some(start) = self.start.take() else {
            return;
        };
        let line = script[..start]
            .bytes()
            .filter(|byte| *byte == b'\n')
            .count()
            + 1;
        self.done.push(ScriptStatement {
            text: script[start..at].trim_end().to_owned(),
            line,
            tokens,
        });
    }
}

/// The new delimiter of a `DELIMITER` line that begins here, and the line's length.
fn delimiter(rest: &str) -> Option<(String, usize)> {
    let (keyword, _) = rest.split_at_checked("DELIMITER".len())?;
    if !keyword.eq_ignore_ascii_case("DELIMITER") {
        return None;
    }
    let length = rest.find('\n').map_or(rest.len(), |end| end + 1);
    let line = rest[keyword.len()..length].trim();
    let valid = rest[keyword.len()..].starts_with([' ', '\t']) && !line.is_empty();
    valid.then(|| (line.to_owned(), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(dialect: Dialect, script: &str) -> Vec<(usize, String)> {
        let statements = statements(dialect, script);
        statements
            .into_iter()
            .map(|one| (one.line, one.text))
            .collect()
    }

    fn counted(dialect: Dialect, script: &str) -> usize {
        statements(dialect, script).len()
    }

    #[test]
    fn statements_are_split_at_semicolons_with_their_lines() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql] {
            assert_eq!(
                texts(
                    dialect,
                    "-- a; b\nSELECT 1;;\n\n /* ; */ SELECT ';' ;\n-- end\n"
                ),
                [(2, "SELECT 1".to_owned()), (4, "SELECT ';'".to_owned())]
            );
            assert_eq!(counted(dialect, ""), 0);
            assert_eq!(counted(dialect, " ; -- nothing"), 0);
        }
    }

    #[test]
    fn bodies_of_triggers_and_routines_are_not_split() {
        let trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET c = CASE WHEN 1 THEN 2 \
                       ELSE 3 END; DELETE FROM d; END; SELECT 1";
        assert_eq!(counted(Dialect::Sqlite, trigger), 2);
        let routine = "CREATE PROCEDURE p() BEGIN DECLARE i INT; IF i = 1 THEN SET i = IF(i, 1, 2); \
                       END IF; l: LOOP LEAVE l; END LOOP; WHILE i < 2 DO SET i = 3; END WHILE; \
                       CASE i WHEN 1 THEN SELECT 1; ELSE BEGIN END; END CASE; END; SELECT 1";
        assert_eq!(counted(Dialect::MySql, routine), 2);
        let one = "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.b = 1; SELECT 1";
        assert_eq!(counted(Dialect::MySql, one), 2);
        let columns = "CREATE TABLE t (trigger INT, begin INT); SELECT 1";
        assert_eq!(counted(Dialect::Sqlite, columns), 2);
        let drop = "DROP TRIGGER IF EXISTS t; CREATE TABLE if_begin (begin_at INT); SELECT 1";
        assert_eq!(counted(Dialect::MySql, drop), 3);
        let block = "BEGIN NOT ATOMIC SELECT 1; SELECT 2; END; SELECT 3";
        assert_eq!(counted(Dialect::MySql, block), 2);
        let atomic =
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3";
        assert_eq!(counted(Dialect::Postgres, atomic), 2);
        let quoted = "CREATE FUNCTION f() RETURNS int AS $x$ BEGIN; RETURN 1; END; $x$ LANGUAGE \
                      plpgsql; BEGIN; SELECT 1; COMMIT";
        assert_eq!(counted(Dialect::Postgres, quoted), 4);
    }

    #[test]
    fn the_delimiter_of_the_mysql_client_is_obeyed() {
        let script = "DELIMITER //\nCREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET @a = 1; \
                      END//\ndelimiter ;\nSELECT 1;";
        let found = texts(Dialect::MySql, script);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].1.ends_with("END"), "{found:?}");
        assert_eq!(found[1], (4, "SELECT 1".to_owned()));
    }

    #[test]
    fn comments_that_mysql_runs_are_statements() {
        let script = "/*!40101 SET NAMES utf8mb4 */;\n/* not this */;";
        assert_eq!(counted(Dialect::MySql, script), 1);
        assert_eq!(counted(Dialect::Sqlite, script), 0);
    }

    #[test]
    fn names_lose_their_quotes() {
        let script = "ALTER TABLE \"a\"\"b\".c";
        let tokens = &statements(Dialect::Postgres, script)[0].tokens;
        let names: Vec<_> = tokens.iter().filter_map(Token::name).collect();
        assert_eq!(names, ["ALTER", "TABLE", "a\"b", "c"]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_split_without_panic(text in "[A-Z '\";$`\\[\\]#/*!\\\\\\-\nä]{0,60}") {
            for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql] {
                for statement in statements(dialect, &text) {
                    proptest::prop_assert!(text.contains(&statement.text));
                }
            }
        }
    }
}
