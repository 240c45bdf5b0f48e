//! Sound effects of the offline provider: filtered noise, sweeps, impacts and ringing partials.
//!
//! For: filling a mono buffer with an effect chosen by words of the prompt, varied by the seed.
//!
//! Not for: recordings, speech or music (`sound`). Obeys no outside format: samples are floats
//! at `wave::SAMPLE_HZ`, levelled afterwards.

use super::dice::Dice;
use super::wave::SAMPLE_HZ;
use super::words::Words;
use std::f32::consts::TAU;

/// Draws one effect into a buffer.
type Effect = fn(&mut Desk);

/// Effects by word; the first match in this order wins.
const EFFECTS: [(&[&str], Effect); 18] = [
    (&["rain", "shower", "drizzle"], play_rain),
    (&["wind", "breeze", "storm", "blizzard", "howling"], play_wind),
    (&["explosion", "explode", "blast", "boom", "thunder", "bomb", "cannon", "gunshot"], play_explosion),
    (&["laser", "zap", "blaster", "phaser", "ray", "scifi"], play_laser),
    (&["bell", "chime", "gong", "ding", "notification", "doorbell"], play_bell),
    (&["door", "creak", "knock", "hinge"], play_door),
    (&["footstep", "step", "walk", "walking", "running"], play_steps),
    (&["wave", "ocean", "sea", "surf", "beach"], play_surf),
    (&["fire", "campfire", "crackle", "crackling", "burning"], play_fire),
    (&["heart", "heartbeat", "pulse"], play_heart),
    (&["siren", "alarm", "alert", "police"], play_siren),
    (&["bird", "chirp", "birdsong", "tweet"], play_birds),
    (&["engine", "car", "motor", "truck", "machine", "helicopter"], play_engine),
    (&["water", "drip", "drop", "bubble", "splash", "stream", "river"], play_water),
    (&["coin", "pickup", "game", "powerup", "level", "jump", "retro"], play_coin),
    (&["glass", "shatter", "break", "smash", "crash"], play_glass),
    (&["clock", "tick", "ticking", "timer", "typing", "keyboard", "click"], play_clock),
    (&["applause", "clap", "clapping", "crowd", "cheer"], play_applause),
];

/// Fills `seconds` of mono sound with the effect the words name; a whoosh that lands otherwise.
pub fn play_effect(words: &Words, dice: Dice, seconds: f32) -> Vec<f32> {
    let count = (seconds * SAMPLE_HZ as f32) as usize;
    let mut desk = Desk { samples: vec![0.0; count], seconds, dice };
    let named = EFFECTS.iter().find(|(names, _)| words.said(names));
    named.map_or(play_whoosh as Effect, |(_, effect)| *effect)(&mut desk);
    desk.samples
}

/// The buffer being filled and the chance that varies it.
struct Desk {
    samples: Vec<f32>,
    seconds: f32,
    dice: Dice,
}

/// A state variable filter: low-pass and band-pass at once.
#[derive(Default)]
struct Filter {
    low: f32,
    band: f32,
}

impl Filter {
    /// Takes one sample at a cutoff in hertz; `damping` from 0.05 (ringing) to 2 (flat).
    fn pass(&mut self, input: f32, cutoff_hz: f32, damping: f32) -> (f32, f32) {
        // Beyond a sixth of the rate the filter would become unstable.
        let tune = 2.0 * (TAU / 2.0 * cutoff_hz.clamp(10.0, SAMPLE_HZ as f32 / 6.5) / SAMPLE_HZ as f32).sin();
        self.low += tune * self.band;
        let high = input - self.low - damping.clamp(0.05, 1.2) * self.band;
        self.band += tune * high;
        (self.low, self.band)
    }
}

impl Desk {
    fn chance(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.dice.unit()
    }

