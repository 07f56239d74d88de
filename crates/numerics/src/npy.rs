//! Arrays in NumPy's `.npy` format (C order), and several in an `.npz` archive: what `numpy.save`
//! and `numpy.savez` write and `numpy.load` opens.
//!
//! `\x93NUMPY`, two bytes of version, the header's length, a Python dictionary with the element
//! type and the shape, then the elements. A header is read without trust: what it promises is never
//! allocated before the bytes are there.

use std::io::{self, ErrorKind, Read, Seek, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

const MAGIC: &[u8] = b"\x93NUMPY";

/// Type of an element.
pub trait Element: Copy {
    /// NumPy's name of the type.
    const DESCR: &'static str;
    /// Bytes of one element.
    const SIZE: usize;
    /// Appends the element.
    fn put(self, out: &mut Vec<u8>);
    /// Reads an element of `SIZE` bytes.
    fn take(bytes: &[u8]) -> Self;
}

impl Element for u8 {
    const DESCR: &'static str = "|u1";
    const SIZE: usize = 1;
    fn put(self, out: &mut Vec<u8>) {
        out.push(self);
    }
    fn take(bytes: &[u8]) -> Self {
        bytes[0]
    }
}

impl Element for f32 {
    const DESCR: &'static str = "<f4";
    const SIZE: usize = 4;
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    fn take(bytes: &[u8]) -> Self {
        Self::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }
}

impl Element for u16 {
    const DESCR: &'static str = "<u2";
    const SIZE: usize = 2;
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    fn take(bytes: &[u8]) -> Self {
        Self::from_le_bytes([bytes[0], bytes[1]])
    }
}

impl Element for f64 {
    const DESCR: &'static str = "<f8";
    const SIZE: usize = 8;
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    fn take(bytes: &[u8]) -> Self {
        let mut all = [0; 8];
        all.copy_from_slice(&bytes[..8]);
        Self::from_le_bytes(all)
    }
}

/// An array, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Array<T> {
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// Elements, the last dimension fastest.
    pub data: Vec<T>,
}

/// Reason why bytes are not a `.npy` array, or not the expected one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {problem}")]
pub struct NpyError {
    /// Position [bytes from the beginning].
    pub at: usize,
    /// Value found and value expected.
    pub problem: String,
}

impl NpyError {
    fn new(at: usize, problem: impl ToString) -> Self {
        Self { at, problem: problem.to_string() }
    }
}

/// Kind of an element's number format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unsigned,
    Signed,
    Float,
}

/// An array as its header describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// NumPy's name of the element type.
    pub descr: String,
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// Bytes of one element.
    pub width: usize,
    /// Bytes before the elements.
    pub length: usize,
    /// True if the first dimension is the fastest (Fortran's order), not the last.
    pub columns_first: bool,
    kind: Kind,
    big_endian: bool,
}

/// Maximum length of a header [bytes].
const LONGEST: usize = 1 << 16;

impl Header {
    /// Reads a header: numbers and booleans; `source` is then at the first element.
    pub fn read(source: &mut impl Read) -> Result<Self, NpyError> {
        const OTHER: &str = "no .npy array: it does not begin with \\x93NUMPY and a version";
        const TORN: &str = "the file ends within its header";
        let mut start = [0; 12];
        exact(source, &mut start[..10], 0, OTHER)?;
        if !start.starts_with(MAGIC) || !(1..=3).contains(&start[6]) {
            return Err(NpyError::new(0, OTHER));
        }
        let (text, before) = if start[6] == 1 {
            (usize::from(u16::from_le_bytes([start[8], start[9]])), 10)
        } else {
            exact(source, &mut start[10..], 10, TORN)?;
            (u32::from_le_bytes([start[8], start[9], start[10], start[11]]) as usize, 12)
        };
        if text > LONGEST {
            return Err(NpyError::new(8, format!("a header of more than {LONGEST} bytes")));
        }
        let mut bytes = vec![0; text];
        exact(source, &mut bytes, before, TORN)?;
        Self::parse(&String::from_utf8_lossy(&bytes), before + text)
            .map_err(|problem| NpyError::new(before, problem))
    }

