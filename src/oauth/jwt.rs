//! Signed JSON Web Tokens (RFC 7519): ours with ES256, other issuers' with ES256 or RS256. The only file that
//! names `jsonwebtoken` and the curve and RSA crates under it.
//! Not for: which keys the gateway has (`keys`), fetching another issuer's keys, or what a claim means.
//!
//! Of `jsonwebtoken` this takes signing and verifying over a provider of ours. Its `encode` and `decode` link
//! every header parameter and JWK there is, 36 KB gzipped, to check less than what is checked here.
//!
//! RFC 8725 is followed where a verifier can go wrong: the caller lists the algorithms it takes (section 3.1), a
//! key is for one algorithm only, so no public key ever becomes an HMAC secret, and type, issuer, audience and
//! times are checked here for every token (sections 3.8, 3.9 and 3.11).

use crate::crypto;
use crate::time::Timestamp;
use jsonwebtoken::crypto::{self as jws, CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::{NistP256, SecretKey};
use rsa::{BigUint, Pkcs1v15Sign, RsaPublicKey};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::cell::OnceCell;
use std::fmt;
use std::rc::Rc;

/// The longest token that is read at all: ID tokens with many groups reach 4 KiB, headers hold no more than 16.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// Keys of one JWKS; large issuers publish about ten.
pub const MAX_KEYS: usize = 32;
/// RFC 7518 section 3.3 asks for 2048 bits.
const MIN_RSA_BITS: usize = 2048;
/// The work grows with the square of the modulus, and whoever publishes it would choose our CPU time.
const MAX_RSA_BITS: usize = 4096;
/// The exponents in use, for the same reason.
const RSA_EXPONENTS: [u32; 2] = [65537, 3];
/// A coordinate of P-256 (RFC 7518 section 6.2.1.2).
const COORDINATE_BYTES: usize = 32;
/// What stands before a SHA-256 digest in an RSASSA-PKCS1-v1_5 signature (RFC 8017 section 9.2, note 1).
const SHA256_PREFIX: [u8; 19] =
    *b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

/// Why a token is not taken. For the log: the caller tells the client less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtFault {
    Malformed,
    Algorithm,
    /// No key, or not exactly one, fits the token. Apart from the others so that a fresh JWKS can be fetched once.
    UnknownKey,
    Signature,
    Expired,
    NotYet,
    Issuer,
    Audience,
    Type,
}

impl fmt::Display for JwtFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is not a well-formed JWT",
            Self::Algorithm => "its algorithm is not one that is taken, or not the key's",
            Self::UnknownKey => "no single key fits it",
            Self::Signature => "its signature is wrong",
            Self::Expired => "it has expired",
            Self::NotYet => "it is from the future",
            Self::Issuer => "it is from another issuer",
            Self::Audience => "it is for another audience",
            Self::Type => "it is another type of token",
        })
    }
}

/// Signature algorithms (RFC 7518 section 3.1), as far as they are taken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alg {
    Es256,
    Rs256,
}

impl Alg {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "RS256" => Some(Self::Rs256),
            _ => None,
        }
    }

    fn as_algorithm(self) -> Algorithm {
        match self {
            Self::Es256 => Algorithm::ES256,
            Self::Rs256 => Algorithm::RS256,
        }
    }
}

/// A P-256 private key. Made without a curve operation; its public half is computed when first asked for.
pub struct SigningKey {
    secret: EncodingKey,
    scalar: SecretKey,
    public: OnceCell<DecodingKey>,
}

impl SigningKey {
    /// Always the same key for the same seed, which must be secret and uniformly random.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        // All but one hash in 2^32 is a valid scalar, so this ends at once.
        let mut candidate = *seed;
        loop {
            candidate = crypto::sha256(&candidate);
            if let Ok(scalar) = SecretKey::from_slice(&candidate) {
                return Self {
                    secret: EncodingKey::from_ec_der(&candidate),
                    scalar,
                    public: OnceCell::new(),
                };
            }
        }
    }

    /// RFC 7517 section 4, RFC 7518 section 6.2.1.
    pub fn public_jwk(&self, kid: &str) -> Value {
        let point = self.public().try_get_as_bytes().unwrap_or_default();
        let (x, y) =
            point.get(1..).unwrap_or_default().split_at_checked(COORDINATE_BYTES).unwrap_or_default();
        json!({
            "kty": "EC", "crv": "P-256", "x": crypto::base64url(x), "y": crypto::base64url(y),
            "kid": kid, "alg": "ES256", "use": "sig",
        })
    }

    fn public(&self) -> &DecodingKey {
        self.public.get_or_init(|| {
            let point = VerifyingKey::from(self.scalar.public_key()).to_sec1_point(false);
            DecodingKey::from_ec_der(point.as_bytes())
        })
    }
}

