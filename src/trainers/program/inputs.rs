//! Inputs of a program: files known by their content, data known by names and sizes, and the
//! programs that its commands start. Looks at the disk alone.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::command::{Places, Writer};
use crate::regular;
use crate::store::copied_name;
use crate::text::{bytes, count, nearest};
use crate::trainer::template::placeholders;
use crate::trainer::{Config, Declaration, DeclarationFault};

/// Most files that the inputs, or one data path, may have.
const MOST: usize = 1_000_000;

/// Hashes of files, kept for as long as path, size, time of change and inode are the same.
#[derive(Debug, Default)]
pub(super) struct Hashes(Mutex<BTreeMap<PathBuf, (Stamp, String)>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    inode: (u64, u64),
}

impl Stamp {
    fn of(found: &fs::Metadata) -> Self {
        Self {
            size: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
            inode: (found.dev(), found.ino()),
        }
    }
}

impl Hashes {
    /// BLAKE3 of a regular file.
    fn of(&self, path: &Path) -> io::Result<String> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One system call for a file that is known: there may be thousands, before and after every
        // run. Only regular files have ever been added.
        if let Ok(found) = fs::metadata(path)
            && let Some((known, hash)) = lock().get(path)
            && *known == Stamp::of(&found)
        {
            return Ok(hash.clone());
        }
        let file = regular::open(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        let hash = blake3::Hasher::new().update_reader(file)?.finalize().to_hex().to_string();
        lock().insert(path.to_owned(), (stamp, hash.clone()));
        Ok(hash)
    }

    /// The first input that is not what it was when the experiment was planned, with what happened
    /// to it; `copy` is the folder of the copy of the inputs, where runs start from one.
    pub(super) fn changed(&self, declaration: &Declaration, copy: Option<&Path>) -> Option<String> {
        declaration.program.inputs.iter().find_map(|(name, hash)| {
            let path = match copy {
                Some(copy) => copy.join(copied_name(name)),
                None => declaration.home.join(name),
            };
            let shown = if copy.is_some() { path.to_string_lossy() } else { name.into() };
            match self.of(&path) {
                Ok(now) if now == *hash => None,
                Ok(_) => Some(format!("{shown} has changed")),
                Err(error) => Some(format!("{shown}: {error}")),
            }
        })
    }
}

/// Looks for everything that a declaration names, fills in inputs and data, and returns the faults.
pub(super) fn resolve(declaration: &mut Declaration, hashes: &Hashes) -> Vec<DeclarationFault> {
    let mut faults = Vec::new();
    let home = declaration.home.clone();
    for (index, pattern) in declaration.inputs.clone().iter().enumerate() {
        let mut refuse = |message: String, help: Option<&str>| {
            faults.push(DeclarationFault {
                key: "program.inputs".into(),
                index: Some(index),
                message,
                help: help.map(str::to_owned),
            });
        };
        match matched(&home, pattern) {
            Err(problem) => refuse(problem, None),
            Ok(found) if found.is_empty() => {
                let help = near_file(&home, pattern).map(|near| format!("did you mean `{near}`?"));
                refuse(
                    format!("the input `{pattern}` matches no file in {}", home.display()),
                    help.as_deref(),
                );
            }
            Ok(found) => {
                for (name, path) in found {
                    if path.is_dir() {
                        let below =
                            if name.is_empty() { String::new() } else { format!("{name}/") };
                        let help = format!("its files are \"{below}**/*\"");
                        refuse(format!("the input `{name}` is a folder"), Some(&help));
                        continue;
                    }
                    match hashes.of(&path) {
                        Ok(hash) => drop(declaration.program.inputs.insert(name, hash)),
                        Err(error) => {
                            refuse(format!("the input `{name}` cannot be read: {error}"), None);
                        }
                    }
                }
            }
        }
    }
    let paths: Vec<String> = declaration.program.data.keys().cloned().collect();
    for path in paths {
        match listed(&home.join(&path)) {
            Ok(known) => drop(declaration.program.data.insert(path, known)),
            Err(error) => faults.push(DeclarationFault {
                key: "program.data".into(),
                index: None,
                message: format!("the data `{path}` cannot be read: {error}"),
                help: None,
            }),
        }
    }
    faults.extend(programs(declaration));
    faults
}

