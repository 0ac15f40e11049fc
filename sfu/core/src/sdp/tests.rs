use proptest::prelude::*;

use super::*;
use crate::{
    api::MediaKind,
    rtp::{PayloadType, Ssrc},
};

const CHROMIUM: &str = include_str!("fixtures/chromium-156.sdp");
const FIREFOX: &str = include_str!("fixtures/firefox-esr.sdp");
const SAFARI: &str = include_str!("fixtures/safari-like.sdp");

fn answer(text: &str) -> (String, Negotiated) {
    let ice = IceCredentials { ufrag: "abcd".into(), pwd: "p".repeat(24) };
    Offer::parse(text).unwrap().answer(&LocalParameters {
        ice: &ice,
        fingerprint: &Fingerprint::sha256([0xa7; 32]),
        candidates: &["192.0.2.1:5000".parse().unwrap(), "[2001:db8::1]:5001".parse().unwrap()],
        tcp_candidates: &["192.0.2.1:443".parse().unwrap()],
        ssrcs: LocalSsrcs { audio: Ssrc(1), video: Ssrc(2), video_rtx: Ssrc(3) },
        cname: "node",
        session_id: 42,
        session_version: 7,
    })
}

fn sections(answer: &str) -> Vec<&str> {
    answer.split("m=").skip(1).collect()
}

#[test]
fn chromium_offer() {
    let (_, negotiated) = answer(CHROMIUM);
    assert_eq!(negotiated.ice.ufrag.len(), 4);
    assert_eq!(negotiated.fingerprints.len(), 1);
    assert!(negotiated.mixed_extensions);

    let audio = negotiated.audio.unwrap();
    assert_eq!(audio.mid, "0");
    let codecs: Vec<_> = audio.payloads.iter().map(|m| (m.payload_type.0, m.codec)).collect();
    let red = Codec::Red { opus: PayloadType(111) };
    assert_eq!(codecs, [(111, Codec::Opus), (63, red)], "neither telephone nor comfort noise");
    assert_eq!(audio.extensions.id(Extension::AudioLevel), Some(1));
    assert_eq!(audio.remote.unwrap().rtx, None);

    let video = negotiated.video.unwrap();
    let vp8 = video.payload(PayloadType(96)).unwrap();
    assert_eq!((vp8.codec, vp8.rtx, vp8.nack), (Codec::Vp8, Some(PayloadType(97)), true));
    assert_eq!(video.repaired_by(PayloadType(97)), Some(vp8));
    let h264: Vec<_> = video
        .payloads
        .iter()
        .filter_map(|mapping| match mapping.codec {
            Codec::H264 { profile, mode } => Some((mapping.payload_type.0, profile, mode)),
            _ => None,
        })
        .collect();
    use H264Profile::*;
    use PacketizationMode::*;
    assert_eq!(
        h264,
        [
            (102, Baseline, NonInterleaved),
            (104, Baseline, SingleNal),
            (108, ConstrainedBaseline, NonInterleaved),
            (114, ConstrainedBaseline, SingleNal),
            (116, Main, NonInterleaved),
            (39, Main, SingleNal),
        ]
    );
    assert!(video.payload(PayloadType(118)).is_none(), "RED of video is not for us");
    assert!(video.remote.unwrap().rtx.is_some());
    assert!(video.remb);
}

#[test]
fn firefox_offer() {
    let (text, negotiated) = answer(FIREFOX);
    assert_eq!(negotiated.fingerprints.len(), 1, "from the session level");
    let audio = negotiated.audio.unwrap();
    assert_eq!(audio.payloads[0].payload_type, PayloadType(109));
    let video = negotiated.video.unwrap();
    assert_eq!(video.mid, "1", "bundle-only with port 0 is an open section");
    assert_eq!(video.payload(PayloadType(120)).unwrap().rtx, Some(PayloadType(124)));
    assert_eq!(video.payload(PayloadType(99)).unwrap().codec, Codec::Av1 { profile: 0 });
    assert!(
        text.contains(
            "a=extmap:6/sendonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
        ),
        "an extension that the page only receives"
    );
}

