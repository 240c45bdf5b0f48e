//! What an upload may be and how large: every number of it, in one place (design, section 8).

use crate::error::{Code, Refusal};
use crate::media::size_in_words;
use crate::media::sniff::MediaType;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Types that people may hand over. GLB and SVG are only made here.
pub const ACCEPTED: [MediaType; 6] =
    [MediaType::Png, MediaType::Jpeg, MediaType::Webp, MediaType::Mp4, MediaType::Wav, MediaType::Mp3];
pub const ACCEPTED_IN_WORDS: &str = "PNG, JPEG, WebP, MP4, WAV and MP3";

/// Media of posts (seed 002: a cumulative cap across all its paths).
pub const MAX_POST_BYTES: u64 = 10 * MIB;
/// The largest body that Cloudflare lets through to a Worker on every plan is 100 MB; larger files go in parts.
pub const MAX_BODY_BYTES: u64 = 100_000_000;
/// Between R2's least (5 MiB) and [`MAX_BODY_BYTES`]: 5 GiB are 160 parts, and losing one costs seconds.
pub const PART_BYTES: u64 = 32 * MIB;
/// From a browser on a phone, where a connection is lost more often.
pub const PAGE_PART_BYTES: u64 = 8 * MIB;
/// 16K tokens of base64: what capped clients get through in one call.
pub const ADVISED_CHUNK_BYTES: u64 = 48 * KIB;
pub const MAX_CHUNK_BYTES: u64 = 256 * KIB;
/// One tool call's file: base64 makes 4 bytes of 3, and a message may have 4 MiB (`http::MAX_MESSAGE_BYTES`).
pub const MAX_WHOLE_BYTES: u64 = 3_000_000;

/// How long a chunked upload stays open after its last chunk: 15 minutes, as every upload, but a slow model that sends
/// 200 chunks may need longer for all.
pub const MAX_CHUNKED_SECONDS: i64 = 2 * 3600;
/// The same for parts: 5 GiB at 0.5 Mbit/s.
pub const MAX_PARTS_SECONDS: i64 = 24 * 3600;
/// What keeps an upload in pieces, or a page, open after each of them.
pub const STAY_OPEN_SECONDS: i64 = 15 * 60;
/// From the first byte of one body to its last: 100 MB at 0.5 Mbit/s.
pub const RECEIVE_MILLIS: u32 = 30 * 60 * 1000;
/// What another server may need for its file; an alarm runs for 15 minutes at most.
pub const IMPORT_MILLIS: u32 = 12 * 60 * 1000;
/// How long one attempt is believed to go on without a word from it, and how often it says one.
/// After a crash the next attempt waits as long.
pub const LEASE_SECONDS: i64 = 9;
pub const RENEW_MILLIS: u32 = 3_000;
/// A second body waits so long for the first to end; longer than a lease, so that a retry after a crash gets through.
pub const WAIT_MILLIS: i64 = 20_000;
/// How long an upload that has ended can be asked about, and a lost answer be had again.
pub const REMEMBER_SECONDS: i64 = 24 * 3600;
/// Files up to here have their SHA-256 before the answer, larger ones after it: reading them back takes seconds.
pub const DIGEST_AT_ONCE_BYTES: u64 = 32 * MIB;
/// A picture is decoded in the isolate's memory for its thumbnail: the file itself, and 66 MB for the pixels of what phones
/// take (`picture::thumbnail_of`), of the 96 MB there are.
pub const MAX_POSTER_SOURCE_BYTES: u64 = 12 * MIB;
pub const MAX_POSTER_PIXELS: u64 = 12_500_000;

/// Of a file of this type.
pub fn max_bytes(media: MediaType) -> u64 {
    match media {
        MediaType::Png | MediaType::Jpeg | MediaType::Webp => 100 * MIB,
        MediaType::Mp4 => 5 * 1024 * MIB,
        MediaType::Wav | MediaType::Mp3 => 64 * MIB,
        MediaType::Svg | MediaType::Glb => 0,
    }
}

/// Of a file of whatever type.
pub fn most() -> u64 {
    ACCEPTED.into_iter().map(max_bytes).max().unwrap_or(0)
}

/// Parts of a file of this size.
pub fn parts(size_bytes: u64, part_bytes: u64) -> u32 {
    u32::try_from(size_bytes.div_ceil(part_bytes.max(1))).unwrap_or(u32::MAX)
}

/// Bytes of part `number`, from 1; None: there is no such part.
pub fn part_length(size_bytes: u64, part_bytes: u64, number: u32) -> Option<u64> {
    let before = u64::from(number.checked_sub(1)?) * part_bytes;
    (before < size_bytes).then(|| part_bytes.min(size_bytes - before))
}

pub fn too_large(what: &str, size_bytes: u64, max_bytes: u64) -> Refusal {
    let (most, size) = (size_in_words(max_bytes), size_in_words(size_bytes));
    // A little too large reads the same in round numbers.
    let message = match most == size {
        true => format!("{what} may have at most {max_bytes} bytes, not {size_bytes}."),
        false => format!("{what} may have at most {most}, not {size}."),
    };
    Refusal::new(Code::FileTooLarge, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_a_file_exactly() {
        for size in [1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 5 * 1024 * MIB] {
            let count = parts(size, PART_BYTES);
            let all: u64 = (1..=count).map(|number| part_length(size, PART_BYTES, number).unwrap()).sum();
            assert_eq!(all, size);
            assert_eq!(part_length(size, PART_BYTES, count + 1), None);
        }
        assert_eq!(part_length(10, PART_BYTES, 0), None);
        assert_eq!(parts(5 * 1024 * MIB, PART_BYTES), 160);
    }
}
