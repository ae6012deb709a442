//! The clauses of a table: its columns, indexes and foreign keys.
//!
//! Used by `create` and `alter`.

use sea_query::{
    Alias, ColumnDef as SeaColumn, ConditionalStatement as _, Expr, ForeignKey, ForeignKeyAction,
    ForeignKeyCreateStatement, Index, IndexCreateStatement, IndexOrder, IntoTableRef, TableRef,
};

use super::{
    Collation, ColumnDef, DefaultValue, ForeignKeyDef, IndexDef, IndexPart, ReferenceAction,
    TableDef,
};
use crate::backend::{SqlFragment, ddl, literal, quote, render_index};
use crate::dialect::Dialect;
use crate::error::Result;

pub(super) fn qualified(namespace: Option<&str>, table: &str) -> TableRef {
    match namespace {
        Some(namespace) => (Alias::new(namespace), Alias::new(table)).into_table_ref(),
        None => Alias::new(table).into_table_ref(),
    }
}

/// A column in the type of the database.
pub(super) fn typed(column: &ColumnDef, dialect: Dialect, indexed: bool) -> SeaColumn {
    let name = Alias::new(&column.name);
    let declared = column.data_type.declared();
    let declared = declared.filter(|declared| declared.dialect == dialect);
    match (declared, ddl::sql_type(dialect, &column.data_type, indexed)) {
        (Some(declared), _) => {
            SeaColumn::new_with_type(name, sea_query::ColumnType::custom(declared.text.clone()))
        }
        (None, Some(sql_type)) => SeaColumn::new_with_type(name, sql_type),
        // `TableDef::check_sql` refuses it.
        (None, None) => SeaColumn::new(name),
    }
}

/// A column with everything but the check that its type needs.
pub(super) fn column(def: &TableDef, ordinal: usize, dialect: Dialect) -> Result<SeaColumn> {
    let column = &def.columns[ordinal];
    let indexed = def.is_indexed(ordinal);
    let subject = |of: &str| {
        format!(
            "the {of} of column `{}` of table `{}`",
            column.name, def.name
        )
    };
    let mut created = typed(column, dialect, indexed);
    if !column.nullable {
        created.not_null();
    }
    let mut extra = Vec::new();
    match &column.collation {
        Collation::Default => {}
        Collation::Binary => extra.extend(ddl::binary_collation(dialect).map(str::to_owned)),
        Collation::Named(name) => {
            let name = name.sql_for(dialect, &subject("collation"))?;
            extra.push(format!("COLLATE {name}"));
        }
    }
    match &column.default {
        None => {}
        Some(DefaultValue::Value(value)) => {
            let default = literal(dialect, value.clone())?;
            created.default(
                match ddl::needs_default_expression(dialect, &column.data_type, indexed) {
                    // sea-query puts an expression that it did not make in parentheses.
                    true => Expr::cust_with_expr("?", default),
                    false => default,
                },
            );
        }
        Some(DefaultValue::Expression(expression)) => {
            let expression = expression.sql_for(dialect, &subject("default"))?;
            created.default(Expr::cust(expression.to_owned()));
        }
    }
    if let Some(generated) = &column.generated {
        let expression = generated
            .expression
            .sql_for(dialect, &subject("expression"))?;
        created.generated(Expr::cust(expression.to_owned()), generated.stored);
    }
    if column.identity {
        extra.push(ddl::identity(dialect).to_owned());
    }
    if !extra.is_empty() {
        created.extra(extra.join(" "));
    }
    Ok(created)
}

/// A column that holds values of another one, or NULL, and stands in an index.
pub(crate) fn column_like(dialect: Dialect, column: &ColumnDef) -> SeaColumn {
    let mut like = typed(column, dialect, true);
    if column.collation == Collation::Binary
        && let Some(collation) = ddl::binary_collation(dialect)
    {
        like.extra(collation);
    }
    like
}

/// An index, as a clause of `CREATE TABLE`.
pub(super) fn index(def: &TableDef, index: &IndexDef) -> IndexCreateStatement {
    let mut create = unfinished_index(def, index);
    let name = |ordinal: &usize| Alias::new(&def.columns[*ordinal].name);
    for part in &index.parts {
        match part {
            IndexPart::Column(ordinal) => create.col(name(ordinal)),
            IndexPart::Descending(ordinal) => create.col((name(ordinal), IndexOrder::Desc)),
            IndexPart::Prefix(ordinal, length) => create.col((name(ordinal), *length)),
            IndexPart::Expression(SqlFragment { text, .. }) => create.col(Expr::cust(text.clone())),
        };
    }
    if let Some(condition) = &index.condition {
        create.and_where(Expr::cust(condition.text.clone()));
    }
    create
}

fn unfinished_index(def: &TableDef, index: &IndexDef) -> IndexCreateStatement {
    let mut create = Index::create();
    if ddl::is_reserved(&index.name) {
        let columns = index.parts.iter().filter_map(IndexPart::column);
        let columns: Vec<&str> = columns.map(|at| &*def.columns[at].name).collect();
        create.name(index_name(&def.name, &columns, index.unique));
    } else {
        create.name(object_name(&index.name));
    }
    if index.unique {
        create.unique();
    }
    if let Some(kind) = ddl::index_type(index.definition.as_ref()) {
        create.index_type(kind);
    }
    create
}

