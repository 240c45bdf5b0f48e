//! The one preview of a result: all its pictures on a single small JPEG with
//! numbered tiles. Not for delivering results; those keep their own files.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage, RgbaImage};

use super::picture::{PictureError, encode_bare_jpeg, flatten, resize};

/// Hard size limit in bytes. A chat client receives it as base64, 80 KiB long;
/// larger tool results are cut, stored away or arrive late in common clients.
pub const SHEET_MAX_BYTES: usize = 60 * 1024;

/// Longer side in pixels: enough to judge pictures by, and no client shows more
/// of a preview than that.
pub const SHEET_MAX_SIDE_PX: u32 = 768;

/// Most tiles on one sheet: with more, a tile is smaller than a thumbnail.
pub const SHEET_MAX_TILES: usize = 16;

/// Sides and qualities to try, best first. Size goes down before quality gets
/// ugly; the last step holds pure noise within the limit with room to spare.
const ATTEMPTS: [(u32, u8); 9] =
    [(768, 84), (768, 74), (768, 62), (640, 62), (512, 60), (448, 50), (384, 42), (288, 34), (160, 25)];

const MARGIN_PX: u32 = 8;
const BACKGROUND: Rgb<u8> = Rgb([236, 237, 241]);
const BADGE: Rgb<u8> = Rgb([20, 21, 28]);

/// Behind transparent tiles, so that transparency is seen as such.
const CHECKER: [u8; 2] = [255, 226];
const CHECKER_PX: u32 = 10;

/// Digits for the badges, 5 x 7, one row per byte, highest of five bits left.
const DIGITS: [[u8; 7]; 10] = [
    [14, 17, 19, 21, 25, 17, 14],
    [4, 12, 4, 4, 4, 4, 14],
    [14, 17, 1, 2, 4, 8, 31],
    [31, 2, 4, 2, 1, 17, 14],
    [2, 6, 10, 18, 31, 2, 2],
    [31, 16, 30, 1, 1, 17, 14],
    [6, 8, 16, 30, 17, 17, 14],
    [31, 1, 2, 4, 8, 8, 8],
    [14, 17, 17, 14, 17, 17, 14],
    [14, 17, 17, 15, 1, 2, 12],
];

/// Where tiles go: all cells have one size, in pixels.
#[derive(Clone, Copy, Debug)]
struct Grid {
    columns: u32,
    rows: u32,
    cell_width: u32,
    cell_height: u32,
}

/// One JPEG of at most `SHEET_MAX_BYTES` showing all tiles in order, numbered
/// from 1 when there are several.
pub fn contact_sheet(tiles: &[RgbaImage]) -> Result<Vec<u8>, PictureError> {
    if tiles.is_empty() || tiles.iter().any(|tile| tile.width() == 0 || tile.height() == 0) {
        return Err(PictureError::Empty);
    }
    if tiles.len() > SHEET_MAX_TILES {
        return Err(PictureError::TooManyTiles { given: tiles.len(), max: SHEET_MAX_TILES });
    }
    let mut sheet = RgbImage::new(0, 0);
    let mut drawn_side = 0;
    for (side, quality) in ATTEMPTS {
        if side != drawn_side {
            sheet = draw_sheet(tiles, side);
            drawn_side = side;
        }
        let file = encode_bare_jpeg(&sheet, quality)?;
        if file.len() <= SHEET_MAX_BYTES {
            return Ok(file);
        }
    }
    Err(PictureError::CannotFit { max_bytes: SHEET_MAX_BYTES })
}

