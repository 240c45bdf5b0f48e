//! Which model to begin with for a kind of job: one table over all providers, of which this deployment's part is shown.
//! Not for: which models there are, or what they can do (`Catalogue`).

use super::Catalogue;
use crate::models::{Capability, Model, words};
use crate::providers::Provider;
use serde::{Deserialize, Serialize};

words! {
    /// Kinds of job people ask for.
    Category {
        Illustration = "illustration",
        GameIcon = "game_icon",
        PhotoEdit = "photo_edit",
        Style = "style",
        Cutout = "cutout",
        Upscale = "upscale",
        Logo = "logo",
        Vectorize = "vectorize",
        TextToVideo = "text_to_video",
        AnimatePicture = "animate_picture",
        Lipsync = "lipsync",
        Slideshow = "slideshow",
        TextTo3d = "text_to_3d",
        PictureTo3d = "picture_to_3d",
        Speech = "speech",
        Music = "music",
        SoundEffect = "sound_effect",
    }
}

/// Models named for each category; more would not be a recommendation.
const PER_CATEGORY: usize = 3;

/// A model and why it is named, in a few words.
type Pick = (&'static str, &'static str);

/// Best first. The same model at another provider stands next to it: where both are offered, the first is shown.
const PICKS: &[(Category, Capability, &[Pick])] = &[
    (
        Category::Illustration,
        Capability::TextToImage,
        &[
            ("flux-2-pro", "high quality, follows long prompts"),
            ("flux-2-pro-replicate", "high quality, follows long prompts"),
            ("nano-banana-2", "writes text well, knows the world"),
            ("nano-banana-2-replicate", "writes text well, knows the world"),
            ("gpt-image-2.5-flare", "good with instructions and text"),
            ("flux-schnell", "fast and cheap drafts"),
            ("flux-schnell-replicate", "fast and cheap drafts"),
            ("lucid-origin-workers-ai", "by the free allowance of Cloudflare"),
            ("flux-2-klein-workers-ai", "by the free allowance of Cloudflare"),
            ("local-image", "your own server, free"),
        ],
    ),
    (
        Category::GameIcon,
        Capability::TextToImage,
        &[
            ("gpt-image-2.5-flare", "transparent background"),
            ("recraft-v4-vector", "clean shapes as SVG"),
            ("flux-2-pro", "even style over a set"),
            ("flux-2-pro-replicate", "even style over a set"),
            ("flux-schnell", "many variants for little"),
            ("flux-schnell-replicate", "many variants for little"),
            ("flux-2-klein-workers-ai", "by the free allowance of Cloudflare"),
            ("local-image", "your own server, free"),
        ],
    ),
    (
        Category::PhotoEdit,
        Capability::ImageToImage,
        &[
            ("nano-banana-2-edit", "keeps everything but what you name"),
            ("nano-banana-2-replicate", "keeps everything but what you name"),
            ("flux-kontext-pro", "local changes by words"),
            ("flux-kontext-pro-replicate", "local changes by words"),
            ("flux-fill-pro", "repaints exactly a mask"),
            ("flux-fill-dev-replicate", "repaints exactly a mask"),
            ("gpt-image-2.5-flare", "edits by words, with or without a mask"),
            ("flux-2-klein-workers-ai", "by the free allowance of Cloudflare"),
            ("local-image-edit", "your own server, free"),
        ],
    ),
    (
        Category::Style,
        Capability::StyleReference,
        &[
            ("ideogram-v3", "made for style pictures"),
            ("ideogram-v3-replicate", "made for style pictures"),
            ("nano-banana-2-edit", "takes several pictures at once"),
            ("nano-banana-2-replicate", "takes several pictures at once"),
            ("flux-2-pro-edit", "carries a look over to another picture"),
            ("gpt-image-2.5-flare", "describes what it should take over"),
        ],
    ),
    (
        Category::Cutout,
        Capability::RemoveBackground,
        &[
            ("bria-background-remove", "clean hair and edges"),
            ("background-remover-replicate", "a fraction of a cent"),
        ],
    ),
    (
        Category::Upscale,
        Capability::Upscale,
        &[
            ("recraft-crisp-upscale", "crisp, invents nothing"),
            ("recraft-crisp-upscale-replicate", "crisp, invents nothing"),
            ("seedvr-upscale", "by a factor you choose"),
            ("localai-upscale", "your own server, free"),
        ],
    ),
    (
        Category::Logo,
        Capability::TextToImage,
        &[
            ("recraft-v4-vector", "SVG from the start"),
            ("gpt-image-2.5-flare", "exact lettering, transparent background"),
            ("nano-banana-2", "exact lettering"),
            ("nano-banana-2-replicate", "exact lettering"),
            ("ideogram-v3", "lettering in many styles"),
            ("ideogram-v3-replicate", "lettering in many styles"),
        ],
    ),
    (
        Category::Vectorize,
        Capability::Vectorize,
        &[
            ("recraft-vectorize", "traces a picture into SVG"),
            ("recraft-vectorize-replicate", "traces a picture into SVG"),
        ],
    ),
    (
        Category::TextToVideo,
        Capability::TextToVideo,
        &[
            ("veo-3.1-fast", "with sound, best all round"),
            ("veo-3.1-fast-replicate", "with sound, best all round"),
            ("h3-max", "cheaper, up to 15 seconds"),
        ],
    ),
    (
        Category::AnimatePicture,
        Capability::ImageToVideo,
        &[
            ("veo-3.1-fast-image", "with sound, best all round"),
            ("veo-3.1-fast-replicate", "with sound, best all round"),
            ("kling-3-pro-image", "faithful movement of people"),
            ("h3-max-image", "cheaper, up to 15 seconds"),
        ],
    ),
    (
        Category::Lipsync,
        Capability::Lipsync,
        &[
            ("fabric-1.0", "from one portrait and a voice"),
            ("sync-lipsync", "puts a voice onto a film"),
            ("kling-lip-sync-replicate", "puts a voice onto a film"),
        ],
    ),
    (Category::Slideshow, Capability::ComposeVideo, &[]),
    (
        Category::TextTo3d,
        Capability::TextTo3d,
        &[("hunyuan3d-3", "textured"), ("hunyuan3d-3.1-replicate", "textured")],
    ),
    (
        Category::PictureTo3d,
        Capability::ImageTo3d,
        &[
            ("trellis-2", "fine form and materials"),
            ("hunyuan3d-3.1-replicate", "textured"),
            ("trellis", "cheapest draft"),
            ("trellis-replicate", "cheapest draft"),
            ("hunyuan3d-2", "white or textured"),
            ("localai-3d", "your own server, free"),
        ],
    ),
    (
        Category::Speech,
        Capability::TextToSpeech,
        &[
            ("eleven-v3", "most expressive, over 70 languages"),
            ("eleven-v3-fal", "most expressive, over 70 languages"),
            ("eleven-multilingual-v2", "even narration of long texts"),
            ("eleven-flash-v2.5", "fast and half the price"),
            ("kokoro", "cheap English"),
            ("kokoro-replicate", "cheap English"),
            ("aura-2-workers-ai", "by the free allowance of Cloudflare"),
            ("local-speech", "your own server, free"),
        ],
    ),
    (
        Category::Music,
        Capability::Music,
        &[
            ("eleven-music", "whole songs, sung or instrumental"),
            ("eleven-music-fal", "whole songs, sung or instrumental"),
            ("stable-audio-2.5", "one price up to three minutes"),
            ("stable-audio-2.5-replicate", "one price up to three minutes"),
            ("ace-step", "cheapest, with lyrics"),
            ("lyria-2", "thirty seconds of instrumental"),
            ("lyria-2-replicate", "thirty seconds of instrumental"),
        ],
    ),
    (
        Category::SoundEffect,
        Capability::SoundEffects,
        &[
            ("eleven-sound-effects", "anything in words, up to 30 seconds, can loop"),
            ("eleven-sound-effects-fal", "anything in words, can loop"),
            ("stable-audio-open-replicate", "short noises and ambience"),
            ("localai-sound", "your own server, free"),
        ],
    ),
];

