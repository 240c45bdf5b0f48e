//! A tiny H.264 encoder, for the offline provider's placeholder films.
//!
//! For: turning drawn frames into a stream every browser plays, without a codec library.
//! Obeys ISO/IEC 14496-10, Constrained Baseline, and uses four of its tools only: an IDR picture
//! of I_PCM macroblocks (raw samples), then P pictures of P_Skip runs, whole-macroblock copies
//! with a motion vector (P_L0_16x16 without residual) and I_PCM where neither copy is exact.
//! Every decoded picture therefore equals the drawn one: no transform, no trails, no drift.
//! A stream that fades is Main profile: between two pictures that both are known already, B pictures of
//! B_Skip macroblocks mix the two by their distance (implicit weights), so a cross-fade costs next to nothing.
//!
//! Not for: camera footage (noise would make every macroblock raw), rate control beyond a byte
//! allowance, audio, or the MP4 container (see `mp4`).

use super::bits::{Bits, wrap_nal};
use super::plane::Picture;
use image::RgbaImage;

/// Smallest side in pixels: below four macroblocks there is nothing to see.
pub const SIDE_MIN_PX: u32 = 64;
/// Largest side in pixels: one raw 640x640 picture is 614 KB, the most a frame may cost.
pub const SIDE_MAX_PX: u32 = 640;
/// Level 4.1, times ten: its 50 Mbit/s covers the byte cap of `film` spent within one second.
const LEVEL_IDC: u32 = 41;
/// Side of a luma macroblock in samples.
pub const BLOCK_PX: usize = 16;
/// Raw samples of a 4:2:0 macroblock in bytes, plus two for its type and alignment.
const RAW_BLOCK_BYTES: usize = 386;
/// `frame_num` is written in 8 bits and wraps there.
const FRAME_NUM_BITS: u8 = 8;
/// Places in the order of showing are written, in fields, in 8 bits and wrap there.
const PLACE_BITS: u8 = 8;
/// Picture header, final skip run and trailing bits in bytes: the cost of a picture that repeats.
pub const REPEAT_COST_BYTES: usize = 32;

/// One coded picture, length-prefixed as AVCC samples are.
pub struct AccessUnit {
    /// One NAL unit behind its 4-byte length.
    pub bytes: Vec<u8>,
    /// True for the IDR picture, from which playback can start.
    pub key: bool,
    /// True when the allowance was too small and the picture before is shown again.
    pub held: bool,
    /// How many pictures after its place in the stream it is shown: a cross-fade needs both its ends first.
    pub delay: u32,
}

/// Encodes successive frames of one size.
pub struct Encoder {
    width: u32,
    height: u32,
    columns: usize,
    rows: usize,
    reference: Option<Picture>,
    reference_offsets: Vec<(i32, i32)>,
    frame_num: u32,
    fades: bool,
    /// Place of the picture at hand in the order of showing.
    place: u32,
}

impl Encoder {
    /// Prepares for frames of this size; the stream crops to it where it is no multiple of 16.
    pub fn new(width: u32, height: u32) -> Result<Encoder, String> {
        let sides = SIDE_MIN_PX..=SIDE_MAX_PX;
        if !sides.contains(&width) || !sides.contains(&height) || width % 2 + height % 2 != 0 {
            return Err(format!(
                "A film's sides must be even and {SIDE_MIN_PX} to {SIDE_MAX_PX} pixels, not {width}x{height}."
            ));
        }
        Ok(Encoder {
            width,
            height,
            columns: (width as usize).div_ceil(BLOCK_PX),
            rows: (height as usize).div_ceil(BLOCK_PX),
            reference: None,
            reference_offsets: Vec::new(),
            frame_num: 0,
            fades: false,
            place: 0,
        })
    }

    /// Prepares for a stream that may use `encode_after_fade`; all of it is shown one picture late.
    pub fn fading(width: u32, height: u32) -> Result<Encoder, String> {
        Ok(Encoder { fades: true, ..Encoder::new(width, height)? })
    }

