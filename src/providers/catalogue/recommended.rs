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
    (Category::Illustration, Capability::TextToImage, &[]),
    (Category::GameIcon, Capability::TextToImage, &[]),
    (Category::PhotoEdit, Capability::ImageToImage, &[]),
    (Category::Style, Capability::StyleReference, &[]),
    (Category::Cutout, Capability::RemoveBackground, &[]),
    (Category::Upscale, Capability::Upscale, &[]),
    (Category::Logo, Capability::TextToImage, &[]),
    (Category::Vectorize, Capability::Vectorize, &[]),
    (Category::TextToVideo, Capability::TextToVideo, &[]),
    (Category::AnimatePicture, Capability::ImageToVideo, &[]),
    (Category::Lipsync, Capability::Lipsync, &[]),
    (Category::Slideshow, Capability::ComposeVideo, &[]),
    (Category::TextTo3d, Capability::TextTo3d, &[]),
    (Category::PictureTo3d, Capability::ImageTo3d, &[]),
    (Category::Speech, Capability::TextToSpeech, &[]),
    (Category::Music, Capability::Music, &[]),
    (Category::SoundEffect, Capability::SoundEffects, &[]),
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
