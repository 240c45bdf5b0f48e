//! What a plan holds: the generation that execute_forge would run, its price, repetition, texts and files.

use super::*;
use crate::id::AssetId;
use crate::models::generation::{ForgeRequest, normalize};
use crate::models::{Generation, Modality};
use crate::providers::Catalogue;
use crate::units::Units;
use crate::workflows::plan::stand_in;
use crate::workflows::{FileRef, PlannedRun, Work};

pub fn runs<'a>(plan: &'a Plan, id: &str) -> &'a [PlannedRun] {
    match &plan.steps.iter().find(|step| step.id == id).expect(id).work {
        Work::Runs(runs) => runs,
        other => panic!("{id} is {other:?}"),
    }
}

pub fn work<'a>(plan: &'a Plan, id: &str) -> &'a Work {
    &plan.steps.iter().find(|step| step.id == id).expect(id).work
}

fn forge(request: Value) -> (Generation, Units) {
    let request: ForgeRequest = serde_json::from_value(request).unwrap();
    let config = config(&[]);
    let catalogue = Catalogue::of(&config);
    let model = catalogue.model(&request.model_id).unwrap();
    let (generation, _) = normalize(model, &request, 0).unwrap();
    let price = catalogue.price(model, &generation);
    (generation, price)
}

#[test]
fn a_run_is_what_execute_forge_would_run_for_the_same_price() {
    let plan = planned(
        &checked(&sample()),
        json!({ "photo": PHOTO, "pictures": 3, "scene": "in the snow", "ratio": 1.5 }),
    )
    .unwrap();
    let nil = stand_in().to_string();
    let (mut generation, price) =
        forge(json!({ "model_id": "offline-image", "prompt": "in the snow, studio light",
        "batch_size": 3, "post": { "upscale_ratio": 1.5 }, "options": { "output_format": "webp" },
        "guidance_files": [{ "file_id": nil, "type": "init_image", "strength": 0.4 }] }));
    let run = &runs(&plan, "shot")[0];
    generation.seed = run.generation.seed;
    assert_eq!((&run.generation, run.price), (&generation, price));
    assert_eq!(price, Units::thousandths(4500));
    let (mut cutout, price) = forge(json!({ "model_id": "offline-cutout",
        "guidance_files": [{ "file_id": PHOTO, "type": "init_image" }] }));
    let run = &runs(&plan, "cutout")[0];
    cutout.seed = run.generation.seed;
    assert_eq!((&run.generation, run.price), (&cutout, price));
    let (_, tune) = forge(json!({ "model_id": "offline-music", "prompt": "x", "duration_seconds": 3 }));
    assert_eq!(runs(&plan, "tune")[0].price, tune);
    assert_eq!(runs(&plan, "tune")[0].generation.prompt, "in the snow\nat night");
    let sum = plan.steps.iter().fold(Units::ZERO, |sum, step| sum + step.price());
    assert_eq!(plan.most(), sum);
    assert_eq!(sum, Units::thousandths(4500 + 500 + 800 + 2000 + 500));
}

#[test]
fn inputs_are_bound_to_their_defaults_and_the_plan_survives_json() {
    let plan = planned(&checked(&sample()), json!({ "photo": PHOTO.to_uppercase() })).unwrap();
    assert_eq!((plan.workflow_id.as_str(), plan.version, plan.name.as_str()), ("test", 3, "Sample"));
    let ids: Vec<_> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["cutout", "words", "shot", "icons", "tune", "best", "large"]);
    assert_eq!(plan.steps[2].title, "Photograph");
    assert_eq!(plan.steps[0].title, "Cutout");
    assert_eq!(plan.steps.iter().map(|step| step.retries).collect::<Vec<_>>(), [1, 1, 1, 0, 1, 1, 1]);
    assert_eq!(plan.steps[6].needs, [4, 5]);
    assert_eq!(work(&plan, "words"), &Work::Text(vec!["on a table".into(), "at night".into()]));
    assert_eq!(plan.files(), [(AssetId::parse(PHOTO).unwrap(), Modality::Image)]);
    assert_eq!(plan.outputs[1].from, FileRef::Output { step: 4, index: Some(0) });
    assert!(plan.warnings.is_empty());
    let written = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&written).unwrap(), plan);
}

