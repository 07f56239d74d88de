//! Claims: ownership of runs, so that two processes do not execute the same one. Made for network
//! file systems, where file locks are unreliable.
//!
//! A claim is a file `<run>.claim-<n>` that names its owner and is created atomically: of several
//! processes that try, one succeeds. The process that created the highest `n` owns the run. It
//! renews the time stamp of its file every few seconds (heartbeat), and removes the file when the
//! run has ended. The claim of a dead owner is not removed first but outbid: a process creates
//! `n + 1` and then checks that claim `n` is still the one that it judged dead and that no number
//! above `n + 1` exists. If so, it owns the run and removes the lower files; otherwise it removes
//! its own file and looks again. So of two processes that find the same dead owner one wins, and no
//! process removes a claim that has just been made.
//!
//! ```text
//! A   create claim-1   heartbeat   heartbeat   (killed)
//! B    claim-1 exists, its owner A is alive    A is dead: create claim-2, check, remove claim-1
//! C                                            A is dead: claim-2 exists, look again: B is alive
//! ```
//!
//! An owner is dead if its process has ended, where that is visible: in the same boot of the same
//! machine and the same process namespace. Elsewhere (another machine or container, or a system
//! that does not tell) it is dead for an observer that has seen the same time stamp in looks at
//! least a minute apart by its own clock: the first look only starts that minute, and clocks of two
//! machines are never compared.
//!
//! So two processes may execute one run for a while if its owner, on another machine, is alive but
//! has been suspended or cut off from the disk for over a minute. The results stay correct, because
//! publishing is atomic; at its next heartbeat the old owner finds its claim lost and stops the
//! run.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::atomic::{Watched, sweep_up};
use super::disk::{create_dirs, link, remove_if_there, remove_tree, write_synced};
use super::listing::{entries, is_dir};
use super::names::split_claim;
use super::process;
use super::{Store, StoreError};
use crate::plan::RunId;
use crate::record::{host, utc};
use crate::regular;

/// Interval of the heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Time without a heartbeat after which an owner whose process is not visible counts as dead.
const EXPIRY: Duration = Duration::from_secs(60);

/// Maximum size of a claim [bytes].
const LONGEST: u64 = 1 << 16;
/// Maximum number of tries to claim a run: each failure means that another process intervened.
const MOST_TRIES: usize = 1000;

/// Owner of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// Name of the owner's machine.
    pub host: String,
    /// Process id on that machine.
    pub pid: u32,
    /// Time of the claim: `YYYY-MM-DD HH:MM:SS`, UTC.
    pub since_utc: String,
    /// Boot and process namespace in which `pid` is unique.
    place: String,
    /// Start time of the process, in the system's own unit: `pid` alone may belong to another
    /// process by now.
    process_start: String,
    /// Unique text, to distinguish this claim from all others.
    nonce: String,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

/// Result of trying to claim a run.
#[derive(Debug)]
pub enum Claiming {
    /// This process owns the run as long as the claim exists.
    Ours(Claim),
    /// Another living process owns the run; its name, if the claim can be read.
    Theirs(Option<Owner>),
}

/// Ownership of a run by this process, given up when dropped.
#[derive(Debug)]
pub struct Claim {
    file: Arc<ClaimFile>,
    /// True once another process has taken over the run.
    lost: Arc<AtomicBool>,
    /// Thread that renews the time stamp; dropping the sender ends it.
    heart: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
    /// Dead owner whose claim it replaced.
    pub taken_from: Option<Owner>,
}

#[derive(Debug)]
struct ClaimFile {
    dir: PathBuf,
    run: RunId,
    number: u64,
    text: String,
}

/// State of the claim at a path.
enum Judgement {
    /// There is no claim any more.
    Gone,
    /// The owner is alive, or has to be taken for alive; `None` if the claim cannot be read.
    Alive(Option<Owner>),
    /// The owner is dead; with the text of the claim, to recognise it, or `None` if it is not a
    /// file that could be one.
    Dead(Option<Vec<u8>>),
}

/// Claims on runs, and the counters of attempts at them, below the root of a store.
#[derive(Debug)]
pub struct Claims<'a> {
    pub(super) store: &'a Store,
}

impl Store {
    /// Claims on its runs.
    pub fn claims(&self) -> Claims<'_> {
        Claims { store: self }
    }
}

