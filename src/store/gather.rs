//! Results of other origin, taken over by id and checksum: from other results directories, or from a
//! tar archive as a stream.
//!
//! ```text
//! a run there --copied--> .writing-*/<n>/runs/<id> --examined, compared--> synced --renamed--> runs/<id>
//! ```
//!
//! Runs go through in batches: one batch is copied and examined in parallel, brought to disk by one
//! call, and published run by run. What a batch needs of memory depends neither on the number of
//! runs nor on their size. Plans, the record of the past and the test images of figures come along
//! where there are none of their names. Everything else stays behind.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::bufread::MultiGzDecoder;
use rayon::prelude::*;
use tempfile::TempDir;

use super::arrivals::{MOST_FILES, Obstacle, Standing, refused};
use super::disk::{create_dirs, make_dirs, sync_below, sync_dir, write_new};
use super::experiments::{Addition, LARGEST_REFERENCE};
use super::garbage::holds_images;
use super::history::HISTORY;
use super::listing::{entries, is_dir};
use super::names::is_fingerprint;
use super::runs::LARGEST;
use super::sealed::{load_plan, may_be_sealed};
use super::tar::{ArchiveEntry, EntryKind, TarReader};
use super::{Store, StoreError, check_name};
use crate::plan::RunId;
use crate::plan::names::is_file_path;
use crate::regular;
use crate::text::{brief, count};

/// Number of runs in the first batch of a directory, before their size is known.
const FIRST_BATCH: usize = 64;
/// Maximum number of runs in a batch.
const LARGEST_BATCH: usize = 1024;
/// Number of bytes after which a batch is complete.
const BATCH_BYTES: u64 = 1 << 30;
/// Maximum number of sentences that a report has of one kind.
const MOST_SENTENCES: usize = 1000;
/// Maximum number of plans, records and images of one source.
const MOST_OTHERS: usize = 100_000;
/// Maximum size of a plan [bytes].
const LONGEST_PLAN: u64 = 1 << 30;

/// Results of other origin.
pub enum GatherSource {
    /// Results directory.
    Directory(PathBuf),
    /// Tar archive, compressed by gzip or not, with its name.
    Archive(String, Box<dyn Read + Send>),
}

/// Options of [`Store::gather`].
#[derive(Clone, Copy)]
pub struct GatherOptions<'a> {
    /// Takes what is right; otherwise the sources are only examined.
    pub takes: bool,
    /// Raised to ask for a clean stop.
    pub stop: &'a AtomicBool,
    /// Told after each batch.
    pub told: &'a (dyn Fn(&Gathered) + Sync),
}

/// Report of [`Store::gather`].
#[derive(Debug, Default)]
pub struct Gathered {
    /// Runs of the sources that are in these results now; without taking: that would be.
    pub runs: BTreeSet<RunId>,
    /// Number of runs that were not here.
    pub n_new: usize,
    /// Number of runs that were here already.
    pub n_known: usize,
    /// Experiments whose plans were not here.
    pub plans: Vec<String>,
    /// Number of entries of the record of the past that were not here.
    pub n_records: usize,
    /// Everything that was refused, with the reason.
    pub refused: Sentences,
    /// Runs of the built-in model that are here with other values, which stay.
    pub differing: Sentences,
    /// Runs of programs that are here with other files, which stay.
    pub varying: Sentences,
    /// Error after which nothing else could be taken.
    pub stopped: Option<StoreError>,
}

/// Sentences of one kind: a hostile source could have any number.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Sentences {
    /// The first of them.
    pub first: Vec<String>,
    /// Number of all.
    pub n: usize,
}

impl Sentences {
    fn add(&mut self, sentence: String) {
        self.n += 1;
        if self.first.len() < MOST_SENTENCES {
            self.first.push(sentence);
        }
    }
}

/// One thing in a source that may be taken over, by its path below a results directory, the root.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// The directory of a run, or a file in it.
    Run {
        root: String,
        run: RunId,
        name: Option<String>,
    },
    Other {
        root: String,
        other: Other,
    },
    /// Anything else stays behind.
    Ignored,
}

