//! The published schema and `check` agree on the structure of a document. The same table is read by
//! `tests/edge/workflow-schema.test.mjs`, which asks a JSON Schema validator.

use super::*;
use crate::models::{Capability, GuidanceKind};
use crate::workflows::input::InputKind;
use crate::workflows::*;

#[test]
fn check_gives_the_verdicts_of_the_table() {
    let table: Value = serde_json::from_str(include_str!("structure.json")).unwrap();
    let rows = table.as_array().unwrap();
    assert!(rows.len() > 60);
    for row in rows {
        let mut document = sample();
        let pointer = row["at"].as_str().unwrap();
        edit(&mut document, pointer, row.get("set").cloned());
        let found = problems(&document);
        assert_eq!(found.is_empty(), row["good"] == true, "{row}: {found:#?}");
    }
}

#[test]
fn the_schema_names_what_the_code_knows() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let at = |pointer: &str| schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
    let words = |pointer: &str| -> Vec<&str> {
        at(pointer).as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
    };
    let inputs: Vec<_> = InputKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(words("/$defs/input/properties/type/enum"), inputs);
    let guidance: Vec<_> = GuidanceKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(words("/$defs/parameters/properties/guidance_files/items/properties/type/enum"), guidance);
    let ended: Vec<_> = Ended::ALL.iter().map(|ended| ended.as_str()).collect();
    assert_eq!(words("/$defs/ended/enum"), ended);
    for operation in words("/$defs/step/oneOf/1/properties/operation/enum") {
        assert!(Capability::parse(operation).is_some(), "{operation}");
    }
    for (pointer, bound) in [
        ("/properties/inputs/maxItems", MAX_INPUTS),
        ("/properties/steps/maxItems", MAX_STEPS),
        ("/properties/outputs/maxItems", MAX_OUTPUTS),
        ("/properties/name/maxLength", MAX_NAME_CHARS),
        ("/properties/description/maxLength", MAX_DESCRIPTION_CHARS),
        ("/$defs/step/properties/retries/maximum", MAX_RETRIES),
        ("/$defs/input/oneOf/0/properties/max_length/maximum", MAX_TEXT_CHARS),
        ("/$defs/input/oneOf/1/properties/max_items/maximum", MAX_ITEMS),
        ("/$defs/input/oneOf/5/properties/choices/maxItems", MAX_CHOICES),
    ] {
        assert_eq!(at(pointer), bound, "{pointer}");
    }
}

#[test]
fn an_input_is_shown_as_json_schema() {
    let sample = checked(&sample());
    let schemas: Vec<_> = sample.inputs().iter().map(InputSpec::schema).collect();
    assert_eq!(
        Value::from(schemas),
        json!([
            { "type": "string", "description": "asset_id or file_url of a file of the kind image. The thing." },
            { "type": "string", "maxLength": 100, "default": "on a table" },
            { "type": "integer", "minimum": 1, "maximum": 4, "default": 1 },
            { "type": "array", "items": { "type": "string", "maxLength": 4000 }, "maxItems": 8, "default": ["fox", "owl"] },
            { "type": "string", "enum": ["music", "none"], "default": "music" },
            { "type": "string", "description": "asset_id or file_url of a file of the kind audio." },
            { "type": "number", "minimum": 1.0, "maximum": 4.0, "default": 2.0 },
            { "type": "boolean", "default": false },
        ])
    );
    let required: Vec<_> =
        sample.inputs().iter().filter(|input| input.required).map(|input| input.name.as_str()).collect();
    assert_eq!(required, ["photo"]);
    assert_eq!((sample.name(), sample.description()), ("Sample", "One of everything."));
    let kinds: Vec<_> =
        sample.outputs().into_iter().map(|output| (output.name, output.kind.as_str())).collect();
    assert_eq!(kinds, [("shots".to_owned(), "image"), ("tune".to_owned(), "audio")]);
}
