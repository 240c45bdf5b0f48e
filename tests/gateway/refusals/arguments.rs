//! Arguments of tools: unknown, mistyped, out of bounds, or not for this model.

use super::Code::{Fine, Rpc, Tool};
use super::{Row, check, row};
use crate::support::{Client, Memory};
use atelier::mcp::era::Era;
use serde_json::{Value, json};

const BAD: super::Code = Tool("INVALID_INPUTS");
const PARAMS: super::Code = Rpc(-32602);
const NOBODY: &str = "01920000-0000-7000-8000-000000000000";

#[rustfmt::skip] // one row a line
#[test]
fn a_call_that_is_no_call_is_a_protocol_error() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 1.0);
    let mut rows = Vec::new();
    for client in [ada.clone(), ada.in_era(Era::V2025_06_18)] {
        let call = |params: Value| client.compose("tools/call", params);
        let narrowed = |mut ask: crate::support::Ask| {
            ask.url.push_str("?tools=models");
            ask
        };
        rows.extend([
            row("unknown tool", call(json!({ "name": "execute_everything" })), 200, PARAMS, "There is no tool `execute_everything` here. tools/list names them."),
            row("tool name of 10,000 characters", call(json!({ "name": "x".repeat(10_000) })), 200, PARAMS, "x…` here"),
            row("tool in other case", call(json!({ "name": "List_Models" })), 200, PARAMS, "There is no tool"),
            row("name missing", call(json!({})), 200, PARAMS, "params.name must be a string"),
            row("name a number", call(json!({ "name": 1 })), 200, PARAMS, "params.name must be a string"),
            row("arguments an array", call(json!({ "name": "list_models", "arguments": [] })), 200, PARAMS, "params.arguments must be an object"),
            row("arguments a string", call(json!({ "name": "list_models", "arguments": "{}" })), 200, PARAMS, "params.arguments must be an object"),
            row("arguments null", call(json!({ "name": "list_models", "arguments": null })), 200, Fine, ""),
            row("a tool the URL leaves out", narrowed(call(json!({ "name": "execute_forge", "arguments": {} }))), 200, PARAMS, "There is no tool"),
        ]);
    }
    check(&memory, rows);
}

#[rustfmt::skip] // one row a line
#[test]
fn a_field_that_is_wrong_is_named() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 100.0);
    let list = |arguments: Value| ada.tool("list_models", &arguments);
    let get = |arguments: Value| ada.tool("get_forge_run", &arguments);
    check(
        &memory,
        vec![
            row("unknown field", list(json!({ "modalities": "image" })), 200, BAD, "no field `modalities`"),
            row("unknown field where none is taken", ada.tool("get_instructions", &json!({ "verbose": true })), 200, BAD, "no field `verbose`"),
            row("wrong enum", list(json!({ "modality": "picture" })), 200, BAD, "`modality` must not be `picture`"),
            row("wrong enum in a list", list(json!({ "capabilities": ["music", "dance"] })), 200, BAD, "`capabilities[1]`"),
            row("a string for a list", list(json!({ "capabilities": "music" })), 200, BAD, "`capabilities`"),
            row("a number for a string", list(json!({ "query": 5 })), 200, BAD, "`query`"),
            row("limit 0", list(json!({ "limit": 0 })), 200, BAD, "`limit` must be a whole number from 1 to 100, not 0."),
            row("limit 101", list(json!({ "limit": 101 })), 200, BAD, "not 101."),
            row("limit -1", list(json!({ "limit": -1 })), 200, BAD, "not -1."),
            row("limit \"a\"", list(json!({ "limit": "a" })), 200, BAD, "`limit` must be a whole number, not \"a\""),
            row("limit 1.5", list(json!({ "limit": 1.5 })), 200, BAD, "`limit`"),
            row("limit 2.0", list(json!({ "limit": 2.0 })), 200, Fine, ""),
            row("limit 1e300", list(json!({ "limit": 1e300 })), 200, BAD, "`limit`"),
            row("garbage cursor", list(json!({ "cursor": "garbage" })), 200, BAD, "`cursor` is not one that this gateway gave out."),
            row("empty cursor", list(json!({ "cursor": "" })), 200, BAD, "`cursor` is not one"),
            row("workspace_id that is no UUID", list(json!({ "workspace_id": "mine" })), 200, BAD, "`workspace_id` must be a UUID, not \"mine\"."),
            row("model_id missing", ada.tool("get_model", &json!({})), 200, BAD, "`model_id` is required"),
            row("unknown model", ada.tool("get_model", &json!({ "model_id": "gpt" })), 200, Tool("MODEL_NOT_FOUND"), "No model has the id \"gpt\"."),
            row("unknown category", ada.tool("get_model_recommendations", &json!({ "category": "poetry" })), 200, BAD, "`category`"),
            row("inference_id that is no UUID", get(json!({ "inference_id": "1" })), 200, BAD, "`inference_id` must be a UUID"),
            row("inference_id missing", get(json!({})), 200, BAD, "`inference_id` is required"),
            row("inference_id with a path", get(json!({ "inference_id": "../../x" })), 200, BAD, "`inference_id` must be a UUID"),
            row("run of nobody", get(json!({ "inference_id": NOBODY })), 200, Tool("RUN_NOT_FOUND"), "No run of yours has this id."),
            row("cancel a run of nobody", ada.tool("cancel_forge_run", &json!({ "inference_id": NOBODY })), 200, Tool("RUN_NOT_FOUND"), "No run of yours"),
            row("wait_seconds -1", get(json!({ "inference_id": NOBODY, "wait_seconds": -1 })), 200, BAD, "`wait_seconds` must be from 0 to 45, not -1."),
            row("wait_seconds 46", get(json!({ "inference_id": NOBODY, "wait_seconds": 46 })), 200, BAD, "not 46."),
            row("wait_seconds \"5\"", get(json!({ "inference_id": NOBODY, "wait_seconds": "5" })), 200, BAD, "`wait_seconds`"),
        ],
    );
}

