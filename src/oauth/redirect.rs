//! Which redirect URIs a code may be sent to, and how one is built. A code that goes to the wrong place is the
//! account, so a URI is either exactly what was registered and of a kind named here, or refused with a page.
//! Spec: OAuth 2.1 section 2.3, RFC 8252 section 7 (native apps), RFC 9207 (`iss`).

use crate::http::encode_form;
use crate::origin;

/// Longest that a client may register.
pub const MAX_URI_CHARS: usize = 2000;

/// Private-use URIs (RFC 8252 section 7.1) that editors are known to register: any app on the machine can claim a
/// scheme, so only these, and only with PKCE, which every code here has. The rest of the path is one segment.
const PRIVATE_USE: &[(&str, &str)] = &[
    ("cursor://anysphere.cursor-mcp/oauth/", "callback"),
    ("cursor://anysphere.cursor-retrieval/oauth/", "callback"),
];

/// Names that people trust, and the hosts their owners are at: a client that uses one from elsewhere is shown as
/// what it is.
const KNOWN: &[(&str, &str, &[&str])] = &[
    ("claude", "Anthropic", &["claude.ai", "claude.com", "anthropic.com"]),
    ("anthropic", "Anthropic", &["claude.ai", "claude.com", "anthropic.com"]),
    ("chatgpt", "OpenAI", &["chatgpt.com", "openai.com"]),
    ("openai", "OpenAI", &["chatgpt.com", "openai.com"]),
    ("codex", "OpenAI", &["chatgpt.com", "openai.com"]),
    ("cursor", "Cursor", &["cursor.com", "cursor.sh"]),
    ("visual studio code", "Microsoft", &["vscode.dev", "microsoft.com"]),
    ("copilot", "Microsoft", &["microsoft.com", "github.com"]),
    ("gemini", "Google", &["google.com"]),
    ("windsurf", "Windsurf", &["windsurf.com", "codeium.com"]),
    ("manus", "Manus", &["manus.im"]),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Https,
    /// On the person's own machine: whoever listens there gets the code.
    Loopback,
    /// Opens an app by its scheme.
    PrivateUse,
}

/// None: no code is ever sent there. Strict on purpose: what two parsers could read differently is refused.
pub fn kind(uri: &str) -> Option<Kind> {
    let is_plain =
        uri.len() <= MAX_URI_CHARS && uri.bytes().all(|byte| (b'!'..=b'~').contains(&byte) && byte != b'\\');
    if !is_plain || uri.contains('#') {
        return None;
    }
    if let Some((prefix, last)) = PRIVATE_USE.iter().find(|(prefix, _)| uri.starts_with(prefix)) {
        let rest = uri.strip_prefix(prefix)?;
        let is_user = rest.strip_prefix("user-").and_then(|rest| rest.strip_suffix("/callback"));
        let is_segment = |name: &str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        return (rest == *last || is_user.is_some_and(is_segment)).then_some(Kind::PrivateUse);
    }
    let authority = origin::host(uri);
    // It is also written into the consent page's Content-Security-Policy (`csp_source`), so it is a name and no more.
    let is_name = authority.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b));
    if authority.is_empty() || !is_name || uri.contains("/../") || uri.contains("/./") {
        return None;
    }
    if uri.starts_with("https://") {
        return Some(Kind::Https);
    }
    (uri.starts_with("http://") && origin::is_loopback(uri)).then_some(Kind::Loopback)
}

/// Whether a requested URI is one of those registered: equal to the letter, except that a loopback URI may have any
/// port (RFC 8252 section 7.3) and any of the loopback's names (a client that registers `localhost` and then listens
/// on `127.0.0.1` is the same client on the same machine).
pub fn is_registered(requested: &str, registered: &[String]) -> bool {
    match kind(requested) {
        None => false,
        Some(Kind::Loopback) => registered.iter().any(|known| {
            kind(known) == Some(Kind::Loopback) && after_authority(known) == after_authority(requested)
        }),
        Some(Kind::Https | Kind::PrivateUse) => registered.iter().any(|known| known == requested),
    }
}

