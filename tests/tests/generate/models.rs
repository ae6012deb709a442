//! Models that are written from tables: compiled from the files in `written`, which are compared with what is generated.
//!
//! After an intended change, write them anew with `INSTA_UPDATE=always cargo test -p shard-orm-tests --test generate`,
//! and review the difference.

use std::fs;
use std::path::{Path, PathBuf};

use shard_orm::migrate::{
    GenerateModels, GeneratedModels, Migrations, Target, UnmappedReason, models,
};
use shard_orm::prelude::*;
use shard_orm::schema::Aspect;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{DATABASE, Fixture, GROUP};
use shard_orm_tests::scratch;

/// A model with the types of fields that catalogs tell apart.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(
    group = "shop",
    table = "samples",
    index(small, flag),
    unique(user_id, word)
)]
pub(crate) struct Sample {
    #[shard(primary_key)]
    id: u64,
    #[shard(key)]
    user_id: i64,
    #[shard(default = true)]
    flag: bool,
    tiny: Option<i8>,
    small: i16,
    #[shard(index, default = -5)]
    int: i32,
    byte: u8,
    word: u16,
    #[shard(default = Some(4_000_000_000))]
    long: Option<u32>,
    float: f32,
    #[shard(default = 0.25)]
    double: f64,
    #[shard(length = 30, default = "a 'quote'")]
    name: String,
    text: Option<String>,
    #[shard(length = 16)]
    bytes: Vec<u8>,
    plain: Option<chrono::NaiveDateTime>,
    day: chrono::NaiveDate,
    clock: chrono::NaiveTime,
    label: uuid::Uuid,
    number: rust_decimal::Decimal,
    facts: serde_json::Value,
}

/// What was generated for one target.
pub(crate) struct Written {
    /// Below `written/<database>`.
    folder: &'static str,
    generated: GeneratedModels,
}

impl Written {
    /// Compares the files with those of the last run, and keeps them if that is asked for.
    fn check(&self, dialect: Dialect) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generate/written");
        let folder = root.join(name(dialect)).join(self.folder);
        let keep = std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always");
        let report = ("report.txt", format!("{}\n", self.generated));
        let files = self.generated.files.iter();
        let files = files.map(|file| (file.path.as_str(), file.text.clone()));
        let files: Vec<_> = files.chain([report]).collect();
        if keep {
            fs::create_dir_all(&folder).unwrap();
        }
        for (path, text) in &files {
            let path = folder.join(path);
            if keep {
                fs::write(&path, text).unwrap();
            }
            let kept = fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(
                *text,
                kept,
                "{} is no longer what is generated",
                path.display()
            );
        }
        let kept: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(kept.len(), files.len(), "a file is left over: {kept:?}");
    }

    /// The deviations of a model's table that the report names.
    pub(crate) fn deviations(&self, table: &str) -> Vec<(Aspect, Option<String>)> {
        let of_table = self
            .generated
            .unmapped
            .iter()
            .filter(|one| one.table == table);
        let deviations = of_table.filter_map(|one| match &one.reason {
            UnmappedReason::Deviation { aspect, table, .. } => Some((*aspect, table.clone())),
            _ => None,
        });
        deviations.collect()
    }
}

fn name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "sqlite",
        Dialect::Postgres => "postgres",
        Dialect::MySql => "mysql",
    }
}

/// Creates the tables, by migrations and by `setup`.
pub(crate) async fn create(fixture: &Fixture) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generate/tables");
    let migrations = Migrations::from_folder(folder).unwrap();
    fixture.cluster.migrate(&migrations).up().await.unwrap();
}

/// Generates in an empty folder.
async fn run(models: impl FnOnce(PathBuf) -> GenerateModels, cluster: &Cluster) -> GeneratedModels {
    let folder = scratch::folder("models");
    let out = folder.path().join("models");
    let generated = models(out.clone()).run(cluster).await.unwrap();
    for file in &generated.files {
        assert_eq!(fs::read_to_string(out.join(&file.path)).unwrap(), file.text);
    }
    generated
}

pub(crate) async fn of_group(cluster: &Cluster) -> Written {
    let generate = |out| {
        models(Target::Group(GROUP.into()), out)
            .shard_key("user_id")
            .isolated("options")
            .named("samples", "Sampled")
    };
    Written {
        folder: "shop",
        generated: run(generate, cluster).await,
    }
}

pub(crate) async fn of_statics(cluster: &Cluster) -> Written {
    let generate = |out| models(Target::Static(GROUP.into()), out);
    Written {
        folder: "shared",
        generated: run(generate, cluster).await,
    }
}