#[test]
fn a_step_is_repeated_for_each_item() {
    let plan =
        planned(&checked(&sample()), json!({ "photo": PHOTO, "subjects": ["sun", "{{item}}", "moon"] }))
            .unwrap();
    let prompts: Vec<_> = runs(&plan, "icons").iter().map(|run| run.generation.prompt.as_str()).collect();
    assert_eq!(
        prompts,
        ["1. sun", "2. {{item}}", "3. moon"],
        "what a person gives is not read as a reference"
    );
    assert!(runs(&plan, "icons").iter().all(|run| run.generation.seed == 7));
    let seeds: Vec<_> = ["cutout", "shot"].iter().map(|id| runs(&plan, id)[0].generation.seed).collect();
    assert_eq!(seeds, [1, 2]);
    let empty = planned(&checked(&sample()), json!({ "photo": PHOTO, "subjects": [] })).unwrap();
    assert_eq!(work(&empty, "icons"), &Work::Skipped);
    assert_eq!(empty.warnings, ["`icons` is skipped: its list is empty."]);
}

#[test]
fn the_files_of_a_step_are_counted_by_what_it_makes_at_most() {
    let workflow = workflow(
        json!([{ "name": "n", "type": "integer", "minimum": 1, "maximum": 16, "default": 3 }]),
        json!([
            { "id": "a", "type": "model", "model_id": "offline-image", "parameters": { "prompt": "x", "batch_size": "{{inputs.n}}" } },
            { "id": "b", "type": "transform", "operation": "vectorize", "file": "{{item}}", "for_each": "{{steps.a.files}}" },
            { "id": "c", "type": "pick", "from": ["{{steps.b.files}}"], "index": 1 },
            { "id": "film", "type": "model", "capability": "compose_video",
              "parameters": { "guidance_files": [
                { "file_id": "{{steps.a.files}}", "type": "reference" },
                { "file_id": "{{steps.c.files}}", "type": "reference" },
                { "file_id": "{{steps.b.files[2]}}", "type": "reference" }] } },
        ]),
    );
    let plan = planned(&workflow, json!({})).unwrap();
    let at = |step, index| FileRef::Output { step, index: Some(index) };
    let repeated: Vec<_> = runs(&plan, "b").iter().map(|run| run.files.clone()).collect();
    assert_eq!(repeated, [[at(0, 0)], [at(0, 1)], [at(0, 2)]]);
    assert_eq!(runs(&plan, "film")[0].files, [at(0, 0), at(0, 1), at(0, 2), at(2, 0), at(1, 2)]);
    assert_eq!(runs(&plan, "film")[0].generation.assets().count(), 5);
    assert_eq!(plan.least(), plan.most());
    let many = planned(&workflow, json!({ "n": 16 })).unwrap_err();
    assert_eq!(
        many.message,
        "`steps[3].parameters.guidance_files[1]`: `guidance_files[1]`: offline-compose takes at most 16 `reference`. \
         One more problem is in details.problems."
    );
}

#[test]
fn files_are_filled_in_by_their_place() {
    let workflow = workflow(
        json!([{ "name": "photo", "type": "image" }]),
        json!([
            { "id": "a", "type": "model", "model_id": "offline-image", "parameters": { "prompt": "x" } },
            { "id": "b", "type": "model", "model_id": "offline-inpaint", "parameters": { "prompt": "y",
                "guidance_files": [{ "file_id": "{{inputs.photo}}", "type": "init_image" }],
                "mask": { "file_id": "{{steps.a.files[0]}}", "edge_radius": 2 } } },
        ]),
    );
    let plan = planned(&workflow, json!({ "photo": PHOTO })).unwrap();
    let run = &runs(&plan, "b")[0];
    let photo = AssetId::parse(PHOTO).unwrap();
    let made = AssetId::parse("0190a0a0-0000-7000-8000-000000000002").unwrap();
    assert_eq!(run.files, [FileRef::Asset(photo.clone()), FileRef::Output { step: 0, index: Some(0) }]);
    assert_eq!(run.generation.assets().collect::<Vec<_>>(), [&photo, &stand_in()]);
    let filled = run
        .fill(&|file| match file {
            FileRef::Asset(id) => Some(id.clone()),
            FileRef::Output { step: 0, index: Some(0) } => Some(made.clone()),
            FileRef::Output { .. } => None,
        })
        .unwrap();
    assert_eq!(filled.assets().collect::<Vec<_>>(), [&photo, &made]);
    assert_eq!(filled.mask.unwrap().edge_radius, 2);
    assert_eq!(run.fill(&|file| matches!(file, FileRef::Asset(_)).then(|| made.clone())), None);
}

