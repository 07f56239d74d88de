//! From a name to what is read: drawn by the program, known by name, or files at a path.

use std::fs;
use std::path::{Path, PathBuf};

use super::catalog::{KNOWN, Known};
use super::draw::Builtin;
use super::library::{Library, file_name};
use super::role::{self, Passed, Role, only, part_of, role};
use super::{DataError, Part, read};

/// Where the images of a data set come from.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Drawn by the program.
    Builtin(Builtin),
    /// Read from disk.
    Files(Files),
}

/// Files of one data set.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// The folder, the file or the common stem, for messages.
    pub(crate) path: PathBuf,
    /// What is known of the set, if it was named.
    pub(crate) known: Option<&'static Known>,
    /// Files of the three sets, or one of all images.
    pub(crate) images: Layout,
    /// What lies there besides, as in [`super::Dataset::left_out`].
    pub(crate) left_out: Vec<String>,
}

/// How files make up the three sets.
#[derive(Debug, Clone)]
pub(crate) enum Layout {
    /// One file (or folder of images) that holds everything.
    One(Item),
    /// Train, valid and test, each its own.
    Parts([Option<Item>; 3]),
}

/// A file or folder of images, and files that may hold their labels.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) images: PathBuf,
    /// The pictures, if `images` is a folder of them.
    pub(crate) pictures: Vec<PathBuf>,
    pub(crate) labels: Vec<PathBuf>,
}

impl Files {
    /// Whether pictures in folders are train, valid and test by the folder that they are in.
    pub(crate) fn divides_folders(&self) -> bool {
        match &self.images {
            Layout::One(_) => false,
            Layout::Parts(parts) => parts.iter().flatten().any(|item| item.images.is_dir()),
        }
    }

    /// Everything whose content decides the images, in a fixed order.
    pub(crate) fn content(&self) -> Vec<PathBuf> {
        let items: Vec<&Item> = match &self.images {
            Layout::One(item) => vec![item],
            Layout::Parts(parts) => parts.iter().flatten().collect(),
        };
        let mut paths = Vec::new();
        for item in items {
            if item.pictures.is_empty() {
                paths.push(item.images.clone());
            } else {
                paths.extend(item.pictures.iter().cloned());
            }
        }
        paths
    }
}

/// Finds the set `name`.
pub(crate) fn resolve(name: &str, library: &Library) -> Result<Source, DataError> {
    if let Some(builtin) = Builtin::ALL.into_iter().find(|builtin| builtin.name() == name) {
        return Ok(Source::Builtin(builtin));
    }
    if let Some(known) = KNOWN.iter().find(|known| known.name == name) {
        return known_files(known, library).map(Source::Files);
    }
    let mut places = vec![PathBuf::from(name)];
    if places[0].is_relative() && !name.is_empty() {
        places.push(library.data_dir.join(name));
    }
    for place in places {
        if let Some(files) = at_path(&place)? {
            return Ok(Source::Files(files));
        }
    }
    Err(unknown(name, library))
}

/// What lies at the path `name` and is passed over, because the name is that of a set; `place` is where that one is.
pub(crate) fn shadowed(name: &str, place: Option<&Path>, library: &Library) -> Option<String> {
    let whose = match (Builtin::ALL.iter().any(|builtin| builtin.name() == name), place) {
        (true, _) => "the set that this program draws".to_owned(),
        (false, Some(place)) if KNOWN.iter().any(|known| known.name == name) => {
            format!("the set in {}", place.display())
        }
        _ => return None,
    };
    let is_used = |path: &Path| match (path.canonicalize(), place.map(Path::canonicalize)) {
        (Ok(path), Some(Ok(place))) => path == place,
        _ => false,
    };
    let mut hidden = [PathBuf::from(".").join(name), library.data_dir.join(name)].into_iter();
    let hidden = hidden.find(|path| path.exists() && !is_used(path))?;
    let path = hidden.display();
    Some(format!("the name means {whose}; what lies at {path} is used by name = \"{path}\""))
}

