//! Columns of conditions, named with their table where there are several.
//!
//! A condition is made for one model and names its columns alone, which is enough wherever there
//! is one table. Only a join, where two tables have columns of one name, rewrites it.

use sea_query::{Alias, ColumnName, ColumnRef, Expr, SchemaName, TableName};

/// The condition with its bare columns named as those of `table`.
///
/// What is inside of a sub-query or a `CASE` stays as it was written.
pub(crate) fn qualify(expr: Expr, table: &str) -> Expr {
    let all = |list: Vec<Expr>| list.into_iter().map(|one| qualify(one, table)).collect();
    match expr {
        Expr::Column(ColumnRef::Column(ColumnName(None, column))) => {
            let table = TableName(None::<SchemaName>, Alias::new(table).into());
            Expr::Column(ColumnRef::Column(ColumnName(Some(table), column)))
        }
        Expr::Tuple(list) => Expr::Tuple(all(list)),
        Expr::Unary(operator, of) => Expr::Unary(operator, Box::new(qualify(*of, table))),
        Expr::Binary(left, operator, right) => Expr::Binary(
            Box::new(qualify(*left, table)),
            operator,
            Box::new(qualify(*right, table)),
        ),
        Expr::CustomWithExpr(text, list) => Expr::CustomWithExpr(text, all(list)),
        Expr::AsEnum(name, of) => Expr::AsEnum(name, Box::new(qualify(*of, table))),
        // Written anew, which keeps no `DISTINCT` and no `FILTER`: those are of aggregates, which
        // no condition on rows has.
        Expr::FunctionCall(call)
            if call.get_filter().is_none() && call.get_mods().iter().all(|one| !one.distinct) =>
        {
            let arguments: Vec<Expr> = all(call.get_args().to_vec());
            Expr::FunctionCall(call.args(arguments))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use sea_query::{ExprTrait, Func, Query, SqliteQueryBuilder};

    use super::*;

    fn rendered(expr: Expr) -> String {
        let mut select = Query::select();
        select
            .expr(Expr::cust("1"))
            .and_where(qualify(expr, "orders"));
        let text = select.to_string(SqliteQueryBuilder);
        text.trim_start_matches("SELECT 1 WHERE ").to_owned()
    }

    fn column(name: &str) -> Expr {
        Expr::col(Alias::new(name))
    }

    #[test]
    fn bare_columns_get_the_table_wherever_they_stand() {
        let condition = column("a")
            .eq(1)
            .and(column("b").is_in([1, 2]))
            .or(column("c").like("x%").not());
        assert_eq!(
            rendered(condition),
            r#"("orders"."a" = 1 AND "orders"."b" IN (1, 2)) OR (NOT "orders"."c" LIKE 'x%')"#
        );
        assert_eq!(
            rendered(Func::lower(column("a")).eq(column("b"))),
            r#"LOWER("orders"."a") = "orders"."b""#
        );
        assert_eq!(
            rendered(Expr::cust_with_exprs("? <> ?", [column("a"), column("b")])),
            r#""orders"."a" <> "orders"."b""#
        );
    }

    #[test]
    fn a_column_that_names_its_table_keeps_it() {
        let other = Expr::col((Alias::new("lines"), Alias::new("a")));
        assert_eq!(
            rendered(other.eq(column("b"))),
            r#""lines"."a" = "orders"."b""#
        );
    }
}
