//! Reader of tar archives of any origin, from a stream: it holds one block and never more than
//! [`LONGEST_NAME`] bytes of a name, opens nothing and follows nothing. The formats are v7, ustar,
//! GNU and pax.
//!
//! ```text
//! header [512 bytes]   name, size, type, checksum
//! data                 padded to 512 bytes
//! ...                  next header; an `L` or `x` entry holds a longer name of the entry after it
//! zeros                the end
//! ```

use std::io::{self, ErrorKind, Read};

/// Size of a block [bytes].
const BLOCK: usize = 512;
/// Maximum size of a long name, or of the extended header of an entry [bytes].
const LONGEST_NAME: u64 = 1 << 20;
/// Zero blocks after which an archive has ended: the padding of the largest record of `tar`.
const MOST_ZEROS: usize = 2048;

/// An archive that is read from its beginning to its end.
pub(super) struct TarReader<R> {
    from: R,
    /// Rest of the data of the current entry [bytes].
    data: u64,
    /// Padding after them [bytes].
    padding: u64,
    /// True once a header was read: the stream is an archive.
    pub(super) has_header: bool,
}

/// Entry of an archive. Its data follow in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ArchiveEntry {
    /// Path as written, any bytes that are not UTF-8 replaced.
    pub(super) path: String,
    pub(super) kind: EntryKind,
    /// Size of its data [bytes].
    pub(super) bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    File,
    Directory,
    /// Anything else, with its name.
    Other(&'static str),
}

/// Values that replace those of the next header.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    bytes: Option<u64>,
    is_sparse: bool,
}

impl<R: Read> TarReader<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, data: 0, padding: 0, has_header: false }
    }

    /// The next entry; `None` at the end. The data of the one before are passed over.
    pub(super) fn next_entry(&mut self) -> io::Result<Option<ArchiveEntry>> {
        let mut extended = Extended::default();
        loop {
            self.pass_over()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let bytes = size(&header)?;
            self.data = bytes;
            self.padding = bytes.wrapping_neg() % BLOCK as u64;
            match header[156] {
                b'L' => {
                    let mut name = self.text()?;
                    name.truncate(name.iter().position(|&byte| byte == 0).unwrap_or(name.len()));
                    extended.path = Some(name);
                }
                b'x' => {
                    let records = self.text()?;
                    extended.read(&records).ok_or_else(|| {
                        wrong("an extended header of it has no records of the form `length key=value`")
                    })?;
                }
                // Name of the target of a link, and defaults of all entries, which no tar program
                // uses for paths or sizes.
                b'K' | b'g' => {}
                kind => {
                    let path = extended.path.take().unwrap_or_else(|| path(&header));
                    let path = String::from_utf8_lossy(&path).into_owned();
                    if let Some(bytes) = extended.bytes {
                        self.data = bytes;
                        self.padding = bytes.wrapping_neg() % BLOCK as u64;
                    }
                    let kind = match kind {
                        _ if extended.is_sparse => EntryKind::Other("a sparse file"),
                        0 | b'0' if path.ends_with('/') => EntryKind::Directory,
                        0 | b'0' | b'7' => EntryKind::File,
                        b'1' => EntryKind::Other("a hard link"),
                        b'2' => EntryKind::Other("a link"),
                        b'3' | b'4' => EntryKind::Other("a device"),
                        b'5' | b'D' => EntryKind::Directory,
                        b'6' => EntryKind::Other("a pipe"),
                        b'S' => EntryKind::Other("a sparse file"),
                        _ => EntryKind::Other("neither a file nor a directory"),
                    };
                    return Ok(Some(ArchiveEntry { path, kind, bytes: self.data }));
                }
            }
        }
    }

    /// The next header; `None` at the end of the stream or after enough zeros.
    fn header(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        let mut header = [0; BLOCK];
        for _ in 0..MOST_ZEROS {
            match read_full(&mut self.from, &mut header)? {
                0 => return Ok(None),
                BLOCK => {}
                _ => return Err(cut_short()),
            }
            // Archives may be joined: another may follow the zeros of the first.
            if header.iter().all(|&byte| byte == 0) {
                self.has_header = true;
                continue;
            }
            let expected = octal(&header[148..156]);
            // Some old programs added up signed bytes.
            let sum = |value: fn(u8) -> i64| {
                let own = |(i, &byte): (usize, &u8)| {
                    value(if (148..156).contains(&i) { b' ' } else { byte })
                };
                u64::try_from(header.iter().enumerate().map(own).sum::<i64>()).ok()
            };
            let sums = [sum(i64::from), sum(|byte| i64::from(byte as i8))];
            if expected.is_none() || !sums.contains(&expected) {
                return Err(wrong("the checksum of a header does not match"));
            }
            self.has_header = true;
            return Ok(Some(header));
        }
        Ok(None)
    }

    /// Data of the current entry, which is a name.
    fn text(&mut self) -> io::Result<Vec<u8>> {
        if self.data > LONGEST_NAME {
            return Err(wrong("the name of an entry is longer than 1 MiB"));
        }
        let mut text = Vec::new();
        self.read_to_end(&mut text)?;
        Ok(text)
    }

    fn pass_over(&mut self) -> io::Result<()> {
        io::copy(&mut *self, &mut io::sink())?;
        let padding = std::mem::take(&mut self.padding);
        match io::copy(&mut (&mut self.from).take(padding), &mut io::sink())? {
            passed if passed == padding => Ok(()),
            _ => Err(cut_short()),
        }
    }
}