/// The files of a pattern, by their paths relative to `home` where they are below it.
fn matched(home: &Path, pattern: &str) -> Result<Vec<(String, PathBuf)>, String> {
    let named = |path: PathBuf| {
        let name = path.strip_prefix(home).unwrap_or(&path).to_string_lossy().into_owned();
        (name, path)
    };
    let plain = pattern.strip_prefix("./").unwrap_or(pattern);
    if !plain.contains(['*', '?', '[']) {
        let path = home.join(plain);
        return Ok(if fs::symlink_metadata(&path).is_ok() {
            vec![named(path)]
        } else {
            Vec::new()
        });
    }
    let glob =
        glob::Pattern::new(plain).map_err(|error| format!("`{pattern}` is no pattern: {error}"))?;
    let options = glob::MatchOptions { require_literal_separator: true, ..Default::default() };
    // From the folder before the first wildcard on. Folders that are links are left out: they may
    // lead round in circles.
    let fixed: Vec<&str> =
        plain.split('/').take_while(|part| !part.contains(['*', '?', '['])).collect();
    let start = fixed.join("/");
    let start = if plain.starts_with('/') && start.is_empty() { "/".to_owned() } else { start };
    let mut found = Vec::new();
    let mut waiting = vec![(home.join(&start), start)];
    while let Some((folder, name)) = waiting.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let part = entry.file_name().to_string_lossy().into_owned();
            let below = if name.is_empty() { part.clone() } else { format!("{name}/{part}") };
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if part != "__pycache__" && part != ".git" {
                    waiting.push((path, below));
                }
            } else if glob.matches_with(&below, options) && !path.is_dir() {
                found.push(named(path));
            }
        }
        if found.len() > MOST {
            return Err(format!("`{pattern}` matches more than {MOST} files"));
        }
    }
    Ok(found)
}

/// A file next to where a pattern looks, with a similar name.
fn near_file(home: &Path, pattern: &str) -> Option<String> {
    let path = home.join(pattern);
    let (folder, name) = (path.parent()?, path.file_name()?.to_str()?);
    let there: Vec<String> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    let near = nearest(name, there.iter().map(String::as_str))?;
    let near = folder.join(near);
    Some(near.strip_prefix(home).unwrap_or(&near).to_string_lossy().into_owned())
}

/// Number of files, bytes, and a hash of names and sizes of a file or of all files in a folder.
fn listed(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    let (mut files, mut total) = (0, 0);
    let mut waiting = vec![(path.to_owned(), String::new())];
    while let Some((path, name)) = waiting.pop() {
        let found = fs::metadata(&path)?;
        if found.is_dir() {
            let mut below: Vec<(PathBuf, String)> = fs::read_dir(&path)?
                .map(|entry| {
                    let entry = entry?;
                    let name = format!("{name}/{}", entry.file_name().to_string_lossy());
                    Ok((entry.path(), name))
                })
                .collect::<io::Result<_>>()?;
            // From the end of the list: names in order.
            below.sort_by(|(_, a), (_, b)| b.cmp(a));
            waiting.extend(below);
        } else if found.is_file() {
            hasher.update(format!("{name}\0{}\n", found.len()).as_bytes());
            (files, total) = (files + 1, total + found.len());
        } else {
            return Err(io::Error::other("it is no file and no folder"));
        }
        if files > MOST {
            return Err(io::Error::other(format!("it has more than {MOST} files")));
        }
    }
    let hash = hasher.finalize().to_hex();
    Ok(format!("{}, {}, {}", count(files, "file"), bytes(total), &hash[..16]))
}

