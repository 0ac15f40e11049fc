use jsonwebtoken::{Algorithm, EncodingKey, Header};
use signaling_wire::{
    claims::{
        AUDIENCE_LINK, AUDIENCE_SEAT, AUDIENCE_SESSION, AUDIENCE_SIGN_IN, AgentClaims, Context,
        LinkClaims,
    },
    ids::{AgentId, LinkId},
    limits::MAX_TOKEN,
    text::Name,
};

use super::{KeyRing, Rejected, Tokens};

const NOW: u64 = 1_800_000_000;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// The ring whose only key is `k1` with [`SECRET`].
fn ring() -> KeyRing {
    KeyRing::from_bytes(format!("k1 {}", hex::encode(SECRET)).as_bytes()).expect("a ring")
}

fn tokens() -> Tokens {
    Tokens::new(ring())
}

fn link(exp: u64) -> LinkClaims {
    LinkClaims {
        aud: AUDIENCE_LINK.to_owned(),
        jti: LinkId::from_bits(7),
        exp,
        iat: NOW,
        queue: Name::parse("support").expect("short"),
        skills: vec![],
        priority: 0,
        max_uses: 1,
        region: None,
        synthetic: false,
        context: Context::default(),
    }
}

fn agent(audience: &str) -> AgentClaims {
    AgentClaims {
        aud: audience.to_owned(),
        sub: AgentId::from_bits(3),
        jti: LinkId::from_bits(9),
        exp: NOW + 60,
    }
}

/// A token with this header, signed with our secret whatever the header says.
fn forge(header: &str, claims: &LinkClaims) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
    let good = tokens().sign(claims).expect("signed");
    let (_, rest) = good.split_once('.').expect("three parts");
    format!("{}.{rest}", B64.encode(header))
}

#[test]
fn a_link_comes_back_as_it_was_signed() {
    let claims = link(NOW + 60);
    let token = tokens().sign(&claims).expect("signed");
    assert_eq!(tokens().link(&token, NOW), Ok(claims));
}

#[test]
fn a_token_is_good_until_the_second_it_expires() {
    let token = tokens().sign(&link(NOW + 60)).expect("signed");
    assert!(tokens().link(&token, NOW + 59).is_ok());
    assert_eq!(tokens().link(&token, NOW + 60), Err(Rejected::Expired));
}

#[test]
fn a_good_token_for_something_else_is_refused() {
    let tokens = tokens();
    let link = tokens.sign(&link(NOW + 60)).expect("signed");
    assert_eq!(tokens.seat(&link, NOW), Err(Rejected::Audience));
    assert_eq!(tokens.session(&link, NOW), Err(Rejected::Audience));
    let sign_in = tokens.sign(&agent(AUDIENCE_SIGN_IN)).expect("signed");
    assert_eq!(tokens.session(&sign_in, NOW), Err(Rejected::Audience));
    let session = tokens.sign(&agent(AUDIENCE_SESSION)).expect("signed");
    assert_eq!(tokens.sign_in(&session, NOW), Err(Rejected::Audience));
    let mut wrong = self::link(NOW + 60);
    wrong.aud = AUDIENCE_SEAT.to_owned();
    let wrong = tokens.sign(&wrong).expect("signed");
    assert_eq!(tokens.seat(&wrong, NOW), Err(Rejected::Malformed), "a seat has another shape");
}

#[test]
fn the_header_does_not_choose_the_algorithm() {
    let claims = link(NOW + 60);
    for algorithm in ["none", "None", "HS384", "HS512", "RS256", "EdDSA"] {
        let token = forge(&format!(r#"{{"alg":"{algorithm}","kid":"k1"}}"#), &claims);
        assert!(tokens().link(&token, NOW).is_err(), "{algorithm}");
        let unsigned = format!("{}.", token.rsplit_once('.').expect("three parts").0);
        assert!(tokens().link(&unsigned, NOW).is_err(), "{algorithm} unsigned");
    }
    let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::HS512) };
    let token =
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(SECRET)).expect("signed");
    assert_eq!(tokens().link(&token, NOW), Err(Rejected::Algorithm));
}

#[test]
fn a_forged_or_changed_token_is_refused() {
    let other = Tokens::new(KeyRing::fresh());
    let forged = other.sign(&link(NOW + 60)).expect("signed");
    assert_eq!(tokens().link(&forged, NOW), Err(Rejected::Signature));
    let good = tokens().sign(&link(NOW + 60)).expect("signed");
    let later = tokens().sign(&link(NOW + 6_000)).expect("signed");
    let (head, _) = good.split_once('.').expect("parts");
    let claims = later.split('.').nth(1).expect("parts");
    let signature = good.rsplit_once('.').expect("parts").1;
    assert_eq!(
        tokens().link(&format!("{head}.{claims}.{signature}"), NOW),
        Err(Rejected::Signature)
    );
}

#[test]
fn junk_is_refused_and_long_junk_before_it_is_read() {
    for junk in ["", ".", "..", "a.b.c", "a.b.c.d", "ey\u{0}.e.s", "💥.💥.💥"] {
        assert!(tokens().link(junk, NOW).is_err(), "{junk:?}");
    }
    assert_eq!(tokens().link(&"a".repeat(MAX_TOKEN + 1), NOW), Err(Rejected::TooLarge));
}

#[test]
fn after_a_rotation_links_of_the_former_key_are_good_and_those_before_it_are_not() {
    let first = tokens().sign(&link(NOW + 60)).expect("signed");
    let rotated = Tokens::new(ring().rotated());
    assert!(rotated.link(&first, NOW).is_ok());
    let new = rotated.sign(&link(NOW + 60)).expect("signed");
    assert_eq!(tokens().link(&new, NOW), Err(Rejected::UnknownKey));
    let again = rotated.keys().rotated();
    rotated.replace_keys(again);
    assert_eq!(rotated.link(&first, NOW), Err(Rejected::UnknownKey));
    assert!(rotated.link(&new, NOW).is_ok());
}

#[test]
fn a_ring_survives_being_stored_and_shows_no_secret() {
    let ring = KeyRing::fresh().rotated().rotated();
    let stored = ring.to_bytes();
    let read = KeyRing::from_bytes(&stored).expect("readable");
    assert_eq!(read.to_bytes(), stored);
    assert_eq!(read.newest().to_string(), "k3");
    assert_eq!(format!("{ring:?}").matches("Key(k").count(), 2);
    for junk in [&b""[..], b"k1", b"k1 zz", b"k1 00", b"x1 00", &[0xff]] {
        assert!(KeyRing::from_bytes(junk).is_err(), "{junk:?}");
    }
}
