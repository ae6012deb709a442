//! The text of `SHOW CREATE TABLE`, taken apart into what is created at once and what is added later.

use crate::backend::lexer::verbatim;
use crate::backend::structure::quoted;
use crate::dialect::Dialect;

/// The parts of a table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::backend::structure) struct Parts {
    /// Columns, primary key and checks. An index stays if its column numbers the rows, which needs one.
    pub(super) create: String,
    /// The statements that add indexes.
    pub(super) indexes: Vec<String>,
    /// The statements that add foreign keys, each with its name.
    pub(super) foreign_keys: Vec<(String, String)>,
    /// The next number of a row, if it is not the first one.
    pub(in crate::backend::structure) counter: Option<String>,
}

impl Parts {
    /// The parts of the text that `SHOW CREATE TABLE` gives for a table.
    pub(in crate::backend::structure) fn of(table: &str, create: &str) -> Self {
        let Some((head, list, tail)) = in_three(create) else {
            // Not a statement with a list of columns: nothing is taken out.
            return Self {
                create: create.to_owned(),
                ..Self::default()
            };
        };
        let items = items(list);
        let numbering = items
            .iter()
            .find(|item| item.starts_with('`') && position_of(item, "AUTO_INCREMENT").is_some());
        let numbering = numbering.and_then(|item| first_name(item));
        let begins_with_numbering = |item: &str| {
            let columns = item.find('(').map(|at| item[at + 1..].trim_start());
            numbering.is_some() && columns.and_then(first_name) == numbering
        };
        let is_numbered_by_key = items
            .iter()
            .any(|item| item.starts_with("PRIMARY KEY") && begins_with_numbering(item));
        let alter = format!("ALTER TABLE {} ADD", quoted(Dialect::MySql, table));
        let mut parts = Self::default();
        let (mut kept, mut plain) = (Vec::new(), Vec::new());
        for item in items {
            let stays = !is_numbered_by_key
                && begins_with_key(item)
                && begins_with_numbering(key_part(item));
            if begins_with_key(item) && !stays {
                match item.starts_with("FULLTEXT") || item.starts_with("SPATIAL") {
                    true => parts.indexes.push(format!("{alter} {item}")),
                    false => plain.push(format!("ADD {item}")),
                }
            } else if let Some(name) = name_of_foreign_key(item) {
                parts.foreign_keys.push((name, format!("{alter} {item}")));
            } else {
                kept.push(item);
            }
        }
        if !plain.is_empty() {
            // One pass over the rows adds them all.
            let table = quoted(Dialect::MySql, table);
            let plain = plain.join(", ");
            parts
                .indexes
                .insert(0, format!("ALTER TABLE {table} {plain}"));
        }
        let (tail, counter) = without_counter(tail);
        parts.counter = counter;
        parts.create = format!("{head}(\n  {}\n){tail}", kept.join(",\n  "));
        parts
    }
}

/// The text before the list of columns, the list, and the text after it.
fn in_three(create: &str) -> Option<(&str, &str, &str)> {
    let (mut at, mut depth, mut begin) = (0, 0_usize, None);
    while let Some(first) = create[at..].chars().next() {
        let length = step(create, at);
        match first {
            '(' => {
                depth += 1;
                begin = begin.or(Some(at));
            }
            ')' => {
                depth = depth.saturating_sub(1);
                if let (0, Some(begin)) = (depth, begin) {
                    return Some((&create[..begin], &create[begin + 1..at], &create[at + 1..]));
                }
            }
            _ => {}
        }
        at += length;
    }
    None
}

/// The length of the quoted text, comment or character at a position.
fn step(text: &str, at: usize) -> usize {
    let first = text[at..].chars().next().map_or(1, char::len_utf8);
    verbatim(Dialect::MySql, &text[..at], &text[at..]).max(first)
}