/// A file that is taken over besides runs.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Other {
    /// Plan of an experiment.
    Plan(String),
    /// File of the record of the past.
    Record(String),
    /// Test images of a data set.
    Images(String),
}

impl Other {
    /// Path below the root.
    fn path(&self) -> String {
        match self {
            Self::Plan(name) => format!("{name}/plan.json"),
            Self::Record(name) => format!("{HISTORY}/{name}"),
            Self::Images(fingerprint) => format!("data/{fingerprint}.npy"),
        }
    }

    fn limit(&self) -> u64 {
        match self {
            Self::Plan(_) => LONGEST_PLAN,
            Self::Record(_) => super::history::LONGEST,
            Self::Images(_) => LARGEST_REFERENCE,
        }
    }
}

impl Place {
    /// Place of a path in an archive; an error if the path leads out of it.
    fn of(path: &str) -> Result<Self, &'static str> {
        if path.starts_with('/') {
            return Err("its path is absolute");
        }
        let parts: Vec<&str> =
            path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.contains(&"..") {
            return Err("its path leads out of the archive");
        }
        let root = |depth: usize| parts[..depth].join("/");
        let runs = parts
            .windows(2)
            .position(|two| two[0] == "runs" && RunId::parse(two[1]).is_some());
        if let Some(at) = runs
            && let Some(run) = RunId::parse(parts[at + 1])
        {
            let name = (parts.len() > at + 2).then(|| parts[at + 2..].join("/"));
            return Ok(Self::Run { root: root(at), run, name });
        }
        let &[.., folder, file] = &parts[..] else { return Ok(Self::Ignored) };
        let other = if folder == HISTORY && file.ends_with(".json") {
            Other::Record(file.to_owned())
        } else if folder == "data"
            && let Some(fingerprint) = file.strip_suffix(".npy").filter(|name| is_fingerprint(name))
        {
            Other::Images(fingerprint.to_owned())
        } else if file == "plan.json" && check_name(folder).is_ok() {
            Other::Plan(folder.to_owned())
        } else {
            return Ok(Self::Ignored);
        };
        Ok(Self::Other { root: root(parts.len() - 2), other })
    }
}

/// A run of an archive whose files are arriving.
struct Arriving {
    root: String,
    run: RunId,
    n_files: usize,
    bytes: u64,
    refused: Option<String>,
}

/// State of gathering.
struct Gathering<'a> {
    store: &'a Store,
    /// Scratch for runs before they are published, and for everything else that arrives, once it is
    /// prepared.
    copies: Store,
    /// Directory of the scratch where nothing is taken.
    apart: Option<TempDir>,
    is_prepared: bool,
    options: GatherOptions<'a>,
    found: Gathered,
    /// Runs that were copied and not examined yet.
    batch: Vec<RunId>,
    bytes: u64,
    /// Files that have arrived besides runs: root, place and copy.
    others: Vec<(String, Other, PathBuf)>,
    n_others: usize,
    /// Roots that have runs.
    roots: BTreeSet<String>,
    /// Fingerprints of the data of runs that were examined.
    data: BTreeSet<String>,
}

impl Store {
    /// Refuses a directory that is no results directory of other origin.
    pub fn check_source(&self, dir: &Path) -> Result<(), StoreError> {
        let wrong = |reason: String| Err(StoreError::Malformed { path: dir.to_owned(), reason });
        let found = fs::metadata(dir).map_err(StoreError::io("read", dir))?;
        let runs = dir.join("runs");
        match fs::symlink_metadata(&runs) {
            Ok(found) if found.is_symlink() => {
                return wrong("its folder `runs` is a link, and no link is followed: name the directory that has the runs".to_owned());
            }
            Ok(found) if found.is_dir() => {}
            _ => {
                let below = dir.join("results");
                let hint = match is_dir(&below.join("runs")) {
                    true => format!("; did you mean {}?", below.display()),
                    false => String::new(),
                };
                return wrong(format!(
                    "it holds no results: expected the folder `runs` in it{hint}"
                ));
            }
        }
        let is_same = |here: &Path, there: &Path| {
            let which =
                |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
            which(here).is_some_and(|here| Some(here) == which(there))
        };
        if found.is_dir() && (is_same(self.root(), dir) || is_same(&self.runs(), &runs)) {
            return wrong("these are the results themselves: --results names those that others are taken into".to_owned());
        }
        Ok(())
    }

