//! The two formats that an event file of TensorBoard consists of: messages of Protocol Buffers, and
//! the records that frame them.
//!
//! ```text
//! message   field  field  ...      field = key (number << 3 | wire type) as varint, then the value
//! record    length        u64, little-endian
//!           CRC of length u32, masked CRC-32C
//!           message       [length bytes]
//!           CRC of these  u32, masked CRC-32C
//! ```

/// A message that grows by one field at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Message(pub(super) Vec<u8>);

/// Wire types of fields.
const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const BYTES: u64 = 2;
const FOUR_BYTES: u64 = 5;

impl Message {
    fn varint(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    fn key(self, field: u64, wire_type: u64) -> Self {
        self.varint(field << 3 | wire_type)
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A count or an enumeration.
    pub(super) fn int(self, field: u64, value: u64) -> Self {
        self.key(field, VARINT).varint(value)
    }

    pub(super) fn double(self, field: u64, value: f64) -> Self {
        self.key(field, EIGHT_BYTES).raw(&value.to_le_bytes())
    }

    pub(super) fn float(self, field: u64, value: f32) -> Self {
        self.key(field, FOUR_BYTES).raw(&value.to_le_bytes())
    }

    pub(super) fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        self.key(field, BYTES).varint(bytes.len() as u64).raw(bytes)
    }

    pub(super) fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub(super) fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }
}

/// Appends a message to a file of records.
pub(super) fn append_record(file: &mut Vec<u8>, message: &Message) {
    let length = (message.0.len() as u64).to_le_bytes();
    for part in [&length, &message.0[..]] {
        file.extend_from_slice(part);
        file.extend_from_slice(&masked_crc(part).to_le_bytes());
    }
}

/// CRC-32C by single bytes: reflected Castagnoli polynomial.
const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| crc >> 8 ^ CRC_TABLE[(crc as u8 ^ byte) as usize];
    !bytes.iter().fold(!0, step)
}

/// CRC as records hold it: the CRC of data that contain CRCs themselves would be weak.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Value of a field.
    #[derive(Debug, Clone, PartialEq)]
    pub(crate) enum Field {
        Int(u64),
        Double(f64),
        Float(f32),
        Bytes(Vec<u8>),
    }

    impl Field {
        pub(crate) fn text(&self) -> &str {
            match self {
                Self::Bytes(bytes) => std::str::from_utf8(bytes).unwrap(),
                other => panic!("{other:?} is no text"),
            }
        }

        pub(crate) fn fields(&self) -> BTreeMap<u64, Vec<Field>> {
            match self {
                Self::Bytes(bytes) => fields(bytes),
                other => panic!("{other:?} is no message"),
            }
        }
    }

    fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
        let (taken, rest) = bytes.split_at(count);
        *bytes = rest;
        taken
    }

    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = take(bytes, 1)[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
        }
        unreachable!()
    }

    /// Fields of a message by their numbers.
    pub(crate) fn fields(mut bytes: &[u8]) -> BTreeMap<u64, Vec<Field>> {
        let mut found = BTreeMap::<u64, Vec<Field>>::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let field = match key & 7 {
                VARINT => Field::Int(varint(&mut bytes)),
                EIGHT_BYTES => {
                    Field::Double(f64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap()))
                }
                FOUR_BYTES => {
                    Field::Float(f32::from_le_bytes(take(&mut bytes, 4).try_into().unwrap()))
                }
                BYTES => {
                    let length = varint(&mut bytes) as usize;
                    Field::Bytes(take(&mut bytes, length).to_vec())
                }
                other => panic!("wire type {other}"),
            };
            found.entry(key >> 3).or_default().push(field);
        }
        found
    }

    /// Messages of a file of records, whose checksums are checked bit by bit.
    pub(crate) fn records(mut file: &[u8]) -> Vec<BTreeMap<u64, Vec<Field>>> {
        let mut found = Vec::new();
        while !file.is_empty() {
            let mut checked = |count: usize| {
                let part = take(&mut file, count);
                let crc = u32::from_le_bytes(take(&mut file, 4).try_into().unwrap());
                assert_eq!(crc.wrapping_sub(0xa282_ead8).rotate_left(15), slow_crc32c(part));
                part
            };
            let length = u64::from_le_bytes(checked(8).try_into().unwrap());
            found.push(fields(checked(length as usize)));
        }
        found
    }

    /// The definition: division of polynomials over GF(2), one bit at a time.
    fn slow_crc32c(bytes: &[u8]) -> u32 {
        let mut crc = !0_u32;
        for bit in bytes.iter().flat_map(|byte| (0..8).map(move |bit| u32::from(byte >> bit) & 1)) {
            let is_odd = (crc ^ bit) & 1 == 1;
            crc = crc >> 1 ^ if is_odd { 0x82f6_3b78 } else { 0 };
        }
        !crc
    }

    /// RFC 3720, appendix B.4, and the mask as TensorFlow documents it.
    #[test]
    fn checksums_are_those_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let masked = crc32c(b"foo");
        assert_eq!(
            masked_crc(b"foo"),
            (masked >> 15 | masked << 17).wrapping_add(0xa282_ead8)
        );
    }

    proptest! {
        #[test]
        fn records_read_back(
            ints in prop::collection::vec(any::<u64>(), 0..4),
            double in any::<f64>(),
            float in any::<f32>(),
            texts in prop::collection::vec(".{0,200}", 0..4),
        ) {
            let ints_of = |message, value: &u64| Message::int(message, 2, *value);
            let inner = ints.iter().fold(Message::default(), ints_of);
            let outer = texts.iter().fold(Message::default(), |message, text| message.text(700, text));
            let outer = outer.double(1, double).float(16, float).message(3, &inner);
            let mut file = Vec::new();
            append_record(&mut file, &inner);
            append_record(&mut file, &outer);
            let read = records(&file);
            prop_assert_eq!(read.len(), 2);
            let wanted: Vec<Field> = ints.iter().map(|value| Field::Int(*value)).collect();
            prop_assert_eq!(read[0].get(&2).cloned().unwrap_or_default(), wanted);
            prop_assert_eq!(&read[1][&3][0].fields(), &read[0]);
            let bits = |field: &Field| match field {
                Field::Double(value) => value.to_bits(),
                Field::Float(value) => u64::from(value.to_bits()),
                _ => 0,
            };
            prop_assert_eq!(bits(&read[1][&1][0]), double.to_bits());
            prop_assert_eq!(bits(&read[1][&16][0]), u64::from(float.to_bits()));
            let back: Vec<&str> = read[1].get(&700).into_iter().flatten().map(Field::text).collect();
            prop_assert_eq!(back, texts);
        }
    }
}
