//! Tables of different namespaces in one form.
//!
//! Called by `migrate`, which compares them.

use super::{CheckDef, ColumnDef, DefaultValue, IndexDef, IndexPart, TableDef};
use crate::backend::scratch::without_namespace;
use crate::backend::{Collation, DataType, SqlFragment};

impl TableDef {
    /// The table without the name of its namespace, which databases write into expressions.
    pub(crate) fn in_no_namespace(mut self, namespace: &str) -> Self {
        for fragment in self.fragments() {
            if fragment.text.contains(namespace) {
                fragment.text = without_namespace(fragment.dialect, &fragment.text, namespace);
            }
        }
        self
    }

    /// All SQL that was read from the catalog.
    fn fragments(&mut self) -> Vec<&mut SqlFragment> {
        let mut fragments = Vec::new();
        for column in &mut self.columns {
            of_column(column, &mut fragments);
        }
        for index in &mut self.indexes {
            of_index(index, &mut fragments);
        }
        for CheckDef { expression, .. } in &mut self.checks {
            fragments.push(expression);
        }
        fragments
    }
}

fn of_column<'t>(column: &'t mut ColumnDef, fragments: &mut Vec<&'t mut SqlFragment>) {
    match &mut column.data_type {
        DataType::Opaque { declared, .. } => fragments.push(declared),
        DataType::Known { declared, .. } => fragments.extend(declared),
    }
    if let Collation::Named(name) = &mut column.collation {
        fragments.push(name);
    }
    if let Some(DefaultValue::Expression(expression)) = &mut column.default {
        fragments.push(expression);
    }
    if let Some(generated) = &mut column.generated {
        fragments.push(&mut generated.expression);
    }
}

fn of_index<'t>(index: &'t mut IndexDef, fragments: &mut Vec<&'t mut SqlFragment>) {
    for part in &mut index.parts {
        if let IndexPart::Expression(expression) = part {
            fragments.push(expression);
        }
    }
    fragments.extend(&mut index.condition);
    fragments.extend(&mut index.definition);
}
