//! From the parameters of a step to the request that its model is asked with, and everything the model would not
//! take, said at its place in the document.

use super::choice::{Attempt, adapt};
use super::document::Workflow;
use super::input::InputSpec;
use super::names::modality_of;
use super::plan::{FileRef, stand_in};
use super::problem::Problems;
use super::scope::{Item, SAMPLE, Scope, Texts};
use super::step::{Body, Step};
use crate::id::AssetId;
use crate::models::generation::{
    ForgeRequest, GuidanceFile, GuidanceKind, MAX_GUIDANCE_FILES, Mask, PostRequest, normalize,
};
use crate::models::parameter::{shorten, whole};
use crate::models::{Generation, Modality, Model, Need};
use serde_json::{Map, Value};

/// Refusals told of one request; every one is found by checking all of it again.
const MAX_ROUNDS: usize = 40;

/// A request whose files are stand-ins where a step makes them, and where each of its parts stands.
pub struct Built {
    request: ForgeRequest,
    /// One for each guidance file, then one for the mask.
    pub files: Vec<FileRef>,
    path: String,
    options_path: String,
    files_path: String,
    /// The entry of the document from which each guidance file comes; a list makes several.
    places: Vec<String>,
}

/// The request of a model or transform step to one of its models.
pub fn build(step: &Step, model: &Model, scope: &Scope<'_>, problems: &mut Problems) -> Option<Built> {
    let path = format!("{}.parameters", step.path());
    match &step.body {
        Body::Model { parameters, .. } => Some(of_model(model, parameters, path, scope, problems)),
        Body::Transform { file, parameters, .. } => {
            let mut built = Built::new(model, path.clone(), path);
            built.files_path = format!("{}.file", step.path());
            let place = built.files_path.clone();
            built.guide(scope.files(file), GuidanceKind::InitImage, None, &place);
            built.options(parameters, scope, problems);
            Some(built)
        }
        Body::Text { .. } | Body::Pick { .. } => None,
    }
}

fn of_model(
    model: &Model,
    parameters: &Map<String, Value>,
    path: String,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Built {
    let mut built = Built::new(model, path.clone(), format!("{path}.options"));
    let mut read = Reader { parameters, path: path.clone(), scope, problems };
    let request = &mut built.request;
    request.prompt = read.text("prompt");
    request.negative_prompt = read.text("negative_prompt");
    request.width = read.whole("width");
    request.height = read.whole("height");
    request.batch_size = read.whole("batch_size");
    request.seed = read.whole("seed");
    request.quality = read.text("quality");
    request.duration_seconds = read.number("duration_seconds");
    if let Some(Value::Object(post)) = parameters.get("post") {
        let mut read = Reader { parameters: post, path: format!("{path}.post"), scope, problems };
        request.post = Some(PostRequest {
            upscale_ratio: read.number("upscale_ratio"),
            vectorize: read.boolean("vectorize"),
            remove_background: read.boolean("remove_background"),
        });
    }
    if let Some(Value::Object(options)) = parameters.get("options") {
        built.options(options, scope, problems);
    }
    let files =
        parameters.get("guidance_files").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (index, file) in files.iter().filter_map(Value::as_object).enumerate() {
        let path = format!("{path}.guidance_files[{index}]");
        let kind = file.get("type").and_then(Value::as_str).and_then(GuidanceKind::parse);
        let strength = Reader { parameters: file, path: path.clone(), scope, problems }.number("strength");
        if let (Some(kind), Some(id)) = (kind, file.get("file_id")) {
            built.guide(scope.files(id), kind, strength, &path);
        }
    }
    if let Some(Value::Object(mask)) = parameters.get("mask")
        && let Some(file) = mask.get("file_id").and_then(|file| scope.files(file).into_iter().next())
    {
        let mut read = Reader { parameters: mask, path: format!("{path}.mask"), scope, problems };
        built.request.mask = Some(Mask { file_id: id_of(&file), edge_radius: read.whole("edge_radius") });
        built.files.push(file);
    }
    built
}

fn id_of(file: &FileRef) -> String {
    match file {
        FileRef::Asset(id) => id.to_string(),
        FileRef::Output { .. } => stand_in().to_string(),
    }
}

/// The fields of one object, evaluated. None for what is absent, not known or wrong.
struct Reader<'a, 's> {
    parameters: &'a Map<String, Value>,
    path: String,
    scope: &'a Scope<'s>,
    problems: &'a mut Problems,
}

impl Reader<'_, '_> {
    fn value(&mut self, name: &str) -> Option<Value> {
        match self.scope.value(self.parameters.get(name)?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.problems.add_new(&format!("{}.{name}", self.path), message);
                None
            }
        }
    }

    fn text(&mut self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::String(text) => Some(text),
            Value::Null if name == "quality" => None,
            Value::Null => Some(SAMPLE.into()),
            // A number or a list may be a whole prompt.
            _ => match self.scope.text(self.parameters.get(name)?.as_str()?) {
                Ok(text) => Some(text),
                Err(message) => {
                    self.problems.add_new(&format!("{}.{name}", self.path), message);
                    None
                }
            },
        }
    }

    fn read<T>(&mut self, name: &str, expected: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.value(name).filter(|value| !value.is_null())?;
        let found = read(&value);
        if found.is_none() {
            let message = format!("Must be {expected}, not {}.", shorten(&value));
            self.problems.add_new(&format!("{}.{name}", self.path), message);
        }
        found
    }

    fn whole(&mut self, name: &str) -> Option<i64> {
        self.read(name, "a whole number", whole)
    }

    fn number(&mut self, name: &str) -> Option<f64> {
        self.read(name, "a number", Value::as_f64)
    }

    fn boolean(&mut self, name: &str) -> Option<bool> {
        self.read(name, "true or false", Value::as_bool)
    }
}

