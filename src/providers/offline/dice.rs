//! The one source of chance for placeholder media: a small generator seeded by
//! hashing, so equal inputs give equal files on every run. Not for secrets,
//! tokens or identifiers: anyone who knows the inputs can replay it.

use sha2::{Digest, Sha256};

/// A seeded stream of numbers (xoshiro256**, state taken from SHA-256).
#[derive(Clone, Debug)]
pub struct Dice {
    state: [u64; 4],
}

impl Dice {
    /// Seeds from all parts together. Every part is length-prefixed, so that
    /// `["ab", "c"]` and `["a", "bc"]` are different seeds.
    pub fn new(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let mut state = [0_u64; 4];
        for (word, bytes) in state.iter_mut().zip(digest.chunks_exact(8)) {
            *word = bytes.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        }
        Self { state }
    }

    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let (c1, d1) = (c ^ a, d ^ b);
        self.state = [a ^ d1, b ^ c1, c1 ^ (b << 17), d1.rotate_left(45)];
        b.wrapping_mul(5).rotate_left(7).wrapping_mul(9)
    }

    /// A number in `0.0..1.0`, with the 24 bits an `f32` can hold exactly.
    pub fn unit(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / 16_777_216.0
    }

    /// A number in `low..high`; `low` when the range is empty.
    pub fn range<T: Span>(&mut self, low: T, high: T) -> T {
        T::between(self, low, high)
    }

    /// One of the items, `None` only when there are none.
    pub fn pick<'items, T>(&mut self, items: &'items [T]) -> Option<&'items T> {
        items.get(self.range(0, items.len()))
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }
}

/// Number types that `Dice::range` can draw.
pub trait Span: Copy {
    fn between(dice: &mut Dice, low: Self, high: Self) -> Self;
}

impl Span for f32 {
    fn between(dice: &mut Dice, low: Self, high: Self) -> Self {
        low + (high - low) * dice.unit()
    }
}

macro_rules! span_of_integers {
    ($($integer:ty),*) => {$(
        impl Span for $integer {
            // The modulo bias is below 2^-32 for the small ranges drawn here.
            fn between(dice: &mut Dice, low: Self, high: Self) -> Self {
                let width = (high as i128) - (low as i128);
                if width <= 0 {
                    return low;
                }
                ((low as i128) + i128::from(dice.next_u64()) % width) as Self
            }
        }
    )*};
}
span_of_integers!(u8, u32, u64, usize, i32, i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_parts_give_equal_streams_and_boundaries_matter() {
        let first: Vec<u64> = (0..5)
            .map({
                let mut d = Dice::new(&[b"ab", b"c"]);
                move |_| d.next_u64()
            })
            .collect();
        let again: Vec<u64> = (0..5)
            .map({
                let mut d = Dice::new(&[b"ab", b"c"]);
                move |_| d.next_u64()
            })
            .collect();
        assert_eq!(first, again);
        assert_ne!(first.first().copied(), Some(Dice::new(&[b"a", b"bc"]).next_u64()));
    }

    #[test]
    fn ranges_hold_their_bounds_and_fill_them() {
        let mut dice = Dice::new(&[b"bounds"]);
        let mut seen = [false; 6];
        for _ in 0..400 {
            let roll = dice.range(-3_i32, 3);
            assert!((-3..3).contains(&roll));
            if let Some(slot) = seen.get_mut((roll + 3) as usize) {
                *slot = true;
            }
            let unit = dice.unit();
            assert!((0.0..1.0).contains(&unit));
        }
        assert!(seen.iter().all(|hit| *hit));
        assert_eq!(dice.range(7_u64, 7), 7);
        assert_eq!(dice.range(9_u32, 2), 9);
        assert!(dice.pick::<u8>(&[]).is_none());
    }

    #[test]
    fn the_average_is_near_one_half() {
        let mut dice = Dice::new(&[b"mean"]);
        let mean = (0..20_000).map(|_| dice.unit()).sum::<f32>() / 20_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }
}