impl Claims<'_> {
    /// Tries to claim a run. The new owner must check again whether the run is published: its
    /// previous owner may have finished it just before.
    pub fn claim(&self, run: &RunId) -> Result<Claiming, StoreError> {
        self.claim_after(run, EXPIRY)
    }

    fn claim_after(&self, run: &RunId, expiry: Duration) -> Result<Claiming, StoreError> {
        let dir = self.store.unfinished();
        self.store.own(&dir)?;
        for _ in 0..MOST_TRIES {
            create_dirs(&dir)?;
            let highest = numbers(&dir, run)?.pop();
            let dead = match highest {
                None => None,
                Some(number) => match self.judge(&path(&dir, run, number), expiry)? {
                    Judgement::Gone => continue,
                    Judgement::Alive(owner) => return Ok(Claiming::Theirs(owner)),
                    Judgement::Dead(text) => Some((number, text)),
                },
            };
            let number = highest.map_or(1, |highest| highest + 1);
            let file = ClaimFile {
                dir: dir.clone(),
                run: run.clone(),
                number,
                text: self.owner_text()?,
            };
            // Creation is atomic: if another process has created this number, it may have won, so
            // look again.
            if !self.create(&file)? {
                continue;
            }
            // Between the look and the creation the run may have changed hands, even twice: the
            // claim judged dead must still be there unchanged, and no higher number must exist.
            let replaced = match &dead {
                None => true,
                Some((number, text)) => read_with_time(&path(&dir, run, *number))
                    .is_ok_and(|(found, _)| found.as_ref() == text.as_ref()),
            };
            if !replaced || numbers(&dir, run)?.pop() != Some(number) {
                remove_if_there(&file.path())?;
                continue;
            }
            // Removed last: if the dead claim were removed first, a third process would find none
            // and start again at number 1, next to the new owner.
            for below in numbers(&dir, run)?.into_iter().filter(|&below| below < number) {
                remove_if_there(&path(&dir, run, below))?;
            }
            let taken_from = dead.and_then(|(_, text)| parse(&text?));
            return Ok(Claiming::Ours(Claim::new(file, taken_from)));
        }
        Err(StoreError::Malformed {
            path: dir,
            reason: format!("{run} cannot be claimed: its claims keep changing"),
        })
    }

    /// Runs that living processes own, with the owner if its claim can be read. An owner whose
    /// process is not visible counts as living until calls a minute apart have seen no heartbeat.
    pub fn owners(&self) -> Result<BTreeMap<RunId, Option<Owner>>, StoreError> {
        let dir = self.store.unfinished();
        let mut highest = BTreeMap::<RunId, u64>::new();
        for (run, number) in claims(&dir)? {
            let known = highest.entry(run).or_default();
            *known = number.max(*known);
        }
        let mut owners = BTreeMap::new();
        for (run, number) in highest {
            if let Judgement::Alive(owner) = self.judge(&path(&dir, &run, number), EXPIRY)? {
                owners.insert(run, owner);
            }
        }
        Ok(owners)
    }

    /// True if a run is claimed, by a living or a dead process.
    pub fn is_claimed(&self, run: &RunId) -> bool {
        numbers(&self.store.unfinished(), run).is_ok_and(|claims| !claims.is_empty())
    }

    fn judge(&self, path: &Path, expiry: Duration) -> Result<Judgement, StoreError> {
        // The file is opened, because that makes a network file system ask its server; a look at
        // its metadata may be answered from the cache.
        let (text, renewed) = match read_with_time(path) {
            Ok((Some(text), renewed)) => (text, renewed),
            // Not written by this program.
            Ok((None, _)) => return Ok(Judgement::Dead(None)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Judgement::Gone),
            Err(error) => return Err(StoreError::io("read", path)(error)),
        };
        let owner = parse(&text);
        if let Some(owner) = owner
            .as_ref()
            .filter(|owner| process::pid_namespace().is_some_and(|here| here == owner.place))
        {
            let alive =
                process::start_of(owner.pid).is_some_and(|start| start == owner.process_start);
            return Ok(if alive {
                Judgement::Alive(Some(owner.clone()))
            } else {
                Judgement::Dead(Some(text))
            });
        }
        let mut watched = self.store.shared.watched.lock().unwrap_or_else(PoisonError::into_inner);
        match watched.get(path) {
            Some(known) if known.text == text && known.renewed == renewed => {
                Ok(if known.seen.elapsed() >= expiry {
                    Judgement::Dead(Some(text))
                } else {
                    Judgement::Alive(owner)
                })
            }
            _ => {
                watched.insert(path.to_owned(), Watched { text, renewed, seen: Instant::now() });
                Ok(Judgement::Alive(owner))
            }
        }
    }

    fn owner_text(&self) -> Result<String, StoreError> {
        let nonce = self.store.scratch_path()?;
        let pid = std::process::id();
        let owner = Owner {
            host: host(),
            pid,
            since_utc: utc(jiff::Timestamp::now()),
            place: process::pid_namespace().unwrap_or_default(),
            process_start: process::start_of(pid).unwrap_or_default(),
            nonce: nonce
                .iter()
                .rev()
                .take(2)
                .map(|part| part.to_string_lossy())
                .collect::<Vec<_>>()
                .join("-"),
        };
        toml::to_string(&owner).map_err(|error| StoreError::Malformed {
            path: self.store.unfinished(),
            reason: error.to_string(),
        })
    }

    /// Creates a claim, unless its path exists.
    fn create(&self, file: &ClaimFile) -> Result<bool, StoreError> {
        let scratch = self.store.scratch_path()?;
        let created = write_synced(&scratch, &[file.text.as_bytes()]).and_then(|()| {
            link(&scratch, &file.path()).map_err(StoreError::io("write", &file.path()))
        });
        let _ = fs::remove_file(&scratch);
        match created {
            // The directory was removed after it was created: the caller tries again, and creates
            // it again.
            Err(error) if error.is_absent() => Ok(false),
            created => created,
        }
    }
}

