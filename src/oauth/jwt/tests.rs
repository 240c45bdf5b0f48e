//! Tokens against published vectors first, then against everything a forger would try.
//! Not for: the gateway's own keys over time (`oauth::keys`).

use super::*;
use jsonwebtoken::AlgorithmFamily;

/// RFC 7515 appendix A.2.1: payload, key and signature with RS256.
const A2_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const A2_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const A2_D: &str = "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ";

/// RFC 7515 appendix A.3.1: the same payload with ES256.
const A3_TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const A3_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const A3_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

const NOW: Timestamp = Timestamp(1_795_246_320_000);
const BOTH: &[Alg] = &[Alg::Es256, Alg::Rs256];

fn rsa_jwk(kid: &str) -> Value {
    json!({ "kty": "RSA", "kid": kid, "n": A2_N, "e": "AQAB" })
}

fn ec_jwk(kid: &str) -> Value {
    json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": A3_X, "y": A3_Y })
}

fn keys(jwks: &[Value]) -> Keys {
    Keys::from_jwks(&json!({ "keys": jwks }).to_string()).unwrap_or_else(|fault| panic!("{fault}"))
}

fn own() -> Rc<SigningKey> {
    Rc::new(SigningKey::from_seed(&[7; 32]))
}

fn own_keys() -> Keys {
    Keys::of([("ours".to_owned(), own())])
}

fn expect() -> Expect<'static> {
    Expect {
        issuer: Some("https://us"),
        audience: "https://us/mcp",
        algorithms: BOTH,
        typ: Some("at+jwt"),
        now: NOW,
        leeway_seconds: 5,
    }
}

fn claims() -> Value {
    let now = NOW.seconds();
    json!({ "iss": "https://us", "aud": "https://us/mcp", "sub": "ada", "iat": now, "nbf": now, "exp": now + 60 })
}

/// The good claims with one changed, or taken away where it is null.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    match value {
        Value::Null => _ = members.remove(name),
        value => _ = members.insert(name.to_owned(), value),
    }
    claims
}

fn signed(claims: &Value) -> String {
    sign(&own(), "ours", "at+jwt", claims).unwrap()
}

fn outcome(token: &str, keys: &Keys, expect: &Expect) -> Result<Value, JwtFault> {
    verify(token, keys, expect)
}

/// The outcome with our own key and good expectations.
fn ours(token: &str) -> Result<Value, JwtFault> {
    outcome(token, &own_keys(), &expect())
}

fn encode(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| crypto::base64url(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}

/// A token that the RSA key of A.2 signed.
fn rsa_signed(header: &Value, claims: &Value) -> String {
    let message = encode(header, claims);
    let number = |text: &str| BigUint::from_bytes_be(&crypto::from_base64url(text).unwrap());
    let key =
        rsa::RsaPrivateKey::from_components(number(A2_N), 65537u32.into(), number(A2_D), vec![]).unwrap();
    let scheme = Pkcs1v15Sign { hash_len: Some(32), prefix: Box::new(SHA256_PREFIX) };
    let signature = key.sign(scheme, &crypto::sha256(message.as_bytes())).unwrap();
    format!("{message}.{}", crypto::base64url(&signature))
}

fn hmac_signed(secret: &[u8], header: &Value) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let message = encode(header, &claims());
    let tag =
        Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap().chain_update(message.as_bytes()).finalize();
    format!("{message}.{}", crypto::base64url(&tag.into_bytes()))
}

#[test]
fn rfc_7515_vectors_verify_and_altered_ones_do_not() {
    for (token, jwk, alg) in [(A2_TOKEN, rsa_jwk("k"), Alg::Rs256), (A3_TOKEN, ec_jwk("k"), Alg::Es256)] {
        let keys = keys(&[jwk]);
        let key = keys.choose(None, alg).unwrap();
        let verified = |token: &str| Parts::of(token).unwrap().verified(key, alg);
        assert_eq!(
            verified(token).unwrap(),
            b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
        );
        let (message, signature) = token.rsplit_once('.').unwrap();
        let mut bytes = crypto::from_base64url(signature).unwrap();
        for position in [0, bytes.len() / 2, bytes.len() - 1] {
            bytes[position] ^= 1;
            let altered = format!("{message}.{}", crypto::base64url(&bytes));
            assert_eq!(verified(&altered), Err(JwtFault::Signature));
            bytes[position] ^= 1;
        }
        for wrong in [&bytes[1..], &[&[0], bytes.as_slice()].concat(), &vec![0; bytes.len()], &[]] {
            let altered = format!("{message}.{}", crypto::base64url(wrong));
            assert_eq!(verified(&altered), Err(JwtFault::Signature));
        }
    }
    // Through the front door they are known, and expired.
    let expect = Expect { issuer: Some("joe"), typ: None, ..expect() };
    let both = keys(&[rsa_jwk("rsa"), ec_jwk("ec")]);
    assert_eq!(outcome(A2_TOKEN, &both, &expect), Err(JwtFault::Expired));
    assert_eq!(outcome(A3_TOKEN, &both, &expect), Err(JwtFault::Expired));
}

