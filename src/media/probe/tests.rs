//! Files as writers leave them and as nobody should, measured from their heads and from the ranges asked for.
//! Not for random damage: `tests/fuzz.rs`.

use super::*;
use crate::media::picture::{self, Format};
use image::RgbaImage;

/// As a caller does it: the head, then every range that is asked for. Also how many those were.
fn measure(file: &[u8]) -> (Option<Facts>, u8) {
    let Some(mut probe) = Probe::new(&file[..file.len().min(HEAD_BYTES)], file.len() as u64) else {
        return (None, 0);
    };
    while let Some((first, last)) = probe.next() {
        assert!(first <= last && last - first < FURTHER_BYTES && last < file.len() as u64);
        probe.feed(first, &file[first as usize..=last as usize]);
    }
    (Some(probe.facts().clone()), probe.hops)
}

fn sides(file: &[u8]) -> (Option<u32>, Option<u32>, u8) {
    let (facts, hops) = measure(file);
    facts.map_or((None, None, hops), |facts| (facts.width, facts.height, hops))
}

fn duration(file: &[u8]) -> (Option<f64>, u8) {
    let (facts, hops) = measure(file);
    (facts.and_then(|facts| facts.duration_seconds), hops)
}

fn pictures() -> Vec<Vec<u8>> {
    let picture = RgbaImage::from_fn(40, 24, |x, y| image::Rgba([x as u8, y as u8, 9, 255]));
    let formats = [Format::Png, Format::Webp, Format::Jpeg { quality: 70 }];
    formats.iter().map(|format| picture::encode(&picture, *format, "note").unwrap()).collect()
}

fn jpeg_with(segment: &[u8], times: usize) -> Vec<u8> {
    let plain = &pictures()[2];
    let mut file = plain[..2].to_vec();
    for _ in 0..times {
        file.extend([0xff, 0xe0 | (segment[0] == b'E') as u8]);
        file.extend((segment.len() as u16 + 2).to_be_bytes());
        file.extend(segment);
    }
    file.extend(&plain[2..]);
    file
}

/// An Exif block with one entry.
fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    block.extend([orientation, 0, 0, 0, 0, 0, 0]);
    block
}

fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes(), &kind[..], body].concat()
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

const UPRIGHT: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
const TURNED: [u32; 9] = [0, 0x1_0000, 0, 0xffff_0000, 0, 0, 0, 0, 0x4000_0000];

fn track(width: u32, height: u32, matrix: [u32; 9], tables_bytes: usize) -> Vec<u8> {
    let mut header = words(&[3, 0, 0, 1, 0, 1500, 0, 0, 0, 0]);
    header.extend(words(&matrix));
    header.extend(words(&[width << 16, height << 16]));
    boxed(b"trak", &[boxed(b"tkhd", &header), boxed(b"mdia", &vec![7; tables_bytes])].concat())
}

fn index(duration: u32, tracks: &[Vec<u8>]) -> Vec<u8> {
    let mut header = words(&[0, 0, 0, 600, duration]);
    header.extend([0; 80]);
    boxed(b"moov", &[boxed(b"mvhd", &header), tracks.concat()].concat())
}

fn film(parts: &[&[u8]]) -> Vec<u8> {
    [&boxed(b"ftyp", b"isom\0\0\x02\0isommp41")[..], &parts.concat()].concat()
}

fn wav(format: &[u8], data_claims: u32, data_bytes: usize) -> Vec<u8> {
    let chunk = |kind: &[u8], claims: u32, body: &[u8]| [kind, &claims.to_le_bytes(), body].concat();
    let list = chunk(b"LIST", 3, b"abc\0");
    let parts = [chunk(b"fmt ", 16, format), list, chunk(b"data", data_claims, &vec![1; data_bytes])];
    [b"RIFF\0\0\0\0WAVE".to_vec(), parts.concat()].concat()
}

/// 16-bit mono at 8 kHz.
const FORMAT: &[u8] = b"\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0";

/// 128 kbit/s at 44.1 kHz: 417 bytes a frame.
fn music(frames: usize) -> Vec<u8> {
    let mut frame = b"\xff\xfb\x90\x64".to_vec();
    frame.resize(417, 0);
    frame.repeat(frames)
}