/// Finds a set known by name in the library.
pub(crate) fn known_files(known: &'static Known, library: &Library) -> Result<Files, DataError> {
    let looked = library.places(known.name);
    for place in looked.iter().filter(|place| place.is_dir()) {
        let mut members = members(place)?;
        let official: Vec<&str> = known.files().collect();
        if official.iter().all(|file| place.join(file).is_file()) {
            members.retain(|member| official.contains(&file_name(member).as_str()));
        }
        let Some((images, left_out)) = layout(place, &members)? else { continue };
        if let Layout::Parts(parts) = &images {
            let lacking = known.parts.iter().find(|&&part| parts[part as usize].is_none());
            if let Some(part) = lacking {
                let problem = format!(
                    "part of {} is here, its {part} images are not; `ablade data fetch {}` gets the whole ({}). \
                     A single file can be used by its own path",
                    known.name,
                    known.name,
                    known.download_size()
                );
                return Err(DataError::Incomplete { path: place.clone(), problem });
            }
        }
        return Ok(Files { path: place.clone(), known: Some(known), images, left_out });
    }
    Err(DataError::Missing { name: known.name.into(), looked, size: known.download_size() })
}

/// A file, a folder, or the common beginning of several files.
fn at_path(path: &Path) -> Result<Option<Files>, DataError> {
    let path = path.to_owned();
    let images = if path.is_file() {
        let labels = path.with_file_name(
            path.file_name().unwrap_or_default().to_string_lossy().replace("images", "labels").replace("idx3", "idx1"),
        );
        let labels = (labels != path && labels.is_file()).then_some(labels);
        let labels = labels.into_iter().collect();
        Some((Layout::One(Item { images: path.clone(), pictures: vec![], labels }), vec![]))
    } else if path.is_dir() {
        match inside(&path, 0)? {
            Some(files) => return Ok(Some(files)),
            None => return Err(nothing_there(path)?),
        }
    } else {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let stem = file_name(&path);
        let begins = |member: &PathBuf| {
            let rest = file_name(member).strip_prefix(&stem).map(str::to_owned);
            member.is_file() && rest.is_some_and(|rest| rest.starts_with(|c: char| !c.is_alphanumeric()))
        };
        let mut siblings = if parent.is_dir() && !stem.is_empty() { members(parent)? } else { vec![] };
        siblings.retain(begins);
        layout(&path, &siblings)?
    };
    Ok(images.map(|(images, left_out)| Files { path, known: None, images, left_out }))
}

/// The data set of a folder, or of its only sub-folder that has one (`MNIST/raw` of torchvision).
fn inside(path: &Path, depth: usize) -> Result<Option<Files>, DataError> {
    const DEEPEST: usize = 4;
    let members = members(path)?;
    if let Some((images, left_out)) = layout(path, &members)? {
        return Ok(Some(Files { path: path.to_owned(), known: None, images, left_out }));
    }
    let mut found: Vec<Files> = Vec::new();
    for folder in members.iter().filter(|member| member.is_dir() && depth < DEEPEST) {
        found.extend(inside(folder, depth + 1)?);
    }
    if found.len() > 1 {
        let folders: Vec<&PathBuf> = found.iter().map(|files| &files.path).collect();
        return Err(several(path, "folders of data sets", &folders));
    }
    Ok(found.pop())
}

/// The error for a folder without a data set: what is there instead.
fn nothing_there(path: PathBuf) -> Result<DataError, DataError> {
    let mut found = read::tree(&path)?.passed.sentences(read::NO_PICTURE);
    found.truncate(5);
    let found = if found.is_empty() { "it is empty".to_owned() } else { found.join("; ") };
    let problem = format!(
        "no data set in this folder, neither idx, npy, npz, text, tar nor zip files, nor PNG or JPEG pictures: {found}. The \
         path of a file says more of it; docs/DATA.md has what is read"
    );
    Ok(DataError::Incomplete { path, problem })
}

