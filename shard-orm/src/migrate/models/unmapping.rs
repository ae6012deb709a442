//! Collects what a model does not say of its table.

use super::report::{Unmapped, UnmappedReason};
use crate::backend::row_stamp::STAMP;
use crate::backend::{canonical, ignores_declared_types, is_null};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::schema::{Aspect, DefaultValue, Deviation, TableDef};

/// What is found to be unmapped.
pub(super) struct Unmapping<'t> {
    pub(super) table: &'t str,
    pub(super) found: Vec<Unmapped>,
}

impl Unmapping<'_> {
    pub(super) fn add(&mut self, subject: Option<String>, reason: UnmappedReason) {
        self.found.push(Unmapped {
            table: self.table.to_owned(),
            subject,
            reason,
        });
    }

    /// Adds what the table of the model would have otherwise.
    pub(super) fn deviations(
        &mut self,
        model: &TableDef,
        table: &TableDef,
        dialect: Dialect,
    ) -> Result<()> {
        let mut found = table.clone();
        for column in &mut found.columns {
            let is_none = matches!(
                &column.default,
                Some(DefaultValue::Expression(sql)) if is_null(&sql.text)
            );
            if is_none || column.generated.is_some() {
                column.default = None;
            }
        }
        for deviation in model.difference(&found, dialect)?.deviations {
            let Deviation {
                aspect,
                subject,
                expected,
                found,
            } = deviation;
            let is_told = match aspect {
                // With the reason of the column.
                Aspect::Column => true,
                // The narrower type of a model.
                Aspect::Check => found.is_none(),
                Aspect::Type => ignores_declared_types(dialect),
                Aspect::Index => subject.contains(STAMP),
                _ => false,
            };
            if !is_told {
                let own = table.checks.iter().map(|check| &check.expression.text);
                let own = own.filter(|_| aspect == Aspect::Check);
                let mut own = own.filter(|text| Some(canonical::check(text)) == found);
                let subject = own.next().cloned().unwrap_or(subject);
                let reason = UnmappedReason::Deviation {
                    aspect,
                    model: expected,
                    table: found,
                };
                self.add(Some(subject), reason);
            }
        }
        Ok(())
    }
}