#[test]
fn pictures_are_measured_from_a_cut_head() {
    for file in pictures() {
        assert_eq!(sides(&file), (Some(40), Some(24), 0));
        let frame = file.windows(2).position(|pair| pair == [0xff, 0xc0]);
        let enough = if file[0] == 0xff { frame.unwrap() + 10 } else { 60 };
        for end in 0..file.len() {
            let facts = Probe::new(&file[..end], file.len() as u64).map(|probe| probe.facts().clone());
            assert!(end < enough || facts.is_some_and(|facts| facts.width == Some(40)), "cut at {end}");
        }
    }
}

#[test]
fn a_camera_that_lay_on_its_side_swaps_the_sides() {
    for orientation in 0..=9 {
        let lies = (5..=8).contains(&orientation);
        let file = jpeg_with(&exif(orientation), 1);
        assert_eq!(sides(&file).0, Some(if lies { 24 } else { 40 }), "{orientation}");
        assert_eq!(picture::dimensions(&file).unwrap().0, if lies { 24 } else { 40 }, "{orientation}");
    }
}

#[test]
fn a_frame_header_behind_large_profiles_is_hopped_to() {
    assert_eq!(sides(&jpeg_with(&[b'I'; 60_000], 1)), (Some(40), Some(24), 0));
    assert_eq!(sides(&jpeg_with(&[b'I'; 60_000], 4)), (Some(40), Some(24), 1));
    assert_eq!(sides(&jpeg_with(&[b'I'; 65_519], 8)), (Some(40), Some(24), 2));
    assert_eq!(sides(&jpeg_with(&[b'I'; 65_519], 20)), (None, None, 2));
}

#[test]
fn lossy_and_extended_webp_headers_are_read() {
    let lossy = b"RIFF\x20\0\0\0WEBPVP8 \x14\0\0\0\0\0\0\x9d\x01\x2a\x40\x01\xf0\x40\0\0\0\0";
    assert_eq!(sides(lossy), (Some(320), Some(240), 0));
    let extended = b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x0f\0\xff\x07\0";
    assert_eq!(sides(extended), (Some(4096), Some(2048), 0));
    let giant = b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\x07\0";
    assert_eq!(sides(giant), (None, None, 0));
}

#[test]
fn the_index_of_a_film_is_found_where_it_is() {
    let data = boxed(b"mdat", &vec![0; 200_000]);
    let seen = [track(0, 0, UPRIGHT, 90), track(640, 360, UPRIGHT, 90)];
    let expected = Some(Facts {
        media: MediaType::Mp4,
        width: Some(640),
        height: Some(360),
        duration_seconds: Some(2.5),
    });
    assert_eq!(measure(&film(&[&index(1500, &seen), &data])), (expected.clone(), 0));
    assert_eq!(measure(&film(&[&data, &index(1500, &seen)])), (expected.clone(), 1));
    let heavy = [track(0, 0, UPRIGHT, 300_000), track(640, 360, UPRIGHT, 90)];
    assert_eq!(measure(&film(&[&data, &index(1500, &heavy)])), (expected.clone(), 2));
    let turned = [track(640, 360, TURNED, 9)];
    assert_eq!(sides(&film(&[&index(1500, &turned)])), (Some(360), Some(640), 0));
    // A header that leaves the duration open: the longest track's is taken.
    assert_eq!(measure(&film(&[&index(u32::MAX, &seen)])), (expected.clone(), 0));
    // A 64-bit size in front.
    let wide = [b"\0\0\0\x01mdat\0\0\0\0\0\x03\x0d\x50", &vec![0; 200_000][..]].concat();
    assert_eq!(measure(&film(&[&wide, &index(1500, &seen)])), (expected, 1));
}