    /// Takes over finished runs of other results by id and checksum, with the plans, the record of
    /// the past and the test images that are not here. Nothing that is here is replaced. Starts no
    /// program, follows no link.
    pub fn gather(
        &self,
        sources: Vec<GatherSource>,
        options: GatherOptions,
    ) -> Result<Gathered, StoreError> {
        let mut gathering = Gathering {
            store: self,
            copies: self.clone(),
            apart: None,
            is_prepared: false,
            options,
            found: Gathered::default(),
            batch: Vec::new(),
            bytes: 0,
            others: Vec::new(),
            n_others: 0,
            roots: BTreeSet::new(),
            data: BTreeSet::new(),
        };
        let mut unreadable = None;
        for source in sources {
            let (name, ended) = match source {
                GatherSource::Directory(dir) => {
                    (dir.display().to_string(), gathering.directory(&dir))
                }
                GatherSource::Archive(name, from) => {
                    let ended = gathering.archive(&name, from);
                    (name, ended)
                }
            };
            gathering.forget_source();
            match ended {
                Ok(()) => {}
                // The stream of an archive ends with the request to stop.
                Err(_) if gathering.is_stopped() => {}
                Err(Obstacle::Refused(reason)) => {
                    gathering.found.refused.add(format!("{name}: {reason}"));
                    unreadable.get_or_insert((PathBuf::from(name), reason));
                }
                Err(Obstacle::Fatal(error)) if !gathering.is_prepared => return Err(error),
                Err(Obstacle::Fatal(error)) => gathering.found.stopped = Some(error),
            }
            if gathering.found.stopped.is_some() || gathering.is_stopped() {
                break;
            }
        }
        let writes = gathering.is_prepared && options.takes;
        if gathering.is_prepared {
            let _ = fs::remove_dir_all(gathering.copies.root());
        }
        let found = gathering.found;
        let n_runs = found.n_new + found.n_known + found.differing.n + found.varying.n;
        if let Some((path, reason)) = unreadable
            && n_runs == 0
            && found.refused.n == 1
        {
            return Err(StoreError::Malformed { path, reason });
        }
        if writes && found.stopped.is_none() {
            self.tidy()?;
        }
        Ok(found)
    }
}