pub(crate) async fn of_database(cluster: &Cluster) -> Written {
    let generate = |out| models(Target::Database(DATABASE.into()), out).table("written_settings");
    Written {
        folder: "main",
        generated: run(generate, cluster).await,
    }
}

behaviours! { (Sample), 3 shards on 2 servers, |options| options;
    async fn models_are_written_as_they_were(fixture: &Fixture) {
        create(fixture).await;
        for written in [
            of_group(&fixture.cluster).await,
            of_statics(&fixture.cluster).await,
            of_database(&fixture.cluster).await,
        ] {
            written.check(fixture.dialect);
        }
    }

    async fn no_file_is_overwritten_and_nothing_is_written_then(fixture: &Fixture) {
        create(fixture).await;
        let folder = scratch::folder("models");
        let out = folder.path().join("models");
        fs::create_dir(&out).unwrap();
        fs::write(out.join("shipment_line.rs"), "mine").unwrap();
        let generate = || models(Target::Group(GROUP.into()), &out).shard_key("user_id").isolated("options");
        let error = generate().run(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("shipment_line.rs already"), "{error}");
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(out.join("shipment_line.rs")).unwrap(), "mine");

        let first = generate().table("options").run(&fixture.cluster).await.unwrap();
        let written: Vec<_> = first.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(written, ["option_row.rs", "mod.rs"]);
        let second = generate().table("samples").run(&fixture.cluster).await.unwrap();
        assert_eq!(second.files.len(), 1, "the file of the modules stays: {second}");
        assert_eq!(second.declarations.as_deref(), Some("mod sample;\n\npub use sample::Sample;\n"));
        let modules = fs::read_to_string(out.join("mod.rs")).unwrap();
        assert!(modules.contains("mod option_row;") && !modules.contains("sample"), "{modules}");
    }

    async fn a_file_beside_the_folder_declares_the_modules_too(fixture: &Fixture) {
        let folder = scratch::folder("models");
        let generate = |out: &str| models(Target::Group(GROUP.into()), folder.path().join(out)).shard_key("user_id");
        fs::write(folder.path().join("rows.rs"), "").unwrap();
        let beside = generate("rows").run(&fixture.cluster).await.unwrap();
        assert_eq!(beside.files.len(), 1, "{beside}");
        let library = generate("src").run(&fixture.cluster).await.unwrap();
        assert_eq!(library.files[1].path, "lib.rs");
    }

    async fn what_the_caller_names_has_to_exist(fixture: &Fixture) {
        create(fixture).await;
        let generate = || models(Target::Group(GROUP.into()), "nowhere").shard_key("user_id");
        let refusal = async |models: GenerateModels| {
            let error = models.preview(&fixture.cluster).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
            error.to_string()
        };
        let unknown = refusal(generate().table("order")).await;
        assert!(unknown.contains("has no table `order`; it has ") && unknown.contains("`samples`"), "{unknown}");
        let column = refusal(generate().shard_key_of("samples", "user")).await;
        assert!(column.contains("no column `user`"), "{column}");
        let keyless = refusal(models(Target::Group(GROUP.into()), "nowhere")).await;
        assert!(keyless.contains("`--shard-key`"), "{keyless}");
        let twice = refusal(generate().named("samples", "Log").named("log", "Log")).await;
        assert!(twice.contains("would both have the model `Log`"), "{twice}");
        assert!(refusal(generate().named("samples", "sample")).await.contains("cannot be the name"));
        let group = refusal(models(Target::Group("cafe".into()), "nowhere").shard_key("id")).await;
        assert!(group.contains("cafe"), "{group}");
        let source = refusal(models(Target::Static(GROUP.into()), "nowhere").source("elsewhere")).await;
        assert!(source.contains("unknown database `elsewhere`"), "{source}");

        // Without a fitting key a table has no model, and the others have theirs.
        let other = generate().shard_key_of("samples", "facts").preview(&fixture.cluster).await.unwrap();
        let of_samples = other.unmapped.iter().filter(|one| one.table == "samples").map(|one| &one.reason);
        let reason = UnmappedReason::UnsuitableShardKey { column: "facts".to_owned() };
        assert_eq!(of_samples.collect::<Vec<_>>(), [&reason]);
        assert!(other.files.iter().any(|file| file.path == "shipment.rs"));
        let options = other.unmapped.iter().find(|one| one.table == "options").unwrap();
        assert!(options.to_string().contains("has no column `user_id` of integers"), "{options}");
    }
}
