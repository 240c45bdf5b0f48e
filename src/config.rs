//! What the operator sets: variables and secrets of the deployment, parsed once.
//! Not for: what a member or a workspace may set.

use crate::crypto::Signer;
use serde::Deserialize;
use std::fmt;
use std::net::IpAddr;

/// A value that must not reach a log: it has no useful `Debug` and no `Display`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
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
/// Requests a minute: a script that works through a list with two calls a second is not held up.
const REQUESTS_PERSONAL: u32 = 120;
/// Requests a minute: a model calls a tool every few seconds at most, and opens few connections beside that.
const REQUESTS_OAUTH: u32 = 60;

/// A month of object storage for this much costs about what a cup of coffee does.
const STORAGE_QUOTA_GIGABYTES: f64 = 100.0;
/// More than any account stores, and exact as a JSON number of bytes (2^53).
const MAX_QUOTA_GIGABYTES: f64 = 1_000_000.0;

/// A person looks for the file, a model runs the command: 15 minutes (seed 002).
const UPLOAD_URL_SECONDS: u32 = 15 * 60;
/// Whoever holds the URL may use it: a day at most.
const MAX_UPLOAD_URL_SECONDS: u32 = 24 * 3600;

#[derive(Clone, Debug)]
pub struct Config {
    /// Signs session ids, cursors, tokens' checksums and asset URLs. Without it nothing but the health and
    /// start pages answers.
    pub gateway_secret: Secret,
    /// The secret before it, never the same one: what it signed stays valid while the operator rotates.
    pub gateway_secret_previous: Option<Secret>,
    /// Lets the operator make workspaces and tokens over REST. Absent: nobody can.
    pub operator_key: Option<Secret>,
    /// The public origin when it is not the one the request names (a proxy, a custom domain).
    pub public_url: Option<String>,
    /// Web origins beside our own that a browser client may call from.
    pub allowed_origins: Vec<String>,
    /// Addresses whose X-Forwarded-Host is believed.
    pub trusted_proxies: Vec<Range>,
    pub oidc: Option<Oidc>,
    pub github: Option<Registered>,
    /// Addresses of those who own the gateway's first workspace, in lower case.
    pub owners: Vec<String>,
    /// Who else may sign in: addresses and domains, in lower case.
    pub sign_in_allow: Vec<String>,
    /// Requests one personal access token may make in a minute; 0: any number.
    pub rate_limit_personal: u32,
    /// Requests one authorization may make in a minute with its access tokens; 0: any number.
    pub rate_limit_oauth: u32,
    /// What the files of one workspace may take up; None: any amount.
    pub storage_quota_bytes: Option<u64>,
    /// The same bucket by its S3 address, for large files.
    pub s3: Option<S3>,
    /// How long a presigned upload URL works.
    pub upload_url_seconds: u32,
    /// OAuth clients that the operator registered by hand.
    pub clients: Vec<ConfiguredClient>,
}

/// Keys to the media bucket by R2's S3 API.
#[derive(Clone, Debug)]
pub struct S3 {
    /// `https://ACCOUNT.r2.cloudflarestorage.com`
    pub endpoint: String,
    pub bucket: String,
    pub access_key_id: String,
    pub secret_access_key: Secret,
}

/// What a sign-in provider gave the operator for this gateway.
#[derive(Clone, Debug)]
pub struct Registered {
    pub client_id: String,
    pub client_secret: Secret,
}

/// The operator's OpenID Connect provider.
#[derive(Clone, Debug)]
pub struct Oidc {
    pub issuer: String,
    pub client: Registered,
    /// The provider vouches for every address without saying so in `email_verified`.
    pub trusts_email: bool,
}

/// One entry of OAUTH_CLIENTS.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfiguredClient {
    pub client_id: String,
    pub client_name: String,
    pub redirect_uris: Vec<String>,
    /// Absent: a public client.
    pub client_secret: Option<Secret>,
}

/// Addresses in CIDR notation (RFC 4632): `10.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    network: IpAddr,
    prefix: u8,
}

impl Range {
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let network: IpAddr = address.parse().ok()?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(most), |prefix| prefix.parse().ok())?;
        (prefix <= most).then_some(Self { network, prefix })
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        // Both as 128 bits from the left, so that one comparison serves both families.
        let bits = |address: IpAddr| match address {
            IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
            IpAddr::V6(v6) => u128::from(v6),
        };
        let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
        address.is_ipv4() == self.network.is_ipv4() && (bits(address) ^ bits(self.network)) & mask == 0
    }
}

