//! Bits and NAL units of an H.264 stream, below the picture layer of `h264`.
//!
//! For: writing the fixed-length and Exp-Golomb codes of ISO/IEC 14496-10 clause 9.1, and the
//! byte wrapping of clause 7.4.1 with its emulation prevention.
//!
//! Not for: reading streams, CABAC or CAVLC residuals: the offline films have no residual.

/// Writes bits, most significant first, and the Exp-Golomb codes made of them.
#[derive(Default)]
pub struct Bits {
    /// Whole bytes written so far.
    pub bytes: Vec<u8>,
    partial: u8,
    filled: u8,
}

impl Bits {
    /// Writes the lowest `count` bits of `value`.
    pub fn put(&mut self, value: u32, count: u8) {
        for shift in (0..count).rev() {
            self.partial = self.partial << 1 | (value >> shift & 1) as u8;
            self.filled += 1;
            if self.filled == 8 {
                self.bytes.push(self.partial);
                (self.partial, self.filled) = (0, 0);
            }
        }
    }

    /// Writes an unsigned Exp-Golomb code, ue(v).
    pub fn unsigned(&mut self, value: u32) {
        let code = value + 1;
        let length = 32 - code.leading_zeros() as u8;
        self.put(0, length - 1);
        self.put(code, length);
    }

    /// Writes a signed Exp-Golomb code, se(v).
    pub fn signed(&mut self, value: i32) {
        let magnitude = value.unsigned_abs() * 2;
        self.unsigned(if value > 0 { magnitude - 1 } else { magnitude });
    }

    /// Fills the current byte with zero bits.
    pub fn align(&mut self) {
        while self.filled != 0 {
            self.put(0, 1);
        }
    }

    /// Adds the stop bit and hands over the payload.
    pub fn finish(mut self) -> Vec<u8> {
        self.put(1, 1);
        self.align();
        self.bytes
    }
}

/// Puts the NAL header before a payload and an emulation prevention byte wherever the payload
/// would otherwise look like a start code.
pub fn wrap_nal(header: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + payload.len() / 64 + 8);
    bytes.push(header);
    let mut zeros = 0;
    for byte in payload {
        if zeros >= 2 && *byte <= 3 {
            bytes.push(3);
            zeros = 0;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        bytes.push(*byte);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_matches_the_table() {
        let mut bits = Bits::default();
        for value in 0..5 {
            bits.unsigned(value); // 1 010 011 00100 00101
        }
        bits.signed(1); // 010
        bits.signed(-1); // 011
        bits.align();
        assert_eq!(bits.bytes, [0b1010_0110, 0b0100_0010, 0b1010_0110]);
    }

    #[test]
    fn start_codes_are_prevented() {
        assert_eq!(wrap_nal(0x65, &[0, 0, 1, 0, 0, 0, 0]), [0x65, 0, 0, 3, 1, 0, 0, 3, 0, 0]);
        assert_eq!(wrap_nal(0x65, &[0, 0, 4]), [0x65, 0, 0, 4]);
    }
}
