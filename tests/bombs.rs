//! Small files that would take much memory or time if they were believed, and how much the thumbnails of honest ones
//! take. Measured with a counting allocator. Not for random damage: `tests/fuzz`.

#![allow(clippy::disallowed_methods, reason = "runs natively only, where there are clocks and settings")]

#[allow(dead_code, reason = "the fuzz uses the rest")]
#[path = "fuzz/corpus.rs"]
mod corpus;
#[allow(dead_code, reason = "the fuzz uses the rest")]
#[path = "fuzz/foreign.rs"]
mod foreign;
#[path = "fuzz/meter.rs"]
mod meter;
#[allow(dead_code, reason = "the fuzz uses the rest")]
#[path = "fuzz/mutate.rs"]
mod mutate;

use atelier::media::picture::{self, Format, PictureError, encode};
use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Rgba, RgbaImage};
use std::time::Instant;

#[global_allocator]
static METER: meter::Meter = meter::Meter;

const MAX_PIXELS: u64 = 40_000_000;
/// What `thumbnail_of` promises, for `MAX_PIXELS` and the fixed part.
const PROMISED_BYTES: usize = 40_000_000 * 4 + 16 * 1024 * 1024;
/// What a file may take that is refused by its headers.
const REFUSAL_BYTES: usize = 1024 * 1024;

/// A thumbnail or the reason why there is none, bytes held at most, and milliseconds.
fn shrink(file: &[u8]) -> (Result<Vec<u8>, PictureError>, usize, u128) {
    let started = Instant::now();
    let (made, held) = meter::peak(|| picture::thumbnail_of(file, 512, MAX_PIXELS));
    (made, held, started.elapsed().as_millis())
}

fn written(picture: DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// A black PNG, 49 million pixels in a few ten thousand bytes.
fn black_png() -> Vec<u8> {
    written(DynamicImage::ImageLuma8(GrayImage::new(7_000, 7_000)), ImageFormat::Png)
}

/// All that stands in the chunks of this name, one behind the other.
fn bodies(png: &[u8], name: &[u8; 4]) -> Vec<u8> {
    let mut found = Vec::new();
    let mut at = 8;
    while at + 8 <= png.len() {
        let length = u32::from_be_bytes(png[at..at + 4].try_into().unwrap()) as usize;
        if &png[at + 4..at + 8] == name {
            found.extend(&png[at + 8..at + 8 + length]);
        }
        at += 12 + length;
    }
    found
}

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes(), &name[..], body, &[0; 4]].concat()
}

/// A grey PNG of this size with these chunks between its header and its end.
fn png(width: u32, height: u32, chunks: &[Vec<u8>]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    let parts = [chunk(b"IHDR", &header), chunks.concat(), chunk(b"IEND", b"")].concat();
    let mut file = [b"\x89PNG\r\n\x1a\n", &parts[..]].concat();
    mutate::mend_checksums(&mut file);
    file
}

fn riff(chunks: &[(&[u8; 4], u32, &[u8])]) -> Vec<u8> {
    let each = chunks.iter().map(|(name, claims, body)| [&name[..], &claims.to_le_bytes(), body].concat());
    let body = each.collect::<Vec<_>>().concat();
    [b"RIFF", &(body.len() as u32 + 4).to_le_bytes()[..], b"WEBP", &body].concat()
}

fn lossy_header(width: u16, height: u16) -> Vec<u8> {
    [b"\x10\x02\0\x9d\x01\x2a", &width.to_le_bytes()[..], &height.to_le_bytes(), &[0; 64]].concat()
}

fn canvas(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let mut body = vec![flags, 0, 0, 0];
    for side in [width, height] {
        body.extend(&(side - 1).to_le_bytes()[..3]);
    }
    body
}

