//! A small FLAC encoder, for the sound track of the offline provider's slideshows.
//!
//! For: 16-bit sound without loss, in a form that browsers play inside MP4. Obeys RFC 9639 with its fixed
//! predictors, one Rice partition a subframe and independent channels.
//!
//! Not for: linear prediction, stereo decorrelation, more than 16 bits, or the container (`mp4`).

use super::bits::Bits;

/// Sample frames of a block: the most that the format's streamable subset has at 48 kHz and below, rounded down.
pub const BLOCK_FRAMES: usize = 4096;
/// The largest Rice parameter that four bits hold; the one above escapes.
const RICE_MAX: u32 = 14;
/// Orders of the fixed predictors are below this.
const ORDERS: usize = 5;

/// Encoded sound.
pub struct Flac {
    pub rate_hz: u32,
    pub channels: u16,
    /// Sample frames in all.
    pub total: usize,
    /// The coded blocks in order.
    pub blocks: Vec<Vec<u8>>,
}

impl Flac {
    /// Encodes `total` sample frames of one or two channels; `sample` gives one by its frame and channel.
    pub fn encode(rate_hz: u32, channels: u16, total: usize, sample: impl Fn(usize, u16) -> i16) -> Flac {
        let block = |(number, start): (u32, usize)| {
            let end = total.min(start + BLOCK_FRAMES);
            let parts = (0..channels)
                .map(|channel| (start..end).map(|frame| i32::from(sample(frame, channel))).collect());
            encode_block(number, rate_hz, &parts.collect::<Vec<_>>())
        };
        let blocks = (0..).zip((0..total).step_by(BLOCK_FRAMES)).map(block).collect();
        Flac { rate_hz, channels, total, blocks }
    }

    /// The STREAMINFO metadata block, header included. Frame sizes and checksum stay unknown, as they may.
    pub fn stream_info(&self) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.put(0x8000_0022, 32); // the last metadata block, type 0, 34 bytes
        bits.put(BLOCK_FRAMES as u32, 16);
        bits.put(BLOCK_FRAMES as u32, 16);
        bits.put(0, 24);
        bits.put(0, 24);
        bits.put(self.rate_hz, 20);
        bits.put(u32::from(self.channels) - 1, 3);
        bits.put(16 - 1, 5);
        bits.put(0, 4);
        bits.put(self.total as u32, 32);
        bits.bytes.extend([0; 16]);
        bits.bytes
    }
}

fn encode_block(number: u32, rate_hz: u32, channels: &[Vec<i32>]) -> Vec<u8> {
    let mut bits = Bits::default();
    let rate = u16::try_from(rate_hz).ok();
    bits.put(0xFFF8, 16); // synchronisation, blocks of one size
    bits.put(7, 4); // the block's size follows in 16 bits
    bits.put(if rate.is_some() { 13 } else { 0 }, 4); // the rate follows in 16 bits, or stands in STREAMINFO
    bits.put(channels.len() as u32 - 1, 4);
    bits.put(0b1000, 4); // 16 bits a sample
    // The format extends UTF-8 to larger numbers; no sound here has as many blocks.
    let number = char::from_u32(number).unwrap_or_default();
    bits.bytes.extend(number.encode_utf8(&mut [0; 4]).bytes());
    bits.put(channels.first().map_or(0, Vec::len) as u32 - 1, 16);
    if let Some(rate) = rate {
        bits.put(u32::from(rate), 16);
    }
    bits.put(checksum(&bits.bytes, 8, 0x07), 8);
    for samples in channels {
        put_subframe(&mut bits, samples);
    }
    bits.align();
    bits.put(checksum(&bits.bytes, 16, 0x8005), 16);
    bits.bytes
}

