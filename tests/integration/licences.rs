//! Licences: every crate in the build comes from crates.io under a licence that `deny.toml` allows.
//! `cargo deny` checks this for every platform, and known vulnerabilities as well; this test needs
//! neither it nor a network.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Packages of this build that are dependencies.
fn packages() -> Vec<Value> {
    let host = Command::new("rustc").arg("-vV").output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap();
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned();
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--offline",
            "--filter-platform",
            &host,
        ])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let own = metadata["workspace_members"].as_array().unwrap();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| !own.contains(&package["id"]))
        .cloned()
        .collect()
}

/// True if `licence`, an SPDX expression, contains a choice of allowed ones; `A/B` is an old
/// notation of `A OR B`.
fn allows(allowed: &BTreeSet<String>, licence: &str) -> bool {
    let words = licence.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = words.split_whitespace().collect();
    let (verdict, read) = any(allowed, &words);
    verdict && read == words.len()
}

/// Parses an expression, in which `AND` binds tighter than `OR`; returns the verdict and the number
/// of words parsed.
fn any(allowed: &BTreeSet<String>, words: &[&str]) -> (bool, usize) {
    let (mut verdict, mut at) = all(allowed, words);
    while words.get(at) == Some(&"OR") {
        let (next, read) = all(allowed, &words[at + 1..]);
        (verdict, at) = (verdict || next, at + 1 + read);
    }
    (verdict, at)
}

fn all(allowed: &BTreeSet<String>, words: &[&str]) -> (bool, usize) {
    let (mut verdict, mut at) = one(allowed, words);
    while words.get(at) == Some(&"AND") {
        let (next, read) = one(allowed, &words[at + 1..]);
        (verdict, at) = (verdict && next, at + 1 + read);
    }
    (verdict, at)
}

fn one(allowed: &BTreeSet<String>, words: &[&str]) -> (bool, usize) {
    match words {
        ["(", rest @ ..] => {
            let (verdict, read) = any(allowed, rest);
            (verdict && rest.get(read) == Some(&")"), read + 2)
        }
        [licence, "WITH", exception, ..] => {
            (allowed.contains(&format!("{licence} WITH {exception}")), 3)
        }
        [licence, ..] => (allowed.contains(*licence), 1),
        [] => (false, 0),
    }
}

fn allowed() -> BTreeSet<String> {
    let rules: toml::Table = include_str!("../../deny.toml").parse().unwrap();
    let list = rules["licenses"]["allow"].as_array().unwrap();
    list.iter().map(|licence| licence.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_crate_is_free_to_use_and_from_the_registry() {
    let (allowed, packages) = (allowed(), packages());
    assert!(packages.len() > 100, "only {} packages were seen", packages.len());
    let objections: Vec<String> = packages
        .iter()
        .filter(|package| {
            !package["license"].as_str().is_some_and(|licence| allows(&allowed, licence))
                || package["source"] != REGISTRY
        })
        .map(|package| {
            format!("{} {} from {}", package["name"], package["license"], package["source"])
        })
        .collect();
    assert!(objections.is_empty(), "\n{}", objections.join("\n"));
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    let allowed = ["MIT", "Apache-2.0 WITH LLVM-exception", "ISC"].map(str::to_owned).into();
    for good in [
        "MIT",
        "GPL-3.0 OR MIT",
        "MIT/GPL-3.0",
        "MIT AND ISC",
        "(GPL-3.0 OR MIT) AND ISC",
        "GPL-3.0 AND ISC OR MIT",
    ] {
        assert!(allows(&allowed, good), "{good}");
    }
    for bad in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR ISC) AND GPL-3.0",
        "Apache-2.0",
        "MIT WITH X",
        "(MIT",
        "MIT ISC",
    ] {
        assert!(!allows(&allowed, bad), "{bad}");
    }
    assert!(allows(&allowed, "Apache-2.0 WITH LLVM-exception"));
}