/// A progressive JPEG whose frame header says this size.
fn resized_jpeg(text: &str, width: u16, height: u16) -> Vec<u8> {
    let mut file = corpus::decoded(text);
    let frame = file.windows(2).position(|pair| matches!(pair, [0xff, 0xc0 | 0xc2])).unwrap();
    file[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    file[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    file
}

#[test]
fn giants_are_refused_from_their_headers() {
    let giant_jpeg = resized_jpeg(foreign::PROGRESSIVE_JPEG, 65_535, 65_535);
    let lossless = [b"\x2f", &u32::to_le_bytes(0x0fff_ffff)[..], &[0; 64]].concat();
    for (name, file) in [
        ("png", png(60_000, 60_000, &[chunk(b"IDAT", &[0; 64])])),
        ("png of 31 bits", png(i32::MAX as u32, i32::MAX as u32, &[chunk(b"IDAT", &[0; 64])])),
        ("jpeg", giant_jpeg),
        ("webp lossy", riff(&[(b"VP8 ", 74, &lossy_header(16_383, 16_383))])),
        ("webp lossless", riff(&[(b"VP8L", 70, &[&lossless[..], &[0]].concat())])),
        (
            "webp canvas",
            riff(&[(b"VP8X", 10, &canvas(0, 1 << 24, 1 << 24)), (b"VP8 ", 74, &lossy_header(9, 9))]),
        ),
    ] {
        let (made, held, _) = shrink(&file);
        assert!(made.is_err() && held < REFUSAL_BYTES, "{name}: {held} bytes, {made:?}");
    }
}

#[test]
fn claims_that_no_decoder_may_believe_are_refused_from_the_structure() {
    let small = lossy_header(1, 1);
    let frame = |inner: &[u8]| [&[0; 6][..], &[0; 6], &[0; 4], inner].concat();
    let huge_exif = [b"EXIF", &u32::to_le_bytes(0xffff_fff0)[..], &[0; 24]].concat();
    let twice = resized_jpeg(foreign::PROGRESSIVE_JPEG, 16, 16);
    let at = twice.windows(2).position(|pair| pair == [0xff, 0xc2]).unwrap();
    let mut second = twice[at..at + 19].to_vec();
    second[5..9].fill(0xff);
    let scans = {
        let plain = corpus::decoded(foreign::PROGRESSIVE_JPEG);
        let from = plain.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
        let to =
            from + 2 + plain[from + 2..].windows(2).position(|pair| pair[0] == 0xff && pair[1] != 0).unwrap();
        [&plain[..from], &plain[from..to].repeat(5_000), b"\xff\xd9"].concat()
    };
    let palette = |length: usize| {
        let header = chunk(b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 3, 0, 0, 0]);
        let alpha = chunk(b"tRNS", b"");
        let chunks = [header, chunk(b"PLTE", &vec![9; length]), alpha, bodies_of_one_pixel()].concat();
        let mut file = [b"\x89PNG\r\n\x1a\n", &chunks[..], &chunk(b"IEND", b"")].concat();
        mutate::mend_checksums(&mut file);
        file
    };
    assert!(shrink(&palette(3)).0.is_ok());
    for (name, file) in [
        ("png with a third of a colour", palette(1)),
        ("png with 257 colours", palette(771)),
        (
            "webp whose frame is larger than its canvas",
            riff(&[(b"VP8X", 10, &canvas(0, 1, 1)), (b"VP8 ", 74, &lossy_header(16_383, 16_383))]),
        ),
        (
            "webp with 4 GB of Exif",
            riff(&[(b"VP8X", 10, &canvas(8, 1, 1)), (b"VP8 ", 74, &small), (b"EXIF", 0xffff_fff0, &[0; 8])]),
        ),
        (
            "webp with 4 GB of Exif in a frame",
            riff(&[
                (b"VP8X", 10, &canvas(2, 1, 1)),
                (b"ANIM", 6, &[0; 6]),
                (b"ANMF", 48, &frame(&huge_exif)),
            ]),
        ),
        (
            "webp whose animation frame is larger than it says",
            riff(&[
                (b"VP8X", 10, &canvas(2, 1, 1)),
                (b"ANIM", 6, &[0; 6]),
                (
                    b"ANMF",
                    98,
                    &frame(&[b"VP8 ", &74_u32.to_le_bytes()[..], &lossy_header(16_383, 16_383)].concat()),
                ),
            ]),
        ),
        ("jpeg with a second frame header", [&twice[..at + 19], &second, &twice[at + 19..]].concat()),
        ("jpeg with 5,000 scans", scans),
    ] {
        let (made, held, _) = shrink(&file);
        assert!(
            matches!(made, Err(PictureError::Damaged(_))) && held < REFUSAL_BYTES,
            "{name}: {held} bytes, {made:?}"
        );
        let (size, held) = meter::peak(|| picture::dimensions(&file));
        assert!(size.is_err() && held < REFUSAL_BYTES, "{name}: {held} bytes, {size:?}");
    }
}

/// A lossless picture of 8 x 8 that asks for 65,536 sets of code tables, of 20 KB each, and brings this many.
fn many_tables(sets: usize) -> Vec<u8> {
    let mut bits: Vec<u8> = Vec::new();
    let mut put = |value: u32, count: u32| bits.extend((0..count).map(|place| (value >> place & 1) as u8));
    put(0x2f, 8);
    put(7, 14);
    put(7, 14);
    put(0, 4);
    put(0b000_0100, 7); // no transform, no cache, sets by blocks of 4 pixels; no cache among these
    for value in [0xff, 0xff, 0, 0, 0] {
        put(0b101 | value << 3, 11); // a code of one symbol
    }
    for _ in 0..sets * 5 {
        // Code lengths 1 to 6 are said in 3 bits, 7 to 10 in 4.
        put(10 << 1, 5);
        for length in [0, 0, 0, 3, 3, 3, 3, 3, 0, 3, 4, 4, 4, 4] {
            put(length, 3);
        }
        // Eleven symbols follow, of lengths 1, 2, … 10, 10.
        put(0b1001 << 4 | 0b0011, 8);
        for code in 0..6_u32 {
            put(code.reverse_bits() >> 29, 3);
        }
        for code in [12_u32, 13, 14, 15, 15] {
            put(code.reverse_bits() >> 28, 4);
        }
    }
    let bytes: Vec<u8> =
        bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |sum, bit| sum << 1 | bit)).collect();
    riff(&[(b"VP8L", bytes.len() as u32, &[&bytes[..], &[0]].concat()[..bytes.len().next_multiple_of(2)])])
}