/// RFC 6979 appendix A.2.5, P-256 with SHA-256, message "sample".
#[test]
fn rfc_6979_vector_is_what_we_sign() {
    let secret =
        (0xC9AF_A9D8_45BA_7516_6B5C_2157_67B1_D693_u128, 0x4E50_C3DB_36E8_9B12_7B8A_622B_120F_6721_u128);
    let scalar = [secret.0.to_be_bytes(), secret.1.to_be_bytes()].concat();
    let signer = signer(&Algorithm::ES256, &EncodingKey::from_ec_der(&scalar)).unwrap();
    assert_eq!(
        crypto::hex(&signer.try_sign(b"sample").unwrap()),
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
         f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    );
}

#[test]
fn what_we_sign_we_verify_and_others_do_by_the_published_key() {
    let token = signed(&claims());
    assert_eq!(token, signed(&claims()), "nothing of it is random");
    assert_eq!(ours(&token), Ok(claims()));
    let header = crypto::from_base64url(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header, json!({ "alg": "ES256", "typ": "at+jwt", "kid": "ours" }));
    assert_eq!(outcome(&token, &keys(&[own().public_jwk("ours")]), &expect()), Ok(claims()));
    let other = SigningKey::from_seed(&[8; 32]);
    assert_eq!(outcome(&token, &keys(&[other.public_jwk("ours")]), &expect()), Err(JwtFault::Signature));
    let rsa = rsa_signed(&json!({ "alg": "RS256", "typ": "at+jwt", "kid": "rsa" }), &claims());
    assert_eq!(outcome(&rsa, &keys(&[rsa_jwk("rsa"), ec_jwk("ec")]), &expect()), Ok(claims()));
}

#[test]
fn an_algorithm_is_one_we_take_and_the_keys_own() {
    let both = keys(&[rsa_jwk("rsa"), ec_jwk("ec"), own().public_jwk("ours")]);
    let header = |alg: &str, kid: &str| json!({ "alg": alg, "typ": "at+jwt", "kid": kid });
    for name in ["none", "None", "NONE", "", "HS256", "RS384", "PS256", "ES384", "EdDSA", "es256"] {
        let message = encode(&header(name, "rsa"), &claims());
        for token in [format!("{message}."), format!("{message}.AAAA")] {
            assert_eq!(outcome(&token, &both, &expect()), Err(JwtFault::Algorithm), "{name}");
        }
    }
    let modulus = crypto::from_base64url(A2_N).unwrap();
    let point = own().public().try_get_as_bytes().unwrap().to_vec();
    for (secret, kid) in [(&modulus, "rsa"), (&point, "ours")] {
        let forged = hmac_signed(secret, &header("HS256", kid));
        assert_eq!(outcome(&forged, &both, &expect()), Err(JwtFault::Algorithm));
        // Nor does the provider, were it ever asked.
        let key = DecodingKey::from_secret(secret);
        assert_eq!(key.family(), AlgorithmFamily::Hmac);
        assert!(verifier(&Algorithm::HS256, &key).is_err());
    }
    let rsa = rsa_signed(&header("RS256", "rsa"), &claims());
    assert_eq!(
        outcome(&rsa, &both, &Expect { algorithms: &[Alg::Es256], ..expect() }),
        Err(JwtFault::Algorithm)
    );
    let mixed = rsa_signed(&header("RS256", "ours"), &claims());
    assert_eq!(outcome(&mixed, &both, &expect()), Err(JwtFault::Algorithm));
    let mixed = sign(&own(), "rsa", "at+jwt", &claims()).unwrap();
    assert_eq!(outcome(&mixed, &both, &expect()), Err(JwtFault::Algorithm));
}

#[test]
fn the_key_is_the_one_the_token_names() {
    let token = signed(&claims());
    assert_eq!(outcome(&token, &keys(&[own().public_jwk("else")]), &expect()), Err(JwtFault::UnknownKey));
    assert_eq!(outcome(&token, &keys(&[]), &expect()), Err(JwtFault::UnknownKey));
    let twice = keys(&[own().public_jwk("ours"), ec_jwk("ours")]);
    assert_eq!(outcome(&token, &twice, &expect()), Err(JwtFault::UnknownKey));

    let unnamed = rsa_signed(&json!({ "alg": "RS256", "typ": "at+jwt" }), &claims());
    let (rsa, ec) = (rsa_jwk("rsa"), ec_jwk("ec"));
    assert_eq!(outcome(&unnamed, &keys(&[rsa.clone(), ec.clone()]), &expect()), Ok(claims()));
    assert_eq!(outcome(&unnamed, &keys(&[rsa, rsa_jwk("2")]), &expect()), Err(JwtFault::UnknownKey));
    assert_eq!(outcome(&unnamed, &keys(&[ec]), &expect()), Err(JwtFault::UnknownKey));
}

