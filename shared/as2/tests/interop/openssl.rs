//! The command `openssl cms`: BER, key identifiers, PSS, GCM, and other forms that AS2 programs over OpenSSL send.

use std::fs;
use std::path::Path;
use std::process::Command;

use sluice_as2::{
    Cipher, Digest, Encryption, Headers, Identity, KeyError, KeyTransport, Limits, Outgoing, Protections, Received,
    Recipient, open,
};

use crate::partner::{AT, everything, folder, identities, plain_names, run, split};

/// An entity as a partner would sign it.
const ENTITY: &[u8] =
    b"Content-Type: application/edifact\r\nContent-Transfer-Encoding: binary\r\n\r\nUNB+UNOA:1'\r\n\x00\xFFUNZ'";
const DOCUMENT: &[u8] = b"UNB+UNOA:1'\r\n\x00\xFFUNZ'";

/// `openssl cms` reads the parts of a signed entity as lines.
const TEXT: &[u8] = b"UNB+UNOA:1'\r\nUNZ'";

/// A folder with both keys and the entity.
fn prepared() -> (tempfile::TempDir, std::path::PathBuf) {
    let (keep, folder) = folder();
    for (name, identity) in ["ours", "theirs"].into_iter().zip(identities()) {
        fs::write(folder.join(name).with_extension("pem"), identity.certificate().to_pem()).expect("a file");
        fs::write(folder.join(name).with_extension("key"), &*identity.private_key_pem()).expect("a file");
    }
    fs::write(folder.join("entity"), ENTITY).expect("a file");
    (keep, folder)
}

fn openssl(folder: &Path, arguments: &str) {
    run(Command::new("openssl").arg("cms").args(arguments.split(' ')).current_dir(folder));
}

fn opened(headers: &Headers, body: Vec<u8>) -> Received {
    let ([ours, theirs], policy) = (identities(), everything());
    let certificates = [theirs.certificate().clone()];
    let recipient = Recipient { ours: &[ours], partner: &certificates, policy: &policy, limits: Limits::default() };
    open(headers, body, &recipient).unwrap_or_else(|fault| panic!("{headers:?}: {fault}"))
}

/// A CMS structure as the body of a message.
fn opened_der(path: &Path) -> Received {
    let headers = [("Content-Type", "application/pkcs7-mime"), ("Content-Transfer-Encoding", "binary")];
    opened(&headers.into_iter().collect(), fs::read(path).expect("a message"))
}

#[test]
fn we_open_what_openssl_signs() {
    let (_keep, folder) = prepared();
    let sign = "-sign -binary -in entity -signer theirs.pem -inkey theirs.key -out message";
    let forms = [
        ("-outform DER -nodetach -md sha256", Digest::Sha256),
        ("-outform DER -nodetach -stream -md sha384", Digest::Sha384),
        ("-outform DER -nodetach -stream -keyid -noattr -md sha512", Digest::Sha512),
        (
            "-outform DER -nodetach -nocerts -md sha256 -keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:32",
            Digest::Sha256,
        ),
        ("-outform DER -nodetach -md sha1", Digest::Sha1),
    ];
    for (form, digest) in forms {
        openssl(&folder, &format!("{sign} {form}"));
        let received = opened_der(&folder.join("message"));
        assert_eq!(received.document.bytes, DOCUMENT, "{form}");
        assert_eq!(received.protections, Protections { signed: Some(digest), ..Protections::default() });
        assert_eq!(received.mic.value, digest.of(ENTITY), "{form}");
    }
    // As mail programs write it: line breaks of one character, and a text before the parts.
    openssl(&folder, &format!("{sign} -outform SMIME -md sha256"));
    let raw = fs::read(folder.join("message")).expect("a message");
    let end = raw.windows(2).position(|two| two == b"\n\n").expect("the end of the headers");
    let headers = String::from_utf8_lossy(&raw[..end]).into_owned();
    let headers: Headers = headers.lines().filter_map(|line| line.split_once(": ")).collect();
    let received = opened(&headers, raw[end + 2..].to_vec());
    assert_eq!((received.document.bytes.as_slice(), received.protections.signed), (DOCUMENT, Some(Digest::Sha256)));
}