#[test]
fn code_tables_are_counted_before_they_are_made() {
    let few = many_tables(2_000);
    let (_, held) = meter::peak(|| image::load_from_memory(&few).is_ok());
    println!("2,000 sets in {} bytes: {held} held by the decoder alone", few.len());
    let (made, held, _) = shrink(&few);
    assert!(matches!(made, Err(PictureError::Damaged(_))) && held < REFUSAL_BYTES, "{held} bytes, {made:?}");
    let all = many_tables(65_536);
    let (made, held, millis) = shrink(&all);
    println!("65,536 sets in {} bytes: {held} held, {millis} ms", all.len());
    assert!(
        matches!(made, Err(PictureError::TooCostly { .. })) && held < REFUSAL_BYTES,
        "{held} bytes, {made:?}"
    );
    let (read, held) = meter::peak(|| picture::decode(&all, MAX_PIXELS));
    assert!(read.is_err() && held < REFUSAL_BYTES, "{held} bytes");
}

#[test]
fn what_inflates_is_bounded() {
    let zeros = bodies(&black_png(), b"IDAT");
    assert!(zeros.len() < 300_000, "{}", zeros.len());
    let pixel = bodies(&png_of_one_pixel(), b"IDAT");
    let named = |middle: &[u8]| [b"name\0", middle, &zeros[..]].concat();
    for (name, file, bound) in [
        ("pixels", png(1, 1, &[chunk(b"IDAT", &zeros)]), REFUSAL_BYTES),
        ("profile", png(1, 1, &[chunk(b"iCCP", &named(b"\0")), chunk(b"IDAT", &pixel)]), 8 << 20),
        ("text", png(1, 1, &[chunk(b"zTXt", &named(b"\0")), chunk(b"IDAT", &pixel)]), 2 << 20),
        (
            "international text",
            png(1, 1, &[chunk(b"iTXt", &named(b"\x01\0\0\0")), chunk(b"IDAT", &pixel)]),
            2 << 20,
        ),
        (
            "many profiles",
            png(1, 1, &[chunk(b"iCCP", &named(b"\0")).repeat(50), chunk(b"IDAT", &pixel)]),
            8 << 20,
        ),
        (
            "many texts",
            png(1, 1, &[chunk(b"zTXt", &named(b"\0")).repeat(50), chunk(b"IDAT", &pixel)]),
            8 << 20,
        ),
    ] {
        let (made, held, millis) = shrink(&file);
        println!("{name}: {} bytes, {held} held, {millis} ms, {:?}", file.len(), made.map(|made| made.len()));
        assert!(held < bound && millis < 2_000, "{name}: {held} bytes, {millis} ms");
    }
}

