//! From a name to what is read: drawn by the program, known by name, or files at a path.

use std::fs;
use std::path::{Path, PathBuf};

use super::catalog::{KNOWN, Known};
use super::draw::Builtin;
use super::library::{Library, file_name};
use super::{DataError, Part, read};

/// Where the images of a data set come from.
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
    pub(crate) fn content(&self) -> Result<Vec<PathBuf>, DataError> {
        let items: Vec<&Item> = match &self.images {
            Layout::One(item) => vec![item],
            Layout::Parts(parts) => parts.iter().flatten().collect(),
        };
        let mut paths = Vec::new();
        for item in items {
            if item.images.is_dir() {
                paths.extend(read::pictures(&item.images)?);
            } else {
                paths.push(item.images.clone());
            }
        }
        Ok(paths)
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
        let Some(images) = layout(place, &members)? else { continue };
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
        return Ok(Files { path: place.clone(), known: Some(known), images });
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
        Some(Layout::One(Item { images: path.clone(), labels: labels.into_iter().collect() }))
    } else if path.is_dir() {
        let images = layout(&path, &members(&path)?)?;
        if images.is_none() {
            let problem =
                "no data set in this folder: neither idx, npz, npy, 0/1 text nor tar files, nor PNG images".into();
            return Err(DataError::Incomplete { path, problem });
        }
        images
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
    Ok(images.map(|images| Files { path, known: None, images }))
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
    paths.retain(|path| !file_name(path).starts_with('.') && !file_name(path).ends_with(".part"));
    paths.sort();
    Ok(paths)
}

/// How the members of a folder (or all files of one stem) make a data set; `None` if nothing there is one.
fn layout(place: &Path, members: &[PathBuf]) -> Result<Option<Layout>, DataError> {
    let (labels, images): (Vec<&PathBuf>, Vec<&PathBuf>) =
        members.iter().filter(|path| path.is_file() && is_data(path)).partition(|path| is_labels(path));
    let item = |path: &Path, part: Option<Part>| Item {
        images: path.to_owned(),
        labels: labels.iter().filter(|labels| part_of(labels) == part).map(|&labels| labels.clone()).collect(),
    };
    let mut parts = [None, None, None];
    for part in Part::ALL {
        let of_part: Vec<&PathBuf> = images.iter().filter(|path| part_of(path) == Some(part)).copied().collect();
        parts[part as usize] = match of_part[..] {
            [] => members.iter().find(|path| path.is_dir() && part_of(path) == Some(part) && read::is_image_tree(path)),
            [path] => Some(path),
            _ => return Err(several(place, &format!("{part} images"), &of_part)),
        };
    }
    if parts.iter().any(Option::is_some) {
        return Ok(Some(Layout::Parts(Part::ALL.map(|part| parts[part as usize].map(|path| item(path, Some(part)))))));
    }
    // An archive is the original; arrays beside it are derived from it.
    let archives: Vec<&PathBuf> = images.iter().filter(|path| is_tar(path)).copied().collect();
    match (&archives[..], &images[..]) {
        ([path], _) | ([], [path]) => Ok(Some(Layout::One(item(path, None)))),
        ([], []) if place.is_dir() && read::is_image_tree(place) => Ok(Some(Layout::One(item(place, None)))),
        ([], []) => Ok(None),
        _ => Err(several(place, "files of images, none of them named train, valid or test", &images)),
    }
}

fn several(place: &Path, what: &str, paths: &[&PathBuf]) -> DataError {
    let names: Vec<String> = paths.iter().map(|path| file_name(path)).collect();
    let problem = format!("several {what} ({}): name one by its path", names.join(", "));
    DataError::Incomplete { path: place.to_owned(), problem }
}

/// Which of the three sets a file or array name speaks of.
pub(crate) fn part_of(path: &Path) -> Option<Part> {
    let name = file_name(path);
    name.split(|c: char| !c.is_alphanumeric()).find_map(|word| match word {
        "train" | "training" => Some(Part::Train),
        "valid" | "val" | "validation" | "dev" => Some(Part::Valid),
        "test" | "testing" | "t10k" => Some(Part::Test),
        _ => None,
    })
}

fn is_data(path: &Path) -> bool {
    let name = file_name(path);
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let endings = ["ubyte", ".idx", ".npy", ".npz", ".csv", ".tsv", ".txt", ".amat", ".data"];
    is_tar(path) || endings.iter().any(|ending| name.ends_with(ending))
}

fn is_tar(path: &Path) -> bool {
    [".tar", ".tar.gz", ".tgz"].iter().any(|ending| file_name(path).ends_with(ending))
}

fn is_labels(path: &Path) -> bool {
    file_name(path).split(|c: char| !c.is_alphanumeric()).any(|word| matches!(word, "labels" | "label"))
}
