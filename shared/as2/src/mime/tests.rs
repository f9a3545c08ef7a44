//! Tests of MIME.

#![expect(clippy::disallowed_methods, reason = "measures what reading costs")]

use std::time::Instant;

use proptest::prelude::*;

use super::encoding::{base64_lines, decoded};
use super::headers::Headers;
use super::media_type::{MediaType, quote, unquote};
use super::multipart::parts;
use super::*;
use crate::as2_name::As2Name;

fn texts<'a>(bytes: &'a [u8], boundary: &str) -> Result<Vec<&'a [u8]>, MimeError> {
    Ok(parts(bytes, boundary, 10)?.into_iter().map(|part| &bytes[part]).collect())
}

#[test]
fn parts_are_what_stands_between_delimiters() {
    let one: [&[u8]; 5] = [
        b"--b\r\none\r\n--b--\r\n",
        b"a preamble --b\r\n--b \t\r\none\r\n--b--",
        b"--b\none\n--b--\nan epilogue\n--b\ntwo",
        b"--bb\r\n--b\r\none\r\n--b-- \r\n",
        b"--b\r\none",
    ];
    for bytes in one {
        assert_eq!(texts(bytes, "b"), Ok(vec![&b"one"[..]]), "{}", String::from_utf8_lossy(bytes));
    }
    let inner = b"--b\r\n\r\n\r\n--b\r\n--bb\r\nx --b\r\n--b--";
    assert_eq!(texts(inner, "b"), Ok(vec![&b"\r\n"[..], b"--bb\r\nx --b"]));
    assert_eq!(texts(b"--b\r\n--b--", "b"), Ok(vec![&b""[..]]));
    for (bytes, boundary) in
        [(&b"no delimiter"[..], "b"), (b"--\r\nx\r\n----", ""), (b"", "b"), (b"--b", &"b".repeat(300))]
    {
        assert_eq!(texts(bytes, boundary), Err(MimeError::Boundary));
    }
}

#[test]
fn ten_thousand_parts_are_refused_at_once() {
    let body = b"--b\r\nx\r\n".repeat(1_000_000);
    let began = Instant::now();
    assert_eq!(texts(&body, "b"), Err(MimeError::TooManyParts));
    assert_eq!(parts(&b"--b\r\n".repeat(10_000), "b", 9_999), Err(MimeError::TooManyParts));
    assert_eq!(texts(&b"\n--b-".repeat(2_000_000), "b"), Err(MimeError::Boundary));
    assert!(began.elapsed().as_secs() < 5);
}

#[test]
fn headers_are_unfolded_and_limited() {
    let (headers, at) = Headers::read(b"A: 1\r\n\t2\r\nB:\r\n x\r\nEmpty:\r\n\r\nbody", 100).expect("headers");
    assert_eq!((headers.get("a"), headers.get("b"), headers.get("EMPTY"), at), (Some("1 2"), Some("x"), Some(""), 28));
    assert_eq!(Headers::read(b"\r\nbody", 100).expect("none").1, 2);
    assert_eq!(Headers::read(b"A: 1", 100).expect("one").1, 4);
    for bad in [&b"ISA*00*~\r\n"[..], b" folded: 1\r\n\r\n", b": 1\r\n\r\n", b"\xFF\xFE: 1\r\n\r\n", b"a b: 1\r\n\r\n"]
    {
        assert_eq!(Headers::read(bad, 100), Err(MimeError::Headers));
    }
    let long = b"A: 1\r\n".repeat(100);
    assert_eq!(Headers::read(&long, 500), Err(MimeError::HeadersTooLarge));
    assert_eq!(Headers::read(&vec![b'a'; 1 << 20], 500), Err(MimeError::HeadersTooLarge));
    let mut headers = Headers::new();
    headers.push("A", "1\r\nInjected: yes");
    assert_eq!(headers.to_bytes(), b"A: 1  Injected: yes\r\n\r\n");
}