impl Store {
    /// Removes files of killed processes: what they were writing, and what belonged to runs that
    /// they had published but not cleaned up after.
    pub fn tidy(&self) -> Result<(), StoreError> {
        self.own(&self.runs())?;
        self.own(&self.unfinished())?;
        sweep_up(self.root());
        for run in self.failures()?.into_keys().filter(|run| self.is_published(run)) {
            remove_if_there(&self.failed_path(&run))?;
        }
        let alive = self.claims().owners()?;
        for (path, run) in entries(&self.unfinished())?.into_iter().filter_map(|(path, name)| {
            let run = RunId::parse(name.split_once('.')?.0)?;
            Some((path, run))
        }) {
            if alive.contains_key(&run) || !self.is_published(&run) {
                continue;
            }
            if path == self.run_files(&run) {
                // Harmless where it cannot be removed.
                let _ = remove_tree(&path);
            } else if !is_dir(&path) {
                remove_if_there(&path)?;
            }
        }
        Ok(())
    }
}

impl Claim {
    fn new(file: ClaimFile, taken_from: Option<Owner>) -> Self {
        let (file, lost) = (Arc::new(file), Arc::new(AtomicBool::new(false)));
        let (stop, stopped) = mpsc::channel();
        let beat = {
            let (file, lost) = (Arc::clone(&file), Arc::clone(&lost));
            move || {
                while stopped.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
                    if !file.renew() {
                        lost.store(true, Ordering::Relaxed);
                        // A claim that is lost is never made again.
                        return;
                    }
                }
            }
        };
        // Without a heartbeat thread the claim lasts until another process takes its owner for
        // dead; results remain correct, because publishing is atomic.
        let heart = thread::Builder::new()
            .name("claim".to_owned())
            .spawn(beat)
            .ok()
            .map(|beat| (stop, beat));
        Self { file, lost, heart, taken_from }
    }

    /// Flag that is raised once another process has taken over the run, because it saw no
    /// heartbeat.
    pub fn lost(&self) -> &Arc<AtomicBool> {
        &self.lost
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some((stop, beat)) = self.heart.take() {
            drop(stop);
            let _ = beat.join();
        }
        // A claim that cannot be removed counts until this process ends, or, for observers
        // elsewhere, for a minute.
        if !self.lost.load(Ordering::Relaxed) {
            let _ = remove_if_there(&self.file.path());
        }
    }
}

impl ClaimFile {
    fn path(&self) -> PathBuf {
        path(&self.dir, &self.run, self.number)
    }