impl Built {
    fn new(model: &Model, path: String, options_path: String) -> Self {
        let request = ForgeRequest { model_id: model.id.to_owned(), ..ForgeRequest::default() };
        let files_path = format!("{path}.guidance_files");
        Self { request, files: Vec::new(), path, options_path, files_path, places: Vec::new() }
    }

    fn options(&mut self, options: &Map<String, Value>, scope: &Scope<'_>, problems: &mut Problems) {
        let mut read = Reader { parameters: options, path: self.options_path.clone(), scope, problems };
        let values = options.keys().filter_map(|name| {
            let value = read.value(name).filter(|value| !value.is_null())?;
            Some((name.clone(), value))
        });
        self.request.options = Some(values.collect());
    }

    fn guide(&mut self, files: Vec<FileRef>, kind: GuidanceKind, strength: Option<f64>, place: &str) {
        // One too many is enough to be refused.
        let room = (MAX_GUIDANCE_FILES + 1).saturating_sub(self.places.len());
        for file in files.into_iter().take(room) {
            let entry = GuidanceFile { file_id: id_of(&file), kind, strength };
            self.request.guidance_files.get_or_insert_default().push(entry);
            self.places.push(place.to_owned());
            self.files.push(file);
        }
    }

    /// What will run, if no problem is told. `normalize` stops at the first thing it refuses; that is told at its place, taken out, and
    /// the rest tried again, so that an author is told everything at once.
    pub fn normalize(
        &self,
        attempt: &Attempt<'_>,
        random_seed: u32,
        problems: &mut Problems,
    ) -> Option<(Generation, Vec<String>)> {
        let model = attempt.model;
        let mut request = self.request.clone();
        let changes = if attempt.adapts { adapt(&mut request, attempt) } else { Vec::new() };
        let mut places = self.places.clone();
        for _ in 0..MAX_ROUNDS {
            let refusal = match normalize(model, &request, random_seed) {
                Ok((generation, warnings)) => return Some((generation, [changes, warnings].concat())),
                Err(refusal) => refusal,
            };
            let field = field_of(&refusal.message, &request);
            let place = self.place(&field, &places);
            let mut message = refusal.message;
            if let Some((index, entry)) =
                entry(&field).and_then(|(index, _)| Some((index, places.get(index)?)))
            {
                // Lists make several of one entry, so its number in the request says nothing to the author.
                let own = entry.rsplit('.').next().unwrap_or_default();
                message = message.replacen(&format!("guidance_files[{index}]"), own, 1);
            }
            problems.add_new(&place, message);
            if !take_out(&field, model, &mut request, &mut places) {
                return None;
            }
        }
        None
    }

    /// Where a field of the request stands in the document.
    fn place(&self, field: &str, places: &[String]) -> String {
        let request = &self.request;
        if let Some((index, rest)) = entry(field) {
            let place = places.get(index).map_or(self.path.as_str(), String::as_str);
            // Of a transform it is the file itself.
            return if place.ends_with(']') { format!("{place}{rest}") } else { place.to_owned() };
        }
        let is_named = match field {
            "width" => request.width.is_some(),
            "height" => request.height.is_some(),
            "quality" => request.quality.is_some(),
            "duration_seconds" => request.duration_seconds.is_some(),
            "guidance_files" => return self.files_path.clone(),
            "prompt" | "negative_prompt" | "batch_size" | "seed" | "mask" => true,
            _ => field.starts_with("post.") || field.starts_with("mask."),
        };
        match field {
            "" => self.path.clone(),
            _ if is_named => format!("{}.{field}", self.path),
            _ => format!("{}.{field}", self.options_path),
        }
    }
}

