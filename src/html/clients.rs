//! How each client is given the connector URL: by signing in, and with a token where it can.
//! Not for: what happens then (`oauth`).

use super::parts;
use crate::crypto;
use maud::{Markup, html};
use serde_json::{Value, json};

const TOKEN: &str = "YOUR_TOKEN";

pub struct Client {
    pub name: &'static str,
    /// Runs on its maker's servers, not on the person's computer.
    pub is_hosted: bool,
    pub sign_in: Option<Markup>,
    pub token: Option<Markup>,
}

pub fn claude_code_with_token(url: &str, token: &str) -> String {
    format!("claude mcp add --transport http atelier {url} --header \"Authorization: Bearer {token}\"")
}

pub fn codex_with_token(url: &str, token: &str) -> String {
    format!(
        "export ATELIER_TOKEN={token}\ncodex mcp add atelier --url {url} --bearer-token-env-var ATELIER_TOKEN"
    )
}

pub fn all(url: &str) -> Vec<Client> {
    vec![
        claude(url),
        chatgpt(url),
        claude_code(url),
        codex(url),
        cursor(url),
        vs_code(url),
        windsurf(url),
        gemini(url),
        amp(url),
        opencode(url),
        zed(url),
        manus(url),
        warp(url),
    ]
}

fn local(name: &'static str, sign_in: Markup, token: Markup) -> Client {
    Client { name, is_hosted: false, sign_in: Some(sign_in), token: Some(token) }
}

fn claude(url: &str) -> Client {
    let steps = html! {
        ol {
            li { "Open " b { "Settings" } ", then " b { "Connectors" } "." }
            li { "Choose " b { "Add custom connector" } ", name it Atelier and paste the address:" (parts::code(url)) }
            li { "Choose " b { "Connect" } " and sign in on the page that opens." }
        }
        p.hint { "Connectors added on the web are in the desktop and mobile apps too. In a team an administrator adds it first." }
    };
    Client { name: "Claude.ai and Claude Desktop", is_hosted: true, sign_in: Some(steps), token: None }
}

fn chatgpt(url: &str) -> Client {
    let steps = html! {
        ol {
            li { "Open " b { "Settings" } ", then " b { "Apps & Connectors" } ", and switch on " b { "Developer mode" } " under the advanced settings." }
            li { "Choose " b { "Create" } ", name it Atelier, paste the address and leave authentication at " b { "OAuth" } ":" (parts::code(url)) }
            li { "Sign in on the page that opens." }
        }
    };
    Client { name: "ChatGPT", is_hosted: true, sign_in: Some(steps), token: None }
}

fn claude_code(url: &str) -> Client {
    local(
        "Claude Code",
        html! {
            (parts::code(&format!("claude mcp add --transport http atelier {url}")))
            p { "Then type " code { "/mcp" } ", select atelier and choose " b { "Authenticate" } "." }
        },
        parts::code(&claude_code_with_token(url, TOKEN)),
    )
}

fn codex(url: &str) -> Client {
    local(
        "Codex",
        parts::code(&format!("codex mcp add atelier --url {url}\ncodex mcp login atelier")),
        html! {
            (parts::code(&codex_with_token(url, TOKEN)))
            p.hint { "Codex reads the variable whenever it starts, so keep it in your shell’s profile." }
        },
    )
}

fn cursor(url: &str) -> Client {
    let config = crypto::base64(json!({ "url": url }).to_string().as_bytes());
    let link = format!("https://cursor.com/en/install-mcp?name=atelier&config={}", escape(&config));
    local(
        "Cursor",
        html! {
            p { a.button href=(link) rel="noreferrer" { "Add to Cursor" } }
            p { "Or in " code { ".cursor/mcp.json" } ":" }
            (pretty(&json!({ "mcpServers": { "atelier": { "url": url } } })))
        },
        html! {
            p { "In " code { ".cursor/mcp.json" } ":" }
            (pretty(&json!({ "mcpServers": { "atelier": { "url": url, "headers": header() } } })))
        },
    )
}

fn vs_code(url: &str) -> Client {
    let config = json!({ "name": "atelier", "type": "http", "url": url }).to_string();
    local(
        "VS Code",
        html! {
            p { a.button href={ "vscode:mcp/install?" (escape(&config)) } { "Add to VS Code" } }
            p { "Or in " code { ".vscode/mcp.json" } ":" }
            (pretty(&json!({ "servers": { "atelier": { "type": "http", "url": url } } })))
        },
        html! {
            p { "In " code { ".vscode/mcp.json" } ":" }
            (pretty(&json!({ "servers": { "atelier": { "type": "http", "url": url, "headers": header() } } })))
        },
    )
}

