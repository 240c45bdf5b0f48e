//! One output of an offline run: picks the instrument, feeds it the inputs, applies post-processing.

use super::paint::{MAX_SIDE_PX, Palette, paint};
use super::{NOTE, compose, edit, film, solid, sound, trace, wave};
use crate::error::{Code, Refusal};
use crate::media::picture::{self, Format};
use crate::media::sniff::MediaType;
use crate::models::{Generation, GuidanceKind};
use crate::providers::embedded::{Input, Output, Role};
use image::RgbaImage;

/// Pixels of a guidance file: 16 MB decoded, several times over while it is worked on.
const MAX_INPUT_PIXELS: u64 = 4_194_304;

pub fn output(generation: &Generation, index: u32, inputs: &[Input]) -> Result<Output, Refusal> {
    // Outputs of a batch differ, and the first equals the single output of the same seed.
    let seed = u64::from(generation.seed) + u64::from(index) * 0x1_0000_0000;
    let work = Work { generation, seed, inputs };
    match generation.model_id.as_str() {
        "offline-image" => work.picture(work.painted()?),
        "offline-inpaint" => work.picture(work.inpainted()?),
        "offline-upscale" => {
            let ratio = work.number("upscale_ratio", 2.0);
            work.picture(edit::upscale(&work.still()?, ratio as f32))
        }
        "offline-vectorize" => work.vector(&work.still()?),
        "offline-cutout" => work.picture(edit::remove_background(&work.still()?)),
        "offline-video" => work.film(work.filmed()?),
        "offline-lipsync" => work.film(work.lipsynced()?),
        "offline-compose" => work.film(work.composed()?),
        "offline-solid" => work.solid(solid::text_to_3d(work.prompt(), seed, work.whole("face_limit", 4_000), NOTE)),
        "offline-relief" => work.solid(solid::image_to_3d(&work.still()?, seed, work.whole("face_limit", 4_000), NOTE)),
        "offline-music" => work.sound(sound::music(work.prompt(), seed, work.number("duration_seconds", 6.0) as f32, NOTE)),
        "offline-sound" => work.sound(sound::sound_effect(work.prompt(), seed, work.number("duration_seconds", 2.0) as f32, NOTE)),
        other => Err(Refusal::new(Code::ModelNotFound, format!("The offline provider has no model {other}."))),
    }
}

struct Work<'a> {
    generation: &'a Generation,
    seed: u64,
    inputs: &'a [Input],
}

