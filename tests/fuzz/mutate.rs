//! Ways to break a file: blindly, and where its format keeps lengths and names. Not for judging what comes of it.

/// Names of boxes and chunks next to which lengths stand.
const TAGS: [&[u8; 4]; 32] = [
    b"IHDR", b"IDAT", b"iTXt", b"IEND", b"PLTE", b"tRNS", b"RIFF", b"RF64", b"WEBP", b"VP8X", b"VP8L",
    b"VP8 ", b"ALPH", b"ANIM", b"ANMF", b"EXIF", b"XMP ", b"ICCP", b"ftyp", b"moov", b"mvhd", b"trak",
    b"tkhd", b"mdia", b"mdat", b"mvex", b"WAVE", b"ds64", b"fmt ", b"data", b"LIST", b"Xing",
];

/// PNG's own, to be put in front of compressed data.
const PNG_TAGS: [&[u8; 4]; 6] = [b"iCCP", b"zTXt", b"iTXt", b"eXIf", b"acTL", b"fcTL"];

const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    7,
    8,
    16,
    255,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff8,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];

/// Longest file that mutations make, so that a case stays quick.
const MAX_BYTES: usize = 24 * 1024;

/// SplitMix64: a number for a seed and a step, the same everywhere.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Below `end`, or 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.roll() % end.max(1) as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// One case: a file of the corpus, or what is left of it.
pub fn make(dice: &mut Dice, corpus: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let mut file = dice.pick(corpus).1.clone();
    for _ in 0..1 + dice.below(4) {
        mutate(&mut file, dice, corpus);
        file.truncate(MAX_BYTES);
    }
    // A wrong checksum hides everything behind it.
    if file.starts_with(b"\x89PNG") && dice.below(4) > 0 {
        mend_checksums(&mut file);
    }
    file
}

fn mutate(file: &mut Vec<u8>, dice: &mut Dice, corpus: &[(&'static str, Vec<u8>)]) {
    let length = file.len();
    match dice.below(12) {
        0 => (0..1 + dice.below(8)).for_each(|_| put(file, dice.below(length), &[1 << dice.below(8)], true)),
        1 => put(file, dice.below(length), &[dice.roll() as u8], false),
        2 => file.truncate(dice.below(length + 1)),
        3 => {
            let other = &dice.pick(corpus).1;
            file.truncate(dice.below(length + 1));
            file.extend(&other[dice.below(other.len())..]);
        }
        4..=6 => overwrite_length(file, dice),
        7 => {
            // A stretch twice, or somewhere else, or not at all.
            let from = dice.below(length);
            let stretch = file[from..(from + 1 + dice.below(600)).min(length)].to_vec();
            if dice.below(3) == 0 {
                file.drain(from..from + stretch.len());
            }
            let to = dice.below(file.len() + 1);
            (0..1 + dice.below(3)).for_each(|_| _ = file.splice(to..to, stretch.iter().copied()));
        }
        8 => {
            let from = (8 + dice.below(24)).min(length);
            file.truncate(from);
            file.extend((0..dice.below(2_000)).map(|_| dice.roll() as u8).collect::<Vec<_>>());
        }
        9 => {
            if let Some(at) = find_tag(file, dice) {
                put(file, at, *dice.pick(&TAGS), false);
            }
        }
        10 => insert_png_chunk(file, dice),
        _ => {
            let number = dice.pick(&NUMBERS).to_be_bytes();
            let from = dice.below(8);
            put(file, dice.below(length), &number[from..], false);
        }
    }
}

fn put(file: &mut [u8], at: usize, bytes: &[u8], flips: bool) {
    for (place, byte) in file.iter_mut().skip(at).zip(bytes) {
        *place = if flips { *place ^ byte } else { *byte };
    }
}

/// Where one of the names stands, chosen among all places.
fn find_tag(file: &[u8], dice: &mut Dice) -> Option<usize> {
    let tag = |window: &[u8]| TAGS.iter().any(|tag| tag[..] == *window);
    let places: Vec<_> =
        file.windows(4).enumerate().filter(|(_, window)| tag(window)).map(|(at, _)| at).collect();
    (!places.is_empty()).then(|| *dice.pick(&places))
}

fn overwrite_length(file: &mut [u8], dice: &mut Dice) {
    let number = *dice.pick(&NUMBERS);
    let short = number as u32;
    if file.starts_with(&[0xff, 0xd8]) {
        let is_marker = |pair: &[u8]| pair[0] == 0xff && pair[1] >= 0xc0;
        let places: Vec<_> =
            file.windows(2).enumerate().filter(|(_, pair)| is_marker(pair)).map(|(at, _)| at).collect();
        if !places.is_empty() {
            // The length, or one of the numbers behind it.
            let at = *dice.pick(&places) + 2 + dice.below(4) * 2;
            put(file, at, &(number as u16).to_be_bytes(), false);
        }
        return;
    }
    let Some(at) = find_tag(file, dice) else { return };
    match dice.below(4) {
        0 => put(file, at.saturating_sub(4), &short.to_be_bytes(), false),
        1 => put(file, at + 4, &short.to_le_bytes(), false),
        2 => {
            put(file, at.saturating_sub(4), &1_u32.to_be_bytes(), false);
            put(file, at + 4, &number.to_be_bytes(), false);
        }
        // A number within.
        _ => put(file, at + 4 + dice.below(12) * 2, &short.to_be_bytes(), false),
    }
}

/// Behind the header, a chunk with what the picture's own pixels compress to.
fn insert_png_chunk(file: &mut Vec<u8>, dice: &mut Dice) {
    if !file.starts_with(b"\x89PNG") || file.len() < 60 {
        return;
    }
    let from = file.windows(4).position(|tag| tag == b"IDAT").map_or(40, |at| at + 4).min(file.len());
    let mut body = b"name\0\0".to_vec();
    body.extend(&file[from..(from + dice.below(300)).min(file.len())]);
    let mut chunk = (body.len() as u32).to_be_bytes().to_vec();
    chunk.extend(*dice.pick(&PNG_TAGS));
    chunk.extend(body);
    chunk.extend([0; 4]);
    file.splice(33..33, chunk);
}

pub fn mend_checksums(file: &mut [u8]) {
    let mut at = 8;
    while let Some(length) =
        file.get(at..at + 4).map(|four| u32::from_be_bytes(four.try_into().unwrap()) as usize)
    {
        let end = at.saturating_add(8).saturating_add(length);
        let Some(check) = file.get(at + 4..end).map(checksum) else { return };
        put(file, end, &check.to_be_bytes(), false);
        at = end + 4;
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}
