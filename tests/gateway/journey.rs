//! x
use crate::support::*;
use serde_json::json;
#[test]
fn smoke() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    let id = ada.start(&json!({"model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64}));
    println!("{}", ada.run_to_end(&id));
    println!("{:?}", ada.units());
}
