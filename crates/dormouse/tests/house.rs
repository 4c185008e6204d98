//! The house: who may depend on whom, which licences the graph holds, and what must never enter it.

#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

/// Ours, and which of ours each may depend on outside its tests.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("dormouse-core", &[]),
    ("dormouse-journal", &["dormouse-core"]),
    ("dormouse-journal-dynamodb", &["dormouse-core", "dormouse-journal"]),
    ("dormouse-journal-sqlite", &["dormouse-core", "dormouse-journal"]),
    ("dormouse-client", &["dormouse-core"]),
    ("dormouse-engine", &["dormouse-core", "dormouse-journal"]),
    ("dormouse-server", &["dormouse-core", "dormouse-journal", "dormouse-engine"]),
    ("dormouse-lambda", &["dormouse-core", "dormouse-journal", "dormouse-engine"]),
    ("dormouse-aws", &["dormouse-core", "dormouse-journal", "dormouse-engine", "dormouse-lambda"]),
    (
        "dormouse",
        &[
            "dormouse-aws",
            "dormouse-core",
            "dormouse-journal",
            "dormouse-journal-dynamodb",
            "dormouse-journal-sqlite",
            "dormouse-engine",
            "dormouse-lambda",
            "dormouse-localcloud",
            "dormouse-server",
        ],
    ),
    ("todo", &["dormouse"]),
    ("liap-tui", &["dormouse"]),
    ("arcade", &["dormouse", "liap-tui", "todo"]),
    // Anything; nothing that is shipped uses them.
    ("dormouse-bench", &["*"]),
    ("dormouse-chaos", &["*"]),
    ("dormouse-fuzz", &["*"]),
    ("dormouse-sim", &["*"]),
    ("dormouse-localcloud", &["dormouse-core"]),
    ("dormouse-power", &["dormouse-core", "dormouse-journal", "dormouse-journal-sqlite", "dormouse-engine"]),
];

/// Compatible with MIT OR Apache-2.0.
const LICENCES: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unicode-3.0",
    "CC0-1.0",
    "Unlicense",
    "BSL-1.0",
    "OpenSSL",
    "CDLA-Permissive-2.0",
    "MPL-2.0",
    "BlueOak-1.0.0",
];

/// A second crypto provider makes rustls panic at run time; the others are unmaintained or unsound.
const BANNED: &[&str] = &["ring", "openssl-sys", "native-tls", "serde_yaml", "serde_yml", "libyml", "bincode"];

/// Ours that may reach the AWS SDK, the Lambda runtime or the object stores, which take longer to build than all the rest.
const ON_AWS: &[&str] = &["dormouse-aws", "dormouse-journal-dynamodb", "dormouse-lambda", "dormouse-localcloud"];

/// How the names of those begin.
const OF_AWS: &[&str] =
    &["aws-config", "aws-runtime", "aws-sdk", "aws-smithy", "aws_lambda", "lambda_", "object_store"];

/// What the pure core must not reach: runtimes, sockets, ambient randomness.
const NOT_IN_CORE: &[&str] = &["tokio", "mio", "socket2", "hyper", "getrandom", "rand", "chrono", "time"];

fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut metadata = Command::new(cargo);
    // From the root: elsewhere, the default member is the package that one stands in.
    metadata.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let output = metadata.args(["metadata", "--format-version", "1", "--locked"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn ours(metadata: &Value) -> Vec<&Value> {
    let members: BTreeSet<&str> =
        metadata["workspace_members"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    metadata["packages"].as_array().unwrap().iter().filter(|package| members.contains(text(package, "id"))).collect()
}

/// The packages that `root` builds with, by the resolved graph, tests left out.
fn reached(metadata: &Value, root: &str) -> BTreeSet<String> {
    let names: BTreeMap<&str, &str> =
        metadata["packages"].as_array().unwrap().iter().map(|p| (text(p, "id"), text(p, "name"))).collect();
    let nodes: BTreeMap<&str, &Value> =
        metadata["resolve"]["nodes"].as_array().unwrap().iter().map(|node| (text(node, "id"), node)).collect();
    let start = names.iter().find(|(_, name)| **name == root).map(|(id, _)| *id).unwrap();
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(id) = open.pop() {
        for dependency in nodes[id]["deps"].as_array().unwrap() {
            let built = dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null());
            if built && seen.insert(text(dependency, "pkg")) {
                open.push(text(dependency, "pkg"));
            }
        }
    }
    seen.iter().map(|id| names[id].to_owned()).collect()
}

#[test]
fn everybody_depends_on_whom_they_may() {
    let metadata = metadata();
    let packages = ours(&metadata);
    let names: BTreeSet<&str> = packages.iter().map(|package| text(package, "name")).collect();
    let listed: BTreeSet<&str> = MAY_DEPEND_ON.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, listed, "a crate came or went: say in this table whom it may depend on");
    for package in packages {
        let name = text(package, "name");
        let (_, allowed) = MAY_DEPEND_ON.iter().find(|(listed, _)| *listed == name).unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let of = text(dependency, "name");
            let in_tests_only = dependency["kind"] == "dev";
            if names.contains(of) && !in_tests_only && !allowed.contains(&"*") {
                assert!(allowed.contains(&of), "{name} must not depend on {of}");
            }
        }
    }
}

#[test]
fn nobody_but_the_simulation_plants_bugs() {
    let metadata = metadata();
    let plants = |package: &&Value| {
        let mut features =
            package["dependencies"].as_array().unwrap().iter().flat_map(|it| it["features"].as_array().unwrap());
        features.any(|feature| feature == "planted")
    };
    let planting: Vec<&str> = ours(&metadata).into_iter().filter(plants).map(|package| text(package, "name")).collect();
    assert_eq!(planting, ["dormouse-sim"]);
}

#[test]
fn the_core_reaches_no_clock_and_no_socket() {
    let reached = reached(&metadata(), "dormouse-core");
    let found: Vec<_> = NOT_IN_CORE.iter().filter(|name| reached.contains(**name)).collect();
    assert!(found.is_empty(), "the core reaches {found:?}");
}

#[test]
fn nobody_reaches_aws_but_who_may() {
    let metadata = metadata();
    let default: BTreeSet<&str> =
        metadata["workspace_default_members"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for package in ours(&metadata) {
        let name = text(package, "name");
        let reached = reached(&metadata, name);
        let found = reached.iter().find(|name| OF_AWS.iter().any(|of| name.starts_with(of)));
        assert_eq!(found.is_some(), ON_AWS.contains(&name), "{name} reaches {found:?}");
        assert_eq!(default.contains(text(package, "id")), found.is_none(), "{name} in a plain `cargo build`");
    }
}

/// What is built with any feature of ours on any platform. The metadata, like the lock file, also lists what a dependency
/// would need if another one were there (`quinn?/rustls-aws-lc-rs`), down to a `ring` that nobody builds.
fn built() -> BTreeSet<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut tree = Command::new(cargo);
    tree.args(["tree", "--locked", "--workspace", "--all-features", "--target", "all"]);
    let output = tree.args(["--edges", "normal,build,dev", "--prefix", "none", "--format", "{p}"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn nothing_banned_is_in_the_graph() {
    let built = built();
    assert!(built.contains("aws-lc-rs") && built.contains("rustls"), "this is how they are named: {built:?}");
    let banned: Vec<_> = BANNED.iter().filter(|name| built.contains(**name)).collect();
    assert!(banned.is_empty(), "banned: {banned:?}");
}

#[test]
fn every_licence_is_compatible_with_ours() {
    let metadata = metadata();
    let mut refused = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let licence = text(package, "license").replace('/', " OR ");
        let alternatives: Vec<&str> = licence.split(" OR ").map(|part| part.trim_matches(['(', ')', ' '])).collect();
        let allowed = |alternative: &&str| {
            alternative.split(" AND ").all(|part| LICENCES.contains(&part.trim_matches(['(', ')', ' '])))
        };
        if !alternatives.iter().any(allowed) {
            refused.push(format!("{} ({licence})", text(package, "name")));
        }
    }
    assert!(refused.is_empty(), "licences to look at: {refused:?}");
}
