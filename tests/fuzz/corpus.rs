//! Valid small files of every type that may be uploaded, to begin from. Not for files that are broken already.

use crate::foreign;
use atelier::media::picture::{Format, encode};
use atelier::providers::offline::flac::Flac;
use atelier::providers::offline::h264::AccessUnit;
use atelier::providers::offline::mp4::Track;
use atelier::providers::offline::wave::write_wav;
use base64::Engine;
use image::{DynamicImage, ImageBuffer, ImageFormat, Rgba, RgbaImage};

/// Names are for reports.
pub fn files() -> Vec<(&'static str, Vec<u8>)> {
    let picture = |alpha: u8| {
        RgbaImage::from_fn(29, 17, |x, y| {
            Rgba([(x * 8) as u8, (y * 14) as u8, (x * y) as u8, if x > 9 { 255 } else { alpha }])
        })
    };
    let mut files = vec![
        ("png rgb", encode(&picture(255), Format::Png, "a note").unwrap()),
        ("png rgba", encode(&picture(40), Format::Png, "a note").unwrap()),
        ("png 16", sixteen_bits()),
        ("jpeg", encode(&picture(255), Format::Jpeg { quality: 60 }, "a note").unwrap()),
        ("jpeg turned", turned(&encode(&picture(255), Format::Jpeg { quality: 60 }, "").unwrap())),
        ("webp lossless", encode(&picture(255), Format::Webp, "a note").unwrap()),
        ("webp lossless alpha", encode(&picture(40), Format::Webp, "a note").unwrap()),
        ("mp4", film(false)),
        ("mp4 with sound", film(true)),
        ("mp4 index last", index_last(&film(true))),
        ("wav", write_wav(&[0.5; 300], 2, "a note")),
        ("wav long", long_wav(&write_wav(&[0.5; 300], 1, "a note"))),
        ("mp3", music(b"")),
        (
            "mp3 tagged",
            [&b"ID3\x04\0\0\0\0\0\x0aTIT2\0\0\0\0\0\0"[..], &music(b"Xing\0\0\0\x01\0\0\0\x05")].concat(),
        ),
        ("mp3 vbri", music(b"VBRI\0\x01\0\0\0\0\0\0\0\0\0\0\0\x05")),
    ];
    for (name, text) in [
        ("jpeg progressive", foreign::PROGRESSIVE_JPEG),
        ("jpeg cmyk", foreign::CMYK_JPEG),
        ("webp lossy", foreign::LOSSY_WEBP),
        ("webp lossy alpha", foreign::LOSSY_ALPHA_WEBP),
        ("webp animated", foreign::ANIMATED_WEBP),
        ("webp of many codes", foreign::LOSSLESS_WEBP),
        ("webp palette", foreign::LOSSLESS_PALETTE_WEBP),
        ("png palette", foreign::PALETTE_PNG),
    ] {
        files.push((name, decoded(text)));
    }
    files
}

pub fn decoded(text: &str) -> Vec<u8> {
    base64::prelude::BASE64_STANDARD.decode(text).unwrap()
}

pub fn sixteen_bits() -> Vec<u8> {
    let picture = ImageBuffer::from_fn(19, 11, |x, y| Rgba([x as u16 * 900, y as u16 * 5000, 77, 0x8000]));
    let mut file = std::io::Cursor::new(Vec::new());
    DynamicImage::ImageRgba16(picture).write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

/// With an Exif block that lays it on its side.
fn turned(jpeg: &[u8]) -> Vec<u8> {
    let block = b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    [&jpeg[..2], block, &jpeg[2..]].concat()
}

fn film(heard: bool) -> Vec<u8> {
    let units: Vec<_> = (0..6_u8)
        .map(|picture| AccessUnit { bytes: vec![picture; 40], key: picture == 0, held: false, delay: 0 })
        .collect();
    let sound = Flac::encode(8_000, 1, 4_000, |frame, _| (frame % 99) as i16 * 100);
    Track {
        width: 64,
        height: 48,
        fps: 12,
        sequence: vec![0x67, 66, 0xC0, 41, 9],
        picture: vec![0x68, 7],
        units: &units,
        note: "a placeholder",
        sound: heard.then_some(&sound),
    }
    .write()
}

/// The same boxes with the data in front.
fn index_last(film: &[u8]) -> Vec<u8> {
    let size = |at: usize| u32::from_be_bytes(film[at..at + 4].try_into().unwrap()) as usize;
    let index = size(0);
    let data = index + size(index);
    [&film[..index], &film[data..], &film[index..data]].concat()
}

/// With the sizes that do not fit into 32 bits in a chunk of their own.
fn long_wav(wav: &[u8]) -> Vec<u8> {
    let sizes = [0_u64.to_le_bytes(), 600_u64.to_le_bytes(), 300_u64.to_le_bytes()].concat();
    let mut file = [b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0", &sizes[..], &[0; 4], &wav[12..]].concat();
    let data = file.windows(4).rposition(|tag| tag == b"data").unwrap();
    file[data + 4..data + 8].fill(0xff);
    file
}

/// Five frames, the first with what an encoder says of them.
fn music(summary: &[u8]) -> Vec<u8> {
    let mut frame = b"\xff\xfb\x90\x64".to_vec();
    frame.resize(417, 0);
    let mut file = frame.repeat(5);
    file[36..36 + summary.len()].copy_from_slice(summary);
    file
}