#[test]
fn media_types_have_parameters_of_every_style() {
    let text = "Multipart/Signed;boundary = \"a;b=\\\"c\\\"\" ; MICALG=sha-256; broken; x*=UTF-8''%C3%84";
    let media_type = MediaType::read(text);
    assert_eq!(media_type.essence, "multipart/signed");
    assert_eq!(media_type.parameter("boundary"), Some("a;b=\"c\""));
    assert_eq!(media_type.parameter("micalg"), Some("sha-256"));
    assert_eq!(media_type.text("x").as_deref(), Some("Ä"));
    for bad in ["x; y*=UTF-8''%", "x; y*=UTF-8''%GG", "x; y*=%41", "x; y*=''%FF"] {
        assert_eq!(MediaType::read(bad).text("y"), None, "{bad}");
    }
}

#[test]
fn transfer_encodings_are_undone() {
    let cases: [(&str, &[u8], &[u8]); 6] = [
        ("base64", b"aGVs\r\nbG8=\r\n", b"hello"),
        ("BASE64", b"aGVsbG8", b"hello"),
        ("quoted-printable", b"a=3D=\r\nb=\nc=zz=", b"a=bc=zz="),
        ("7bit", b"a", b"a"),
        ("", b"a", b"a"),
        (" Binary ", b"\xFF", b"\xFF"),
    ];
    for (encoding, body, expected) in cases {
        assert_eq!(&*decoded(Some(encoding), body).expect("a body"), expected, "{encoding}");
    }
    assert_eq!(decoded(Some("base64"), b"!"), Err(MimeError::Encoding));
    assert_eq!(decoded(Some("uuencode"), b""), Err(MimeError::UnknownEncoding));
}

#[test]
fn as2_names_are_quoted_where_they_must_be() {
    for (name, header) in [
        ("plain-1", "plain-1"),
        ("with space", "\"with space\""),
        ("a\"b", "\"a\\\"b\""),
        ("a\\b", "\"a\\\\b\""),
        ("semi;colon", "semi;colon"),
    ] {
        let name = As2Name::new(name).expect("a name");
        assert_eq!(name.to_header(), header);
        assert_eq!(As2Name::of_header(header), Ok(name));
    }
    assert_eq!(As2Name::of_header(" \" padded \" ").map(|name| name.to_string()), Ok("padded".to_owned()));
    for bad in ["", " x", "x ", "Ä", "a\nb", &"x".repeat(129)] {
        assert!(As2Name::new(bad).is_err(), "{bad}");
    }
}

mod fuzz {
    use super::*;

    proptest! {
        #[test]
        fn quoted_is_unquoted(text in "[ -~]{0,60}") {
            prop_assert_eq!(unquote(&quote(&text)), text);
        }

        #[test]
        fn every_name_survives_its_header(text in "[!-~]([ -~]{0,60}[!-~])?") {
            let name = As2Name::new(&text).expect("a value");
            prop_assert_eq!(As2Name::of_header(&name.to_header()), Ok(name));
        }

        #[test]
        fn base64_is_undone(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let decoded = decoded(Some("base64"), &base64_lines(&bytes)).expect("a value").into_owned();
            prop_assert_eq!(decoded, bytes);
        }

        #[test]
        fn any_bytes_are_mime_or_refused(bytes in "(--b|--|\r\n|\n|\r|[ -~]|:|;|=|\"|\\\\|\u{0}|Ä){0,40}") {
            let text = bytes.as_str();
            let media_type = MediaType::read(text);
            let _ = (media_type.text("b"), unquote(text), As2Name::of_header(text));
            let _ = Headers::read(text.as_bytes(), 50);
            for encoding in ["base64", "quoted-printable"] {
                let _ = decoded(Some(encoding), text.as_bytes());
            }
            if let Ok(found) = parts(text.as_bytes(), "b", 5) {
                prop_assert!(found.iter().all(|part| text.as_bytes().get(part.clone()).is_some()));
            }
        }

        #[test]
        fn joined_parts_are_found_again(contents in prop::collection::vec("[a-z\r\n-]{0,20}", 1..5)) {
            let body: String = contents.iter().map(|part| format!("--=_B\r\n{part}\r\n")).collect();
            let body = format!("{body}--=_B--\r\n");
            let found = texts(body.as_bytes(), "=_B").expect("a value");
            prop_assert_eq!(found, contents.iter().map(String::as_bytes).collect::<Vec<_>>());
        }
    }
}
