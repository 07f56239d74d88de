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
pub(super) struct ProtobufMessage(pub(super) Vec<u8>);

/// Wire types of fields.
const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const BYTES: u64 = 2;
const FOUR_BYTES: u64 = 5;

impl ProtobufMessage {
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
pub(super) fn append_record(file: &mut Vec<u8>, message: &ProtobufMessage) {
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
mod tests {
    use super::*;

    /// RFC 3720, appendix B.4.
    #[test]
    fn checksums_are_those_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    /// The bytes that TensorBoard's own writer gives for the event
    /// `Event(wall_time=1.5, step=300)` with the value `Value(tag="curves/loss", simple_value=0.25)`.
    #[test]
    fn a_record_has_the_bytes_of_tensorboards_writer() {
        const WRITTEN: &str = "220000000000000078113dfd09000000000000f83f10ac022a140a120a0b\
                               6375727665732f6c6f7373150000803e8d5f5d85";
        let value = ProtobufMessage::default().text(1, "curves/loss").float(2, 0.25);
        let summary = ProtobufMessage::default().message(1, &value);
        let event = ProtobufMessage::default().double(1, 1.5).int(2, 300).message(5, &summary);
        let mut file = Vec::new();
        append_record(&mut file, &event);
        let hexadecimal: String = file.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hexadecimal, WRITTEN);
    }
}
