//! What mends one deviation: statements, or advice in words.

use super::{AlterStatement, Change};
use crate::backend::{alter, canonical, ddl};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::schema::clause::{self, constraint_name};
use crate::schema::compare::{self, Element};
use crate::schema::{Aspect, ColumnDef, DefaultValue, Deviation, IndexDef, TableDef};

/// What a deviation is mended by.
enum Remedy {
    Steps(Vec<alter::Step>),
    Advice(String),
}

impl Remedy {
    fn advice(text: impl Into<String>) -> Self {
        Self::Advice(text.into())
    }
}

/// The two tables on one database.
pub(super) struct Sides<'t> {
    pub(super) expected: &'t TableDef,
    pub(super) found: &'t TableDef,
    pub(super) dialect: Dialect,
}

impl Sides<'_> {
    pub(super) fn change(
        &self,
        deviation: &Deviation,
        element: Element,
        all: &[(Deviation, Element)],
    ) -> Result<Change> {
        let remedy = match (deviation.expected.is_some(), deviation.found.is_some()) {
            (true, false) => self.missing(deviation.aspect, element, all)?,
            (false, true) => self.extra(deviation.aspect, element)?,
            _ => self.different(deviation.aspect, element)?,
        };
        let (steps, advice) = match remedy {
            Remedy::Steps(steps) => (steps, None),
            Remedy::Advice(advice) => (Vec::new(), Some(advice)),
        };
        let statements = steps.into_iter().map(|step| AlterStatement {
            sql: step.sql,
            separate: step.separate,
        });
        Ok(Change {
            deviation: deviation.clone(),
            statements: statements.collect(),
            advice,
        })
    }

    fn missing(
        &self,
        aspect: Aspect,
        element: Element,
        all: &[(Deviation, Element)],
    ) -> Result<Remedy> {
        let table = &self.expected.name;
        match (aspect, element) {
            (Aspect::Column, Element::Column(ordinal)) => self.add_column(ordinal),
            (_, Element::Index(at)) => {
                let index = &self.expected.indexes[at];
                let columns = index.parts.iter().filter_map(|part| part.column());
                Ok(
                    match self.obstacle(columns, all).or_else(|| self.taken(index)) {
                        Some(obstacle) => Remedy::Advice(obstacle),
                        None => Remedy::Steps(vec![self.create_index(index)]),
                    },
                )
            }
            (_, Element::ForeignKey(at)) => {
                let key = &self.expected.foreign_keys[at];
                if !alter::takes_constraints(self.dialect) {
                    return Ok(Remedy::advice(alter::rebuild(self.dialect)));
                }
                if let Err(error) = self.expected.check_references(self.dialect) {
                    return Ok(Remedy::advice(error.message()));
                }
                if let Some(obstacle) = self.obstacle(key.columns.iter().copied(), all) {
                    return Ok(Remedy::Advice(obstacle));
                }
                let columns: Vec<&str> = key
                    .columns
                    .iter()
                    .map(|at| self.expected.columns[*at].name.as_str())
                    .collect();
                let name = constraint_name(table, &columns, "fkey");
                let create =
                    clause::foreign_key(self.expected, key, self.dialect, None, Some(&name));
                Ok(Remedy::Steps(alter::add_foreign_key(
                    self.dialect,
                    table,
                    &name,
                    &create,
                )))
            }
            (_, Element::Check(_) | Element::TypeCheck(_)) => Ok(self.add_check(element, all)),
            // A default, an identity or an expression that a column should have.
            (aspect, element) => self.different(aspect, element),
        }
    }

    fn add_column(&self, ordinal: usize) -> Result<Remedy> {
        let (table, column) = (&self.expected.name, &self.expected.columns[ordinal]);
        let created = clause::column(self.expected, ordinal, self.dialect)?;
        let generated = column.generated.as_ref();
        if column.identity || generated.is_some_and(|generated| generated.stored) {
            return Ok(Remedy::advice(
                "adding it rewrites the table under a lock that stops reads; on a large table in use, \
                 add a plain column, fill it in batches, and let the programs write it",
            ));
        }
        let is_literal = column.default.as_ref().is_none_or(|default| match default {
            DefaultValue::Value(_) => true,
            DefaultValue::Expression(text) => canonical::is_literal(self.dialect, &text.text),
        });
        if !is_literal {
            return Ok(Remedy::advice(
                "its default is computed for each row, which rewrites the table: add the column \
                 without a default, set the default, and fill the rows in batches",
            ));
        }
        if !column.nullable && column.default.is_none() && generated.is_none() {
            let then = alter::set_not_null(self.dialect, table, &column.name, &created);
            return Ok(Remedy::Advice(format!(
                "it takes no NULL and has no default, so the rows that exist have no value for it: let \
                 it take NULL (`Option`) or give it a default (`#[shard(default = ..)]`), and it is \
                 added by a statement. To let it refuse NULL later, {then}"
            )));
        }
        Ok(Remedy::Steps(alter::add_column(
            self.dialect,
            table,
            created,
            self.type_check(column),
        )))
    }

    /// The check that the type of a column needs, and its name.
    fn type_check(&self, column: &ColumnDef) -> Option<(String, sea_query::Expr)> {
        let check = ddl::type_check(self.dialect, &column.name, &column.data_type)?;
        let name = constraint_name(&self.expected.name, &[&column.name], "check");
        Some((name, check))
    }

    fn create_index(&self, index: &IndexDef) -> alter::Step {
        let sql = clause::create_index(self.expected, index, self.dialect, None, true);
        alter::Step {
            sql,
            separate: ddl::builds_indexes_concurrently(self.dialect),
        }
    }

    fn add_check(&self, element: Element, all: &[(Deviation, Element)]) -> Remedy {
        let table = &self.expected.name;
        let (name, text) = match element {
            Element::TypeCheck(ordinal) => {
                let column = &self.expected.columns[ordinal];
                if let Some(obstacle) = self.obstacle([ordinal].into_iter(), all) {
                    return Remedy::Advice(obstacle);
                }
                match self.type_check(column) {
                    Some((name, check)) => (name, ddl::text(self.dialect, &check)),
                    None => return Remedy::advice("its type has changed"),
                }
            }
            Element::Check(at) => {
                let check = &self.expected.checks[at];
                let name = check.name.clone();
                let name = name
                    .unwrap_or_else(|| constraint_name(table, &[&format!("{}", at + 1)], "check"));
                (name, check.expression.text.clone())
            }
            _ => return Remedy::advice(alter::rebuild(self.dialect)),
        };
        if alter::takes_constraints(self.dialect) {
            Remedy::Steps(alter::add_check(self.dialect, table, &name, &text))
        } else {
            Remedy::advice(alter::rebuild(self.dialect))
        }
    }

    /// Why an index or a constraint on these columns cannot be created yet.
    fn obstacle(
        &self,
        mut columns: impl Iterator<Item = usize>,
        all: &[(Deviation, Element)],
    ) -> Option<String> {
        let is_in_the_way = |ordinal: &usize| {
            all.iter().any(|(deviation, element)| {
                let is_missing = deviation.aspect == Aspect::Column;
                let has_statement = || matches!(self.add_column(*ordinal), Ok(Remedy::Steps(_)));
                *element == Element::Column(*ordinal)
                    && deviation.expected.is_some()
                    && match deviation.aspect {
                        Aspect::Type | Aspect::Length => true,
                        _ => is_missing && !has_statement(),
                    }
            })
        };
        let name = |ordinal: usize| &self.expected.columns[ordinal].name;
        let column = columns.find(is_in_the_way).map(name)?;
        Some(format!("change column `{column}` first, and compare again"))
    }

    /// Why the name of an index cannot be used.
    fn taken(&self, index: &IndexDef) -> Option<String> {
        let mut names = self.found.indexes.iter().map(|found| &found.name);
        names.find(|name| name.eq_ignore_ascii_case(&index.name))?;
        Some(format!(
            "an index `{}` with other columns exists: create this one under another name, and drop the \
             former one when no statement uses it",
            index.name
        ))
    }

    fn extra(&self, aspect: Aspect, element: Element) -> Result<Remedy> {
        Ok(match (aspect, element) {
            (Aspect::Column, Element::Column(ordinal)) => {
                let column = &self.found.columns[ordinal];
                let is_needed = !column.nullable
                    && column.default.is_none()
                    && !column.identity
                    && column.generated.is_none();
                Remedy::advice(if is_needed {
                    "it takes no NULL and has no default, so inserts that do not know it fail: let it \
                     take NULL or give it a default now, and drop it in a migration with `-- phase: \
                     contract` when no program uses it"
                } else {
                    "keep it, or drop it in a migration with `-- phase: contract` when no program uses \
                     it"
                })
            }
            (Aspect::Index, _) => Remedy::advice("keep it, or drop it when no statement uses it"),
            (Aspect::ForeignKey | Aspect::Check, _) => Remedy::advice(
                "rows that the programs may write can be refused by it; drop it if that is not meant",
            ),
            (aspect, element) => return self.different(aspect, element),
        })
    }

    /// How to change what both tables have, or a part of a column that only one has.
    fn different(&self, aspect: Aspect, element: Element) -> Result<Remedy> {
        let dialect = self.dialect;
        let Element::Column(ordinal) = element else {
            return Ok(Remedy::advice(alter::rebuild(dialect)));
        };
        let (table, column) = (&self.expected.name, &self.expected.columns[ordinal]);
        let name = &column.name;
        Ok(match aspect {
            Aspect::Type | Aspect::Length | Aspect::Collation => {
                Remedy::advice(alter::change_type(dialect))
            }
            Aspect::Nullability => {
                let created = clause::column(self.expected, ordinal, dialect)?;
                Remedy::Advice(if column.nullable {
                    alter::drop_not_null(dialect, table, name, &created)
                } else {
                    alter::set_not_null(dialect, table, name, &created)
                })
            }
            Aspect::Default => {
                let default = compare::default_text(column, dialect)?;
                Remedy::Advice(alter::set_default(dialect, table, name, default.as_deref()))
            }
            _ => Remedy::advice(alter::rebuild(dialect)),
        })
    }
}
