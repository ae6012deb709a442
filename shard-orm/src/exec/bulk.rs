//! Rows that go from a transaction at one place into one at another as bytes.
//!
//! Called by `sync`, for pairs of databases with `Capability::binary_transfer`.

use std::sync::Arc;

use tracing::{Instrument as _, Span};

use super::call::Call;
use super::destination::Destination;
use super::run::{Intent, prepare};
use super::statement::{Label, Statement};
use crate::backend::{self, Args, Failure, Sql, Transfer};
use crate::connect::NamespaceHandle;
use crate::error::{Error, Result};
use crate::topology::Namespace;
use crate::transaction::Tx;

/// One end of rows that are passed on: a transaction, and the statement that gives or takes them.
#[derive(Clone, Copy)]
pub(crate) struct End<'a> {
    pub(crate) tx: &'a Tx,
    pub(crate) text: &'a str,
    pub(crate) label: (&'static str, &'a str),
}

impl Statement for End<'_> {
    fn prepare(&self, _namespace: &Namespace, _args: &mut Args) -> Result<Sql> {
        Ok(Sql {
            text: Arc::from(self.text),
            persistent: false,
            single: false,
        })
    }

    fn label(&self) -> Label<'_> {
        let (verb, table) = self.label;
        Label { verb, table }
    }
}

impl End<'_> {
    fn handle(&self) -> &NamespaceHandle {
        self.tx.handle()
    }

    fn begin(&self, intent: Intent) -> Call {
        let call = Call::begin(self.handle(), intent, self);
        call.served_in_transaction();
        // The rows pass as bytes: nothing of them is converted.
        call.running.wait_begins();
        call
    }

    fn end(&self, call: &Call, result: Result<u64, &Error>) {
        let destination = Destination::of(Arc::clone(self.tx.handle()));
        call.end(&destination, self, result);
    }
}

/// Passes the rows of one statement to another one, and gives how many there were.
///
/// # Errors
/// When `to` refuses the rows, the transactions are as after any statement that failed or did not.
/// When one breaks off, both have ended.
pub(crate) async fn pass(from: End<'_>, to: End<'_>) -> Result<u64> {
    let (reading, writing) = (from.begin(Intent::Read), to.begin(Intent::Write));
    let span = writing.span().cloned().unwrap_or_else(Span::none);
    let result = pass_on(from, to).instrument(span).await;
    from.end(&reading, result.as_ref().copied());
    to.end(&writing, result.as_ref().copied());
    result
}

async fn pass_on(from: End<'_>, to: End<'_>) -> Result<u64> {
    let (out, _) = prepare(from.handle(), &from)?;
    let (into, _) = prepare(to.handle(), &to)?;
    let at_source = |error: Error| from.handle().name_error(error);
    let at_copy = |error: Error| to.handle().name_error(error);
    let mut giving = from.tx.enter()?;
    let mut taking = to.tx.enter()?;
    let passed = {
        let passing = backend::transfer(giving.conn()?, &out.text, taking.conn()?, &into.text);
        let passing = to.tx.or_abort(async { Ok(passing.await) });
        let passing = async { Ok(passing.await.unwrap_or_else(Transfer::TargetLost)) };
        let passed = from.tx.or_abort(passing).await;
        passed.unwrap_or_else(Transfer::SourceFailed)
    };
    // A session that is dropped here was cut off in the middle: its connection is closed.
    match passed {
        Transfer::Done(rows) => {
            giving.leave();
            taking.leave();
            Ok(rows)
        }
        Transfer::Rejected(failure) => {
            giving.leave();
            taking.settle(Err(failure)).map_err(at_copy)
        }
        Transfer::SourceFailed(failure) => {
            drop(taking);
            giving.settle(Err(over(failure))).map_err(at_source)
        }
        Transfer::TargetLost(failure) => {
            drop(giving);
            taking.settle(Err(over(failure))).map_err(at_copy)
        }
    }
}

/// A failure after which nobody knows what the connection would say next.
fn over(failure: Failure) -> Failure {
    Failure {
        rolled_back: true,
        ..failure
    }
}
