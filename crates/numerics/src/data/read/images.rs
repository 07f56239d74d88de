//! Pictures (PNG and JPEG) in folders, tar and zip archives: sub-folders are classes, folders
//! called train, valid and test divide; any size, averaged down to a square.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::decode::{LARGEST, is_picture};
use super::gallery::Gallery;
use super::{Contents, Pool, damage};
use crate::data::library::file_name;
use crate::data::role::{Passed, Role, part_of, part_of_picture, role, states_division};
use crate::data::{DataError, Part};
use crate::regular;
use crate::text;

/// Reason why files among pictures are skipped.
pub(crate) const NO_PICTURE: &str = "no PNG or JPEG picture";

/// Maximum depth of folders that are searched.
const DEEPEST: usize = 16;

/// The pictures below a folder.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Pictures at any depth, in natural order of their paths: 9 before 10.
    pub(crate) pictures: Vec<PathBuf>,
    /// Files that are not pictures.
    pub(crate) others: Vec<PathBuf>,
    /// Folders that are too deep to be searched.
    too_deep: Vec<PathBuf>,
}

impl Tree {
    /// Sentences on the files that are not pictures, except those that are read, and on folders
    /// that are too deep.
    pub(crate) fn left_out(&self, why: &str, is_read: impl Fn(&Path) -> bool) -> Vec<String> {
        let mut passed = Passed::default();
        self.others
            .iter()
            .filter(|path| !is_read(path))
            .for_each(|path| passed.add(path));
        let mut sentences = passed.sentences(why);
        if let Some(first) = self.too_deep.first() {
            let (n, first) = (self.too_deep.len(), first.display());
            sentences.push(match n {
                1 => format!("folder {first}: deeper than {DEEPEST} folders"),
                n => format!("{n} folders such as {first}: deeper than {DEEPEST} folders"),
            });
        }
        sentences
    }
}

/// Looks for pictures in a folder and all its sub-folders.
pub(crate) fn tree(root: &Path) -> Result<Tree, DataError> {
    let (mut tree, mut seen) = (Tree::default(), BTreeSet::new());
    walk(root, 0, &mut seen, &mut tree)?;
    tree.pictures
        .sort_by(|a, b| natural(&a.to_string_lossy(), &b.to_string_lossy()));
    Ok(tree)
}

