//! Role of a file in a folder or of a member of an archive, by its name: the one table by which
//! folders, archives and .npz files are interpreted.

use std::collections::BTreeMap;
use std::path::Path;

use super::Part;
use super::library::file_name;

/// Role of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Left by an operating system or an unfinished download; never reported.
    Litter,
    /// A picture of a format that is read.
    Picture,
    /// A tar archive of pictures.
    Tar,
    /// A zip archive.
    Zip,
    /// Arrays: idx, .npy, .npz.
    Arrays,
    /// Rows of values, or a text for humans: the content decides.
    Text,
    /// Anything else.
    Other,
}

const ENDINGS: [(Role, &[&str]); 6] = [
    (Role::Litter, &[".part", "thumbs.db", "desktop.ini"]),
    (Role::Picture, &[".png", ".jpg", ".jpeg"]),
    (Role::Tar, &[".tar", ".tar.gz", ".tgz"]),
    (Role::Zip, &[".zip"]),
    (
        Role::Arrays,
        &["ubyte", ".idx", ".npy", ".npz", "ubyte.gz", ".idx.gz", ".npy.gz"],
    ),
    (
        Role::Text,
        &[
            ".csv", ".tsv", ".txt", ".amat", ".data", ".csv.gz", ".tsv.gz", ".txt.gz", ".amat.gz",
            ".data.gz",
        ],
    ),
];

/// Folders that operating systems, network drives and notebooks leave.
const LITTER: [&str; 3] = ["__MACOSX", "@eaDir", ".ipynb_checkpoints"];

/// Role of a file by its name.
pub(crate) fn role(path: &Path) -> Role {
    let name = file_name(path);
    if name.starts_with('.')
        || path.iter().any(|folder| LITTER.iter().any(|litter| folder == *litter))
    {
        return Role::Litter;
    }
    let fits =
        |(_, endings): &&(Role, &[&str])| endings.iter().any(|ending| name.ends_with(ending));
    ENDINGS.iter().find(fits).map_or(Role::Other, |(role, _)| *role)
}

/// The words of a name, in lower case.
fn words(path: &Path) -> Vec<String> {
    let name = file_name(path);
    name.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect()
}

/// One of the three sets, if the name of a file, folder or array states it.
pub(crate) fn part_of(path: &Path) -> Option<Part> {
    words(path).iter().find_map(|word| part_of_word(word))
}

/// One of the three sets, if the name of a picture states it: `train_07.png`, `7-test.png`,
/// `train07.png`.
pub(crate) fn part_of_picture(path: &Path) -> Option<Part> {
    words(path)
        .iter()
        .find_map(|word| part_of_word(word.trim_end_matches(|c: char| c.is_ascii_digit())))
}

fn part_of_word(word: &str) -> Option<Part> {
    match word {
        "train" | "training" => Some(Part::Train),
        "valid" | "val" | "validation" | "dev" => Some(Part::Valid),
        "test" | "testing" | "t10k" => Some(Part::Test),
        _ => None,
    }
}

/// True if a name states that the content is labels.
pub(crate) fn is_labels(path: &Path) -> bool {
    words(path).iter().any(|word| matches!(word.as_str(), "labels" | "label"))
}

/// Sentence on files or arrays whose names state a division that is not used: some say train and
/// some say test, or one says split.
pub(crate) fn states_division<'a>(names: impl Iterator<Item = &'a Path>) -> Option<String> {
    const SPLIT: [&str; 7] =
        ["split", "splits", "fold", "folds", "partition", "partitions", "trainval"];
    const SCRIPTS: [&str; 7] = [".py", ".ipynb", ".sh", ".m", ".r", ".md", ".log"];
    let is_data = |name: &&Path| {
        !is_labels(name) && !SCRIPTS.iter().any(|ending| file_name(name).ends_with(ending))
    };
    let names: Vec<&Path> = names.filter(is_data).collect();
    let says = |part: Part| names.iter().copied().find(|name| part_of(name) == Some(part));
    let split = names
        .iter()
        .copied()
        .find(|name| words(name).iter().any(|word| SPLIT.contains(&word.as_str())));
    let found: Vec<&Path> =
        match (says(Part::Train), says(Part::Test).or_else(|| says(Part::Valid)), split) {
            (_, _, Some(split)) => vec![split],
            (Some(train), Some(other), None) => vec![train, other],
            _ => return None,
        };
    let found = found
        .iter()
        .map(|name| name.file_name().unwrap_or_default().to_string_lossy())
        .collect::<Vec<_>>();
    let verb = if found.len() == 1 { "states" } else { "state" };
    Some(format!(
        "{} by name {verb} a division, which is not used: all images are divided by the data seed (what is called train and \
         test, folders, files or arrays of images, divides)",
        found.join(" and ")
    ))
}

/// The intended one of several candidates: the only one; else the only one whose name does not say
/// target; else the only one whose name says images.
pub(crate) fn only<T>(
    mut candidates: Vec<T>,
    name: impl Fn(&T) -> &Path,
) -> Result<Option<T>, Vec<T>> {
    const TARGETS: [&str; 7] = ["y", "target", "targets", "class", "classes", "ids", "names"];
    const IMAGES: [&str; 8] = ["images", "image", "imgs", "img", "x", "data", "pixels", "pictures"];
    let says = |candidate: &T, known: &[&str]| {
        words(name(candidate)).iter().any(|word| known.contains(&word.as_str()))
    };
    if candidates.iter().any(|candidate| !says(candidate, &TARGETS)) {
        candidates.retain(|candidate| !says(candidate, &TARGETS));
    }
    if candidates.len() > 1
        && candidates.iter().filter(|candidate| says(candidate, &IMAGES)).count() == 1
    {
        candidates.retain(|candidate| says(candidate, &IMAGES));
    }
    if candidates.len() > 1 { Err(candidates) } else { Ok(candidates.pop()) }
}

/// Reason why an archive among files that are read is skipped.
const ARCHIVE: &str = "an archive, which is not looked into";

/// Files that were skipped, by ending.
#[derive(Debug, Default)]
pub(crate) struct Passed(BTreeMap<String, Vec<String>>);

impl Passed {
    /// Records a file, unless it is litter.
    pub(crate) fn add(&mut self, path: &Path) {
        if role(path) != Role::Litter {
            let ending = path
                .extension()
                .map(|ending| format!(".{}", ending.to_string_lossy().to_lowercase()));
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.0.entry(ending.unwrap_or_default()).or_default().push(name);
        }
    }

    /// Names of the files.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Path> {
        self.0.values().flatten().map(Path::new)
    }

    /// One sentence per kind of file.
    pub(crate) fn sentences(mut self, why: &str) -> Vec<String> {
        let sentence = |(ending, names): (&String, &mut Vec<String>)| {
            names.sort();
            let name = &names[0];
            let why = if matches!(role(Path::new(name)), Role::Tar | Role::Zip) {
                ARCHIVE
            } else {
                why
            };
            match names.len() {
                1 => format!("{name}: {why}"),
                n if ending.is_empty() => format!("{n} files such as {name}: {why}"),
                n => format!("{n} files *{ending} such as {name}: {why}"),
            }
        };
        self.0.iter_mut().map(sentence).collect()
    }
}
