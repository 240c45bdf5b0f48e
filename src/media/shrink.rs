//! Thumbnails of pictures that strangers upload, within bounds of memory that are known beforehand.
//! Not for pictures that are worked on (see `picture::decode`): here the large picture is never turned or copied.

use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, RgbImage};

use super::guard;
use super::picture::{PictureError, encode_bare_jpeg, over_white, start_decoding};

const QUALITY: u8 = 82;

/// Memory granted per allowed pixel, in bytes. Photos take 3, progressive ones 6 to 9, a 16-bit PNG 8, and a WebP
/// up to 16; those may have fewer pixels.
const BYTES_PER_PIXEL: u64 = 4;

/// A JPEG of the picture, upright, on white where it is transparent, its longer side at most `side` pixels; never
/// enlarged. Takes at most `max_pixels * 4 bytes + 16 MB` of memory, and refuses from the headers, before
/// anything is decoded, what would take more.
pub fn thumbnail_of(bytes: &[u8], side: u32, max_pixels: u64) -> Result<Vec<u8>, PictureError> {
    let claim = guard::inspect(bytes)?;
    let (width, height) = (claim.width, claim.height);
    let side = side.max(1);
    // The reduced picture has at most twice the side, and the filter works on it in floating point.
    let pixels = u64::from(width) * u64::from(height);
    let reducing_bytes = u64::from(side).pow(2).min(pixels.saturating_mul(4)).saturating_mul(48);
    claim.admit(max_pixels, BYTES_PER_PIXEL, reducing_bytes)?;
    let mut decoder = start_decoding(&claim)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture =
        DynamicImage::from_decoder(decoder).map_err(|fault| PictureError::Damaged(fault.to_string()))?;
    let reduced = reduce(&picture, (width.max(height) / side).max(1))?;
    drop(picture);
    let longest = u64::from(width.max(height));
    let fit = |length: u32| match longest <= u64::from(side) {
        true => length,
        false => (u64::from(length) * u64::from(side)).div_ceil(longest).max(1) as u32,
    };
    let small = match reduced.dimensions() == (fit(width), fit(height)) {
        true => reduced,
        false => imageops::resize(&reduced, fit(width), fit(height), FilterType::Triangle),
    };
    let mut small = DynamicImage::ImageRgb8(small);
    small.apply_orientation(orientation);
    encode_bare_jpeg(&small.into_rgb8(), QUALITY)
}

/// Averages squares of `step` pixels a side, on white, in whatever form the decoder left the picture.
fn reduce(picture: &DynamicImage, step: u32) -> Result<RgbImage, PictureError> {
    let size = (picture.width(), picture.height());
    let high = |sample: u16| (sample >> 8) as u8;
    let reduced = match picture {
        DynamicImage::ImageLuma8(from) => average(from, size, step, |[grey]| [grey, grey, grey, 255]),
        DynamicImage::ImageLumaA8(from) => {
            average(from, size, step, |[grey, alpha]| [grey, grey, grey, alpha])
        }
        DynamicImage::ImageRgb8(from) => average(from, size, step, |[r, g, b]| [r, g, b, 255]),
        DynamicImage::ImageRgba8(from) => average(from, size, step, |pixel: [u8; 4]| pixel),
        DynamicImage::ImageLuma16(from) => {
            average(from, size, step, |[grey]| [high(grey), high(grey), high(grey), 255])
        }
        DynamicImage::ImageLumaA16(from) => {
            average(from, size, step, |[grey, alpha]| [high(grey), high(grey), high(grey), high(alpha)])
        }
        DynamicImage::ImageRgb16(from) => {
            average(from, size, step, |[r, g, b]| [high(r), high(g), high(b), 255])
        }
        DynamicImage::ImageRgba16(from) => average(from, size, step, |pixel: [u16; 4]| pixel.map(high)),
        _ => None,
    };
    reduced.ok_or(PictureError::UnknownFormat)
}