#[test]
fn safari_offer() {
    let (_, negotiated) = answer(SAFARI);
    let video = negotiated.video.unwrap();
    assert_eq!(video.payloads[0].payload_type, PayloadType(96), "its order is kept");
    assert_eq!(
        video.payloads[0].codec,
        Codec::H264 {
            profile: H264Profile::ConstrainedHigh,
            mode: PacketizationMode::NonInterleaved
        }
    );
    assert!(video.payload(PayloadType(104)).is_none(), "H.265 is not for us");
}

#[test]
fn the_answer_repeats_the_offers_sections_in_order() {
    for offer in [CHROMIUM, FIREFOX, SAFARI] {
        let (text, _) = answer(offer);
        let answered = sections(&text);
        let offered: Vec<&str> = offer.split("\r\nm=").skip(1).collect();
        assert_eq!(answered.len(), offered.len());
        for (answered, offered) in answered.iter().zip(&offered) {
            let mid = offered.lines().find(|line| line.starts_with("a=mid:")).unwrap();
            assert!(answered.contains(&format!("{mid}\r\n")));
            assert_eq!(answered.split(' ').next(), offered.split(' ').next());
        }
        assert!(text.contains("a=group:BUNDLE 0 1\r\n"), "rejected sections leave the bundle");
        assert!(text.contains("a=ice-lite\r\n"));
        assert!(!text.contains("video-orientation"));
        assert!(!text.contains("simulcast"));
    }
}

