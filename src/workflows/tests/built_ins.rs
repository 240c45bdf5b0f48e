//! The built-in workflows and the example of the instructions are good documents that plan with plain inputs.

use super::*;
use crate::models::Capability;
use crate::units::Units;
use crate::workflows::{INSTRUCTIONS, Work, built_in};

fn document(id: &str) -> Value {
    serde_json::from_str(built_in::find(id).expect(id).document).expect(id)
}

/// Which steps make how many runs, and the most it costs.
fn shape(id: &str, inputs: Value) -> (Vec<(String, usize)>, Units) {
    let plan = planned(&checked(&document(id)), inputs).unwrap_or_else(|refusal| panic!("{id}: {refusal:?}"));
    let runs = plan.steps.iter().filter_map(|step| match &step.work {
        Work::Runs(runs) => Some((step.id.clone(), runs.len())),
        _ => None,
    });
    (runs.collect(), plan.most())
}

fn runs(list: &[(&str, usize)]) -> Vec<(String, usize)> {
    list.iter().map(|(id, count)| ((*id).to_owned(), *count)).collect()
}

#[test]
fn every_built_in_is_sound_and_explains_itself() {
    for built_in in built_in::all() {
        let workflow = checked(&document(built_in.id));
        assert!(workflow.description().len() > 60, "{}", built_in.id);
        assert!(
            built_in
                .id
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        );
        for input in workflow.inputs() {
            assert!(input.description.ends_with('.'), "{} {}", built_in.id, input.name);
        }
        for output in workflow.outputs() {
            assert!(output.description.ends_with('.'), "{} {}", built_in.id, output.name);
        }
    }
    assert!(built_in::find("nothing").is_none());
}

#[test]
fn every_built_in_plans_with_as_little_as_possible() {
    assert_eq!(
        shape("product-shot", json!({ "photo": PHOTO })),
        (runs(&[("cutout", 1), ("shots", 1), ("print", 1)]), Units::whole(3))
    );
    assert_eq!(shape("icon-set", json!({})), (runs(&[("plain", 4)]), Units::whole(4)));
    assert_eq!(
        shape("icon-set", json!({ "style_picture": PHOTO, "subjects": ["sun"] })),
        (runs(&[("styled", 1)]), Units::whole(1))
    );
    assert_eq!(shape("picture-to-3d", json!({})), (runs(&[("drawing", 1), ("model", 1)]), Units::whole(4)));
    assert_eq!(
        shape("picture-to-3d", json!({ "picture": PHOTO })),
        (runs(&[("cutout", 1), ("model", 1)]), Units::thousandths(3500))
    );
    assert_eq!(
        shape("storyboard", json!({ "scenes": "A door.\nA hall." })),
        (runs(&[("frames", 2)]), Units::whole(2))
    );
    assert_eq!(
        shape("storyboard", json!({ "scenes": "A door.\nA hall.", "animate": true })),
        (runs(&[("frames", 2), ("films", 2)]), Units::whole(6))
    );
    assert_eq!(
        shape("game-prop", json!({})),
        (runs(&[("concept", 1), ("icon", 1), ("model", 1), ("sound", 1)]), Units::thousandths(5300))
    );
    assert_eq!(built_in::all().len(), 6);
}

#[test]
fn a_narrated_clip_has_a_picture_for_each_sentence() {
    let script = "A fox wakes. It rains! Where is the sun?";
    let (with_music, _) = shape("narrated-clip", json!({ "script": script }));
    assert_eq!(with_music, runs(&[("pictures", 3), ("music", 1), ("clip", 1)]));
    let (with_effect, _) = shape("narrated-clip", json!({ "script": script, "sound": "effect" }));
    assert_eq!(with_effect, runs(&[("pictures", 3), ("effect", 1), ("clip", 1)]));
    let workflow = checked(&document("narrated-clip"));
    let plan = planned(&workflow, json!({ "script": script })).unwrap();
    let Some(Work::Runs(clip)) = plan.steps.iter().find(|step| step.id == "clip").map(|step| &step.work)
    else {
        panic!("no clip")
    };
    assert_eq!(clip[0].generation.guidance.len(), 4, "three pictures and the sound");
    let long = planned(&workflow, json!({ "script": "Yes. ".repeat(13) })).unwrap_err();
    assert!(long.message.contains("13 pieces; at most 12"), "{}", long.message);
}