/// A compact JWS (RFC 7515 section 3.1) with ES256; `typ` is its type (RFC 8725 section 3.11). The nonce comes
/// from the message (RFC 6979), so no random generator can give the key away.
pub fn sign<C: Serialize>(key: &SigningKey, kid: &str, typ: &str, claims: &C) -> Result<String, JwtFault> {
    install();
    let header = json!({ "alg": "ES256", "typ": typ, "kid": kid }).to_string();
    let claims = serde_json::to_vec(claims).map_err(|_| JwtFault::Malformed)?;
    let message = format!("{}.{}", crypto::base64url(header.as_bytes()), crypto::base64url(&claims));
    let signature = jws::sign(message.as_bytes(), &key.secret, Algorithm::ES256);
    Ok(format!("{message}.{}", signature.map_err(|_| JwtFault::Malformed)?))
}

enum Material {
    Published(DecodingKey),
    Own(Rc<SigningKey>),
}

struct Key {
    kid: Option<String>,
    alg: Alg,
    material: Material,
}

/// Public keys to verify with.
pub struct Keys(Vec<Key>);

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Keys {
    /// A JWK Set (RFC 7517 section 5). Keys that cannot be for us, or that we would not trust, are left out: an
    /// issuer may publish them beside the ones that can. Err: no JWK Set, or more than [`MAX_KEYS`].
    pub fn from_jwks(text: &str) -> Result<Keys, JwtFault> {
        let set: JwkSet = serde_json::from_str(text).map_err(|_| JwtFault::Malformed)?;
        if set.keys.len() > MAX_KEYS {
            return Err(JwtFault::Malformed);
        }
        let jwks = set.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        Ok(Self(jwks.filter_map(Jwk::into_key).collect()))
    }

    /// Our own keys by `kid`. A public half is computed only when a token names its key.
    pub fn of(own: impl IntoIterator<Item = (String, Rc<SigningKey>)>) -> Keys {
        let key = |(kid, key)| Key { kid: Some(kid), alg: Alg::Es256, material: Material::Own(key) };
        Self(own.into_iter().map(key).collect())
    }

    /// The one key that can have made this token.
    fn choose(&self, kid: Option<&str>, alg: Alg) -> Result<&DecodingKey, JwtFault> {
        let named = || self.0.iter().filter(|key| kid.is_none() || key.kid.as_deref() == kid);
        let mut fitting = named().filter(|key| key.alg == alg);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(match &key.material {
                Material::Published(key) => key,
                Material::Own(key) => key.public(),
            }),
            // Another JWKS would not help a token whose key is there and of another type.
            (None, _) if kid.is_some() && named().next().is_some() => Err(JwtFault::Algorithm),
            _ => Err(JwtFault::UnknownKey),
        }
    }
}

impl Jwk {
    fn into_key(self) -> Option<Key> {
        let bytes = |text: Option<String>| crypto::from_base64url(&text?);
        let (alg, key) = match self.kty.as_str() {
            "EC" if self.crv.as_deref() == Some("P-256") => {
                let (x, y) = (bytes(self.x)?, bytes(self.y)?);
                (x.len() == COORDINATE_BYTES && y.len() == COORDINATE_BYTES).then_some(())?;
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                VerifyingKey::from_sec1_bytes(&point).ok()?;
                (Alg::Es256, DecodingKey::from_ec_der(&point))
            }
            "RSA" => {
                let (n, e) = (bytes(self.n)?, bytes(self.e)?);
                rsa_key(&n, &e)?;
                (Alg::Rs256, DecodingKey::from_rsa_raw_components(&n, &e))
            }
            _ => return None,
        };
        let is_for_us = self.usage.is_none_or(|usage| usage == "sig")
            && self.alg.is_none_or(|name| Alg::parse(&name) == Some(alg));
        is_for_us.then_some(Key { kid: self.kid, alg, material: Material::Published(key) })
    }
}

