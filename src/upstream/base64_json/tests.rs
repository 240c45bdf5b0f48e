//! Every document gives the same wherever it is cut, and what serde_json and the base64 crate say.

use super::*;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use proptest::prelude::*;
use serde_json::Value;

const FIELDS: &[&str] = &["b64_json", "image"];

/// What came out, and what was around it.
type Unpacked = (Vec<u8>, Result<String, Fault>);

fn in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Unpacked {
    let mut unpacker = Unpacker::new(FIELDS);
    let mut out: Vec<u8> = pieces.into_iter().flat_map(|piece| unpacker.push(piece)).collect();
    out.extend(unpacker.end());
    (out, unpacker.skeleton())
}

fn whole(document: &str) -> Unpacked {
    in_pieces([document.as_bytes()])
}

fn unpacked(document: &str) -> (String, String) {
    let (bytes, skeleton) = whole(document);
    (String::from_utf8(bytes).unwrap(), skeleton.unwrap())
}

fn fault(document: &str) -> Fault {
    whole(document).1.unwrap_err()
}

#[test]
fn the_file_comes_out_and_the_rest_stays() {
    let document = r#"{"created":1,"data":[{"b64_json":"aGVsbG8=","n":2}],"usage":{"x":"}"}}"#;
    let around = r#"{"created":1,"data":[{"b64_json":"","n":2}],"usage":{"x":"}"}}"#;
    assert_eq!(unpacked(document), ("hello".into(), around.into()));
    let cases = [
        // The forms that encoders write: slash and plus escaped, in lines, without padding, as a data URI.
        (r#"{"image":"\/\/8="}"#, &b"\xff\xff"[..]),
        (r#"{"image":"QQ\u000a=="}"#, b"A"),
        (r#"{"image":"\u002b\u002B8\u003d"}"#, b"\xfb\xef"),
        ("{ \"image\" \t:\r\n \"aGVs\\r\\nbG8=\\n\" }", b"hello"),
        (r#"{"image":"aGVsbG8"}"#, b"hello"),
        (r#"{"image":"\n","b64_json":"QQ=="}"#, b""),
        (r#"{"image":"data:image/png;base64,aGVsbG8="}"#, b"hello"),
        (r#"{"image":"data:image\/png;charset=x;base64,aGVsbG8="}"#, b"hello"),
        // Base64 that begins as a data URI would.
        (r#"{"image":"data"}"#, b"\x75\xab\x5a"),
        (r#"{"image":"dat"}"#, b"\x75\xab"),
        // Only the value of such a field, wherever it stands, and only a string that is not empty.
        (r#"{"x":"image","image":null,"y":{"image":{"image":[1],"image":"","image":"QQ=="}}}"#, b"A"),
        (r#"{"x\"":"image","im\u0061ge":"QQ=="}"#, b"A"),
        (r#"["image","b64_json",{"b64_json":"QQ=="},{"image":"not base64"}]"#, b"A"),
        (r#"{"a":"\\","image":"QQ=="}"#, b"A"),
    ];
    for (document, expected) in cases {
        let (bytes, skeleton) = whole(document);
        assert_eq!((bytes.as_slice(), skeleton.is_ok()), (expected, true), "{document}");
    }
}

#[test]
fn what_is_wrong_is_told_apart() {
    for malformed in [
        "a",
        "a!==",
        "QQ=A",
        "QQQ==",
        "QQ===",
        "QQQQ=",
        "====",
        "Q\\u0141==",
        "\\q",
        "data:,QQ",
        "data:x;base64",
    ] {
        assert_eq!(fault(&format!(r#"{{"image":"{malformed}"}}"#)), Fault::Malformed, "{malformed}");
    }
    assert_eq!(whole(r#"{"image":"!QUJDQUJD"}"#).0, b"", "nothing comes after a fault");
    for cut in [
        "",
        "{",
        r#"{"image":"QQ=="#,
        r#"{"image":"QQ==""#,
        r#"{"x":"y"#,
        r#""x"#,
        r#"{"image":"\"#,
        r#"[{"image":"QQ=="}"#,
    ] {
        assert_eq!(fault(cut), Fault::CutOff, "{cut}");
    }
    let document = r#"{"error":{"message":"image"},"images":"QQ=="}"#;
    assert_eq!(whole(document), (vec![], Err(Fault::NoSuchField(document.into()))));
    assert_eq!(fault(r#"{"image":["QQ=="]}"#), Fault::NoSuchField(r#"{"image":["QQ=="]}"#.into()));
}

#[test]
fn what_is_kept_is_bounded_and_the_file_is_not() {
    let file = "QUJD".repeat(MAX_SKELETON_BYTES);
    let (bytes, skeleton) = whole(&format!(r#"{{"image":"{file}"}}"#));
    assert_eq!((bytes.len(), skeleton.as_deref()), (3 * MAX_SKELETON_BYTES, Ok(r#"{"image":""}"#)));
    let fits = " ".repeat(MAX_SKELETON_BYTES - r#"{"image":""}"#.len());
    assert!(whole(&format!(r#"{fits}{{"image":"QQ=="}}"#)).1.is_ok());
    assert_eq!(fault(&format!(r#" {fits}{{"image":"QQ=="}}"#)), Fault::TooLarge);
    let second = format!(r#"[{{"image":"QQ=="}},{{"image":"{file}"}}]"#);
    assert_eq!(fault(&second), Fault::TooLarge);
    let prefix = format!(r#"{{"image":"data:{};base64,QQ=="}}"#, "x".repeat(MAX_PREFIX_BYTES));
    assert_eq!(fault(&prefix), Fault::Malformed);
}

/// Any, with fields and strings that the parser looks at.
fn document() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[A-Za-z0-9+/]{0,40}={0,2}",
        "(data:image/png;base64,)?([A-Za-z0-9+/]{4}){0,9}",
        Just("image".to_owned()),
        "[ -~é\n\u{1f600}]{0,12}",
    ];
    let leaf = prop_oneof![
        text.prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof![Just("image".to_owned()), Just("b64_json".to_owned()), "[a-z\"\\\\:{é]{0,6}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The first string of such a field, in the order of the text; takes it away.
fn take_file(value: &mut Value) -> Option<String> {
    match value {
        Value::Array(items) => items.iter_mut().find_map(take_file),
        Value::Object(fields) => fields.iter_mut().find_map(|(name, value)| match value {
            Value::String(text) if FIELDS.contains(&name.as_str()) && !text.is_empty() => {
                Some(std::mem::take(text))
            }
            other => take_file(other),
        }),
        _ => None,
    }
}

fn expected(document: &Value) -> Result<(Vec<u8>, Value), Fault> {
    let mut rest = document.clone();
    let Some(file) = take_file(&mut rest) else { return Err(Fault::NoSuchField(document.to_string())) };
    let file = match file.strip_prefix("data:") {
        Some(uri) => uri.split_once(";base64,").ok_or(Fault::Malformed)?.1.to_owned(),
        None => file,
    };
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let decoded = GeneralPurpose::new(&STANDARD, lenient).decode(file.replace(['\n', '\r'], ""));
    decoded.map(|bytes| (bytes, rest)).map_err(|_| Fault::Malformed)
}

/// The same document as another encoder would write it.
fn rewritten(document: &Value, style: u8) -> String {
    let text =
        if style & 1 == 0 { document.to_string() } else { serde_json::to_string_pretty(document).unwrap() };
    let text = if style & 2 == 0 { text } else { text.replace('/', "\\/") };
    if style & 4 == 0 { text } else { text.replace('+', "\\u002B").replace('=', "\\u003d") }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn says_what_serde_and_base64_say(document in document(), style in 0_u8..8) {
        let text = rewritten(&document, style);
        let (bytes, skeleton) = whole(&text);
        match (expected(&document), skeleton) {
            (Ok((file, rest)), Ok(skeleton)) => {
                prop_assert_eq!(bytes, file);
                prop_assert_eq!(serde_json::from_str::<Value>(&skeleton).unwrap(), rest);
            }
            (Err(Fault::NoSuchField(_)), Err(Fault::NoSuchField(kept))) => {
                prop_assert_eq!(kept, text);
            }
            (expected, skeleton) => prop_assert_eq!(expected.map(|_| ()), skeleton.map(|_| ())),
        }
    }

    #[test]
    fn it_does_not_matter_where_it_is_cut(
        document in prop_oneof![
            document().prop_map(|document| document.to_string().into_bytes()),
            // No JSON at all, of what the parser looks at.
            prop::collection::vec(prop::sample::select(&br#"{}[]":,\/u0=aQ image"b64_json":"data:;base64,QQ=="#[..]), 0..80),
        ],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(document.len() + 1)).collect();
        cuts.extend([0, document.len()]);
        cuts.sort_unstable();
        let expected = in_pieces([document.as_slice()]);
        prop_assert_eq!(&in_pieces(cuts.windows(2).map(|pair| &document[pair[0]..pair[1]])), &expected);
        prop_assert_eq!(&in_pieces(document.chunks(1)), &expected);
    }
}
