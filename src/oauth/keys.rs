//! The keys the gateway signs its tokens with, none of them stored: each is derived from `GATEWAY_SECRET` and
//! the number of its epoch.
//! Not for: the tokens themselves (`jwt`), or keys of other issuers.
//!
//! Derived, because then two isolates that start at once cannot make two different keys, a token is signed and
//! verified without asking any storage, and the key is as safe as the secret the operator keeps already.
//!
//! # Rotation
//! An epoch lasts [`ROTATE_SECONDS`]. Tokens are signed with the key of the current one; those of the epochs
//! before and after it verify too, so neither the change nor a clock that runs ahead signs anybody out. A token
//! must therefore not live longer than one epoch. The next key is published a whole epoch before it signs, so
//! whoever caches the JWK Set has it in time.
//!
//! When the secret itself changes, `GATEWAY_SECRET_PREVIOUS` gives the same three keys of the former one, for
//! verifying only.

use super::jwt::{Keys, SigningKey};
use crate::config::Config;
use crate::crypto;
use crate::platform::Platform;
use crate::time::Timestamp;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// 30 days: a key that leaked without the secret is worth nothing after two of these.
pub const ROTATE_SECONDS: i64 = 30 * 24 * 3600;
/// Rings kept per isolate, about 1 KB each. A deployment needs one; at the change of an epoch or secret, two.
const MAX_RINGS: usize = 4;
/// Bytes of a key's name: chance does not make two of six keys alike.
const KID_BYTES: usize = 8;
/// Two labels, so that a key's published name says nothing of the key.
const KEY_LABEL: &str = "signing key";
const KID_LABEL: &str = "signing key id";

/// The keys of one moment.
struct Ring {
    signing: (String, Rc<SigningKey>),
    all: Vec<(String, Rc<SigningKey>)>,
    verifying: Rc<Keys>,
}

thread_local! {
    // By the full names of the epoch's keys: they follow from the epoch and the secrets, and reveal neither.
    static RINGS: RefCell<BTreeMap<Vec<[u8; 32]>, Rc<Ring>>> = const { RefCell::new(BTreeMap::new()) };
}

/// The key that signs now, after its `kid` (RFC 7515 section 4.1.4).
pub fn current<P: Platform>(platform: &P) -> (String, Rc<SigningKey>) {
    ring(platform.config(), platform.now()).signing.clone()
}

/// Every key whose tokens are valid now.
pub fn verifying<P: Platform>(platform: &P) -> Rc<Keys> {
    ring(platform.config(), platform.now()).verifying.clone()
}

/// The same keys for others to verify with, as a JWK Set (RFC 7517 section 5).
pub fn jwks<P: Platform>(platform: &P) -> Value {
    ring(platform.config(), platform.now()).jwks()
}

impl Ring {
    fn derive(config: &Config, now: Timestamp) -> Self {
        let (seeds, names) = (config.signer(KEY_LABEL), config.signer(KID_LABEL));
        let key = |seed: &[u8; 32], name: &[u8; 32]| (kid(name), Rc::new(SigningKey::from_seed(seed)));
        let current = epoch(now);
        let all: Vec<_> = [current.saturating_sub(1), current, current.saturating_add(1)]
            .iter()
            .map(|epoch| epoch.to_be_bytes())
            .flat_map(|epoch| seeds.full_tags(&epoch).into_iter().zip(names.full_tags(&epoch)))
            .map(|(seed, name)| key(&seed, &name))
            .collect();
        let current = current.to_be_bytes();
        Self {
            signing: key(&seeds.full_tag(&current), &names.full_tag(&current)),
            verifying: Rc::new(Keys::of(all.iter().cloned())),
            all,
        }
    }

    fn jwks(&self) -> Value {
        let keys: Vec<_> = self.all.iter().map(|(kid, key)| key.public_jwk(kid)).collect();
        json!({ "keys": keys })
    }
}

fn ring(config: &Config, now: Timestamp) -> Rc<Ring> {
    let names = config.signer(KID_LABEL).full_tags(&epoch(now).to_be_bytes());
    if let Some(ring) = RINGS.with_borrow(|rings| rings.get(&names).cloned()) {
        return ring;
    }
    let ring = Rc::new(Ring::derive(config, now));
    RINGS.with_borrow_mut(|rings| {
        if rings.len() >= MAX_RINGS {
            rings.clear();
        }
        rings.insert(names, ring.clone());
    });
    ring
}