    /// Reads the dictionary.
    fn parse(text: &str, length: usize) -> Result<Self, String> {
        let field =
            |key: &str| text.split_once(&format!("'{key}':")).map(|(_, rest)| rest.trim_start());
        let quoted = field("descr")
            .and_then(|rest| rest.strip_prefix('\''))
            .and_then(|rest| rest.split_once('\''));
        let descr = quoted.ok_or("no `descr` of one plain type in the header")?.0;
        let order = field("fortran_order").ok_or("no `fortran_order` in the header")?;
        let columns_first = !order.starts_with("False");
        let shape = field("shape")
            .and_then(|rest| rest.strip_prefix('('))
            .and_then(|rest| rest.split_once(')'));
        // Python 2 wrote long integers with an L.
        let sizes = shape
            .ok_or("no `shape` in the header")?
            .0
            .split(',')
            .map(|size| size.trim().trim_end_matches('L'));
        let shape: Result<Vec<usize>, _> =
            sizes.filter(|size| !size.is_empty()).map(str::parse).collect();
        let shape = shape.map_err(|_| "`shape` holds something that is not a number")?;
        let (order, kind, width) = match descr.as_bytes() {
            [order @ (b'<' | b'>' | b'|' | b'='), b'u', width @ (b'1' | b'2' | b'4' | b'8')] => {
                (*order, Kind::Unsigned, *width)
            }
            [order @ (b'<' | b'>' | b'|' | b'='), b'i', width @ (b'1' | b'2' | b'4' | b'8')] => {
                (*order, Kind::Signed, *width)
            }
            [order @ (b'<' | b'>' | b'='), b'f', width @ (b'2' | b'4' | b'8')] => {
                (*order, Kind::Float, *width)
            }
            b"|b1" => (b'|', Kind::Unsigned, b'1'),
            _ => {
                return Err(format!(
                    "values of type {descr}; read are integers, booleans, and floats of up to 8 bytes"
                ));
            }
        };
        let width = usize::from(width - b'0');
        Ok(Self {
            descr: descr.to_owned(),
            shape,
            width,
            length,
            columns_first,
            kind,
            big_endian: order == b'>',
        })
    }

    /// Number of elements; `None` if they need more bytes than a machine can address.
    pub fn count(&self) -> Option<usize> {
        let count =
            self.shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
        count.checked_mul(self.width).map(|_| count)
    }

    /// The element in these `width` bytes.
    pub fn number(&self, bytes: &[u8]) -> f64 {
        let mut wide = [0; 8];
        for (i, byte) in bytes.iter().enumerate() {
            wide[if self.big_endian { self.width - 1 - i } else { i }] = *byte;
        }
        let bits = u64::from_le_bytes(wide);
        match (self.kind, self.width) {
            (Kind::Float, 2) => half(bits as u16),
            (Kind::Float, 4) => f64::from(f32::from_bits(bits as u32)),
            (Kind::Float, _) => f64::from_bits(bits),
            (Kind::Signed, width) => ((bits << (64 - 8 * width)) as i64 >> (64 - 8 * width)) as f64,
            (Kind::Unsigned, _) => bits as f64,
        }
    }
}

/// The value of an IEEE 754 half: 1 bit of sign, 5 of exponent, 10 of fraction.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023) / 1024.0);
    let size = match exponent {
        0 => fraction * f64::exp2(-14.0),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction) * f64::exp2(f64::from(exponent - 15)),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// Fills `out`; at the end of the source the error is `short`.
fn exact(source: &mut impl Read, out: &mut [u8], at: usize, short: &str) -> Result<(), NpyError> {
    source.read_exact(out).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => NpyError::new(at, short),
        _ => NpyError::new(at, error),
    })
}

