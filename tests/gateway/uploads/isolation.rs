//! Whose an upload is: others cannot see, fill or finish it, and a token does only what its scopes say.

use super::chunks::{chunk, init};
use super::urls::{URL, serve};
use super::{Desk, png};
use crate::support::Client;
use atelier::platform::Platform;
use serde_json::json;

#[test]
fn another_persons_upload_does_not_exist() {
    let desk = Desk::new();
    let bytes = png(1);
    let ticket = desk.ticket();
    let session = init(&desk, &bytes, json!({}));
    let stranger = Client::new(&desk.memory, "eve", 1.0);
    let colleague = Client::with_token(&desk.memory, "bob", json!({ "workspace_id": desk.ada.workspace_id }));
    let elsewhere = Client::with_token(&desk.memory, "ada", json!({ "grant_creative_units": 1 }));
    assert_ne!(elsewhere.workspace_id, desk.ada.workspace_id, "a second workspace of hers");
    let never = "0192f0c1-2345-7abc-8def-0123456789ab";
    for other in [&stranger, &colleague, &elsewhere] {
        for id in [&ticket.id, &session, never] {
            let before = desk.memory.now();
            let asked = json!({ "upload_id": id, "wait_seconds": 45 });
            let error = other.refused("get_upload_status", &asked);
            let unknown = other.refused("upload_media_chunk", &chunk(id, 0, &bytes));
            let last = other.refused("upload_media_finalize", &json!({ "session_id": id }));
            for error in [&error, &unknown, &last] {
                assert_eq!(error["code"], "SESSION_NOT_FOUND");
                assert_eq!(error["message"], last["message"]);
            }
            assert_eq!(desk.memory.now(), before, "how long it takes tells nothing");
        }
        let listed = other.call("list_media", &json!({}));
        assert_eq!(listed["structuredContent"]["items"], json!([]));
    }
    desk.ada.call("upload_media_chunk", &chunk(&session, 0, &bytes));
    desk.ada.call("upload_media_finalize", &json!({ "session_id": session }));
    for other in [&stranger, &elsewhere] {
        let listed = other.call("list_media", &json!({}));
        assert_eq!(listed["structuredContent"]["items"], json!([]));
        let error = other.refused("get_upload_status", &json!({ "upload_id": session }));
        assert_eq!(error["code"], "SESSION_NOT_FOUND");
    }
    let shared = colleague.call("list_media", &json!({}));
    assert_eq!(shared["structuredContent"]["items"][0]["asset_id"], session, "files are the workspace's");
}

#[test]
fn another_workspace_is_not_uploaded_to() {
    let desk = Desk::new();
    let eve = Client::new(&desk.memory, "eve", 1.0);
    serve(&desk, URL, 200, "", &png(1));
    for (tool, arguments) in [
        ("request_file_upload_url", json!({})),
        ("request_upload_url", json!({})),
        (
            "upload_media_init",
            json!({ "filename": "a.png", "mime_type": "image/png", "total_size_bytes": 9 }),
        ),
        ("upload_media", json!({ "data_base64": "AAAA" })),
        ("upload_file", json!({ "url": URL })),
        ("upload_media_from_url", json!({ "url": URL })),
    ] {
        let mut arguments = arguments;
        arguments["workspace_id"] = desk.ada.workspace_id.clone().into();
        assert_eq!(eve.refused(tool, &arguments)["code"], "WORKSPACE_NOT_FOUND", "{tool}");
        arguments["workspace_id"] = "x".into();
        assert_eq!(eve.refused(tool, &arguments)["code"], "INVALID_INPUTS", "{tool}");
        arguments["unknown"] = 1.into();
        assert_eq!(eve.refused(tool, &arguments)["code"], "INVALID_INPUTS", "{tool}");
    }
    assert_eq!((desk.open_rows(), desk.memory.files().len()), (0, 0));
}

#[test]
fn each_tool_has_its_scope() {
    let desk = Desk::new();
    let session = init(&desk, &png(1), json!({}));
    serve(&desk, URL, 200, "", &png(1));
    let tools = [
        ("request_file_upload_url", "files:write", json!({})),
        ("upload_file", "files:write", json!({ "url": URL })),
        ("request_upload_url", "media:write", json!({})),
        ("upload_media", "media:write", json!({ "data_base64": atelier::crypto::base64(&png(2)) })),
        (
            "upload_media_init",
            "media:write",
            json!({ "filename": "a.png", "mime_type": "image/png", "total_size_bytes": 9 }),
        ),
        ("upload_media_chunk", "media:write", chunk(&session, 0, &png(1))),
        ("upload_media_finalize", "media:write", json!({ "session_id": session })),
        ("upload_media_from_url", "media:write", json!({ "url": URL })),
        ("get_upload_status", "media:read", json!({ "upload_id": session })),
        ("list_media", "media:read", json!({})),
    ];
    for scope in ["files:write", "media:write", "media:read", "forge:execute"] {
        let more = json!({ "workspace_id": desk.ada.workspace_id, "scopes": scope });
        let limited = Client::with_token(&desk.memory, "ada", more);
        for (tool, needed, arguments) in &tools {
            let answer = desk.memory.answer(limited.tool(tool, arguments));
            if *needed == scope {
                assert!(answer.result().get("isError").is_none(), "{tool} with {scope}: {}", answer.text());
            } else {
                assert_eq!(answer.status, 403, "{tool} with {scope}: {}", answer.text());
            }
        }
    }
}

#[test]
fn a_withdrawn_token_sends_no_chunk() {
    let desk = Desk::new();
    let session = init(&desk, &png(1), json!({}));
    let revoked = json!({ "person": "ada", "token_id": desk.ada.token_id });
    let path = "/api/v1/operator/tokens/revoke";
    assert_eq!(crate::support::client::operate(&desk.memory, path, &revoked).status, 200);
    for (tool, asked) in [
        ("upload_media_chunk", chunk(&session, 0, &png(1))),
        ("upload_media_finalize", json!({ "session_id": session })),
        ("upload_file", json!({ "url": URL })),
    ] {
        let answer = desk.memory.answer(desk.ada.tool(tool, &asked));
        assert_eq!(answer.status, 401, "{tool} {}", answer.text());
    }
    // Another token of hers does not revive what was begun with that one.
    let more = json!({ "workspace_id": desk.ada.workspace_id });
    let second = Client::with_token(&desk.memory, "ada", more);
    second.call("upload_media_chunk", &chunk(&session, 0, &png(1)));
    assert_eq!(
        second.refused("upload_media_finalize", &json!({ "session_id": session }))["code"],
        "FORBIDDEN"
    );
    desk.memory.elapse(3 * super::DAY);
    assert!(desk.memory.object::<atelier::uploads::Upload>(&session).is_empty());
    assert_eq!(desk.memory.files(), Vec::<String>::new());
}