impl Gathering<'_> {
    fn is_stopped(&self) -> bool {
        self.options.stop.load(Ordering::SeqCst)
    }

    /// Makes the scratch when something arrives: bad input leaves no trace.
    fn prepare(&mut self) -> Result<(), StoreError> {
        if self.is_prepared {
            return Ok(());
        }
        let scratch = if self.options.takes {
            self.store.probe()?;
            self.store.check_history()?;
            create_dirs(&self.store.runs())?;
            self.store.scratch_path()?
        } else {
            let dir = tempfile::tempdir();
            let dir = dir.map_err(StoreError::io("write in", &std::env::temp_dir()))?;
            self.apart.insert(dir).path().to_owned()
        };
        self.copies = self.store.at(scratch);
        self.is_prepared = true;
        Ok(())
    }

    fn refuse(&mut self, what: &str, from: &str, reason: &str) {
        self.found.refused.add(format!("{what} of {from}: {reason}"));
    }

    /// Takes over the results in a directory.
    fn directory(&mut self, dir: &Path) -> Result<(), Obstacle> {
        let from = dir.display().to_string();
        let runs = dir.join("runs");
        let unreadable = |error: io::Error| Obstacle::Refused(error.to_string());
        let mut there = Vec::new();
        for entry in fs::read_dir(&runs).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            there.extend(name.to_str().and_then(RunId::parse));
        }
        there.sort_unstable();
        self.roots.insert(String::new());
        self.other_files(dir, &from)?;
        // Before runs: what was seen of them is known before they can be seen here.
        self.take_records(&from)?;
        self.prepare()?;
        let (mut rest, mut n) = (&there[..], FIRST_BATCH);
        while !rest.is_empty() && !self.is_stopped() {
            let (part, later) = rest.split_at(n.min(rest.len()));
            rest = later;
            let fetch = |run: &RunId| self.fetch(run, &runs.join(run.as_str()));
            let fetched: Vec<_> =
                part.par_iter().take_any_while(|_| !self.is_stopped()).map(fetch).collect();
            if self.is_stopped() {
                break;
            }
            let (mut bytes, mut n_copied) = (0, 1);
            for (run, fetched) in part.iter().zip(fetched) {
                match fetched {
                    Ok(None) => self.known(run),
                    Ok(Some(size)) => {
                        self.batch.push(run.clone());
                        (bytes, n_copied) = (bytes + size, n_copied + 1);
                    }
                    Err(Obstacle::Refused(reason)) => self.refuse(run.as_str(), &from, &reason),
                    Err(fatal) => return Err(fatal),
                }
            }
            self.settle(&from)?;
            let fitting = BATCH_BYTES / (bytes / n_copied + 1);
            n = usize::try_from(fitting).unwrap_or(LARGEST_BATCH).clamp(8, LARGEST_BATCH);
        }
        self.take_others(&from)
    }

    /// Copies a run unless the same one is here; returns the size of the copy.
    fn fetch(&self, run: &RunId, from: &Path) -> Result<Option<u64>, Obstacle> {
        let is_here = fs::symlink_metadata(self.store.run_dir(run)).is_ok();
        if is_here && self.store.standing_of(run, from)? == Standing::Same {
            return Ok(None);
        }
        let fetched = self.copies.fetch(run, from);
        if fetched.is_err() {
            let _ = fs::remove_dir_all(self.copies.run_dir(run));
        }
        fetched.map(Some)
    }

    /// Copies plans, records and images of a directory.
    fn other_files(&mut self, dir: &Path, from: &str) -> Result<(), Obstacle> {
        let mut found = Vec::new();
        let listed = |dir: &Path| entries(dir).unwrap_or_default().into_iter();
        for (path, name) in listed(dir) {
            let is_link = fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink());
            let own = name == HISTORY || name == "data";
            if is_link && (own || path.join("plan.json").exists()) {
                self.refuse(&name, from, "it is a link");
            } else if is_dir(&path) && check_name(&name).is_ok() {
                found.extend(
                    fs::symlink_metadata(path.join("plan.json"))
                        .is_ok()
                        .then_some(Other::Plan(name)),
                );
            } else if is_dir(&path) && own {
                found.extend(listed(&path).filter_map(|(_, file)| {
                    let path = format!("{name}/{file}");
                    match Place::of(&path) {
                        Ok(Place::Other { other, .. }) => Some(other),
                        _ => None,
                    }
                }));
            }
        }
        for other in found {
            let path = dir.join(other.path());
            match regular::open_unlinked(&path, fs::File::options().read(true)) {
                Ok(mut file) => {
                    let path = other.path();
                    if let Err(error) = self.keep(String::new(), other, &mut file, from)? {
                        self.refuse(&path, from, &error.to_string());
                    }
                }
                Err(error) => self.refuse(&other.path(), from, &error.to_string()),
            }
        }
        Ok(())
    }

    /// Takes over the results in an archive.
    fn archive(&mut self, from: &str, stream: Box<dyn Read + Send>) -> Result<(), Obstacle> {
        let unreadable = |error: io::Error| Obstacle::Refused(error.to_string());
        let mut stream = BufReader::with_capacity(1 << 16, stream);
        let start = stream.fill_buf().map_err(unreadable)?;
        let other = match start {
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Some("xz"),
            [b'B', b'Z', b'h', ..] => Some("bzip2"),
            _ => None,
        };
        if let Some(program) = other {
            return refused(format!(
                "it is compressed by {program}: `{program} -dc ARCHIVE | ablade gather -` takes it"
            ));
        }
        let stream: Box<dyn BufRead> = match start {
            [0x1f, 0x8b, ..] => Box::new(BufReader::new(MultiGzDecoder::new(stream))),
            _ => Box::new(stream),
        };
        let mut archive = TarReader::new(stream);
        let mut arriving = None;
        let broken = loop {
            if self.is_stopped() {
                return Ok(());
            }
            let entry = match archive.next_entry() {
                Ok(Some(entry)) => entry,
                Ok(None) => break None,
                Err(error) => break Some(error),
            };
            if let Err(error) = self.entry(&entry, &mut archive, &mut arriving, from)? {
                break Some(error);
            }
        };
        if let Some(mut arriving) = arriving {
            if let Some(error) = &broken {
                arriving.refused.get_or_insert(format!("the archive is damaged: {error}"));
            }
            self.arrived(arriving, from)?;
        }
        self.settle(from)?;
        if broken.is_none() {
            self.take_records(from)?;
            self.take_others(from)?;
        }
        match broken {
            Some(_) if !archive.has_header => refused("it is no tar archive"),
            Some(error) => refused(format!(
                "{error}: the runs before this place were taken, and no plan; the whole archive again adds the rest"
            )),
            None if self.roots.is_empty() => {
                refused("it holds no run: expected paths such as results/runs/<id>/run.toml")
            }
            None => Ok(()),
        }
    }

    /// Takes an entry of an archive; an error of the stream is the inner one.
    fn entry<R: Read>(
        &mut self,
        entry: &ArchiveEntry,
        archive: &mut TarReader<R>,
        arriving: &mut Option<Arriving>,
        from: &str,
    ) -> Result<io::Result<()>, Obstacle> {
        // macOS puts a file with attributes next to each.
        if entry.path.rsplit('/').next().is_some_and(|name| name.starts_with("._")) {
            return Ok(Ok(()));
        }
        let (root, run, name) = match Place::of(&entry.path) {
            Ok(Place::Run { root, run, name }) => (root, run, name),
            Ok(Place::Ignored) => return Ok(Ok(())),
            Ok(Place::Other { root, other }) => {
                match entry.kind {
                    EntryKind::File => return self.keep(root, other, archive, from),
                    EntryKind::Directory => {}
                    EntryKind::Other(kind) => {
                        self.refuse(&brief(&entry.path), from, &format!("it is {kind}"));
                    }
                }
                return Ok(Ok(()));
            }
            Err(reason) => {
                self.refuse(&brief(&entry.path), from, reason);
                return Ok(Ok(()));
            }
        };
        if arriving.as_ref().is_none_or(|known| known.run != run || known.root != root) {
            if let Some(before) = arriving.take() {
                self.arrived(before, from)?;
            }
            // The same run below another root.
            if self.batch.contains(&run) {
                self.settle(from)?;
            }
            self.prepare()?;
            self.roots.insert(root.clone());
            *arriving =
                Some(Arriving { root, run: run.clone(), n_files: 0, bytes: 0, refused: None });
        }
        let Some(arriving) = arriving.as_mut().filter(|arriving| arriving.refused.is_none()) else {
            return Ok(Ok(()));
        };
        arriving.n_files += 1;
        arriving.bytes = arriving.bytes.saturating_add(entry.bytes);
        let name = name.unwrap_or_default();
        let problem = match entry.kind {
            EntryKind::Directory => None,
            EntryKind::Other(what) => {
                Some(format!("{}: it is {what}{}", brief(&name), remedy(what)))
            }
            EntryKind::File if !is_file_path(&name) => {
                Some(format!("{} is not the name of a file of a run", brief(&name)))
            }
            EntryKind::File if arriving.n_files > MOST_FILES => {
                Some(format!("it has more than {MOST_FILES} files"))
            }
            EntryKind::File if entry.bytes > LARGEST => {
                Some(format!("{}: it is longer than {LARGEST} bytes", brief(&name)))
            }
            EntryKind::File => match self.copies.receive(&run, &name, archive, LARGEST) {
                Ok(received) => return Ok(received),
                Err(Obstacle::Refused(reason)) => Some(reason),
                Err(fatal) => return Err(fatal),
            },
        };
        arriving.refused = problem;
        Ok(Ok(()))
    }

    /// Adds a run of an archive to the batch, once its last file has arrived.
    fn arrived(&mut self, run: Arriving, from: &str) -> Result<(), Obstacle> {
        if let Some(reason) = run.refused {
            self.refuse(run.run.as_str(), from, &reason);
            let _ = fs::remove_dir_all(self.copies.run_dir(&run.run));
            return Ok(());
        }
        self.batch.push(run.run);
        self.bytes = self.bytes.saturating_add(run.bytes);
        if self.batch.len() >= LARGEST_BATCH || self.bytes >= BATCH_BYTES {
            self.settle(from)?;
        }
        Ok(())
    }

    fn known(&mut self, run: &RunId) {
        self.found.n_known += 1;
        self.found.runs.insert(run.clone());
    }

    /// Examines the runs of the batch and publishes those that are right and not here.
    fn settle(&mut self, from: &str) -> Result<(), Obstacle> {
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        if batch.is_empty() || self.is_stopped() {
            return Ok(());
        }
        let (store, copies) = (self.store, &self.copies);
        let examine = |run: &RunId| {
            let (manifest, data) = copies.examine(run)?;
            Ok((data, store.standing_of_copy(run, copies, &manifest)?))
        };
        let examined: Vec<Result<_, Obstacle>> = batch.par_iter().map(examine).collect();
        let is_new = |examined: &Result<_, _>| matches!(examined, Ok((_, Standing::Absent)));
        let publishes = self.options.takes && examined.iter().any(is_new);
        if publishes {
            // A run that is visible has all its bytes on disk.
            sync_below(copies.root())?;
        }
        for (run, examined) in batch.iter().zip(examined) {
            let standing = examined.and_then(|(data, standing)| {
                self.data.insert(data);
                match standing {
                    Standing::Absent if publishes => store.admit(run, &self.copies),
                    standing => Ok(standing),
                }
            });
            self.account(run, standing, from)?;
        }
        if publishes {
            sync_dir(&store.runs())?;
        }
        (self.options.told)(&self.found);
        self.empty();
        Ok(())
    }

    /// Enters into the report what became of a run.
    fn account(
        &mut self,
        run: &RunId,
        standing: Result<Standing, Obstacle>,
        from: &str,
    ) -> Result<(), Obstacle> {
        match standing {
            // Only examined, and the same in two sources.
            Ok(Standing::Absent) if self.found.runs.contains(run) => self.known(run),
            Ok(Standing::Absent) => {
                self.found.n_new += 1;
                self.found.runs.insert(run.clone());
            }
            Ok(Standing::Same) => self.known(run),
            Ok(Standing::Other { files, is_program, because }) => {
                self.found.runs.insert(run.clone());
                let because = because.map(|because| format!(" ({because})")).unwrap_or_default();
                let files = files.join(", ");
                let sentence = format!("{run} of {from}: other bytes in {files}{because}");
                let kind = match is_program {
                    true => &mut self.found.varying,
                    false => &mut self.found.differing,
                };
                kind.add(sentence);
            }
            Ok(Standing::Damaged(reason)) => {
                let reason = format!(
                    "the one that is here cannot be compared: {reason}: move {} away and gather again",
                    self.store.run_dir(run).display()
                );
                self.refuse(run.as_str(), from, &reason);
            }
            Err(Obstacle::Refused(reason)) => self.refuse(run.as_str(), from, &reason),
            Err(fatal) => return Err(fatal),
        }
        Ok(())
    }

    /// Copies a plan, a record or images to scratch, until the runs of the source have arrived; an
    /// error of the stream is the inner one.
    fn keep(
        &mut self,
        root: String,
        other: Other,
        stream: &mut dyn Read,
        from: &str,
    ) -> Result<io::Result<()>, Obstacle> {
        let is_here = match &other {
            Other::Images(data) => fs::symlink_metadata(self.store.reference_path(data)?).is_ok(),
            _ => false,
        };
        if is_here {
            return Ok(Ok(()));
        }
        if self.others.len() >= MOST_OTHERS {
            let reason = format!("{} such files came before it", count(MOST_OTHERS, "file"));
            self.refuse(&other.path(), from, &reason);
            return Ok(Ok(()));
        }
        self.prepare()?;
        let path = self.copies.root().join(format!("other-{}", self.n_others));
        self.n_others += 1;
        make_dirs(self.copies.root())?;
        Ok(match write_new(&path, stream, other.limit())? {
            Ok(bytes) if bytes > other.limit() => {
                let reason = format!("it is longer than {} bytes", other.limit());
                self.refuse(&other.path(), from, &reason);
                Ok(())
            }
            written => written.map(|_| self.others.push((root, other, path))),
        })
    }

    /// Enters what the record of the past of a source has and the one here has not.
    fn take_records(&mut self, from: &str) -> Result<(), Obstacle> {
        let is_record = |other: &Other| matches!(other, Other::Record(_));
        let arrived = std::mem::take(&mut self.others).into_iter();
        let (records, rest) = arrived.partition::<Vec<_>, _>(|(_, other, _)| is_record(other));
        self.others = rest;
        let files = records.into_iter().filter_map(|(_, other, path)| match other {
            Other::Record(name) => Some((name, path)),
            _ => None,
        });
        let (n_new, refused) = self.store.add_records(files, self.options.takes)?;
        self.found.n_records += n_new;
        for (name, reason) in refused {
            self.refuse(&format!("{HISTORY}/{name}"), from, &reason);
        }
        Ok(())
    }

    /// Takes over plans, and the test images of runs that were taken.
    fn take_others(&mut self, from: &str) -> Result<(), Obstacle> {
        for (root, other, path) in std::mem::take(&mut self.others) {
            if !self.roots.contains(&root) || self.is_stopped() {
                continue;
            }
            match &other {
                Other::Plan(name) => self.take_plan(name, &path, from)?,
                Other::Images(data) if self.data.contains(data) => {
                    let bytes = regular::read(&path, other.limit());
                    let bytes = bytes.map_err(StoreError::io("read", &path))?;
                    if !holds_images(&path) || !self.store.trainer().are_examples(None, &bytes) {
                        self.refuse(&other.path(), from, "it does not hold images");
                    } else if self.options.takes {
                        self.store.save_reference(data, &bytes)?;
                    }
                }
                Other::Images(_) | Other::Record(_) => {}
            }
        }
        Ok(())
    }

    fn take_plan(&mut self, name: &str, path: &Path, from: &str) -> Result<(), Obstacle> {
        let is_sealed = regular::open(path).is_ok_and(|mut file| {
            let mut start = [0; 8];
            file.read_exact(&mut start).is_ok() && may_be_sealed(&start)
        });
        // A file of another program that has this name.
        if !is_sealed {
            return Ok(());
        }
        let reason = match load_plan(path, self.store) {
            Ok(plan) if plan.name != name => format!("it is the plan of {}", plan.name),
            Ok(plan) => match self.store.add_plan(&plan, self.options.takes)? {
                Addition::New => {
                    self.found.plans.push(name.to_owned());
                    return Ok(());
                }
                Addition::Known => return Ok(()),
                Addition::Refused(reason) => reason,
            },
            Err(StoreError::Malformed { reason, .. }) => reason,
            Err(error) => return Err(Obstacle::Fatal(error)),
        };
        self.refuse(&format!("{name}/plan.json"), from, &reason);
        Ok(())
    }

    /// Removes the copies that were not published.
    fn empty(&mut self) {
        self.batch.clear();
        if !self.is_prepared {
            return;
        }
        let _ = fs::remove_dir_all(self.copies.root().join("runs"));
    }

    fn forget_source(&mut self) {
        self.empty();
        self.others.clear();
        self.roots.clear();
    }
}