/// The bytes before the elements of an array.
fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let comma = if shape.len() == 1 { "," } else { "" };
    let lengths = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({lengths}{comma}), }}");
    // The elements start at a multiple of 64 bytes: ten bytes before the header, a newline at its
    // end.
    let padded = (header.len() + 11).next_multiple_of(64) - 10;
    let mut out = Vec::with_capacity(padded + 10);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[1, 0]);
    out.extend_from_slice(&(padded as u16).to_le_bytes());
    out.extend_from_slice(header.as_bytes());
    out.resize(padded + 9, b' ');
    out.push(b'\n');
    out
}

/// The bytes of a `.npy` file.
///
/// # Panics
/// If `data` does not fill `shape`.
pub fn encode<T: Element>(shape: &[usize], data: &[T]) -> Vec<u8> {
    assert_eq!(
        shape.iter().product::<usize>(),
        data.len(),
        "elements do not fill the shape {shape:?}"
    );
    let mut out = header(T::DESCR, shape);
    out.reserve(data.len() * T::SIZE);
    for element in data {
        element.put(&mut out);
    }
    out
}

/// Bytes of the smallest unsigned integer type that holds `largest`: 1, 2 or 4.
pub fn integer_bytes(largest: u32) -> usize {
    match largest {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        _ => 4,
    }
}

/// Writer of an `.npz` archive. Nothing is compressed and there are no time stamps, so that equal
/// arrays give equal bytes.
#[derive(Debug)]
pub struct Archive<W: Write + Seek>(ZipWriter<W>);

impl<W: Write + Seek> Archive<W> {
    /// An empty archive.
    pub fn new(out: W) -> Self {
        Self(ZipWriter::new(out))
    }

    /// Adds a matrix of integers from 0 to `largest`, row by row, in the smallest type that holds
    /// them.
    ///
    /// # Panics
    /// If a row has another length than `columns`.
    pub fn add_integers(
        &mut self,
        name: &str,
        [rows, columns]: [usize; 2],
        largest: u32,
        values: impl Iterator<Item = Vec<u32>>,
    ) -> io::Result<()> {
        let width = integer_bytes(largest);
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644)
            .large_file((rows * columns * width) as u64 > u64::from(u32::MAX / 2));
        self.0.start_file(format!("{name}.npy"), options)?;
        let descr = ["|u1", "<u2", "<u4"][width / 2];
        self.0.write_all(&header(descr, &[rows, columns]))?;
        for row in values.take(rows) {
            assert_eq!(row.len(), columns, "a row of `{name}`");
            let bytes: Vec<u8> = row
                .iter()
                .flat_map(|value| value.to_le_bytes().into_iter().take(width))
                .collect();
            self.0.write_all(&bytes)?;
        }
        Ok(())
    }

    /// Completes the archive.
    pub fn finish(self) -> io::Result<W> {
        Ok(self.0.finish()?)
    }
}

/// Reads the bytes of a `.npy` file whose elements are of type `T`.
pub fn decode<T: Element>(bytes: &[u8]) -> Result<Array<T>, NpyError> {
    let mut elements = bytes;
    let header = Header::read(&mut elements)?;
    if header.descr != T::DESCR {
        return Err(NpyError::new(
            10,
            format!("elements `{}`, where `{}` are expected", header.descr, T::DESCR),
        ));
    }
    if header.columns_first {
        return Err(NpyError::new(
            10,
            "columns before rows (fortran_order): save it with numpy.ascontiguousarray",
        ));
    }
    let size = header.count().map(|count| count * T::SIZE);
    if size != Some(elements.len()) {
        let problem = format!(
            "{} bytes of elements, where shape {:?} needs others",
            elements.len(),
            header.shape
        );
        return Err(NpyError::new(header.length, problem));
    }
    Ok(Array {
        shape: header.shape,
        data: elements.chunks_exact(T::SIZE).map(T::take).collect(),
    })
}