/// Path and query; an empty path is `/`.
fn after_authority(uri: &str) -> &str {
    let start = uri.find("://").map_or(0, |at| at + 3) + origin::host(uri).len();
    match uri.get(start..) {
        None | Some("") => "/",
        Some(rest) => rest,
    }
}

/// What the person is told they will be sent to.
pub fn shown(uri: &str) -> String {
    match kind(uri) {
        Some(Kind::PrivateUse) => {
            format!("the {} app on this computer", uri.split(':').next().unwrap_or_default())
        }
        Some(Kind::Loopback) => format!("{} on this computer", origin::host(uri)),
        _ => origin::host(uri).to_owned(),
    }
}

/// The same in a sentence that has said already that it is an app on this computer: where it listens, or its scheme.
pub fn place(uri: &str) -> String {
    match kind(uri) {
        Some(Kind::PrivateUse) => uri.split(':').next().unwrap_or_default().to_owned(),
        _ => origin::host(uri).to_owned(),
    }
}

/// What a Content-Security-Policy must allow so that a form's answer may redirect there.
pub fn csp_source(uri: &str) -> String {
    match uri.split_once("://") {
        // A policy has no words for an IPv6 address (CSP 3 section 2.3.1); the scheme is the narrowest that browsers take.
        Some((scheme @ ("https" | "http"), rest)) if rest.starts_with('[') => format!("{scheme}:"),
        Some((scheme @ ("https" | "http"), _)) => format!("{scheme}://{}", origin::host(uri)),
        Some((scheme, _)) => format!("{scheme}:"),
        None => "'none'".to_owned(),
    }
}

/// Why a client is not what its name says; None when nothing speaks against it. `vouched`: the domain its metadata
/// document lies on.
pub fn look_alike(name: &str, vouched: Option<&str>, redirect_uri: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let (word, owner, hosts) = KNOWN.iter().find(|(word, _, _)| lower.contains(word))?;
    let belongs =
        |host: &str| hosts.iter().any(|known| host == *known || host.ends_with(&format!(".{known}")));
    let goes_home = match kind(redirect_uri) {
        Some(Kind::Https) => belongs(origin::hostname(redirect_uri)),
        Some(Kind::PrivateUse) => redirect_uri.starts_with(word),
        // An app on this computer; the page says so anyway.
        Some(Kind::Loopback) => vouched.is_none_or(belongs),
        None => false,
    };
    (!goes_home || !vouched.is_none_or(belongs)).then(|| {
        format!(
            "It calls itself “{name}”, but would send you to {}, which does not belong to {owner}.",
            shown(redirect_uri)
        )
    })
}