fn windsurf(url: &str) -> Client {
    let file = html! { p { "In " code { "~/.codeium/windsurf/mcp_config.json" } ":" } };
    local(
        "Windsurf",
        html! { (file) (pretty(&json!({ "mcpServers": { "atelier": { "serverUrl": url } } }))) },
        html! { (file) (pretty(&json!({ "mcpServers": { "atelier": { "serverUrl": url, "headers": header() } } }))) },
    )
}

fn gemini(url: &str) -> Client {
    local(
        "Gemini CLI",
        html! {
            (parts::code(&format!("gemini mcp add --transport http atelier {url}")))
            p { "The sign-in page opens when a tool is used first." }
        },
        parts::code(&format!(
            "gemini mcp add --transport http --header \"Authorization: Bearer {TOKEN}\" atelier {url}"
        )),
    )
}

fn amp(url: &str) -> Client {
    let line = parts::code(&format!("amp mcp add atelier {url}"));
    Client { name: "Amp", is_hosted: false, sign_in: Some(line), token: None }
}

fn opencode(url: &str) -> Client {
    let file = html! { p { "In " code { "~/.config/opencode/opencode.json" } ":" } };
    local(
        "opencode",
        html! { (file) (pretty(&json!({ "mcp": { "atelier": { "type": "remote", "url": url } } }))) },
        html! { (file) (pretty(&json!({ "mcp": { "atelier": { "type": "remote", "url": url, "headers": header() } } }))) },
    )
}

fn zed(url: &str) -> Client {
    let file = html! { p { "In " code { "~/.config/zed/settings.json" } ", with Node.js installed:" } };
    local(
        "Zed",
        html! { (file) (pretty(&json!({ "context_servers": { "atelier": bridge(url) } }))) },
        html! { (file) (pretty(&json!({ "context_servers": { "atelier": bridge_with_token(url) } }))) (spaces()) },
    )
}

fn manus(url: &str) -> Client {
    let server = json!({ "type": "streamableHttp", "url": url, "headers": header() });
    let token = html! {
        p { "Manus cannot sign in; it needs a token. Under " b { "Personalization" } ", " b { "Connectors" } ", choose " b { "Add connector" } ", " b { "Custom MCP" } ", " b { "Import by JSON" } ", and paste:" }
        (pretty(&json!({ "mcpServers": { "atelier": server } })))
    };
    Client { name: "Manus", is_hosted: true, sign_in: None, token: Some(token) }
}

fn warp(url: &str) -> Client {
    local(
        "Warp and others that only start commands",
        html! {
            p { "With Node.js installed, let the client start this command. In Warp: " b { "Settings" } ", " b { "AI" } ", " b { "Manage MCP servers" } ", " b { "Add" } "." }
            (parts::code(&format!("npx -y mcp-remote {url}")))
        },
        html! {
            (pretty(&json!({ "mcpServers": { "atelier": bridge_with_token(url) } })))
            (spaces())
        },
    )
}

fn header() -> Value {
    json!({ "Authorization": format!("Bearer {TOKEN}") })
}

fn bridge(url: &str) -> Value {
    json!({ "command": "npx", "args": ["-y", "mcp-remote", url] })
}

fn bridge_with_token(url: &str) -> Value {
    let args = json!(["-y", "mcp-remote", url, "--header", "Authorization:${AUTH_HEADER}"]);
    json!({ "command": "npx", "args": args, "env": { "AUTH_HEADER": format!("Bearer {TOKEN}") } })
}

fn spaces() -> Markup {
    html! { p.hint { "The header stands in the environment because some clients split arguments at spaces." } }
}

fn pretty(value: &Value) -> Markup {
    parts::code(&format!("{value:#}"))
}

/// For one value in a query (RFC 3986 section 2.3: what is not unreserved is written as bytes).
fn escape(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::with_capacity(text.len() * 3), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => _ = write!(out, "%{byte:02X}"),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::percent_decode;

    const URL: &str = "https://media.example.com/mcp?tools=forge,models&images=off";

    /// Every link carries the address unaltered, whatever its query.
    #[test]
    fn the_install_links_say_what_they_should() {
        let page = cursor(URL).sign_in.unwrap().into_string();
        let config = page.split("config=").nth(1).unwrap().split('"').next().unwrap();
        let config = crypto::from_base64(&percent_decode(config)).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&config).unwrap(), json!({ "url": URL }));

        let page = vs_code(URL).sign_in.unwrap().into_string();
        let config = page.split("vscode:mcp/install?").nth(1).unwrap().split('"').next().unwrap();
        let config: Value = serde_json::from_str(&percent_decode(config)).unwrap();
        assert_eq!(config, json!({ "name": "atelier", "type": "http", "url": URL }));
    }

    #[test]
    fn every_client_has_a_way_and_names_the_address() {
        for client in all("https://media.example.com/mcp") {
            let ways: String =
                [client.sign_in, client.token].into_iter().flatten().map(Markup::into_string).collect();
            assert!(ways.contains("https://media.example.com/mcp"), "{}", client.name);
        }
    }
}
