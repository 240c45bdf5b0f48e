//! Placeholder slideshows for the offline provider: pictures in turn, with sound, as one MP4 file.
//!
//! For: putting what other runs made into a film a browser plays. Each picture is panned over while it is shown and
//! rests while it is cross-faded with its neighbours, which `h264` codes for next to nothing; the sound is
//! kept without loss (`flac`).
//!
//! Not for: editing to a beat, titles, several sounds, or films as parts.

use super::dice::Dice;
use super::film::{Film, Pan};
use super::flac::Flac;
use super::h264::{Encoder, REPEAT_COST_BYTES};
use super::mp4::Track;
use super::wave::Pcm;
use crate::error::Refusal;
use image::RgbaImage;

/// Most pictures of a slideshow: each costs a whole raw picture, 614 KB at the largest size.
pub const PICTURES_MAX: usize = 16;
/// Most frames, so that drawing takes a second or two of the isolate: the most pictures, each shown longest, at the
/// lowest rate.
pub const FRAMES_MAX: u32 = PICTURES_MAX as u32 * SECONDS_MAX * FPS_MIN;
/// Longest that a picture is shown, in seconds.
pub const SECONDS_MAX: u32 = 6;
/// Fewest frames per second: fewer are no movement.
pub const FPS_MIN: u32 = 4;
/// Most bytes of pictures: the first frame of each at the largest size, and some movement. Two copies of it stay far
/// under the 96 MiB an isolate has.
const COMPOSE_MAX_BYTES: usize = 12_000_000;
/// Frames of a cross-fade, as a part of a second's: 0.4 s.
const FADE_PART: (u32, u32) = (2, 5);
/// Sound that is longer than the pictures fades out within this part of a second.
const FADE_OUT_PART: usize = 2;
/// Channels kept: what every player has loudspeakers for.
const CHANNELS_MAX: u16 = 2;

/// What a slideshow is to be like.
pub struct Show {
    pub width: u32,
    pub height: u32,
    /// At most: a long show has fewer frames a second.
    pub fps: u32,
    pub seconds_per_picture: f64,
    pub seed: u64,
}

impl Show {
    /// Shows `stills` in their order, each read only when its turn comes, with `sound` cut to their length.
    pub fn film(
        &self,
        stills: impl ExactSizeIterator<Item = Result<RgbaImage, Refusal>>,
        sound: Option<&Pcm>,
        note: &str,
    ) -> Result<Film, Refusal> {
        let pictures = stills.len();
        let seconds = self.seconds_per_picture;
        if !(1..=PICTURES_MAX).contains(&pictures) || !(1.0..=f64::from(SECONDS_MAX)).contains(&seconds) {
            return Err(Refusal::invalid(format!(
                "An offline slideshow has 1 to {PICTURES_MAX} pictures of 1 to {SECONDS_MAX} seconds each, not \
                 {pictures} of {seconds}."
            )));
        }
        let affordable = (f64::from(FRAMES_MAX) / (pictures as f64 * seconds)) as u32;
        let fps = self.fps.min(affordable).max(FPS_MIN);
        let each = (seconds * f64::from(fps)).round() as u32;
        let frames = each * pictures as u32;
        let (width, height) = (self.width & !1, self.height & !1);
        let mut encoder = Encoder::fading(width, height).map_err(Refusal::invalid)?;
        let mut dice = Dice::new(&[b"compose", &self.seed.to_le_bytes()]);
        let fixed = encoder.raw_picture_bytes() * pictures + frames as usize * REPEAT_COST_BYTES;
        let share = COMPOSE_MAX_BYTES.saturating_sub(fixed) / frames as usize;
        let (mut units, mut saved_bytes) = (Vec::with_capacity(frames as usize), 0);
        let mut poster = RgbaImage::new(0, 0);
        for (number, still) in stills.enumerate() {
            let fade = if number == 0 { 0 } else { fps * FADE_PART.0 / FADE_PART.1 };
            let way = [(1, 0), (0, 1), (-1, 0), (0, -1)].get(dice.range(0, 4) as usize).copied();
            let pan = Pan::over(&still?, way.unwrap_or_default(), (width, height), seconds as f32);
            let pan = pan.map_err(Refusal::invalid)?;
            let last = each - fade - 1;
            for step in 0..=last {
                let (frame, offset) = pan.at(step as f32 / last.max(1) as f32);
                saved_bytes += share;
                if step == 0 {
                    units.extend(encoder.encode_after_fade(&frame, &[offset], fade));
                } else {
                    let unit = encoder.encode(&frame, &[offset], saved_bytes);
                    saved_bytes = saved_bytes.saturating_sub(unit.bytes.len());
                    units.push(unit);
                }
                if number == pictures / 2 && step == last / 2 {
                    poster = frame;
                }
            }
        }
        let sound = sound.map(|pcm| sound_track(pcm, frames, fps));
        let (sequence, picture) = (encoder.sequence_parameters(), encoder.picture_parameters());
        let track = Track { width, height, fps, sequence, picture, units: &units, note, sound: sound.as_ref() };
        Ok(Film {
            bytes: track.write(),
            width,
            height,
            duration_seconds: f64::from(frames) / f64::from(fps),
            frames,
            poster,
        })
    }
}

