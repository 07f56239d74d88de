//! Conversion of a finished download to files with final names: checked first, renamed last.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::{GzDecoder, MultiGzDecoder};
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::data::catalog::{Check, Download, Member};
use crate::data::read::{self, Contents, Pool};
use crate::data::vectors;
use crate::data::{DataConfig, DataError};

/// Maximum size of a picture [bytes].
const LARGEST_PICTURE: u64 = 1 << 20;

/// Maximum ratio of the unpacked size of an archive of pictures to that of its wanted pictures:
/// pictures are compressed already.
const UNPACKED: u64 = 8;

/// Maximum bytes of a tar archive for each picture besides its own: its header, those of its
/// folders, and padding.
const HEADER: u64 = 2048;

/// Checks a finished download and gives the stored part of it its final name; a wrong download is
/// removed.
pub(super) fn publish(
    download: &Download,
    part: &Path,
    folder: &Path,
    url: &str,
) -> Result<(), DataError> {
    let published = match download.check {
        Check::Sha256(expected) => sha256(part).and_then(|found| {
            same(expected, &found)?;
            rename(part, &folder.join(download.file))
        }),
        Check::Members(members) => unzip(part, folder, members),
        Check::Vectors { dim, sizes } => {
            check_vectors(part, dim, sizes).and_then(|()| rename(part, &folder.join(download.file)))
        }
        Check::Pictures { file, classes, count, sha256 } => {
            let most = UNPACKED * download.bytes.most() + HEADER * count as u64;
            repack(part, &folder.join(file), classes, count, sha256, most)
        }
    };
    let problem = match published {
        Ok(()) => {
            // Only an archive still exists under this name.
            let _ = fs::remove_file(part);
            return Ok(());
        }
        Err(Wrong::Content(problem)) => problem,
        Err(Wrong::Disk(error)) => return Err(error),
    };
    fs::remove_file(part).map_err(DataError::io(part))?;
    Err(DataError::Fetch {
        url: url.to_owned(),
        problem: format!("{problem}; the download was removed"),
    })
}

/// Checks that existing files are those of the download.
pub(super) fn already_there(download: &Download, folder: &Path) -> Result<(), DataError> {
    let path = folder.join(download.file);
    let checked = match download.check {
        Check::Sha256(expected) => sha256(&path).and_then(|found| same(expected, &found)),
        Check::Vectors { dim, sizes } => check_vectors(&path, dim, sizes),
        Check::Members(_) | Check::Pictures { .. } => Ok(()),
    };
    match checked {
        Ok(()) => Ok(()),
        Err(Wrong::Content(problem)) => {
            let problem =
                format!("is not the official file: {problem}; move it away to fetch that");
            Err(DataError::Incomplete { path, problem })
        }
        Err(Wrong::Disk(error)) => Err(error),
    }
}

/// Reason why a download cannot be published.
enum Wrong {
    Content(String),
    Disk(DataError),
}

impl From<DataError> for Wrong {
    fn from(error: DataError) -> Self {
        Self::Disk(error)
    }
}

fn same(expected: &str, found: &str) -> Result<(), Wrong> {
    if expected == found {
        Ok(())
    } else {
        Err(Wrong::Content(format!("SHA-256 is {found}, expected {expected}")))
    }
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(path: &Path) -> Result<String, Wrong> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path).map_err(DataError::io(path))?;
    std::io::copy(&mut file, &mut hasher).map_err(DataError::io(path))?;
    Ok(hex(hasher))
}

/// Reads an archive of vectors whole, which compares the CRC-32 of its arrays, and checks their
/// dimension, numbers and values.
fn check_vectors(path: &Path, dim: usize, sizes: [usize; 3]) -> Result<(), Wrong> {
    let contents = match read::file(path, &DataConfig { size: 1, ..DataConfig::default() }, None) {
        Ok(contents) => contents,
        Err(DataError::Malformed { place, problem, .. }) => {
            return Err(Wrong::Content(format!("{place}: {problem}")));
        }
        Err(error) => return Err(Wrong::Disk(error)),
    };
    let pools = match contents {
        Contents::Parts(parts) => parts,
        Contents::One(pool) => [Some(pool), None, None],
    };
    let has = pools.each_ref().map(|pool| pool.as_ref().map_or(0, Pool::count));
    let pools: Vec<Pool> = pools.into_iter().flatten().collect();
    vectors::difference(&pools, has, dim, sizes).map_or(Ok(()), |how| Err(Wrong::Content(how)))
}

fn rename(from: &Path, to: &Path) -> Result<(), Wrong> {
    Ok(fs::rename(from, to).map_err(DataError::io(to))?)
}

/// Stores the wanted members of a zip archive. All are written under temporary names and checked
/// before the first is renamed; if one is wrong, all are removed.
fn unzip(part: &Path, folder: &Path, members: &[Member]) -> Result<(), Wrong> {
    let written = members.iter().map(|member| folder.join(format!("{}.part", member.name)));
    let unpacked = unzip_to(part, members, &written.clone().collect::<Vec<_>>());
    if unpacked.is_err() {
        // The error to report is the one that stopped it, not one of the removal.
        written.for_each(|path| drop(fs::remove_file(path)));
        return unpacked;
    }
    members
        .iter()
        .zip(written)
        .try_for_each(|(member, path)| rename(&path, &folder.join(member.name)))
}

