//! Resolution of a data set's name to its source: built in, known by name, or files at a path.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::catalog::{KNOWN, Known};
use super::draw::Builtin;
use super::library::{Library, file_name};
use super::role::{self, Passed, Role, only, part_of, role};
use super::{DataConfig, DataError, Part, read};
use crate::regular;
use crate::text::{count, nearest};

/// Source of the images of a data set.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
#[derive(Debug, Clone)]
pub(crate) enum DataSource {
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
    /// Catalogue entry of the set, if it is known by name.
    pub(crate) known: Option<&'static Known>,
    /// Files of the three sets, or one of all images.
    pub(crate) images: Layout,
    /// Other content of the folder, as in [`super::Dataset::left_out`].
    pub(crate) left_out: Vec<String>,
    /// Sentences on them for the user, as in [`super::Origin::notes`].
    pub(crate) notes: Vec<String>,
}

/// Arrangement of the three sets in files.
#[derive(Debug, Clone)]
pub(crate) enum Layout {
    /// One file (or folder of images) that holds everything.
    One(ImageFiles),
    /// Train, valid and test, each its own.
    Parts([Option<ImageFiles>; 3]),
}

/// A file or folder of images, and files that may hold their labels.
#[derive(Debug, Clone)]
pub(crate) struct ImageFiles {
    pub(crate) images: PathBuf,
    /// The pictures, if `images` is a folder of them.
    pub(crate) pictures: Vec<PathBuf>,
    pub(crate) labels: Vec<PathBuf>,
}

impl Layout {
    pub(crate) fn items(&self) -> impl Iterator<Item = &ImageFiles> {
        let parts = match self {
            Self::One(item) => [Some(item), None, None],
            Self::Parts(parts) => parts.each_ref().map(Option::as_ref),
        };
        parts.into_iter().flatten()
    }
}

impl Files {
    /// Names of the files that are read, unless the path names the only one.
    pub(crate) fn names(&self) -> Vec<String> {
        let folder = if self.path.is_dir() {
            self.path.as_path()
        } else {
            self.path.parent().unwrap_or(Path::new(""))
        };
        let files = self
            .images
            .items()
            .filter(|item| item.pictures.is_empty() && item.images != self.path);
        files
            .map(|item| {
                item.images.strip_prefix(folder).unwrap_or(&item.images).display().to_string()
            })
            .collect()
    }

    /// True if the folder of a picture decides whether it is train, valid or test.
    pub(crate) fn divides_folders(&self) -> bool {
        match &self.images {
            Layout::One(_) => false,
            Layout::Parts(parts) => parts.iter().flatten().any(|item| item.images.is_dir()),
        }
    }

    /// All files whose content decides the images, in a fixed order.
    pub(crate) fn content(&self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        for item in self.images.items() {
            if item.pictures.is_empty() {
                paths.push(item.images.clone());
            } else {
                paths.extend(item.pictures.iter().cloned());
            }
        }
        paths
    }
}

/// Finds the set that `config` names in this order: built in, known by name, path.
pub(crate) fn resolve(config: &DataConfig, library: &Library) -> Result<DataSource, DataError> {
    let name = config.name.as_str();
    if let Some(builtin) = Builtin::named(name) {
        return match builtin.is_real() == config.values.is_real() {
            true => Ok(DataSource::Builtin(builtin)),
            false => Err(other_kind(config, library)),
        };
    }
    if let Some(known) = KNOWN.iter().find(|known| known.name == name) {
        if config.values.is_real() {
            return Err(other_kind(config, library));
        }
        return known_files(known, config, library).map(DataSource::Files);
    }
    let mut places = vec![PathBuf::from(name)];
    if places[0].is_relative() && !name.is_empty() {
        places.push(library.data_dir.join(name));
    }
    for place in places {
        if let Some(files) = at_path(&place, config)? {
            return Ok(DataSource::Files(files));
        }
    }
    Err(unknown(name, library))
}

/// Error for a set with a name whose values are of the other kind.
fn other_kind(config: &DataConfig, library: &Library) -> DataError {
    let name = &config.name;
    let real = Builtin::ALL.iter().filter(|builtin| builtin.is_real());
    let real = real.map(|builtin| builtin.name()).collect::<Vec<_>>().join(", ");
    let problem = if config.values.is_real() {
        format!(
            "\"real\" asked, {name} holds images: leave values out. Built-in sets of real numbers are {real}; a table is named \
             by its path"
        )
    } else {
        let hidden =
            shadowed(name, None, library).map_or_else(String::new, |note| format!(" ({note})"));
        format!("{name} holds real numbers: data.values = \"real\" is expected{hidden}")
    };
    DataError::Setting { key: "values", problem }
}