#[test]
fn we_open_what_openssl_encrypts() {
    let (_keep, folder) = prepared();
    let forms = [
        ("-aes256 -outform DER", Cipher::Aes256Cbc),
        ("-aes128 -outform DER -stream", Cipher::Aes128Cbc),
        ("-aes192 -outform DER -stream -keyid", Cipher::Aes192Cbc),
        ("-des3 -outform DER -stream", Cipher::TripleDes),
        ("-aes-256-gcm -outform DER", Cipher::Aes256Gcm),
        ("-aes-128-gcm -outform DER -stream", Cipher::Aes128Gcm),
    ];
    for (form, cipher) in forms {
        for transport in ["-recip ours.pem", "-recip theirs.pem -recip ours.pem -keyopt rsa_padding_mode:oaep"] {
            let transport = if form.contains("-keyid") { "-recip ours.pem" } else { transport };
            openssl(&folder, &format!("-encrypt -binary -in entity -out message {form} {transport}"));
            let received = opened_der(&folder.join("message"));
            assert_eq!(received.document.bytes, DOCUMENT, "{form}");
            assert_eq!(received.protections.encrypted, Some(cipher), "{form}");
            assert_eq!(received.mic.value, Digest::Sha1.of(ENTITY), "{form}");
        }
    }
}

#[test]
fn openssl_opens_what_we_send() {
    let (_keep, folder) = prepared();
    let ([ours, theirs], names) = (identities(), plain_names());
    for cipher in Cipher::ALL {
        for transport in [KeyTransport::Pkcs1, KeyTransport::Oaep] {
            let sent = Outgoing {
                from: &names.ours,
                to: &names.theirs,
                message_id: "<one@sluice.example>",
                at: AT.parse().expect("a time"),
                subject: None,
                content_type: "application/edifact",
                file_name: None,
                bytes: TEXT,
                compress: false,
                sign: Some((Digest::Sha512, ours)),
                encrypt: Some(Encryption { cipher, certificate: theirs.certificate(), transport }),
                receipt: None,
            };
            fs::write(folder.join("message"), sent.build().expect("a message").body).expect("a file");
            openssl(&folder, "-decrypt -inform DER -in message -recip theirs.pem -inkey theirs.key -binary -out inner");
            openssl(&folder, "-verify -in inner -CAfile ours.pem -purpose any -out opened");
            let (headers, body) = split(&folder.join("opened"));
            assert_eq!(headers.get("Content-Type"), Some("application/edifact"));
            assert_eq!(body, TEXT, "{cipher} {transport:?}");
        }
    }
}

#[test]
fn we_open_pkcs12_files() {
    let (_keep, folder) = prepared();
    let [ours, theirs] = identities();
    let pkcs12 = |arguments: &str| {
        run(Command::new("openssl")
            .arg("pkcs12")
            .args(arguments.split(' '))
            .args(["-out", "file"])
            .current_dir(&folder));
        fs::read(folder.join("file")).expect("a file")
    };
    let old = "-certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES -macalg sha1";
    for form in ["", " -name alias -certfile theirs.pem", &format!(" {old}"), " -iter 100000", " -legacy"] {
        let file = pkcs12(&format!("-export -inkey ours.key -in ours.pem -passout pass:secret{form}"));
        let identity = Identity::of_pkcs12(&file, "secret").unwrap_or_else(|error| panic!("{form}: {error}"));
        assert_eq!(identity.certificate(), ours.certificate(), "{form}");
        assert_eq!(identity.private_key_pem(), ours.private_key_pem(), "{form}");
        for password in ["", "Secret", "wrong"] {
            assert_eq!(Identity::of_pkcs12(&file, password).err(), Some(KeyError::Pkcs12), "{form}");
        }
    }
    let without_key = pkcs12("-export -nokeys -in ours.pem -passout pass:secret");
    assert_eq!(Identity::of_pkcs12(&without_key, "secret").err(), Some(KeyError::Pkcs12Keys(0)));
    let other = theirs.certificate().to_pem();
    assert_eq!(Identity::of_pem(&ours.private_key_pem(), &other).err(), Some(KeyError::Mismatch));
}

/// The old format of keys, and keys that are too short or of another kind.
#[test]
fn keys_of_openssl_are_read_or_refused_with_the_reason() {
    let (_keep, folder) = prepared();
    let read = |command: &str| {
        run(Command::new("openssl").args(command.split(' ')).current_dir(&folder));
        let text = |name: &str| fs::read_to_string(folder.join(name)).expect("a file");
        Identity::of_pem(&text("key"), &text("certificate")).map(|identity| identity.certificate().key_bits())
    };
    let make = "req -x509 -nodes -subj /CN=x -days 10 -keyout key -out certificate -newkey";
    assert_eq!(read(&format!("{make} rsa:2048")), Ok(2_048));
    assert_eq!(read("rsa -in key -traditional -out key"), Ok(2_048));
    assert_eq!(read("rsa -in key -traditional -aes256 -passout pass:secret -out key"), Err(KeyError::Encrypted));
    assert_eq!(read(&format!("{make} rsa:1024")), Err(KeyError::KeySize(1_024)));
    assert_eq!(read(&format!("{make} ec -pkeyopt ec_paramgen_curve:P-256")), Err(KeyError::NotRsa));
    assert_eq!(read(&format!("{make} ed25519")), Err(KeyError::NotRsa));
}
