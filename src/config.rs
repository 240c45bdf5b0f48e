//! What the operator sets: variables and secrets of the deployment, parsed once.
//! Not for: what a member or a workspace may set.

use std::fmt;

/// A value that must not reach a log: it has no useful `Debug` and no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A secret shorter than this can be guessed: 32 characters of base64url carry 192 bits.
pub const MIN_SECRET_CHARS: usize = 32;

#[derive(Clone, Debug)]
pub struct Config {
    /// Signs session ids, cursors, tokens' checksums and asset URLs. Without it nothing but the health and
    /// start pages answers.
    pub gateway_secret: Secret,
    /// Lets the operator make workspaces and tokens over REST. Absent: nobody can.
    pub operator_key: Option<Secret>,
    /// The public origin when it is not the one the request names (a proxy, a custom domain).
    pub public_url: Option<String>,
    /// Web origins beside our own that a browser client may call from.
    pub allowed_origins: Vec<String>,
}

/// One row a setting: name, secret or not, and what it does. The README's table is made from this.
pub const SETTINGS: &[(&str, bool, &str)] = &[
    (
        "GATEWAY_SECRET",
        true,
        "Required. 32 or more random characters; signs sessions, tokens and asset URLs. Changing it signs everybody out.",
    ),
    (
        "OPERATOR_KEY",
        true,
        "Optional. 32 or more random characters; lets the operator create workspaces and tokens over REST. Unset: that API does not exist.",
    ),
    (
        "PUBLIC_URL",
        false,
        "Optional. The public origin, such as `https://media.example.com`, when it differs from the one requests name.",
    ),
    (
        "ALLOWED_ORIGINS",
        false,
        "Optional. Web origins, separated by commas, whose pages may call `/mcp` from a browser; `*` for any. The gateway's own origin, and on loopback any loopback origin, always may.",
    ),
];

impl Config {
    /// Err: a sentence for the operator, naming the setting.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let given =
            |name: &str| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let secret = |name: &str| match given(name) {
            Some(value) if value.len() < MIN_SECRET_CHARS => Err(format!(
                "{name} is shorter than {MIN_SECRET_CHARS} characters. Set a random one: openssl rand -base64 32 | npx wrangler secret put {name}"
            )),
            value => Ok(value.map(Secret)),
        };
        let gateway_secret = secret("GATEWAY_SECRET")?.ok_or(
            "GATEWAY_SECRET is not set. Set a random one: openssl rand -base64 32 | npx wrangler secret put GATEWAY_SECRET",
        )?;
        let public_url = given("PUBLIC_URL").map(|url| url.trim_end_matches('/').to_owned());
        if public_url.as_deref().is_some_and(|url| !is_origin(url)) {
            return Err(
                "PUBLIC_URL must be an origin such as https://media.example.com, without a path.".into()
            );
        }
        let allowed_origins = given("ALLOWED_ORIGINS").unwrap_or_default();
        Ok(Self {
            gateway_secret,
            operator_key: secret("OPERATOR_KEY")?,
            public_url,
            allowed_origins: allowed_origins
                .split(',')
                .map(|o| o.trim().to_owned())
                .filter(|o| !o.is_empty())
                .collect(),
        })
    }
}

fn is_origin(url: &str) -> bool {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    !host.is_empty() && !host.contains(['/', '?', '#', '@', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Config, String> {
        Config::parse(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn says_what_to_set() {
        const GOOD: &str = "0123456789abcdef0123456789abcdef";
        assert!(parse(&[]).unwrap_err().contains("wrangler secret put GATEWAY_SECRET"));
        assert!(parse(&[("GATEWAY_SECRET", "short")]).unwrap_err().contains("shorter than 32"));
        assert!(
            parse(&[("GATEWAY_SECRET", GOOD), ("OPERATOR_KEY", "x")]).unwrap_err().contains("OPERATOR_KEY")
        );
        let bad_url = [("GATEWAY_SECRET", GOOD), ("PUBLIC_URL", "https://a.example/mcp")];
        assert!(parse(&bad_url).unwrap_err().contains("PUBLIC_URL"));
        let config = parse(&[
            ("GATEWAY_SECRET", GOOD),
            ("PUBLIC_URL", "https://a.example/"),
            ("ALLOWED_ORIGINS", "https://b, https://c"),
        ])
        .unwrap();
        assert_eq!(config.public_url.as_deref(), Some("https://a.example"));
        assert_eq!(config.allowed_origins, ["https://b", "https://c"]);
        assert!(!format!("{config:?}").contains(GOOD));
    }
}
