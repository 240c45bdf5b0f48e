//! The built-in workflows and the example of the instructions are good documents that plan with plain inputs.

use super::*;
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