/// The statement that creates an index. `online` asks for one that lets writes pass, where the
/// database has both.
pub(super) fn create_index(
    def: &TableDef,
    of: &IndexDef,
    dialect: Dialect,
    namespace: Option<&str>,
    online: bool,
) -> String {
    let expressions = of
        .parts
        .iter()
        .any(|part| matches!(part, IndexPart::Expression(_)));
    let tail = match &of.definition {
        Some(definition) => ddl::index_definition(definition),
        None if expressions && !ddl::indexes_take_expressions(dialect) => {
            Some(parts_in_words(def, of, dialect))
        }
        None => None,
    };
    let mut create = match tail {
        Some(_) => unfinished_index(def, of),
        None => index(def, of),
    };
    create.table(qualified(None, &def.name));
    if !ddl::has_indexes_inside(dialect) {
        create.if_not_exists();
    }
    if online && ddl::builds_indexes_concurrently(dialect) {
        create.concurrently();
    }
    // sea-query qualifies the table on PostgreSQL alone.
    let on = |namespace| format!(" ON {}", quote(dialect, &qualified(namespace, &def.name)));
    let text = render_index(dialect, &create).replacen(&on(None), &on(namespace), 1);
    let text = match tail {
        Some(tail) => format!("{} {tail}", text.trim_end_matches("()").trim_end()),
        None => text,
    };
    ddl::with_index_kind(of.definition.as_ref(), text)
}

/// The parts of an index, where sea-query has no expressions in them.
fn parts_in_words(def: &TableDef, index: &IndexDef, dialect: Dialect) -> String {
    let name = |ordinal: &usize| quote(dialect, &qualified(None, &def.columns[*ordinal].name));
    let parts = index.parts.iter().map(|part| match part {
        IndexPart::Column(ordinal) | IndexPart::Prefix(ordinal, _) => name(ordinal),
        IndexPart::Descending(ordinal) => format!("{} DESC", name(ordinal)),
        IndexPart::Expression(expression) => expression.text.clone(),
    });
    let parts = parts.collect::<Vec<_>>().join(", ");
    match &index.condition {
        Some(condition) => format!("({parts}) WHERE {}", condition.text),
        None => format!("({parts})"),
    }
}

/// A foreign key; `name` is that of the constraint.
pub(super) fn foreign_key(
    def: &TableDef,
    key: &ForeignKeyDef,
    dialect: Dialect,
    namespace: Option<&str>,
    name: Option<&str>,
) -> ForeignKeyCreateStatement {
    let mut create = ForeignKey::create();
    if let Some(name) = name {
        create.name(name);
    }
    // On MySQL and MariaDB a table without a namespace is one beside the table that refers to it.
    let beside = namespace.filter(|_| ddl::references_are_qualified(dialect));
    create
        .from_tbl(qualified(beside, &def.name))
        .to_tbl(qualified(key.schema.as_deref().or(beside), &key.table));
    for ordinal in &key.columns {
        create.from_col(Alias::new(&def.columns[*ordinal].name));
    }
    for name in &key.referenced {
        create.to_col(Alias::new(name));
    }
    if let Some(action) = action(key.on_delete) {
        create.on_delete(action);
    }
    if let Some(action) = action(key.on_update) {
        create.on_update(action);
    }
    create
}

fn action(action: ReferenceAction) -> Option<ForeignKeyAction> {
    match action {
        ReferenceAction::Refuse => None,
        ReferenceAction::Cascade => Some(ForeignKeyAction::Cascade),
        ReferenceAction::SetNull => Some(ForeignKeyAction::SetNull),
        ReferenceAction::SetDefault => Some(ForeignKeyAction::SetDefault),
    }
}

fn is_quote(character: char) -> bool {
    matches!(character, '"' | '`' | '\'' | '\\')
}

/// A name without quotes, which sea-query would not double in names of indexes and constraints.
fn object_name(name: &str) -> String {
    name.replace(is_quote, "_")
}

/// The name of an index: table, columns and kind.
pub(crate) fn index_name(table: &str, columns: &[&str], unique: bool) -> String {
    constraint_name(table, columns, if unique { "unique" } else { "index" })
}

/// The name of an index or constraint: table, columns and kind, within the 63 bytes of PostgreSQL.
/// It has no quotes.
pub(super) fn constraint_name(table: &str, columns: &[&str], kind: &str) -> String {
    let name = format!("{table}_{}_{kind}", columns.join("_"));
    if name.len() <= 63 && !name.contains(is_quote) {
        return name;
    }
    let mut hash = 0;
    for byte in name.bytes() {
        hash = crate::route::mix64(hash ^ u64::from(byte));
    }
    let kept: String = name
        .chars()
        .scan(0, |length, character| {
            *length += character.len_utf8();
            (*length <= 40).then_some(character)
        })
        .collect();
    format!("{}_{hash:016x}", object_name(&kept))
}
