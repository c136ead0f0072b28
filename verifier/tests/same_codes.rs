//! Two authenticators that give the same codes are no credential: each code would work twice.
#![allow(clippy::unwrap_used)]

use twinlock_verifier::{Algorithm, Authenticator, Credential, CredentialFault};

fn one(id: u32, secret: &[u8], algorithm: Algorithm) -> Authenticator {
    let label = format!("phone {id}");
    let secret = secret.to_vec().into();
    Authenticator {
        id,
        label,
        secret,
        algorithm,
        digits: 6 + u8::try_from(id).unwrap(),
        period: 30,
        enrolled: 0,
    }
}

#[test]
fn two_secrets_that_are_one_key_to_hmac_are_one_secret() {
    let digest: Vec<u8> =
        (0..20).map(|at| u8::from_str_radix(&SHA1_OF_100_ONES[2 * at..2 * at + 2], 16).unwrap()).collect();
    let padded = [[1; 20].as_slice(), &[0; 5]].concat();
    let cases: &[(&[u8], &[u8], bool)] = &[
        (&[1; 20], &[1; 20], false),
        (&[1; 20], &padded, false),
        (&[1; 100], &digest, false),
        (&[1; 20], &[1; 21], true),
        (&[1; 20], &[2; 20], true),
    ];
    for (first, second, fine) in cases {
        let authenticators = vec![one(1, first, Algorithm::Sha1), one(2, second, Algorithm::Sha1)];
        let text = Credential { authenticators, recovery: None }.to_text();
        let parsed = Credential::parse(text.as_bytes()).map(|_| ());
        let expected = if *fine { Ok(()) } else { Err(CredentialFault::Field("a secret that occurs twice")) };
        assert_eq!(parsed, expected, "{first:?} {second:?}");
    }
}

/// By Python: `hashlib.sha1(b"\x01" * 100).hexdigest()`.
const SHA1_OF_100_ONES: &str = "3f3feea4f73d400fe98b7518a4b21ad4fc80476d";