    /// Renews the time stamp (heartbeat); returns true if the claim is still valid.
    fn renew(&self) -> bool {
        let opened = regular::open_unlinked(&self.path(), File::options().read(true).write(true));
        let renewed = opened.and_then(|file| {
            if regular::read_all(&file, LONGEST)? != self.text.as_bytes() {
                return Ok(false);
            }
            // Through the open file, so that a claim that takes its path meanwhile is not renewed.
            file.set_modified(SystemTime::now())?;
            Ok(true)
        });
        match renewed {
            Ok(ours) => {
                // An error of the disk does not mean that another process owns the run.
                ours && numbers(&self.dir, &self.run)
                    .map_or(true, |all| all.last() <= Some(&self.number))
            }
            // No claim at all: the results were emptied, or a successor has finished already. The
            // run is claimed again; at worst it is executed twice.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let again = || {
                    fs::create_dir_all(&self.dir)?;
                    let mut file = File::create_new(self.path())?;
                    io::Write::write_all(&mut file, self.text.as_bytes())
                };
                numbers(&self.dir, &self.run).is_ok_and(|all| all.is_empty()) && again().is_ok()
            }
            // As above.
            Err(_) => true,
        }
    }
}

fn path(dir: &Path, run: &RunId, number: u64) -> PathBuf {
    dir.join(format!("{run}.claim-{number}"))
}

/// Claims in a directory.
fn claims(dir: &Path) -> Result<Vec<(RunId, u64)>, StoreError> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(StoreError::io("read", dir))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(StoreError::io("read", dir))?.file_name();
        found.extend(name.to_str().and_then(split_claim));
    }
    Ok(found)
}

