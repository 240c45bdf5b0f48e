//! The samples of a picture as `h264` codes them: three planes in BT.709 video range.
//!
//! For: converting a drawn frame, comparing blocks of two pictures and writing a macroblock raw.
//!
//! Not for: deciding how a macroblock is coded (`h264`).

use super::bits::Bits;
use super::h264::BLOCK_PX;
use image::RgbaImage;

pub struct Plane {
    samples: Vec<u8>,
    width: usize,
}

impl Plane {
    pub fn row(&self, x: usize, y: usize, length: usize) -> Option<&[u8]> {
        if x + length > self.width {
            return None;
        }
        let start = y * self.width + x;
        self.samples.get(start..start + length)
    }

    /// Whether a block here equals the one `vector / scale` away in `other`, wholly inside it.
    pub fn matches(
        &self,
        other: &Plane,
        side: usize,
        column: usize,
        row: usize,
        vector: (i32, i32),
        scale: i32,
    ) -> bool {
        let (x, y) = (column * side, row * side);
        let from_x = usize::try_from(x as i32 + vector.0 / scale);
        let from_y = usize::try_from(y as i32 + vector.1 / scale);
        let (Ok(from_x), Ok(from_y)) = (from_x, from_y) else {
            return false;
        };
        (0..side).all(|line| {
            let there = other.row(from_x, from_y + line, side);
            there.is_some() && there == self.row(x, y + line, side)
        })
    }
}

/// A picture in BT.709 video range, 4:2:0, padded to whole macroblocks.
pub struct Picture {
    pub planes: [Plane; 3],
}

impl Picture {
    pub fn from_frame(frame: &RgbaImage, columns: usize, rows: usize) -> Picture {
        let (width, height) = (columns * BLOCK_PX, rows * BLOCK_PX);
        let stride = frame.width() as usize * 4;
        let raw: &[u8] = frame.as_raw();
        let mut luma = Vec::with_capacity(width * height);
        let mut blue = Vec::with_capacity(width * height / 4);
        let mut red = Vec::with_capacity(width * height / 4);
        let mut sums = vec![[0i32; 3]; width / 2];
        for y in 0..height {
            // Rows and columns beyond the frame repeat its border; cropping hides them.
            let from = y.min((frame.height() as usize).saturating_sub(1)) * stride;
            let line = raw.get(from..from + stride).unwrap_or_default();
            let (pixels, _) = line.as_chunks::<4>();
            let last = pixels.last().copied().unwrap_or_default();
            let padded = pixels.iter().copied().chain(std::iter::repeat(last)).take(width);
            for (x, [r, g, b, _]) in padded.enumerate() {
                let (r, g, b) = (i32::from(r), i32::from(g), i32::from(b));
                luma.push((16 + ((47 * r + 157 * g + 16 * b + 128) >> 8)) as u8);
                if let Some([sum_r, sum_g, sum_b]) = sums.get_mut(x / 2) {
                    *sum_r += r;
                    *sum_g += g;
                    *sum_b += b;
                }
            }
            if y % 2 == 1 {
                for [r, g, b] in &mut sums {
                    blue.push((128 + ((-26 * *r - 87 * *g + 113 * *b + 512) >> 10)) as u8);
                    red.push((128 + ((112 * *r - 102 * *g - 10 * *b + 512) >> 10)) as u8);
                    (*r, *g, *b) = (0, 0, 0);
                }
            }
        }
        let plane = |samples, width| Plane { samples, width };
        Picture { planes: [plane(luma, width), plane(blue, width / 2), plane(red, width / 2)] }
    }

    /// Byte-aligns and appends one macroblock's samples: luma, then both chroma blocks.
    pub fn put_raw(&self, bits: &mut Bits, column: usize, row: usize) {
        bits.align();
        for (index, plane) in self.planes.iter().enumerate() {
            let side = if index == 0 { BLOCK_PX } else { BLOCK_PX / 2 };
            for line in 0..side {
                if let Some(samples) = plane.row(column * side, row * side + line, side) {
                    bits.bytes.extend_from_slice(samples);
                }
            }
        }
    }
}
