//! Arrays in NumPy's `.npy` format (version 1.0, C order): what `numpy.load` opens.
//!
//! `\x93NUMPY`, two bytes of version, the header's length, a Python dictionary with the element type and the shape, then
//! the elements, little endian.

const MAGIC: &[u8] = b"\x93NUMPY";

/// A type of element.
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

/// An array, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Array<T> {
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// Elements, the last dimension fastest.
    pub data: Vec<T>,
}

/// Why bytes are no `.npy` array of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NpyError {
    /// Not the format at all.
    #[error("not a .npy file")]
    Magic,
    /// The header ends early or lacks an entry.
    #[error("the .npy header cannot be read: {0}")]
    Header(&'static str),
    /// Another type of element, or Fortran order.
    #[error("expected elements `{expected}` in C order")]
    Type {
        /// NumPy's name of the type that was wanted.
        expected: &'static str,
    },
    /// Too few or too many bytes for the shape.
    #[error("{found} bytes of elements where the shape {shape:?} needs another number")]
    Length {
        /// The shape in the header.
        shape: Vec<usize>,
        /// Bytes after the header.
        found: usize,
    },
}

/// The bytes of a `.npy` file.
///
/// # Panics
/// If `data` does not fill `shape`.
pub fn encode<T: Element>(shape: &[usize], data: &[T]) -> Vec<u8> {
    assert_eq!(shape.iter().product::<usize>(), data.len(), "elements do not fill the shape {shape:?}");
    let comma = if shape.len() == 1 { "," } else { "" };
    let lengths = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let header = format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({lengths}{comma}), }}", T::DESCR);
    // The elements start at a multiple of 64 bytes: ten bytes before the header, a newline at its end.
    let padded = (header.len() + 11).next_multiple_of(64) - 10;
    let mut out = Vec::with_capacity(padded + 10 + data.len() * T::SIZE);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[1, 0]);
    out.extend_from_slice(&(padded as u16).to_le_bytes());
    out.extend_from_slice(header.as_bytes());
    out.resize(padded + 9, b' ');
    out.push(b'\n');
    data.iter().for_each(|element| element.put(&mut out));
    out
}

/// Reads the bytes of a `.npy` file.
pub fn decode<T: Element>(bytes: &[u8]) -> Result<Array<T>, NpyError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(NpyError::Magic)?;
    let short = NpyError::Header("it ends early");
    let (start, length) = match *rest {
        [1, _, a, b, ..] => (4, usize::from(u16::from_le_bytes([a, b]))),
        [2 | 3, _, a, b, c, d, ..] => (6, u32::from_le_bytes([a, b, c, d]) as usize),
        _ => return Err(short),
    };
    let header = rest.get(start..start + length).and_then(|header| std::str::from_utf8(header).ok()).ok_or(short)?;
    let entry = |key: &str| header.split_once(key).map(|(_, value)| value.trim_start_matches([' ', ':']));
    let descr = entry("'descr'").ok_or(NpyError::Header("no 'descr'"))?;
    let order = entry("'fortran_order'").ok_or(NpyError::Header("no 'fortran_order'"))?;
    if !descr.starts_with(&format!("'{}'", T::DESCR)) || !order.starts_with("False") {
        return Err(NpyError::Type { expected: T::DESCR });
    }
    let shape = entry("'shape'").and_then(|value| value.strip_prefix('(')).and_then(|value| value.split_once(')'));
    let (lengths, _) = shape.ok_or(NpyError::Header("no 'shape'"))?;
    let lengths = lengths.split(',').map(str::trim).filter(|length| !length.is_empty());
    let shape: Vec<usize> = lengths
        .map(|length| length.parse().map_err(|_| NpyError::Header("a length that is no number")))
        .collect::<Result<_, _>>()?;
    let elements = &rest[start + length..];
    let size = shape.iter().try_fold(T::SIZE, |size, &length| size.checked_mul(length));
    if size != Some(elements.len()) {
        return Err(NpyError::Length { shape, found: elements.len() });
    }
    Ok(Array { shape, data: elements.chunks_exact(T::SIZE).map(T::take).collect() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bytes_are_those_of_numpy() {
        // numpy.save(f, numpy.array([[1, 2, 3]], dtype="u1"))
        let mut expected =
            b"\x93NUMPY\x01\x00\x76\x00{'descr': '|u1', 'fortran_order': False, 'shape': (1, 3), }".to_vec();
        expected.resize(127, b' ');
        expected.extend_from_slice(b"\n\x01\x02\x03");
        assert_eq!(encode(&[1, 3], &[1u8, 2, 3]), expected);
    }

    #[test]
    fn another_type_or_order_is_refused() {
        let bytes = encode(&[2], &[1.0f32, 2.0]);
        assert_eq!(decode::<u8>(&bytes), Err(NpyError::Type { expected: "|u1" }));
        let fortran = String::from_utf8_lossy(&encode(&[1], &[7u8])[10..]).replace("False", "True ");
        let mut bytes = encode(&[1], &[7u8])[..10].to_vec();
        bytes.extend_from_slice(fortran.as_bytes());
        assert_eq!(decode::<u8>(&bytes), Err(NpyError::Type { expected: "|u1" }));
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
