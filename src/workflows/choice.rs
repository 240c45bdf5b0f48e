//! Which model does a step that names only what must be done: the first one offered that takes what the step gives. Where
//! none takes all of it, the wishes are brought within what one can do, and that is said.
//! Not for: a step that names its model; there everything is meant as it stands.

use super::problem::Problems;
use crate::models::generation::{ForgeRequest, GuidanceKind};
use crate::models::parameter::{Kind, Parameter, shorten};
use crate::models::{Generation, Model, Need};
use serde_json::{Value, json};

/// The models that may do a step, best first.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    pub models: Vec<&'static Model>,
    /// The document named a capability, so that the gateway may choose.
    pub is_open: bool,
}

/// One way to do a step.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub model: &'static Model,
    /// Whether its wishes may be changed to what the model takes.
    pub adapts: bool,
    pub candidates: &'a Candidates,
}

impl Candidates {
    pub fn first(&self) -> Option<&'static Model> {
        self.models.first().copied()
    }

    pub fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.models.iter().find_map(|model| model.parameter(name))
    }

    /// Best first. A stand-in is used as it is or not at all: that it does less is no wish of anybody's.
    pub fn attempts(&self) -> Vec<Attempt<'_>> {
        let of = |placeholder: bool, adapts: bool| {
            let models = self.models.iter().filter(move |model| model.placeholder == placeholder);
            models.map(move |model| Attempt { model, adapts, candidates: self })
        };
        let adapted = of(false, true).filter(|_| self.is_open);
        of(false, false).chain(adapted).chain(of(true, false)).collect()
    }
}

impl Candidates {
    /// What `attempt` makes of the best model with which it finds no problem; else the problems with the first of
    /// them as the document stands.
    pub fn first_that_fits<T>(
        &self,
        problems: &mut Problems,
        mut make: impl FnMut(&Attempt<'_>, &mut Problems) -> Option<T>,
    ) -> Option<T> {
        let mut told: Option<Problems> = None;
        for attempt in self.attempts() {
            let mut own = Problems::default();
            let made = make(&attempt, &mut own);
            if own.is_empty() && made.is_some() {
                return made;
            }
            if !attempt.adapts {
                told = told.or(Some(own));
            }
        }
        for problem in told.into_iter().flat_map(Problems::into_vec) {
            problems.add_new(&problem.path, problem.message);
        }
        None
    }
}

/// What a model may be given instead of a file of this type.
fn instead(kind: GuidanceKind) -> &'static [GuidanceKind] {
    use GuidanceKind::{FirstFrame, InitImage, Reference, Style};
    match kind {
        Reference => &[InitImage, FirstFrame],
        InitImage => &[Reference, FirstFrame],
        FirstFrame => &[InitImage, Reference],
        Style => &[Reference, InitImage],
        _ => &[],
    }
}

/// Makes a request one that the model takes, and says what was changed. What none of the candidates knows stays, to be refused.
pub fn adapt(request: &mut ForgeRequest, attempt: &Attempt<'_>) -> Vec<String> {
    let model = attempt.model;
    let mut changes = Vec::new();
    for file in request.guidance_files.iter_mut().flatten() {
        let takes = |kind: GuidanceKind| model.guidance.iter().any(|slot| slot.kind == kind);
        if !takes(file.kind)
            && let Some(kind) = instead(file.kind).iter().copied().find(|kind| takes(*kind))
        {
            file.kind = kind;
        }
    }
    // A model that must have one file of a type is given one that says the same.
    let files = request.guidance_files.get_or_insert_default();
    for slot in model.guidance.iter().filter(|slot| slot.required) {
        if !files.iter().any(|file| file.kind == slot.kind)
            && let Some(file) = files.iter_mut().find(|file| instead(file.kind).contains(&slot.kind))
        {
            file.kind = slot.kind;
        }
    }
    size(request, model, &mut changes);
    if let Some(seconds) = request.duration_seconds.take() {
        give(request, model, "duration_seconds", json!(seconds), &mut changes);
    }
    if let Some(quality) = request.quality.take() {
        give(request, model, "quality", quality.into(), &mut changes);
    }
    for (name, value) in request.options.take().unwrap_or_default() {
        if attempt.candidates.parameter(&name).is_some() {
            give(request, model, &name, value, &mut changes);
        } else {
            request.options.get_or_insert_default().insert(name, value);
        }
    }
    if model.prompt == Need::No {
        request.negative_prompt = None;
    }
    changes
}

