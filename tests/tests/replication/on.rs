//! The database of a replication test, and the rights of the cluster's user there.

use shard_orm::Dialect;
use shard_orm_tests::servers::Rights;

/// What a behaviour runs on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct On {
    pub(crate) dialect: Dialect,
    pub(crate) rights: Rights,
}

impl On {
    pub(crate) fn is_postgres(self) -> bool {
        self.dialect == Dialect::Postgres
    }
}

/// Makes a test of a behaviour on PostgreSQL and on MariaDB, with an ordinary user; with `any rights` one also on
/// PostgreSQL with a member of `pg_monitor`, who sees more of a standby.
macro_rules! on_each {
    ($($behaviour:ident)+) => {
        $(
            mod $behaviour {
                on_each! { @one $behaviour postgres Postgres Ordinary }
                on_each! { @one $behaviour mariadb MySql Ordinary }
            }
        )+
    };
    (any rights: $($behaviour:ident)+) => {
        $(
            mod $behaviour {
                on_each! { @one $behaviour postgres Postgres Ordinary }
                on_each! { @one $behaviour postgres_as_monitor Postgres Monitor }
                on_each! { @one $behaviour mariadb MySql Ordinary }
            }
        )+
    };
    (@one $behaviour:ident $test:ident $dialect:ident $rights:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            let on = $crate::on::On {
                dialect: shard_orm::Dialect::$dialect,
                rights: shard_orm_tests::servers::Rights::$rights,
            };
            super::$behaviour(on).await;
        }
    };
}