#[test]
fn claims_are_checked_each_on_its_own() {
    let now = NOW.seconds();
    let cases = [
        ("exp", json!(now - 4), Ok(())),
        ("exp", json!(now - 5), Err(JwtFault::Expired)),
        ("exp", json!(now as f64 + 0.5), Ok(())),
        ("exp", json!(-1), Err(JwtFault::Expired)),
        ("exp", Value::Null, Err(JwtFault::Malformed)),
        ("exp", json!("9999999999"), Err(JwtFault::Malformed)),
        ("nbf", json!(now + 5), Ok(())),
        ("nbf", json!(now + 6), Err(JwtFault::NotYet)),
        ("nbf", Value::Null, Ok(())),
        ("iat", json!(now + 6), Err(JwtFault::NotYet)),
        ("iat", json!("now"), Err(JwtFault::Malformed)),
        ("iat", Value::Null, Ok(())),
        ("iss", json!("https://us/"), Err(JwtFault::Issuer)),
        ("iss", Value::Null, Err(JwtFault::Issuer)),
        ("iss", json!(["https://us"]), Err(JwtFault::Malformed)),
        ("aud", json!(["https://them", "https://us/mcp"]), Ok(())),
        ("aud", json!(["https://them"]), Err(JwtFault::Audience)),
        ("aud", json!([]), Err(JwtFault::Audience)),
        ("aud", json!("https://us"), Err(JwtFault::Audience)),
        ("aud", json!({ "https://us/mcp": 1 }), Err(JwtFault::Audience)),
        ("aud", Value::Null, Err(JwtFault::Audience)),
    ];
    for (name, value, wanted) in cases {
        assert_eq!(ours(&signed(&with(name, value.clone()))).map(|_| ()), wanted, "{name}: {value}");
    }
    let anybody = Expect { issuer: None, ..expect() };
    assert!(outcome(&signed(&with("iss", Value::Null)), &own_keys(), &anybody).is_ok());
    assert_eq!(verify::<String>(&signed(&claims()), &own_keys(), &expect()), Err(JwtFault::Malformed));
}

#[test]
fn the_type_is_compared_as_a_media_type() {
    for (typ, wanted) in [
        ("at+jwt", Ok(())),
        ("AT+JWT", Ok(())),
        ("application/at+jwt", Ok(())),
        ("Application/AT+JWT", Ok(())),
        ("JWT", Err(JwtFault::Type)),
        ("", Err(JwtFault::Type)),
        ("text/at+jwt", Err(JwtFault::Type)),
    ] {
        let token = sign(&own(), "ours", typ, &claims()).unwrap();
        assert_eq!(ours(&token).map(|_| ()), wanted, "{typ}");
        let full = Expect { typ: Some("application/at+jwt"), ..expect() };
        assert_eq!(outcome(&token, &own_keys(), &full).map(|_| ()), wanted, "{typ}");
        assert!(outcome(&token, &own_keys(), &Expect { typ: None, ..expect() }).is_ok());
    }
    let untyped = rsa_signed(&json!({ "alg": "RS256", "kid": "rsa" }), &claims());
    assert_eq!(outcome(&untyped, &keys(&[rsa_jwk("rsa")]), &expect()), Err(JwtFault::Type));
}

#[test]
fn a_token_that_was_tampered_with_is_refused() {
    let token = signed(&claims());
    let other = signed(&with("sub", json!("eve")));
    let parts: Vec<_> = token.split('.').collect();
    let others: Vec<_> = other.split('.').collect();
    assert_eq!(ours(&[parts[0], parts[1], others[2]].join(".")), Err(JwtFault::Signature));
    assert_eq!(ours(&[parts[0], others[1], parts[2]].join(".")), Err(JwtFault::Signature));
    for end in 0..token.len() {
        assert!(ours(&token[..end]).is_err(), "cut to {end}");
    }
    for shape in ["", ".", "..", "...", "a.b.c", "€.€.€", "e30.e30.", "bnVsbA.e30.AAAA"] {
        assert_eq!(ours(shape), Err(JwtFault::Malformed), "{shape}");
    }
    assert_eq!(ours(&format!("{token}.{}", parts[2])).err(), Some(JwtFault::Malformed), "four parts");
    assert_eq!(ours(&format!("{token}=")).err(), Some(JwtFault::Malformed), "padding");
    // The last character of 64 bytes carries two spare bits: no second spelling of one token.
    let last = token.bytes().last().unwrap();
    let spare = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let spelled = spare[spare.iter().position(|c| *c == last).unwrap() | 1] as char;
    assert!(ours(&format!("{}{spelled}", &token[..token.len() - 1])).is_err());

    let critical = json!({ "alg": "RS256", "typ": "at+jwt", "kid": "rsa", "crit": ["b64"], "b64": false });
    let critical = rsa_signed(&critical, &claims());
    assert_eq!(outcome(&critical, &keys(&[rsa_jwk("rsa")]), &expect()), Err(JwtFault::Malformed));
}

