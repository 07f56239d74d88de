//! Directories in which this program cleans up after itself: a list records which of the files it
//! made, so that nothing else is ever overwritten or removed.
//!
//! ```text
//! plots/s/.ablade-figures       <BLAKE3 hash>  <name>      one line per file, more while it is being replaced
//! ```
//!
//! A file is ours if the list has its name with the hash of its bytes. The list is written before
//! the files, with both the old and the new hash of each, and again with the new hashes alone
//! after the files have been written: so a process that is killed in between leaves only files that
//! are on the list. If a list is lost or damaged, no file is ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::StoreError;
use super::disk::{create_dirs, remove_if_there, rename, sync_dir};
use super::listing::{is_dir, is_file};
use super::names::check_file;
use crate::regular;

/// Files of a directory that are written and cleaned up together.
pub struct Owned {
    dir: PathBuf,
    list: &'static str,
    files: BTreeMap<String, Vec<u8>>,
    /// True of files on the list that are not removed although they are not written this time.
    spares: Box<dyn Fn(&str) -> bool>,
    /// True if the directory must not be a link.
    own: bool,
    /// Folder to which a file in the way is moved; without it, the file is left in place.
    aside: Option<PathBuf>,
}

type Known = BTreeSet<(String, String)>;

/// Content of a path that is to be written.
enum Found {
    Nothing,
    /// A file with the same bytes.
    Same,
    /// A file with other bytes that is ours, with its hash.
    Ours(String),
    /// A foreign file, with the reason.
    Foreign(&'static str),
}

/// Maximum size of a list, and of a file on one [bytes].
const LONGEST: u64 = 256 << 20;
const LARGEST: u64 = 1 << 32;

const HEADER: &str = "# Files that ablade made here, with their BLAKE3 hashes. It replaces and removes these alone, and only as \
                      long as they are unchanged.\n";

/// Tables whose last columns differ between equal executions: measurements, and the past of these
/// results. With the number of these columns.
const DIFFERING: [(&str, usize); 2] = [("timings.csv", 5), ("history.csv", 5)];

/// Number of the last columns of a table that differ between equal executions.
fn differing_columns(name: &str) -> Option<usize> {
    DIFFERING.iter().find(|(table, _)| *table == name).map(|(_, columns)| *columns)
}

/// Prefix of partial files, which killed processes may leave.
const WRITING: &str = ".ablade-writing-";

impl Owned {
    /// Files of a directory, by name or by a path of names: `folder/name`. `list` is the name of the
    /// list: several lists may share a directory.
    pub fn new(
        dir: impl Into<PathBuf>,
        list: &'static str,
        files: BTreeMap<String, Vec<u8>>,
    ) -> Self {
        Self {
            dir: dir.into(),
            list,
            files,
            spares: Box::new(|_| false),
            own: false,
            aside: None,
        }
    }

    /// Treats the directory itself as ours: it must not be a link.
    pub fn own(self) -> Self {
        Self { own: true, ..self }
    }

    /// Does not remove files on the list that are not written this time.
    pub fn keeping(self) -> Self {
        self.sparing(|_| true)
    }

    /// Does not remove those files on the list that `spares` holds for, by their names.
    pub fn sparing(self, spares: impl Fn(&str) -> bool + 'static) -> Self {
        Self { spares: Box::new(spares), ..self }
    }

    /// Moves a file in the way to a folder of this name instead of leaving it in place.
    pub(super) fn setting_aside(self, folder: &str) -> Self {
        Self { aside: Some(self.dir.join(folder)), ..self }
    }

