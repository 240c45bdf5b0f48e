//! Addresses that may be asked and those that may not, in every spelling found.

use super::*;

const PUBLIC: &[&str] = &[
    "https://app.example.com/oauth/client.json",
    "https://app.example.com",
    "https://app.example.com:443/client?x=1#part",
    "https://APP.Example.COM/",
    "https://xn--bcher-kva.example/",
    "https://app.xn--p1ai/",
    "https://1password.com/",
    "https://10.example.com/",
    "https://0x7f000001.example.com/",
    "https://nip.io.example.com/",
    "https://notlocalhost.com/",
    "https://mylvh.me/",
    "https://internal.example.com/",
    "https://example.com/@user:name/[::1]",
    "https://example.com/?next=http://127.0.0.1/",
];

const LOOPBACK: &[&str] = &[
    "http://127.0.0.1:8787/token",
    "http://localhost:3000/client.json?x=1",
    "http://localhost:3000",
    "http://[::1]:8787/",
    "http://localhost:65535/",
];

/// Part of the reason, and what is refused for it wherever the gateway runs.
const REFUSED: &[(&str, &[&str])] = &[
    (
        "must begin with https://",
        &[
            "",
            "example.com",
            "//example.com/",
            "http://example.com/",
            "http://10.0.0.1:80/",
            "http://127.0.0.2:8787/",
            "http://127.1:8787/",
            "http://localhost/",
            "http://localhost:/",
            "http://localhost:0/",
            "http://localhost:+80/",
            "http://localhost:65536/",
            "http://localhost.example.com:3000/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]:8787/",
            "https:example.com",
            "https:/example.com",
            "HTTPS://example.com/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "data:text/plain,x",
            "javascript:alert(1)",
        ],
    ),
    (
        "only ASCII characters",
        &[
            " https://example.com/",
            "https://example.com/ ",
            "https://exam\tple.com/",
            "https://example.com/\r\nx: y",
            "https://example.com/\0",
            "https://example.com/\u{7f}",
            "https://example.com\\@127.0.0.1/",
            "https:\\\\example.com/",
            "https://b\u{fc}cher.example/",
            "https://\u{2460}27.0.0.1/",
            "https://127\u{3002}0\u{3002}0\u{3002}1/",
            "https://loc\u{ad}alhost.com/",
            "https://example.com/\u{fc}",
        ],
    ),
    (
        "must not name a user",
        &[
            "https://user@example.com/",
            "https://user:password@example.com/",
            "https://example.com@127.0.0.1/",
            "https://example.com:443@127.0.0.1/",
            "https://@example.com/",
        ],
    ),
    (
        "not an IP address",
        &[
            "https://127.0.0.1/",
            "https://127.0.0.1:443/",
            "https://8.8.8.8/",
            "https://10.0.0.1/",
            "https://172.16.0.1/",
            "https://192.168.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://255.255.255.255/",
            "https://127.1/",
            "https://127.0.1/",
            "https://0/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0X7F000001/",
            "https://0x7f.0x0.0x0.0x1/",
            "https://0x7f.1/",
            "https://0x/",
            "https://example.0x/",
            "https://017700000001/",
            "https://0177.0.0.1/",
            "https://0177.0.0.01/",
            "https://999.999.999.999/",
            "https://1.2.3.4.5/",
            "https://example.1/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::1]:443/",
            "https://::1/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[::127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[64:ff9b:1::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
            "https://[fe80::5efe:127.0.0.1]/",
            "https://[fe80::1%25eth0]/",
            "https://[fd00::1]/",
            "https://[2606:4700:4700::1111]/",
            "https://[v1.x]/",
        ],
    ),
    (
        "port must be 443",
        &[
            "https://example.com:80/",
            "https://example.com:8443/",
            "https://example.com:/",
            "https://example.com:0443/",
            "https://localhost:8443/",
        ],
    ),
    (
        "must name a host",
        &["https://", "https:///", "https:///example.com/", "https://?x", "https://#x", "https://:443/"],
    ),
    (
        "percent-encoded",
        &[
            "https://%31%32%37.0.0.1/",
            "https://localhost%2e/",
            "https://example%2ecom/",
            "https://a%00.example.com/",
        ],
    ),
    (
        "end with a dot",
        &[
            "https://example.com./",
            "https://localhost./",
            "https://127.0.0.1./",
            "https://./",
            "https://example.com.:443/",
        ],
    ),
    (
        "not a valid name",
        &[
            "https://.example.com/",
            "https://a..example.com/",
            "https://-a.example.com/",
            "https://a-.example.com/",
            "https://xn--localhost-/",
            "https://my_app.example.com/",
            "https://exam<ple.com/",
            "https://exam,ple.com/",
            "https://*.example.com/",
            "https://example.com]/",
            "https://a23456789012345678901234567890123456789012345678901234567890abcd.example.com/",
        ],
    ),
    (
        "not a public name",
        &[
            "https://localhost/",
            "https://LOCALHOST/",
            "https://metadata/",
            "https://intranet/",
            "https://app.localhost/",
            "https://localhost.localdomain/",
            "https://printer.local/",
            "https://metadata.google.internal/",
            "https://router.home.arpa/",
            "https://1.0.0.127.in-addr.arpa/",
            "https://nas.lan/",
            "https://wiki.corp/",
            "https://kubernetes.default.svc/",
            "https://app.test/",
            "https://app.invalid/",
            "https://expyuzz4wqqyqhjn.onion/",
        ],
    ),
    (
        "stands for an IP address",
        &[
            "https://127.0.0.1.nip.io/",
            "https://7f000001.nip.io/",
            "https://NIP.io/",
            "https://127-0-0-1.sslip.io/",
            "https://10.0.0.1.xip.io/",
            "https://localtest.me/",
            "https://app.localtest.me/",
            "https://app.lvh.me/",
            "https://app.vcap.me/",
            "https://10-0-0-1.abc.plex.direct/",
            "https://app.traefik.me/",
        ],
    ),
];

