//! The README and the guides work for a reader who follows them in order, and so do the experiments
//! of `examples/program`.
//!
//! Every command of a block marked `sh` is run as written, in an empty directory. A block
//! marked `toml NAME` or `python NAME` is saved as `NAME`; `ablade plan` must accept one marked
//! `toml` alone. One marked `toml fragment`, `python` or `r` is a part of a file, to read. A block
//! marked `text` shows output of the commands above it: each of its lines must be a line of that
//! output, in this order. `...` alone on a line stands for any lines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{python, skipped};

/// A fenced block of a Markdown document.
struct Block {
    /// Text after the opening fence: `sh`, `text`, `toml first.toml`.
    info: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The fenced blocks of a document, in its order.
fn blocks(document: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for line in document.lines() {
        if let Some(info) = line.strip_prefix("```") {
            inside = !inside;
            if inside {
                blocks.push(Block { info: info.to_owned(), text: String::new() });
            }
        } else if let (true, Some(block)) = (inside, blocks.last_mut()) {
            block.text += line;
            block.text.push('\n');
        }
    }
    assert!(!inside, "a fence is not closed");
    blocks
}

/// The arguments of `ablade` in a line that runs it, from a clone or installed. `None` for lines
/// that build, install or test the program: this test needs it built already.
fn arguments(line: &str) -> Option<Vec<String>> {
    const BUILDS: [&str; 5] =
        ["cargo install ", "pip install ", "cargo test", "git clone ", "cd ablade"];
    let command = line.split(" #").next().unwrap_or(line).trim();
    let rest = ["ablade ", "cargo run --release -- "]
        .iter()
        .find_map(|prefix| command.strip_prefix(prefix));
    if rest.is_none() {
        assert!(
            BUILDS.iter().any(|build| command.starts_with(build)),
            "`{line}` is neither `ablade`, nor does it build it"
        );
    }
    let rest = rest?;
    assert!(!rest.contains(['\'', '\\', '$', '|']), "`{line}` needs a shell");
    let quoted = rest.split('"').enumerate();
    Some(
        quoted
            .flat_map(|(i, part)| match i % 2 {
                0 => part.split_whitespace().map(str::to_owned).collect(),
                _ => vec![part.to_owned()],
            })
            .collect(),
    )
}

/// Runs a command and returns all that it prints; it must succeed.
fn run(line: &str, directory: &Path) -> String {
    let Some(arguments) = arguments(line) else {
        return String::new();
    };
    let output = Command::new(env!("CARGO_BIN_EXE_ablade"))
        .args(arguments)
        .current_dir(directory)
        .env("ABLADE_DATA", directory.join("no-data-folder"))
        // Results in which programs were started are remembered there.
        .env("XDG_STATE_HOME", directory.join("state"))
        .output()
        .expect("the program starts");
    let text = [output.stderr, output.stdout].concat();
    let text = String::from_utf8(text).expect("output is UTF-8");
    assert!(output.status.success(), "`{line}`: {}\n{text}", output.status);
    text
}

/// Checks that `output` has the lines of `shown` in their order.
fn assert_shown(shown: &str, output: &str, commands: &str) {
    let mut lines = output.lines().map(str::trim_end);
    for line in shown.lines().filter(|line| *line != "...") {
        assert!(
            lines.any(|other| other == line),
            "{commands}does not print, or not in this place:\n{line}\n\nIt printed:\n{output}"
        );
    }
}

/// Follows a document in a directory and returns the number of commands.
fn follow(document: &str, directory: &Path) -> usize {
    let (mut n_commands, mut commands, mut output) = (0, String::new(), String::new());
    for block in blocks(document) {
        match block.info.split_once(' ').unwrap_or((&block.info, "")) {
            ("sh", "") => {
                output = block.text.lines().map(|line| run(line, directory)).collect();
                n_commands += block.text.lines().count();
                commands = block.text;
            }
            ("text", "") => assert_shown(&block.text, &output, &commands),
            ("toml", "") => {
                fs::write(directory.join("unnamed.toml"), block.text).expect("a file is written");
                run("ablade plan unnamed.toml", directory);
            }
            ("toml", "fragment") | ("python" | "r", "") => {}
            ("toml" | "python" | "bash", name) => {
                fs::write(directory.join(name), block.text).expect("a file is written");
            }
            other => panic!("a block of kind {other:?}"),
        }
    }
    n_commands
}

/// Both in one directory, so that the README's runs are those that the tutorial has trained.
#[test]
fn the_tutorial_and_the_readme_work_as_written() {
    let directory = tempfile::tempdir().expect("a directory");
    let n_commands = follow(&read(&root().join("docs/guide/tutorial.md")), directory.path());
    assert!(n_commands >= 8, "{n_commands} commands");
    for picture in ["ablation", "interactions"] {
        assert!(directory.path().join(format!("plots/first/{picture}.png")).is_file());
    }
    let shipped = root().join("docs/guide/first.toml");
    assert_eq!(
        read(&directory.path().join("first.toml")),
        read(&shipped),
        "docs/guide/first.toml is not the file that the tutorial shows"
    );

    let guide = directory.path().join("docs/guide");
    fs::create_dir_all(&guide).expect("a directory");
    fs::copy(&shipped, guide.join("first.toml")).expect("a copy");
    let readme = read(&root().join("README.md"));
    let n_commands = follow(&readme, directory.path());
    assert!(n_commands >= 10, "{n_commands} commands");
    assert!(readme.contains("cargo test\n"), "the README says how to run the tests");
}

/// True if all of these programs are in `PATH`; otherwise prints that the test is skipped.
fn has(programs: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |name: &&&str| std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
    let missing: Vec<_> = programs.iter().filter(|name| !is_there(name)).collect();
    if !missing.is_empty() {
        skipped(format_args!("not in PATH: {missing:?}"));
    }
    missing.is_empty()
}

#[test]
fn the_guide_to_programs_works_as_written() {
    if !has(&["python3"]) {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let n_commands = follow(&read(&root().join("docs/guide/program.md")), directory.path());
    assert!(n_commands >= 3, "{n_commands} commands");
    assert!(directory.path().join("plots/parts/ablation.png").is_file());
}

/// Exit code 0 says that every run has finished with all its metrics.
/// The programs of `docs/reference/output.md` that draw a table.
#[test]
fn a_table_is_drawn_in_python_and_in_r() {
    let directory = tempfile::tempdir().unwrap();
    let study = fs::read_to_string(root().join("docs/guide/first.toml")).unwrap();
    fs::write(directory.path().join("first.toml"), study).unwrap();
    let quick = "--seeds 3 --set train.epochs=1 --set data.train=100";
    run(&format!("ablade sweep first.toml {quick}"), directory.path());
    let blocks = blocks(&read(&root().join("docs/reference/output.md")));
    let program = |info: &str| blocks.iter().find(|block| block.info == info).unwrap().text.clone();
    let draws = |mut command: Command, figure: &str| {
        let output = command.current_dir(directory.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let drawn = fs::read(directory.path().join(figure)).unwrap();
        assert!(drawn.starts_with(b"%PDF") && drawn.len() > 3000, "{figure}: {}", drawn.len());
    };
    if let Some(mut python) = python("pandas, matplotlib") {
        python.args(["-c", &program("python")]).env("MPLBACKEND", "agg");
        draws(python, "first-python.pdf");
    }
    if has(&["Rscript"]) {
        fs::write(directory.path().join("draw.R"), program("r")).unwrap();
        let mut r = Command::new("Rscript");
        r.arg("draw.R").env("LC_ALL", "C.UTF-8");
        draws(r, "first-r.pdf");
    }
}

/// The scripts of the reference wait for a sweep that is under way, and print its verdicts.
#[test]
fn the_reference_of_json_and_its_scripts_work_as_written() {
    let directory = tempfile::tempdir().expect("a directory");
    let document = read(&root().join("docs/reference/json.md"));
    assert_eq!(follow(&document, directory.path()), 2);
    let binary = Path::new(env!("CARGO_BIN_EXE_ablade")).parent().expect("a folder");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(binary.to_owned()).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(path).expect("a path");
    for (interpreter, script, needs, epochs) in [
        ("python3", "wait.py", &["python3"][..], 20),
        ("bash", "wait.sh", &["bash", "jq"], 21),
    ] {
        if !has(needs) {
            continue;
        }
        let name = script.replace('.', "-");
        let command = |program: &str, words: &[&str]| {
            let mut command = Command::new(program);
            command.args(words).current_dir(directory.path()).env("PATH", &path);
            command
        };
        // Of another length, so that it has to be trained; the results know its plan first.
        let epochs = format!("train.epochs={epochs}");
        let mut sweep =
            command("ablade", &["sweep", "skip.toml", "--name", &name, "--set", &epochs]);
        let mut sweep =
            sweep.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        while !directory.path().join("results").join(&name).join("plan.json").exists() {
            assert!(sweep.try_wait().expect("a child").is_none(), "it ended without a plan");
        }
        let output = command(interpreter, &[script, &name]).output().expect("a shell");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(rows.len(), 2, "{script}: {text}");
        assert_eq!([rows[0][0], rows[0][3]], ["baseline"; 2]);
        assert_eq!([rows[1][0], rows[1][3]], ["skip on", "better"]);
        assert!(sweep.wait().expect("a child").success());
    }
}

#[test]
fn the_examples_of_programs_run() {
    if !has(&["python3", "awk"]) {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["ablation.toml", "classifier.py", "shell.toml"] {
        let source = root().join("examples/program").join(name);
        fs::copy(source, directory.path().join(name)).expect("a copy");
    }
    for (line, variants) in [
        ("ablade sweep ablation.toml --seeds 2", &["raw inputs", "no momentum"]),
        ("ablade sweep shell.toml --seeds 2", &["points 10000", "stratified on"]),
    ] {
        let output = run(line, directory.path());
        for variant in variants {
            assert!(output.contains(&format!("| {variant} ")), "{line}: no {variant}\n{output}");
        }
    }
}

/// With programs in place of those that a machine may lack: nothing is started.
#[cfg(unix)]
#[test]
fn every_example_of_a_program_can_be_planned() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    for folder in ["bin", "mnist"] {
        fs::create_dir(path(folder)).expect("a folder");
    }
    for name in ["python3", "awk", "sh", "Rscript", "R"] {
        let program = path("bin").join(name);
        fs::write(&program, "").expect("a file");
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("permissions");
    }
    let mut planned = 0;
    for entry in fs::read_dir(root().join("examples/program")).expect("a folder") {
        let source = entry.expect("an entry").path();
        fs::copy(&source, path(source.file_name().unwrap().to_str().unwrap())).expect("a copy");
    }
    for entry in fs::read_dir(directory.path()).expect("a folder") {
        let file = entry.expect("an entry").path();
        if file.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ablade"));
        command.arg("plan").arg(&file).current_dir(directory.path());
        let output = command.env("PATH", path("bin")).output().expect("the program starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        planned += 1;
    }
    assert!(planned >= 4, "{planned} examples");
}

/// Every published table has an experiment whose arguments `sweep` understands, and the reverse.
#[test]
fn published_tables_have_their_experiments() {
    let published = root().join("docs/results");
    let text = fs::read_to_string(published.join("experiments.toml")).expect("a file");
    let experiments: toml::Table = text.parse().expect("TOML");
    let directory = tempfile::tempdir().expect("a directory");
    for (name, experiment) in &experiments {
        assert!(published.join(format!("{name}.csv")).exists(), "{name} has no table");
        let arguments = experiment["arguments"].as_array().expect("a list");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ablade"));
        command.current_dir(root()).args(["plan", "--name", name, "--results"]);
        command.arg(directory.path()).env("ABLADE_DATA", directory.path());
        command.args(arguments.iter().map(|argument| argument.as_str().expect("a text")));
        let output = command.output().expect("the program starts");
        // Data that are not here are another matter.
        let said = String::from_utf8_lossy(&output.stderr);
        let lacks_data = said.contains("ablade data fetch") || said.contains("no data set");
        assert!(output.status.success() || lacks_data, "{name}: {said}");
    }
    for entry in fs::read_dir(published).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        assert!(name == "experiments" || experiments.contains_key(name), "{name}.csv");
    }
}

/// All Markdown files of the repository.
fn documents() -> Vec<PathBuf> {
    let folders = [
        "",
        "docs",
        "docs/guide",
        "docs/reference",
        "docs/dev",
        "examples/program",
        "results",
        "plots",
    ];
    let entries = folders
        .iter()
        .filter_map(|folder| fs::read_dir(root().join(folder)).ok())
        .flatten();
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut documents: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    documents.sort();
    documents
}

/// Anchor of a heading in a link.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut n_links = 0;
    for path in documents() {
        let text = read(&path);
        let prose: String = text.split("```").step_by(2).collect();
        for link in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            n_links += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                _ => path.parent().expect("a folder").join(file),
            };
            assert!(target.exists(), "{}: {link} is not there", path.display());
            if !heading.is_empty() {
                let headings = read(&target);
                let mut headings = headings.lines().filter(|line| line.starts_with('#'));
                assert!(
                    headings.any(|line| anchor(line.trim_start_matches('#').trim()) == heading),
                    "{}: {link} has no such heading",
                    path.display()
                );
            }
        }
    }
    assert!(n_links > 30, "{n_links} links");
}