    /// Cheap white noise from -1 to 1, seeded by the dice once per use.
    fn noise(&mut self) -> impl FnMut() -> f32 + use<> {
        let mut state = self.dice.next_u64() as u32 | 1;
        move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as i32 as f32 / 2_147_483_648.0
        }
    }

    /// Adds samples from `start` on for `length` seconds; `voice` gets the seconds since then.
    fn add(&mut self, start: f32, length: f32, mut voice: impl FnMut(f32) -> f32) {
        let first = (start.max(0.0) * SAMPLE_HZ as f32) as usize;
        let count = (length.max(0.0) * SAMPLE_HZ as f32) as usize;
        for (index, sample) in self.samples.iter_mut().skip(first).take(count).enumerate() {
            *sample += voice(index as f32 / SAMPLE_HZ as f32);
        }
    }

    /// Noise through a band-pass whose cutoff and gain follow the seconds.
    fn hiss(&mut self, start: f32, length: f32, damping: f32, shape: impl Fn(f32) -> (f32, f32)) {
        let mut noise = self.noise();
        let mut filter = Filter::default();
        self.add(start, length, |t| {
            let (cutoff_hz, gain) = shape(t);
            filter.pass(noise(), cutoff_hz, damping).1 * gain
        });
    }

    /// Noise through a low-pass, for rumble.
    fn rumble(&mut self, start: f32, length: f32, shape: impl Fn(f32) -> (f32, f32)) {
        let mut noise = self.noise();
        let mut filter = Filter::default();
        self.add(start, length, |t| {
            let (cutoff_hz, gain) = shape(t);
            filter.pass(noise(), cutoff_hz, 1.1).0 * gain
        });
    }

    /// A tone whose frequency and gain follow the seconds; `edge` adds odd harmonics.
    fn sweep(&mut self, start: f32, length: f32, edge: f32, shape: impl Fn(f32) -> (f32, f32)) {
        let mut phase = 0.0f32;
        self.add(start, length, |t| {
            let (frequency_hz, gain) = shape(t);
            phase = (phase + frequency_hz / SAMPLE_HZ as f32).fract();
            let wave = (phase * TAU).sin()
                + edge * ((phase * 3.0 * TAU).sin() / 3.0 + (phase * 5.0 * TAU).sin() / 5.0);
            // Starts within 2 ms instead of with a click.
            wave * gain * (t * 500.0).min(1.0)
        });
    }

    /// A struck bell: stretched partials that die one after the other.
    fn ring(&mut self, start: f32, frequency_hz: f32, decay: f32, gain: f32) {
        for (ratio, part) in
            [(0.5, 0.35), (1.0, 1.0), (1.19, 0.4), (1.51, 0.3), (2.0, 0.45), (2.74, 0.25), (3.76, 0.15)]
        {
            let pitch = frequency_hz * ratio;
            if pitch < SAMPLE_HZ as f32 * 0.45 {
                self.sweep(start, decay * 5.0, 0.0, |t| {
                    (pitch, gain * part * (-t / decay * (0.6 + ratio * 0.4)).exp())
                });
            }
        }
    }

    /// A soft low blow.
    fn thud(&mut self, start: f32, frequency_hz: f32, decay: f32, gain: f32) {
        self.sweep(start, decay * 6.0, 0.0, |t| {
            (frequency_hz * (0.6 + (-t * 30.0).exp()), gain * (-t / decay).exp())
        });
    }

    /// Moments from zero to the end whose distances vary between two bounds.
    fn moments(&mut self, shortest: f32, longest: f32) -> Vec<f32> {
        let mut moments = Vec::new();
        // Rare events start at once: a sound should not open with silence.
        let mut at = self.chance(0.0, shortest.min(0.05));
        while at < self.seconds {
            moments.push(at);
            // Never closer than 4 ms, so that a list stays short.
            at += self.chance(shortest, longest).max(0.004);
        }
        moments
    }
}

fn play_rain(desk: &mut Desk) {
    let (pitch, whole) = (desk.chance(2200.0, 3000.0), desk.seconds);
    desk.hiss(0.0, whole, 1.2, |t| (pitch + 300.0 * (t * 0.9).sin(), 0.26));
    desk.rumble(0.0, whole, |_| (420.0, 0.22));
    for at in desk.moments(0.004, 0.045) {
        let (pitch, gain) = (desk.chance(1400.0, 3200.0), desk.chance(0.02, 0.3));
        desk.hiss(at, 0.03, 0.2, |t| (pitch, gain * gain * 4.0 * (-t * 160.0).exp()));
    }
}

