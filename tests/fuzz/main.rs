//! What reads uploaded files, against files that are broken in every way: no panic, no more memory than promised, no
//! long thinking, and no two answers that contradict each other. Not for files that are right (`src/media`).
//!
//! In the suite a fixed seed and number of cases; `FUZZ_SECONDS=N` goes on with a fresh seed, and `FUZZ_SEED=N` with that
//! one. A case that fails is kept as a file, and the report names it.

#![allow(clippy::disallowed_methods, reason = "runs natively only, where there are clocks and settings")]

mod corpus;
mod foreign;
mod meter;
mod mutate;

use atelier::media::picture;
use atelier::media::probe::{FURTHER_BYTES, Facts, HEAD_BYTES, MAX_HOPS, Probe};
use atelier::media::sniff::{name_of_stranger, sniff};
use mutate::Dice;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

#[global_allocator]
static METER: meter::Meter = meter::Meter;

const SUITE_SEED: u64 = 0x00a7_e11e;
/// About ten seconds.
const SUITE_CASES: u64 = 200_000;
/// Pictures of more are refused, so that a case stays quick.
const MAX_PIXELS: u64 = 250_000;
const MAX_HELD_BYTES: usize = 24 * 1024 * 1024;
/// Measuring alone keeps nothing of the file.
const MAX_PROBE_BYTES: usize = 16 * 1024;
const MAX_TIME: Duration = Duration::from_millis(250);
/// No case at all ends in this time only if one never does, or if the machine sleeps.
const MAX_STANDSTILL: Duration = Duration::from_secs(30);
/// How many are done.
static CASES: AtomicU64 = AtomicU64::new(0);
/// Failures after which there is no point in going on.
const MAX_FAILURES: usize = 20;

#[test]
fn broken_files_harm_nobody() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let fresh = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seconds = number("FUZZ_SECONDS");
    let seed = number("FUZZ_SEED").unwrap_or_else(|| seconds.map_or(SUITE_SEED, |_| fresh()));
    println!("seed {seed}");
    let corpus = corpus::files();
    for (name, file) in &corpus {
        assert!(sniff(file).is_some(), "{name} is valid and not known");
        let (outcome, _) = judge(file, &mut Dice(1));
        assert_eq!(outcome, Ok(true), "{name} is valid and not read");
    }
    watch(seed);
    let started = Instant::now();
    let goes_on = |cases: u64| match seconds {
        Some(seconds) => started.elapsed().as_secs() < seconds,
        None => cases < SUITE_CASES,
    };
    let (mut cases, mut read, mut most_held, mut slowest) = (0_u64, 0_u64, 0, Duration::ZERO);
    let mut failures = String::new();
    let mut failed = 0;
    let mut told = started;
    while goes_on(cases) && failed < MAX_FAILURES {
        let mut dice = Dice(seed.wrapping_add(cases.wrapping_mul(0x1_0000_0001)));
        let file = mutate::make(&mut dice, &corpus);
        let ((outcome, held), taken) = timed(|| judge(&file, &mut Dice(cases)));
        (most_held, slowest) = (most_held.max(held), slowest.max(taken));
        match outcome {
            Ok(known) => read += u64::from(known),
            Err(reason) => {
                failed += 1;
                let path = format!("{}/fuzz-{seed}-{cases}.bin", env!("CARGO_TARGET_TMPDIR"));
                std::fs::write(&path, &file).unwrap();
                println!("case {cases}: {reason} ({path})");
                writeln!(failures, "case {cases}: {reason} ({path})").unwrap();
            }
        }
        cases += 1;
        CASES.store(cases, Relaxed);
        if told.elapsed() > Duration::from_secs(60) {
            told = Instant::now();
            println!("{cases} cases, {failed} failures, {} s", started.elapsed().as_secs());
        }
    }
    let rate = cases as f64 / started.elapsed().as_secs_f64();
    println!(
        "seed {seed}: {cases} cases, {rate:.0} a second; {read} were still read; at most {} KB held, {} ms the slowest; {failed} failures",
        most_held / 1024,
        slowest.as_millis()
    );
    assert!(failed == 0, "\n{failures}");
}

/// A case that never ends is told of by another thread, with which the process ends.
fn watch(seed: u64) {
    std::thread::spawn(move || {
        let mut seen = None;
        loop {
            std::thread::sleep(MAX_STANDSTILL);
            let now = CASES.load(Relaxed);
            if seen.replace(now) == Some(now) {
                eprintln!("case {now} of seed {seed} does not end");
                std::process::exit(1);
            }
        }
    });
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    (work(), started.elapsed())
}