/// Numbers of the claims on a run, ascending.
fn numbers(dir: &Path, run: &RunId) -> Result<Vec<u64>, StoreError> {
    let mut numbers: Vec<u64> = claims(dir)?
        .into_iter()
        .filter(|(of, _)| of == run)
        .map(|(_, number)| number)
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn parse(text: &[u8]) -> Option<Owner> {
    std::str::from_utf8(text).ok().and_then(|text| toml::from_str(text).ok())
}

/// Text and time stamp of a claim; no text if it is not a file that this program could have
/// written, such as a pipe, or a gigabyte.
fn read_with_time(path: &Path) -> io::Result<(Option<Vec<u8>>, Option<SystemTime>)> {
    let file = match regular::open(path) {
        Err(error) if regular::is_other(&error) => return Ok((None, None)),
        file => file?,
    };
    let text = match regular::read_all(&file, LONGEST) {
        Err(error) if regular::is_other(&error) => None,
        text => Some(text?),
    };
    Ok((text, file.metadata()?.modified().ok()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::super::names::HIGHEST;
    use super::*;
    use crate::trainers::made::MadeTrainer;

    fn run() -> RunId {
        RunId::parse("r0123456789abcdef").unwrap()
    }

    fn store(dir: &tempfile::TempDir) -> Store {
        Store::open(dir.path(), MadeTrainer::shared()).unwrap()
    }

    #[track_caller]
    fn ours(claiming: Claiming) -> Claim {
        match claiming {
            Claiming::Ours(claim) => claim,
            Claiming::Theirs(owner) => panic!("{owner:?} has it"),
        }
    }

    /// Writes the claim of a killed process.
    fn left_behind(dir: &Path, change: impl FnOnce(&mut Owner)) {
        let store = Store::open(dir, MadeTrainer::shared()).unwrap();
        let mut owner = parse(store.claims().owner_text().unwrap().as_bytes()).unwrap();
        owner.process_start = "0".to_owned();
        change(&mut owner);
        fs::create_dir_all(store.unfinished()).unwrap();
        fs::write(path(&store.unfinished(), &run(), 1), toml::to_string(&owner).unwrap()).unwrap();
    }

    #[test]
    fn one_owner_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (store(&dir), store(&dir));
        let claim = ours(a.claims().claim(&run()).unwrap());
        let Claiming::Theirs(Some(owner)) = b.claims().claim(&run()).unwrap() else {
            panic!("claimed twice")
        };
        assert_eq!(owner.pid, std::process::id());
        assert_eq!(b.claims().owners().unwrap(), BTreeMap::from([(run(), Some(owner))]));
        assert!(claim.file.renew());
        drop(claim);
        assert!(b.claims().owners().unwrap().is_empty());
        drop(ours(b.claims().claim(&run()).unwrap()));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_dead_process_of_this_machine_is_succeeded_at_once_and_by_one() {
        for _ in 0..100 {
            let dir = tempfile::tempdir().unwrap();
            left_behind(dir.path(), |_| {});
            assert!(store(&dir).claims().owners().unwrap().is_empty());
            let (holders, most, wins) =
                (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        let store = store(&dir);
                        for _ in 0..4 {
                            if let Claiming::Ours(claim) = store.claims().claim(&run()).unwrap() {
                                most.fetch_max(
                                    holders.fetch_add(1, Ordering::SeqCst) + 1,
                                    Ordering::SeqCst,
                                );
                                wins.fetch_add(1, Ordering::SeqCst);
                                thread::yield_now();
                                holders.fetch_sub(1, Ordering::SeqCst);
                                drop(claim);
                            }
                        }
                    });
                }
            });
            assert_eq!(most.into_inner(), 1);
            assert!(wins.into_inner() > 0);
            assert_eq!(claims(&store(&dir).unfinished()).unwrap(), []);
        }
    }

    #[test]
    fn an_owner_elsewhere_lives_as_long_as_its_claim_is_renewed() {
        let dir = tempfile::tempdir().unwrap();
        left_behind(dir.path(), |owner| "another machine".clone_into(&mut owner.place));
        let store = store(&dir);
        let theirs = |expiry| {
            matches!(store.claims().claim_after(&run(), expiry).unwrap(), Claiming::Theirs(Some(_)))
        };
        assert!(theirs(Duration::ZERO), "the first look shows nothing yet");
        assert!(theirs(Duration::from_secs(60)));
        let claim = File::options().write(true).open(path(&store.unfinished(), &run(), 1)).unwrap();
        claim.set_modified(SystemTime::now() + Duration::from_secs(1)).unwrap();
        assert!(theirs(Duration::ZERO), "it was renewed");
        let claim = ours(store.claims().claim_after(&run(), Duration::ZERO).unwrap());
        assert_eq!(
            (claim.file.number, claim.taken_from.as_ref().unwrap().place.as_str()),
            (2, "another machine")
        );
        assert_eq!(numbers(&store.unfinished(), &run()).unwrap(), [2]);
    }

    #[test]
    fn what_is_no_claim_holds_nobody_up() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir);
        fs::create_dir_all(store.unfinished()).unwrap();
        let pipe = path(&store.unfinished(), &run(), 7);
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for other in ["+9", "0009", "18446744073709551615"] {
            fs::write(store.unfinished().join(format!("{}.claim-{other}", run())), "").unwrap();
        }
        assert!(store.claims().owners().unwrap().is_empty());
        assert_eq!(ours(store.claims().claim(&run()).unwrap()).file.number, 8);
        assert!(!pipe.exists());
        fs::write(path(&store.unfinished(), &run(), HIGHEST - 1), vec![b'x'; 1 << 17]).unwrap();
        let refused = store.claims().claim(&run()).unwrap_err().to_string();
        assert!(refused.contains("cannot be claimed"), "{refused}");
    }

    #[test]
    fn a_torn_claim_counts_until_it_expires() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir);
        fs::create_dir_all(store.unfinished()).unwrap();
        fs::write(path(&store.unfinished(), &run(), 7), "host = \"a").unwrap();
        assert!(matches!(store.claims().claim(&run()).unwrap(), Claiming::Theirs(None)));
        assert_eq!(
            ours(store.claims().claim_after(&run(), Duration::ZERO).unwrap()).file.number,
            8
        );
    }

    #[test]
    fn an_owner_that_was_given_up_for_dead_notices() {
        let dir = tempfile::tempdir().unwrap();
        let (slept, other) = (store(&dir), store(&dir));
        let claim = ours(slept.claims().claim(&run()).unwrap());
        // The take-over by `other` from another machine, after a minute without heartbeat.
        fs::remove_file(claim.file.path()).unwrap();
        let text = other.claims().owner_text().unwrap();
        let successor = ClaimFile { dir: other.unfinished(), run: run(), number: 2, text };
        assert!(other.claims().create(&successor).unwrap());
        assert!(!claim.file.renew());
        claim.lost.store(true, Ordering::Relaxed);
        drop(claim);
        assert!(successor.renew(), "the successor's claim was harmed");
    }

    #[test]
    fn a_claim_survives_results_that_vanish() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir);
        let claim = ours(store.claims().claim(&run()).unwrap());
        fs::remove_dir_all(store.unfinished()).unwrap();
        assert!(claim.file.renew());
        assert!(matches!(self::store(&dir).claims().claim(&run()).unwrap(), Claiming::Theirs(_)));
    }
}
