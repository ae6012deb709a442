//! Placeholders in raw SQL: `?` or `$1`, translated for the database.
//!
//! Called by `text`, which skips quotes and comments.

use crate::backend::ends_in_name;
use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// The form of the placeholders of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `?`, in the order of the arguments.
    InOrder,
    /// `$1`, or `?1`, by their numbers.
    Numbered,
}

/// The placeholders of one text.
#[derive(Debug)]
pub(super) struct Placeholders {
    dialect: Dialect,
    form: Option<Form>,
    /// The argument of each placeholder, from 0.
    arguments: Vec<usize>,
}

impl Placeholders {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            form: None,
            arguments: Vec::new(),
        }
    }

    /// Translates a placeholder or an escaped question mark at this position, and returns its
    /// length; 0 if there is neither.
    pub(super) fn translate(&mut self, text: &str, expanded: &mut String) -> Result<usize> {
        if text.starts_with("??") {
            expanded.push('?');
            return Ok(2);
        }
        let digits = text[1..]
            .find(|character: char| !character.is_ascii_digit())
            .unwrap_or(text.len() - 1);
        let form = match (text.as_bytes(), digits) {
            // A `$` within a name is a part of it.
            ([b'$', ..], 1..) if !ends_in_name(expanded) => Form::Numbered,
            ([b'$', ..], _) => return Ok(0),
            (_, 0) => Form::InOrder,
            _ => Form::Numbered,
        };
        if *self.form.get_or_insert(form) != form {
            return Err(Error::unsupported(
                "the SQL has placeholders of both forms, `?` and `$1`: use one form; a question \
                 mark that is not a placeholder, as in an operator of PostgreSQL, is written `??`",
            ));
        }
        let argument = match form {
            Form::InOrder => self.arguments.len(),
            Form::Numbered => number(&text[..=digits])?,
        };
        self.arguments.push(argument);
        if self.dialect.capability().numbered_placeholders {
            expanded.push('$');
            expanded.push_str(&(argument + 1).to_string());
        } else {
            expanded.push('?');
        }
        Ok(1 + digits)
    }

    /// The arguments in the order of the database's placeholders, given the number of bound ones.
    pub(super) fn finish(self, bound: usize) -> Result<Vec<usize>> {
        let needed = self.arguments.iter().map(|one| one + 1).max().unwrap_or(0);
        if needed != bound {
            let escape = match self.form {
                Some(Form::InOrder) if needed > bound => {
                    "; a question mark that is not a placeholder is written `??`"
                }
                _ => "",
            };
            return Err(Error::unsupported(format!(
                "the SQL has placeholders for {needed} arguments, but {bound} are bound: call \
                 `bind` once for each{escape}"
            )));
        }
        let mut used = vec![false; bound];
        self.arguments.iter().for_each(|one| used[*one] = true);
        if let Some(unused) = used.iter().position(|used| !used) {
            let number = unused + 1;
            return Err(Error::unsupported(format!(
                "argument {number} is bound, but the SQL has no placeholder `${number}`"
            )));
        }
        if self.dialect.capability().numbered_placeholders {
            return Ok((0..bound).collect());
        }
        Ok(self.arguments)
    }
}

/// The argument of `$1`, from 0.
fn number(placeholder: &str) -> Result<usize> {
    let number: Option<u16> = placeholder[1..].parse().ok();
    match number {
        Some(number @ 1..) => Ok(usize::from(number) - 1),
        _ => Err(Error::unsupported(format!(
            "`{placeholder}` in the SQL is not a placeholder: arguments are numbered from 1 to {}",
            u16::MAX
        ))),
    }
}