/// Whether something was read, or what went wrong; and the most memory that was held.
fn judge(file: &[u8], dice: &mut Dice) -> (Result<bool, String>, usize) {
    let start = dice.0;
    let once = || {
        let mut dice = Dice(start);
        meter::peak(|| catch_unwind(AssertUnwindSafe(|| read_all(file, &mut dice))))
    };
    let ((outcome, held), taken) = timed(once);
    let outcome = match outcome {
        Err(panicked) => Err(format!("panics: {}", said(panicked.as_ref()))),
        Ok(Err(reason)) => Err(reason),
        Ok(Ok(_)) if held > MAX_HELD_BYTES => Err(format!("holds {held} bytes")),
        // Somebody else may have had the processor: only what is slow thrice is slow.
        Ok(Ok(_)) if taken > MAX_TIME && (0..2).all(|_| timed(once).1 > MAX_TIME) => {
            Err(format!("takes {taken:?}"))
        }
        Ok(Ok(known)) => Ok(known),
    };
    (outcome, held)
}

fn said(panicked: &(dyn std::any::Any + Send)) -> String {
    let text = panicked.downcast_ref::<String>().map(String::as_str);
    text.or(panicked.downcast_ref::<&str>().copied()).unwrap_or("without a word").to_owned()
}

fn read_all(file: &[u8], dice: &mut Dice) -> Result<bool, String> {
    let media = sniff(file);
    let _ = name_of_stranger(file);
    let (facts, held) = meter::peak(|| measure(file, dice));
    if held > MAX_PROBE_BYTES {
        return Err(format!("measuring holds {held} bytes"));
    }
    let facts = facts?;
    let dimensions = picture::dimensions(file).ok();
    let shown = facts.as_ref().and_then(|facts| facts.width.zip(facts.height));
    if let (Some((width, height)), Some(sides)) = (shown, dimensions) {
        // An orientation far into the file is the decoder's alone.
        if sides != (width, height) && sides != (height, width) {
            return Err(format!("{width} x {height} measured, {sides:?} decoded"));
        }
    }
    let side = 1 + dice.below(64) as u32;
    let thumbnail = picture::thumbnail_of(file, side, MAX_PIXELS);
    if let Ok(thumbnail) = &thumbnail {
        let (width, height) =
            picture::dimensions(thumbnail).map_err(|fault| format!("the thumbnail: {fault}"))?;
        if width.max(height) > side || media.is_none() || dimensions.is_none() {
            return Err(format!("a thumbnail of {width} x {height} for {side}, {media:?}, {dimensions:?}"));
        }
    }
    let known = facts.is_some_and(|facts| facts.width.is_some() || facts.duration_seconds.is_some());
    Ok(known || thumbnail.is_ok())
}

/// With the head whole or cut, the ranges full or short, and now and then a file that claims to be much longer.
fn measure(file: &[u8], dice: &mut Dice) -> Result<Option<Facts>, String> {
    let whole = dice.below(3) > 0;
    let head_bytes = if whole { file.len() } else { dice.below(file.len() + 1) }.min(HEAD_BYTES);
    let file_bytes = if dice.below(4) > 0 { file.len() as u64 } else { dice.roll() >> dice.below(60) };
    let Some(mut probe) = Probe::new(&file[..head_bytes], file_bytes) else { return Ok(None) };
    let mut hops = 0;
    while let Some((first, last)) = probe.next() {
        hops += 1;
        if hops > MAX_HOPS || first > last || last >= file_bytes || last - first >= FURTHER_BYTES {
            return Err(format!("range {first} to {last} of {file_bytes} in hop {hops}"));
        }
        let end = (last as usize).saturating_add(1).min(file.len());
        probe.feed(first, file.get(first as usize..end).unwrap_or_default());
    }
    let facts = probe.facts();
    let sane = |number: f64| number.is_finite() && number > 0.0;
    if !facts.duration_seconds.is_none_or(sane)
        || facts.width == Some(0)
        || facts.width.is_some() != facts.height.is_some()
    {
        return Err(format!("{facts:?}"));
    }
    // A cut head may know less; what a longer file is said to be is no contradiction of what is decoded.
    Ok(Some(facts.clone()))
}
