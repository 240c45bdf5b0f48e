//! The boxes of an MP4 film: its length and the size of its first visible track. A box is entered or jumped over;
//! there is no nesting to keep, as what follows a child is the next child or what follows its parent.
//! Not for samples, edits or fragments beyond what their index says.

use super::super::sniff::be32;
use super::{Facts, Place, Step, Walker, be64};

/// Most of a box that is read, in bytes: a track header of version 1.
const READ_BYTES: usize = 112;

#[derive(Clone, Debug, Default)]
pub struct Film {
    units_a_second: u64,
    /// Of the longest track, for films whose header leaves it out.
    longest: u64,
    /// Where the index ends, once it has begun.
    index_ends: Option<u64>,
}

impl Walker for Film {
    fn step(&mut self, place: &Place, facts: &mut Facts) -> Step {
        let is_complete = facts.width.is_some() && facts.duration_seconds.is_some();
        if is_complete || self.index_ends.is_some_and(|end| place.at >= end) {
            return Step::Done;
        }
        let here = place.here;
        let Some((short, kind)) = be32(here, 0).zip(here.get(4..8)) else { return Step::More };
        let (header, length) = match short {
            0 => (8, place.file_bytes - place.at.min(place.file_bytes)),
            1 => match be64(here, 8) {
                Some(long) => (16, long),
                None => return Step::More,
            },
            short => (8, u64::from(short)),
        };
        if length < header {
            return Step::Done;
        }
        let known = here.get(header as usize..).unwrap_or_default();
        let body_bytes = (length - header).min(READ_BYTES as u64) as usize;
        match kind {
            b"moov" => {
                self.index_ends = Some(place.at.saturating_add(length));
                return place.skip(header);
            }
            b"trak" | b"mvex" => return place.skip(header),
            b"mvhd" | b"tkhd" | b"mehd" => {
                let Some(body) = known.get(..body_bytes) else { return Step::More };
                self.read(kind, body, facts);
            }
            _ => {}
        }
        place.skip(length)
    }
}

impl Film {
    /// What is missing from a body that is too short stays unknown.
    fn read(&mut self, kind: &[u8], body: &[u8], facts: &mut Facts) {
        let is_wide = body.first() == Some(&1);
        // Times are twice as wide in version 1, and all ones if unknown.
        let time = |at: usize| match is_wide {
            true => be64(body, at).filter(|time| *time != u64::MAX),
            false => be32(body, at).filter(|time| *time != u32::MAX).map(u64::from),
        };
        match kind {
            b"mvhd" => {
                self.units_a_second = be32(body, if is_wide { 20 } else { 12 }).unwrap_or(0).into();
                facts.set_duration(time(if is_wide { 24 } else { 16 }).unwrap_or(0), self.units_a_second);
            }
            b"mehd" if facts.duration_seconds.is_none() => {
                facts.set_duration(time(4).unwrap_or(0), self.units_a_second);
            }
            b"tkhd" => {
                let (lasts, matrix) = if is_wide { (28, 52) } else { (20, 40) };
                self.longest = self.longest.max(time(lasts).unwrap_or(0));
                if facts.duration_seconds.is_none() {
                    facts.set_duration(self.longest, self.units_a_second);
                }
                if facts.width.is_some() {
                    return;
                }
                let entry = |index: usize| be32(body, matrix + index * 4).unwrap_or(0);
                let lies = entry(0) == 0 && entry(4) == 0 && entry(1) != 0 && entry(3) != 0;
                // 16.16 fixed point; a track that is only heard has none.
                facts.set_sides(entry(9) >> 16, entry(10) >> 16, lies);
            }
            _ => {}
        }
    }
}