/// Reads the elements of a `.npy` file of any type of numbers, in the order of the file.
pub fn numbers(bytes: &[u8]) -> Result<Vec<f64>, NpyError> {
    let mut elements = bytes;
    let header = Header::read(&mut elements)?;
    if header.count().map(|count| count * header.width) != Some(elements.len()) {
        let (found, shape) = (elements.len(), &header.shape);
        let problem = format!("{found} bytes of elements, where shape {shape:?} needs others");
        return Err(NpyError::new(header.length, problem));
    }
    Ok(elements.chunks_exact(header.width).map(|bytes| header.number(bytes)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bytes_are_those_of_numpy() {
        // numpy.save(f, numpy.array([[1, 2, 3]], dtype="u1"))
        let mut expected =
            b"\x93NUMPY\x01\x00\x76\x00{'descr': '|u1', 'fortran_order': False, 'shape': (1, 3), }"
                .to_vec();
        expected.resize(127, b' ');
        expected.extend_from_slice(b"\n\x01\x02\x03");
        assert_eq!(encode(&[1, 3], &[1u8, 2, 3]), expected);
    }

    #[test]
    fn archives_hold_integers_in_the_smallest_type_and_no_date() {
        let archive = |largest: u32| {
            let mut archive = Archive::new(io::Cursor::new(Vec::new()));
            archive
                .add_integers("a", [2, 1], largest, [vec![7], vec![largest]].into_iter())
                .unwrap();
            archive.finish().unwrap().into_inner()
        };
        for (largest, descr) in [(255, "|u1"), (256, "<u2"), (65_536, "<u4")] {
            let bytes = archive(largest);
            let mut read = zip::ZipArchive::new(io::Cursor::new(&bytes)).unwrap();
            let mut file = read.by_name("a.npy").unwrap();
            assert_eq!(file.compression(), CompressionMethod::Stored);
            assert_eq!(file.last_modified().unwrap().year(), 1980);
            let mut array = Vec::new();
            file.read_to_end(&mut array).unwrap();
            let header = Header::read(&mut &array[..]).unwrap();
            assert_eq!((header.descr.as_str(), &header.shape[..]), (descr, &[2, 1][..]));
            let values: Vec<f64> =
                array[header.length..].chunks(header.width).map(|v| header.number(v)).collect();
            assert_eq!(values, [7.0, f64::from(largest)]);
        }
    }

    #[test]
    fn another_type_or_order_is_refused() {
        let problem = |bytes: &[u8]| decode::<u8>(bytes).expect_err("another array").to_string();
        assert_eq!(
            problem(&encode(&[2], &[1.0f32, 2.0])),
            "byte 10: elements `<f4`, where `|u1` are expected"
        );
        let fortran =
            String::from_utf8_lossy(&encode(&[1], &[7u8])[10..]).replace("False", "True ");
        let bytes = [&encode(&[1], &[7u8])[..10], fortran.as_bytes()].concat();
        assert!(problem(&bytes).contains("columns before rows"));
    }

    proptest! {
        #[test]
        fn arrays_read_back(rows in 0usize..5, columns in 0usize..70, seed in any::<u32>()) {
            let data: Vec<f32> = (0..rows * columns).map(|i| f32::from_bits(seed ^ i as u32)).filter(|v| !v.is_nan()).collect();
            let array = decode::<f32>(&encode(&[data.len()], &data)).unwrap();
            prop_assert_eq!(array, Array { shape: vec![data.len()], data });
            let bytes: Vec<u8> = (0..rows * columns).map(|i| i as u8).collect();
            let array = decode::<u8>(&encode(&[rows, columns], &bytes)).unwrap();
            prop_assert_eq!(array, Array { shape: vec![rows, columns], data: bytes });
        }

        #[test]
        fn a_torn_file_is_refused(cut in 1usize..200) {
            let whole = encode(&[3, 30], &[1u8; 90]);
            let torn = &whole[..whole.len() - cut.min(whole.len())];
            prop_assert!(decode::<u8>(torn).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), length in any::<u16>()) {
            let mut input = b"\x93NUMPY\x01\x00".to_vec();
            input.extend_from_slice(&length.to_le_bytes());
            input.extend_from_slice(&bytes);
            let _ = decode::<u8>(&input);
            let _ = decode::<f32>(&bytes);
        }
    }
}