/// Sentence on a file at the path `name` that is ignored because a set has this name; `place` is
/// the location of that set.
pub(crate) fn shadowed(name: &str, place: Option<&Path>, library: &Library) -> Option<String> {
    let whose = match (Builtin::named(name).is_some(), place) {
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
    Some(format!(
        "the name means {whose}; the file at {path} is used by name = \"{path}\""
    ))
}

/// Finds a set known by name in the library.
pub(crate) fn known_files(
    known: &'static Known,
    config: &DataConfig,
    library: &Library,
) -> Result<Files, DataError> {
    let looked = library.places(known);
    for place in &looked {
        let mut in_folder = None;
        if place.is_dir() {
            let mut members = members(place)?;
            let official: Vec<&str> = known.files().collect();
            if official.iter().all(|file| place.join(file).is_file()) {
                members.retain(|member| official.contains(&file_name(member).as_str()));
            }
            in_folder = layout(place, &members, config)?;
        }
        // A folder without data, such as an interrupted download leaves, hides no file next to it.
        let is_beside = in_folder.is_none();
        let found = match in_folder {
            None if known.is_vectors() => of_stem(place, |c| c == '.', config)?,
            found => found,
        };
        let Some(Found { images, left_out, notes }) = found else { continue };
        if let Layout::Parts(parts) = &images {
            let lacking = known.parts.iter().find(|&&part| parts[part as usize].is_none());
            if let Some(&part) = lacking {
                let (name, path) = (known.name.into(), place.clone());
                return Err(DataError::Partial { name, path, part, bytes: known.bytes() });
            }
        }
        let path = match &images {
            Layout::One(file) if is_beside => file.images.clone(),
            _ => place.clone(),
        };
        return Ok(Files { path, known: Some(known), images, left_out, notes });
    }
    let instead = Some(Path::new(".").join(known.name)).filter(|path| path.exists());
    let (name, bytes) = (known.name.into(), known.bytes());
    Err(DataError::Missing { name, looked, bytes, instead })
}

/// A file, a folder, or the common beginning of several files.
fn at_path(path: &Path, config: &DataConfig) -> Result<Option<Files>, DataError> {
    let path = path.to_owned();
    let found = if path.is_file() {
        let labels = labels_next_to(&path);
        let images = Layout::One(ImageFiles { images: path.clone(), pictures: vec![], labels });
        Some(Found { images, left_out: vec![], notes: vec![] })
    } else if path.is_dir() {
        match inside(&path, 0, config)? {
            Some(files) => return Ok(Some(files)),
            None => return Err(nothing_there(path)?),
        }
    } else if path.exists() {
        // A pipe or a device: opening it gives the error.
        return Err(regular::open(&path).err().map_or_else(
            || DataError::malformed(&path, "file", "it has changed: try again"),
            DataError::io(&path),
        ));
    } else {
        if path.is_symlink() {
            return Err(DataError::io(&path)(ErrorKind::NotFound.into()));
        }
        of_stem(&path, |c| !c.is_alphanumeric(), config)?
    };
    Ok(found.map(|found| found.at(path)))
}

/// Files of labels next to a file of examples: `train-labels-idx1-ubyte` of `train-images-idx3-ubyte`,
/// and `table-labels.csv` of `table.csv`, also with `_` or `.` before the word, or as `.npy`, `.csv` or
/// `.txt`.
pub(crate) fn labels_next_to(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (stem, ending) = name.split_at(name.find('.').filter(|&at| at > 0).unwrap_or(name.len()));
    let beside = ["-", "_", "."].into_iter().flat_map(|mark| {
        [ending, ".npy", ".csv", ".txt"].map(|ending| format!("{stem}{mark}labels{ending}"))
    });
    let mut found: Vec<PathBuf> = Vec::new();
    for own in
        std::iter::once(name.replace("images", "labels").replace("idx3", "idx1")).chain(beside)
    {
        let labels = path.with_file_name(own);
        if labels != path && labels.is_file() && !found.contains(&labels) {
            found.push(labels);
        }
    }
    found
}

/// The data set in the files whose names begin as `path` does, and go on with a character that
/// `separates`.
fn of_stem(
    path: &Path,
    separates: fn(char) -> bool,
    config: &DataConfig,
) -> Result<Option<Found>, DataError> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let stem = file_name(path);
    let begins = |member: &PathBuf| {
        let rest = file_name(member).strip_prefix(&stem).map(str::to_owned);
        member.is_file() && rest.is_some_and(|rest| rest.starts_with(separates))
    };
    let mut siblings = if parent.is_dir() && !stem.is_empty() { members(parent)? } else { vec![] };
    siblings.retain(begins);
    // A file of exactly this name has priority over longer names that begin with it.
    let is_exact = |member: &PathBuf| {
        file_name(member)[stem.len()..].starts_with('.') && part_of(member).is_none()
    };
    let divides = [Part::Train, Part::Test]
        .map(|part| siblings.iter().any(|member| part_of(member) == Some(part)));
    let has_exact = siblings
        .iter()
        .any(|member| is_exact(member) && rank(member, 0, config) == Some(Rank::Values));
    let others = match has_exact && divides != [true; 2] {
        true => siblings
            .extract_if(.., |member| !is_exact(member) && !role::is_labels(member))
            .collect(),
        false => vec![],
    };
    let mut passed = Passed::default();
    for member in &others {
        passed.add(member);
    }
    let left_out = passed.sentences("its name only begins as the one that was asked for");
    Ok(layout(path, &siblings, config)?
        .map(|found| Found { left_out: [found.left_out, left_out].concat(), ..found }))
}