fn play_wind(desk: &mut Desk) {
    let (a, b) = (desk.chance(0.5, 0.9), desk.chance(0.0, TAU));
    let whole = desk.seconds;
    let gust = move |t: f32| 0.5 + 0.3 * (t * a * 2.0 + b).sin() + 0.2 * (t * a * 5.3).sin();
    desk.hiss(0.0, whole, 0.12, move |t| (260.0 + 520.0 * gust(t), 0.12 + 0.3 * gust(t)));
    desk.hiss(0.0, whole, 0.3, move |t| (600.0 + 900.0 * gust(t + 0.4), 0.1 * gust(t)));
    desk.rumble(0.0, whole, move |t| (170.0, 0.5 * gust(t)));
}

fn play_explosion(desk: &mut Desk) {
    let (long, deep) = ((desk.seconds * 0.28).clamp(0.2, 1.6), desk.chance(50.0, 74.0));
    let whole = desk.seconds;
    desk.hiss(0.0, 0.4, 1.2, |t| (2600.0, 1.2 * (-t * 26.0).exp()));
    desk.rumble(0.0, whole, |t| {
        (120.0 + 2600.0 * (-t * 4.5).exp(), 2.4 * (t * 300.0).min(1.0) * (-t / long).exp())
    });
    desk.sweep(0.0, whole, 0.2, |t| (deep * (0.5 + 1.6 * (-t * 9.0).exp()), 1.2 * (-t / long * 1.3).exp()));
    for at in desk.moments(0.05, 0.25) {
        let gain = desk.chance(0.1, 0.5) * (-at / long).exp();
        desk.hiss(at, 0.08, 0.5, |t| (900.0, gain * (-t * 60.0).exp()));
    }
}

fn play_laser(desk: &mut Desk) {
    let (gap, high) = (desk.chance(0.32, 0.5), desk.chance(1900.0, 2900.0));
    for at in desk.moments(gap, gap + 0.02) {
        let high = high * desk.chance(0.9, 1.1);
        desk.sweep(at, 0.3, 0.7, |t| (140.0 + high * (-t * 13.0).exp(), 0.6 * (-t * 11.0).exp()));
        desk.sweep(at, 0.3, 0.2, |t| (150.0 + high * 1.01 * (-t * 12.0).exp(), 0.4 * (-t * 9.0).exp()));
    }
}

fn play_bell(desk: &mut Desk) {
    let pitch = desk.chance(420.0, 760.0);
    let fifths = [1.0, 1.5, 1.25, 2.0];
    for (index, at) in desk.moments(0.9, 0.95).into_iter().enumerate() {
        let step = fifths.get(index % 4).copied().unwrap_or(1.0);
        desk.ring(at, pitch * step, 0.7, 0.6);
    }
}

fn play_door(desk: &mut Desk) {
    for at in [0.05, 0.27, 0.49] {
        let pitch = desk.chance(150.0, 180.0);
        desk.thud(at, pitch, 0.045, 1.0);
        desk.hiss(at, 0.06, 0.6, |t| (900.0, 0.7 * (-t * 90.0).exp()));
    }
    // Stick and slip: a pulse train that speeds up rings two panel resonances.
    let (length, wobble) = ((desk.seconds - 1.1).max(0.0), desk.chance(5.0, 9.0));
    let mut phase = 0.0f32;
    let (mut panel, mut hinge) = (Filter::default(), Filter::default());
    desk.add(0.9, length, |t| {
        let part = t / length;
        phase += (34.0 + 46.0 * part + 14.0 * (t * wobble).sin()) / SAMPLE_HZ as f32;
        let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
        phase = phase.fract();
        let fade = (part * 8.0).min(1.0) * ((1.0 - part) * 6.0).min(1.0);
        (panel.pass(pulse, 620.0 + 240.0 * part, 0.07).1
            + 0.6 * hinge.pass(pulse, 1480.0 + 300.0 * part, 0.06).1)
            * 2.2
            * fade
    });
}

