//! The sample document with one thing wrong at a time, and everything that is said of it: a line for each problem in
//! `documents.txt`, which `UPDATE_EXPECT=1 cargo test` rewrites.

use super::*;
use crate::workflows::MAX_DOCUMENT_BYTES;
use expect_test::expect_file;
use std::fmt::Write;

/// Where and what; without a value it is taken out.
const EDITS: &[(&str, &str)] = &[
    // The document
    ("/format", ""),
    ("/format", "2"),
    ("/name", ""),
    ("/name", "\"  \""),
    ("/name", "7"),
    ("/nodes", "[]"),
    ("/steps", "[]"),
    ("/steps", "{}"),
    ("/outputs", ""),
    // Inputs
    ("/inputs/0", "5"),
    ("/inputs/0/name", "\"Photo 1\""),
    ("/inputs/0/type", "\"picture\""),
    ("/inputs/0/default", "\"x\""),
    ("/inputs/1/name", "\"photo\""),
    ("/inputs/1/default", "3"),
    ("/inputs/1/max_length", "5"),
    ("/inputs/1/max_length", "5000"),
    ("/inputs/1/required", "false"),
    ("/inputs/2/minimum", "9"),
    ("/inputs/2/default", "5"),
    ("/inputs/2/default", "1.5"),
    ("/inputs/3/max_items", "1"),
    ("/inputs/3/default", "[\"a\", 1]"),
    ("/inputs/4/choices", ""),
    ("/inputs/4/choices", "[\"music\", \"music\"]"),
    ("/inputs/4/default", "\"silence\""),
    // Steps
    ("/steps/-", "[]"),
    ("/steps/0/id", ""),
    ("/steps/1/id", "\"cutout\""),
    ("/steps/0/type", "\"edit\""),
    ("/steps/0/type", ""),
    ("/steps/0/prompt", "\"x\""),
    ("/steps/0/title", "\"{{inputs.scene}}\""),
    ("/steps/0/optional", "\"yes\""),
    ("/steps/0/retries", "9"),
    ("/steps/5/for_each", "\"{{inputs.subjects}}\""),
    // Models
    ("/steps/2/capability", ""),
    ("/steps/2/capability", "\"draw\""),
    ("/steps/2/capability", "\"text_to_speech\""),
    ("/steps/2/model_id", "\"offline-image\""),
    ("/steps/3/model_id", "\"offline-draw\""),
    ("/steps/3/model_id", "\"{{inputs.scene}}\""),
    ("/steps/0/operation", "\"rotate\""),
    ("/steps/0/operation", ""),
    // Parameters
    ("/steps/3/parameters", "5"),
    ("/steps/3/parameters/prompt", ""),
    ("/steps/3/parameters/model_id", "\"x\""),
    ("/steps/3/parameters/fps", "12"),
    ("/steps/3/parameters/width", "9"),
    ("/steps/3/parameters/width", "\"wide\""),
    ("/steps/3/parameters/width", "\"{{inputs.scene}}\""),
    ("/steps/3/parameters/width", "\"{{inputs.pictures}}00\""),
    ("/steps/3/parameters/width", "\"{{steps.shot.files[0]}}\""),
    ("/steps/3/parameters/batch_size", "17"),
    ("/steps/3/parameters/seed", "-2"),
    ("/steps/3/parameters/quality", "\"best\""),
    ("/steps/3/parameters/duration_seconds", "4"),
    ("/steps/3/parameters/options", "{\"width\": 64}"),
    ("/steps/3/parameters/options", "{\"bogus\": 1, \"output_format\": \"gif\"}"),
    ("/steps/3/parameters/options", "{\"output_format\": \"{{inputs.sharp}}\"}"),
    ("/steps/3/parameters/options", "{\"list\": [1]}"),
    ("/steps/3/parameters/post", "{\"upscale_ratio\": 5, \"vectorize\": \"no\"}"),
    ("/steps/4/parameters/post", "{\"vectorize\": true}"),
    ("/steps/4/parameters/mask", "{\"file_id\": \"{{steps.shot.files[0]}}\"}"),
    ("/steps/2/parameters/post/upscale_ratio", "\"{{inputs.sharp}}\""),
    ("/steps/0/parameters", "{\"upscale_ratio\": 2}"),
    ("/steps/6/parameters/upscale_ratio", "8"),
    ("/steps/3/model_id", "\"offline-inpaint\""),
    (
        "/steps/3",
        "{\"id\":\"icons\",\"type\":\"model\",\"model_id\":\"offline-image\",\"parameters\":{\"batch_size\":0,\"seed\":-9,\"width\":1,\"height\":1,\"quality\":\"x\",\"options\":{\"bogus\":1},\"post\":{\"upscale_ratio\":9},\"guidance_files\":[{\"file_id\":\"{{inputs.noise}}\",\"type\":\"audio\"},{\"file_id\":\"{{inputs.photo}}\",\"type\":\"style\",\"strength\":7}]}}",
    ),
    // Files
    ("/steps/0/file", ""),
    ("/steps/0/file", "5"),
    ("/steps/0/file", "\"photo.png\""),
    ("/steps/0/file", "\"{{inputs.picture}}\""),
    ("/steps/0/file", "\"{{inputs.scene}}\""),
    ("/steps/0/file", "\"{{inputs.noise}}\""),
    ("/steps/0/file", "\"file {{inputs.photo}}\""),
    ("/steps/0/file", "\"{{steps.words.files}}\""),
    ("/steps/0/file", "\"{{item}}\""),
    ("/steps/6/file", "\"{{steps.icons.files}}\""),
    ("/steps/6/file", "\"{{steps.cutout.files[1]}}\""),
    ("/steps/6/file", "\"{{steps.tune.files[0]}}\""),
    ("/steps/2/parameters/guidance_files", "{}"),
    ("/steps/2/parameters/guidance_files/-", "{\"file_id\": \"{{inputs.photo}}\", \"type\": \"init_image\"}"),
    ("/steps/2/parameters/guidance_files/-", "{\"file_id\": \"{{inputs.photo}}\", \"type\": \"pose\"}"),
    (
        "/steps/2/parameters/guidance_files/-",
        "{\"file_id\": \"{{inputs.photo}}\", \"type\": \"picture\", \"weight\": 1}",
    ),
    ("/steps/2/parameters/guidance_files/0/strength", "2"),
    ("/steps/2/parameters/guidance_files/0/strength", "\"{{inputs.scene}}\""),
    ("/steps/2/parameters/guidance_files/0/file_id", "\"{{steps.shot.file}}\""),
    ("/steps/2/parameters/guidance_files/0/file_id", ""),
    ("/steps/5/from", "[\"{{steps.shot.files}}\", \"{{steps.tune.files}}\"]"),
    ("/steps/5/from", "[\"{{inputs.scene}}\", \"shot\", 5, \"{{steps.gone.files}}\", \"{{oops}}\"]"),
    ("/steps/5/from", "[]"),
    ("/steps/5/index", "-1"),
    // Texts and references
    ("/steps/2/parameters/prompt", "\"{{inputs.scene\""),
    ("/steps/2/parameters/prompt", "\"{{scene}}\""),
    ("/steps/2/parameters/prompt", "\"like {{inputs.photo}}\""),
    ("/steps/2/parameters/prompt", "\"like {{steps.cutout.files}}\""),
    ("/steps/2/parameters/prompt", "\"{{steps.cutout.text}}\""),
    ("/steps/2/parameters/prompt", "\"{{item}} number {{index}}\""),
    ("/steps/1/template", ""),
    ("/steps/1/template", "\"{{steps.shot.files}}\""),
    ("/steps/1/split", "\"words\""),
    ("/steps/1/split", ""),
    ("/steps/3/for_each", "\"{{inputs.scene}}\""),
    ("/steps/3/for_each", "\"fox, owl\""),
    ("/steps/3/for_each", "\"{{steps.words.text}}\""),
    ("/steps/3/for_each", "\"{{steps.shot.files}}\""),
    // Conditions
    ("/steps/4/when", "\"{{inputs.sharp}}\""),
    ("/steps/4/when/is", ""),
    ("/steps/4/when/is", "\"silence\""),
    ("/steps/4/when/is", "[]"),
    ("/steps/4/when/step", "\"shot\""),
    ("/steps/4/when/value", "\"{{inputs.subjects}}\""),
    ("/steps/4/when/value", "\"{{steps.shot.files}}\""),
    ("/steps/6/when/is", "\"done\""),
    ("/steps/6/when/step", "\"gone\""),
    ("/steps/1/when", "{\"step\": \"cutout\", \"is\": \"success\"}"),
    // Cycles
    ("/steps/0/file", "\"{{steps.cutout.files[0]}}\""),
    ("/steps/0/file", "\"{{steps.large.files[0]}}\""),
    ("/steps/1/template", "\"{{steps.words.text}}\""),
    ("/steps/0/when", "{\"step\": \"large\", \"is\": \"success\"}"),
    ("/steps/4/when", "{\"step\": \"large\", \"is\": \"success\"}"),
    // Outputs
    ("/outputs/0", "5"),
    ("/outputs/0/name", "\"tune\""),
    ("/outputs/0/from", "\"{{inputs.photo}}\""),
    ("/outputs/0/from", "\"{{steps.words.text}}\""),
    ("/outputs/0/from", "\"{{steps.gone.files}}\""),
    ("/outputs/0/kind", "\"image\""),
];