/// The data set of a folder, or of its only sub-folder that has one (`MNIST/raw` of torchvision).
fn inside(path: &Path, depth: usize, config: &DataConfig) -> Result<Option<Files>, DataError> {
    const DEEPEST: usize = 4;
    let members = members(path)?;
    if let Some(found) = layout(path, &members, config)? {
        return Ok(Some(found.at(path.to_owned())));
    }
    let mut found: Vec<(&PathBuf, Files)> = Vec::new();
    for folder in members.iter().filter(|member| member.is_dir() && depth < DEEPEST) {
        found.extend(inside(folder, depth + 1, config)?.map(|files| (folder, files)));
    }
    if found.len() > 1 {
        let folders: Vec<&PathBuf> = found.iter().map(|(_, files)| &files.path).collect();
        return Err(several(path, "folders of data sets", &folders));
    }
    let Some((folder, mut files)) = found.pop() else { return Ok(None) };
    files.left_out.extend(
        read::tree(path)?
            .left_out("not in the folder that is read", |file| file.starts_with(folder)),
    );
    Ok(Some(files))
}

/// Error for a folder without a data set, listing its content.
fn nothing_there(path: PathBuf) -> Result<DataError, DataError> {
    let mut found = read::tree(&path)?.left_out(read::NO_PICTURE, |_| false);
    found.truncate(5);
    let found = if found.is_empty() { "it is empty".to_owned() } else { found.join("; ") };
    let problem = format!(
        "no data set in this folder, neither idx, npy, npz, text, tar nor zip files, nor PNG or JPEG pictures: {found}. The \
         path of a file says more of it; docs/reference/data.md has what is read"
    );
    Ok(DataError::Incomplete { path, problem })
}

pub(crate) fn unknown(name: &str, library: &Library) -> DataError {
    let known: Vec<&str> = Builtin::ALL
        .iter()
        .map(|b| b.name())
        .chain(KNOWN.iter().map(|k| k.name))
        .collect();
    let nearest = nearest(name, known.iter().copied()).map(str::to_owned);
    DataError::Unknown {
        name: name.to_owned(),
        data_dir: library.data_dir.clone(),
        nearest,
        known: known.join(", "),
    }
}

/// Members of a folder, sorted by name, without hidden files and unfinished downloads.
fn members(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut paths: Vec<PathBuf> =
        entries.map_err(DataError::io(folder))?.iter().map(fs::DirEntry::path).collect();
    paths.retain(|path| role(path) != Role::Litter);
    paths.sort();
    Ok(paths)
}

/// Quality of a candidate for the images; better ones exclude all worse ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Arrays, and texts that begin as a table of values.
    Values,
    /// Pictures in folders.
    Pictures,
    /// Tar and zip archives.
    Archive,
    /// Arrays and tables recognised by content alone: used if there is nothing better.
    Unnamed,
    /// Files with the ending of data but another beginning, and tables and arrays about pictures:
    /// used if there is nothing else, so that reading gives a precise error.
    Unlikely,
}

