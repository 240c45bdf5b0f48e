//! Budgets on the Rate Limiting binding, which counts in memory and stores nothing. The SDK's own finds the binding
//! by the name of its class, and one that it does not find would switch every limit off unseen.

use crate::platform::Budget;
use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::Env;

#[wasm_bindgen]
extern "C" {
    type RateLimit;

    #[wasm_bindgen(method, catch)]
    fn limit(this: &RateLimit, options: &Object) -> Result<Promise, JsValue>;
}

/// A binding that is missing or fails limits nothing: better some abuse than nobody signed in.
pub async fn is_within(env: &Env, budget: Budget, key: &str) -> bool {
    ask(env, budget, key).await.unwrap_or(true)
}

async fn ask(env: &Env, budget: Budget, key: &str) -> Result<bool, JsValue> {
    let binding: RateLimit = Reflect::get(env, &budget.binding().into())?.unchecked_into();
    let options = Object::new();
    Reflect::set(&options, &"key".into(), &key.into())?;
    let outcome = JsFuture::from(binding.limit(&options)?).await?;
    Ok(Reflect::get(&outcome, &"success".into())?.as_bool().unwrap_or(true))
}