#[test]
fn version_1_boxes_are_read() {
    let mut header = words(&[0x0100_0000, 0, 0, 0, 0, 90_000, 1, 0]);
    header.extend([0; 80]);
    let mut tracked = words(&[0x0100_0003, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    tracked.extend(words(&UPRIGHT));
    tracked.extend(words(&[1920 << 16, 1080 << 16]));
    let parts = [boxed(b"mvhd", &header), boxed(b"trak", &boxed(b"tkhd", &tracked))].concat();
    let facts = measure(&film(&[&boxed(b"moov", &parts)])).0.unwrap();
    assert_eq!((facts.width, facts.height), (Some(1920), Some(1080)));
    assert_eq!(facts.duration_seconds, Some(4_294_967_296.0 / 90_000.0));
}

#[test]
fn films_that_lie_end_the_walk() {
    for parts in
        [&b"\0\0\0\x07moov"[..], b"\0\0\0\x01free\0\0\0\0\0\0\0\0", b"\0\0\0\0mdat", b"\xff\xff\xff\xffmoov"]
    {
        assert_eq!(sides(&film(&[parts])), (None, None, 0));
    }
    let endless = boxed(b"free", &[]).repeat(100_000);
    assert_eq!(sides(&film(&[&endless])).2, 2);
    assert_eq!(duration(&film(&[&index(1, &[])])), (Some(1.0 / 600.0), 0));
}

#[test]
fn wav_lasts_as_long_as_its_data() {
    assert_eq!(duration(&wav(FORMAT, 16_000, 16_000)), (Some(1.0), 0));
    assert_eq!(duration(&wav(FORMAT, u32::MAX, 16_000)), (Some(1.0), 0));
    assert_eq!(duration(&wav(FORMAT, 0, 8_000)), (Some(0.5), 0));
    assert_eq!(duration(&wav(FORMAT, 32_000, 16_000)), (Some(1.0), 0));
    assert_eq!(duration(&wav(&[0; 16], 16_000, 16_000)), (None, 0));
    let mut long = b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0".to_vec();
    long.extend([0; 8]);
    long.extend(16_000_u64.to_le_bytes());
    long.extend([0; 12]);
    long.extend(&wav(FORMAT, u32::MAX, 20_000)[12..]);
    assert_eq!(duration(&long), (Some(1.0), 0));
    let cover = [b"id3 \0\0\x02\0", &vec![0; 0x2_0000][..]].concat();
    let mut late = wav(FORMAT, 16_000, 16_000);
    late.splice(12..12, cover);
    assert_eq!(duration(&late), (Some(1.0), 1));
}

#[test]
fn mp3_lasts_as_long_as_its_frames() {
    let counted = 100.0 * 1152.0 / 44_100.0;
    let near = |file: &[u8], hops: u8| {
        let (found, hopped) = duration(file);
        assert!(
            found.is_some_and(|found| (found / counted - 1.0).abs() < 0.01) && hops == hopped,
            "{found:?} {hopped}"
        );
    };
    near(&music(100), 0);
    let tagged = |bytes: usize| {
        [b"ID3\x03\0\0\0", &[(bytes >> 14) as u8, (bytes >> 7 & 127) as u8, 0][..], &vec![0; bytes]].concat()
    };
    near(&[tagged(1024), music(100)].concat(), 0);
    near(&[tagged(1 << 19), music(100)].concat(), 1);
    for (at, summary) in [
        (36, b"Xing\0\0\0\x01\0\0\0\x64".to_vec()),
        (36, b"Info\0\0\0\x0f\0\0\0\x64".to_vec()),
        (36, [&b"VBRI\0\x01\0\0\0\0\0\0\0\0"[..], &100_u32.to_be_bytes()].concat()),
    ] {
        let mut file = music(50);
        file[at..at + summary.len()].copy_from_slice(&summary);
        near(&file, 0);
        // More frames than the file can hold: the size counts.
        let mut lying = music(100);
        lying[at..at + summary.len()].copy_from_slice(&summary);
        lying[at + summary.len() - 4..at + summary.len()].fill(0xff);
        near(&lying, 0);
    }
}

#[test]
fn what_is_not_uploaded_is_not_measured() {
    assert_eq!(measure(b"<svg xmlns='http://www.w3.org/2000/svg'>").0, None);
    assert_eq!(measure(b"glTF\x02\0\0\0\x10\0\0\0").0, None);
    assert_eq!(measure(b"").0, None);
    let stump = Probe::new(b"\x89PNG\r\n\x1a\n", 8).unwrap();
    assert_eq!((stump.next(), stump.facts().width), (None, None));
}
