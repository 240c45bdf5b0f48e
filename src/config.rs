//! What the operator sets: variables and secrets of the deployment, parsed once.
//! Not for: what a member or a workspace may set.

mod providers;
mod settings;

pub use providers::{ProviderAccess, setting_that_enables};
pub use settings::SETTINGS;

use crate::crypto::Signer;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// A value that must not reach a log: it has no useful `Debug` and no `Display`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Of what was told or typed, not set.
    pub fn of(text: &str) -> Self {
        Self(text.to_owned())
    }

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
    /// Inference providers that can be asked, by name.
    providers: BTreeMap<&'static str, ProviderAccess>,
    /// What a dollar of the provider's list price costs here.
    pub units_per_dollar: f64,
    /// Whether a workspace may bring provider keys of its own.
    pub workspace_provider_keys: bool,
    /// Changes and additions to the catalogue, as JSON.
    pub models: Option<String>,
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
            providers: providers::read(&given)?,
            units_per_dollar: providers::units_per_dollar(&given)?,
            workspace_provider_keys: given("WORKSPACE_PROVIDER_KEYS").is_some_and(|word| is_yes(&word)),
            models: given("MODELS"),
        })
    }

    /// How the operator reaches a provider; None: it is not configured.
    pub fn provider(&self, name: &str) -> Option<&ProviderAccess> {
        self.providers.get(name)
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

fn is_yes(word: &str) -> bool {
    matches!(word, "yes" | "true" | "1")
}

fn oidc(given: &Given) -> Result<Option<Oidc>, String> {
    match (given("OIDC_ISSUER"), registered(given, "OIDC")?) {
        (Some(issuer), Some(client)) => {
            let trusts_email = given("OIDC_TRUST_EMAIL").is_some_and(|word| is_yes(&word));
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
mod tests;