impl Work<'_> {
    fn prompt(&self) -> &str {
        &self.generation.prompt
    }

    fn number(&self, name: &str, default: f64) -> f64 {
        self.generation.option_number(name).unwrap_or(default)
    }

    fn whole(&self, name: &str, default: u32) -> u32 {
        self.generation.option_number(name).map_or(default, |number| number.clamp(0.0, f64::from(u32::MAX)) as u32)
    }

    fn input(&self, roles: &[Role]) -> Option<&Input> {
        self.inputs.iter().find(|input| roles.contains(&input.role))
    }

    fn decoded(&self, input: &Input) -> Result<RgbaImage, Refusal> {
        picture::decode(&input.bytes, MAX_INPUT_PIXELS)
            .map_err(|error| Refusal::invalid(format!("A guidance file cannot be used as a picture: {error}.")))
    }

    /// The picture to work on, whatever role it was given in.
    fn still(&self) -> Result<RgbaImage, Refusal> {
        use GuidanceKind::{FirstFrame, InitImage, Reference};
        let roles = [InitImage, Reference, FirstFrame].map(Role::Guidance);
        let input = self.input(&roles).ok_or_else(|| Refusal::invalid("This model needs a picture in guidance_files."))?;
        self.decoded(input)
    }

    fn painted(&self) -> Result<RgbaImage, Refusal> {
        let (width, height) = (self.whole("width", 512), self.whole("height", 512));
        let start = [GuidanceKind::InitImage, GuidanceKind::Reference].map(Role::Guidance);
        if let Some(input) = self.input(&start) {
            let source = self.decoded(input)?;
            return Ok(edit::image_to_image(&source, self.prompt(), self.seed, input.strength as f32, width, height));
        }
        let style = self.input(&[Role::Guidance(GuidanceKind::Style)]).map(|input| self.decoded(input)).transpose()?;
        let palette = style.map(|style| Palette::from_picture(&style));
        Ok(paint(self.prompt(), &self.generation.negative_prompt, self.seed, width, height, palette.as_ref()))
    }

    fn inpainted(&self) -> Result<RgbaImage, Refusal> {
        let source = self.still()?;
        let mask = self.input(&[Role::Mask]).ok_or_else(|| Refusal::invalid("This model needs a mask."))?;
        let edge_radius = self.generation.mask.as_ref().map_or(0, |mask| mask.edge_radius);
        Ok(edit::inpaint(&source, &self.decoded(mask)?, self.prompt(), self.seed, edge_radius))
    }

    fn filmed(&self) -> Result<film::Film, Refusal> {
        let (width, height) = (self.whole("width", 320), self.whole("height", 176));
        let (seconds, fps) = (self.whole("duration_seconds", 2), self.whole("fps", 12));
        let roles = [GuidanceKind::FirstFrame, GuidanceKind::InitImage].map(Role::Guidance);
        let film = match self.input(&roles) {
            Some(input) => {
                let still = self.decoded(input)?;
                film::image_to_video(&still, self.prompt(), self.seed, seconds, fps, width, height, NOTE)
            }
            None => film::text_to_video(self.prompt(), self.seed, width, height, seconds, fps, NOTE),
        };
        film.map_err(failed)
    }

    fn composed(&self) -> Result<film::Film, Refusal> {
        let (width, height) = (self.whole("width", 320), self.whole("height", 176));
        let (fps, seconds_per_picture) = (self.whole("fps", 12), self.number("seconds_per_picture", 2.0));
        let stills: Vec<_> = self.inputs.iter().filter(|input| input.role == Role::Guidance(GuidanceKind::Reference)).collect();
        let audio = self.input(&[Role::Guidance(GuidanceKind::Audio)]);
        let sound = audio.map(|audio| wave::Pcm::read(&audio.bytes).ok_or_else(not_wav)).transpose()?;
        let show = compose::Show { width, height, fps, seconds_per_picture, seed: self.seed };
        show.film(stills.into_iter().map(|still| self.decoded(still)), sound.as_ref(), NOTE)
    }

    fn lipsynced(&self) -> Result<film::Film, Refusal> {
        let audio = self.input(&[Role::Guidance(GuidanceKind::Audio)]).ok_or_else(|| Refusal::invalid("This model needs an audio file."))?;
        let envelope = wave::envelope_of_wav(&audio.bytes).ok_or_else(not_wav)?;
        let (width, height) = (self.whole("width", 320), self.whole("height", 176));
        film::lipsync(&self.still()?, &envelope, width, height, self.whole("fps", 12), NOTE).map_err(Refusal::invalid)
    }

    /// Post-processing in the order that keeps most: cut out, enlarge, trace.
    fn picture(&self, mut picture: RgbaImage) -> Result<Output, Refusal> {
        let post = self.generation.post;
        if post.remove_background {
            picture = edit::remove_background(&picture);
        }
        if let Some(ratio) = post.upscale_ratio {
            picture = edit::upscale(&picture, ratio as f32);
        }
        if post.vectorize {
            return self.vector(&picture);
        }
        let (format, media) = match self.generation.option_text("output_format") {
            Some("webp") => (Format::Webp, MediaType::Webp),
            Some("jpeg") => (Format::Jpeg { quality: 88 }, MediaType::Jpeg),
            _ => (Format::Png, MediaType::Png),
        };
        let bytes = picture::encode(&picture, format, NOTE).map_err(|error| failed(error.to_string()))?;
        let (width, height) = picture.dimensions();
        Ok(Output { width: Some(width), height: Some(height), ..self.file(bytes, media, picture) })
    }

    fn vector(&self, picture: &RgbaImage) -> Result<Output, Refusal> {
        let svg = trace::vectorize(picture, NOTE);
        let (width, height) = picture.dimensions();
        let poster = picture::thumbnail(picture, MAX_SIDE_PX.min(512));
        Ok(Output { width: Some(width), height: Some(height), ..self.file(svg.into_bytes(), MediaType::Svg, poster) })
    }

    fn film(&self, film: film::Film) -> Result<Output, Refusal> {
        Ok(Output {
            width: Some(film.width),
            height: Some(film.height),
            duration_seconds: Some(film.duration_seconds),
            ..self.file(film.bytes, MediaType::Mp4, film.poster)
        })
    }

    fn solid(&self, solid: Result<solid::Solid, String>) -> Result<Output, Refusal> {
        let solid = solid.map_err(failed)?;
        Ok(self.file(solid.bytes, MediaType::Glb, solid.poster))
    }

    fn sound(&self, sound: Result<sound::Sound, String>) -> Result<Output, Refusal> {
        let sound = sound.map_err(failed)?;
        Ok(Output { duration_seconds: Some(sound.duration_seconds), ..self.file(sound.bytes, MediaType::Wav, sound.poster) })
    }

    fn file(&self, bytes: Vec<u8>, media: MediaType, poster: RgbaImage) -> Output {
        /// Characters of the prompt repeated as the file's description.
        const ALT_CHARS: usize = 120;
        let subject: String = match self.prompt() {
            "" => self.generation.model_id.clone(),
            prompt => prompt.chars().take(ALT_CHARS).collect(),
        };
        let alt = format!("Placeholder: {subject}");
        Output { bytes, media, width: None, height: None, duration_seconds: None, alt, poster }
    }
}