/// The parts between the commas outside of parentheses.
fn items(list: &str) -> Vec<&str> {
    let (mut items, mut at, mut depth, mut begin) = (Vec::new(), 0, 0_usize, 0);
    while let Some(first) = list[at..].chars().next() {
        let length = step(list, at);
        match first {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                items.push(list[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
        at += length;
    }
    items.push(list[begin..].trim());
    items
}

/// Where a word stands outside of quotes and comments.
fn position_of(text: &str, word: &str) -> Option<usize> {
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with(word) && (at == 0 || text[..at].ends_with(' ')) {
            return Some(at);
        }
        at += step(text, at);
    }
    None
}

fn begins_with_key(item: &str) -> bool {
    const KEYS: [&str; 4] = ["KEY ", "UNIQUE KEY ", "FULLTEXT KEY ", "SPATIAL KEY "];
    KEYS.iter().any(|key| item.starts_with(key))
}

/// The text of a key after its name, which may contain a parenthesis.
fn key_part(item: &str) -> &str {
    let name = item.find('`').unwrap_or_default();
    let mut at = name;
    while item[at..].starts_with('`') {
        at += step(item, at);
    }
    &item[at..]
}

/// The quoted name at the beginning of a text.
fn first_name(text: &str) -> Option<&str> {
    let mut at = 0;
    while text[at..].starts_with('`') {
        at += step(text, at);
    }
    (at > 0).then(|| &text[..at])
}

/// The name of a foreign key, if it is one.
fn name_of_foreign_key(item: &str) -> Option<String> {
    let rest = item.strip_prefix("CONSTRAINT ")?;
    let name = first_name(rest)?;
    let is_foreign = rest[name.len()..].trim_start().starts_with("FOREIGN KEY");
    is_foreign.then(|| name[1..name.len() - 1].replace("``", "`"))
}

/// The options of a table without the next number of a row, and that number.
fn without_counter(tail: &str) -> (String, Option<String>) {
    const OPTION: &str = "AUTO_INCREMENT=";
    let Some(at) = position_of(tail, OPTION) else {
        return (tail.to_owned(), None);
    };
    let rest = &tail[at + OPTION.len()..];
    let digits = rest.find(|character: char| !character.is_ascii_digit());
    let (number, rest) = rest.split_at(digits.unwrap_or(rest.len()));
    let without = format!("{}{}", &tail[..at], rest.trim_start());
    (without.trim_end().to_owned(), Some(number.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_foreign_keys_and_the_counter_are_taken_out() {
        let create = "CREATE TABLE `a``(b` (\n  `id` bigint(20) NOT NULL AUTO_INCREMENT,\n  `t,` varchar(20) \
                      DEFAULT 'it''s, (' COMMENT 'KEY `x` (AUTO_INCREMENT=7',\n  PRIMARY KEY (`id`),\n  UNIQUE KEY \
                      `u(` (`t,`(5) DESC),\n  KEY `k` (`id`,`t,`) COMMENT 'x),',\n  FULLTEXT KEY `f` (`t,`),\n  \
                      CONSTRAINT `c``k` FOREIGN KEY (`id`) REFERENCES `o` (`id`) ON DELETE CASCADE,\n  CONSTRAINT \
                      `CONSTRAINT_1` CHECK (`id` > 0)\n) ENGINE=InnoDB AUTO_INCREMENT=77 DEFAULT CHARSET=utf8mb4 \
                      COMMENT='AUTO_INCREMENT=5'";
        let parts = Parts::of("a`(b", create);
        let expected = Parts {
            create: "CREATE TABLE `a``(b` (\n  `id` bigint(20) NOT NULL AUTO_INCREMENT,\n  `t,` varchar(20) DEFAULT \
                     'it''s, (' COMMENT 'KEY `x` (AUTO_INCREMENT=7',\n  PRIMARY KEY (`id`),\n  CONSTRAINT \
                     `CONSTRAINT_1` CHECK (`id` > 0)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 \
                     COMMENT='AUTO_INCREMENT=5'"
                .to_owned(),
            indexes: vec![
                "ALTER TABLE `a``(b` ADD UNIQUE KEY `u(` (`t,`(5) DESC), ADD KEY `k` (`id`,`t,`) COMMENT 'x),'"
                    .to_owned(),
                "ALTER TABLE `a``(b` ADD FULLTEXT KEY `f` (`t,`)".to_owned(),
            ],
            foreign_keys: vec![(
                "c`k".to_owned(),
                "ALTER TABLE `a``(b` ADD CONSTRAINT `c``k` FOREIGN KEY (`id`) REFERENCES `o` (`id`) ON DELETE CASCADE"
                    .to_owned(),
            )],
            counter: Some("77".to_owned()),
        };
        assert_eq!(parts, expected);
    }

    #[test]
    fn the_index_of_a_numbering_column_stays_with_it() {
        let create = "CREATE TABLE `m` (\n  `a` int(11) NOT NULL,\n  `b` int(11) NOT NULL AUTO_INCREMENT,\n  PRIMARY \
                      KEY (`a`,`b`),\n  KEY `k(b` (`b`,`a`),\n  KEY `a` (`a`)\n) ENGINE=InnoDB";
        let parts = Parts::of("m", create);
        assert!(
            parts.create.contains("KEY `k(b` (`b`,`a`)"),
            "{}",
            parts.create
        );
        assert_eq!(parts.indexes, ["ALTER TABLE `m` ADD KEY `a` (`a`)"]);
        assert_eq!(parts.counter, None);
    }

    #[test]
    fn any_text_ends() {
        for text in [
            "",
            "(",
            ")",
            "CREATE TABLE `t` (`a",
            "(`a` int, KEY",
            "(KEY `",
            "(CONSTRAINT `",
        ] {
            Parts::of("t", text);
        }
    }
}