/// As long as the pictures: silence follows a shorter sound, a longer one fades out.
fn sound_track(pcm: &Pcm, frames: u32, fps: u32) -> Flac {
    let total = frames as usize * pcm.rate_hz as usize / fps as usize;
    let fading = pcm.rate_hz as usize / FADE_OUT_PART;
    let is_longer = pcm.frames() > total;
    Flac::encode(pcm.rate_hz, pcm.channels.min(CHANNELS_MAX), total, |frame, channel| {
        let sample = pcm.sample(frame, channel).unwrap_or(0);
        let left = total - frame;
        if is_longer && left < fading {
            (i64::from(sample) * left as i64 / fading as i64) as i16
        } else {
            sample
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::flac::decoded;
    use super::super::wave::write_wav;
    use super::*;
    use crate::media::sniff::{MediaType, sniff};
    use image::Rgba;

    const SHOW: Show = Show { width: 161, height: 96, fps: 12, seconds_per_picture: 1.0, seed: 7 };

    fn still(shade: u8) -> Result<RgbaImage, Refusal> {
        Ok(RgbaImage::from_fn(60, 40, |x, y| Rgba([shade, (x * 4) as u8, (y * 6) as u8, 255])))
    }

    fn made(show: &Show, pictures: u8, sound: Option<&Pcm>) -> Film {
        let stills: Vec<_> = (0..pictures).map(|number| still(number.wrapping_mul(30))).collect();
        show.film(stills.into_iter(), sound, "a placeholder").unwrap()
    }

    fn has(film: &Film, part: &[u8]) -> bool {
        film.bytes.windows(part.len()).any(|window| window == part)
    }

    #[test]
    fn the_same_input_gives_the_same_bytes_and_another_order_or_seed_does_not() {
        let film = made(&SHOW, 3, None);
        assert_eq!(film.bytes, made(&SHOW, 3, None).bytes);
        assert_ne!(film.bytes, made(&Show { seed: 8, ..SHOW }, 3, None).bytes);
        let reversed = SHOW.film([still(60), still(30), still(0)].into_iter(), None, "a placeholder").unwrap();
        assert_ne!(film.bytes, reversed.bytes);
        assert_eq!((film.width, film.height, film.frames, film.duration_seconds), (160, 96, 36, 3.0));
        assert_eq!((sniff(&film.bytes), has(&film, b"a placeholder")), (Some(MediaType::Mp4), true));
        assert_eq!(film.poster.get_pixel(80, 48).0[0], 30, "the middle picture");
    }

    #[test]
    fn long_shows_have_fewer_frames_but_last_as_long() {
        for (pictures, seconds, fps, frames) in
            [(1, 6.0, 24, 144), (16, 6.0, 24, 384), (16, 2.0, 12, 384), (16, 2.5, 24, 368), (3, 1.1, 4, 12)]
        {
            let film = made(&Show { fps, seconds_per_picture: seconds, width: 64, height: 64, ..SHOW }, pictures, None);
            assert_eq!(film.frames, frames, "{pictures} of {seconds} s");
            assert!((film.duration_seconds - f64::from(pictures) * seconds).abs() < 1.0);
        }
    }

    #[test]
    fn the_largest_and_liveliest_show_stays_under_the_cap() {
        let noise = |number: u32| {
            Ok(RgbaImage::from_fn(700, 700, |x, y| {
                let v = (x ^ number).wrapping_mul(2_654_435_761).wrapping_add(y * 40_503) >> 16;
                Rgba([v as u8, (v >> 4) as u8, 90, 255])
            }))
        };
        let show = Show { width: 640, height: 640, fps: 24, ..SHOW };
        let stills: Vec<_> = (0..16).map(noise).collect();
        let film = show.film(stills.into_iter(), None, "").unwrap();
        assert!(film.bytes.len() > COMPOSE_MAX_BYTES * 8 / 10, "{}", film.bytes.len());
        assert!(film.bytes.len() < COMPOSE_MAX_BYTES + 20_000, "{}", film.bytes.len());
    }

    #[test]
    fn limits_are_refused_by_name_and_a_bad_picture_ends_it() {
        let told = |show: &Show, stills: Vec<_>| show.film(stills.into_iter(), None, "").err().unwrap().message;
        assert!(told(&SHOW, vec![]).contains("1 to 16 pictures"));
        assert!(told(&SHOW, (0..17).map(still).collect()).contains("1 to 16 pictures"));
        for seconds in [0.9, 6.1, f64::NAN] {
            assert!(told(&Show { seconds_per_picture: seconds, ..SHOW }, vec![still(1)]).contains("1 to 6 seconds"));
        }
        assert!(told(&Show { width: 642, ..SHOW }, vec![still(1)]).contains("640 pixels"));
        assert_eq!(told(&SHOW, vec![still(1), Err(Refusal::invalid("no picture"))]), "no picture");
        assert!(told(&SHOW, vec![Ok(RgbaImage::new(0, 0))]).contains("empty"));
    }

    #[test]
    fn a_short_sound_is_kept_exactly_and_silence_follows() {
        for (channels, frames) in [(1, 15_000), (2, 36_750)] {
            let samples: Vec<f32> =
                (0..frames * usize::from(channels)).map(|index| (index as f32 * 0.3).sin() * 0.8).collect();
            let file = write_wav(&samples, channels, "n");
            let pcm = Pcm::read(&file).unwrap();
            assert_eq!(pcm.frames(), frames);
            let track = sound_track(&pcm, 20, 12);
            assert_eq!((track.total, track.rate_hz, track.channels), (36_750, 22_050, channels));
            let own = samples.iter().map(|sample| (sample * 32767.0) as i32);
            let expected: Vec<i32> =
                own.chain(std::iter::repeat(0)).take(36_750 * usize::from(channels)).collect();
            assert!(decoded(&track) == expected);
            let film = made(&SHOW, 2, Some(&pcm));
            assert!(has(&film, b"fLaC") && has(&film, b"dfLa"));
        }
    }

    #[test]
    fn a_long_sound_fades_out_over_the_last_half_second() {
        let file = write_wav(&[0.5; 60_000], 1, "n");
        let heard = decoded(&sound_track(&Pcm::read(&file).unwrap(), 24, 12));
        assert_eq!(heard.len(), 44_100);
        let fading = 44_100 - 11_025;
        assert!(heard[..=fading].iter().all(|sample| *sample == 16_383));
        assert!(heard[fading..].windows(2).all(|pair| pair[1] <= pair[0]));
        assert!((8_100..8_200).contains(&heard[fading + 5_512]), "{}", heard[fading + 5_512]);
        assert!((0..4).contains(&heard[44_099]));
    }

    #[test]
    fn eight_bits_and_more_channels_are_read() {
        let mut file = write_wav(&[0.0; 400], 1, "n");
        let data = file.len() - 800;
        (file[22], file[32], file[34]) = (4, 4, 8);
        for (index, sample) in file[data..].iter_mut().enumerate() {
            *sample = [128, 255, 0, 7][index % 4];
        }
        let pcm = Pcm::read(&file).unwrap();
        assert_eq!((pcm.channels, pcm.frames()), (4, 200));
        let track = sound_track(&pcm, 1, 100);
        assert_eq!((track.channels, track.total), (2, 220));
        let heard = decoded(&track);
        assert_eq!(heard[..4], [0, 32_512, 0, 32_512]);
        assert!(heard[400..].iter().all(|sample| *sample == 0));
    }
}