/// One row a setting: name, secret or not, and what it does. The README's table is made from this.
pub const SETTINGS: &[(&str, bool, &str)] = &[
    (
        "GATEWAY_SECRET",
        true,
        "Required. 32 or more random characters; signs sessions, tokens and asset URLs. Changing it signs everybody out, unless GATEWAY_SECRET_PREVIOUS holds the former one.",
    ),
    (
        "GATEWAY_SECRET_PREVIOUS",
        true,
        "Optional. The former GATEWAY_SECRET while you rotate it: what it signed stays valid, new things are signed with the new one. Remove it after 90 days; personal access tokens made before the change end with it.",
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
    (
        "OWNER",
        false,
        "For sign-in. The address of whoever owns the first workspace; several separated by commas.",
    ),
    (
        "SIGN_IN_ALLOW",
        false,
        "For sign-in. Who else may sign in and joins the first workspace: addresses and domains, separated by commas, such as `example.com, ada@example.org`. Anybody else needs an invitation.",
    ),
    (
        "OIDC_ISSUER",
        false,
        "For sign-in by OpenID Connect. The provider's issuer, such as `https://accounts.google.com`; its redirect URI is `/sign-in/oidc/callback` here.",
    ),
    ("OIDC_CLIENT_ID", false, "For sign-in by OpenID Connect. What the provider calls this gateway."),
    ("OIDC_CLIENT_SECRET", true, "For sign-in by OpenID Connect."),
    (
        "OIDC_TRUST_EMAIL",
        false,
        "Optional. `yes` for a provider that vouches for every address but sends no `email_verified` (Microsoft Entra).",
    ),
    (
        "GITHUB_CLIENT_ID",
        false,
        "For sign-in with GitHub. An OAuth app whose callback URL is `/sign-in/github/callback` here.",
    ),
    ("GITHUB_CLIENT_SECRET", true, "For sign-in with GitHub."),
    (
        "OAUTH_CLIENTS",
        true,
        "Optional. OAuth clients registered by hand, for those that can do no other: `[{\"client_id\":\"…\",\"client_name\":\"…\",\"redirect_uris\":[\"…\"],\"client_secret\":\"…\"}]`.",
    ),
    (
        "TRUSTED_PROXIES",
        false,
        "Optional. Addresses or CIDR ranges, separated by commas, of proxies whose `X-Forwarded-Host` is believed.",
    ),
    (
        "RATE_LIMIT_PERSONAL",
        false,
        "Optional. Requests one personal access token may make in a minute; 120 if unset, `0` for any number.",
    ),
    (
        "RATE_LIMIT_OAUTH",
        false,
        "Optional. Requests one connected app may make in a minute; 60 if unset, `0` for any number.",
    ),
    (
        "STORAGE_QUOTA_GIGABYTES",
        false,
        "Optional. Gigabytes that the files of one workspace may take up, such as `250` or `0.5`; 100 if unset, `0` for any amount. An upload beyond it is refused; what is generated is always kept and counts.",
    ),
    (
        "UPLOAD_URL_SECONDS",
        false,
        "Optional. Seconds for which a presigned upload URL works; 900 if unset, 86400 at most.",
    ),
    (
        "R2_S3_ENDPOINT",
        false,
        "Optional, with the next three. The S3 address of R2, `https://ACCOUNT.r2.cloudflarestorage.com`: files above 100 MB then go to it in one piece instead of in parts.",
    ),
    ("R2_S3_BUCKET", false, "For S3 uploads. The bucket that is bound as MEDIA: `atelier-media`."),
    ("R2_ACCESS_KEY_ID", true, "For S3 uploads. Of an R2 API token that may write objects of this bucket."),
    ("R2_SECRET_ACCESS_KEY", true, "For S3 uploads."),
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
        let listed = |name: &str| -> Vec<String> {
            let list = given(name).unwrap_or_default();
            list.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
        };
        let lower = |name: &str| listed(name).into_iter().map(|item| item.to_lowercase()).collect();
        let ranges = listed("TRUSTED_PROXIES").into_iter().map(|item| {
            Range::parse(&item)
                .ok_or_else(|| format!("TRUSTED_PROXIES: `{item}` is neither an address nor a CIDR range."))
        });
        let clients = given("OAUTH_CLIENTS").map_or(Ok(Vec::new()), |text| {
            serde_json::from_str(&text)
                .map_err(|fault| format!("OAUTH_CLIENTS is not the JSON it must be: {fault}."))
        })?;
        let previous = secret("GATEWAY_SECRET_PREVIOUS")?.filter(|previous| *previous != gateway_secret);
        Ok(Self {
            gateway_secret,
            gateway_secret_previous: previous,
            operator_key: secret("OPERATOR_KEY")?,
            public_url,
            allowed_origins: listed("ALLOWED_ORIGINS"),
            trusted_proxies: ranges.collect::<Result<_, _>>()?,
            oidc: oidc(&given)?,
            github: registered(&given, "GITHUB")?,
            owners: lower("OWNER"),
            sign_in_allow: lower("SIGN_IN_ALLOW"),
            rate_limit_personal: requests(&given, "RATE_LIMIT_PERSONAL", REQUESTS_PERSONAL)?,
            rate_limit_oauth: requests(&given, "RATE_LIMIT_OAUTH", REQUESTS_OAUTH)?,
            storage_quota_bytes: gigabytes(&given, "STORAGE_QUOTA_GIGABYTES", STORAGE_QUOTA_GIGABYTES)?,
            s3: s3(&given)?,
            upload_url_seconds: seconds(&given, "UPLOAD_URL_SECONDS", UPLOAD_URL_SECONDS)?,
            clients,
        })
    }

    /// Signs with the current secret and verifies with the previous one too; `label` names the purpose.
    pub fn signer(&self, label: &str) -> Signer {
        let derive = |secret: &Secret| Signer::derive(secret.reveal().as_bytes(), label);
        let current = derive(&self.gateway_secret);
        match &self.gateway_secret_previous {
            Some(previous) => current.accepting(derive(previous)),
            None => current,
        }
    }
}

