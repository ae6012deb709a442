//! Which versions are where, and the check of a program at its start.

use shard_orm::prelude::*;
use shard_orm_tests::behaviours;

use crate::Order;
use crate::deployment::{Deployment, NOTES, TEXT, migrations};

#[derive(Debug, ShardModel)]
#[shard(database = "default", table = "settings")]
pub(crate) struct Setting {
    #[shard(primary_key)]
    id: i64,
}

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn status_says_which_namespaces_lack_a_version(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "status").await;
        let all = migrations(&[NOTES, TEXT]);
        let status = deployment.cluster.migrate(&all).status().await.unwrap();
        assert_eq!(status.targets[0].versions[0].missing.len(), 4);
        deployment.cluster.migrate(&migrations(&[NOTES])).up().await.unwrap();
        deployment.cluster.migrate(&all).shard(2).up().await.unwrap();
        let status = deployment.cluster.migrate(&all).status().await.unwrap();
        let [notes, text] = &status.targets[0].versions[..] else {
            panic!("{status:?}");
        };
        assert!(notes.is_current() && notes.applied == 4, "{status:?}");
        assert_eq!((text.applied, text.missing.len()), (1, 3));
        assert_eq!(text.missing[0], deployment.location(0));
        let shown = status.to_string();
        assert!(shown.contains("shop: 2 text: missing in 3, such as shop/0"), "{shown}");
        assert!(!status.is_current());
    }

    async fn a_program_is_told_of_older_and_newer_namespaces(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "start").await;
        let (older, newer) = (migrations(&[NOTES]), migrations(&[NOTES, TEXT]));
        deployment.cluster.migrate(&older).up().await.unwrap();
        deployment.cluster.migrate(&older).check().await.unwrap();
        let error = deployment.cluster.migrate(&newer).check().await.unwrap_err();
        assert!(error.to_string().contains("missing in 4, such as"), "{error}");
        deployment.cluster.migrate(&newer).up().await.unwrap();
        deployment.cluster.migrate(&newer).check().await.unwrap();
        let error = deployment.cluster.migrate(&older).check().await.unwrap_err();
        assert!(error.to_string().contains("2 text: has no file, but is in 4 namespaces"), "{error}");
        let error = deployment.cluster.migrate(&older).up().await.unwrap_err();
        assert!(error.to_string().contains("has no file in the folder"), "{error}");
    }

    async fn an_unknown_folder_is_refused_with_the_names_that_exist(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "folder").await;
        let wrong = migrations(&[("shops/1_a.sql", "SELECT 1")]);
        let error = deployment.cluster.migrate(&wrong).up().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("rename it to one of `shop`, `shop.static`"), "{error}");
    }
}