/// The arrangement with the largest tiles inside a square of the given side.
fn plan_grid(tiles: &[RgbaImage], side: u32) -> Grid {
    let count = tiles.len() as u32;
    // The geometric mean shape wastes least when shapes differ.
    let logs: f32 = tiles.iter().map(|tile| (tile.width() as f32 / tile.height() as f32).ln()).sum();
    let aspect = (logs / count as f32).exp().clamp(0.2, 5.0);
    let mut best = Grid { columns: 1, rows: count, cell_width: 1, cell_height: 1 };
    for columns in 1..=count {
        let rows = count.div_ceil(columns);
        let room = |cells: u32| side.saturating_sub(MARGIN_PX * (cells + 1)) as f32 / cells as f32;
        let cell_width = room(columns).min(room(rows) * aspect);
        let (cell_width, cell_height) = (cell_width as u32, (cell_width / aspect) as u32);
        if cell_width * cell_height > best.cell_width * best.cell_height {
            best = Grid { columns, rows, cell_width: cell_width.max(1), cell_height: cell_height.max(1) };
        }
    }
    // A few small pictures make a small sheet: enlarging them shows nothing more.
    let fits = |tile: &RgbaImage| {
        (best.cell_width as f32 / tile.width() as f32).min(best.cell_height as f32 / tile.height() as f32)
    };
    let enlargement = tiles.iter().map(fits).fold(f32::MAX, f32::min);
    if enlargement > 1.0 {
        best.cell_width = (best.cell_width as f32 / enlargement).ceil() as u32;
        best.cell_height = (best.cell_height as f32 / enlargement).ceil() as u32;
    }
    best
}

fn draw_sheet(tiles: &[RgbaImage], side: u32) -> RgbImage {
    let grid = plan_grid(tiles, side);
    let across = |cells: u32, cell: u32| (cells * (cell + MARGIN_PX) + MARGIN_PX).min(side);
    let (width, height) = (across(grid.columns, grid.cell_width), across(grid.rows, grid.cell_height));
    let mut sheet = RgbImage::from_pixel(width, height, BACKGROUND);
    for (index, tile) in (0_u32..).zip(tiles) {
        let (column, row) = (index % grid.columns, index / grid.columns);
        let shown = fit_tile(tile, grid);
        let offset =
            |place: u32, cell: u32, shown: u32| MARGIN_PX + place * (cell + MARGIN_PX) + (cell - shown) / 2;
        let x = offset(column, grid.cell_width, shown.width());
        let y = offset(row, grid.cell_height, shown.height());
        imageops::replace(&mut sheet, &shown, i64::from(x), i64::from(y));
        if tiles.len() > 1 {
            draw_badge(&mut sheet, x, y, index + 1, side);
        }
    }
    sheet
}

/// The tile at the size it is shown, on a checkerboard where transparent.
fn fit_tile(tile: &RgbaImage, grid: Grid) -> RgbImage {
    let scale = (grid.cell_width as f32 / tile.width() as f32)
        .min(grid.cell_height as f32 / tile.height() as f32)
        .min(1.0);
    let fit = |length: u32, cell: u32| ((length as f32 * scale).round() as u32).clamp(1, cell);
    let (width, height) = (fit(tile.width(), grid.cell_width), fit(tile.height(), grid.cell_height));
    let mut shown = resize(tile, width, height, FilterType::Triangle);
    for (x, y, pixel) in shown.enumerate_pixels_mut() {
        let [colour @ .., alpha] = &mut pixel.0;
        let ground =
            if (x / CHECKER_PX + y / CHECKER_PX).is_multiple_of(2) { CHECKER[0] } else { CHECKER[1] };
        for channel in colour {
            let sum = u32::from(*channel) * u32::from(*alpha) + u32::from(ground) * (255 - u32::from(*alpha));
            *channel = ((sum + 127) / 255) as u8;
        }
        *alpha = 255;
    }
    flatten(&shown)
}

/// The number in white on a dark plate with a light rim, legible on any picture.
fn draw_badge(sheet: &mut RgbImage, x: u32, y: u32, number: u32, side: u32) {
    let scale = (side / 256).max(1);
    let digits: Vec<u32> = if number >= 10 { vec![number / 10, number % 10] } else { vec![number] };
    let padding = 3 * scale;
    let width = digits.len() as u32 * 6 * scale - scale + 2 * padding;
    let height = 7 * scale + 2 * padding;
    let (left, top) = (x + 2 * scale, y + 2 * scale);
    draw_plate(sheet, left - 1, top - 1, width + 2, height + 2, Rgb([255; 3]));
    draw_plate(sheet, left, top, width, height, BADGE);
    let mut pen = left + padding;
    for digit in digits {
        let rows = DIGITS.get(digit as usize).copied().unwrap_or_default();
        for (row, bits) in (0_u32..).zip(rows) {
            for column in (0..5_u32).filter(|column| bits >> (4 - column) & 1 == 1) {
                let (dot_x, dot_y) = (pen + column * scale, top + padding + row * scale);
                draw_plate(sheet, dot_x, dot_y, scale, scale, Rgb([255; 3]));
            }
        }
        pen += 6 * scale;
    }
}