    /// The bytes a picture costs when every macroblock is raw; emulation prevention adds nothing
    /// in practice, as video-range samples are never zero.
    pub fn raw_picture_bytes(&self) -> usize {
        self.columns * self.rows * RAW_BLOCK_BYTES + REPEAT_COST_BYTES
    }

    /// The sequence parameter set NAL unit, without length.
    pub fn sequence_parameters(&self) -> Vec<u8> {
        let mut bits = Bits::default();
        let (profile, constraints) = if self.fades { (77, 0b0100_0000) } else { (66, 0b1100_0000) };
        bits.put(profile, 8); // Main, or with constraint sets 0 and 1: Constrained Baseline
        bits.put(constraints, 8);
        bits.put(LEVEL_IDC, 8);
        bits.unsigned(0);
        bits.unsigned(u32::from(FRAME_NUM_BITS) - 4);
        if self.fades {
            bits.unsigned(0); // each picture says its place
            bits.unsigned(u32::from(PLACE_BITS) - 4);
        } else {
            bits.unsigned(2); // output order is decoding order
        }
        bits.unsigned(1 + u32::from(self.fades)); // reference pictures
        bits.put(0, 1);
        bits.unsigned(self.columns as u32 - 1);
        bits.unsigned(self.rows as u32 - 1);
        bits.put(0b11, 2); // frames only, direct 8x8 inference
        let right = (self.columns * BLOCK_PX) as u32 - self.width;
        let bottom = (self.rows * BLOCK_PX) as u32 - self.height;
        bits.put(u32::from(right + bottom > 0), 1);
        if right + bottom > 0 {
            for crop in [0, right / 2, 0, bottom / 2] {
                bits.unsigned(crop);
            }
        }
        bits.put(1, 1);
        put_usability(&mut bits, self.fades);
        wrap_nal(0x67, &bits.finish())
    }

