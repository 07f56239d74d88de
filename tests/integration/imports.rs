//! Direction of imports: a module imports only from those listed above it. `docs/ARCHITECTURE.md`
//! has the reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules by layer, from the bottom. A module may import from lower layers and from itself; those
/// of one line are siblings and do not import each other.
const LAYERS: &[&[&str]] = &[
    &["npy", "regular", "rng", "stats", "text", "parallel"],
    &["data"],
    &["made::ordering", "made::degrees"],
    &["made::masks"],
    &["made"],
    &["train"],
    &["config"],
    &["cost"],
    &["record"],
    &["trainer"],
    &["columns"],
    &["plan"],
    &["experiment", "store", "schedule"],
    &["results"],
    &["export", "figures", "runner"],
    &["session"],
    &["launch"],
    &["page"],
    &["trainers"],
    &["cli"],
];

/// Models and harness: two groups of modules that do not import each other.
const MODELS: &[&str] = &["data", "made", "train", "config"];
const HARNESS: &[&str] = &[
    "record",
    "trainer",
    "columns",
    "plan",
    "experiment",
    "store",
    "schedule",
    "results",
    "export",
    "figures",
    "runner",
    "session",
    "launch",
    "page",
];

/// Longest entry of `LAYERS` that contains `path` (such as `made::masks::MaskSet`), with its layer.
fn layer(path: &str) -> Option<(usize, &'static str)> {
    let inside = |module: &&str| {
        path == *module || path.strip_prefix(*module).is_some_and(|rest| rest.starts_with("::"))
    };
    let known = LAYERS
        .iter()
        .enumerate()
        .flat_map(|(i, layer)| layer.iter().map(move |&module| (i, module)));
    known
        .filter(|(_, module)| inside(module))
        .max_by_key(|(_, module)| module.len())
}

/// Sources below a directory, sorted.
pub(crate) fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Paths after `crate::` in code, nested braces resolved: `use crate::made::{masks::A, B}` gives
/// `made::masks::A`, `made::B`.
fn imports(text: &str) -> BTreeSet<String> {
    // Tests of a module may use what is above it.
    let code: String = text
        .split("\n#[cfg(test)]")
        .next()
        .unwrap()
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |a, b| a + b + "\n");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let preceded = code[..at].ends_with(|c: char| c == '_' || c.is_alphanumeric() || c == '$');
        if !preceded {
            expand("", &code[at + "crate::".len()..], &mut found);
        }
    }
    found
}

/// Adds the paths that `text` starts with, each after `prefix`; returns how much of it was read.
fn expand(prefix: &str, text: &str, found: &mut BTreeSet<String>) -> usize {
    let word = text
        .find(|c: char| !(c == '_' || c == ':' || c.is_alphanumeric()))
        .unwrap_or(text.len());
    let path = format!("{prefix}{}", &text[..word]);
    if !text[word..].starts_with('{') {
        found.insert(path);
        return word;
    }
    let mut at = word + 1;
    while let Some(next) = text[at..].chars().next() {
        match next {
            '}' => return at + 1,
            c if c == ',' || c.is_whitespace() => at += 1,
            _ => at += expand(&path, &text[at..], found).max(1),
        }
    }
    at
}

/// Source folders of the packages, the lower one first: for the layers they are one tree.
fn roots() -> [PathBuf; 2] {
    ["crates/numerics/src", "src"].map(|root| Path::new(env!("CARGO_MANIFEST_DIR")).join(root))
}

/// `src/made/masks.rs` is `made::masks`, `src/store/mod.rs` is `store`.
fn module(root: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(root).unwrap().with_extension("");
    let parts = relative.iter().map(|part| part.to_str().unwrap()).filter(|part| *part != "mod");
    parts.collect::<Vec<_>>().join("::")
}

