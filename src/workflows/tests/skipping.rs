//! Which steps a plan leaves out, which may be left out while it runs, and what that means for the least price.

use super::planning::{runs, work};
use super::*;
use crate::id::AssetId;
use crate::models::Modality;
use crate::units::Units;
use crate::workflows::{Ended, FileRef, StepCondition, Work};

fn image(id: &str, more: Value) -> Value {
    let mut step =
        json!({ "id": id, "type": "model", "model_id": "offline-image", "parameters": { "prompt": "x" } });
    for (name, value) in more.as_object().unwrap() {
        step[name] = value.clone();
    }
    step
}

fn upscale(id: &str, file: &str) -> Value {
    json!({ "id": id, "type": "transform", "operation": "upscale", "file": file })
}

#[test]
fn a_condition_on_a_value_is_decided_before_the_start() {
    let plan = planned(&checked(&sample()), json!({ "photo": PHOTO, "sound": "none" })).unwrap();
    assert_eq!(work(&plan, "tune"), &Work::Skipped);
    assert_eq!(plan.steps[6].when, None, "`large` waits for a step that is known to be skipped");
    assert_eq!(runs(&plan, "large").len(), 1);
    assert_eq!(plan.least(), plan.most());
    let plan = planned(&checked(&sample()), json!({ "photo": PHOTO })).unwrap();
    assert_eq!(
        plan.steps[6].when,
        Some(StepCondition { step: 4, is: vec![Ended::Success] }),
        "`tune` waits for nothing, so it is never skipped"
    );
    assert_eq!(
        plan.most() - plan.least(),
        Units::thousandths(800 + 500),
        "`tune` is optional, `large` waits"
    );

    let numbers = workflow(
        json!([{ "name": "n", "type": "number", "default": 2 }, { "name": "yes", "type": "boolean", "default": true }]),
        json!([
            image("a", json!({ "when": { "value": "{{inputs.n}}", "is": [1, 2.0] } })),
            image("b", json!({ "when": { "value": "{{inputs.yes}}", "is": false } })),
            image("c", json!({ "when": { "value": "n{{inputs.n}}", "is": "n2" } })),
        ]),
    );
    let plan = planned(&numbers, json!({})).unwrap();
    assert_eq!(plan.most(), Units::whole(2));
    assert_eq!(work(&plan, "b"), &Work::Skipped);
    assert_eq!(planned(&numbers, json!({ "n": 2.5, "yes": false })).unwrap().most(), Units::whole(1));
}

#[test]
fn what_needs_a_skipped_step_is_skipped_but_a_pick_goes_on() {
    let document = workflow(
        json!([{ "name": "photo", "type": "image", "required": false }]),
        json!([
            upscale("a", "{{inputs.photo}}"),
            upscale("b", "{{steps.a.files[0]}}"),
            image("drawn", json!({ "when": { "step": "b", "is": "skipped" } })),
            { "id": "one", "type": "pick", "from": ["{{steps.b.files[0]}}", "{{inputs.photo}}", "{{steps.drawn.files}}"] },
            upscale("c", "{{steps.one.files[0]}}"),
        ]),
    );
    let without = planned(&document, json!({})).unwrap();
    assert_eq!((work(&without, "a"), work(&without, "b")), (&Work::Skipped, &Work::Skipped));
    let drawn = FileRef::Output { step: 2, index: None };
    assert_eq!(work(&without, "one"), &Work::Pick { from: vec![drawn], index: None });
    assert_eq!(without.least(), Units::thousandths(1500));
    assert_eq!(without.most(), without.least());
    assert!(without.files().is_empty());
    let with = planned(&document, json!({ "photo": PHOTO })).unwrap();
    let photo = AssetId::parse(PHOTO).unwrap();
    let from = vec![
        FileRef::Output { step: 1, index: Some(0) },
        FileRef::Asset(photo.clone()),
        FileRef::Output { step: 2, index: None },
    ];
    assert_eq!(work(&with, "one"), &Work::Pick { from, index: None });
    assert_eq!(with.files(), [(photo, Modality::Image)]);
    assert_eq!((with.least(), with.most()), (Units::thousandths(1500), Units::thousandths(2500)));
}

#[test]
fn a_pick_of_nothing_is_skipped_and_so_is_what_needs_it() {
    let document = workflow(
        json!([{ "name": "photo", "type": "image", "required": false }]),
        json!([
            { "id": "one", "type": "pick", "from": ["{{inputs.photo}}"] },
            upscale("b", "{{steps.one.files[0]}}"),
            { "id": "t", "type": "text", "template": "x", "when": { "value": "a", "is": "b" } },
            image("c", json!({ "parameters": { "prompt": "{{steps.t.text}}" } })),
            image("d", json!({ "when": { "step": "t", "is": "success" } })),
        ]),
    );
    let plan = planned(&document, json!({})).unwrap();
    for id in ["one", "b", "t", "c", "d"] {
        assert_eq!(work(&plan, id), &Work::Skipped, "{id}");
    }
    assert_eq!(plan.most(), Units::ZERO);
}

#[test]
fn the_least_price_counts_only_what_is_certain() {
    let document = workflow(
        json!([]),
        json!([
            image("large", json!({ "optional": true })),
            image("small", json!({ "when": { "step": "large", "is": "failure" } })),
            image("sure", json!({})),
            upscale("after", "{{steps.large.files[0]}}"),
            { "id": "either", "type": "pick", "from": ["{{steps.large.files}}", "{{steps.small.files}}"] },
            { "id": "safe", "type": "pick", "from": ["{{steps.large.files}}", "{{steps.sure.files}}"] },
            upscale("of_either", "{{steps.either.files[0]}}"),
            upscale("of_safe", "{{steps.safe.files[0]}}"),
        ]),
    );
    let plan = planned(&document, json!({})).unwrap();
    assert_eq!(plan.most(), Units::thousandths(3000 + 3 * 500));
    assert_eq!(plan.least(), Units::thousandths(1000 + 500));
    assert_eq!(plan.steps[1].when, Some(StepCondition { step: 0, is: vec![Ended::Failure] }));
}

#[test]
fn a_file_that_these_inputs_do_not_make_skips_its_step() {
    let document = workflow(
        json!([{ "name": "n", "type": "integer", "minimum": 1, "maximum": 4, "default": 1 }]),
        json!([
            image("a", json!({ "parameters": { "prompt": "x", "batch_size": "{{inputs.n}}" } })),
            upscale("second", "{{steps.a.files[1]}}"),
        ]),
    );
    let one = planned(&document, json!({})).unwrap();
    assert_eq!(work(&one, "second"), &Work::Skipped);
    assert_eq!(one.warnings, ["`second` is skipped: `a` makes 1 file here, so there is no files[1]."]);
    let two = planned(&document, json!({ "n": 2 })).unwrap();
    assert_eq!(runs(&two, "second").len(), 1);
    assert!(two.warnings.is_empty());
}

#[test]
fn a_file_written_into_the_document_is_looked_for_too() {
    let mask = "0190a0a0-0000-7000-8000-000000000002";
    let repaint = json!({ "id": "b", "type": "model", "model_id": "offline-inpaint", "parameters": { "prompt": "x",
        "guidance_files": [{ "file_id": PHOTO, "type": "init_image" }], "mask": { "file_id": mask } } });
    let plan = planned(&workflow(json!([]), json!([upscale("a", PHOTO), repaint])), json!({})).unwrap();
    let found: Vec<_> = [PHOTO, mask].map(|id| (AssetId::parse(id).unwrap(), Modality::Image)).into();
    assert_eq!(plan.files(), found);
}