/// Reads the data of the current entry.
impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.data).unwrap_or(usize::MAX).min(into.len());
        if most == 0 {
            return Ok(0);
        }
        match self.from.read(&mut into[..most])? {
            0 => Err(cut_short()),
            n => {
                self.data -= n as u64;
                Ok(n)
            }
        }
    }
}

impl Extended {
    /// Reads records of the form `length key=value\n`, the length being that of the whole record.
    fn read(&mut self, mut records: &[u8]) -> Option<()> {
        while !records.is_empty() {
            let space = records.iter().position(|&byte| byte == b' ')?;
            let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
            let record = records.get(space + 1..length)?.strip_suffix(b"\n")?;
            records = &records[length..];
            let equals = record.iter().position(|&byte| byte == b'=')?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => self.path = Some(value.to_owned()),
                b"size" => self.bytes = Some(std::str::from_utf8(value).ok()?.parse().ok()?),
                key if key.starts_with(b"GNU.sparse.") => self.is_sparse = true,
                _ => {}
            }
        }
        Some(())
    }
}

/// Path in a header of ustar, v7 or GNU.
fn path(header: &[u8; BLOCK]) -> Vec<u8> {
    let text = |field: &[u8]| field.split(|&byte| byte == 0).next().unwrap_or(&[]).to_owned();
    let name = text(&header[..100]);
    // GNU tar has other fields in the place of the prefix.
    let prefix = if &header[257..263] == b"ustar\0" {
        text(&header[345..500])
    } else {
        Vec::new()
    };
    if prefix.is_empty() { name } else { [prefix, b"/".to_vec(), name].concat() }
}

/// Size in a header: octal digits, or binary where the first bit is set.
fn size(header: &[u8; BLOCK]) -> io::Result<u64> {
    let field = &header[124..136];
    let binary = || {
        let (high, low) = field.split_at(4);
        let low = u64::from_be_bytes(low.try_into().ok()?);
        (high == [0x80, 0, 0, 0] && low < 1 << 62).then_some(low)
    };
    let found = if field[0] & 0x80 == 0 { octal(field) } else { binary() };
    found.ok_or_else(|| wrong("the size of an entry is no number"))
}

/// A number of octal digits between spaces and zero bytes; an empty field is 0.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    let digits = text.trim_matches(|c| c == ' ' || c == '\0');
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

/// Reads until the buffer is full or the stream has ended; returns the number of bytes.
fn read_full(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut n = 0;
    while n < into.len() {
        match from.read(&mut into[n..]) {
            Ok(0) => break,
            Ok(read) => n += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(n)
}

fn cut_short() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "it ends in the middle")
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Entries of an archive with their data.
    fn read(bytes: &[u8]) -> io::Result<Vec<(ArchiveEntry, Vec<u8>)>> {
        let mut archive = TarReader::new(bytes);
        let mut found = Vec::new();
        while let Some(entry) = archive.next_entry()? {
            let mut data = Vec::new();
            // Of each second entry the data are passed over.
            if found.len() % 2 == 0 {
                archive.read_to_end(&mut data)?;
            }
            found.push((entry, data));
        }
        Ok(found)
    }

    fn written(files: &[(String, Vec<u8>)], is_pax: bool) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, data) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(if is_pax { 0 } else { data.len() as u64 });
            if is_pax {
                let size = data.len().to_string();
                let records = [("path", path.as_bytes()), ("size", size.as_bytes())];
                builder.append_pax_extensions(records).unwrap();
                header.set_path("another").unwrap();
                header.set_cksum();
                // The size in the header is wrong, as for files that it cannot hold.
                builder.append(&header, data.as_slice()).unwrap();
            } else {
                builder.append_data(&mut header, path, data.as_slice()).unwrap();
            }
        }
        builder.into_inner().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Paths of any length and data of any size are read as another program wrote them.
        #[test]
        fn archives_are_read_as_they_were_written(
            files in prop::collection::vec(("[a-zä]{1,40}(/[a-z]{1,90}){0,4}", prop::collection::vec(any::<u8>(), 0..1500)), 0..6),
            is_pax in any::<bool>(),
        ) {
            let found = read(&written(&files, is_pax)).unwrap();
            prop_assert_eq!(found.len(), files.len());
            for (i, ((entry, data), (path, written))) in found.iter().zip(&files).enumerate() {
                prop_assert_eq!(&entry.path, path);
                prop_assert_eq!((entry.kind, entry.bytes), (EntryKind::File, written.len() as u64));
                prop_assert!(i % 2 == 1 || data == written);
            }
        }

        /// Any bytes end with entries or an error.
        #[test]
        fn no_bytes_are_too_much(
            mut bytes in prop::collection::vec(any::<u8>(), 0..2048),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            drop(read(&bytes));
            let files = [("a/b".to_owned(), bytes.clone()), ("c".repeat(300), vec![1])];
            bytes = written(&files, false);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            drop(read(&bytes));
        }
    }

    #[test]
    fn the_end_is_told_from_a_stream_that_was_cut_short() {
        let sound = written(&[("a".to_owned(), vec![1; 700])], false);
        assert_eq!(read(&sound).unwrap().len(), 1);
        for cut in 1..sound.len() - 1024 {
            let error = read(&sound[..cut]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "cut at {cut}");
        }
        // Without the zeros at its end, and with another archive after them.
        assert_eq!(read(&sound[..sound.len() - 1024]).unwrap().len(), 1);
        assert_eq!(read(&[sound.clone(), sound].concat()).unwrap().len(), 2);
    }
}
