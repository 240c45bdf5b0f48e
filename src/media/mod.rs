//! Media files as bytes: naming and measuring them, reading and writing pictures,
//! and the one preview a result carries. Not for producing content (see the
//! providers) and not for storing it.

mod guard;
mod lossless;
pub mod picture;
pub mod probe;
pub mod sheet;
mod shrink;
pub mod sniff;
mod stranger;

/// How large a file is, as people say it: `61 KB`, `1.2 GB`. Rounded up, so that nothing is said to have 0.
pub fn size_in_words(bytes: u64) -> String {
    let tenths = |unit: u64| {
        let tenths = bytes.div_ceil(unit / 10);
        if tenths >= 1000 || tenths.is_multiple_of(10) {
            tenths.div_ceil(10).to_string()
        } else {
            format!("{}.{}", tenths / 10, tenths % 10)
        }
    };
    match bytes {
        0..=999_000 => format!("{} KB", bytes.div_ceil(1000)),
        999_001..=999_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_read_as_people_say_them() {
        let table = [
            (0, "0 KB"),
            (1, "1 KB"),
            (60_001, "61 KB"),
            (999_000, "999 KB"),
            (999_001, "1 MB"),
            (1_200_000, "1.2 MB"),
            (123_400_000, "124 MB"),
            (100_000_000_000, "100 GB"),
            (99_950_000_000, "100 GB"),
            (1_500_000_000, "1.5 GB"),
        ];
        for (bytes, words) in table {
            assert_eq!(super::size_in_words(bytes), words, "{bytes}");
        }
    }
}