/// Width and height keep their proportion, or become the nearest one that the model has a word for.
fn size(request: &mut ForgeRequest, model: &Model, changes: &mut Vec<String>) {
    let (Some(width), Some(height)) = (request.width.take(), request.height.take()) else { return };
    let sides = (bounds(model.parameter("width")), bounds(model.parameter("height")));
    if let (Some(across), Some(up)) = sides {
        let (wide, high) = (width.max(1) as f64, height.max(1) as f64);
        let larger = (across.0 / wide).max(up.0 / high).max(1.0);
        let smaller = (across.1 / wide).min(up.1 / high).min(1.0);
        let factor = if larger > 1.0 { larger } else { smaller };
        let side = |side: f64, (least, most): (f64, f64)| (side * factor).round().clamp(least, most) as i64;
        let made = (side(wide, across), side(high, up));
        if made != (width, height) {
            changes.push(format!("made {}x{} instead of {width}x{height}", made.0, made.1));
        }
        (request.width, request.height) = (Some(made.0), Some(made.1));
        return;
    }
    let wanted = width.max(1) as f64 / height.max(1) as f64;
    let shaped = model.parameters.iter().find_map(|parameter| {
        let Kind::Choice { of, .. } = parameter.kind else { return None };
        let shapes = of.iter().filter_map(|word| Some((word, proportion(word)?)));
        let distance = |shape: f64| (shape / wanted).ln().abs();
        let (word, _) = shapes.min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)))?;
        Some((parameter.name, *word))
    });
    match shaped {
        Some((name, word)) => {
            changes.push(format!("{name} {word} stands for {width}x{height}"));
            request.options.get_or_insert_default().entry(name).or_insert_with(|| word.into());
        }
        None => changes.push(format!("{width}x{height} was left out: {} chooses the size", model.id)),
    }
}

/// `16:9`, `1024x768`
fn proportion(word: &str) -> Option<f64> {
    let (width, height) = word.split_once([':', 'x'])?;
    let (width, height): (f64, f64) = (width.parse().ok()?, height.parse().ok()?);
    (width > 0.0 && height > 0.0).then_some(width / height)
}

fn bounds(parameter: Option<&Parameter>) -> Option<(f64, f64)> {
    match parameter?.kind {
        Kind::Integer { least, most, .. } => Some((least as f64, most as f64)),
        Kind::Number { least, most, .. } => Some((least, most)),
        _ => None,
    }
}

/// Sets an option to the value, to the nearest that the model takes, or leaves it to the model.
fn give(request: &mut ForgeRequest, model: &Model, name: &str, value: Value, changes: &mut Vec<String>) {
    let Some(parameter) = model.parameter(name) else {
        changes.push(format!("{name} was left out: {} does not take it", model.id));
        return;
    };
    let given = match parameter.check(&value) {
        Ok(_) => value,
        Err(_) => match nearest(parameter, &value) {
            Some(near) => {
                changes.push(format!("{name} is {} instead of {}", shorten(&near), shorten(&value)));
                near
            }
            // Of another type: refused in the model's own words.
            None => value,
        },
    };
    request.options.get_or_insert_default().insert(name.to_owned(), given);
}

fn nearest(parameter: &Parameter, value: &Value) -> Option<Value> {
    let wanted = value.as_f64()?;
    match parameter.kind {
        Kind::Integer { least, most, .. } => Some(json!((wanted.ceil() as i64).clamp(least, most))),
        Kind::Step { of, .. } => {
            let distance = |step: &i64| (*step as f64 - wanted).abs();
            of.iter().copied().min_by(|a, b| distance(a).total_cmp(&distance(b))).map(Value::from)
        }
        Kind::Number { least, most, .. } => Some(json!(wanted.clamp(least, most))),
        Kind::Choice { of, .. } => {
            let numbers = of.iter().filter_map(|word| Some((word, word.parse::<f64>().ok()?)));
            let near = numbers.min_by(|a, b| (a.1 - wanted).abs().total_cmp(&(b.1 - wanted).abs()))?;
            Some((*near.0).into())
        }
        Kind::Boolean { .. } | Kind::Text { .. } => None,
    }
}

/// As many generations as the provider must be asked for so many outputs. Each goes on with the seeds where the one before
/// stopped.
pub fn split(whole: &Generation, per_call: u32) -> Vec<Generation> {
    let (outputs, most) = (whole.batch_size, per_call.max(1));
    let part = |start: u32| {
        let mut part = whole.clone();
        part.batch_size = most.min(outputs - start);
        part.seed = whole.seed.wrapping_add(start);
        part
    };
    (0..outputs).step_by(most as usize).map(part).collect()
}
