use super::*;

fn ip(protocol: u8, transport: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 77, 0, 10, 10, 77, 0, 11];
    packet.extend(transport);
    let total = packet.len() as u16;
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    packet
}

fn udp(payload: &[u8]) -> Vec<u8> {
    ip(UDP, &[&[0; 8], payload].concat())
}

fn tcp(payload: &[u8]) -> Vec<u8> {
    let mut header = [0; 32];
    header[12] = 8 << 4;
    ip(TCP, &[&header, payload].concat())
}

fn stun(kind: u8) -> Vec<u8> {
    udp(&[&[kind, 1, 0, 0], &MAGIC_COOKIE[..], &[0; 12]].concat())
}

fn dtls(first: u8, message: u8) -> Vec<u8> {
    let mut record = [0; 60];
    (record[0], record[13]) = (first, message);
    udp(&record)
}

fn rtp(second: u8, len: usize) -> Vec<u8> {
    let mut packet = vec![0; len];
    (packet[0], packet[1]) = (0x90, second);
    udp(&packet)
}

#[test]
fn each_packet_is_what_it_is_and_nothing_else() {
    use Class::*;
    let all = [StunRequest, StunResponse, Dtls, DtlsClientHello, DtlsServerHello, Rtp, RtpLarge, TcpData];
    for (packet, classes) in [
        (stun(0), &[StunRequest][..]),
        (stun(1), &[StunResponse]),
        (dtls(22, 1), &[Dtls, DtlsClientHello]),
        (dtls(22, 2), &[Dtls, DtlsServerHello]),
        (dtls(0x2f, 1), &[Dtls]),
        (rtp(96, 1_100), &[Rtp, RtpLarge]),
        (rtp(0x80 | 96, 1_100), &[Rtp, RtpLarge]),
        (rtp(111, 100), &[Rtp]),
        (rtp(206, 1_100), &[]),
        (tcp(b"{}"), &[TcpData]),
        (tcp(b""), &[]),
    ] {
        let found: Vec<_> = all.into_iter().filter(|class| class.matches(&packet)).collect();
        assert_eq!(found, classes, "{packet:?}");
    }
}

#[test]
fn a_padded_or_cut_packet_is_read_to_its_end_only() {
    let mut acknowledgement = tcp(b"");
    acknowledgement.push(0);
    assert!(!Class::TcpData.matches(&acknowledgement), "what follows the IP packet is not of it");
    for length in 0..60 {
        for class in [Class::TcpData, Class::Dtls, Class::StunRequest, Class::RtpLarge] {
            let _ = class.matches(&stun(0)[..length.min(48)]);
            let _ = class.matches(&tcp(b"x")[..length.min(53)]);
        }
    }
}

#[test]
fn a_later_fragment_has_no_header_to_read() {
    let mut packet = stun(0);
    packet[7] = 1;
    assert!(!Class::StunRequest.matches(&packet));
}

#[test]
fn exactly_the_nth_is_lost() {
    let mut drop = Drop::nth(Class::StunRequest, 2);
    let taken: Vec<_> =
        [stun(0), stun(1), stun(0), stun(0)].iter().map(|packet| drop.takes(packet)).collect();
    assert_eq!(taken, [false, false, true, false]);
}

#[test]
fn names_are_checked() {
    assert_eq!("tcp-data".parse::<Class>().unwrap(), Class::TcpData);
    assert!("tcp".parse::<Class>().is_err());
}
