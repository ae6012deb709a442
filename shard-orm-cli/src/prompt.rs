//! Questions before something is done that cannot be undone.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::Result;
use crate::exit::Failure;

/// Asks on the terminal whether to go on. Without a terminal nobody can answer.
///
/// # Errors
/// If there is no terminal, with the option that answers in advance.
pub(crate) fn confirm(question: &str) -> Result<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::Usage(format!(
            "{question} There is no terminal to ask; answer with --yes"
        )));
    }
    let mut stderr = anstream::stderr();
    write!(stderr, "{question} Continue? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    let answer = answer.trim();
    Ok(answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"))
}

/// Asks on the terminal for one of several answers, and returns its position. Without a terminal nobody can answer.
///
/// # Errors
/// If there is no terminal, with the options that answer in advance.
pub(crate) fn choose(question: &str, answers: &[&str], options: &str) -> Result<usize> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::Usage(format!(
            "{question} There is no terminal to ask; answer with {options}"
        )));
    }
    let mut stderr = anstream::stderr();
    loop {
        write!(stderr, "{question} [{}] ", answers.join("/"))?;
        stderr.flush()?;
        let mut answer = String::new();
        if io::stdin().lock().read_line(&mut answer)? == 0 {
            return Err(Failure::Interrupted);
        }
        let answer = answer.trim();
        if let Some(found) = answers
            .iter()
            .position(|one| one.eq_ignore_ascii_case(answer))
        {
            return Ok(found);
        }
    }
}