/// A filled box; one of more than a few pixels loses its four corners.
fn draw_plate(sheet: &mut RgbImage, left: u32, top: u32, width: u32, height: u32, colour: Rgb<u8>) {
    let cut = if width.min(height) > 8 { 2 } else { 0 };
    for y in 0..height {
        for x in 0..width {
            let from_corner = x.min(width - 1 - x) + y.min(height - 1 - y);
            if from_corner >= cut
                && let Some(pixel) = sheet.get_pixel_mut_checked(left + x, top + y)
            {
                *pixel = colour;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::picture::decode;

    fn noisy(width: u32, height: u32) -> RgbaImage {
        let mut state = width ^ (height << 8) ^ 99;
        RgbaImage::from_fn(width, height, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [_, a, b, c] = state.to_le_bytes();
            image::Rgba([a, b, c, 255])
        })
    }

    #[test]
    fn noise_of_any_number_and_shape_fits() {
        for (count, width, height) in
            [(1, 900, 900), (4, 600, 600), (16, 400, 400), (16, 900, 100), (3, 50, 900)]
        {
            let tiles = vec![noisy(width, height); count];
            let sheet = contact_sheet(&tiles).unwrap();
            assert!(sheet.len() <= SHEET_MAX_BYTES, "{count}: {}", sheet.len());
            let (sheet_width, sheet_height) = decode(&sheet, 768 * 768).unwrap().dimensions();
            assert!(sheet_width.max(sheet_height) <= SHEET_MAX_SIDE_PX);
            assert!(sheet_width.max(sheet_height) >= 150, "{sheet_width} x {sheet_height}");
        }
    }

    #[test]
    fn the_last_attempt_holds_the_worst_case() {
        let (side, quality) = ATTEMPTS[ATTEMPTS.len() - 1];
        let worst = flatten(&noisy(side, side));
        assert!(encode_bare_jpeg(&worst, quality).unwrap().len() * 2 < SHEET_MAX_BYTES);
    }

    #[test]
    fn plain_tiles_keep_the_full_size_and_their_order() {
        let colours = [[220, 30, 30], [30, 200, 60], [40, 60, 230], [240, 220, 40]];
        let tiles: Vec<RgbaImage> = colours
            .iter()
            .map(|[r, g, b]| RgbaImage::from_pixel(512, 512, image::Rgba([*r, *g, *b, 255])))
            .collect();
        let sheet = decode(&contact_sheet(&tiles).unwrap(), 768 * 768).unwrap();
        assert_eq!(sheet.dimensions(), (768, 768));
        for (place, colour) in [(230, 230), (560, 230), (230, 560), (560, 560)].iter().zip(colours) {
            let found = sheet.get_pixel(place.0, place.1).0;
            assert!(found.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 14), "{place:?} {found:?}");
        }
    }

    #[test]
    fn badges_only_appear_on_several_tiles() {
        let white = RgbaImage::from_pixel(256, 256, image::Rgba([255; 4]));
        let is_dark = |file: &[u8]| decode(file, 768 * 768).unwrap().pixels().any(|pixel| pixel[0] < 60);
        assert!(!is_dark(&contact_sheet(std::slice::from_ref(&white)).unwrap()));
        assert!(is_dark(&contact_sheet(&[white.clone(), white]).unwrap()));
    }

    #[test]
    fn wrong_counts_are_refused() {
        let tile = RgbaImage::new(4, 4);
        assert_eq!(contact_sheet(&[]), Err(PictureError::Empty));
        assert_eq!(contact_sheet(&[RgbaImage::new(0, 4)]), Err(PictureError::Empty));
        let refusal = contact_sheet(&vec![tile; 17]).unwrap_err();
        assert_eq!(refusal, PictureError::TooManyTiles { given: 17, max: SHEET_MAX_TILES });
    }
}