    /// The picture parameter set NAL unit, without length.
    pub fn picture_parameters(&self) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.unsigned(0);
        bits.unsigned(0);
        bits.put(0, 2); // CAVLC, no field order
        for _ in 0..3 {
            bits.unsigned(0); // one slice group, one reference in either list
        }
        bits.put(if self.fades { 2 } else { 0 }, 3); // weights: none, or in B pictures by distance
        for _ in 0..3 {
            bits.signed(0); // quantisers, unused without residual
        }
        bits.put(0b100, 3); // deblocking is controlled (off) per slice
        wrap_nal(0x68, &bits.finish())
    }

    /// Encodes `frame`. `offsets` says where each moving layer of the drawing stands, in pixels:
    /// the differences to the picture before are tried as motion vectors. A changed picture that
    /// would cost more than `allowance_bytes` is not sent at all; the one before is repeated, so
    /// that a picture is never half updated.
    pub fn encode(
        &mut self,
        frame: &RgbaImage,
        offsets: &[(i32, i32)],
        allowance_bytes: usize,
    ) -> AccessUnit {
        let picture = Picture::from_frame(frame, self.columns, self.rows);
        let Some(reference) = self.reference.as_ref() else {
            let bytes = self.write_key(&picture);
            self.accept(picture, offsets);
            return AccessUnit { bytes, key: true, held: false, delay: u32::from(self.fades) };
        };
        let mut candidates = vec![(0, 0)];
        for (now, before) in offsets.iter().zip(&self.reference_offsets) {
            let vector = (before.0 - now.0, before.1 - now.1);
            // Odd distances fall between chroma samples, where a copy would be filtered.
            if vector.0 % 2 == 0 && vector.1 % 2 == 0 && !candidates.contains(&vector) {
                candidates.push(vector);
            }
        }
        let choices = self.choose(&picture, reference, &candidates);
        let raw = choices.iter().filter(|choice| choice.is_none()).count();
        let held = raw * RAW_BLOCK_BYTES + choices.len() * 4 + REPEAT_COST_BYTES > allowance_bytes && raw > 0;
        self.frame_num = (self.frame_num + 1) % (1 << FRAME_NUM_BITS);
        self.place += 1;
        let still = vec![Some((0, 0)); choices.len()];
        let bytes = self.write_predicted(&picture, if held { &still } else { &choices });
        if !held {
            self.accept(picture, offsets);
        }
        AccessUnit { bytes, key: false, held, delay: u32::from(self.fades) }
    }

    /// Encodes `frame` and, shown before it, `between` pictures that lead to it from the one before.
    pub fn encode_after_fade(
        &mut self,
        frame: &RgbaImage,
        offsets: &[(i32, i32)],
        between: u32,
    ) -> Vec<AccessUnit> {
        let first = self.place + 1;
        self.place += between;
        let mut units = vec![self.encode(frame, offsets, usize::MAX)];
        units.iter_mut().for_each(|unit| unit.delay += between);
        let mixed = |place| AccessUnit { bytes: self.write_mixed(place), key: false, held: false, delay: 0 };
        units.extend((first..first + between).map(mixed));
        units
    }

    fn accept(&mut self, picture: Picture, offsets: &[(i32, i32)]) {
        self.reference = Some(picture);
        self.reference_offsets = offsets.to_vec();
    }

    /// For each macroblock the first vector whose copy is exact, or none.
    fn choose(
        &self,
        picture: &Picture,
        reference: &Picture,
        candidates: &[(i32, i32)],
    ) -> Vec<Option<(i32, i32)>> {
        let mut choices = Vec::with_capacity(self.columns * self.rows);
        for row in 0..self.rows {
            for column in 0..self.columns {
                let exact = |vector: &&(i32, i32)| {
                    let pairs = picture.planes.iter().zip(&reference.planes);
                    pairs.enumerate().all(|(index, (now, before))| {
                        let scale = if index == 0 { 1 } else { 2 };
                        now.matches(before, BLOCK_PX / scale, column, row, **vector, scale as i32)
                    })
                };
                choices.push(candidates.iter().find(exact).copied());
            }
        }
        choices
    }

    fn write_key(&self, picture: &Picture) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.bytes.reserve(self.raw_picture_bytes());
        bits.unsigned(0);
        bits.unsigned(7); // every slice of the picture is I
        bits.unsigned(0);
        bits.put(0, FRAME_NUM_BITS);
        bits.unsigned(0); // idr_pic_id
        self.put_place(&mut bits, self.place);
        bits.put(0, 2); // no prior output, not long-term
        put_slice_end(&mut bits);
        for row in 0..self.rows {
            for column in 0..self.columns {
                bits.unsigned(25); // I_PCM
                picture.put_raw(&mut bits, column, row);
            }
        }
        prefix_length(wrap_nal(0x65, &bits.finish()))
    }

    fn write_predicted(&self, picture: &Picture, choices: &[Option<(i32, i32)>]) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.unsigned(0);
        bits.unsigned(5); // every slice of the picture is P
        bits.unsigned(0);
        bits.put(self.frame_num, FRAME_NUM_BITS);
        self.put_place(&mut bits, self.place);
        bits.put(0, 3); // default reference count and order, sliding window marking
        put_slice_end(&mut bits);
        let mut run = 0;
        for (index, choice) in choices.iter().enumerate() {
            let (column, row) = (index % self.columns, index / self.columns);
            let near = Neighbours::around(choices, self.columns, column, row);
            if choice.is_some_and(|vector| vector == near.skip_vector()) {
                run += 1;
                continue;
            }
            bits.unsigned(run);
            run = 0;
            match choice {
                Some(vector) => {
                    let expected = near.expected_vector();
                    bits.unsigned(0); // P_L0_16x16
                    bits.signed((vector.0 - expected.0) * 4);
                    bits.signed((vector.1 - expected.1) * 4);
                    bits.unsigned(0); // no residual
                }
                None => {
                    bits.unsigned(30); // I_PCM within a P slice
                    picture.put_raw(&mut bits, column, row);
                }
            }
        }
        if run > 0 {
            bits.unsigned(run);
        }
        prefix_length(wrap_nal(0x61, &bits.finish()))
    }

    /// A picture that no other refers to: all of it is what stands there in the two references, mixed.
    fn write_mixed(&self, place: u32) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.unsigned(0);
        bits.unsigned(6); // every slice of the picture is B
        bits.unsigned(0);
        bits.put((self.frame_num + 1) % (1 << FRAME_NUM_BITS), FRAME_NUM_BITS);
        self.put_place(&mut bits, place);
        bits.put(0b1000, 4); // spatial direct vectors (all zero), default reference count and both orders
        put_slice_end(&mut bits);
        bits.unsigned((self.columns * self.rows) as u32);
        prefix_length(wrap_nal(0x01, &bits.finish()))
    }

    fn put_place(&self, bits: &mut Bits, place: u32) {
        if self.fades {
            bits.put(place * 2 % (1 << PLACE_BITS), PLACE_BITS); // the standard counts fields
        }
    }
}