#[test]
fn every_wrong_input_is_told_at_once() {
    let refusal = planned(
        &checked(&sample()),
        json!({ "pictures": 9, "scene": 5, "sound": "noise", "subjects": ["a", 2], "noise": "x", "ratio": "2", "sharp": 1, "size": 3 }),
    )
    .unwrap_err();
    assert_eq!(refusal.code.as_str(), "INVALID_INPUTS");
    assert_eq!(
        refusal.message,
        "`inputs.photo`: Missing. The thing. 8 more problems are in details.problems."
    );
    let listed: Vec<_> = refusal.details.unwrap()["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| {
            format!("{}: {}", problem["path"].as_str().unwrap(), problem["message"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        listed[1..],
        [
            "inputs.scene: Must be text, not 5.",
            "inputs.pictures: Must be a whole number from 1 to 4, not 9.",
            "inputs.subjects: Item [1] must be text, not 2.",
            "inputs.sound: Must be one of music, none, not \"noise\".",
            "inputs.noise: Must be an asset_id (a UUID) or a file_url, not \"x\".",
            "inputs.ratio: Must be a number from 1 to 4, not \"2\".",
            "inputs.sharp: Must be true or false, not 1.",
            "inputs.size: There is no such input. The inputs: photo, scene, pictures, subjects, sound, noise, ratio, sharp.",
        ]
    );
}

#[test]
fn what_a_model_refuses_is_told_at_its_step() {
    let free = workflow(
        json!([{ "name": "width", "type": "integer" }, { "name": "words", "type": "text" }]),
        json!([{ "id": "a", "type": "model", "model_id": "offline-image",
            "parameters": { "prompt": "{{inputs.words}}", "width": "{{inputs.width}}", "options": { "fps": 3 } } }]),
    );
    let refusal = planned(&free, json!({ "width": 9000, "words": " " })).unwrap_err();
    assert_eq!(
        refusal.details.unwrap()["problems"],
        json!([
            { "path": "steps[0].parameters.prompt", "message": "`prompt` is required by offline-image." },
            { "path": "steps[0].parameters.width", "message": "`width` must be a whole number from 64 to 2048, not 9000." },
        ])
    );
    let plan = planned(&free, json!({ "width": 64, "words": "x" })).unwrap();
    assert_eq!(plan.warnings, ["`a`: fps was ignored: offline-image does not take it."]);
}

#[test]
fn texts_and_runs_are_bounded() {
    let doubling: Vec<Value> = (0..31)
        .map(|at| match at {
            0 => json!({ "id": "t0", "type": "text", "template": "{{inputs.words}}" }),
            at => json!({ "id": format!("t{at}"), "type": "text", "template": format!("{{{{steps.t{0}.text}}}}{{{{steps.t{0}.text}}}}", at - 1) }),
        })
        .chain([json!({ "id": "a", "type": "model", "model_id": "offline-image", "parameters": { "prompt": "{{steps.t30.text}}" } })])
        .collect();
    let doubling = workflow(json!([{ "name": "words", "type": "text" }]), doubling.into());
    let refusal = planned(&doubling, json!({ "words": "x".repeat(500) })).unwrap_err();
    assert!(
        refusal.message.starts_with("`steps[4].template`: Is longer than 4000 characters"),
        "{}",
        refusal.message
    );

    let each = |id: &str| json!({ "id": id, "type": "model", "model_id": "offline-image", "for_each": "{{inputs.list}}", "parameters": { "prompt": "{{item}}" } });
    let wide = workflow(
        json!([{ "name": "list", "type": "text_list" }]),
        json!([each("a"), each("b"), each("c"), each("d"), each("e")]),
    );
    let items = |count: usize| json!({ "list": vec!["x"; count] });
    assert_eq!(planned(&wide, items(12)).unwrap().most(), Units::whole(60));
    assert_eq!(
        planned(&wide, items(13)).unwrap_err().message,
        "`steps`: These inputs make 65 model runs; at most 64 are allowed."
    );
    assert!(planned(&wide, items(17)).unwrap_err().message.contains("at most 16 items"));
}

#[test]
fn picks_of_picks_are_counted_once_each() {
    let mut steps = vec![
        json!({ "id": "p0", "type": "model", "model_id": "offline-image", "parameters": { "prompt": "x" } }),
    ];
    for at in 1..31 {
        let from = format!("{{{{steps.p{}.files}}}}", at - 1);
        steps.push(json!({ "id": format!("p{at}"), "type": "pick", "from": vec![from; 16] }));
    }
    steps.push(
        json!({ "id": "end", "type": "transform", "operation": "upscale", "file": "{{steps.p30.files[0]}}" }),
    );
    let plan = planned(&workflow(json!([]), steps.into()), json!({})).unwrap();
    assert_eq!(runs(&plan, "end")[0].files, [FileRef::Output { step: 30, index: Some(0) }]);
    assert_eq!(plan.least(), plan.most());
}