/// Commands whose program is not there or cannot be executed.
fn programs(declaration: &Declaration) -> Vec<DeclarationFault> {
    let several = declaration.program.command.len() > 1;
    let wrapped = !declaration.conduct.wrap.is_empty();
    let commands = declaration.program.command.iter().enumerate().filter(|_| !wrapped);
    let own =
        commands.map(|(i, words)| ("program.command", if several { i } else { 0 }, &words[0]));
    let wrap = declaration.conduct.wrap.first().map(|word| ("execution.wrap", 0, word));
    let versions = declaration.conduct.versions.first().map(|word| ("program.versions", 0, word));
    let mut faults = Vec::new();
    for (key, index, word) in own.chain(wrap).chain(versions) {
        if placeholders(word).any(|name| name != "here") {
            continue;
        }
        if let Err(message) = executable(declaration, word) {
            let near = near_program(declaration, word);
            faults.push(DeclarationFault {
                key: key.into(),
                index: Some(index),
                message,
                help: near.map(|near| format!("did you mean `{near}`?")),
            });
        }
    }
    faults
}

/// Path of the program that the first word of a command starts.
pub(super) fn executable(declaration: &Declaration, word: &str) -> Result<PathBuf, String> {
    let home = declaration.home.to_string_lossy();
    let writer = Writer::new(
        declaration,
        &Config::new(&serde_json::Value::Object(serde_json::Map::new())),
        Places { seed: "", run: "", here: &home },
    );
    let word = writer.fill(word);
    if word.contains('/') {
        let directory = declaration.home.join(writer.fill(&declaration.program.directory));
        let path = directory.join(&word);
        return match fs::metadata(&path) {
            Err(_) => Err(format!("the program `{word}` is not there: {}", path.display())),
            Ok(found) if !found.is_file() => {
                Err(format!("`{word}` is no program: {}", path.display()))
            }
            Ok(found) if found.permissions().mode() & 0o111 == 0 => Err(format!(
                "`{word}` is not executable: `chmod +x {}`, or name its interpreter first",
                path.display()
            )),
            Ok(_) => has_interpreter(&word, path),
        };
    }
    let path = declaration.program.env.get("PATH").cloned();
    let path = path.or_else(|| std::env::var("PATH").ok()).unwrap_or_default();
    let is_program = |path: &PathBuf| {
        fs::metadata(path)
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(&path)
        .map(|folder| folder.join(&word))
        .find(is_program)
        .ok_or_else(|| format!("no program `{word}` is in PATH"))
        .and_then(|path| has_interpreter(&word, path))
}

/// The path of a program, unless it is a script whose interpreter is not there.
fn has_interpreter(word: &str, path: PathBuf) -> Result<PathBuf, String> {
    let mut line = Vec::new();
    if let Ok(file) = regular::open(&path) {
        let _ = file.take(256).read_to_end(&mut line);
    }
    let line = line.split(|&b| b == b'\n').next().unwrap_or_default();
    let named = line.strip_prefix(b"#!").map(String::from_utf8_lossy);
    let missing = named
        .as_ref()
        .and_then(|named| named.split_whitespace().next())
        .filter(|interpreter| !Path::new(interpreter).exists());
    match missing {
        None => Ok(path),
        Some(interpreter) => Err(format!(
            "`{word}` needs {interpreter}, which its first line names and which is not there"
        )),
    }
}

/// A program with a similar name: in PATH, or in the folder of the experiment file.
fn near_program(declaration: &Declaration, word: &str) -> Option<String> {
    if word.contains('/') {
        return near_file(&declaration.home, word);
    }
    if declaration.home.join(word).is_file() {
        return Some(format!("./{word}"));
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let names: Vec<String> = std::env::split_paths(&path)
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    nearest(word, names.iter().map(String::as_str)).map(str::to_owned)
}

/// Words of the commands that are files next to the experiment and neither inputs nor data: a
/// change of them would go unnoticed.
pub(super) fn unwatched(declaration: &Declaration) -> Vec<String> {
    let words = declaration.program.command.iter().flatten();
    let is_file = |word: &&String| {
        !word.contains('{')
            && File::open(declaration.home.join(word))
                .is_ok_and(|file| file.metadata().is_ok_and(|found| found.is_file()))
    };
    let known = |word: &str| {
        let plain = word.strip_prefix("./").unwrap_or(word);
        let is_data =
            |path: &String| Path::new(plain).starts_with(path.strip_prefix("./").unwrap_or(path));
        declaration.program.inputs.keys().any(|name| name == plain)
            || declaration.program.data.keys().any(is_data)
    };
    words
        .filter(is_file)
        .filter(|word| !known(word) && !word.starts_with('/'))
        .cloned()
        .collect()
}