/// Video usability: square pixels, BT.709 video range, no reordering (so playback starts at once) but where it fades.
fn put_usability(bits: &mut Bits, fades: bool) {
    bits.put(1, 1);
    bits.put(1, 8); // 1:1 samples
    bits.put(0, 1);
    bits.put(1, 1);
    bits.put(0b1_0101, 5); // unspecified format, video range, colours described
    for _ in 0..3 {
        bits.put(1, 8); // BT.709 primaries, transfer, matrix
    }
    bits.put(0, 5); // no chroma location, timing, NAL HRD, VCL HRD or picture structure
    bits.put(0b11, 2); // restrictions follow; vectors may cross the border
    let fades = u32::from(fades);
    for value in [0, 0, 11, 11, fades, 1 + fades] {
        bits.unsigned(value);
    }
}

/// The slice header's tail: no quantiser change, and no deblocking, which would blur exact copies.
fn put_slice_end(bits: &mut Bits) {
    bits.signed(0);
    bits.unsigned(1);
}

/// A neighbour of a macroblock: outside the picture, raw, or copied with a vector.
type Neighbour = Option<Option<(i32, i32)>>;

struct Neighbours {
    left: Neighbour,
    above: Neighbour,
    diagonal: Neighbour,
}

impl Neighbours {
    fn around(choices: &[Option<(i32, i32)>], columns: usize, column: usize, row: usize) -> Neighbours {
        let at = |column: Option<usize>, row: Option<usize>| -> Neighbour {
            let column = column.filter(|column| *column < columns)?;
            choices.get(row? * columns + column).copied()
        };
        let (before, over) = (column.checked_sub(1), row.checked_sub(1));
        Neighbours {
            left: at(before, Some(row)),
            above: at(Some(column), over),
            diagonal: at(Some(column + 1), over).or_else(|| at(before, over)),
        }
    }

    /// Clause 8.4.1.3: the only copied neighbour's vector, or the median of the three.
    fn expected_vector(&self) -> (i32, i32) {
        if self.above.is_none() && self.diagonal.is_none() {
            return self.left.flatten().unwrap_or_default();
        }
        let three = [self.left.flatten(), self.above.flatten(), self.diagonal.flatten()];
        let mut copied = three.iter().flatten();
        if let (Some(only), None) = (copied.next(), copied.next()) {
            return *only;
        }
        let [a, b, c] = three.map(Option::unwrap_or_default);
        (median(a.0, b.0, c.0), median(a.1, b.1, c.1))
    }

    /// Clause 8.4.1.1: where a skipped macroblock is copied from.
    fn skip_vector(&self) -> (i32, i32) {
        let rests = |side: Neighbour| side.is_none() || side == Some(Some((0, 0)));
        if rests(self.left) || rests(self.above) {
            return (0, 0);
        }
        self.expected_vector()
    }
}

fn median(a: i32, b: i32, c: i32) -> i32 {
    a.max(b).min(a.min(b).max(c))
}