/// The field a refusal is about: every one begins with it in backticks, or says what the model does not take or needs.
fn field_of(message: &str, request: &ForgeRequest) -> String {
    if let Some(rest) = message.strip_prefix('`') {
        return rest.split('`').next().unwrap_or_default().to_owned();
    }
    if message.contains(" needs a guidance file ") {
        return "guidance_files".into();
    }
    if message.contains(" a `mask`.") {
        return "mask".into();
    }
    let named = ["width", "height", "duration_seconds"].into_iter();
    let mut fields = request.options.iter().flat_map(Map::keys).map(String::as_str).chain(named);
    let not_taken = |name: &&str| message.contains(&format!(" does not take {}.", shorten(&(*name).into())));
    fields.find(not_taken).unwrap_or_default().to_owned()
}

/// `guidance_files[2].type` → 2, `.type`
fn entry(field: &str) -> Option<(usize, &str)> {
    let (index, rest) = field.strip_prefix("guidance_files[")?.split_once(']')?;
    Some((index.parse().ok()?, rest))
}

/// Makes this field one that the model takes. False: it was so already, and nothing is gained by asking again.
fn take_out(field: &str, model: &Model, request: &mut ForgeRequest, places: &mut Vec<String>) -> bool {
    let nil = || stand_in().to_string();
    if let Some((index, rest)) = entry(field) {
        let Some(file) = request.guidance_files.as_mut().filter(|files| index < files.len()) else {
            return false;
        };
        if rest == ".strength" {
            file.iter_mut().skip(index).take(1).for_each(|file| file.strength = None);
        } else {
            file.remove(index);
            places.remove(index);
        }
        return true;
    }
    match field {
        "prompt" => request.prompt.replace(SAMPLE.into()).as_deref() != Some(SAMPLE),
        "negative_prompt" => request.negative_prompt.take().is_some(),
        "batch_size" => request.batch_size.take().is_some(),
        "seed" => request.seed.take().is_some(),
        "guidance_files" => {
            let files = request.guidance_files.get_or_insert_default();
            let missing = model
                .guidance
                .iter()
                .find(|slot| slot.required && !files.iter().any(|file| file.kind == slot.kind))
                .map(|slot| GuidanceFile { file_id: nil(), kind: slot.kind, strength: None });
            let is_missing = missing.is_some();
            places.extend(missing.iter().map(|_| String::new()));
            files.extend(missing);
            is_missing
        }
        "mask" if model.mask == Need::No => request.mask.take().is_some(),
        "mask" => request.mask.replace(Mask { file_id: nil(), edge_radius: None }).is_none(),
        "mask.edge_radius" => request.mask.as_mut().and_then(|mask| mask.edge_radius.take()).is_some(),
        _ => match (field.strip_prefix("post."), request.post.as_mut()) {
            (Some("upscale_ratio"), Some(post)) => post.upscale_ratio.take().is_some(),
            (Some("vectorize"), Some(post)) => post.vectorize.take().is_some(),
            (Some("remove_background"), Some(post)) => post.remove_background.take().is_some(),
            _ => take_parameter_out(field, request),
        },
    }
}

fn take_parameter_out(name: &str, request: &mut ForgeRequest) -> bool {
    // One of the two is enough: it may be refused for being given twice.
    if request.options.as_mut().and_then(|options| options.remove(name)).is_some() {
        return true;
    }
    match name {
        "width" => request.width.take().is_some(),
        "height" => request.height.take().is_some(),
        "quality" => request.quality.take().is_some(),
        "duration_seconds" => request.duration_seconds.take().is_some(),
        _ => false,
    }
}

/// Tries the models of each step with the defaults of the inputs and with stand-ins for files and texts.
pub fn try_steps(workflow: &Workflow, problems: &mut Problems) {
    let known = |input: &InputSpec| (input.name.clone(), input.sample());
    let inputs: Map<String, Value> = workflow.inputs.iter().map(known).collect();
    let files = |_: super::reference::Reference<'_>| Some(vec![FileRef::Asset(stand_in())]);
    for step in &workflow.steps {
        let Some(models) = step.models() else { continue };
        let mut scope = Scope { inputs: &inputs, texts: &Texts::new(), item: None, files: &files };
        if let Some(list) = &step.for_each {
            let is_files = list.contains(".files");
            let item =
                if is_files { Item::File(FileRef::Asset(stand_in())) } else { Item::Value(Value::Null) };
            scope.item = Some((item, 1));
        }
        let fits = |attempt: &Attempt<'_>, problems: &mut Problems| {
            let built = build(step, attempt.model, &scope, problems)?;
            built.normalize(attempt, 0, problems)
        };
        _ = models.first_that_fits(problems, fits);
    }
}

/// Assets that stand in the generation itself, with what they must be.
pub fn assets(generation: &Generation, files: &[FileRef]) -> Vec<(AssetId, Modality)> {
    let kinds = generation.guidance.iter().map(|file| modality_of(file.kind));
    let kinds = kinds.chain(generation.mask.iter().map(|_| Modality::Image));
    let given = files.iter().zip(kinds).filter_map(|(file, kind)| match file {
        FileRef::Asset(id) => Some((id.clone(), kind)),
        FileRef::Output { .. } => None,
    });
    given.collect()
}
