//! Under which origin the world knows this gateway: the one a proxy that the operator trusts forwards, else the
//! configured one, else the request's own. Not for: which web origins may call `/mcp` (`mcp::origin`).

use crate::config::Config;
use crate::http::Request;
use std::borrow::Cow;

/// The public origin, without a slash at its end: also the OAuth issuer (RFC 8414 section 2).
pub fn public<'a>(config: &'a Config, request: &'a Request) -> &'a str {
    match config.public_url.as_deref() {
        // On loopback the port in use may differ from the configured one (a proxy, a tunnel).
        Some(url) if !is_loopback(url) => url,
        _ => &request.origin,
    }
}

/// Where a page that was asked for under another name of this gateway really is: cookies and redirect URIs are the
/// public origin's. None: it was asked for there.
pub fn elsewhere(config: &Config, request: &Request) -> Option<String> {
    let public = public(config, request);
    let is_there = host(public).eq_ignore_ascii_case(host(&request.origin));
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    (!is_there).then(|| format!("{public}{}{query}", request.path))
}

/// The request as the proxy received it, if a proxy that the operator named has sent it. Anybody else's
/// X-Forwarded-Host would let them choose the issuer that our documents and links name.
pub fn forwarded<'a>(config: &Config, request: &'a Request) -> Cow<'a, Request> {
    let sender = request.headers.get("cf-connecting-ip").and_then(|address| address.parse().ok());
    let trusted =
        sender.is_some_and(|sender| config.trusted_proxies.iter().any(|range| range.contains(sender)));
    let host =
        request.headers.get("x-forwarded-host").map(|list| list.split(',').next().unwrap_or(list).trim());
    match host.filter(|host| trusted && is_authority(host)) {
        None => Cow::Borrowed(request),
        Some(host) => {
            let scheme = match request.headers.get("x-forwarded-proto").map(str::trim) {
                Some("http") => "http",
                _ => "https",
            };
            Cow::Owned(Request {
                origin: format!("{scheme}://{}", host.to_ascii_lowercase()),
                ..request.clone()
            })
        }
    }
}

fn is_authority(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
}

/// Whether the gateway runs on the machine of whoever asks: then development sign-in and plain http are fine.
pub fn is_local(config: &Config, request: &Request) -> bool {
    is_loopback(&request.origin) && config.public_url.as_deref().is_none_or(is_loopback)
}

/// `host` or `host:port` of an origin or URL.
pub fn host(origin: &str) -> &str {
    let rest = origin.split("://").nth(1).unwrap_or_default();
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// [`host`] without the port.
pub fn hostname(origin: &str) -> &str {
    let authority = host(origin);
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    }
}

pub fn is_loopback(origin: &str) -> bool {
    matches!(hostname(origin), "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Headers, Payload};

    #[test]
    fn knows_loopback_and_its_impostors() {
        for origin in
            ["http://localhost", "http://127.0.0.1:8787", "http://[::1]:1", "https://localhost:3000"]
        {
            assert!(is_loopback(origin), "{origin}");
        }
        for origin in [
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "null",
            "http://evil.example:127",
            "http://evil@localhost",
        ] {
            assert!(!is_loopback(origin), "{origin}");
        }
    }

    #[test]
    fn a_page_under_another_name_is_at_the_public_one() {
        let config = |url: &str| {
            let lookup = |name: &str| match name {
                "GATEWAY_SECRET" => Some("0123456789abcdef0123456789abcdef".to_owned()),
                "PUBLIC_URL" => Some(url.to_owned()),
                _ => None,
            };
            Config::parse(lookup).unwrap()
        };
        let request =
            |url: &str| Request::new("GET", url, Headers::default(), Payload::Text(String::new())).unwrap();
        let public = config("https://media.example");
        let inner = request("https://atelier.workers.dev/account?x=1");
        assert_eq!(elsewhere(&public, &inner).as_deref(), Some("https://media.example/account?x=1"));
        // A proxy that ends TLS hands on plain http; the name is what counts.
        assert_eq!(elsewhere(&public, &request("http://Media.example/account")), None);
        assert_eq!(elsewhere(&config(""), &inner), None);
        assert_eq!(elsewhere(&config("http://127.0.0.1:1"), &request("http://localhost:2/")), None);
    }

    #[test]
    fn only_a_trusted_proxy_names_the_host() {
        let config = |proxies: &str| {
            Config::parse(|name| match name {
                "GATEWAY_SECRET" => Some("0123456789abcdef0123456789abcdef".to_owned()),
                "TRUSTED_PROXIES" => Some(proxies.to_owned()),
                _ => None,
            })
            .unwrap()
        };
        let request = |from: &str, host: &str| {
            let lines = format!("cf-connecting-ip: {from}\nx-forwarded-host: {host}");
            Request::new(
                "GET",
                "https://inner.example/x",
                Headers::from_lines(lines),
                Payload::Text(String::new()),
            )
            .unwrap()
        };
        let origin = |config: &Config, request: Request| forwarded(config, &request).origin.clone();
        let trusting = config("10.0.0.0/8, 2001:db8::1");
        assert_eq!(origin(&trusting, request("10.1.2.3", "media.example")), "https://media.example");
        assert_eq!(
            origin(&trusting, request("2001:db8::1", "Media.example:8443, x")),
            "https://media.example:8443"
        );
        assert_eq!(origin(&trusting, request("11.1.2.3", "media.example")), "https://inner.example");
        assert_eq!(origin(&trusting, request("10.1.2.3", "evil.example/path")), "https://inner.example");
        assert_eq!(origin(&config(""), request("10.1.2.3", "media.example")), "https://inner.example");
    }
}