fn not_wav() -> Refusal {
    Refusal::invalid("The audio file is not a WAV with 8 or 16 bit PCM, which is all this model reads.")
}

fn failed(why: String) -> Refusal {
    Refusal::new(Code::ProviderFailed, format!("The file could not be made: {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::generation::{ForgeRequest, GuidanceFile, normalize};

    fn compose(inputs: &[Input]) -> Result<Output, Refusal> {
        let file = |input: &Input| match input.role {
            Role::Guidance(kind) => {
                GuidanceFile { file_id: "0190f5fe-7c00-73c7-a6b5-d4e3f2a1b0c9".into(), kind, strength: None }
            }
            Role::Mask => unreachable!(),
        };
        let request = ForgeRequest {
            model_id: "offline-compose".into(),
            guidance_files: Some(inputs.iter().map(file).collect()),
            ..Default::default()
        };
        let model = crate::providers::offline::catalogue::MODELS.iter().find(|model| model.id == request.model_id).unwrap();
        output(&normalize(model, &request, 1)?.0, 0, inputs)
    }

    fn picture(shade: u8) -> Input {
        let still = RgbaImage::from_pixel(40, 30, image::Rgba([shade, 90, 90, 255]));
        let bytes = picture::encode(&still, Format::Png, "").unwrap();
        Input { role: Role::Guidance(GuidanceKind::Reference), strength: 0.5, bytes }
    }

    fn audio(bytes: Vec<u8>) -> Input {
        Input { role: Role::Guidance(GuidanceKind::Audio), strength: 0.5, bytes }
    }

    #[test]
    fn a_slideshow_takes_pictures_in_their_order_and_one_sound() {
        let sound = sound::sound_effect("bell", 1, 1.0, "").unwrap();
        let made = compose(&[picture(10), audio(sound.bytes), picture(120)]).unwrap();
        assert_eq!((made.media, made.width, made.height), (MediaType::Mp4, Some(320), Some(176)));
        assert_eq!((made.duration_seconds, made.alt.as_str()), (Some(4.0), "Placeholder: offline-compose"));
        assert_eq!(made.poster.get_pixel(160, 88).0[0], 120, "the second picture");
        let says = |part: &[u8]| made.bytes.windows(part.len()).any(|window| window == part);
        assert!(says(NOTE.as_bytes()) && says(b"fLaC"));
    }

    #[test]
    fn a_slideshow_refuses_what_it_cannot_use() {
        let told = |inputs: &[Input]| compose(inputs).err().unwrap().message;
        let sound = || audio(sound::sound_effect("bell", 1, 1.0, "").unwrap().bytes);
        assert!(told(&[sound()]).contains("needs a guidance file of type `reference`"));
        assert!(told(&[picture(1), sound(), sound()]).contains("at most 1 `audio`"));
        assert!(told(&(0..17).map(picture).collect::<Vec<_>>()).contains("at most 16 `reference`"));
        assert!(told(&[picture(1), audio(b"ID3 is no WAV".to_vec())]).contains("not a WAV"));
        let broken = Input { bytes: b"no picture".to_vec(), ..picture(1) };
        assert!(told(&[picture(1), broken]).contains("cannot be used as a picture"));
    }
}
