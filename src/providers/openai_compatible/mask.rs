//! A mask as those want it who read the transparent part as the one to repaint, and also those who read the white one.
//! Not for: soft edges, which they do not know.

use crate::media::picture::{self, Format};
use crate::providers::adapter::{Class, Failure, File};
use image::Rgba;
use image::imageops::FilterType;

/// It is decoded and written whole, in the memory of an isolate.
const MAX_PIXELS: u64 = 2048 * 2048;
/// Half of what a pixel can be: brighter is white.
const WHITE: u8 = 128;

/// A PNG of the size of `image`: white and transparent where it is repainted, else black.
pub fn of(mask: &File, image: &File) -> Result<Vec<u8>, Failure> {
    draw(mask, image, 0)
}

/// The same without transparency.
pub fn opaque(mask: &File, image: &File) -> Result<Vec<u8>, Failure> {
    draw(mask, image, u8::MAX)
}

fn draw(mask: &File, image: &File, white_alpha: u8) -> Result<Vec<u8>, Failure> {
    let unreadable = |what: &str| Failure::new(Class::InvalidInput, format!("The {what} cannot be read as a picture."));
    let (width, height) = picture::dimensions(&image.bytes).map_err(|_| unreadable("picture"))?;
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Failure::new(Class::InvalidInput, "The picture is too large for a mask: 4 megapixels at most."));
    }
    let drawn = picture::decode(&mask.bytes, MAX_PIXELS).map_err(|_| unreadable("mask"))?;
    let mut drawn = picture::resize(&drawn, width, height, FilterType::Nearest);
    for pixel in drawn.pixels_mut() {
        let Rgba([red, green, blue, alpha]) = *pixel;
        let brightness = u32::from(red).max(u32::from(green)).max(u32::from(blue)) * u32::from(alpha) / 255;
        *pixel = Rgba(if brightness >= u32::from(WHITE) { [255, 255, 255, white_alpha] } else { [0, 0, 0, 255] });
    }
    picture::encode(&drawn, Format::Png, "").map_err(|_| unreadable("mask"))
}