#[test]
fn a_long_token_is_not_read() {
    let room = |filler: usize| signed(&with("filler", json!("x".repeat(filler))));
    let fits = room((MAX_TOKEN_BYTES - room(0).len()) * 3 / 4 - 3);
    assert!(fits.len() > MAX_TOKEN_BYTES - 10 && ours(&fits).is_ok(), "{}", fits.len());
    let long = room(MAX_TOKEN_BYTES * 3 / 4);
    assert!(long.len() > MAX_TOKEN_BYTES);
    assert_eq!(ours(&long), Err(JwtFault::Malformed));
}

#[test]
fn keys_that_are_not_for_us_stand_beside_the_good_one() {
    let changed = |mut key: Value, name: &str, value: Value| {
        key[name] = value;
        key
    };
    let sized = |bits: usize, e: &str| {
        let whole = vec![0xff; bits / 8];
        let n = [vec![(1_u8 << (bits % 8)) - 1], whole].concat();
        json!({ "kty": "RSA", "kid": "ours", "n": crypto::base64url(&n), "e": e })
    };
    let ec = || own().public_jwk("ours");
    let off_curve = crypto::base64url(&[1; 32]);
    let junk = [
        json!(null),
        json!("key"),
        json!({}),
        json!({ "kty": "oct", "kid": "ours", "k": "AAAA" }),
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": "ours", "x": A3_X }),
        json!({ "kty": "EC", "crv": "P-256", "kid": "ours" }),
        changed(ec(), "use", json!("enc")),
        changed(ec(), "alg", json!("ES384")),
        changed(ec(), "alg", json!("RS256")),
        changed(ec(), "crv", json!("P-384")),
        changed(ec(), "crv", json!("secp256k1")),
        changed(ec(), "x", json!(off_curve)),
        changed(ec(), "x", json!("AAAA")),
        changed(ec(), "y", json!("%")),
        changed(rsa_jwk("ours"), "alg", json!("PS256")),
        changed(rsa_jwk("ours"), "e", json!("")),
        changed(rsa_jwk("ours"), "e", json!(A2_D)),
        sized(2040, "AQAB"),
        sized(4097, "AQAB"),
        sized(65536, "AQAB"),
        sized(2048, "AQ"),
        sized(2048, "Bw"),
    ];
    assert!(keys(&junk).0.is_empty());
    for good in [sized(2048, "AQAB"), sized(4096, "Aw"), changed(rsa_jwk("k"), "use", json!("sig"))] {
        assert_eq!(keys(&[good]).0.len(), 1);
    }
    let mixed: Vec<_> = junk.into_iter().chain([ec()]).collect();
    assert_eq!(outcome(&signed(&claims()), &keys(&mixed), &expect()), Ok(claims()));

    let huge = crypto::from_base64url(sized(65536, "AQAB")["n"].as_str().unwrap()).unwrap();
    let key = DecodingKey::from_rsa_raw_components(&huge, &[1, 0, 1]);
    assert!(verifier(&Algorithm::RS256, &key).is_err(), "nor does the provider take it");

    let many = |count: usize| json!({ "keys": vec![ec(); count] }).to_string();
    assert!(Keys::from_jwks(&many(MAX_KEYS)).is_ok());
    for refused in [many(MAX_KEYS + 1).as_str(), "", "[]", "{}", "{\"keys\":{}}"] {
        assert_eq!(Keys::from_jwks(refused).err(), Some(JwtFault::Malformed));
    }
}

#[test]
fn a_seed_always_makes_the_same_key_and_only_a_named_key_costs_a_curve_operation() {
    assert_eq!(own().public_jwk("a"), SigningKey::from_seed(&[7; 32]).public_jwk("a"));
    assert_ne!(own().public_jwk("a"), SigningKey::from_seed(&[8; 32]).public_jwk("a"));
    let (ours, other) = (own(), Rc::new(SigningKey::from_seed(&[8; 32])));
    let keys = Keys::of([("other".to_owned(), other.clone()), ("ours".to_owned(), ours.clone())]);
    assert!(outcome(&signed(&claims()), &keys, &expect()).is_ok());
    assert!(ours.public.get().is_some() && other.public.get().is_none());
}