#[test]
fn each_fault_is_told_at_its_path() {
    let mut told = String::new();
    for (pointer, value) in EDITS {
        let mut document = sample();
        let value = (!value.is_empty()).then(|| serde_json::from_str(value).expect(value));
        let shown = value.as_ref().map_or_else(|| "taken out".to_owned(), Value::to_string);
        edit(&mut document, pointer, value);
        writeln!(told, "{pointer} = {shown}").unwrap();
        for line in problems(&document) {
            writeln!(told, "    {line}").unwrap();
        }
    }
    expect_file!["documents.txt"].assert_eq(&told);
}

#[test]
fn the_sample_is_right_and_every_edit_is_wrong() {
    assert_eq!(problems(&sample()), Vec::<String>::new());
    let good = EDITS.iter().filter(|(pointer, value)| {
        let mut document = sample();
        edit(&mut document, pointer, (!value.is_empty()).then(|| serde_json::from_str(value).unwrap()));
        check(&document, Catalogue::of(&config(&[]))).is_ok()
    });
    assert_eq!(good.collect::<Vec<_>>(), Vec::<&(&str, &str)>::new());
}

#[test]
fn a_document_is_bounded() {
    let mut long = sample();
    long["description"] = "x".repeat(MAX_DOCUMENT_BYTES).into();
    assert!(problems(&long)[0].contains("at most 65536 are allowed"), "{:?}", problems(&long));
    let mut many = sample();
    many["steps"] = vec![json!({ "id": "a", "type": "text", "template": "x" }); 33].into();
    let found = problems(&many);
    assert_eq!(found[0], "steps: Must have 1 to 32 entries, not 33.");
    assert_eq!(found[1], "steps[1].id: `a` is taken by an earlier one. Choose another.");
    many["steps"] =
        (0..32).map(|at| json!({ "id": format!("a{at}"), "x": 1, "y": 2, "z": 3, "type": "pick" })).collect();
    assert_eq!(problems(&many).len(), 100, "an answer stays small");
    for nothing in [json!(null), json!([]), json!("x")] {
        assert_eq!(problems(&nothing).len(), 1);
    }
}