fn prefix_length(nal: Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(nal.len() + 4);
    bytes.extend_from_slice(&(nal.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&nal);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn textured(shift: u32) -> RgbaImage {
        RgbaImage::from_fn(96, 80, |x, y| {
            let v = (x + shift).wrapping_mul(2_654_435_761).wrapping_add(y * 40_503) >> 16;
            image::Rgba([v as u8, (v >> 3) as u8, (y * 3) as u8, 255])
        })
    }

    #[test]
    fn an_unchanged_picture_costs_a_few_bytes_and_a_scrolled_one_little_more() {
        let mut encoder = Encoder::new(96, 80).unwrap();
        let key = encoder.encode(&textured(0), &[(0, 0)], 0);
        assert!(key.key && key.bytes.len() > 96 * 80 * 3 / 2);
        let same = encoder.encode(&textured(0), &[(0, 0)], usize::MAX);
        assert!(!same.held && same.bytes.len() < REPEAT_COST_BYTES);
        let scrolled = encoder.encode(&textured(2), &[(-2, 0)], usize::MAX);
        let blind = encoder.encode(&textured(4), &[], usize::MAX);
        // Only the column that enters at the right is raw when the motion is known.
        assert!(scrolled.bytes.len() < 6 * RAW_BLOCK_BYTES, "{}", scrolled.bytes.len());
        assert!(blind.bytes.len() > 25 * RAW_BLOCK_BYTES);
    }

    #[test]
    fn a_picture_over_its_allowance_is_held_whole() {
        let mut encoder = Encoder::new(96, 80).unwrap();
        encoder.encode(&textured(0), &[], 0);
        let held = encoder.encode(&textured(8), &[], 1000);
        assert!(held.held && held.bytes.len() < REPEAT_COST_BYTES);
    }

    #[test]
    fn a_cross_fade_costs_next_to_nothing_and_both_its_ends_come_first() {
        let mut encoder = Encoder::fading(96, 80).unwrap();
        assert_eq!(encoder.encode(&textured(0), &[], 0).delay, 1);
        assert_eq!(encoder.encode(&textured(0), &[], 0).delay, 1);
        let units = encoder.encode_after_fade(&textured(9), &[], 3);
        assert_eq!(units.iter().map(|unit| unit.delay).collect::<Vec<_>>(), [4, 0, 0, 0]);
        assert!(units[0].bytes.len() > 25 * RAW_BLOCK_BYTES && !units[0].held);
        assert!(units[1..].iter().all(|unit| unit.bytes.len() < REPEAT_COST_BYTES));
        // Two references and one place each: what tells the pictures of a fade apart.
        let places: Vec<_> = units.iter().map(|unit| place(&unit.bytes)).collect();
        assert_eq!((places, encoder.place), (vec![10, 4, 6, 8], 5));
        assert_eq!(place(&encoder.encode(&textured(9), &[], 0).bytes), 12);
    }

    /// Of a P or B picture of a stream that fades.
    fn place(unit: &[u8]) -> u32 {
        // After the length and the NAL header: first macroblock, kind (5 bits), parameter set, number (8 bits).
        let bits = u32::from_be_bytes(unit[5..9].try_into().unwrap());
        bits << (1 + 5 + 1 + 8) >> 24
    }

    #[test]
    fn vectors_are_predicted_as_the_standard_says() {
        let (v, w) = (Some((4, 0)), Some((2, 0)));
        let near = |left, above, diagonal| Neighbours { left, above, diagonal };
        assert_eq!(near(Some(v), None, None).expected_vector(), (4, 0));
        assert_eq!(near(Some(None), Some(v), Some(None)).expected_vector(), (4, 0));
        assert_eq!(near(Some(v), Some(w), Some(None)).expected_vector(), (2, 0));
        assert_eq!(near(Some(v), None, None).skip_vector(), (0, 0));
        assert_eq!(near(Some(v), Some(v), Some(v)).skip_vector(), (4, 0));
    }

    #[test]
    fn sides_are_bounded() {
        for (width, height) in [(0, 64), (62, 64), (64, 642), (65, 64), (u32::MAX, u32::MAX)] {
            assert!(Encoder::new(width, height).is_err());
        }
    }
}