#[test]
fn a_data_channel_is_rejected_in_place() {
    let (text, _) = answer(FIREFOX);
    let application = sections(&text)[2];
    assert!(application.starts_with("application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
    assert!(application.contains("a=mid:2\r\n"));
}

#[test]
fn served_sections_say_what_we_are() {
    let (text, _) = answer(CHROMIUM);
    let (audio, video) = (sections(&text)[0], sections(&text)[1]);
    for line in [
        "a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host",
        "a=candidate:2 1 udp 2130706175 2001:db8::1 5001 typ host",
        "a=candidate:3 1 tcp 1520435199 192.0.2.1 443 typ host tcptype passive",
        "a=end-of-candidates",
        "a=ice-ufrag:abcd",
        "a=setup:active",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=sendrecv",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:63 red/48000/2",
        "a=fmtp:63 111/111",
        "a=msid:vitrine vitrine-audio",
        "a=ssrc:1 cname:node",
    ] {
        assert!(audio.contains(&format!("{line}\r\n")), "{line}");
    }
    for line in [
        "a=setup:active",
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=rtcp-fb:96 ccm fir",
        "a=rtcp-fb:96 transport-cc",
        "a=rtcp-fb:96 goog-remb",
        "a=fmtp:96 x-google-start-bitrate=1500",
        "a=fmtp:97 apt=96",
        "a=ssrc-group:FID 2 3",
        "a=ssrc:3 cname:node",
        "a=msid:vitrine vitrine-video",
    ] {
        assert!(video.contains(&format!("{line}\r\n")), "{line}");
    }
    assert!(!video.contains("a=candidate"), "candidates of a bundle stand once");
    assert!(text.contains("A7:A7:A7"));
}

#[test]
fn our_answer_is_sdp_that_says_the_same() {
    for offer in [CHROMIUM, FIREFOX, SAFARI] {
        let (text, negotiated) = answer(offer);
        // Read as an offer, it must come out as what was agreed.
        let mirrored = text.replace("a=setup:active", "a=setup:actpass");
        let (_, read) = answer(&mirrored);
        for kind in [MediaKind::Audio, MediaKind::Video] {
            let (ours, theirs) = (read.media(kind).unwrap(), negotiated.media(kind).unwrap());
            assert_eq!(ours.payloads, theirs.payloads);
            assert_eq!(ours.extensions, theirs.extensions);
            assert_eq!(ours.mid, theirs.mid);
        }
        let streams = read.video.unwrap().remote.unwrap();
        assert_eq!((streams.ssrc, streams.rtx), (Ssrc(2), Some(Ssrc(3))));
    }
}

#[test]
fn direction_is_answered_in_kind() {
    for (offered, answered, send, receive) in [
        ("a=sendonly", "a=recvonly", false, true),
        ("a=recvonly", "a=sendonly", true, false),
        ("a=inactive", "a=inactive", false, false),
    ] {
        let (text, negotiated) = answer(&CHROMIUM.replace("a=sendrecv", offered));
        assert!(sections(&text)[1].contains(answered));
        assert_eq!(negotiated.video.unwrap().direction, Direction { send, receive });
        assert_eq!(text.contains("a=ssrc:"), send);
    }
}

#[test]
fn offers_that_cannot_be_served_say_why() {
    let without = |start: &str| {
        let lines = CHROMIUM.lines().filter(|line| !line.starts_with(start));
        lines.map(|line| format!("{line}\r\n")).collect::<String>()
    };
    for (text, error) in [
        (String::new(), OfferError::Syntax),
        ("v=0\r\nnonsense".to_owned(), OfferError::Syntax),
        ("x".repeat(100_000), OfferError::TooLarge),
        (without("a=ice-pwd"), OfferError::Ice),
        (without("a=ice-ufrag"), OfferError::Ice),
        (CHROMIUM.replace("a=ice-pwd:", "a=ice-pwd:short\r\na=x:"), OfferError::Ice),
        (CHROMIUM.replace("a=ice-ufrag:", "a=ice-ufrag:a b\u{1}"), OfferError::Ice),
        (without("a=fingerprint"), OfferError::Fingerprint),
        (CHROMIUM.replace("sha-256", "md5"), OfferError::Fingerprint),
        (CHROMIUM.replace("setup:actpass", "setup:active"), OfferError::Setup),
        (without("a=rtcp-mux"), OfferError::NoMedia),
        (without("a=mid"), OfferError::NoMedia),
        (CHROMIUM.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), OfferError::NoMedia),
        (without("a=rtpmap"), OfferError::NoMedia),
    ] {
        assert_eq!(Offer::parse(&text).err(), Some(error), "{}", &text[..text.len().min(60)]);
    }
}

#[test]
fn sections_beyond_the_first_of_a_kind_are_rejected() {
    let video =
        &CHROMIUM[CHROMIUM.find("m=video").unwrap()..CHROMIUM.find("m=application").unwrap()];
    let more = format!("{CHROMIUM}{}", video.replace("a=mid:1", "a=mid:3"));
    let (text, _) = answer(&more.replace("BUNDLE 0 1 2", "BUNDLE 0 1 2 3"));
    assert!(sections(&text)[3].starts_with("video 0 "));
}

#[test]
fn a_stopped_section_stays_rejected() {
    let (text, negotiated) = answer(&CHROMIUM.replace("m=video 9", "m=video 0"));
    assert!(sections(&text)[1].starts_with("video 0 "));
    assert_eq!(negotiated.video, None);
    assert!(text.contains("a=group:BUNDLE 0\r\n"));
}

#[test]
fn fingerprints_are_read_strictly() {
    let good = format!("SHA-256 {}", ["ab"; 32].join(":"));
    assert_eq!(Fingerprint::parse(&good), Some(Fingerprint::sha256([0xab; 32])));
    assert_eq!(
        Fingerprint::parse(&Fingerprint::sha256([9; 32]).to_string()).unwrap().digest(),
        [9; 32]
    );
    for bad in [
        "",
        "sha-256",
        "sha-256 AB",
        "sha-1 AB",
        &good.replace("ab:", "+b:"),
        &format!("{good}:00"),
    ] {
        assert_eq!(Fingerprint::parse(bad), None, "{bad}");
    }
}

#[test]
fn codecs_map_between_browsers() {
    let video = |offer| answer(offer).1.video.unwrap();
    let (chromium, firefox, safari) = (video(CHROMIUM), video(FIREFOX), video(SAFARI));
    let number = |media: &Media, codec| media.best_for(codec).map(|found| found.payload_type.0);
    assert_eq!(number(&chromium, Codec::Vp8), Some(96));
    assert_eq!(number(&firefox, Codec::Vp8), Some(120));
    assert_eq!(number(&safari, Codec::Vp8), Some(108));
    assert_eq!(number(&chromium, Codec::Vp9 { profile: 2 }), Some(100));
    assert_eq!(number(&firefox, Codec::Vp9 { profile: 2 }), None);
    use H264Profile::*;
    use PacketizationMode::*;
    let h264 = |profile, mode| Codec::H264 { profile, mode };
    assert_eq!(number(&chromium, h264(ConstrainedBaseline, NonInterleaved)), Some(108));
    assert_eq!(number(&chromium, h264(ConstrainedBaseline, SingleNal)), Some(114));
    assert_eq!(number(&safari, h264(Baseline, NonInterleaved)), Some(96), "a better decoder");
    assert_eq!(number(&safari, h264(Main, SingleNal)), Some(100));
    assert_eq!(
        number(&chromium, h264(High, NonInterleaved)),
        Some(116),
        "tried on the best decoder there is rather than shown to nobody"
    );
    assert_eq!(number(&firefox, h264(Main, SingleNal)), None);
}

#[test]
fn redundant_audio_is_taken_as_it_is_or_as_opus() {
    let audio = |offer: &str| answer(offer).1.audio.unwrap();
    let red = |opus| Codec::Red { opus: PayloadType(opus) };
    let number = |media: &Media, codec| media.best_for(codec).map(|found| found.payload_type.0);
    assert_eq!(number(&audio(CHROMIUM), red(111)), Some(63));
    assert_eq!(number(&audio(CHROMIUM), red(96)), Some(111), "other numbers within the packets");
    assert_eq!(number(&audio(FIREFOX), red(111)), Some(109), "knows no RED");
    for fmtp in ["63 0/0", "63 111/0", "63 ", "63 /"] {
        let offer = CHROMIUM.replace("a=fmtp:63 111/111", &format!("a=fmtp:{fmtp}"));
        assert_eq!(audio(&offer).payloads.len(), 1, "{fmtp}");
    }
    let first = CHROMIUM.replace("SAVPF 111 63", "SAVPF 63 111");
    assert_eq!(audio(&first).payloads[0].codec, red(111), "the page's order is kept");
}

#[test]
fn a_decoder_of_mode_0_gets_no_stream_of_mode_1() {
    use PacketizationMode::*;
    let codec = |mode| Codec::H264 { profile: H264Profile::Main, mode };
    assert_eq!(codec(SingleNal).accepts(codec(NonInterleaved)), None);
    assert_eq!(codec(NonInterleaved).accepts(codec(SingleNal)), Some(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_survived(text in "(v=0\r\n)?(o=- 1 1 IN IP4 0\r\ns=-\r\nt=0 0\r\n)?\\PC{0,400}") {
        let _ = Offer::parse(&text);
    }

    /// Offers of browsers with lines dropped, doubled, cut, swapped or with bytes changed.
    #[test]
    fn mutated_offers_are_survived(
        which in 0usize..3,
        changes in prop::collection::vec((0usize..250, 0u8..6, any::<u32>(), "\\PC{0,12}"), 1..12),
    ) {
        let mut lines: Vec<String> =
            [CHROMIUM, FIREFOX, SAFARI][which].lines().map(str::to_owned).collect();
        for (at, change, number, text) in changes {
            let at = at % lines.len();
            let cut = |line: &str| {
                let cut = number as usize % (line.len() + 1);
                line[..line.floor_char_boundary(cut)].to_owned()
            };
            match change {
                0 => { lines.remove(at); }
                1 => { let line = lines[at].clone(); lines.push(line); }
                2 => lines[at] = cut(&lines[at]),
                3 => lines[at].push_str(&text),
                4 => { let start = cut(&lines[at]); lines[at] = format!("{start}{text}{number}"); }
                _ => { let other = number as usize % lines.len(); lines.swap(at, other); }
            }
            if lines.is_empty() {
                break;
            }
        }
        let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        if Offer::parse(&text).is_ok() {
            let (answered, negotiated) = answer(&text);
            // Whatever was served can be read back.
            let read = Offer::parse(&answered.replace("a=setup:active", "a=setup:actpass"));
            prop_assert!(read.is_ok(), "{answered}");
            for media in [negotiated.audio, negotiated.video].into_iter().flatten() {
                prop_assert!(!media.payloads.is_empty());
            }
        }
    }
}