type Given<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Both or neither of NAME_CLIENT_ID and NAME_CLIENT_SECRET.
fn registered(given: &Given, name: &str) -> Result<Option<Registered>, String> {
    let (id, secret) = (format!("{name}_CLIENT_ID"), format!("{name}_CLIENT_SECRET"));
    match (given(&id), given(&secret)) {
        (Some(client_id), Some(secret)) => Ok(Some(Registered { client_id, client_secret: Secret(secret) })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(format!("{id} is set but {secret} is not: npx wrangler secret put {secret}")),
        (None, Some(_)) => Err(format!("{secret} is set but {id} is not. Set it in wrangler.toml.")),
    }
}

fn oidc(given: &Given) -> Result<Option<Oidc>, String> {
    match (given("OIDC_ISSUER"), registered(given, "OIDC")?) {
        (Some(issuer), Some(client)) => {
            let trusts_email =
                given("OIDC_TRUST_EMAIL").is_some_and(|word| matches!(word.as_str(), "yes" | "true" | "1"));
            Ok(Some(Oidc { issuer, client, trusts_email }))
        }
        (None, None) => Ok(None),
        (Some(_), None) => {
            Err("OIDC_ISSUER is set but OIDC_CLIENT_ID and OIDC_CLIENT_SECRET are not.".into())
        }
        (None, Some(_)) => Err("OIDC_CLIENT_ID is set but OIDC_ISSUER is not.".into()),
    }
}

/// All four or none.
fn s3(given: &Given) -> Result<Option<S3>, String> {
    const NAMES: [&str; 4] = ["R2_S3_ENDPOINT", "R2_S3_BUCKET", "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"];
    match NAMES.map(given) {
        [Some(endpoint), Some(bucket), Some(access_key_id), Some(secret)] if is_origin(&endpoint) => {
            Ok(Some(S3 { endpoint, bucket, access_key_id, secret_access_key: Secret(secret) }))
        }
        [None, None, None, None] => Ok(None),
        [Some(_), Some(_), Some(_), Some(_)] => {
            Err("R2_S3_ENDPOINT must be an origin such as https://ACCOUNT.r2.cloudflarestorage.com, without a path.".into())
        }
        found => {
            let missing = NAMES.iter().zip(found).find(|(_, value)| value.is_none()).map_or("", |(name, _)| name);
            Err(format!("{missing} is not set; for S3 uploads set {}.", NAMES.join(", ")))
        }
    }
}

fn seconds(given: &Given, name: &str, default: u32) -> Result<u32, String> {
    given(name).map_or(Ok(default), |text| {
        let read = text.parse().ok().filter(|seconds| (1..=MAX_UPLOAD_URL_SECONDS).contains(seconds));
        read.ok_or_else(|| {
            format!(
                "{name} must be a whole number of seconds from 1 to {MAX_UPLOAD_URL_SECONDS}, not `{text}`."
            )
        })
    })
}

fn requests(given: &Given, name: &str, default: u32) -> Result<u32, String> {
    given(name).map_or(Ok(default), |text| {
        text.parse().map_err(|_| {
            format!("{name} must be a whole number of requests a minute, or 0 for no limit, not `{text}`.")
        })
    })
}

/// As bytes; `0` means no limit.
fn gigabytes(given: &impl Fn(&str) -> Option<String>, name: &str, unset: f64) -> Result<Option<u64>, String> {
    let amount = match given(name) {
        None => unset,
        Some(text) => text
            .parse()
            .ok()
            .filter(|amount| (0.0..=MAX_QUOTA_GIGABYTES).contains(amount))
            .ok_or_else(|| {
                format!("{name} must be a number of gigabytes such as 100 or 0.5, or 0 for no limit, not `{text}`.")
            })?,
    };
    Ok((amount > 0.0).then_some((amount * 1e9).round() as u64))
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

    #[test]
    fn limits_are_whole_numbers_a_minute() {
        const SECRET: (&str, &str) = ("GATEWAY_SECRET", "0123456789abcdef0123456789abcdef");
        let limits = |pairs: &[(&str, &str)]| {
            parse(&[&[SECRET], pairs].concat())
                .map(|config| (config.rate_limit_personal, config.rate_limit_oauth))
        };
        assert_eq!(limits(&[]), Ok((120, 60)));
        assert_eq!(limits(&[("RATE_LIMIT_PERSONAL", " "), ("RATE_LIMIT_OAUTH", "")]), Ok((120, 60)));
        assert_eq!(limits(&[("RATE_LIMIT_PERSONAL", "0"), ("RATE_LIMIT_OAUTH", "7")]), Ok((0, 7)));
        for name in ["RATE_LIMIT_PERSONAL", "RATE_LIMIT_OAUTH"] {
            for text in ["-1", "1.5", "many", "60/min", "4294967296"] {
                let told = limits(&[(name, text)]).unwrap_err();
                assert!(told.contains(name) && told.contains(&format!("`{text}`")), "{told}");
            }
        }
    }

    #[test]
    fn the_former_secret_verifies_while_it_is_set() {
        const OLD: &str = "0123456789abcdef0123456789abcdef";
        const NEW: &str = "fedcba9876543210fedcba9876543210";
        let (old, new) =
            (parse(&[("GATEWAY_SECRET", OLD)]).unwrap(), parse(&[("GATEWAY_SECRET", NEW)]).unwrap());
        let both = parse(&[("GATEWAY_SECRET", NEW), ("GATEWAY_SECRET_PREVIOUS", OLD)]).unwrap();
        let sealed = old.signer("session").seal("a");
        assert_eq!(both.signer("session").open(&sealed).as_deref(), Some("a"));
        assert_eq!(new.signer("session").open(&sealed), None);
        assert_eq!(both.signer("session").seal("a"), new.signer("session").seal("a"));

        let same = parse(&[("GATEWAY_SECRET", NEW), ("GATEWAY_SECRET_PREVIOUS", NEW)]).unwrap();
        assert_eq!(same.gateway_secret_previous, None);
        let short = parse(&[("GATEWAY_SECRET", NEW), ("GATEWAY_SECRET_PREVIOUS", "short")]);
        assert!(short.unwrap_err().contains("GATEWAY_SECRET_PREVIOUS is shorter"));
    }

    #[test]
    fn says_which_half_of_a_pair_is_missing() {
        const SECRET: (&str, &str) = ("GATEWAY_SECRET", "0123456789abcdef0123456789abcdef");
        let told = |pairs: &[(&str, &str)]| parse(&[&[SECRET], pairs].concat()).unwrap_err();
        assert!(told(&[("GITHUB_CLIENT_ID", "x")]).contains("secret put GITHUB_CLIENT_SECRET"));
        assert!(told(&[("GITHUB_CLIENT_SECRET", "x")]).contains("GITHUB_CLIENT_ID is not"));
        assert!(told(&[("OIDC_ISSUER", "https://a")]).contains("OIDC_CLIENT_ID"));
        assert!(told(&[("OIDC_CLIENT_ID", "a"), ("OIDC_CLIENT_SECRET", "b")]).contains("OIDC_ISSUER is not"));
        assert!(told(&[("TRUSTED_PROXIES", "10.0.0.0/33")]).contains("10.0.0.0/33"));
        assert!(told(&[("OAUTH_CLIENTS", "{}")]).contains("OAUTH_CLIENTS"));
    }

    #[test]
    fn a_range_holds_its_own_and_no_other_family() {
        let holds =
            |range: &str, address: &str| Range::parse(range).unwrap().contains(address.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.0"));
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.6"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("2001:db8::/32", "2001:db9::"));
        assert!(holds("0.0.0.0/0", "1.2.3.4") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("::/0", "::1") && !holds("::ffff:10.0.0.0/104", "10.0.0.1"));
    }
}