fn epoch(now: Timestamp) -> i64 {
    now.seconds().div_euclid(ROTATE_SECONDS)
}

fn kid(name: &[u8; 32]) -> String {
    crypto::hex(name.get(..KID_BYTES).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::jwt::{self, Alg, Expect, JwtFault};

    const OLD: &str = "0123456789abcdef0123456789abcdef";
    const NEW: &str = "fedcba9876543210fedcba9876543210";
    const DAY: i64 = 24 * 3600;
    /// The first second of an epoch.
    const START: Timestamp = Timestamp(700 * ROTATE_SECONDS * 1000);

    fn config(secret: &str, previous: Option<&str>) -> Config {
        let lookup = |name: &str| match name {
            "GATEWAY_SECRET" => Some(secret.to_owned()),
            "GATEWAY_SECRET_PREVIOUS" => previous.map(str::to_owned),
            _ => None,
        };
        Config::parse(lookup).unwrap()
    }

    fn token(config: &Config, now: Timestamp) -> String {
        let (kid, key) = ring(config, now).signing.clone();
        let claims = json!({ "sub": "ada", "aud": "us", "exp": now.seconds() + 400 * DAY });
        jwt::sign(&key, &kid, "at+jwt", &claims).unwrap()
    }

    fn check(keys: &Keys, token: &str, now: Timestamp) -> Result<String, JwtFault> {
        let expect = Expect {
            issuer: None,
            audience: "us",
            algorithms: &[Alg::Es256],
            typ: Some("at+jwt"),
            now,
            leeway_seconds: 0,
        };
        jwt::verify(token, keys, &expect).map(|claims: Value| claims["sub"].as_str().unwrap().to_owned())
    }

    fn verified(config: &Config, token: &str, now: Timestamp) -> Result<String, JwtFault> {
        check(&ring(config, now).verifying, token, now)
    }

    #[test]
    fn a_token_outlives_its_epoch_by_one() {
        let config = config(NEW, None);
        let signed = START.plus_seconds(29 * DAY);
        let token = token(&config, signed);
        let late = START.plus_seconds(2 * ROTATE_SECONDS - 1);
        assert_eq!(verified(&config, &token, signed).as_deref(), Ok("ada"));
        assert_eq!(verified(&config, &token, START.plus_seconds(ROTATE_SECONDS)).as_deref(), Ok("ada"));
        assert_eq!(verified(&config, &token, late).as_deref(), Ok("ada"));
        assert_eq!(verified(&config, &token, late.plus_seconds(1)), Err(JwtFault::UnknownKey));
        // A neighbour whose clock is still in the epoch before.
        assert_eq!(verified(&config, &token, START.plus_seconds(-1)).as_deref(), Ok("ada"));
        assert_ne!(ring(&config, signed).signing.0, ring(&config, late).signing.0);
    }

    #[test]
    fn a_changed_secret_signs_nobody_out_while_the_former_is_set() {
        let (old, new, both) = (config(OLD, None), config(NEW, None), config(NEW, Some(OLD)));
        let before = token(&old, START);
        assert_eq!(verified(&both, &before, START).as_deref(), Ok("ada"));
        assert_eq!(verified(&new, &before, START), Err(JwtFault::UnknownKey));
        let after = token(&both, START);
        assert_eq!(verified(&new, &after, START).as_deref(), Ok("ada"));
        assert_eq!(verified(&old, &after, START), Err(JwtFault::UnknownKey));
    }

    #[test]
    fn others_verify_with_what_is_published_and_nothing_else_is() {
        let both = config(NEW, Some(OLD));
        let published = ring(&both, START).jwks();
        let keys = published["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 6);
        for key in keys {
            let members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
            assert_eq!(key["kid"].as_str().unwrap().len(), 16);
        }
        let theirs = Keys::from_jwks(&published.to_string()).unwrap();
        for config in [&both, &config(OLD, None)] {
            assert_eq!(check(&theirs, &token(config, START), START).as_deref(), Ok("ada"));
        }
    }

    #[test]
    fn an_isolate_derives_its_keys_once_and_keeps_few() {
        let ours = config(NEW, None);
        assert!(Rc::ptr_eq(&ring(&ours, START), &ring(&ours, START.plus_seconds(ROTATE_SECONDS - 1))));
        for epoch in 0..20 {
            ring(&ours, START.plus_seconds(epoch * ROTATE_SECONDS));
            assert!(RINGS.with_borrow(BTreeMap::len) <= MAX_RINGS);
        }
    }
}
