//! Settings as the operator writes them, right and wrong.

use super::*;

fn parse(pairs: &[(&str, &str)]) -> Result<Config, String> {
    Config::parse(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
}

#[test]
fn says_what_to_set() {
    const GOOD: &str = "0123456789abcdef0123456789abcdef";
    assert!(parse(&[]).unwrap_err().contains("wrangler secret put GATEWAY_SECRET"));
    assert!(parse(&[("GATEWAY_SECRET", "short")]).unwrap_err().contains("shorter than 32"));
    assert!(parse(&[("GATEWAY_SECRET", GOOD), ("OPERATOR_KEY", "x")]).unwrap_err().contains("OPERATOR_KEY"));
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
    let (old, new) = (parse(&[("GATEWAY_SECRET", OLD)]).unwrap(), parse(&[("GATEWAY_SECRET", NEW)]).unwrap());
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
    let holds = |range: &str, address: &str| Range::parse(range).unwrap().contains(address.parse().unwrap());
    assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.0"));
    assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.6"));
    assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("2001:db8::/32", "2001:db9::"));
    assert!(holds("0.0.0.0/0", "1.2.3.4") && !holds("0.0.0.0/0", "::1"));
    assert!(holds("::/0", "::1") && !holds("::ffff:10.0.0.0/104", "10.0.0.1"));
}
