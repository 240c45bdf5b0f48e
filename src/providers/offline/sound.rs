//! Placeholder music and sound effects for the offline provider: real WAV files with a poster.
//!
//! For: showing a newcomer the whole audio path without a network or a model. Music is composed
//! by dice within the rules of a key and played by additive synthesis; words of the prompt choose
//! tempo, mode, instrument and drums. Files obey RIFF WAVE through `wave`.
//!
//! Not for: speech (a tone is not a voice), songs, or sounding like what a prompt describes
//! beyond the words listed here and in `effects`.

use super::dice::Dice;
use super::effects::play_effect;
use super::wave::{SAMPLE_HZ, measure_envelope, paint_poster, write_wav};
use super::words::Words;
use image::RgbaImage;
use std::f32::consts::TAU;

pub use super::wave::envelope_of_wav;

/// Longest piece of music in seconds: with its buffers 16 MB while it is made.
pub const MUSIC_MAX_SECONDS: f32 = 60.0;
/// Longest effect in seconds: nobody waits longer for a noise.
pub const EFFECT_MAX_SECONDS: f32 = 30.0;
/// Shortest sound in seconds: below this nothing is heard.
pub const SOUND_MIN_SECONDS: f32 = 0.2;
/// Loudest sample of a finished sound, as a part of full scale: room for players that resample.
const PEAK: f32 = 0.86;
/// Pitch of the lowest bass note's key centre in hertz: A1.
const BASE_HZ: f32 = 55.0;

/// A finished sound.
pub struct Sound {
    /// The WAV file.
    pub bytes: Vec<u8>,
    /// Length as the file states it.
    pub duration_seconds: f64,
    /// Loudness from 0 to 1, `film::ENVELOPE_HZ` values per second.
    pub envelope: Vec<f32>,
    /// A picture of the waveform.
    pub poster: RgbaImage,
}

/// Composes and plays a short stereo piece.
pub fn music(prompt: &str, seed: u64, duration_seconds: f32, note: &str) -> Result<Sound, String> {
    check_duration(duration_seconds, MUSIC_MAX_SECONDS, "piece of music")?;
    let mut dice = Dice::new(&[b"music", prompt.as_bytes(), &seed.to_le_bytes()]);
    let hue = dice.unit();
    let style = Style::choose(&Words::of(prompt), &mut dice);
    let mut mixer = Mixer::new(duration_seconds);
    style.perform(&mut mixer, &mut dice, duration_seconds);
    mixer.echo(style.beat_seconds() * 0.75, style.space);
    Ok(finish(mixer.interleave(), 2, hue, note, (duration_seconds * 0.3).min(1.6)))
}

/// Plays a mono effect chosen by words of the prompt.
pub fn sound_effect(prompt: &str, seed: u64, duration_seconds: f32, note: &str) -> Result<Sound, String> {
    check_duration(duration_seconds, EFFECT_MAX_SECONDS, "sound effect")?;
    let mut dice = Dice::new(&[b"sound_effect", prompt.as_bytes(), &seed.to_le_bytes()]);
    let hue = dice.unit();
    let samples = play_effect(&Words::of(prompt), dice, duration_seconds);
    Ok(finish(samples, 1, hue, note, (duration_seconds * 0.2).min(0.5)))
}

fn check_duration(seconds: f32, longest: f32, what: &str) -> Result<(), String> {
    // Written so that a value that is no number is refused as well.
    if seconds >= SOUND_MIN_SECONDS && seconds <= longest {
        return Ok(());
    }
    Err(format!("An offline {what} lasts {SOUND_MIN_SECONDS} to {longest} seconds, not {seconds}."))
}

