//! Prompts: things people ask for, ready to send. Each names what it needs and fills a message.

use super::Exchange;
use super::era::Finished;
use super::message::{RpcError, shorten};
use super::methods::{Refused, STATIC_MILLIS, only_page, required};
use crate::platform::Platform;
use serde_json::{Map, Value, json};

pub struct Prompt {
    pub name: &'static str,
    title: &'static str,
    description: &'static str,
    pub arguments: &'static [Argument],
    /// `{name}` stands for an argument.
    template: &'static str,
}

pub struct Argument {
    pub name: &'static str,
    description: &'static str,
    /// Used when the argument is left out; None makes it required.
    default: Option<&'static str>,
}

/// The example prompts of the product's seed, with what varies made an argument.
pub const ALL: &[Prompt] = &[
    Prompt {
        name: "generate_variations",
        title: "Generate variations",
        description: "Several pictures of one subject, with the price first.",
        arguments: &[
            Argument {
                name: "subject",
                description: "What to show, such as a crystal sword icon.",
                default: None,
            },
            Argument { name: "count", description: "How many, 1 to 16.", default: Some("4") },
            Argument {
                name: "style",
                description: "Background, look, medium.",
                default: Some("on a transparent background"),
            },
            Argument {
                name: "model_id",
                description: "Which model; otherwise the best fit.",
                default: Some("the best fitting model"),
            },
        ],
        template: "Generate {count} variations of {subject} {style} with {model_id}. Tell me the price in Creative Units first, then run it, wait for it and show me the links.",
    },
    Prompt {
        name: "browse_models",
        title: "Browse models",
        description: "What can be made here, and for how much.",
        arguments: &[Argument {
            name: "modality",
            description: "image, video, three_d or audio.",
            default: Some("image"),
        }],
        template: "Show me which {modality} models are available in my workspace: what each is good for and what one output costs.",
    },
    Prompt {
        name: "model_from_reference",
        title: "3D model from a picture",
        description: "A 3D object after a reference picture that is already in the workspace.",
        arguments: &[
            Argument { name: "object", description: "What it is, such as a treasure chest.", default: None },
            Argument { name: "file_id", description: "asset_id of the reference picture.", default: None },
        ],
        template: "Create a 3D model of {object} from the reference picture with the asset_id {file_id}: choose a model with image_to_3d, pass the file in guidance_files, wait for the run and give me the link to the GLB.",
    },
    Prompt {
        name: "check_budget",
        title: "Check the budget",
        description: "How many Creative Units are left and what they are enough for.",
        arguments: &[Argument {
            name: "workspace_id",
            description: "Which workspace; otherwise all of mine.",
            default: Some("each of my workspaces"),
        }],
        template: "How many Creative Units are left in {workspace_id}, how many are reserved by running jobs, and roughly how many pictures or seconds of video would they be enough for?",
    },
];

pub fn list(params: &Map<String, Value>) -> Result<Finished, Refused> {
    only_page(params)?;
    let mut prompts: Vec<_> = ALL.iter().map(describe).collect();
    #[cfg(feature = "conformance")]
    prompts.extend(super::fixtures::prompts());
    prompts.shrink_to_fit();
    Ok(Finished::from(json!({ "prompts": prompts })).cached(STATIC_MILLIS, true))
}

fn describe(prompt: &Prompt) -> Value {
    let arguments: Vec<_> = prompt
        .arguments
        .iter()
        .map(|a| json!({ "name": a.name, "description": a.description, "required": a.default.is_none() }))
        .collect();
    json!({ "name": prompt.name, "title": prompt.title, "description": prompt.description, "arguments": arguments })
}

pub fn get<P: Platform>(exchange: &Exchange<P>, params: &Map<String, Value>) -> Result<Finished, Refused> {
    let name = required(params, "name")?;
    let empty = Map::new();
    let given = match params.get("arguments") {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(given)) => given,
        Some(_) => return Err(RpcError::params("params.arguments must be an object of strings.").into()),
    };
    #[cfg(feature = "conformance")]
    if let Some(result) = super::fixtures::prompt(exchange, name, given, params) {
        return Ok(result);
    }
    #[cfg(not(feature = "conformance"))]
    let _ = exchange;
    let prompt = ALL.iter().find(|prompt| prompt.name == name).ok_or_else(|| {
        RpcError::params(format!("There is no prompt `{}` here. prompts/list names them.", shorten(name)))
    })?;
    let text = fill(prompt, given)?;
    let messages = json!([{ "role": "user", "content": { "type": "text", "text": text } }]);
    Ok(Finished::from(json!({ "description": prompt.description, "messages": messages })))
}

fn fill(prompt: &Prompt, given: &Map<String, Value>) -> Result<String, RpcError> {
    if let Some(unknown) =
        given.keys().find(|name| !prompt.arguments.iter().any(|argument| argument.name == *name))
    {
        return Err(RpcError::params(format!(
            "The prompt {} has no argument `{}`.",
            prompt.name,
            shorten(unknown)
        )));
    }
    // In one pass, so that braces inside a value stay what they are.
    let mut pieces = prompt.template.split('{');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once('}').unwrap_or((piece, ""));
        text.push_str(value(prompt, name, given)?);
        text.push_str(rest);
    }
    Ok(text)
}

fn value<'a>(prompt: &'a Prompt, name: &str, given: &'a Map<String, Value>) -> Result<&'a str, RpcError> {
    let default =
        prompt.arguments.iter().find(|argument| argument.name == name).and_then(|argument| argument.default);
    match given.get(name) {
        Some(Value::String(value)) if !value.trim().is_empty() => Ok(value.trim()),
        None | Some(Value::String(_)) => default.ok_or_else(|| {
            RpcError::params(format!("The prompt {} needs the argument `{name}`.", prompt.name))
        }),
        Some(_) => Err(RpcError::params(format!("The argument `{name}` must be a string."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_has_its_place_in_the_text() {
        for prompt in ALL {
            let given = prompt
                .arguments
                .iter()
                .map(|a| (a.name.to_owned(), Value::from(format!("<{}>", a.name))))
                .collect();
            let text = fill(prompt, &given).unwrap();
            assert!(!text.contains('{'), "{text}");
            assert!(prompt.arguments.iter().all(|a| text.contains(&format!("<{}>", a.name))), "{text}");
        }
    }

    #[test]
    fn a_value_with_braces_is_taken_as_it_is() {
        let given = json!({"subject": "a {count} of things"});
        assert!(fill(&ALL[0], given.as_object().unwrap()).unwrap().contains("a {count} of things"));
    }

    #[test]
    fn says_which_argument_is_missing_or_foreign() {
        let missing = fill(&ALL[0], &Map::new()).unwrap_err();
        assert!(missing.message.contains("`subject`"), "{}", missing.message);
        let foreign = json!({"subject": "x", "colour": "red"});
        assert!(fill(&ALL[0], foreign.as_object().unwrap()).unwrap_err().message.contains("`colour`"));
    }
}