/// A picture of 64 pixels with these fields beside or instead.
fn picture(more: Value) -> Value {
    let mut request = json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64 });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

#[rustfmt::skip] // one row a line
#[test]
fn a_number_out_of_bounds_is_refused_with_its_bounds() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 100.0);
    let estimate = |more: Value| ada.tool("estimate_forge_price", &picture(more));
    let raw = |number: &str| {
        let mut ask = estimate(json!({ "width": 777 }));
        let atelier::http::Payload::Text(text) = &ask.payload else { panic!("text") };
        ask.payload = atelier::http::Payload::Text(text.replace("777", number));
        ask
    };
    check(
        &memory,
        vec![
            row("width 63", estimate(json!({ "width": 63 })), 200, BAD, "`width` must be a whole number from 64 to 2048, not 63."),
            row("width 2049", estimate(json!({ "width": 2049 })), 200, BAD, "not 2049."),
            row("width 0", estimate(json!({ "width": 0 })), 200, BAD, "not 0."),
            row("width -64", estimate(json!({ "width": -64 })), 200, BAD, "not -64."),
            row("width 512.0", estimate(json!({ "width": 512.0 })), 200, Fine, ""),
            row("width 512.5", estimate(json!({ "width": 512.5 })), 200, BAD, "`width`"),
            row("width \"512\"", estimate(json!({ "width": "512" })), 200, BAD, "`width`"),
            row("width 2^63", raw("9223372036854775808"), 200, BAD, "`width`"),
            row("width 1e30", raw("1e30"), 200, BAD, "`width`"),
            row("width 1e400", raw("1e400"), 400, Rpc(-32700), "number out of range"),
            row("width NaN", raw("NaN"), 400, Rpc(-32700), "The body cannot be read as JSON"),
            row("width Infinity", raw("Infinity"), 400, Rpc(-32700), "The body cannot be read as JSON"),
            row("width null", estimate(json!({ "width": null })), 200, Fine, ""),
            row("width true", estimate(json!({ "width": true })), 200, BAD, "`width`"),
            row("batch_size 0", estimate(json!({ "batch_size": 0 })), 200, BAD, "`batch_size` must be a whole number from 1 to 16 for offline-image, not 0."),
            row("batch_size 17", estimate(json!({ "batch_size": 17 })), 200, BAD, "not 17."),
            row("batch_size -1", estimate(json!({ "batch_size": -1 })), 200, BAD, "not -1."),
            row("batch_size 2^40", estimate(json!({ "batch_size": 1_i64 << 40 })), 200, BAD, "`batch_size`"),
            row("seed -2", estimate(json!({ "seed": -2 })), 200, BAD, "`seed` must be -1 (random) or from 0 to 4294967295, not -2."),
            row("seed 2^32", estimate(json!({ "seed": 1_i64 << 32 })), 200, BAD, "`seed`"),
            row("seed -1", estimate(json!({ "seed": -1 })), 200, Fine, ""),
            row("seed 0.5", estimate(json!({ "seed": 0.5 })), 200, BAD, "`seed`"),
            row("max price negative", estimate(json!({ "max_price_creative_units": -1 })), 200, BAD, "`max_price_creative_units` must be a number from 0, not -1."),
            row("max price below the price", ada.tool("execute_forge", &picture(json!({ "max_price_creative_units": 0.5 }))), 200, Tool("PRICE_ABOVE_LIMIT"), "This costs 1 Creative Unit, above the limit of 0.5"),
            row("max price a string", estimate(json!({ "max_price_creative_units": "1" })), 200, BAD, "`max_price_creative_units`"),
            row("duration of a sound, 0.4", ada.tool("estimate_forge_price", &json!({ "model_id": "offline-sound", "prompt": "a bell", "duration_seconds": 0.4 })), 200, BAD, "`duration_seconds` must be a number from 0.5"),
            row("duration of a video, 1.5", ada.tool("estimate_forge_price", &json!({ "model_id": "offline-video", "prompt": "sea", "duration_seconds": 1.5 })), 200, BAD, "`duration_seconds` must be a whole number"),
            row("duration of a video, 1e9", ada.tool("estimate_forge_price", &json!({ "model_id": "offline-video", "prompt": "sea", "duration_seconds": 1e9 })), 200, BAD, "`duration_seconds`"),
        ],
    );
}