/// Rank of a file in a folder with a number of pictures.
fn rank(path: &Path, pictures: usize, config: &DataConfig) -> Option<Rank> {
    match role(path) {
        Role::Tar | Role::Zip => Some(Rank::Archive),
        Role::Arrays | Role::Text
            if read::begins_as_images(path, config)
                && !read::is_about_pictures(path, pictures, config) =>
        {
            Some(Rank::Values)
        }
        Role::Arrays | Role::Text => Some(Rank::Unlikely),
        Role::Other if pictures == 0 && read::is_values(path, config) => Some(Rank::Unnamed),
        Role::Litter | Role::Picture | Role::Other => None,
    }
}

/// The data set of a folder, or of all files of one stem.
struct Found {
    images: Layout,
    left_out: Vec<String>,
    notes: Vec<String>,
}

impl Found {
    fn at(self, path: PathBuf) -> Files {
        let Self { images, left_out, notes } = self;
        Files { path, known: None, images, left_out, notes }
    }
}

/// Layout of a data set in the members of a folder (or in all files of one stem), with the members
/// that are ignored; `None` if there is no data set. The rules for all folders:
///
/// 1. Names that say labels are labels; a packed copy of a file is not a second file.
/// 2. Names that say train, valid and test divide: files, or else folders with pictures at any
///    depth, or the pictures' names.
/// 3. Of several candidates the best [`Rank`] counts, then the one that [`only`] finds; two equals
///    are an error.
/// 4. The other members are ignored and reported.
fn layout(
    place: &Path,
    members: &[PathBuf],
    config: &DataConfig,
) -> Result<Option<Found>, DataError> {
    let is_copy = |path: &&PathBuf| {
        let unpacked = path.with_extension("");
        path.extension().is_some_and(|ending| ending == "gz")
            && members.contains(&unpacked)
            && read::is_packed_copy(path, &unpacked)
    };
    let tree = if place.is_dir() { read::tree(place)? } else { read::Tree::default() };
    let rank = |path: &Path| rank(path, tree.pictures.len(), config);
    let (copies, files): (Vec<&PathBuf>, Vec<&PathBuf>) =
        members.iter().filter(|path| !path.is_dir()).partition(is_copy);
    let (labels, others): (Vec<&PathBuf>, Vec<&PathBuf>) = files
        .into_iter()
        .partition(|path| role::is_labels(path) && rank(path).is_some());
    let item = |images: &Path, pictures: Vec<PathBuf>, part: Option<Part>| ImageFiles {
        images: images.to_owned(),
        pictures,
        labels: labels
            .iter()
            .filter(|labels| part_of(labels) == part)
            .map(|&labels| labels.clone())
            .collect(),
    };
    let mut all: Vec<(Rank, &PathBuf)> =
        others.iter().filter_map(|path| Some((rank(path)?, *path))).collect();
    if all.iter().any(|(rank, _)| *rank < Rank::Unnamed) {
        all.retain(|(rank, _)| *rank != Rank::Unnamed);
    }
    let divides = |part: Part| {
        all.iter()
            .any(|(rank, path)| *rank < Rank::Unlikely && part_of(path) == Some(part))
    };
    if divides(Part::Train) && divides(Part::Test) {
        all.retain(|(_, path)| part_of(path).is_some());
    }
    let best = all.iter().map(|(rank, _)| *rank).min();
    let worst = if tree.pictures.is_empty() {
        best.unwrap_or(Rank::Unlikely)
    } else {
        Rank::Pictures
    };
    let ranked: Vec<(Rank, &PathBuf)> =
        all.iter().filter(|(rank, _)| *rank <= worst).copied().collect();
    let names: Vec<&Path> = tree
        .pictures
        .iter()
        .map(|path| path.strip_prefix(place).unwrap_or(path))
        .collect();
    let division = match read::divide(&names, false) {
        Ok(division) => division,
        // Files of values make up the set, so that folders of pictures next to them divide nothing.
        Err(_) if best == Some(Rank::Values) => read::Division::One,
        Err(problem) => return Err(DataError::Incomplete { path: place.to_owned(), problem }),
    };
    let mut parts = [None, None, None];
    for part in Part::ALL {
        let files = ranked
            .iter()
            .filter(|(_, path)| part_of(path) == Some(part))
            .map(|(_, path)| *path)
            .collect();
        parts[part as usize] =
            match (chosen(place, files, &format!("{part} images"))?, division.parts()) {
                (Some(path), _) => Some(item(path, vec![], Some(part))),
                (None, Some((pictures, _))) if !pictures[part as usize].is_empty() => {
                    let pictures =
                        pictures[part as usize].iter().map(|&i| tree.pictures[i].clone()).collect();
                    Some(item(place, pictures, Some(part)))
                }
                _ => None,
            };
    }
    // A missing part may be a file like the others with a damaged beginning: reading it gives a
    // precise error.
    let ending = parts
        .iter()
        .flatten()
        .find(|part| part.pictures.is_empty())
        .and_then(|part| part.images.extension().map(ToOwned::to_owned));
    for part in Part::ALL {
        if parts[part as usize].is_some() || ending.is_none() {
            continue;
        }
        let like =
            |path: &&PathBuf| path.extension() == ending.as_deref() && part_of(path) == Some(part);
        let broken = all
            .iter()
            .map(|(_, path)| *path)
            .find(like)
            .map(|path| item(path, vec![], Some(part)));
        parts[part as usize] = broken;
    }
    let images = if parts.iter().any(Option::is_some) {
        Layout::Parts(parts)
    } else {
        let files = ranked.iter().map(|(_, path)| *path).collect::<Vec<_>>();
        let what = "files of images, none of them named train, valid or test";
        let one = match worst {
            Rank::Unlikely if files.len() > 1 => None,
            _ => chosen(place, files, what)?.map(PathBuf::as_path),
        };
        let Some(images) = one.or((!tree.pictures.is_empty()).then_some(place)) else {
            return Ok(None);
        };
        let pictures = if images == place { tree.pictures.clone() } else { vec![] };
        Layout::One(item(images, pictures, None))
    };
    let has_pictures = images.items().any(|item| !item.pictures.is_empty());
    let is_read = |path: &Path| {
        let is_labels = || labels.iter().chain(&copies).any(|other| other.as_path() == path);
        images.items().any(|item| item.images == path) || !has_pictures && is_labels()
    };
    let left_out = bystanders(place, &others, &tree, &division, has_pictures, is_read);
    let mut notes: Vec<String> = division.note().filter(|_| has_pictures).into_iter().collect();
    if matches!(images, Layout::One(_)) {
        let others = tree.others.iter().map(PathBuf::as_path).filter(|path| !is_read(path));
        notes.extend(role::states_division(others));
    }
    Ok(Some(Found { images, left_out, notes }))
}

