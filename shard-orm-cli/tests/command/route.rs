//! `route` agrees with the library that the ring is compatible with.

use serde_json::Value;

use crate::fixture::Folder;

/// Made by running django-shard-library.
const VECTORS: &str =
    include_str!("../../../shard-orm/tests/vectors/django-shard-library-ring.json");

fn ring(name: &str, namespace: &str) {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let ring = &vectors[name];
    let nodes = ring["nodes"].as_array().unwrap();
    let folder = Folder::new(&format!(
        "[groups.ring]\nlogical_shards = {}\nnamespace = \"{namespace}_{{shard}}\"\n\
         strategy = {{ type = \"ring\", compatible = \"django-shard-library\", virtual_nodes = {} }}\n\
         [[groups.ring.servers]]\nname = \"a\"\nprimary = \"sqlite://data/a\"\n",
        nodes.len(),
        ring["replica"],
    ));
    let keys = ring["keys"].as_array().unwrap();
    let input: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let arguments = ["route", "--group", "ring", "--json"];
    let found = folder.run_with(&arguments, &input.join("\n")).json(0);
    let routes = found["routes"].as_array().unwrap();
    assert_eq!(routes.len(), keys.len());
    let expected = ring["index"].as_array().unwrap();
    for ((route, key), shard) in routes.iter().zip(keys).zip(expected) {
        assert_eq!((&route["key"], &route["shard"]), (key, shard), "{route}");
        let node = &nodes[usize::try_from(shard.as_u64().unwrap()).unwrap()];
        assert_eq!(&route["namespace"], node, "{route}");
    }
    assert_eq!(found["errors"], Value::Array(Vec::new()));
}

#[test]
fn keys_are_routed_as_by_django_shard_library() {
    ring("product_4_512", "product");
    ring("shard_a_2_512", "shard_a");
}
