//! What a reference names and of which type that is.
//! Not for: whether it may stand where it does (`places`).

use super::MAX_ITEMS;
use super::input::{InputKind, InputSpec};
use super::reference::{Reference, whole};
use super::step::{Body, Step};
use crate::models::Modality;
use crate::models::generation::GuidanceKind;
use crate::models::parameter;

/// What a reference stands for. A modality is None while the step it comes from is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Text,
    TextList,
    Integer,
    Number,
    Boolean,
    Choice,
    File(Option<Modality>),
    Files(Option<Modality>),
    /// Of an item whose list is wrong: anything may be done with it.
    Unknown,
}

impl Type {
    pub fn words(self) -> String {
        let of = |kind: Option<Modality>| {
            kind.map_or(String::new(), |kind| format!(" of the kind {}", kind.as_str()))
        };
        match self {
            Type::Text => "text".into(),
            Type::TextList => "a list of texts".into(),
            Type::Integer => "a whole number".into(),
            Type::Number => "a number".into(),
            Type::Boolean => "true or false".into(),
            Type::Choice => "a choice".into(),
            Type::File(kind) => format!("a file{}", of(kind)),
            Type::Files(kind) => format!("a list of files{}", of(kind)),
            Type::Unknown => "unknown".into(),
        }
    }
}

fn type_of_input(input: &InputSpec) -> Type {
    match input.kind {
        InputKind::Text => Type::Text,
        InputKind::TextList => Type::TextList,
        InputKind::Integer => Type::Integer,
        InputKind::Number => Type::Number,
        InputKind::Boolean => Type::Boolean,
        InputKind::Choice => Type::Choice,
        InputKind::Image | InputKind::Video | InputKind::Audio | InputKind::ThreeD => {
            Type::File(input.kind.modality())
        }
    }
}

/// What kind of file a guidance file of this type is.
pub fn modality_of(kind: GuidanceKind) -> Modality {
    match kind {
        GuidanceKind::Video => Modality::Video,
        GuidanceKind::Audio => Modality::Audio,
        GuidanceKind::Reference
        | GuidanceKind::Style
        | GuidanceKind::InitImage
        | GuidanceKind::Pose
        | GuidanceKind::Depth
        | GuidanceKind::Canny
        | GuidanceKind::FirstFrame
        | GuidanceKind::LastFrame => Modality::Image,
    }
}

/// What the references of a document can name.
pub struct Names<'a> {
    pub inputs: &'a [InputSpec],
    pub steps: &'a [Step],
    /// Of the files of each step, if it makes files and they are known.
    kinds: Vec<Option<Modality>>,
}

impl<'a> Names<'a> {
    pub fn new(inputs: &'a [InputSpec], steps: &'a [Step]) -> Self {
        let kinds = steps.iter().map(|step| Some(step.models()?.first()?.modality)).collect();
        let mut names = Self { inputs, steps, kinds };
        // A pick may take from a pick that stands later, so one round for each step.
        for _ in steps {
            for (index, step) in steps.iter().enumerate() {
                if let Body::Pick { from, .. } = &step.body {
                    let found =
                        from.iter().find_map(|file| match names.type_of(whole(file.as_str()?)?, None) {
                            Ok(Type::File(kind) | Type::Files(kind)) => kind,
                            _ => None,
                        });
                    names.kinds.get_mut(index).into_iter().for_each(|kind| *kind = found);
                }
            }
        }
        names
    }

    pub fn type_of(&self, reference: Reference<'_>, item: Option<Type>) -> Result<Type, String> {
        let listed = |mut words: Vec<&str>| {
            // The name of what is wrong itself may be missing.
            words.retain(|word| !word.is_empty());
            if words.is_empty() { "none".to_owned() } else { words.join(", ") }
        };
        match reference {
            Reference::Input(name) => {
                self.inputs.iter().find(|input| input.name == name).map(type_of_input).ok_or_else(|| {
                    let known = listed(self.inputs.iter().map(|input| input.name.as_str()).collect());
                    format!("No input is called `{name}`. The inputs: {known}.")
                })
            }
            Reference::Item => {
                item.ok_or_else(|| "{{item}} is known only in a step that has `for_each`.".into())
            }
            Reference::Index if item.is_some() => Ok(Type::Integer),
            Reference::Index => Err("{{index}} is known only in a step that has `for_each`.".into()),
            Reference::Text(id) | Reference::Items(id) | Reference::Files(id, _) => {
                let Some(index) = self.steps.iter().position(|step| step.id == id) else {
                    let known = listed(self.steps.iter().map(|step| step.id.as_str()).collect());
                    return Err(format!("No step has the id `{id}`. The steps: {known}."));
                };
                let kind = self.kinds.get(index).copied().flatten();
                self.type_of_step(reference, self.steps.get(index), kind)
            }
        }
    }

    fn type_of_step(
        &self,
        reference: Reference<'_>,
        step: Option<&Step>,
        kind: Option<Modality>,
    ) -> Result<Type, String> {
        let Some(step) = step else { return Ok(Type::Files(kind)) };
        let id = &step.id;
        match (&step.body, reference) {
            (Body::Text { .. }, Reference::Text(_)) => Ok(Type::Text),
            (Body::Text { split: Some(_), .. }, Reference::Items(_)) => Ok(Type::TextList),
            (Body::Text { split: None, .. }, Reference::Items(_)) => {
                Err(format!("`{id}` has no items; give it `split`, or write {{{{steps.{id}.text}}}}."))
            }
            (Body::Text { .. }, _) => Err(format!(
                "`{id}` makes text, not files. Write {{{{steps.{id}.text}}}} where text belongs."
            )),
            (_, Reference::Text(_) | Reference::Items(_)) => {
                Err(format!("`{id}` makes files, not text; only a step of the type text has text or items."))
            }
            (_, Reference::Files(_, Some(asked))) => match most_files(step) {
                Some(most) if asked >= most => Err(format!(
                    "`{id}` makes at most {most} file{}; they are counted from 0.",
                    if most == 1 { "" } else { "s" }
                )),
                _ => Ok(Type::File(kind)),
            },
            _ => Ok(Type::Files(kind)),
        }
    }
}

/// How many files a step makes at most, as far as the document alone tells.
fn most_files(step: &Step) -> Option<usize> {
    match &step.body {
        Body::Model { models, parameters } if !models.models.is_empty() => {
            let most = models.models.iter().map(|model| model.max_batch).max().unwrap_or(1);
            let literal = parameters.get("batch_size").map_or(Some(1), parameter::whole);
            let batch = literal.and_then(|count| usize::try_from(count).ok()).unwrap_or(most as usize);
            Some(batch * if step.for_each.is_some() { MAX_ITEMS } else { 1 })
        }
        Body::Transform { .. } => Some(if step.for_each.is_some() { MAX_ITEMS } else { 1 }),
        _ => None,
    }
}