#[test]
fn the_example_of_the_instructions_is_right() {
    let example = INSTRUCTIONS.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    checked(&serde_json::from_str(example).unwrap());
    assert!(INSTRUCTIONS.len() < 6_000, "a model reads all of it");
}

/// Settings by which each provider can be asked.
const PROVIDERS: &[(&str, &str)] = &[
    ("FAL_KEY", "k"),
    ("REPLICATE_API_TOKEN", "k"),
    ("ELEVENLABS_API_KEY", "k"),
    ("OPENAI_API_KEY", "k"),
    ("WORKERS_AI", "yes"),
];

/// Each built-in with inputs that make every one of its steps.
fn whole(id: &str) -> Vec<Value> {
    match id {
        "product-shot" => vec![json!({ "photo": PHOTO, "pictures": 4 })],
        "icon-set" => vec![json!({}), json!({ "style_picture": PHOTO, "size": 64 })],
        "picture-to-3d" => vec![json!({}), json!({ "picture": PHOTO, "faces": 500 })],
        "narrated-clip" => {
            vec![
                json!({ "script": "One. Two." }),
                json!({ "script": "One.", "sound": "effect", "sound_seconds": 30 }),
            ]
        }
        "storyboard" => vec![json!({ "scenes": "A door.", "animate": true, "seconds": 1 })],
        _ => vec![json!({})],
    }
}

#[test]
fn every_built_in_plans_with_every_set_of_providers_and_prefers_real_models() {
    let mut poor = Vec::new();
    for set in 0..1_u32 << PROVIDERS.len() {
        let chosen = PROVIDERS.iter().enumerate().filter(|(index, _)| set >> index & 1 == 1);
        let settings: Vec<_> = chosen.map(|(_, setting)| *setting).collect();
        let config = config(&settings);
        let catalogue = Catalogue::of(&config);
        for built_in in built_in::all() {
            let workflow = check(&document(built_in.id), catalogue)
                .unwrap_or_else(|problems| panic!("{settings:?} {}: {problems:#?}", built_in.id));
            for inputs in whole(built_in.id) {
                let inputs = inputs.as_object().unwrap();
                let plan = plan(&workflow, built_in.id, 1, inputs, catalogue, &mut || 1)
                    .unwrap_or_else(|refusal| panic!("{settings:?} {}: {refusal:?}", built_in.id));
                poor.extend(
                    stand_ins(catalogue, &plan).into_iter().map(|step| format!("{settings:?} {step}")),
                );
            }
        }
    }
    assert!(poor.is_empty(), "\n{}", poor.join("\n"));
}

/// Steps done by a stand-in though a real model that is offered does such work.
fn stand_ins(catalogue: Catalogue<'_>, plan: &Plan) -> Vec<String> {
    let document = document(&plan.workflow_id);
    let steps = document["steps"].as_array().unwrap();
    let mut found = Vec::new();
    for step in &plan.steps {
        let Work::Runs(runs) = &step.work else { continue };
        let written = steps.iter().find(|written| written["id"] == *step.id).unwrap();
        let needs = written["capability"].as_str().or(written["operation"].as_str()).unwrap();
        let needs = Capability::parse(needs).unwrap();
        for run in runs {
            let (_, model) = catalogue.provider_of(&run.generation.model_id).unwrap();
            assert!(run.generation.batch_size <= model.per_call, "{}", model.id);
            let real = catalogue.models().find(|other| !other.placeholder && other.can(needs));
            if let Some(real) = real.filter(|_| model.placeholder) {
                found.push(format!("{}.{}: {} and not {}", plan.workflow_id, step.id, model.id, real.id));
            }
        }
    }
    found
}