    /// Refuses if a foreign file is in the way: in a directory without a list, any file with
    /// another content than the one to be written; in any directory, what is not a regular file.
    /// Nothing is written.
    pub fn check(&self) -> Result<(), StoreError> {
        let list = self.read_list()?;
        let is_listed = list.is_some();
        let known = list.unwrap_or_default();
        let mut in_the_way = Vec::new();
        let below = self.files.keys().flat_map(|name| folders_of(name));
        let below: BTreeSet<PathBuf> = below.map(|folder| self.dir.join(folder)).collect();
        for path in self.own.then(|| self.dir.clone()).into_iter().chain(below) {
            if fs::symlink_metadata(&path).is_ok() && !is_dir(&path) {
                in_the_way.push(format!("{} (no directory)", path.display()));
            }
        }
        for (name, bytes) in &self.files {
            let path = self.dir.join(name);
            match self.find(name, bytes, &known)? {
                Found::Foreign(why) if !is_file(&path) => {
                    in_the_way.push(format!("{} ({why})", path.display()));
                }
                Found::Foreign(_) if !is_listed && self.aside.is_none() => {
                    in_the_way.push(path.display().to_string());
                }
                _ => {}
            }
        }
        if let Some(folder) = self
            .aside
            .iter()
            .find(|folder| fs::symlink_metadata(folder).is_ok() && !is_dir(folder))
        {
            in_the_way.push(format!("{} (no directory)", folder.display()));
        }
        match in_the_way.len() {
            0 => Ok(()),
            count => {
                in_the_way.truncate(3);
                Err(StoreError::InTheWay { dir: self.dir.clone(), files: in_the_way, count })
            }
        }
    }

    /// Writes the files and removes obsolete ones. Foreign and changed files are not touched;
    /// returns a sentence about each of them.
    pub fn write(&self) -> Result<Vec<String>, StoreError> {
        self.write_with(
            &|path, bytes| write_by(WRITING, path, true, |file| file.write_all(bytes)),
            &|| Ok(()),
        )
    }

    /// The same for thousands of files that can be made again: only the list is synced. After a
    /// power failure some of the files may count as changed.
    pub fn write_unsynced(&self) -> Result<Vec<String>, StoreError> {
        let write = |path: &Path, bytes: &[u8]| {
            let is_list = path.ends_with(self.list);
            write_by(WRITING, path, is_list, |file| file.write_all(bytes))
        };
        self.write_with(&write, &|| Ok(()))
    }

    /// Names of the files of earlier times that [`Owned::write`] will remove.
    pub fn obsolete(&self) -> Result<Vec<String>, StoreError> {
        let known = self.read_list()?.unwrap_or_default();
        let mut names = Vec::new();
        for (name, listed) in known.iter().filter(|(name, _)| self.is_of_earlier_times(name)) {
            if self.listed_hash(name)?.as_ref() == Some(listed) {
                names.push(name.clone());
            }
        }
        Ok(names)
    }

    /// True if a file on the list is to go.
    fn is_of_earlier_times(&self, name: &str) -> bool {
        !self.files.contains_key(name) && !(self.spares)(name)
    }

    /// Hash of a file on the list; `None` if it is not there, or behind a link.
    fn listed_hash(&self, name: &str) -> Result<Option<String>, StoreError> {
        let is_ours = folders_of(name).all(|folder| is_dir(&self.dir.join(folder)));
        if is_ours && is_file(&self.dir.join(name)) {
            self.hash_of(name)
        } else {
            Ok(None)
        }
    }

