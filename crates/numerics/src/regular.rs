//! The only way in which the program opens a file by a given or found name: regular files only, and
//! up to a plausible length. A pipe would block for ever and a device has no end, and a folder that
//! somebody else provided may hold either under any name.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a regular file to read it.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(path, OpenOptions::new().read(true), OFlags::empty())
}

/// Opens a regular file as `options` say, never through a link: for files that are written or
/// locked in place.
pub fn open_unlinked(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    match path.symlink_metadata() {
        Ok(found) if found.is_symlink() => {
            return Err(other("it is a link; a regular file is expected".to_owned()));
        }
        _ => {}
    }
    open_with(path, options, OFlags::NOFOLLOW)
}

fn open_with(path: &Path, options: &mut OpenOptions, flags: OFlags) -> io::Result<File> {
    // Checked before opening, because opening alone has an effect on some devices; and checked
    // again after opening, because the name may refer to another file by then.
    match path.metadata() {
        Ok(found) => check(&found)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    // Does not block if a pipe has replaced the file meanwhile.
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = options.custom_flags(flags.bits() as i32).open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

/// Bytes of a regular file, at most `limit`.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_all(&open(path)?, limit)
}

/// Bytes of an open file from its beginning, at most `limit`.
pub fn read_all(file: &File, limit: u64) -> io::Result<Vec<u8>> {
    let too_long = || other(format!("it is longer than {limit} bytes, which no such file is"));
    let length = file.metadata()?.len();
    if length > limit {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length as usize)?;
    // The file may be growing.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_long()) } else { Ok(bytes) }
}

/// The text of a regular file, of which there may be at most `limit` bytes.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    String::from_utf8(read(path, limit)?).map_err(|error| {
        let bytes = error.as_bytes();
        let valid = String::from_utf8_lossy(&bytes[..error.utf8_error().valid_up_to()]);
        let line = valid.matches('\n').count() + 1;
        let found = match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is UTF-16".to_owned(),
            _ => format!("its line {line} is not UTF-8"),
        };
        io::Error::new(ErrorKind::InvalidData, format!("{found}; save it as UTF-8"))
    })
}

/// True if an error says that the path is not a regular file, or that the file is too long.
pub fn is_other(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::IsADirectory)
}

fn check(found: &Metadata) -> io::Result<()> {
    let what = match found.file_type() {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => return Err(ErrorKind::IsADirectory.into()),
        kind => word(kind),
    };
    Err(other(format!("it is a {what}; a regular file is expected")))
}

fn word(kind: FileType) -> &'static str {
    match kind {
        _ if kind.is_fifo() => "pipe",
        _ if kind.is_socket() => "socket",
        _ => "device",
    }
}

fn other(why: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_regular_files_are_opened_and_no_more_than_the_limit_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "12345").unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink("/dev/zero", at("device")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        assert_eq!(read(&at("file"), 5).unwrap(), b"12345");
        assert_eq!(read_text(&at("link"), 5).unwrap(), "12345", "reading follows links");
        let refused = |found: io::Result<Vec<u8>>| found.unwrap_err().to_string();
        assert_eq!(
            refused(read(&at("file"), 4)),
            "it is longer than 4 bytes, which no such file is"
        );
        for (name, what) in [("pipe", "pipe"), ("device", "device"), ("socket", "socket")] {
            assert_eq!(
                refused(read(&at(name), 9)),
                format!("it is a {what}; a regular file is expected")
            );
        }
        assert_eq!(read(dir.path(), 9).unwrap_err().kind(), ErrorKind::IsADirectory);
        assert_eq!(read(&at("none"), 9).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn nothing_is_created_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (elsewhere, lock) = (dir.path().join("elsewhere"), dir.path().join("lock"));
        symlink(&elsewhere, &lock).unwrap();
        let mut create = OpenOptions::new();
        create.create(true).truncate(false).write(true);
        assert!(open_unlinked(&lock, &mut create).unwrap_err().to_string().contains("link"));
        assert!(!elsewhere.exists());
        fs::remove_file(&lock).unwrap();
        open_unlinked(&lock, &mut create).unwrap();
        assert!(lock.exists());
    }

    #[test]
    fn text_is_utf_8() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        for (bytes, found) in [
            (b"a\nb\xf6\n".as_slice(), "its line 2 is not UTF-8; save it as UTF-8"),
            (b"\xff\xfea\0", "it is UTF-16; save it as UTF-8"),
        ] {
            fs::write(&path, bytes).unwrap();
            let error = read_text(&path, 9).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidData, found));
        }
    }
}
