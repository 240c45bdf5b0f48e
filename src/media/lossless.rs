//! How much memory the code tables of a lossless WebP take, walked from its bits. A few kilobytes can ask for 65,536
//! sets of tables of 20 KB each, and the decoder makes all of them, however small the picture.
//! Not for pixels: of these nothing is kept, as neither copies nor cached colours change how many bits follow.

/// Symbols of the five codes of a set: green with lengths, red, blue, alpha, distances.
const ALPHABETS: [usize; 5] = [256 + 24, 256, 256, 256, 40];
const LENGTH_ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// What the decoder keeps for a code beside its table, with the room a growing list leaves, in bytes.
const CODE_BYTES: u64 = 3 * 56;
/// A table has at most this many bits, and an entry four bytes; what is longer stands in a tree.
const TABLE_BITS: usize = 10;
const NODE_BYTES: u64 = 32;

/// Beyond this, which is some 12,000 full sets, the count ends and says that there is no bound.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// The stream of a picture of this size, behind its header. `None`: it is damaged.
pub fn table_bytes(stream: &[u8], (mut width, height): (u32, u32)) -> Option<u64> {
    let mut bits = Bits { bytes: stream, at: 0 };
    // Each of the four transforms comes at most once.
    for _ in 0..4 {
        if bits.take(1)? == 0 {
            break;
        }
        match bits.take(2)? {
            2 => {}
            3 => {
                let colours = bits.take(8)? + 1;
                bits.skip_picture((colours, 1))?;
                let packed = [(2, 8), (4, 4), (16, 2)].into_iter().find(|(most, _)| colours <= *most);
                width = width.div_ceil(packed.map_or(1, |(_, pixels)| pixels));
            }
            _ => {
                let size = bits.blocks((width, height))?;
                bits.skip_picture(size)?;
            }
        }
    }
    let cached = bits.cached_colours()?;
    let mut sets = 1;
    if bits.take(1)? == 1 {
        let size = bits.blocks((width, height))?;
        sets += bits.skip_picture(size)?;
    }
    let mut sum = 0;
    for _ in 0..sets {
        sum += bits.set(cached)?.iter().map(Code::bytes).sum::<u64>();
        if sum > MAX_BYTES {
            return Some(u64::MAX);
        }
    }
    Some(sum)
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// Least significant first; at most 16.
    fn take(&mut self, count: usize) -> Option<u32> {
        (0..count).try_fold(0, |value, place| {
            let byte = self.bytes.get(self.at / 8)?;
            let bit = u32::from(byte >> (self.at % 8) & 1);
            self.at += 1;
            Some(value | bit << place)
        })
    }

    fn blocks(&mut self, (width, height): (u32, u32)) -> Option<(u32, u32)> {
        let side = 4 << self.take(3)?;
        Some((width.div_ceil(side), height.div_ceil(side)))
    }

    fn cached_colours(&mut self) -> Option<usize> {
        match self.take(1)? {
            0 => Some(0),
            _ => self.take(4).filter(|bits| (1..=11).contains(bits)).map(|bits| 1 << bits),
        }
    }

    fn set(&mut self, cached: usize) -> Option<[Code; 5]> {
        let [green, red, blue, alpha, distance] = ALPHABETS;
        Some([
            self.code(green + cached)?,
            self.code(red)?,
            self.code(blue)?,
            self.code(alpha)?,
            self.code(distance)?,
        ])
    }

    fn code(&mut self, symbols: usize) -> Option<Code> {
        if self.take(1)? == 1 {
            let is_pair = self.take(1)? == 1;
            let first_bits = if self.take(1)? == 1 { 8 } else { 1 };
            let first = self.take(first_bits)? as usize;
            let second = if is_pair { Some(self.take(8)? as usize) } else { None };
            // Distances know 40 symbols, and both numbers here have room for 256.
            let are_known = first.max(second.unwrap_or(0)) < symbols;
            return are_known.then(|| Code::simple(first as u16, second.map(|second| second as u16)));
        }
        let mut lengths = [0; 19];
        let stated = 4 + self.take(4)? as usize;
        for place in LENGTH_ORDER.iter().take(stated) {
            *lengths.get_mut(*place)? = self.take(3)? as u8;
        }
        let code = Code::new(&lengths)?;
        let mut left = match self.take(1)? {
            0 => symbols,
            _ => {
                let bits = 2 + 2 * self.take(3)? as usize;
                2 + self.take(bits)? as usize
            }
        };
        let mut lengths = Vec::with_capacity(symbols);
        let mut previous = 8;
        while lengths.len() < symbols && left > 0 {
            left -= 1;
            let (length, times) = match code.read(self)? {
                16 => (previous, 3 + self.take(2)?),
                17 => (0, 3 + self.take(3)?),
                18 => (0, 11 + self.take(7)?),
                length => (length as u8, 1),
            };
            previous = if length == 0 { previous } else { length };
            lengths.extend(std::iter::repeat_n(length, times as usize));
            if lengths.len() > symbols {
                return None;
            }
        }
        Code::new(&lengths)
    }

    /// Walks over a picture within the picture; the highest number that its red and green spell.
    fn skip_picture(&mut self, (width, height): (u32, u32)) -> Option<u32> {
        let cached = self.cached_colours()?;
        let [greens, reds, blues, alphas, distances] = self.set(cached)?;
        let pixels = u64::from(width) * u64::from(height);
        let (mut done, mut highest) = (0, 0);
        while done < pixels {
            let before = self.at;
            let green = greens.read(self)?;
            done += match green {
                0..256 => {
                    let red = reds.read(self)?;
                    blues.read(self)?;
                    alphas.read(self)?;
                    highest = highest.max(u32::from(red) << 8 | u32::from(green));
                    1
                }
                256..280 => {
                    let length = self.number(green - 256)?;
                    let distance = distances.read(self)?;
                    self.number(distance)?;
                    length
                }
                _ => 1,
            };
            // What takes no bits goes on like this to the end, which may be claimed to be very far.
            if self.at == before {
                break;
            }
        }
        Some(highest)
    }

    /// A length or distance, of which the symbol is the beginning.
    fn number(&mut self, symbol: u16) -> Option<u64> {
        if symbol < 4 {
            return Some(u64::from(symbol) + 1);
        }
        let extra = (usize::from(symbol) - 2) >> 1;
        let base = u64::from(2 + (symbol & 1)) << extra;
        let high = self.take(extra.min(16))?;
        let low = self.take(extra.saturating_sub(16))?;
        Some(base + u64::from(high) + (u64::from(low) << 16) + 1)
    }
}

