//! `CREATE TABLE` from the description of a table.
//!
//! Used by [`Setup`](crate::setup::Setup), and by whoever wants to read or keep the statements.

use std::fmt;
use std::sync::Arc;

use sea_query::{
    Alias, ColumnDef as SeaColumn, ConditionalStatement as _, Expr, ForeignKey, ForeignKeyAction,
    ForeignKeyCreateStatement, Index, IndexCreateStatement, IntoTableRef, Table,
    TableCreateStatement, TableRef,
};

use super::{
    Collation, ColumnDef, DefaultValue, ForeignKeyDef, IndexDef, IndexPart, ReferenceAction,
    TableDef,
};
use crate::backend::{DataType, SqlFragment, ddl, literal, render_index, render_table};
use crate::dialect::Dialect;
use crate::error::Result;

/// The statements that create a table and its indexes, where they do not exist yet.
///
/// Shows itself as SQL.
///
/// ```
/// # use shard_orm::prelude::*;
/// # #[derive(ShardModel)]
/// # #[shard(group = "shop", table = "orders")]
/// # struct Order {
/// #     #[shard(primary_key)]
/// #     id: i64,
/// #     #[shard(key, index)]
/// #     user_id: i64,
/// #     item: String,
/// # }
/// let table = Order::create_table(Dialect::Postgres)?;
/// assert_eq!(
///     table.to_string(),
///     r#"CREATE TABLE IF NOT EXISTS "orders" ( "id" bigint NOT NULL, "user_id" bigint NOT NULL, "item" text NOT NULL, PRIMARY KEY ("id") );
/// CREATE INDEX IF NOT EXISTS "orders_user_id_index" ON "orders" ("user_id");"#
/// );
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CreateTable {
    dialect: Dialect,
    def: Arc<TableDef>,
    namespace: Option<String>,
    /// The columns, in the types of the database and with their defaults.
    columns: Vec<SeaColumn>,
}

impl CreateTable {
    /// The statements for a table.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when the table was read from another kind of
    /// database and has types or expressions that this one does not have.
    pub fn new(def: &Arc<TableDef>, dialect: Dialect) -> Result<Self> {
        def.check_types(dialect)?;
        let columns = (0..def.columns.len())
            .map(|ordinal| column(def, ordinal, dialect))
            .collect::<Result<_>>()?;
        let conditions = def
            .indexes
            .iter()
            .filter_map(|index| index.condition.as_ref());
        let parts = def.indexes.iter().flat_map(|index| &index.parts);
        let expressions = parts.filter_map(|part| match part {
            IndexPart::Expression(expression) => Some(expression),
            IndexPart::Column(_) => None,
        });
        let checks = def.checks.iter().map(|check| &check.expression);
        for expression in conditions.chain(expressions).chain(checks) {
            expression.sql_for(dialect, &format!("an expression of table `{}`", def.name))?;
        }
        Ok(Self {
            dialect,
            def: Arc::clone(def),
            namespace: None,
            columns,
        })
    }