/// Writes each wanted member to the path of the same index, and checks it.
fn unzip_to(part: &Path, members: &[Member], paths: &[PathBuf]) -> Result<(), Wrong> {
    let unreadable =
        |error: zip::result::ZipError| Wrong::Content(format!("no readable zip: {error}"));
    let file = File::open(part).map_err(DataError::io(part))?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(unreadable)?;
    let names: Vec<String> =
        archive.file_names().flatten().map(std::borrow::Cow::into_owned).collect();
    for (member, path) in members.iter().zip(paths) {
        let inside = names.iter().find(|name| name.rsplit('/').next() == Some(member.name));
        let inside =
            inside.ok_or_else(|| Wrong::Content(format!("the zip holds no {}", member.name)))?;
        let source = archive.by_name(inside).map_err(unreadable)?;
        let mut target = File::create(path).map_err(DataError::io(path))?;
        // Compressed data is at most a little larger than what it unpacks to.
        let most = member.unpacked + member.unpacked / 100 + 1024;
        copy(Bounded::new(source, most), &mut target, member.name, path)?;
        target.sync_all().map_err(DataError::io(path))?;
        check_member(path, member)?;
    }
    Ok(())
}

/// A reader that fails after more bytes than it may give.
struct Bounded<R> {
    inner: R,
    most: u64,
    left: u64,
}

impl<R: Read> Bounded<R> {
    fn new(inner: R, most: u64) -> Self {
        Self { inner, most, left: most }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(bytes)?;
        let left = self.left.checked_sub(read as u64);
        self.left = left.ok_or_else(|| {
            std::io::Error::other(format!("it unpacks to more than {} bytes", self.most))
        })?;
        Ok(read)
    }
}

/// Copies, and distinguishes errors of the source from errors of the target.
fn copy(
    mut source: impl Read,
    target: &mut impl Write,
    name: &str,
    path: &Path,
) -> Result<(), Wrong> {
    let mut block = vec![0; 1 << 16];
    loop {
        match source.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(read) => target.write_all(&block[..read]).map_err(DataError::io(path))?,
            Err(error) => return Err(Wrong::Content(format!("{name}: {error}"))),
        }
    }
}

fn check_member(path: &Path, member: &Member) -> Result<(), Wrong> {
    let content = |problem: String| Wrong::Content(format!("{}: {problem}", member.name));
    let file = File::open(path).map_err(DataError::io(path))?;
    let mut source = MultiGzDecoder::new(BufReader::new(file)).take(member.unpacked + 1);
    let (mut position, mut hasher) = (0, Sha256::new());
    let (from, to, expected) = member.sha256.unwrap_or((0, 0, ""));
    let mut block = vec![0; 1 << 16];
    loop {
        let read = source.read(&mut block).map_err(|error| content(error.to_string()))? as u64;
        if read == 0 {
            break;
        }
        let wanted = from.clamp(position, position + read) - position
            ..to.clamp(position, position + read) - position;
        hasher.update(&block[wanted.start as usize..wanted.end as usize]);
        position += read;
    }
    if position != member.unpacked {
        return Err(content(format!(
            "unpacks to {position} bytes or more, expected {}",
            member.unpacked
        )));
    }
    if member.sha256.is_some() { same(expected, &hex(hasher)) } else { Ok(()) }
}

/// Stores the pictures of the wanted classes of a tar.gz archive as a small tar.gz archive with
/// deterministic bytes. Refuses archives that unpack to more than `most` bytes.
fn repack(
    part: &Path,
    target: &Path,
    classes: &[&str],
    count: usize,
    expected: &str,
    most: u64,
) -> Result<(), Wrong> {
    let unreadable = |error: std::io::Error| Wrong::Content(format!("no readable tar.gz: {error}"));
    let file = File::open(part).map_err(DataError::io(part))?;
    let mut archive = tar::Archive::new(Bounded::new(GzDecoder::new(BufReader::new(file)), most));
    let mut pictures: BTreeMap<(usize, u32), Vec<u8>> = BTreeMap::new();
    for entry in archive.entries().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut folders = name.rsplit('/');
        let number = folders
            .next()
            .and_then(|file| file.strip_suffix(".png"))
            .and_then(|stem| stem.parse::<u32>().ok());
        let class = folders
            .next()
            .and_then(|folder| classes.iter().position(|class| *class == folder));
        if let (true, Some(number), Some(class)) =
            (entry.header().entry_type().is_file(), number, class)
        {
            let mut bytes = Vec::new();
            entry.take(LARGEST_PICTURE).read_to_end(&mut bytes).map_err(unreadable)?;
            pictures.insert((class, number), bytes);
            if pictures.len() > count {
                return Err(Wrong::Content(format!("more than {count} pictures")));
            }
        }
    }
    if pictures.len() != count {
        return Err(Wrong::Content(format!("{} pictures, expected {count}", pictures.len())));
    }
    let mut hasher = Sha256::new();
    for ((class, number), bytes) in &pictures {
        hasher.update(format!("{}/{number}.png\0", classes[*class]).as_bytes());
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    }
    same(expected, &hex(hasher))?;
    let beside = target.with_extension("new.part");
    let disk = DataError::io;
    let file = File::create(&beside).map_err(disk(&beside))?;
    let mut builder = tar::Builder::new(GzEncoder::new(BufWriter::new(file), Compression::fast()));
    for ((class, number), bytes) in &pictures {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        builder
            .append_data(&mut header, format!("{}/{number}.png", classes[*class]), bytes.as_slice())
            .map_err(disk(&beside))?;
    }
    let packed = builder.into_inner().and_then(GzEncoder::finish).map_err(disk(&beside))?;
    let file = packed.into_inner().map_err(|error| disk(&beside)(error.into_error()))?;
    file.sync_all().map_err(disk(&beside))?;
    rename(&beside, target)
}