/// A canonical prefix code: how many symbols have each length, and the symbols in order.
struct Code {
    counts: [u16; 16],
    symbols: Vec<u16>,
}

impl Code {
    fn simple(first: u16, second: Option<u16>) -> Self {
        let mut counts = [0; 16];
        let [_, ones, ..] = &mut counts;
        *ones = 2;
        Self { counts, symbols: [first].into_iter().chain(second).collect() }
    }

    fn new(lengths: &[u8]) -> Option<Self> {
        let mut counts = [0; 16];
        for length in lengths.iter().filter(|length| **length > 0) {
            *counts.get_mut(usize::from(*length))? += 1;
        }
        let of_length = |wanted: u8| {
            lengths.iter().zip(0..).filter(move |(length, _)| **length == wanted).map(|(_, symbol)| symbol)
        };
        let symbols: Vec<u16> = (1..16).flat_map(of_length).collect();
        (!symbols.is_empty()).then_some(Self { counts, symbols })
    }

    /// The only symbol of a code takes no bits.
    fn read(&self, bits: &mut Bits) -> Option<u16> {
        if let [only] = self.symbols[..] {
            return Some(only);
        }
        let (mut code, mut first, mut before) = (0_u32, 0_u32, 0_u32);
        for count in self.counts.iter().skip(1).map(|count| u32::from(*count)) {
            code |= bits.take(1)?;
            if code < first + count {
                return self.symbols.get((before + code.checked_sub(first)?) as usize).copied();
            }
            before += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }

    fn bytes(&self) -> u64 {
        if self.symbols.len() < 2 {
            return CODE_BYTES;
        }
        let longest = self.counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        let in_tree: u64 = self.counts.iter().skip(TABLE_BITS + 1).map(|count| u64::from(*count)).sum();
        CODE_BYTES + (4 << longest.min(TABLE_BITS)) + (in_tree + 2) * NODE_BYTES
    }
}