/// The redirect that ends an authorization request: its parameters, then `state` as it came and `iss` (RFC 9207).
pub fn build(uri: &str, parameters: &[(&str, &str)], state: Option<&str>, issuer: &str) -> String {
    let mut all = parameters.to_vec();
    all.extend(state.map(|state| ("state", state)));
    all.push(("iss", issuer));
    let separator = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{separator}{}", encode_form(&all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_these_kinds_of_uri_ever_get_a_code() {
        let fine = [
            ("https://claude.ai/api/mcp/auth_callback", Kind::Https),
            ("https://vscode.dev/redirect?x=1", Kind::Https),
            ("http://127.0.0.1:33418/", Kind::Loopback),
            ("http://127.0.0.1", Kind::Loopback),
            ("http://localhost:1/callback", Kind::Loopback),
            ("http://[::1]:8080/cb", Kind::Loopback),
            ("cursor://anysphere.cursor-mcp/oauth/callback", Kind::PrivateUse),
            ("cursor://anysphere.cursor-mcp/oauth/user-ada_1/callback", Kind::PrivateUse),
        ];
        for (uri, expected) in fine {
            assert_eq!(kind(uri), Some(expected), "{uri}");
        }
        let refused = [
            "http://claude.ai/cb",
            "http://localhost.evil.example/cb",
            "http://127.0.0.1.evil.example/",
            "http://localhost@evil.example/",
            "https://claude.ai@evil.example/",
            "https://user:pw@claude.ai/",
            "https://claude.ai/cb#fragment",
            "https://claude.ai\\@evil.example/",
            "https://claude%2eai/cb",
            "https:///cb",
            "https://*/cb",
            "https://claude.ai;script-src/cb",
            "https://claude.ai,x/cb",
            "https://claude.ai/a/../b",
            "HTTPS://claude.ai/cb",
            "https://claude.ai/c b",
            "https://claude.ai/\u{fc}",
            "https://claude.ai/\ncb",
            "javascript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "custom://callback",
            "cursor://evil/oauth/callback",
            "cursor://anysphere.cursor-mcp/oauth/callback/extra",
            "cursor://anysphere.cursor-mcp/oauth/user-/callback",
            "cursor://anysphere.cursor-mcp/oauth/user-a/b/callback",
            "urn:ietf:wg:oauth:2.0:oob",
            "",
        ];
        for uri in refused {
            assert_eq!(kind(uri), None, "{uri}");
        }
    }

    #[test]
    fn a_registered_uri_matches_to_the_letter_but_for_a_loopback_port() {
        let registered: Vec<String> = [
            "https://claude.ai/api/mcp/auth_callback",
            "http://127.0.0.1/",
            "http://localhost:1/callback?a=1",
        ]
        .map(str::to_owned)
        .into();
        for uri in [
            "https://claude.ai/api/mcp/auth_callback",
            "http://127.0.0.1:51234/",
            "http://127.0.0.1:51234",
            "http://localhost:9/callback?a=1",
            "http://127.0.0.1:9/callback?a=1",
        ] {
            assert!(is_registered(uri, &registered), "{uri}");
        }
        for uri in [
            "https://claude.ai/api/mcp/auth_callback/",
            "https://claude.ai/api/mcp/auth_callback?x=1",
            "https://claude.ai/api/mcp/AUTH_CALLBACK",
            "https://CLAUDE.ai/api/mcp/auth_callback",
            "https://claude.ai:8443/api/mcp/auth_callback",
            "https://claude.ai/api/mcp/auth_callback/sub",
            "https://evil.claude.ai/api/mcp/auth_callback",
            "http://claude.ai/api/mcp/auth_callback",
            "http://127.0.0.1:1/other",
            "http://127.0.0.1:1/callback",
            "https://127.0.0.1/",
        ] {
            assert!(!is_registered(uri, &registered), "{uri}");
        }
    }

    #[test]
    fn a_borrowed_name_is_noticed() {
        let home = "https://claude.ai/api/mcp/auth_callback";
        assert_eq!(look_alike("Claude", None, home), None);
        assert_eq!(look_alike("Claude Code", None, "http://localhost:3/callback"), None);
        assert_eq!(look_alike("Cursor", None, "cursor://anysphere.cursor-mcp/oauth/callback"), None);
        assert_eq!(look_alike("My tool", None, "https://tool.example/cb"), None);
        let told = look_alike("CLAUDE ", None, "https://claude.ai.evil.example/cb").unwrap();
        assert!(told.contains("claude.ai.evil.example") && told.contains("Anthropic"), "{told}");
        assert!(look_alike("ChatGPT", Some("evil.example"), "http://127.0.0.1/").is_some());
    }

    #[test]
    fn a_redirect_keeps_what_was_there_and_names_the_issuer() {
        let built = build("https://a.example/cb?x=1", &[("code", "c")], Some("s &="), "https://gw.example");
        assert_eq!(built, "https://a.example/cb?x=1&code=c&state=s%20%26%3D&iss=https%3A%2F%2Fgw.example");
        assert_eq!(csp_source("http://127.0.0.1:8/cb"), "http://127.0.0.1:8");
        assert_eq!(csp_source("http://[::1]:8/cb"), "http:");
        assert_eq!(csp_source("cursor://anysphere.cursor-mcp/oauth/callback"), "cursor:");
    }
}