/// What a token must be for the caller to take it.
pub struct Expect<'a> {
    pub issuer: Option<&'a str>,
    pub audience: &'a str,
    pub algorithms: &'a [Alg],
    pub typ: Option<&'a str>,
    pub now: Timestamp,
    /// For clocks that differ, in favour of the token.
    pub leeway_seconds: i64,
}

/// JOSE header (RFC 7515 section 4.1), as far as it decides anything here.
#[derive(Deserialize)]
struct JoseHeader {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
}

/// Registered claims (RFC 7519 section 4.1). Times may have fractions (section 2, NumericDate).
#[derive(Deserialize)]
struct Registered {
    iss: Option<String>,
    aud: Option<Value>,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
}

/// Who a token says it is about, believed by nobody: tells which client's keys to check an assertion with.
pub fn subject_unverified(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Subject {
        sub: String,
    }
    let payload = token.split('.').nth(1).filter(|_| token.len() <= MAX_TOKEN_BYTES)?;
    serde_json::from_slice::<Subject>(&crypto::from_base64url(payload)?).ok().map(|claims| claims.sub)
}

/// The claims of a token (RFC 7519 section 7.2) whose signature and registered claims are as expected.
pub fn verify<C: DeserializeOwned>(token: &str, keys: &Keys, expect: &Expect) -> Result<C, JwtFault> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(JwtFault::Malformed);
    }
    let parts = Parts::of(token)?;
    let header = JoseHeader::decode(parts.header)?;
    let alg = Alg::parse(&header.alg).filter(|alg| expect.algorithms.contains(alg));
    let alg = alg.ok_or(JwtFault::Algorithm)?;
    if expect.typ.is_some_and(|typ| !header.is_of_type(typ)) {
        return Err(JwtFault::Type);
    }
    let payload = parts.verified(keys.choose(header.kid.as_deref(), alg)?, alg)?;
    let registered: Registered = serde_json::from_slice(&payload).map_err(|_| JwtFault::Malformed)?;
    registered.check(expect)?;
    serde_json::from_slice(&payload).map_err(|_| JwtFault::Malformed)
}

/// A JWS in its compact form (RFC 7515 section 7.1), still encoded.
struct Parts<'a> {
    /// Header and payload with the dot between them, which is what is signed.
    message: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Result<Self, JwtFault> {
        let (message, signature) = token.rsplit_once('.').ok_or(JwtFault::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(JwtFault::Malformed)?;
        if payload.contains('.') {
            return Err(JwtFault::Malformed);
        }
        Ok(Self { message, header, payload, signature })
    }

    /// The payload, if this key signed it; nothing that it says has been checked.
    fn verified(&self, key: &DecodingKey, alg: Alg) -> Result<Vec<u8>, JwtFault> {
        install();
        match jws::verify(self.signature, self.message.as_bytes(), key, alg.as_algorithm()) {
            Ok(true) => crypto::from_base64url(self.payload).ok_or(JwtFault::Malformed),
            Ok(false) => Err(JwtFault::Signature),
            // The key fits the algorithm by now, so it is the signature's encoding.
            Err(_) => Err(JwtFault::Malformed),
        }
    }
}

impl JoseHeader {
    fn decode(encoded: &str) -> Result<Self, JwtFault> {
        let text = crypto::from_base64url(encoded).ok_or(JwtFault::Malformed)?;
        let header: Self = serde_json::from_slice(&text).map_err(|_| JwtFault::Malformed)?;
        // RFC 7515 section 4.1.11: who knows no extension refuses a token that insists on one.
        if header.crit.is_some() { Err(JwtFault::Malformed) } else { Ok(header) }
    }