fn play_steps(desk: &mut Desk) {
    let gap = desk.chance(0.46, 0.58);
    for (index, at) in desk.moments(gap, gap * 1.06).into_iter().enumerate() {
        let side = if index % 2 == 0 { 1.0 } else { 1.12 };
        let gain = desk.chance(0.75, 1.0);
        desk.thud(at, 84.0 * side, 0.05, gain);
        desk.hiss(at, 0.05, 0.7, |t| (700.0 * side, gain * 0.9 * (-t * 80.0).exp()));
        desk.hiss(at + 0.075, 0.09, 0.9, |t| (1500.0 * side, gain * 0.5 * (-t * 45.0).exp()));
    }
}

fn play_surf(desk: &mut Desk) {
    let (pace, whole) = (desk.chance(0.9, 1.25), desk.seconds);
    let swell = move |t: f32| (0.5 - 0.5 * (t * pace + 0.8).cos()).powi(2);
    desk.hiss(0.0, whole, 1.1, move |t| (600.0 + 1900.0 * swell(t - 0.3), 0.08 + 0.55 * swell(t)));
    desk.rumble(0.0, whole, move |t| (240.0, 0.25 + 0.5 * swell(t + 0.4)));
}

fn play_fire(desk: &mut Desk) {
    let whole = desk.seconds;
    desk.rumble(0.0, whole, |t| (260.0 + 60.0 * (t * 3.1).sin(), 0.5 + 0.12 * (t * 7.0).sin()));
    desk.hiss(0.0, whole, 1.0, |_| (1300.0, 0.06));
    for at in desk.moments(0.01, 0.16) {
        let (pitch, gain) = (desk.chance(900.0, 3200.0), desk.chance(0.1, 1.0));
        desk.hiss(at, 0.025, 0.25, |t| (pitch, gain * gain * 1.6 * (-t * 220.0).exp()));
    }
}

fn play_heart(desk: &mut Desk) {
    let gap = desk.chance(0.8, 0.95);
    for at in desk.moments(gap, gap * 1.03) {
        desk.thud(at, 62.0, 0.08, 1.0);
        desk.thud(at + 0.24, 76.0, 0.06, 0.7);
    }
}

fn play_siren(desk: &mut Desk) {
    let (pace, whole) = (desk.chance(0.5, 1.1), desk.seconds);
    desk.sweep(0.0, whole, 0.5, |t| (720.0 + 260.0 * (t * pace * TAU).sin(), 0.5));
}

fn play_birds(desk: &mut Desk) {
    for at in desk.moments(0.18, 0.6) {
        let (low, rise, notes) =
            (desk.chance(2300.0, 3600.0), desk.chance(-900.0, 1500.0), desk.dice.range(1, 5));
        for note in 0..notes {
            let gain = desk.chance(0.2, 0.5);
            desk.sweep(at + note as f32 * 0.09, 0.075, 0.0, |t| {
                let part = t / 0.075;
                (low + rise * part + 260.0 * (part * 19.0).sin(), gain * (part * TAU / 2.0).sin().max(0.0))
            });
        }
    }
    let whole = desk.seconds;
    desk.rumble(0.0, whole, |_| (300.0, 0.03));
}

fn play_engine(desk: &mut Desk) {
    let (idle, whole) = (desk.chance(34.0, 48.0), desk.seconds);
    let revs = move |t: f32| idle * (1.0 + 1.5 * (t / whole * TAU / 2.0).sin().max(0.0));
    for (ratio, gain) in [(1.0, 0.6), (2.0, 0.5), (3.02, 0.25), (4.0, 0.22), (6.0, 0.1)] {
        desk.sweep(0.0, whole, 0.8, move |t| (revs(t) * ratio, gain * (0.8 + 0.2 * (t * 31.0).sin())));
    }
    desk.rumble(0.0, whole, move |t| (revs(t) * 9.0, 0.5));
}