#[rustfmt::skip] // one row a line
#[test]
fn what_a_model_does_not_take_is_refused_by_name() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 100.0);
    let estimate = |more: Value| ada.tool("estimate_forge_price", &picture(more));
    let of = |request: Value| ada.tool("estimate_forge_price", &request);
    let execute = |request: Value| ada.tool("execute_forge", &request);
    let file = |kind: &str, strength: f64| json!({ "guidance_files": [{ "file_id": NOBODY, "type": kind, "strength": strength }] });
    let rows: Vec<Row> = vec![
        row("prompt missing", of(json!({ "model_id": "offline-image" })), 200, BAD, "`prompt` is required by offline-image."),
        row("prompt of spaces", estimate(json!({ "prompt": "  \n" })), 200, BAD, "`prompt` is required"),
        row("prompt of 100,001 characters", estimate(json!({ "prompt": "é".repeat(100_001) })), 200, BAD, "`prompt` is longer than 100000 characters."),
        row("prompt a list", estimate(json!({ "prompt": ["a cat"] })), 200, BAD, "`prompt`"),
        row("negative prompt too long", estimate(json!({ "negative_prompt": "x".repeat(100_001) })), 200, BAD, "`negative_prompt` is longer"),
        row("quality unknown", estimate(json!({ "quality": "ultra" })), 200, BAD, "`quality` must be one of low, medium, high, not \"ultra\"."),
        row("option unknown", estimate(json!({ "options": { "colour": "red" } })), 200, BAD, "offline-image does not take \"colour\". Its parameters: width"),
        row("option of a wrong type", estimate(json!({ "options": { "output_format": 3 } })), 200, BAD, "`output_format` must be one of"),
        row("options a list", estimate(json!({ "options": [] })), 200, BAD, "`options`"),
        row("option in two places", estimate(json!({ "options": { "width": 64 } })), 200, BAD, "`width` is given twice"),
        row("duration of a picture", estimate(json!({ "duration_seconds": 2 })), 200, BAD, "does not take \"duration_seconds\""),
        row("a harmless option", estimate(json!({ "options": { "guidance_scale": 7 } })), 200, Fine, ""),
        row("guidance of a type it does not take", estimate(file("audio", 0.5)), 200, BAD, "`guidance_files[0].type`: offline-image does not take `audio`."),
        row("guidance of an unknown type", estimate(file("smell", 0.5)), 200, BAD, "`guidance_files[0].type`"),
        row("guidance where a model takes none", of(json!({ "model_id": "offline-sound", "prompt": "x", "guidance_files": [{ "file_id": NOBODY, "type": "audio" }] })), 200, BAD, "It takes: no files."),
        row("two of a kind", estimate(json!({ "guidance_files": [{ "file_id": NOBODY, "type": "style" }, { "file_id": NOBODY, "type": "style" }] })), 200, BAD, "takes at most 1 `style`"),
        row("21 guidance files", estimate(json!({ "guidance_files": vec![json!({ "file_id": NOBODY, "type": "style" }); 21] })), 200, BAD, "more than 20 entries"),
        row("strength 2", estimate(file("style", 2.0)), 200, BAD, "`guidance_files[0].strength` must be from 0 to 1, not 2."),
        row("strength -0.1", estimate(file("style", -0.1)), 200, BAD, "must be from 0 to 1"),
        row("unknown field in a guidance file", estimate(json!({ "guidance_files": [{ "file_id": NOBODY, "type": "style", "weight": 1 }] })), 200, BAD, "no field `weight` in `guidance_files[0]`"),
        row("guidance missing where needed", of(json!({ "model_id": "offline-cutout" })), 200, BAD, "offline-cutout needs a guidance file of type `init_image`."),
        row("malformed file id", estimate(json!({ "guidance_files": [{ "file_id": "cat.png", "type": "style" }] })), 200, BAD, "`guidance_files[0].file_id` must be an asset_id (a UUID) or a file_url, not \"cat.png\"."),
        row("file that is not there", execute(picture(file("style", 0.5))), 200, Tool("FILE_NOT_FOUND"), "This workspace has no file 01920000"),
        row("mask where not taken", estimate(json!({ "mask": { "file_id": NOBODY } })), 200, BAD, "offline-image does not take a `mask`."),
        row("mask missing", of(json!({ "model_id": "offline-inpaint", "prompt": "x", "guidance_files": [{ "file_id": NOBODY, "type": "init_image" }] })), 200, BAD, "offline-inpaint needs a `mask`."),
        row("mask edge 65", of(json!({ "model_id": "offline-inpaint", "prompt": "x", "guidance_files": [{ "file_id": NOBODY, "type": "init_image" }], "mask": { "file_id": NOBODY, "edge_radius": 65 } })), 200, BAD, "`mask.edge_radius` must be from 0 to 64, not 65."),
        row("post not possible", of(json!({ "model_id": "offline-music", "prompt": "x", "post": { "vectorize": true } })), 200, BAD, "`post.vectorize`: offline-music cannot do this to its outputs."),
        row("upscale 5", estimate(json!({ "post": { "upscale_ratio": 5 } })), 200, BAD, "`post.upscale_ratio` must be from 1 to 4, not 5."),
        row("upscale -1", estimate(json!({ "post": { "upscale_ratio": -1 } })), 200, BAD, "not -1."),
        row("unknown post step", estimate(json!({ "post": { "sharpen": true } })), 200, BAD, "no field `sharpen` in `post`"),
        row("vectorize \"yes\"", estimate(json!({ "post": { "vectorize": "yes" } })), 200, BAD, "`post.vectorize`"),
        row("idempotency key empty", execute(picture(json!({ "idempotency_key": "" }))), 200, BAD, "`idempotency_key` must have 1 to 128 characters, not 0."),
        row("idempotency key of 200", execute(picture(json!({ "idempotency_key": "k".repeat(200) }))), 200, BAD, "not 200."),
        row("session name of 256", execute(picture(json!({ "session_name": "n".repeat(256) }))), 200, BAD, "`session_name` is longer than 255"),
    ];
    check(&memory, rows);
    assert_eq!(ada.units(), [100.0, 0.0, 0.0], "nothing of it was charged");
}

#[rustfmt::skip] // one row a line
#[test]
fn a_refusal_that_depends_on_what_was_done_before() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 3.0);
    let first = ada.start(&picture(json!({ "idempotency_key": "k" })));
    assert_eq!(ada.start(&picture(json!({ "idempotency_key": "k" }))), first);
    ada.run_to_end(&first);
    let execute = |more: Value| ada.tool("execute_forge", &picture(more));
    check(
        &memory,
        vec![
            row("other arguments with the same key", execute(json!({ "idempotency_key": "k", "seed": 1 })), 200, Tool("IDEMPOTENCY_CONFLICT"), "was used within 24 hours for other arguments."),
            row("more than the balance", execute(json!({ "batch_size": 3 })), 200, Tool("INSUFFICIENT_BALANCE"), "This costs 3 Creative Units and the workspace has 2 free."),
            row("cancel what has ended", ada.tool("cancel_forge_run", &json!({ "inference_id": first })), 200, Tool("RUN_ALREADY_TERMINAL"), "The run already ended as complete."),
        ],
    );
    memory.elapse(24 * 3600 + 1);
    assert_ne!(
        ada.start(&picture(json!({ "idempotency_key": "k", "seed": 1 }))),
        first,
        "a key is free again after a day"
    );
}