#[test]
fn asks_only_public_names_over_https() {
    for url in PUBLIC {
        assert_eq!((check(url, Reach::Public), check(url, Reach::Loopback)), (Ok(()), Ok(())), "{url}");
    }
    for (reason, urls) in REFUSED {
        for url in *urls {
            for reach in [Reach::Public, Reach::Loopback] {
                let refused = check(url, reach).expect_err(url);
                assert!(refused.contains(reason), "{url}: {refused}");
            }
        }
    }
}

#[test]
fn asks_this_machine_only_when_it_runs_there() {
    for url in LOOPBACK {
        assert_eq!(check(url, Reach::Loopback), Ok(()), "{url}");
        check(url, Reach::Public).expect_err(url);
    }
    assert!(check("http://localhost:3000@example.com/", Reach::Loopback).is_err());
}

#[test]
fn a_url_has_a_longest_length() {
    let url = |bytes: usize| format!("https://example.com/{:a>1$}", "", bytes - 20);
    assert_eq!(check(&url(MAX_URL_BYTES), Reach::Public), Ok(()));
    assert!(check(&url(MAX_URL_BYTES + 1), Reach::Public).is_err());
    let host = |labels: usize| format!("https://{}example.com/", "abcdefg.".repeat(labels));
    assert_eq!(check(&host(30), Reach::Public), Ok(()));
    assert!(check(&host(31), Reach::Public).is_err());
}

#[test]
fn a_redirect_leads_where_browsers_would_go() {
    for (location, at) in [
        ("https://b.example/y", Some("https://b.example/y")),
        ("/y?z", Some("https://a.example/y?z")),
        ("y.png", Some("https://a.example/p/y.png")),
        ("../y", Some("https://a.example/p/../y")),
        ("?q=1", Some("https://a.example/p/x?q=1")),
        ("//b.example/y", Some("https://b.example/y")),
        ("javascript:x", Some("javascript:x")),
        ("/a:b", Some("https://a.example/a:b")),
        ("#part", None),
        ("", None),
    ] {
        assert_eq!(resolve("https://a.example/p/x?old#h", location).as_deref(), at, "{location}");
    }
    assert_eq!(resolve("https://a.example", "y").as_deref(), Some("https://a.example/y"));
    assert_eq!(resolve("nonsense", "/y"), None);
}
