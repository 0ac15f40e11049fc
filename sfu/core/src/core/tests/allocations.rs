//! The way of a packet takes no memory: counted by the allocator.

use allocation_counter::measure;

use crate::{
    api::MAX_TRANSMIT,
    srtp,
    testing::{Calls, Carried},
};

/// Before anything counts: bridges, first frames, rings that grow to a second's worth.
const SETTLE: usize = 150;
/// Four key frame intervals.
const STEPS: usize = 240;
/// More than is sent of one run, in bytes and in datagrams.
const ROOM: (usize, usize) = (64_000, 64);

#[test]
fn forwarding_allocates_nothing() {
    let mut calls = Calls::new(2);
    let mut buffer = [0; MAX_TRANSMIT];
    let (mut bytes, mut places) = (Vec::with_capacity(ROOM.0), Vec::with_capacity(ROOM.1));
    let (mut forwarded, mut allocations) = (0, 0);
    for step in 0..SETTLE + STEPS {
        let mut sent = Vec::new();
        calls.handle_timeout(&mut sent);
        for mut run in calls.step() {
            bytes.clear();
            places.clear();
            let counted = measure(|| {
                calls.forward(&mut run, &mut buffer, |peer, data| {
                    places.push((peer, bytes.len()..bytes.len() + data.len()));
                    bytes.extend_from_slice(data);
                });
            });
            // A report of our own may be due with a packet: writing one, a few times a second, takes
            // some. It is told from media by its second byte, which is not sealed.
            let reports = places.iter().filter(|(_, at)| srtp::is_rtcp(&bytes[at.clone()])).count();
            // What a viewer reports every other frame is not a packet that is forwarded.
            let reported = run.iter().any(|datagram| srtp::is_rtcp(&datagram.data));
            if step >= SETTLE && reports == 0 && !reported {
                forwarded += places.len();
                allocations += counted.count_total;
            }
            let copy = |(peer, place): &(_, std::ops::Range<usize>)| Carried {
                peer: *peer,
                data: bytes[place.clone()].to_vec(),
            };
            sent.extend(places.iter().map(copy));
        }
        calls.deliver(sent);
    }
    assert!(forwarded > 3_000, "{forwarded} packets");
    assert_eq!(allocations, 0, "for {forwarded} packets");
    assert_eq!(calls.dropped(), Default::default());
}