    /// RFC 9068 section 4, RFC 7515 section 4.1.9: case does not count, `application/` may be left out.
    fn is_of_type(&self, wanted: &str) -> bool {
        const PREFIX: &str = "application/";
        let bare = |typ: &str| {
            let typ = typ.to_ascii_lowercase();
            typ.strip_prefix(PREFIX).map(str::to_owned).unwrap_or(typ)
        };
        self.typ.as_deref().is_some_and(|typ| bare(typ) == bare(wanted))
    }
}

impl Registered {
    fn check(&self, expect: &Expect) -> Result<(), JwtFault> {
        let (now, leeway) = (expect.now.seconds() as f64, expect.leeway_seconds as f64);
        let is_future = |at: Option<f64>| at.is_some_and(|at| at > now + leeway);
        let is_audience = match &self.aud {
            Some(Value::String(one)) => one == expect.audience,
            Some(Value::Array(many)) => many.iter().any(|one| one == expect.audience),
            _ => false,
        };
        match () {
            () if self.exp + leeway <= now => Err(JwtFault::Expired),
            () if is_future(self.nbf) || is_future(self.iat) => Err(JwtFault::NotYet),
            () if expect.issuer.is_some_and(|issuer| self.iss.as_deref() != Some(issuer)) => {
                Err(JwtFault::Issuer)
            }
            () if !is_audience => Err(JwtFault::Audience),
            () => Ok(()),
        }
    }
}

/// ES256 and RS256 only: `jsonwebtoken` brings its own cryptography with many more, or takes one like this.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    // For JWKs of its own making, which we do not use.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Before every use: without a provider the crate panics. A second time changes nothing.
fn install() {
    let _ = PROVIDER.install_default();
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    match algorithm {
        Algorithm::ES256 => match SecretKey::from_slice(key.as_bytes()) {
            Ok(scalar) => Ok(Box::new(Es256Signer(scalar))),
            Err(_) => Err(ErrorKind::InvalidEcdsaKey.into()),
        },
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    match (algorithm, key.kind()) {
        (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => match VerifyingKey::from_sec1_bytes(point)
        {
            Ok(key) => Ok(Box::new(Es256Verifier(key))),
            Err(_) => Err(ErrorKind::InvalidEcdsaKey.into()),
        },
        (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => match rsa_key(n, e) {
            Some(key) => Ok(Box::new(Rs256Verifier(key))),
            None => Err(ErrorKind::InvalidKeyFormat.into()),
        },
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

/// None for a key that is too weak, too much work, or none at all.
fn rsa_key(n: &[u8], e: &[u8]) -> Option<RsaPublicKey> {
    let (n, e) = (BigUint::from_bytes_be(n), BigUint::from_bytes_be(e));
    let is_usual = RSA_EXPONENTS.iter().any(|usual| e == BigUint::from(*usual));
    ((MIN_RSA_BITS..=MAX_RSA_BITS).contains(&n.bits()) && is_usual).then_some(())?;
    RsaPublicKey::new(n, e).ok()
}

struct Es256Signer(SecretKey);
struct Es256Verifier(VerifyingKey);
struct Rs256Verifier(RsaPublicKey);

impl Signer<Vec<u8>> for Es256Signer {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        // Not by `p256::ecdsa::SigningKey`, which first computes the public key: as much work again.
        let (signature, _) = ecdsa::hazmat::sign_prehashed_rfc6979::<NistP256, sha2::Sha256>(
            &self.0.to_nonzero_scalar(),
            &crypto::sha256(message),
            &[],
        );
        Ok(signature.to_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Es256Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        let signature = Signature::from_slice(signature).map_err(|_| SignatureError::new())?;
        self.0.verify(message, &signature).map_err(|_| SignatureError::new())
    }
}

impl Verifier<Vec<u8>> for Rs256Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        let digest = crypto::sha256(message);
        let scheme = Pkcs1v15Sign { hash_len: Some(digest.len()), prefix: Box::new(SHA256_PREFIX) };
        self.0.verify(scheme, &digest, signature).map_err(|_| SignatureError::new())
    }
}

impl JwtSigner for Es256Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}

impl JwtVerifier for Es256Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}

impl JwtVerifier for Rs256Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }
}

#[cfg(test)]
mod tests;