/// The intended file of several.
fn chosen<'a>(
    place: &Path,
    files: Vec<&'a PathBuf>,
    what: &str,
) -> Result<Option<&'a PathBuf>, DataError> {
    only(files, |path| path.as_path()).map_err(|files| several(place, what, &files))
}

/// Reason why files next to files of values are skipped.
const NOT_READ: &str = "not among the files that are read";

/// Sentences on the files that a layout ignores.
fn bystanders(
    place: &Path,
    others: &[&PathBuf],
    tree: &read::Tree,
    division: &read::Division,
    has_pictures: bool,
    is_read: impl Fn(&Path) -> bool,
) -> Vec<String> {
    let relative = |i: usize| tree.pictures[i].strip_prefix(place).unwrap_or(&tree.pictures[i]);
    if has_pictures {
        let mut left_out = tree.left_out(read::NO_PICTURE, is_read);
        if let Some((_, rest)) = division.parts() {
            left_out.extend(read::outside(rest.len(), rest.first().map(|&i| relative(i))));
        }
        return left_out;
    }
    if !place.is_dir() {
        let mut passed = Passed::default();
        others.iter().filter(|path| !is_read(path)).for_each(|path| passed.add(path));
        return passed.sentences(NOT_READ);
    }
    let mut left_out = tree.left_out(NOT_READ, is_read);
    if !tree.pictures.is_empty() {
        let (pictures, first) = (count(tree.pictures.len(), "picture"), relative(0).display());
        left_out.push(format!("{pictures} such as {first}: files of values are read"));
    }
    left_out
}

fn several(place: &Path, what: &str, paths: &[&PathBuf]) -> DataError {
    let names: Vec<String> = paths.iter().map(|path| file_name(path)).collect();
    let problem = format!("several {what} ({}): name one by its path", names.join(", "));
    DataError::Incomplete { path: place.to_owned(), problem }
}
