//! The `tools/list` descriptors, made natively from the types and embedded as text, so that no schema
//! generator is deployed. `UPDATE_EXPECT=1 cargo test` rewrites `tools.json` and the README's table.

use super::Tool;
use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

pub fn describe<T: Tool>() -> Value {
    // ChatGPT reads these from either place (developers.openai.com/apps-sdk/reference); no model sees them.
    let scopes: Vec<_> = T::SCOPES.iter().map(|scope| scope.as_str()).collect();
    let security = json!([{ "type": "oauth2", "scopes": scopes }]);
    let mut meta = json!({ "securitySchemes": security });
    if !T::FILE_PARAMS.is_empty()
        && let Some(meta) = meta.as_object_mut()
    {
        meta.insert("openai/fileParams".into(), json!(T::FILE_PARAMS));
    }
    json!({
        "name": T::NAME,
        "title": T::TITLE,
        "description": T::DESCRIPTION,
        "inputSchema": object::<T::Input>(true),
        "outputSchema": object::<T::Output>(false),
        "annotations": {
            "title": T::TITLE,
            "readOnlyHint": T::HINTS.read_only,
            "destructiveHint": T::HINTS.destructive,
            "idempotentHint": T::HINTS.idempotent,
            "openWorldHint": T::HINTS.open_world,
        },
        "securitySchemes": security,
        "_meta": meta,
    })
}

fn object<T: JsonSchema>(is_input: bool) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    slim(&mut schema, is_input);
    schema.remove("title");
    schema.remove("description");
    if schema.get("properties").is_none() {
        schema.insert("properties".into(), json!({}));
    }
    schema.to_value()
}

/// Takes out what a model pays for and does not need: titles, machine formats, the `null` of optional inputs.
fn slim(schema: &mut Schema, is_input: bool) {
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !matches!(format.as_str(), "uuid" | "date-time" | "uri") {
        schema.remove("format");
    }
    if schema.get("minimum").and_then(Value::as_f64) == Some(0.0) && format.starts_with("uint") {
        schema.remove("minimum");
        schema.remove("maximum");
    }
    schema.remove("title");
    if is_input {
        schema.remove("default");
    }
    drop_nulls(schema, is_input);
    transform_subschemas(&mut |inner: &mut Schema| slim(inner, is_input), schema);
}

/// `Option<T>`: in an input absent is how a caller leaves it out; in an output a field that is not required is
/// left out rather than null.
fn drop_nulls(schema: &mut Schema, is_input: bool) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let is_required =
        |name: &str| required.as_array().is_some_and(|names| names.iter().any(|known| known == name));
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for (name, property) in properties.iter_mut() {
        if (is_input || !is_required(name))
            && let Ok(property) = <&mut Schema>::try_from(property)
        {
            drop_null(property);
        }
    }
}

fn drop_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get("type").cloned() {
        let mut kept: Vec<Value> = types.into_iter().filter(|name| name != "null").collect();
        if kept.len() == 1 {
            schema.insert("type".into(), kept.remove(0));
        }
    }
    if let Some(Value::Array(choices)) = schema.get("enum").cloned() {
        schema.insert("enum".into(), choices.into_iter().filter(|choice| !choice.is_null()).collect());
    }
    if let Some(Value::Array(options)) = schema.get("anyOf").cloned() {
        let mut kept: Vec<Value> =
            options.into_iter().filter(|option| option != &json!({ "type": "null" })).collect();
        if kept.len() == 1
            && let Value::Object(fields) = kept.remove(0)
        {
            schema.remove("anyOf");
            for (name, value) in fields {
                schema.insert(name, value);
            }
        }
    }
}