/// Advice about an entry of an archive that is not a file.
fn remedy(what: &str) -> &'static str {
    match what {
        "a hard link" => "; `tar --hard-dereference` writes files",
        "a sparse file" => "; `tar` without --sparse writes files",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RunConfig;
    use crate::plan::{RunSpec, hashed};
    use crate::rng::Seed;
    use crate::store::disk::faults;
    use crate::store::{EpochRow, RunOutput, RunStatus, Summary, Timing};
    use crate::trainer::Facts;
    use crate::trainers::made::{MadeTrainer, config_of};

    fn spec(seed: u64) -> RunSpec {
        let (config, data) = (config_of(&RunConfig::default()), "d".to_owned());
        let id = hashed(&*MadeTrainer::shared(), &config, &data).run(Seed(seed));
        RunSpec { id, seed: Seed(seed), data, config, earlier: None }
    }

    fn output() -> RunOutput {
        let summary = Summary {
            status: RunStatus::Finished,
            error: None,
            epochs: 1,
            best_epoch: 1,
            facts: Facts::new(),
        };
        let timing = Timing {
            started_utc: String::new(),
            seconds: 1.0,
            images_per_second: 1.0,
            threads: 1,
            host: String::new(),
        };
        let epochs = vec![EpochRow { epoch: 1, values: vec![1.0; 3] }];
        let files = vec![("samples.npy".to_owned(), vec![1; 900])];
        RunOutput { summary, epochs, timing, files, taken: Vec::new() }
    }

    #[test]
    fn a_full_disk_is_told_and_leaves_whole_runs() {
        let there = tempfile::tempdir().unwrap();
        let open = |dir: &Path| Store::open(dir, MadeTrainer::shared()).unwrap();
        for seed in 0..3 {
            open(there.path()).publish(&spec(seed), &output()).unwrap();
        }
        let gather = |here: &Store| {
            let stop = AtomicBool::new(false);
            let options = GatherOptions { takes: true, stop: &stop, told: &|_| () };
            here.gather(vec![GatherSource::Directory(there.path().to_owned())], options)
        };
        let mut n_faults = 0;
        loop {
            let dir = tempfile::tempdir().unwrap();
            faults::arm(dir.path(), n_faults);
            let here = open(dir.path());
            let ended = gather(&here);
            drop(here);
            if faults::disarm(dir.path()) {
                assert!(n_faults > 20, "{n_faults}");
                break;
            }
            let error = match ended {
                Ok(found) => found.stopped,
                Err(error) => Some(error),
            };
            assert!(error.is_some_and(|error| error.is_everywhere()), "fault {n_faults}");
            let here = open(dir.path());
            let n_published = here.published().unwrap().len();
            for run in here.published().unwrap() {
                here.check(&run).unwrap();
            }
            let found = gather(&here).unwrap();
            assert_eq!((found.n_new, found.n_known), (3 - n_published, n_published));
            drop(here);
            let left = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
            assert_eq!(left.collect::<Vec<_>>(), ["runs"], "fault {n_faults}");
            n_faults += 1;
        }
    }

    #[test]
    fn a_path_has_one_place() {
        let run = RunId::parse("r0123456789abcdef").unwrap();
        let place = |path: &str| Place::of(path).unwrap();
        let of_run = |root: &str, name: Option<&str>| Place::Run {
            root: root.to_owned(),
            run: run.clone(),
            name: name.map(str::to_owned),
        };
        for (path, expected) in [
            (format!("runs/{run}/run.toml"), of_run("", Some("run.toml"))),
            (format!("./a//b/runs/{run}/"), of_run("a/b", None)),
            (
                format!("runs/{run}/files/runs/{run}/x"),
                of_run("", Some(&format!("files/runs/{run}/x"))),
            ),
            (format!("runs/results/runs/{run}/x/y"), of_run("runs/results", Some("x/y"))),
            (format!("runs/{run}.damaged-1/run.toml"), Place::Ignored),
            (format!("unfinished/{run}.claim-1"), Place::Ignored),
            ("runs/plan.json".to_owned(), Place::Ignored),
            ("plan.json".to_owned(), Place::Ignored),
            (String::new(), Place::Ignored),
        ] {
            assert_eq!(place(&path), expected, "{path}");
        }
        let plan = Place::Other { root: "a".into(), other: Other::Plan("study".into()) };
        assert_eq!(place("a/study/plan.json"), plan);
        for path in ["/runs", "../x", "a/../b", "a/.."] {
            assert!(Place::of(path).is_err(), "{path}");
        }
    }
}