/// Levels the sound, fades its ends so that it never clicks, and packs it.
fn finish(mut samples: Vec<f32>, channels: u16, hue: f32, note: &str, fade_out_seconds: f32) -> Sound {
    let frames = samples.len() / usize::from(channels.max(1));
    let rate = SAMPLE_HZ as f32;
    for (index, sample) in samples.iter_mut().enumerate() {
        let frame = index / usize::from(channels.max(1));
        let (since, left) = (frame as f32 / rate, (frames - frame) as f32 / rate);
        *sample *= (since / 0.004).min(1.0) * (left / fade_out_seconds.max(0.01)).min(1.0);
    }
    let peak = samples.iter().fold(1e-6f32, |peak, sample| peak.max(sample.abs()));
    samples.iter_mut().for_each(|sample| *sample *= PEAK / peak);
    Sound {
        bytes: write_wav(&samples, channels, note),
        duration_seconds: frames as f64 / f64::from(SAMPLE_HZ),
        envelope: measure_envelope(&samples, channels),
        poster: paint_poster(&samples, hue),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Instrument {
    Pluck,
    Bell,
    Chip,
    Strings,
}

impl Instrument {
    /// The instrument the words name, else one by chance.
    fn choose(words: &Words, dice: &mut Dice) -> Instrument {
        let named = INSTRUMENT_WORDS.iter().find(|(_, names)| words.said(names));
        let chance = if dice.unit() < 0.6 { Instrument::Pluck } else { Instrument::Bell };
        named.map_or(chance, |(instrument, _)| *instrument)
    }

    /// Strengths of the first harmonics.
    fn partials(self) -> [f32; 6] {
        match self {
            Instrument::Pluck => [1.0, 0.5, 0.28, 0.16, 0.1, 0.05],
            Instrument::Bell => [1.0, 0.0, 0.0, 0.45, 0.0, 0.16],
            Instrument::Chip => [1.0, 0.0, 0.33, 0.0, 0.2, 0.0],
            Instrument::Strings => [1.0, 0.55, 0.4, 0.25, 0.18, 0.1],
        }
    }

    /// Seconds to rise and seconds to fall to a third.
    fn attack_and_decay(self) -> (f32, f32) {
        match self {
            Instrument::Pluck => (0.004, 0.42),
            Instrument::Bell => (0.003, 0.8),
            Instrument::Chip => (0.003, 0.3),
            Instrument::Strings => (0.22, 4.0),
        }
    }
}

/// What the words and the dice settle before the first note.
struct Style {
    beats_per_minute: f32,
    scale: [i32; 7],
    chords: [i32; 4],
    key: i32,
    lead: Instrument,
    drums: bool,
    space: f32,
}

/// Words that name an instrument; the first match in this order wins.
const INSTRUMENT_WORDS: [(Instrument, &[&str]); 4] = [
    (Instrument::Chip, &["chiptune", "chip", "8bit", "retro", "game", "arcade", "techno"]),
    (Instrument::Bell, &["bell", "box", "christmas", "magic", "magical", "lullaby", "dream", "dreamy"]),
    (
        Instrument::Strings,
        &["string", "violin", "orchestra", "orchestral", "cinematic", "epic", "ambient", "pad"],
    ),
    (Instrument::Pluck, &["piano", "guitar", "harp", "acoustic"]),
];
/// Words for tempo, mode and whether drums play.
const SLOW_WORDS: &[&str] =
    &["slow", "calm", "ambient", "sleep", "relaxing", "peaceful", "sad", "ballad", "meditation", "soft"];
const FAST_WORDS: &[&str] =
    &["fast", "dance", "techno", "energetic", "action", "upbeat", "house", "electronic", "chase", "epic"];
const DARK_WORDS: &[&str] =
    &["sad", "dark", "minor", "melancholic", "melancholy", "epic", "night", "horror", "mysterious", "tense"];
const BRIGHT_WORDS: &[&str] =
    &["happy", "bright", "cheerful", "major", "sunny", "joyful", "upbeat", "summer", "playful"];
const JAZZY_WORDS: &[&str] = &["jazz", "funk", "lofi", "chill", "blues", "soul"];
const QUIET_WORDS: &[&str] = &["piano", "ambient", "lullaby", "solo", "classical", "harp"];

/// Chord roots as steps of the scale, four bars each.
const BRIGHT_CHORDS: [[i32; 4]; 4] = [[0, 4, 5, 3], [0, 5, 3, 4], [3, 0, 4, 5], [0, 3, 0, 4]];
const DARK_CHORDS: [[i32; 4]; 4] = [[0, 5, 2, 6], [0, 3, 5, 4], [0, 6, 5, 6], [0, 2, 6, 3]];
const MAJOR: [i32; 7] = [0, 2, 4, 5, 7, 9, 11];
const MINOR: [i32; 7] = [0, 2, 3, 5, 7, 8, 10];
const DORIAN: [i32; 7] = [0, 2, 3, 5, 7, 9, 10];

impl Style {
    fn choose(words: &Words, dice: &mut Dice) -> Style {
        let (slow, fast) = (words.said(SLOW_WORDS), words.said(FAST_WORDS));
        let lead = Instrument::choose(words, dice);
        let dark = words.said(DARK_WORDS) || (!words.said(BRIGHT_WORDS) && dice.unit() < 0.4);
        let scale = match (words.said(JAZZY_WORDS), dark) {
            (true, _) => DORIAN,
            (false, true) => MINOR,
            (false, false) => MAJOR,
        };
        let list = if scale == MAJOR { &BRIGHT_CHORDS } else { &DARK_CHORDS };
        let chosen: i64 = dice.range(0, 4);
        let key: i64 = dice.range(-4, 5);
        let tempo = match (slow, fast) {
            (true, _) => 68.0,
            (false, true) => 126.0,
            (false, false) => 92.0,
        };
        Style {
            beats_per_minute: tempo + dice.unit() * 10.0,
            scale,
            chords: list.get(chosen as usize).copied().unwrap_or([0, 4, 5, 3]),
            key: key as i32,
            lead,
            drums: fast || !(slow || words.said(QUIET_WORDS)),
            space: if slow || lead == Instrument::Bell { 0.38 } else { 0.24 },
        }
    }

    fn beat_seconds(&self) -> f32 {
        60.0 / self.beats_per_minute
    }

    /// The pitch of a step of the scale, `octave` octaves above the bass.
    fn pitch_hz(&self, step: i32, octave: i32) -> f32 {
        let within = self.scale.get(step.rem_euclid(7) as usize).copied().unwrap_or_default();
        let half_tones = self.key + within + 12 * (step.div_euclid(7) + octave);
        BASE_HZ * 2f32.powf(half_tones as f32 / 12.0)
    }

    /// Plays bar after bar: chords, bass, arpeggio, melody and drums.
    fn perform(&self, mixer: &mut Mixer, dice: &mut Dice, seconds: f32) {
        let beat = self.beat_seconds();
        // One seeded rhythm for the whole piece makes the melody sound meant: bits are eighths.
        let rhythms = [0b1001_0010u32, 0b1010_0100, 0b1001_0100, 0b1000_1010];
        let rhythm = rhythms.get(dice.range(0, 4) as usize).copied().unwrap_or(0b1001_0010);
        let mut melody = 7 + dice.range(0i64, 3) as i32;
        let bars = (seconds / (beat * 4.0)).ceil() as usize;
        for bar in 0..bars {
            let start = bar as f32 * beat * 4.0;
            let root = self.chords.get(bar % 4).copied().unwrap_or_default();
            for (index, step) in [root, root + 2, root + 4].into_iter().enumerate() {
                let step = if step > 6 { step - 7 } else { step };
                let pan = 0.25 + 0.25 * index as f32;
                mixer.tone(start, beat * 4.2, self.pitch_hz(step, 2), 0.11, pan, Instrument::Strings);
            }
            for (at, length) in [(0.0, 1.4), (1.5, 0.5), (2.0, 1.9)] {
                mixer.tone(
                    start + at * beat,
                    beat * length,
                    self.pitch_hz(root - if root > 4 { 7 } else { 0 }, 0),
                    0.36,
                    0.5,
                    Instrument::Pluck,
                );
            }
            for eighth in 0..8u32 {
                let at = start + eighth as f32 * beat / 2.0;
                let figure = [0, 2, 4, 7, 4, 2, 4, 2].get(eighth as usize).copied().unwrap_or_default();
                mixer.tone(at, beat * 0.9, self.pitch_hz(root + figure, 2), 0.1, 0.22, Instrument::Pluck);
                let strong = rhythm >> (7 - eighth) & 1 == 1;
                if strong || dice.unit() < 0.14 {
                    melody = self.next_step(melody, root, eighth == 0, dice);
                    let length = beat * if strong { 1.5 } else { 0.6 };
                    mixer.tone(at, length, self.pitch_hz(melody, 2), 0.25, 0.62, self.lead);
                }
                if self.drums {
                    mixer.drum(at, eighth, dice);
                }
            }
        }
    }

    /// Where the melody goes: small steps, onto the chord at the start of a bar.
    fn next_step(&self, from: i32, root: i32, onto_chord: bool, dice: &mut Dice) -> i32 {
        let wanted = (from + dice.range(-2i64, 3) as i32).clamp(4, 14);
        let fits = |step: &i32| {
            let above = (step - root).rem_euclid(7);
            if onto_chord { matches!(above, 0 | 2 | 4) } else { above != 3 && above != 6 }
        };
        [wanted, wanted + 1, wanted - 1, wanted + 2].into_iter().find(fits).unwrap_or(wanted)
    }
}

/// Two channels being filled.
struct Mixer {
    left: Vec<f32>,
    right: Vec<f32>,
}

impl Mixer {
    fn new(seconds: f32) -> Mixer {
        let count = (seconds * SAMPLE_HZ as f32) as usize;
        Mixer { left: vec![0.0; count], right: vec![0.0; count] }
    }

    fn add(&mut self, start: f32, length: f32, pan: f32, mut voice: impl FnMut(f32) -> f32) {
        let first = (start.max(0.0) * SAMPLE_HZ as f32) as usize;
        let count = (length * SAMPLE_HZ as f32) as usize;
        let (gain_left, gain_right) = ((1.0 - pan).sqrt(), pan.sqrt());
        let both = self.left.iter_mut().zip(&mut self.right).skip(first).take(count);
        for (index, (left, right)) in both.enumerate() {
            let sample = voice(index as f32 / SAMPLE_HZ as f32);
            *left += sample * gain_left;
            *right += sample * gain_right;
        }
    }

    /// One note: harmonics below the top of hearing here, the higher ones dying sooner.
    fn tone(&mut self, start: f32, length: f32, pitch_hz: f32, gain: f32, pan: f32, instrument: Instrument) {
        let (attack, decay) = instrument.attack_and_decay();
        let vibrato = if instrument == Instrument::Strings { 0.004 } else { 0.0 };
        let release = 0.09f32.max(attack * 0.8);
        for (number, strength) in (1..).zip(instrument.partials()) {
            let harmonic = pitch_hz * number as f32;
            if strength == 0.0 || harmonic > SAMPLE_HZ as f32 * 0.42 {
                continue;
            }
            let falls = decay / (0.6 + 0.4 * number as f32);
            // The phase is kept in turns: a product of pitch and time would lose precision.
            let (step, mut phase) = (harmonic / SAMPLE_HZ as f32, 0.0f32);
            self.add(start, length + release, pan, |t| {
                let shape = (t / attack).min(1.0) * ((length + release - t) / release).clamp(0.0, 1.0);
                phase = (phase + step * (1.0 + vibrato * (t * 5.2 * TAU).sin())).fract();
                (TAU * phase).sin() * strength * gain * shape * (-t / falls).exp()
            });
        }
    }

    /// Kick on one and three, snare on two and four, a hat on every eighth.
    fn drum(&mut self, at: f32, eighth: u32, dice: &mut Dice) {
        let mut state = dice.next_u64() as u32 | 1;
        let mut noise = move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as i32 as f32 / 2_147_483_648.0
        };
        if eighth.is_multiple_of(4) {
            self.add(at, 0.28, 0.5, |t| {
                (TAU * (46.0 * t + 5.5 * (1.0 - (-t * 22.0).exp()) / 1.6)).sin() * 0.6 * (-t * 13.0).exp()
            });
        } else if eighth.is_multiple_of(2) {
            self.add(at, 0.16, 0.48, |t| {
                (noise() * 0.8 + (TAU * 190.0 * t).sin()) * 0.16 * (-t * 26.0).exp()
            });
        }
        let loud = if eighth.is_multiple_of(2) { 0.05 } else { 0.085 };
        let mut before = 0.0;
        self.add(at, 0.06, 0.7, |t| {
            let (now, last) = (noise(), before);
            before = now;
            (now - last) * loud * (-t * 75.0).exp()
        });
    }

    /// A fading echo that changes sides.
    fn echo(&mut self, delay_seconds: f32, amount: f32) {
        let delay = ((delay_seconds * SAMPLE_HZ as f32) as usize).max(1);
        for index in delay..self.left.len() {
            let from_left = self.left.get(index - delay).copied().unwrap_or_default();
            let from_right = self.right.get(index - delay).copied().unwrap_or_default();
            if let (Some(left), Some(right)) = (self.left.get_mut(index), self.right.get_mut(index)) {
                *left += from_right * amount;
                *right += from_left * amount;
            }
        }
    }

    fn interleave(self) -> Vec<f32> {
        // A gentle bend of the loudest moments evens out the level without hard edges.
        self.left.into_iter().zip(self.right).flat_map(|(left, right)| [left.tanh(), right.tanh()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_input_gives_the_same_bytes_and_another_does_not() {
        let make = |prompt, seed| music(prompt, seed, 1.0, "note").unwrap().bytes;
        assert_eq!(make("happy piano", 1), make("happy piano", 1));
        assert_ne!(make("happy piano", 1), make("sad piano", 1));
        assert_ne!(make("happy piano", 1), make("happy piano", 2));
        let noise = |prompt, seed| sound_effect(prompt, seed, 1.0, "note").unwrap().bytes;
        assert_eq!(noise("rain", 1), noise("rain", 1));
        assert_ne!(noise("rain", 1), noise("rain", 2));
        assert_ne!(noise("rain", 1), noise("wind", 1));
    }

    #[test]
    fn sounds_last_as_asked_fade_out_and_do_not_clip() {
        for sound in [music("upbeat techno", 3, 2.5, "").unwrap(), sound_effect("bell", 3, 2.5, "").unwrap()]
        {
            assert!((sound.duration_seconds - 2.5).abs() < 1e-3);
            assert_eq!(sound.envelope.len(), 63);
            assert!(sound.envelope[62] < 0.1);
            assert_eq!(sound.poster.dimensions(), (512, 256));
            let data = sound.bytes.windows(4).position(|part| part == b"data").unwrap() + 8;
            let (pairs, _) = sound.bytes[data..].as_chunks::<2>();
            let peak = pairs.iter().map(|pair| i16::from_le_bytes(*pair).unsigned_abs()).max().unwrap();
            assert!((27_000..29_000).contains(&peak), "peak {peak}");
        }
    }

    #[test]
    fn limits_are_refused_by_name() {
        for seconds in [0.0, -1.0, f32::NAN, f32::INFINITY, 61.0] {
            assert!(music("x", 1, seconds, "").err().unwrap().contains("60 seconds"));
            assert!(sound_effect("x", 1, seconds, "").err().unwrap().contains("30 seconds"));
        }
    }
}