fn bodies_of_one_pixel() -> Vec<u8> {
    chunk(b"IDAT", &bodies(&png_of_one_pixel(), b"IDAT"))
}

fn png_of_one_pixel() -> Vec<u8> {
    written(DynamicImage::ImageLuma8(GrayImage::new(1, 1)), ImageFormat::Png)
}

/// Bytes for each pixel, in the forms a decoder treats differently; what `src/media/guard.rs` reckons with.
#[test]
fn the_memory_of_honest_pictures_is_known_beforehand() {
    let (width, height) = (4_000_u32, 2_500_u32);
    let pixels = (width * height) as usize;
    let picture = RgbaImage::from_fn(width, height, |x, y| Rgba([x as u8, y as u8, 9, 255]));
    let clear = RgbaImage::from_pixel(width, height, Rgba([9, 9, 9, 99]));
    let deep = DynamicImage::ImageRgba16(ImageBuffer::from_pixel(width, height, Rgba([1, 2, 3, 4])));
    let lossy_alpha = {
        let alpha = [&[0_u8][..], &vec![9; pixels]].concat();
        riff(&[
            (b"VP8X", 10, &canvas(0x10, width, height)),
            (b"ALPH", alpha.len() as u32, &[&alpha[..], &[0]].concat()[..alpha.len() + alpha.len() % 2]),
            (b"VP8 ", 74, &lossy_header(width as u16, height as u16)),
        ])
    };
    for (name, file, bound) in [
        ("png", encode(&picture, Format::Png, "").unwrap(), 4.0),
        ("png with alpha", encode(&clear, Format::Png, "").unwrap(), 4.5),
        ("png of 16 bits", written(deep, ImageFormat::Png), 8.5),
        ("jpeg", encode(&picture, Format::Jpeg { quality: 80 }, "").unwrap(), 4.0),
        ("jpeg progressive", resized_jpeg(foreign::PROGRESSIVE_JPEG, width as u16, height as u16), 10.0),
        ("jpeg cmyk", resized_jpeg(foreign::CMYK_JPEG, width as u16, height as u16), 4.0),
        ("webp lossless", encode(&picture, Format::Webp, "").unwrap(), 9.0),
        ("webp lossless with alpha", encode(&clear, Format::Webp, "").unwrap(), 9.0),
        ("webp lossy", riff(&[(b"VP8 ", 74, &lossy_header(width as u16, height as u16))]), 6.0),
        ("webp lossy with alpha", lossy_alpha, 13.0),
    ] {
        let (made, held, millis) = shrink(&file);
        let each = held as f64 / pixels as f64;
        println!(
            "{name}: {each:.2} bytes a pixel, {millis} ms, {} bytes, {:?}",
            file.len(),
            made.map(|made| made.len())
        );
        assert!(each < bound && held < PROMISED_BYTES, "{name}: {each} bytes a pixel");
        // Where the promise is no more than the need, it is kept or the picture refused.
        let (_, held) = meter::peak(|| picture::thumbnail_of(&file, 512, pixels as u64));
        assert!(held < pixels * 4 + 16 * 1024 * 1024, "{name}: {held} bytes");
    }
}