pub(crate) fn unknown(name: &str, library: &Library) -> DataError {
    let known: Vec<&str> = Builtin::ALL.iter().map(|b| b.name()).chain(KNOWN.iter().map(|k| k.name)).collect();
    let score = |known: &str| strsim::jaro_winkler(name, known);
    let nearest = known.iter().copied().max_by(|a, b| score(a).total_cmp(&score(b)));
    let nearest = nearest.filter(|known| score(known) > 0.75).map(str::to_owned);
    DataError::Unknown { name: name.to_owned(), data_dir: library.data_dir.clone(), nearest, known: known.join(", ") }
}

/// What a folder holds, sorted by name, without hidden files and downloads under way.
fn members(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut paths: Vec<PathBuf> = entries.map_err(DataError::io(folder))?.iter().map(fs::DirEntry::path).collect();
    paths.retain(|path| role(path) != Role::Litter);
    paths.sort();
    Ok(paths)
}

/// How good a candidate for the images is; a better one makes all worse ones bystanders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Arrays, tar archives, and texts that begin as a table of values.
    Values,
    /// Pictures in folders.
    Pictures,
    Zip,
    /// Files that end as data do, and begin otherwise: taken if there is nothing else, so that reading says what is wrong.
    Unlikely,
}

fn rank(path: &Path) -> Option<Rank> {
    match role(path) {
        Role::Tar => Some(Rank::Values),
        Role::Zip => Some(Rank::Zip),
        Role::Arrays | Role::Text if read::begins_as_images(path) => Some(Rank::Values),
        Role::Arrays | Role::Text => Some(Rank::Unlikely),
        Role::Litter | Role::Picture | Role::Other => None,
    }
}

/// How the members of a folder (or all files of one stem) make a data set, and what is passed over; `None` if nothing there is
/// one. This is the rule, for all that lies in folders:
///
/// 1. Names that say labels are labels; a packed copy of a file is no second one.
/// 2. Names that say train, valid and test divide: files, or else folders with pictures at any depth.
/// 3. Of several candidates the best [`Rank`] counts, then the one that [`only`] finds; two equals are an error.
/// 4. The rest is passed over, and named.
fn layout(place: &Path, members: &[PathBuf]) -> Result<Option<(Layout, Vec<String>)>, DataError> {
    let is_copy = |path: &&PathBuf| {
        let unpacked = path.with_extension("");
        path.extension().is_some_and(|ending| ending == "gz")
            && members.contains(&unpacked)
            && read::is_packed_copy(path, &unpacked)
    };
    let files = members.iter().filter(|path| path.is_file() && !is_copy(path));
    let (labels, others): (Vec<&PathBuf>, Vec<&PathBuf>) =
        files.partition(|path| role::is_labels(path) && rank(path).is_some());
    let tree = if place.is_dir() { read::tree(place)? } else { read::Tree::default() };
    let names: Vec<&Path> = tree.pictures.iter().map(|path| path.strip_prefix(place).unwrap_or(path)).collect();
    let incomplete = |problem| DataError::Incomplete { path: place.to_owned(), problem };
    let division = read::divide(&names, false).map_err(incomplete)?;
    let item = |images: &Path, pictures: Vec<PathBuf>, part: Option<Part>| Item {
        images: images.to_owned(),
        pictures,
        labels: labels.iter().filter(|labels| part_of(labels) == part).map(|&labels| labels.clone()).collect(),
    };
    let all: Vec<(Rank, &PathBuf)> = others.iter().filter_map(|path| Some((rank(path)?, *path))).collect();
    let best = all.iter().map(|(rank, _)| *rank).min();
    let worst = if tree.pictures.is_empty() { best.unwrap_or(Rank::Unlikely) } else { Rank::Pictures };
    let ranked: Vec<(Rank, &PathBuf)> = all.iter().filter(|(rank, _)| *rank <= worst).copied().collect();
    let mut parts = [None, None, None];
    for part in Part::ALL {
        let files = ranked.iter().filter(|(_, path)| part_of(path) == Some(part)).map(|(_, path)| *path).collect();
        parts[part as usize] = match (chosen(place, files, &format!("{part} images"))?, &division) {
            (Some(path), _) => Some(item(path, vec![], Some(part))),
            (None, read::Division::Parts(pictures, _)) if !pictures[part as usize].is_empty() => {
                let pictures = pictures[part as usize].iter().map(|&i| tree.pictures[i].clone()).collect();
                Some(item(place, pictures, Some(part)))
            }
            _ => None,
        };
    }
    // What a part lacks may be a file like those of the others that begins badly: reading it says how.
    let ending = parts
        .iter()
        .flatten()
        .find(|part| part.pictures.is_empty())
        .and_then(|part| part.images.extension().map(ToOwned::to_owned));
    for part in Part::ALL {
        if parts[part as usize].is_some() || ending.is_none() {
            continue;
        }
        let like = |path: &&PathBuf| path.extension() == ending.as_deref() && part_of(path) == Some(part);
        let broken = all.iter().map(|(_, path)| *path).find(like).map(|path| item(path, vec![], Some(part)));
        parts[part as usize] = broken;
    }
    let layout = if parts.iter().any(Option::is_some) {
        Some(Layout::Parts(parts))
    } else {
        // An archive is the original; arrays beside it are derived from it.
        let tar = ranked.iter().filter(|(_, path)| role(path) == Role::Tar).map(|(_, path)| *path).collect::<Vec<_>>();
        let files = ranked.iter().map(|(_, path)| *path).collect::<Vec<_>>();
        let what = "files of images, none of them named train, valid or test";
        let one = match (&tar[..], worst) {
            ([tar], _) => Some(tar.as_path()),
            (_, Rank::Unlikely) if files.len() > 1 => None,
            _ => chosen(place, files, what)?.map(PathBuf::as_path),
        };
        let one = one.or((!tree.pictures.is_empty()).then_some(place));
        one.map(|images| {
            let pictures = if images == place { tree.pictures.clone() } else { vec![] };
            Layout::One(item(images, pictures, None))
        })
    };
    Ok(layout.map(|layout| {
        let left_out = bystanders(&layout, place, &others, tree, &division);
        (layout, left_out)
    }))
}