    /// The same in a namespace: a schema on PostgreSQL, a database on MySQL and MariaDB. SQLite's
    /// files are namespaces by themselves.
    #[must_use]
    pub fn in_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace =
            Some(namespace.into()).filter(|_| !self.dialect.capability().file_per_namespace);
        self
    }

    /// The statements, one by one.
    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        let mut statements = vec![render_table(self.dialect, &self.table())];
        if !ddl::has_indexes_inside(self.dialect) {
            statements.extend(self.def.indexes.iter().map(|index| {
                let mut create = self.index(index);
                create.if_not_exists().table(self.reference());
                render_index(self.dialect, &create)
            }));
        }
        statements
    }

    fn reference(&self) -> TableRef {
        qualified(self.namespace.as_deref(), &self.def.name)
    }

    fn table(&self) -> TableCreateStatement {
        let mut table = Table::create();
        table.table(self.reference()).if_not_exists();
        for column in &self.columns {
            table.col(column.clone());
        }
        let is_declared = ddl::identity_is_primary_key(self.dialect)
            && self.def.columns.iter().any(|column| column.identity);
        if !is_declared && !self.def.primary_key.is_empty() {
            let mut primary_key = Index::create();
            for ordinal in &self.def.primary_key {
                primary_key.col(Alias::new(&self.def.columns[*ordinal].name));
            }
            table.primary_key(&mut primary_key);
        }
        if ddl::has_indexes_inside(self.dialect) {
            for index in &self.def.indexes {
                table.index(&mut self.index(index));
            }
        }
        for key in &self.def.foreign_keys {
            table.foreign_key(&mut self.foreign_key(key));
        }
        for check in &self.def.checks {
            let expression = Expr::cust(check.expression.text.clone());
            match &check.name {
                Some(name) => table.check((Alias::new(name), expression)),
                None => table.check(expression),
            };
        }
        let is_known = |column: &ColumnDef| matches!(column.data_type, DataType::Known { .. });
        ddl::exact_table(
            self.dialect,
            &mut table,
            self.def.columns.iter().all(is_known),
        );
        table
    }

    fn index(&self, index: &IndexDef) -> IndexCreateStatement {
        let mut create = Index::create();
        create.name(index.name.as_str());
        for part in &index.parts {
            match part {
                IndexPart::Column(ordinal) => {
                    create.col(Alias::new(&self.def.columns[*ordinal].name));
                }
                IndexPart::Expression(SqlFragment { text, .. }) => {
                    create.col(Expr::cust(text.clone()));
                }
            }
        }
        if index.unique {
            create.unique();
        }
        if let Some(condition) = &index.condition {
            create.and_where(Expr::cust(condition.text.clone()));
        }
        create
    }

    fn foreign_key(&self, key: &ForeignKeyDef) -> ForeignKeyCreateStatement {
        let mut create = ForeignKey::create();
        let namespace = key.schema.as_deref().or(self.namespace.as_deref());
        create
            .from_tbl(self.reference())
            .to_tbl(qualified(namespace, &key.table));
        for ordinal in &key.columns {
            create.from_col(Alias::new(&self.def.columns[*ordinal].name));
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
}

impl fmt::Display for CreateTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, statement) in self.statements().iter().enumerate() {
            let line = if position == 0 { "" } else { "\n" };
            write!(f, "{line}{statement};")?;
        }
        Ok(())
    }
}

fn qualified(namespace: Option<&str>, table: &str) -> TableRef {
    match namespace {
        Some(namespace) => (Alias::new(namespace), Alias::new(table)).into_table_ref(),
        None => Alias::new(table).into_table_ref(),
    }
}

fn action(action: ReferenceAction) -> Option<ForeignKeyAction> {
    match action {
        ReferenceAction::Refuse => None,
        ReferenceAction::Cascade => Some(ForeignKeyAction::Cascade),
        ReferenceAction::SetNull => Some(ForeignKeyAction::SetNull),
        ReferenceAction::SetDefault => Some(ForeignKeyAction::SetDefault),
    }
}

/// A column in the type of the database.
fn typed(column: &ColumnDef, dialect: Dialect, indexed: bool) -> SeaColumn {
    let name = Alias::new(&column.name);
    let declared = column.data_type.declared();
    let declared = declared.filter(|declared| declared.dialect == dialect);
    match (declared, ddl::sql_type(dialect, &column.data_type, indexed)) {
        (Some(declared), _) => {
            SeaColumn::new_with_type(name, sea_query::ColumnType::custom(declared.text.clone()))
        }
        (None, Some(sql_type)) => SeaColumn::new_with_type(name, sql_type),
        // `CreateTable::new` refuses it.
        (None, None) => SeaColumn::new(name),
    }
}

fn column(def: &TableDef, ordinal: usize, dialect: Dialect) -> Result<SeaColumn> {
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
    if let Some(check) = ddl::type_check(dialect, &column.name, &column.data_type) {
        created.check(check);
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

/// The name of an index: table, columns and kind, within the 63 bytes of PostgreSQL. It has no
/// quotes, which sea-query would not double in it.
pub(crate) fn index_name(table: &str, columns: &[&str], unique: bool) -> String {
    let kind = if unique { "unique" } else { "index" };
    let name = format!("{table}_{}_{kind}", columns.join("_"));
    let is_quote = |character| matches!(character, '"' | '`' | '\'' | '\\');
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
        .map(|character| if is_quote(character) { '_' } else { character })
        .collect();
    format!("{kept}_{hash:016x}")
}