/// Violation of the rules by `import` in `module`, if it is one.
fn objection(module: &str, import: &str) -> Option<String> {
    let Some((own, name)) = layer(module) else {
        return Some(format!("{module} is in no layer"));
    };
    let Some((other, target)) = layer(import) else {
        return Some(format!("{module} imports {import}, in no layer"));
    };
    // The parts of `made` that need no tensor share the names that `made` itself defines: its
    // configuration.
    let shared = name.starts_with("made::") && target == "made";
    let allowed = name == target || other < own || shared;
    if !allowed {
        return Some(format!("{module} must not import {import}"));
    }
    let root = |path: &str| path.split("::").next().unwrap_or_default().to_owned();
    let crosses =
        HARNESS.contains(&root(module).as_str()) && MODELS.contains(&root(import).as_str());
    crosses.then(|| format!("{module} is of the harness and must not know a model: {import}"))
}

/// Files of a module that import each other in a circle, if there are any.
fn circle(files: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn visit(
        at: &str,
        files: &BTreeMap<String, BTreeSet<String>>,
        path: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> Option<Vec<String>> {
        if let Some(start) = path.iter().position(|seen| seen == at) {
            return Some(path[start..].to_vec());
        }
        if done.contains(at) {
            return None;
        }
        path.push(at.to_owned());
        let found = files.get(at).into_iter().flatten();
        let found = found.filter(|next| *next != at);
        for next in found {
            if let Some(circle) = visit(next, files, path, done) {
                return Some(circle);
            }
        }
        path.pop();
        done.insert(at.to_owned());
        None
    }
    let mut done = BTreeSet::new();
    files.keys().find_map(|file| visit(file, files, &mut Vec::new(), &mut done))
}

#[test]
fn modules_import_only_from_below() {
    let mut objections = Vec::new();
    let mut seen = 0;
    for (root, file) in roots()
        .iter()
        .flat_map(|root| rust_files(root).into_iter().map(move |file| (root, file)))
    {
        let module = module(root, &file);
        if module == "lib" || module == "main" {
            continue;
        }
        for import in imports(&fs::read_to_string(&file).unwrap()) {
            seen += 1;
            objections.extend(objection(&module, &import));
        }
    }
    assert!(seen > 20, "only {seen} imports found: the reader is broken");
    assert!(objections.is_empty(), "\n{}", objections.join("\n"));
}

/// Imports by `super::` as the full paths of files, and those by `crate::`.
fn imported_files(module: &str, text: &str, files: &BTreeSet<String>) -> BTreeSet<String> {
    let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    let code = text.split("\n#[cfg(test)]").next().unwrap();
    let absolute = code.replace("super::", &format!("crate::{parent}::"));
    let file_of = |path: String| {
        let mut path = path.as_str();
        while !files.contains(path) {
            path = path.rsplit_once("::")?.0;
        }
        Some(path.to_owned())
    };
    imports(&absolute).into_iter().filter_map(file_of).collect()
}

#[test]
fn files_of_a_module_do_not_import_each_other_in_circles() {
    let all: Vec<(String, String)> = roots()
        .iter()
        .flat_map(|root| rust_files(root).into_iter().map(move |file| (root, file)))
        .map(|(root, file)| (module(root, &file), fs::read_to_string(&file).unwrap()))
        .collect();
    // A `mod.rs` contains what its files share, and declares them: that is not a circle.
    let is_parent =
        |name: &str| all.iter().any(|(other, _)| other.starts_with(&format!("{name}::")));
    let files: BTreeSet<String> = all
        .iter()
        .map(|(name, _)| name.clone())
        .filter(|name| !is_parent(name))
        .collect();
    let graph: BTreeMap<String, BTreeSet<String>> = (all.iter())
        .filter(|(name, _)| files.contains(name))
        .map(|(name, text)| (name.clone(), imported_files(name, text, &files)))
        .collect();
    assert_eq!(circle(&graph), None);

    let red = [("a", "use super::b::B;"), ("b", "use crate::c::C;"), ("c", "use crate::a::A;")];
    let files: BTreeSet<String> = red.iter().map(|(name, _)| (*name).to_owned()).collect();
    let graph = red.map(|(name, text)| {
        (
            name.to_owned(),
            imported_files(name, &text.replace("super::", "crate::"), &files),
        )
    });
    assert_eq!(circle(&graph.into_iter().collect()).unwrap().len(), 3);
}

#[test]
fn the_reader_sees_nested_imports_and_the_rule_objects() {
    let text = "use crate::made::{masks::{A, B}, ordering};\n// use crate::cli::X;\nfn f() { crate::rng::g(); $crate::h() }";
    let expected = ["made::masks::A", "made::masks::B", "made::ordering", "rng::g"];
    assert_eq!(imports(text).into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(objection("store::tables", "plan::Plan"), None);
    assert!(objection("store", "schedule::Job").is_some(), "siblings");
    assert!(objection("results::tables", "made::MaskCount").is_some(), "the other wing");
    assert!(objection("runner", "trainers::made::run_config").is_some(), "above");
    assert!(objection("made::masks", "made::network::Network").is_none());
    assert!(objection("rng", "cli::main").is_some());
    assert!(objection("nowhere", "rng::Seed").is_some());
}

/// Deliberate absences beyond the layers: for files of some modules, words that must not occur in
/// them.
#[test]
fn what_is_deliberately_absent() {
    const PRINTING: &[&str] = &["clap", "println!", "eprintln!", "env::args"];
    let rules: &[(&[&str], &[&str], &str)] = &[
        (&["schedule"], &["crate::"], "the schedule knows no domain type"),
        (
            &["made/ordering", "made/degrees", "made/masks"],
            &["candle"],
            "masks are read without a tensor",
        ),
        (
            &[
                "rng",
                "stats",
                "made",
                "train",
                "config",
                "cost",
                "record",
                "trainer",
                "columns",
                "plan",
                "results",
                "export",
                "figures",
                "page",
                "schedule",
                "session",
                "runner/estimate",
                "trainers/made",
            ],
            &["std::fs", "File::"],
            "only data, store, experiment, launch, trainers/program and cli touch the file system",
        ),
        (
            &[
                "rng",
                "stats",
                "data",
                "made",
                "train",
                "config",
                "cost",
                "trainer",
                "columns",
                "plan",
                "experiment",
                "results",
                "export",
                "session",
                "figures",
                "page",
            ],
            &["Instant::now", "SystemTime::now", "Timestamp::now"],
            "only trainers, store, schedule, runner, launch and cli read the clock",
        ),
        (HARNESS, PRINTING, "only cli prints and reads arguments"),
        (&["trainers"], PRINTING, "only cli prints and reads arguments"),
        (HARNESS, &["nll", "NLL"], "the harness knows no metric by name"),
        (&["figures", "page"], &["crate::schedule"], "figures are drawn from disk alone"),
        (
            &["cli"],
            &[
                "fs::read_dir",
                "run_all(",
                "Worker {",
                "Worker::new",
                "Training {",
                "publish(run",
            ],
            "store reads the results, and runner, session and launch do runs",
        ),
    ];
    let mut objections = Vec::new();
    for (root, file) in roots()
        .iter()
        .flat_map(|root| rust_files(root).into_iter().map(move |file| (root, file)))
    {
        let relative = file.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("\n#[cfg(test)]").next().unwrap();
        let code: String =
            code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for (modules, words, reason) in rules {
            let inside = |m: &&&str| {
                relative.strip_prefix(**m).is_some_and(|rest| rest.starts_with(['/', '.']))
            };
            if modules.iter().any(|m| inside(&m)) && relative != "cli/torture.rs" {
                let hits = words.iter().filter(|word| code.contains(**word));
                objections.extend(hits.map(|word| format!("{relative}: `{word}`, but {reason}")));
            }
        }
    }
    assert!(objections.is_empty(), "\n{}", objections.join("\n"));
}