/// The one file of several that is meant.
fn chosen<'a>(place: &Path, files: Vec<&'a PathBuf>, what: &str) -> Result<Option<&'a PathBuf>, DataError> {
    only(files, |path| path.as_path()).map_err(|files| several(place, what, &files))
}

/// What a layout passes over.
fn bystanders(
    layout: &Layout,
    place: &Path,
    others: &[&PathBuf],
    tree: read::Tree,
    division: &read::Division,
) -> Vec<String> {
    let items: Vec<&Item> = match layout {
        Layout::One(item) => vec![item],
        Layout::Parts(parts) => parts.iter().flatten().collect(),
    };
    if items.iter().any(|item| !item.pictures.is_empty()) {
        let mut left_out = tree.passed.sentences(read::NO_PICTURE);
        if let read::Division::Parts(_, rest) = division {
            let first = rest.first().map(|&i| tree.pictures[i].strip_prefix(place).unwrap_or(&tree.pictures[i]));
            left_out.extend(read::outside(rest.len(), first));
        }
        return left_out;
    }
    let mut passed = Passed::default();
    others.iter().filter(|path| items.iter().all(|item| item.images != ***path)).for_each(|path| passed.add(path));
    let mut left_out = passed.sentences("not among the files that are read");
    if let Some(first) = tree.pictures.first() {
        let (n, first) = (tree.pictures.len(), first.strip_prefix(place).unwrap_or(first).display());
        left_out.push(format!("{n} pictures such as {first}: files of values are read"));
    }
    left_out
}

fn several(place: &Path, what: &str, paths: &[&PathBuf]) -> DataError {
    let names: Vec<String> = paths.iter().map(|path| file_name(path)).collect();
    let problem = format!("several {what} ({}): name one by its path", names.join(", "));
    DataError::Incomplete { path: place.to_owned(), problem }
}