fn play_water(desk: &mut Desk) {
    let whole = desk.seconds;
    desk.hiss(0.0, whole, 1.0, |t| (900.0 + 200.0 * (t * 2.3).sin(), 0.035));
    for at in desk.moments(0.03, 0.3) {
        let (pitch, gain) = (desk.chance(420.0, 1300.0), desk.chance(0.15, 0.7));
        // A bubble's pitch rises as it closes.
        desk.sweep(at, 0.12, 0.0, |t| (pitch * (1.0 + t * 7.0), gain * (-t * 42.0).exp()));
    }
}

fn play_coin(desk: &mut Desk) {
    let base = desk.chance(700.0, 1000.0);
    for at in desk.moments(0.85, 0.9) {
        desk.sweep(at, 0.09, 0.9, |_| (base, 0.4));
        desk.sweep(at + 0.09, 0.6, 0.9, |t| (base * 1.335, 0.4 * (-t * 7.0).exp()));
    }
}

fn play_glass(desk: &mut Desk) {
    desk.hiss(0.0, 0.15, 1.0, |t| (3000.0, 1.4 * (-t * 38.0).exp()));
    desk.thud(0.0, 190.0, 0.03, 0.5);
    for _ in 0..34 {
        let (place, pitch) = (desk.dice.unit(), desk.chance(1500.0, 5200.0));
        let (gain, decay) = (desk.chance(0.08, 0.3), desk.chance(0.02, 0.12));
        desk.ring(place * place * 0.8, pitch, decay, gain * (1.0 - place * 0.7));
    }
}

fn play_clock(desk: &mut Desk) {
    for index in 0..(desk.seconds * 2.0) as u32 + 1 {
        let (at, pitch) = (index as f32 * 0.5, if index.is_multiple_of(2) { 2300.0 } else { 1750.0 });
        desk.hiss(at, 0.05, 0.12, |t| (pitch, 1.3 * (-t * 130.0).exp()));
        desk.thud(at, 420.0, 0.012, 0.3);
    }
}

fn play_applause(desk: &mut Desk) {
    let whole = desk.seconds;
    for at in desk.moments(0.004, 0.016) {
        let (pitch, gain) = (desk.chance(900.0, 2100.0), desk.chance(0.1, 0.7));
        let swell = (at / whole * TAU / 2.0).sin().max(0.0).powf(0.4);
        desk.hiss(at, 0.03, 0.45, |t| (pitch, gain * swell * (-t * 130.0).exp()));
    }
}

fn play_whoosh(desk: &mut Desk) {
    let rise = (desk.seconds * 0.55).min(1.2);
    let (top, pitch) = (desk.chance(1400.0, 2800.0), desk.chance(300.0, 620.0));
    desk.hiss(0.0, rise, 0.35, |t| (200.0 + top * (t / rise).powi(2), 0.7 * (t / rise).powi(2)));
    desk.thud(rise, 74.0, 0.16, 1.1);
    desk.hiss(rise, 0.3, 1.0, |t| (1100.0, 0.8 * (-t * 22.0).exp()));
    desk.ring(rise, pitch, 0.5, 0.22);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_effect_is_heard_finite_and_its_own() {
        let mut heard: Vec<Vec<f32>> = Vec::new();
        for (names, _) in EFFECTS {
            let samples = play_effect(&Words::of(names[0]), Dice::new(&[b"x"]), 2.0);
            let peak = samples.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
            assert!(peak > 0.05 && peak < 20.0, "{names:?} peaks at {peak}");
            assert!(samples.iter().all(|sample| sample.is_finite()));
            assert!(!heard.contains(&samples), "{names:?} sounds like another");
            heard.push(samples);
        }
    }

    #[test]
    fn the_shortest_effects_do_not_fail() {
        for (names, _) in EFFECTS {
            assert_eq!(play_effect(&Words::of(names[0]), Dice::new(&[b"x"]), 0.01).len(), 220);
        }
    }
}