    /// Writes with other functions, unless `refuses` returns an error, which is called under the
    /// lock.
    pub(super) fn write_with(
        &self,
        write: &dyn Fn(&Path, &[u8]) -> Result<(), StoreError>,
        refuses: &dyn Fn() -> Result<(), StoreError>,
    ) -> Result<Vec<String>, StoreError> {
        self.check()?;
        create_dirs(&self.dir)?;
        let lock = lock(&self.dir);
        refuses()?;
        if lock.is_some() {
            sweep_up(&self.dir);
        }
        let listed = self.read_list()?;
        let why = match listed {
            Some(_) => "was not as ablade had made it",
            None => "is of an earlier version of ablade, or was edited",
        };
        let known = listed.unwrap_or_default();
        let (mut during, mut after, mut to_write) = (Known::new(), Known::new(), Vec::new());
        let mut remarks = BTreeSet::new();
        for (name, bytes) in &self.files {
            let path = self.dir.join(name);
            match self.find(name, bytes, &known)? {
                Found::Same => {}
                Found::Nothing => to_write.push((name, bytes)),
                Found::Ours(hash) => {
                    during.insert((name.clone(), hash));
                    to_write.push((name, bytes));
                }
                Found::Foreign(_) if self.aside.is_some() => {
                    remarks.insert(self.set_aside(&path, why)?);
                    to_write.push((name, bytes));
                }
                Found::Foreign(why) => {
                    remarks.insert(format!(
                        "{} stays as it is ({why}): remove it, and it is written again",
                        path.display()
                    ));
                    after.extend(known.iter().filter(|(known, _)| known == name).cloned());
                    continue;
                }
            }
            after.insert((name.clone(), hash(name, bytes)));
        }
        let mut to_remove = Vec::new();
        for (name, listed) in known.iter().filter(|(name, _)| !self.files.contains_key(name)) {
            if !self.is_of_earlier_times(name) {
                after.insert((name.clone(), listed.clone()));
                continue;
            }
            let path = self.dir.join(name);
            let there = self.listed_hash(name)?;
            if there.as_ref() == Some(listed) {
                during.insert((name.clone(), listed.clone()));
                to_remove.push(name);
            } else if there.is_some_and(|hash| !known.contains(&(name.clone(), hash))) {
                remarks.insert(format!(
                    "{} is no longer made, but has been changed: it stays",
                    path.display()
                ));
            }
        }
        during.extend(after.iter().cloned());
        if during != known {
            self.write_list(&during, write)?;
        }
        for (name, bytes) in to_write {
            write(&self.dir.join(name), bytes)?;
        }
        for name in to_remove {
            remove_if_there(&self.dir.join(name))?;
            for folder in folders_of(name) {
                // Removes the folder only if it is empty.
                let _ = fs::remove_dir(self.dir.join(folder));
            }
        }
        if after != during {
            self.write_list(&after, write)?;
        }
        drop(lock);
        Ok(remarks.into_iter().collect())
    }

