//! Files as inputs, by their id or by an address the gateway gave out. Not for: what a model makes of them.

use super::Library;
use crate::support::Client;
use crate::workflows::{begin, create, document, end, redraw};
use atelier::platform::Platform;
use serde_json::{Value, json};

fn picture(library: &Library) -> (String, String) {
    let request = json!({ "model_id": "offline-image", "prompt": "a fox", "width": 64, "height": 64 });
    let end = library.ada.run_to_end(&library.ada.start(&request));
    let asset = &end["structuredContent"]["assets"][0];
    let text = |name: &str| asset[name].as_str().unwrap().to_owned();
    (text("asset_id"), text("url"))
}

fn guided(file: &str) -> Value {
    json!({
        "model_id": "offline-image", "prompt": "a fox", "width": 64, "height": 64, "seed": 7,
        "guidance_files": [{ "file_id": file, "type": "init_image", "strength": 0.5 }],
    })
}

#[test]
fn a_guidance_file_and_a_mask_are_named_either_way() {
    let library = Library::new();
    let (id, url) = picture(&library);
    let listed = library.ada.call("list_media", &json!({}))["structuredContent"]["items"][0].clone();
    let elsewhere = url.replacen("https://gateway.example", "http://localhost:8787", 1);
    let mut made = Vec::new();
    for name in [id.as_str(), &url, listed["file_url"].as_str().unwrap(), &elsewhere, &id.to_uppercase()] {
        let end = library.ada.run_to_end(&library.ada.start(&guided(name)));
        assert_eq!(end["structuredContent"]["status"], "complete", "{name}: {end}");
        let asset = end["structuredContent"]["assets"][0]["asset_id"].as_str().unwrap().to_owned();
        let key = format!("w/{}/{asset}.png", library.ada.workspace_id);
        made.push(library.memory.run(library.memory.read_object(&key)).unwrap().unwrap());
    }
    assert!(made.iter().all(|bytes| *bytes == made[0]), "they are the same file");
    let mask = |file: &str| {
        json!({
            "model_id": "offline-inpaint", "prompt": "a", "guidance_files": [{ "file_id": id, "type": "init_image" }],
            "mask": { "file_id": file }, "seed": 7,
        })
    };
    for name in [&id, &url] {
        let end = library.ada.run_to_end(&library.ada.start(&mask(name)));
        assert_eq!(end["structuredContent"]["status"], "complete", "{name}: {end}");
    }
}

#[test]
fn an_address_elsewhere_is_to_be_uploaded_first() {
    let library = Library::new();
    let (_, url) = picture(&library);
    let other = Client::new(&library.memory, "eve", 5.0);
    for tool in ["execute_forge", "estimate_forge_price"] {
        let refused = library.ada.refused(tool, &guided("https://example.com/fox.png"));
        assert_eq!(refused["code"], "INVALID_INPUTS");
        assert!(
            refused["message"].as_str().unwrap().contains("`guidance_files[0].file_id` must be an asset_id"),
            "{refused}"
        );
        assert!(
            refused["next"].as_str().unwrap().contains("Call upload_file with this URL first"),
            "{refused}"
        );
        let refused = other.refused(tool, &guided(&url));
        assert_eq!(refused["code"], "INVALID_INPUTS", "{refused}");
        assert!(refused["message"].as_str().unwrap().contains("a file of another workspace"), "{refused}");
    }
    let refused = library.ada.refused("execute_forge", &guided("fox.png"));
    assert!(!refused["next"].as_str().unwrap().contains("upload_file"), "{refused}");
}

#[test]
fn a_workflows_input_is_named_either_way() {
    let library = Library::new();
    let (id, url) = picture(&library);
    let mut definition = document(vec![redraw("step", "a bird", "step")], &["step"]);
    definition["inputs"] = json!([{ "name": "photo", "type": "image" }]);
    definition["steps"][0]["parameters"]["guidance_files"][0]["file_id"] = json!("{{inputs.photo}}");
    let workflow = create(&library.ada, &definition);
    for name in [&id, &url] {
        let run = end(&library.ada, &begin(&library.ada, &workflow, json!({ "photo": name })));
        assert_eq!(run["status"], "success", "{run}");
    }
    let with = |photo: &str| json!({ "workflow_id": workflow, "inputs": { "photo": photo } });
    let foreign = url.replace(&library.ada.workspace_id, &id);
    for tool in ["execute_workflow", "estimate_workflow_price"] {
        let refused = library.ada.refused(tool, &with("https://example.com/fox.png"));
        assert!(
            refused["message"].as_str().unwrap().contains("Call upload_file with this URL first"),
            "{refused}"
        );
        let refused = library.ada.refused(tool, &with(&foreign));
        assert!(
            refused["message"]
                .as_str()
                .unwrap()
                .contains("`inputs.photo` is the address of a file of another"),
            "{refused}"
        );
    }
}