fn average<S: Copy, const CHANNELS: usize>(
    samples: &[S],
    (width, height): (u32, u32),
    step: u32,
    rgba: impl Fn([S; CHANNELS]) -> [u8; 4],
) -> Option<RgbImage> {
    let (out_width, out_height) = (width.div_ceil(step), height.div_ceil(step));
    let mut out = Vec::with_capacity(out_width as usize * out_height as usize * 3);
    let row_samples = width as usize * CHANNELS;
    let mut sums = vec![[0_u64; 4]; out_width as usize];
    for band in samples.chunks(row_samples * step as usize) {
        sums.fill([0; 4]);
        for row in band.chunks_exact(row_samples) {
            for (sum, cells) in sums.iter_mut().zip(row.chunks(CHANNELS * step as usize)) {
                let (pixels, _) = cells.as_chunks::<CHANNELS>();
                for pixel in pixels {
                    let [red, green, blue] = over_white(rgba(*pixel));
                    let [reds, greens, blues, count] = sum;
                    *reds += u64::from(red);
                    *greens += u64::from(green);
                    *blues += u64::from(blue);
                    *count += 1;
                }
            }
        }
        for [reds, greens, blues, count] in &sums {
            let count = (*count).max(1);
            out.extend([reds, greens, blues].map(|sum| ((sum + count / 2) / count) as u8));
        }
    }
    RgbImage::from_raw(out_width, out_height, out)
}

#[cfg(test)]
mod tests {
    use super::super::picture::{Format, decode, dimensions, encode};
    use super::*;
    use image::{Rgba, RgbaImage};

    #[test]
    fn thumbnails_of_all_formats_fit_and_look_alike() {
        let picture = RgbaImage::from_fn(300, 100, |x, _| match x {
            0..100 => Rgba([200, 20, 20, 255]),
            100..200 => Rgba([20, 20, 200, 255]),
            _ => Rgba([0, 0, 0, 0]),
        });
        for format in [Format::Png, Format::Webp, Format::Jpeg { quality: 95 }] {
            let file = encode(&picture, format, "").unwrap();
            for (side, expected) in
                [(64, (64, 22)), (200, (200, 67)), (300, (300, 100)), (999, (300, 100)), (1, (1, 1))]
            {
                let thumb = thumbnail_of(&file, side, 30_000).unwrap();
                assert_eq!(dimensions(&thumb), Ok(expected), "{format:?}");
                let thumb = decode(&thumb, 30_000).unwrap();
                if side > 1 {
                    for (at, colour) in [(1, [200, 20, 20]), (3, [20, 20, 200]), (5, [255; 3])] {
                        let [found @ .., _] = thumb.get_pixel(expected.0 * at / 6, expected.1 / 2).0;
                        assert!(
                            found.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 16),
                            "{format:?} {found:?}"
                        );
                    }
                }
            }
            let refusal = thumbnail_of(&file, 64, 29_999).unwrap_err();
            assert_eq!(refusal, PictureError::TooLarge { width: 300, height: 100, max_pixels: 29_999 });
        }
        assert_eq!(thumbnail_of(b"GIF89a", 64, 100), Err(PictureError::UnknownFormat));
    }

    #[test]
    fn sixteen_bits_and_greys_are_read() {
        let grey = DynamicImage::ImageLuma16(image::ImageBuffer::from_pixel(40, 20, image::Luma([0x80ff])));
        let clear =
            DynamicImage::ImageRgba16(image::ImageBuffer::from_pixel(40, 20, image::Rgba([0, 0, 0, 0x7fff])));
        for picture in [grey, clear] {
            let mut file = std::io::Cursor::new(Vec::new());
            picture.write_to(&mut file, image::ImageFormat::Png).unwrap();
            let thumb = decode(&thumbnail_of(file.get_ref(), 10, 800).unwrap(), 800).unwrap();
            assert_eq!(thumb.dimensions(), (10, 5));
            assert!(thumb.pixels().all(|pixel| pixel[0].abs_diff(0x80) < 3), "{:?}", thumb.get_pixel(3, 3));
        }
    }
}