    /// Adds files with exactly these bytes to the list if there is none yet, because an earlier
    /// version made them.
    pub(super) fn adopt(
        &self,
        write: &dyn Fn(&Path, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let _lock = lock(&self.dir);
        if self.read_list()?.is_some() {
            return Ok(());
        }
        let same = |(name, bytes): &(&String, &Vec<u8>)| {
            matches!(self.find(name, bytes, &Known::new()), Ok(Found::Same))
        };
        let ours: Known = self
            .files
            .iter()
            .filter(same)
            .map(|(name, bytes)| (name.clone(), hash(name, bytes)))
            .collect();
        if ours.is_empty() { Ok(()) } else { self.write_list(&ours, write) }
    }

    /// True if the directory has a list.
    pub(super) fn is_listed(dir: &Path, list: &str) -> bool {
        is_file(&dir.join(list))
    }

    fn find(&self, name: &str, bytes: &[u8], known: &Known) -> Result<Found, StoreError> {
        let path = self.dir.join(name);
        match fs::symlink_metadata(&path) {
            Err(_) => return Ok(Found::Nothing),
            Ok(found) if found.is_symlink() => return Ok(Found::Foreign("it is a link")),
            Ok(found) if !found.is_file() => return Ok(Found::Foreign("it is not a file")),
            Ok(_) => {}
        }
        let Some(there) = self.hash_of(name)? else { return Ok(Found::Nothing) };
        Ok(
            if there == hash(name, bytes)
                && (differing_columns(name).is_none()
                    || regular::read(&path, LARGEST).is_ok_and(|there| there == bytes))
            {
                Found::Same
            } else if known.contains(&(name.to_owned(), there.clone())) {
                Found::Ours(there)
            } else if known.iter().any(|(known, _)| known == name) {
                Found::Foreign("it has been changed since ablade made it")
            } else {
                Found::Foreign("ablade did not make it")
            },
        )
    }

    fn hash_of(&self, name: &str) -> Result<Option<String>, StoreError> {
        let path = self.dir.join(name);
        match regular::read(&path, LARGEST) {
            Ok(bytes) => Ok(Some(hash(name, &bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("read", &path)(error)),
        }
    }

    /// Reads the list; `None` if there is none, or if it is damaged.
    fn read_list(&self) -> Result<Option<Known>, StoreError> {
        let path = self.dir.join(self.list);
        let in_the_way = |why| StoreError::InTheWay {
            dir: self.dir.clone(),
            files: vec![format!("{} ({why})", path.display())],
            count: 1,
        };
        let bytes = match fs::symlink_metadata(&path) {
            Err(_) => return Ok(None),
            Ok(found) if !found.is_file() => return Err(in_the_way("no file")),
            Ok(_) => regular::read(&path, LONGEST).map_err(StoreError::io("read", &path))?,
        };
        let text = String::from_utf8_lossy(&bytes);
        let Some(lines) = text.strip_prefix(HEADER) else { return Ok(None) };
        let entry = |line: &str| {
            let (hash, name) = line.split_once("  ")?;
            let plain = name.split('/').all(|part| check_file("a file", part).is_ok());
            (plain && hash.len() == 64).then(|| (name.to_owned(), hash.to_owned()))
        };
        Ok(Some(lines.lines().filter_map(entry).collect()))
    }

    fn write_list(
        &self,
        known: &Known,
        write: &dyn Fn(&Path, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut text = HEADER.to_owned();
        for (name, hash) in known {
            text += &format!("{hash}  {name}\n");
        }
        write(&self.dir.join(self.list), text.as_bytes())
    }

    /// Moves a file out of the way, to a name with its hash; returns a sentence that states this
    /// and `why`.
    fn set_aside(&self, path: &Path, why: &str) -> Result<String, StoreError> {
        let Some(folder) = &self.aside else { return Ok(String::new()) };
        let bytes = regular::read(path, LARGEST).map_err(StoreError::io("read", path))?;
        let [stem, ending] = [path.file_stem(), path.extension()]
            .map(|part| part.unwrap_or_default().to_string_lossy());
        let aside = folder.join(format!("{stem}-{}.{ending}", &blake3::hash(&bytes).to_hex()[..8]));
        create_dirs(folder)?;
        rename(path, &aside).map_err(StoreError::io("move", path))?;
        sync_dir(folder)?;
        Ok(format!("{} {why}: moved to {}", path.display(), aside.display()))
    }
}

/// Folders in which a file is, the innermost first: `a/b` and `a` for `a/b/name`.
fn folders_of(name: &str) -> impl Iterator<Item = &Path> {
    let parents = Path::new(name).ancestors().skip(1);
    parents.filter(|folder| !folder.as_os_str().is_empty())
}

/// Hash of the part of a file that equal executions share.
fn hash(name: &str, bytes: &[u8]) -> String {
    if let Some(differing) = differing_columns(name) {
        let mut hasher = blake3::Hasher::new();
        let mut rows =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        for row in rows.byte_records().map_while(Result::ok) {
            let shared = row.len().saturating_sub(differing);
            for cell in row.iter().take(shared) {
                hasher.update(cell).update(b",");
            }
            hasher.update(b"\n");
        }
        return hasher.finalize().to_hex().to_string();
    }
    blake3::hash(bytes).to_hex().to_string()
}

/// Writes a file to `path`, atomically and synced.
pub fn write_whole(
    path: &Path,
    content: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), StoreError> {
    write_by(".tmp", path, true, content)
}

fn write_by(
    prefix: &str,
    path: &Path,
    is_synced: bool,
    content: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), StoreError> {
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if is_synced {
        create_dirs(dir)?;
    } else {
        fs::create_dir_all(dir).map_err(StoreError::io("create", dir))?;
    }
    let write = || -> io::Result<()> {
        let mut builder = tempfile::Builder::new();
        // Readable by others, as far as the user's umask allows.
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.prefix(prefix).tempfile_in(dir)?;
        content(file.as_file_mut())?;
        if is_synced {
            file.as_file().sync_all()?;
        }
        file.persist(path)?;
        Ok(())
    };
    write().map_err(StoreError::io("write", path))?;
    if is_synced { sync_dir(dir) } else { Ok(()) }
}

/// Removes partial files of killed processes. Only under the lock.
fn sweep_up(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(WRITING) && is_file(&entry.path()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Maximum time to wait for the lock of a directory.
const PATIENCE: Duration = Duration::from_secs(10);

/// Locks a directory against changes by other processes of this program, as long as the result
/// exists. Returns `None` if the file system has no locks, or the owner is stopped: then two
/// processes that write at the same moment may each take the other's file for a changed one.
pub(super) fn lock(dir: &Path) -> Option<File> {
    let file = File::open(dir).ok()?;
    let since = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(fs::TryLockError::WouldBlock) if since.elapsed() < PATIENCE => {
                sleep(Duration::from_millis(10));
            }
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 4] = ["a.svg", "b.svg", "s/a.svg", "s/t/b.png"];

    /// An event of a directory.
    #[derive(Debug, Clone)]
    enum Step {
        /// This program writes these versions of files (`None` = not wanted), and may die before
        /// this change to the disk.
        Write([Option<u8>; 4], Option<usize>),
        /// The user creates a file with this name, which may replace one of ours.
        Put(usize),
        /// The user removes a file.
        Remove(usize),
        /// The list is lost.
        Lose,
    }

    fn step() -> impl Strategy<Value = Step> {
        let wanted = || prop::array::uniform4(prop::option::of(0..3u8));
        prop_oneof![
            4 => (wanted(), prop::option::of(0..8usize)).prop_map(|(wanted, dies)| Step::Write(wanted, dies)),
            2 => (0..4usize).prop_map(Step::Put),
            1 => (0..4usize).prop_map(Step::Remove),
            1 => Just(Step::Lose),
        ]
    }

    fn owned(dir: &Path, wanted: [Option<u8>; 4]) -> Owned {
        let files = NAMES.iter().zip(wanted);
        let files =
            files.filter_map(|(name, version)| Some((name.to_string(), vec![b'v', version?])));
        Owned::new(dir, ".ablade-figures", files.collect())
    }

    /// Writes and may die before one of the changes.
    fn write(owned: &Owned, dies: Option<usize>) -> Result<Vec<String>, StoreError> {
        let changes = std::cell::Cell::new(0);
        let change = |path: &Path, bytes: &[u8]| {
            changes.set(changes.get() + 1);
            match Some(changes.get() - 1) == dies {
                true => Err(StoreError::io("write", path)(io::ErrorKind::StorageFull.into())),
                false => write_whole(path, |file| file.write_all(bytes)),
            }
        };
        owned.write_with(&change, &|| Ok(()))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Files of the user remain unchanged in any sequence of events; and as long as the list
        /// exists, obsolete files of ours are recognised, replaced and removed.
        #[test]
        fn what_is_not_ours_stays_and_what_is_ours_goes(steps in prop::collection::vec(step(), 1..14), last in prop::array::uniform4(prop::option::of(0..3u8))) {
            let dir = tempfile::tempdir().unwrap();
            let mut theirs: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
            let mut list_is_lost = false;
            let all = steps.into_iter().chain([Step::Write(last, None)]);
            for (number, step) in all.enumerate() {
                match step {
                    Step::Write(wanted, dies) => drop(write(&owned(dir.path(), wanted), dies)),
                    Step::Put(i) => {
                        let (path, bytes) = (dir.path().join(NAMES[i]), format!("the user's {number}").into_bytes());
                        fs::create_dir_all(path.parent().unwrap()).unwrap();
                        fs::write(path, &bytes).unwrap();
                        theirs.insert(i, bytes);
                    }
                    Step::Remove(i) => {
                        let _ = fs::remove_file(dir.path().join(NAMES[i]));
                        theirs.remove(&i);
                    }
                    Step::Lose => {
                        let _ = fs::remove_file(dir.path().join(".ablade-figures"));
                        list_is_lost = true;
                    }
                }
                for (&i, bytes) in &theirs {
                    let there = fs::read(dir.path().join(NAMES[i])).ok();
                    prop_assert_eq!(there.as_ref(), Some(bytes), "step {}", number);
                }
            }
            for (i, version) in last.into_iter().enumerate().filter(|(i, _)| !list_is_lost && !theirs.contains_key(i)) {
                let there = fs::read(dir.path().join(NAMES[i])).ok();
                let foreign = !theirs.is_empty() && !dir.path().join(".ablade-figures").exists();
                prop_assert!(foreign || there == version.map(|version| vec![b'v', version]), "{}: {:?}", NAMES[i], there);
            }
        }
    }

    #[test]
    fn links_are_neither_followed_nor_replaced() {
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(&owned(dir.path(), [Some(1), Some(1), Some(1), None]), None).unwrap();
        let victim = elsewhere.path().join("victim");
        fs::write(&victim, [b'v', 1]).unwrap();
        fs::remove_file(dir.path().join("a.svg")).unwrap();
        std::os::unix::fs::symlink(&victim, dir.path().join("a.svg")).unwrap();
        let error = write(&owned(dir.path(), [Some(2), Some(2), None, None]), None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("a.svg (it is a link)"), "{error}");
        assert_eq!(fs::read(dir.path().join("b.svg")).unwrap(), [b'v', 1], "nothing is written");
        // A file that is no longer wanted is left in place.
        write(&owned(dir.path(), [None, Some(2), None, None]), None).unwrap();
        assert!(dir.path().join("a.svg").is_symlink() && !dir.path().join("s").exists());
        assert_eq!(fs::read(&victim).unwrap(), [b'v', 1]);
        // A folder of ours that is now a link.
        std::os::unix::fs::symlink(elsewhere.path(), dir.path().join("s")).unwrap();
        assert!(write(&owned(dir.path(), [None, None, Some(1), None]), None).is_err());
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
        fs::remove_file(dir.path().join("s")).unwrap();
        // The user has moved a folder of ours away: the files in it are no longer ours.
        write(&owned(dir.path(), [None, None, Some(1), None]), None).unwrap();
        fs::rename(dir.path().join("s"), elsewhere.path().join("moved")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("moved"), dir.path().join("s")).unwrap();
        write(&owned(dir.path(), [None, Some(2), None, None]), None).unwrap();
        assert_eq!(fs::read(elsewhere.path().join("moved/a.svg")).unwrap(), [b'v', 1]);
    }

    #[test]
    fn a_list_names_nothing_outside_its_directory() {
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let victim = elsewhere.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        let hash = blake3::hash(b"precious").to_hex();
        let up = format!("../{}/victim", elsewhere.path().file_name().unwrap().to_str().unwrap());
        for name in [up.as_str(), victim.to_str().unwrap(), "../victim", "a/../../victim", "", "/"]
        {
            fs::write(dir.path().join(".ablade-figures"), format!("{HEADER}{hash}  {name}\n"))
                .unwrap();
            write(&owned(dir.path(), [Some(1), None, None, None]), None).unwrap();
            assert_eq!(fs::read(&victim).unwrap(), b"precious", "{name}");
        }
    }

    #[test]
    fn a_table_of_times_is_known_by_what_equal_executions_share() {
        let hash = |text: &str| hash("timings.csv", text.as_bytes());
        let table = "study,variant,seed,run,started_utc,seconds,images_per_second,host,threads\ns,a,1,r1,t,1,2,h,1\n";
        assert_eq!(hash(table), hash(&table.replace("t,1,2,h,1", "u,2,3,\"h,i\",4")));
        for other in [
            table.replace("a,1", "a,2"),
            table.replace("\ns", "\n# mine\ns"),
            table.replace(",1\n", ",1,note\n"),
        ] {
            assert_ne!(hash(table), hash(&other), "{other}");
        }
    }
}