/// Writes one channel in the form that costs least: constant, verbatim, or what a fixed predictor leaves.
fn put_subframe(bits: &mut Bits, samples: &[i32]) {
    let put_plain = |bits: &mut Bits, count| {
        samples.iter().take(count).for_each(|sample| bits.put(*sample as u32, 16));
    };
    if samples.iter().all(|sample| Some(sample) == samples.first()) {
        bits.put(0, 8);
        return put_plain(bits, 1);
    }
    let mut least = samples.len() * 16;
    let mut best = None;
    let mut residual = samples.to_vec();
    for order in 0..ORDERS.min(samples.len()) {
        if order > 0 {
            let mut before = residual.get(order - 1).copied().unwrap_or_default();
            for value in residual.iter_mut().skip(order) {
                (before, *value) = (*value, *value - before);
            }
        }
        let folded = || residual.iter().skip(order).map(|value| (value << 1 ^ value >> 31) as u32);
        let count = samples.len() - order;
        let mean = folded().map(u64::from).sum::<u64>() / count as u64;
        let rice = mean.checked_ilog2().unwrap_or(0).min(RICE_MAX);
        let cost = order * 16 + count * (rice as usize + 1) + folded().map(|value| (value >> rice) as usize).sum::<usize>();
        if cost < least {
            least = cost;
            best = Some((order, rice, folded().collect::<Vec<_>>()));
        }
    }
    let Some((order, rice, folded)) = best else {
        bits.put(1 << 1, 8);
        return put_plain(bits, samples.len());
    };
    bits.put((8 | order as u32) << 1, 8);
    put_plain(bits, order);
    bits.put(rice, 10); // four-bit parameters, one partition, its parameter
    for value in folded {
        (0..value >> rice).for_each(|_| bits.put(0, 1));
        bits.put(1, 1);
        bits.put(value, rice as u8);
    }
}

/// A cyclic redundancy check, most significant bit first, that starts at zero.
fn checksum(bytes: &[u8], width: u32, polynomial: u32) -> u32 {
    bytes.iter().fold(0, |mut sum, byte| {
        sum ^= u32::from(*byte) << (width - 8);
        for _ in 0..8 {
            sum = sum << 1 ^ if sum >> (width - 1) & 1 == 1 { polynomial } else { 0 };
        }
        sum & ((1 << width) - 1)
    })
}

/// Interleaved samples, as another decoder reads them.
#[cfg(test)]
pub fn decoded(flac: &Flac) -> Vec<i32> {
    let file = [&b"fLaC"[..], &flac.stream_info(), &flac.blocks.concat()].concat();
    let mut reader = claxon::FlacReader::new(&file[..]).unwrap();
    let info = reader.streaminfo();
    assert_eq!((info.sample_rate, info.channels, info.bits_per_sample), (flac.rate_hz, u32::from(flac.channels), 16));
    assert_eq!(info.samples, Some(flac.total as u64));
    reader.samples().map(Result::unwrap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodes, has another decoder read it, and returns the size.
    fn survives(rate_hz: u32, channels: u16, total: usize, sample: impl Fn(usize, u16) -> i16) -> usize {
        let flac = Flac::encode(rate_hz, channels, total, &sample);
        let expected: Vec<i32> =
            (0..total).flat_map(|frame| (0..channels).map(move |channel| (frame, channel))).map(|(f, c)| i32::from(sample(f, c))).collect();
        assert!(decoded(&flac) == expected, "{rate_hz} Hz, {channels} channels, {total} frames");
        flac.blocks.iter().map(Vec::len).sum()
    }

    fn noise(frame: usize, channel: u16) -> i16 {
        ((frame as u32 * 2 + u32::from(channel)).wrapping_mul(2_654_435_761) >> 13) as i16
    }

    #[test]
    fn every_kind_of_signal_survives_and_none_grows() {
        let tone = |frame: usize, channel: u16| ((frame as f32 * 0.05).sin() * 9000.0) as i16 + channel as i16 * 40;
        assert!(survives(22_050, 2, 30_000, tone) < 30_000 * 4 / 2);
        assert!(survives(22_050, 1, 30_000, |_, _| 0) < 200);
        assert!(survives(22_050, 1, 30_000, |_, _| -5) < 200);
        assert!(survives(44_100, 2, 30_000, noise) < 30_000 * 4 + 8 * 20);
        // Steps over the whole range are the largest residuals there are.
        survives(8_000, 1, 9_000, |frame, _| if frame % 7 < 3 { i16::MIN } else { i16::MAX });
        survives(48_000, 2, 9_000, |frame, channel| if frame == 5_000 { i16::MIN } else { channel as i16 });
        survives(44_100, 1, 9_000, |frame, _| (frame as i32 * frame as i32 / 5_000 - 9_000) as i16);
    }

    #[test]
    fn every_length_and_rate_survives() {
        for total in (1..=6).chain([15, 16, 17, 4095, 4096, 4097, 8192]) {
            survives(22_050, 1, total, noise);
            survives(22_050, 2, total, |frame, _| frame as i16);
        }
        for rate_hz in [4_000, 65_535, 65_536, 96_000, 192_000] {
            survives(rate_hz, 1, 5_000, noise);
        }
        // Block numbers of one, two and three bytes.
        survives(22_050, 1, BLOCK_FRAMES * 2_100, |frame, _| (frame / BLOCK_FRAMES) as i16);
    }
}