pub struct Recommended {
    pub provider: &'static Provider,
    pub model: &'static Model,
    pub why: &'static str,
}

/// What to begin with, best first. Empty: nothing that is offered does this kind of job.
pub fn of(catalogue: Catalogue<'_>, category: Category) -> Vec<Recommended> {
    let Some((_, needs, picks)) = PICKS.iter().find(|(named, ..)| *named == category) else {
        return Vec::new();
    };
    let offered: Vec<_> = catalogue.offered().collect();
    let mut found: Vec<Recommended> = Vec::new();
    for (id, why) in *picks {
        let Some((provider, model)) = offered.iter().find(|(_, model)| model.id == *id) else { continue };
        let is_same = |other: &Recommended| {
            other.model.alternates.contains(id) || model.alternates.contains(&other.model.id)
        };
        if !found.iter().any(is_same) {
            found.push(Recommended { provider, model, why });
        }
    }
    // Where nothing of the table is offered, or something better than a stand-in that nobody has judged.
    if found.iter().all(|found| found.model.placeholder) {
        let able = offered.iter().filter(|(_, model)| model.can(*needs));
        let unnamed = able.filter(|(_, model)| found.iter().all(|found| found.model.id != model.id));
        let mut more: Vec<_> = unnamed
            .map(|(provider, model)| Recommended { provider, model, why: why(provider, model) })
            .collect();
        more.sort_by_key(|found| found.model.placeholder);
        more.append(&mut found);
        more.sort_by_key(|found| found.model.placeholder);
        found = more;
    }
    found.truncate(PER_CATEGORY);
    found
}

fn why(provider: &Provider, model: &Model) -> &'static str {
    match (model.placeholder, provider.adapter().is_some()) {
        (true, _) => "a stand-in, to try the gateway with",
        (false, true) => "can do it",
        (false, false) => "free of charge at any provider",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::ALL;
    use crate::providers::catalogue::stock::{self, Stock};

    #[test]
    fn every_model_named_exists_and_can_do_the_job() {
        let stock = Stock::made(ALL, None);
        let find = |id: &str| stock.entries.iter().find(|entry| entry.model.id == id);
        let named = PICKS.iter().flat_map(|(category, needs, picks)| {
            picks.iter().map(move |(id, why)| (category.as_str(), needs, *id, *why))
        });
        let wrong: Vec<_> = named
            .filter(|(category, needs, id, why)| {
                // A mask is a way to edit a photo too.
                let is_edit = *category == "photo_edit";
                let can = |entry: &stock::Entry| {
                    entry.model.can(**needs) || (is_edit && entry.model.can(Capability::Inpainting))
                };
                !find(id).is_some_and(can) || why.len() > 50 || why.ends_with('.')
            })
            .collect();
        assert_eq!(wrong, []);
        let categories: Vec<_> = PICKS.iter().map(|(category, ..)| *category).collect();
        assert_eq!(categories, Category::ALL);
    }
}