/// Enters every folder once, even if several links lead to it.
fn walk(
    folder: &Path,
    depth: usize,
    seen: &mut BTreeSet<PathBuf>,
    tree: &mut Tree,
) -> Result<(), DataError> {
    if !seen.insert(folder.canonicalize().map_err(DataError::io(folder))?) {
        return Ok(());
    }
    if depth > DEEPEST {
        tree.too_deep.push(folder.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut paths: Vec<PathBuf> = entries
        .map_err(DataError::io(folder))?
        .into_iter()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    for path in paths {
        match role(&path) {
            Role::Litter => {}
            _ if path.is_dir() => walk(&path, depth + 1, seen, tree)?,
            Role::Picture => tree.pictures.push(path),
            Role::Other if begins_as_picture(&path) => tree.pictures.push(path),
            _ => tree.others.push(path),
        }
    }
    Ok(())
}

/// True if a file is a picture by its content, although its name does not say so.
fn begins_as_picture(path: &Path) -> bool {
    let mut start = [0; 4];
    regular::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && is_picture(&start)
}

/// Division of pictures by folders, or by the names of all of them.
#[derive(Debug)]
pub(crate) enum Division {
    /// No division.
    One,
    /// No division, though some pictures are called train, valid or test: a sentence on them.
    Half(String),
    /// Pictures of train, valid and test by number, and those in none of the three.
    Parts([Vec<usize>; 3], Vec<usize>),
    /// Indices of the pictures of train, valid and test by their own names, all of which state it.
    Names([Vec<usize>; 3]),
}

impl Division {
    /// Pictures of train, valid and test by number, and those in none of the three; `None` if all
    /// are one pool.
    pub(crate) fn parts(&self) -> Option<(&[Vec<usize>; 3], &[usize])> {
        match self {
            Self::Parts(parts, rest) => Some((parts, rest)),
            Self::Names(parts) => Some((parts, &[])),
            Self::One | Self::Half(_) => None,
        }
    }

    /// Sentence on a division by the names of pictures, or on names that divide only some of them.
    pub(crate) fn note(&self) -> Option<String> {
        match self {
            Self::Names(_) => {
                Some("the names of its pictures, which say train and test, divide it".to_owned())
            }
            Self::Half(note) => Some(note.clone()),
            Self::One | Self::Parts(..) => None,
        }
    }
}

/// Divides pictures by the first folder on the way to each that is called train, valid or test; or
/// by their own names, where each has one of these words and some train and some test. One such
/// folder alone is a division that lacks another one, unless it has all pictures of an archive,
/// which may be one part's.
pub(crate) fn divide(names: &[&Path], archive: bool) -> Result<Division, String> {
    let (mut parts, mut rest) = ([vec![], vec![], vec![]], vec![]);
    let mut folders: BTreeSet<(PathBuf, Part, PathBuf)> = BTreeSet::new();
    for (i, name) in names.iter().enumerate() {
        let folder = folders_of(name)
            .into_iter()
            .find_map(|folder| Some((part_of(&folder)?, folder)));
        match folder {
            Some((part, folder)) => {
                parts[part as usize].push(i);
                folders.insert((folder.parent().unwrap_or(Path::new("")).to_owned(), part, folder));
            }
            None => rest.push(i),
        }
    }
    let mut before: Option<&(PathBuf, Part, PathBuf)> = None;
    for one in &folders {
        if let Some(other) = before.filter(|other| (&other.0, other.1) == (&one.0, one.1)) {
            let (part, one, other) = (one.1, one.2.display(), other.2.display());
            return Err(format!(
                "two folders of {part} pictures, {other} and {one}: rename or move one of them"
            ));
        }
        before = Some(one);
    }
    match (parts.iter().filter(|part| !part.is_empty()).count(), folders.first()) {
        (1, _) if archive && rest.is_empty() => Ok(Division::One),
        (1, Some((_, part, folder))) if !rest.is_empty() => Err(format!(
            "its folder {} is taken for the {part} images, and of its {} other pictures none is in a folder called train, \
             valid or test: if it is a class, give it another name",
            folder.display(),
            rest.len()
        )),
        (0, _) => Ok(divide_by_names(names)),
        _ => Ok(Division::Parts(parts, rest)),
    }
}

/// Divides pictures by their own names.
fn divide_by_names(names: &[&Path]) -> Division {
    let (mut parts, mut rest) = ([vec![], vec![], vec![]], vec![]);
    for (i, name) in names.iter().enumerate() {
        match part_of_picture(name) {
            Some(part) => parts[part as usize].push(i),
            None => rest.push(i),
        }
    }
    let named = names.len() - rest.len();
    match (parts[Part::Train as usize].is_empty(), parts[Part::Test as usize].is_empty()) {
        (false, false) if rest.is_empty() => Division::Names(parts),
        (false, false) => Division::Half(format!(
            "{named} of {} pictures are called train, valid or test and the others are not: all are divided by the data seed",
            names.len()
        )),
        _ => Division::One,
    }
}

/// The folders on the way to a file, the outermost first.
fn folders_of(name: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = name.ancestors().skip(1).map(Path::to_owned).collect();
    folders.retain(|folder| !folder.as_os_str().is_empty());
    folders.reverse();
    folders
}

/// Class of each picture: the first folder, without the one that divides, in which they differ.
fn classes(names: &[&Path]) -> Vec<String> {
    let ways: Vec<Vec<String>> = names
        .iter()
        .map(|name| {
            let mut folders = folders_of(name);
            if let Some(dividing) = folders.iter().position(|folder| part_of(folder).is_some()) {
                folders.remove(dividing);
            }
            folders.iter().map(|folder| file_name(folder)).collect()
        })
        .collect();
    let first = ways.first().cloned().unwrap_or_default();
    let shared = |way: &Vec<String>| way.iter().zip(&first).take_while(|(a, b)| a == b).count();
    let shared = ways.iter().map(shared).min().unwrap_or(0);
    ways.into_iter()
        .map(|mut way| if way.len() > shared { way.swap_remove(shared) } else { String::new() })
        .collect()
}

/// Reads pictures below a folder as squares of `size`.
pub(crate) fn folder(root: &Path, pictures: &[PathBuf], size: usize) -> Result<Pool, DataError> {
    let names: Vec<&Path> =
        pictures.iter().map(|path| path.strip_prefix(root).unwrap_or(path)).collect();
    let mut gallery = Gallery::default();
    for (path, class) in pictures.iter().zip(classes(&names)) {
        let bytes = regular::read(path, LARGEST).map_err(DataError::io(path))?;
        gallery.hang(path, "image", class, &bytes, size)?;
    }
    Ok(gallery.pool(size))
}

/// Reads a tar archive of pictures as squares of `size`.
pub(super) fn tar(path: &Path, source: impl Read, size: usize) -> Result<Contents, DataError> {
    let mut archive = tar::Archive::new(source);
    let broken = |error: std::io::Error| DataError::malformed(path, "tar entry", error);
    let mut members = Members::default();
    for entry in archive.entries().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let name = PathBuf::from(String::from_utf8_lossy(&entry.path_bytes()).into_owned());
        if entry.header().entry_type().is_file() {
            members.add(path, name, entry)?;
        }
    }
    members.read(path, size)
}

/// Members of an archive. Nothing is unpacked to disk: their names only sort, classify and divide.
#[derive(Default)]
pub(super) struct Members {
    pictures: Vec<(PathBuf, Vec<u8>)>,
    passed: Passed,
}

impl Members {
    /// Takes a member.
    pub(super) fn add(
        &mut self,
        path: &Path,
        name: PathBuf,
        mut content: impl Read,
    ) -> Result<(), DataError> {
        let role = role(&name);
        let place = |error| DataError::malformed(path, name.display(), damage(&error));
        let mut bytes = Vec::new();
        if role == Role::Other {
            content.by_ref().take(4).read_to_end(&mut bytes).map_err(place)?;
        }
        match role {
            Role::Litter => {}
            _ if role == Role::Picture || is_picture(&bytes) => {
                content.take(LARGEST).read_to_end(&mut bytes).map_err(place)?;
                self.pictures.push((name, bytes));
            }
            _ => self.passed.add(&name),
        }
        Ok(())
    }

    /// Decodes and divides the pictures.
    pub(super) fn read(mut self, path: &Path, size: usize) -> Result<Contents, DataError> {
        let refused = |problem: String| DataError::malformed(path, "archive", problem);
        if self.pictures.is_empty() {
            let mut found = self.passed.sentences(NO_PICTURE);
            found.truncate(3);
            let found = if found.is_empty() { "it is empty".to_owned() } else { found.join("; ") };
            return Err(refused(format!(
                "no PNG or JPEG picture in it ({found}): unpack it, and give the path of what is used"
            )));
        }
        self.pictures
            .sort_by(|(a, _), (b, _)| natural(&a.to_string_lossy(), &b.to_string_lossy()));
        let names: Vec<&Path> = self.pictures.iter().map(|(name, _)| name.as_path()).collect();
        let division = divide(&names, true).map_err(refused)?;
        let classes = classes(&names);
        let pool = |members: &mut dyn Iterator<Item = usize>| {
            let mut gallery = Gallery::default();
            for i in members {
                let (name, bytes) = &self.pictures[i];
                gallery.hang(path, &name.display().to_string(), classes[i].clone(), bytes, size)?;
            }
            Ok::<Pool, DataError>(gallery.pool(size))
        };
        let mut notes: Vec<String> = division.note().into_iter().collect();
        if division.parts().is_none() {
            notes.extend(states_division(self.passed.names()));
        }
        let left_out = self.passed.sentences(NO_PICTURE);
        match division.parts() {
            None => {
                Ok(Contents::One(Pool { left_out, notes, ..pool(&mut (0..self.pictures.len()))? }))
            }
            Some((parts, rest)) => {
                let mut pools = [None, None, None];
                for (pool_of_part, members) in
                    pools.iter_mut().zip(parts).filter(|(_, members)| !members.is_empty())
                {
                    *pool_of_part = Some(pool(&mut members.iter().copied())?);
                }
                if let Some(first) = pools.iter_mut().flatten().next() {
                    (first.left_out, first.notes) = (left_out, notes);
                    first.left_out.extend(outside(rest.len(), rest.first().map(|&i| names[i])));
                }
                Ok(Contents::Parts(pools))
            }
        }
    }
}

/// The sentence on pictures in none of the three parts.
pub(crate) fn outside(count: usize, first: Option<&Path>) -> Option<String> {
    let (first, pictures) = (first?.display(), text::count(count, "picture"));
    Some(format!(
        "{pictures} such as {first}: in no folder called train, valid or test, as others are"
    ))
}

/// Compares names with runs of digits as numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while let (Some(&x), Some(&y)) = (a.first(), b.first()) {
        let digits = |s: &[u8]| s.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (m, n) = (digits(a), digits(b));
        if m > 0 && n > 0 {
            let value =
                |s: &[u8]| s.iter().skip_while(|&&byte| byte == b'0').copied().collect::<Vec<_>>();
            let (p, q) = (value(&a[..m]), value(&b[..n]));
            match p.len().cmp(&q.len()).then(p.cmp(&q)) {
                Ordering::Equal => (a, b) = (&a[m..], &b[n..]),
                different => return different,
            }
        } else if x == y {
            (a, b) = (&a[1..], &b[1..]);
        } else {
            return x.cmp(&y);
        }
    }
    a.len().cmp(&b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_people_count() {
        let mut names = ["b/1.png", "a/10.png", "a/9.png", "a/010.png", "a/1.png"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a/1.png", "a/9.png", "a/10.png", "a/010.png", "b/1.png"]);
    }
}
