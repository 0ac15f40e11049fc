use std::time::{Duration, Instant};

use super::peers::{CHROMIUM, Encoder, PLI, drain, drain_rtp, header, leg, nack, page, pass};
use crate::{
    media::{
        MediaLeg, Outgoing,
        patience::{Habit, Patience, Repairs},
        repair_time::RepairTime,
    },
    sdp::Extension,
};

const RTT: Duration = Duration::from_millis(60);
const FRAME: Duration = Duration::from_millis(33);

/// The least and the most delay that the extension asks for, in its unit of 10 ms.
fn delays(value: [u8; 3]) -> (u32, u32) {
    let [high, middle, low] = value;
    let both = u32::from_be_bytes([0, high, middle, low]);
    (both >> 12, both & 0xfff)
}

/// The same of a packet, if it carries the extension.
fn told(viewer: &MediaLeg, packet: &[u8]) -> Option<(u32, u32)> {
    let extensions = &viewer.negotiated.video.as_ref().unwrap().extensions;
    let id = extensions.id(Extension::PlayoutDelay).unwrap();
    let (_, at) = header(packet).extensions(packet).find(|(found, _)| *found == id)?;
    Some(delays(packet[at].try_into().expect("three bytes")))
}

/// The least delay that the packet asks the jitter buffer for.
fn least_delay(viewer: &MediaLeg, packet: &[u8]) -> Option<Duration> {
    told(viewer, packet).map(|(least, _)| Duration::from_millis(10) * least)
}

/// The most, in the extension's unit.
fn most_delay(viewer: &MediaLeg, packet: &[u8]) -> Option<u32> {
    told(viewer, packet).map(|(_, most)| most)
}

/// Publishes so many frames of three packets; of every `lose`th one packet is lost and repaired
/// after a round trip. Returns the last packet that the viewer is sent.
fn publish(frames: u16, lose: u16) -> (MediaLeg, Vec<u8>) {
    let start = Instant::now();
    let mut publisher = leg(CHROMIUM, start);
    publisher.seed_rtt(RTT);
    let mut viewer = leg(CHROMIUM, start);
    viewer.start_forwarding(start);
    let mut encoder = Encoder::new(CHROMIUM);
    let mut last = Vec::new();
    for id in 0..frames {
        let now = start + FRAME * u32::from(id);
        let mut packets = encoder.frame(3_000 * u32::from(id), id == 0, 3, id);
        let lost = (id % lose == 1).then(|| packets.remove(1));
        pass(&mut publisher, &mut viewer, now, &packets);
        let asked = now + Duration::from_millis(10);
        drain(&mut publisher, asked);
        if let Some(lost) = lost {
            pass(&mut publisher, &mut viewer, asked + RTT, &[lost]);
        }
        last = drain_rtp(&mut viewer, now + FRAME).pop().unwrap_or(last);
    }
    (viewer, last)
}

#[test]
fn the_viewer_is_asked_to_wait_as_long_as_a_repair_takes_on_the_publishers_way() {
    let (viewer, packet) = publish(150, 5);
    let wait = least_delay(&viewer, &packet).unwrap();
    assert!(wait > RTT && wait < RTT * 3, "{wait:?}");
    let (viewer, packet) = publish(150, 200);
    assert_eq!(least_delay(&viewer, &packet), None, "a packet in 450 is not worth a delay");
}

#[test]
fn the_viewer_is_told_how_long_to_wait_at_most_where_its_own_way_is_repaired() {
    let mut patience = Patience::default();
    let mut tell = |before, own| {
        let repairs = Repairs { before, own };
        patience.tell(repairs, None).map(delays)
    };
    assert_eq!(tell(Duration::ZERO, Duration::ZERO), None);
    // A least of nothing would turn the buffer off.
    assert_eq!(tell(Duration::ZERO, 2 * RTT), Some((1, 14)));
    assert_eq!(tell(RTT, 2 * RTT), Some((6, 20)));
    assert_eq!(tell(Duration::ZERO, RTT / 6), Some((1, 10)), "what a network does by itself");
    assert_eq!(tell(Duration::ZERO, Duration::ZERO), Some((0, 1_000)), "no limit any more");
}

#[test]
fn a_viewer_that_has_asked_a_few_times_is_told_what_a_repair_takes() {
    let mut now = Instant::now();
    let mut publisher = leg(CHROMIUM, now);
    let mut viewer = leg(CHROMIUM, now);
    viewer.seed_rtt(2 * RTT);
    viewer.start_forwarding(now);
    let mut encoder = Encoder::new(CHROMIUM);
    let mut id = 0;
    // A frame, of which the viewer asks for the first packet; returns what that told.
    let mut show = |viewer: &mut MediaLeg, wait, ask: bool| {
        now += wait;
        let packets = encoder.frame(3_000 * u32::from(id), id == 0, 3, id);
        id += 1;
        pass(&mut publisher, viewer, now, &packets);
        let sent = drain_rtp(viewer, now);
        if ask {
            now += RTT;
            viewer.receive_rtcp(now, &nack(header(&sent[0]).ssrc.0, header(&sent[0]).sequence, 0));
            assert!(!drain_rtp(viewer, now).is_empty(), "it is repeated");
        }
        most_delay(viewer, &sent[0])
    };
    let second = Duration::from_secs(1);
    show(&mut viewer, second, false);
    assert_eq!(show(&mut viewer, second, true), None);
    assert_eq!(show(&mut viewer, second, true), None);
    assert_eq!(show(&mut viewer, second, true), None, "of two repairs nobody makes a habit");
    assert_eq!(show(&mut viewer, second, false), Some(14), "a round trip and some room");
    assert_eq!(show(&mut viewer, second * 61, false), Some(1_000), "no limit any more");
}

#[test]
fn a_long_queue_is_told_a_limit_for_some_seconds() {
    let now = Instant::now();
    let mut habit = Habit::default();
    assert!(!habit.waits(now));
    habit.queued(now);
    assert!(habit.waits(now + Duration::from_secs(4)));
    assert!(!habit.waits(now + Duration::from_secs(6)));
}

#[test]
fn so_is_one_on_the_publishers_way() {
    let start = Instant::now();
    let mut publisher = leg(CHROMIUM, start);
    let mut viewer = leg(CHROMIUM, start);
    viewer.seed_rtt(2 * RTT);
    viewer.start_forwarding(start);
    let mut encoder = Encoder::new(CHROMIUM);
    let mut show = |seconds: u64, queued: bool| {
        let now = start + Duration::from_secs(seconds);
        for packet in encoder.frame(90_000 * seconds as u32, seconds == 2, 2, seconds as u16) {
            let mut incoming = publisher.receive_rtp(now, &packet).unwrap();
            incoming.queued = queued;
            viewer.forward(now, &incoming, &packet);
        }
        let sent = drain_rtp(&mut viewer, now);
        most_delay(&viewer, &sent[0])
    };
    assert_eq!(show(2, false), None);
    assert_eq!(show(3, true), Some(14), "a round trip and some room");
    assert_eq!(show(9, false), Some(1_000), "no limit any more");
}

#[test]
fn the_first_picture_does_not_wait() {
    let (viewer, packet) = publish(25, 5);
    assert_eq!(least_delay(&viewer, &packet), None);
}

#[test]
fn a_way_that_has_become_clean_is_not_waited_for() {
    let mut now = Instant::now();
    let mut repairs = RepairTime::default();
    let mut patience = Patience::default();
    let before = |before| Repairs { before, own: Duration::ZERO };
    assert_eq!(patience.tell(before(repairs.wait(now)), None), None);
    for _ in 0..50 {
        now += Duration::from_millis(200);
        repairs.note(now, RTT);
    }
    let wait = repairs.wait(now);
    assert!(wait >= RTT && wait < RTT * 2, "{wait:?}");
    assert!(
        patience.tell(before(wait), None).is_some_and(|[high, low, _]| (high, low >> 4) != (0, 0))
    );
    now += Duration::from_secs(60);
    assert_eq!(repairs.wait(now), Duration::ZERO);
    let [high, low, _] = patience.tell(Repairs::default(), None).unwrap();
    assert_eq!((high, low >> 4), (0, 0), "it is told so, in every packet");
}

#[test]
fn what_a_queue_of_the_publishers_own_has_cost_is_not_waited_for() {
    let mut now = Instant::now();
    let mut repairs = RepairTime::default();
    // Everything that overflows it is missed within a second, and comes from behind it.
    for step in 0..40 {
        now += Duration::from_millis(50);
        if step < 20 {
            repairs.queued(now);
        }
        repairs.note(now, Duration::from_millis(600));
    }
    let wait = repairs.wait(now);
    assert_eq!(wait, Duration::ZERO);
    // A way that loses packets all the time is waited for again.
    for _ in 0..20 {
        now += Duration::from_millis(200);
        repairs.note(now, RTT);
    }
    let wait = repairs.wait(now);
    assert!(wait >= RTT && wait < RTT * 2, "{wait:?}");
}

#[test]
fn a_key_frame_that_is_on_its_way_is_not_asked_for_again() {
    let start = Instant::now();
    let mut publisher = leg(CHROMIUM, start);
    let mut viewer = leg(CHROMIUM, start);
    viewer.seed_rtt(RTT);
    viewer.start_forwarding(start);
    let mut encoder = Encoder::new(CHROMIUM);
    let packets = encoder.frame(0, true, 4, 0);
    pass(&mut publisher, &mut viewer, start, &packets[..3]);
    drain(&mut viewer, start);
    let ask = |viewer: &mut MediaLeg, after: u64| {
        let now = start + Duration::from_millis(after);
        viewer.receive_rtcp(now, &PLI);
        viewer.take_feedback(now).is_some_and(|feedback| feedback.key_frame)
    };
    assert!(!ask(&mut viewer, 200), "a packet of it is still to come");
    let now = start + Duration::from_millis(300);
    pass(&mut publisher, &mut viewer, now, &packets[3..]);
    drain(&mut viewer, now);
    assert!(!ask(&mut viewer, 400), "what is missing is being repeated");
    assert!(ask(&mut viewer, 700), "by now it should be there");
}

/// The most that the viewer is told after so many pictures, which its browser has so much later than at best.
fn most_for(pictures: u32, late: impl Fn(u32) -> Duration) -> Option<u32> {
    let start = Instant::now();
    let mut publisher = leg(CHROMIUM, start);
    let mut viewer = leg(CHROMIUM, start);
    let mut browser = page(CHROMIUM, start);
    viewer.start_forwarding(start);
    let mut encoder = Encoder::new(CHROMIUM);
    let mut most = None;
    for id in 0..pictures {
        // A timestamp of 3,000 is a thirtieth of a second.
        let now = start + Duration::from_micros(33_333) * id;
        let packets = encoder.frame(3_000 * id, id == 0, 2, id as u16);
        pass(&mut publisher, &mut viewer, now, &packets);
        let came = now + late(id);
        for packet in drain_rtp(&mut viewer, now) {
            most = most_delay(&viewer, &packet);
            browser.receive_rtp(came, &packet);
        }
        for (outgoing, packet) in drain(&mut browser, came) {
            if matches!(outgoing, Outgoing::Rtcp(_)) {
                viewer.receive_rtcp(came, &packet);
            }
        }
    }
    most
}

#[test]
fn a_viewer_is_told_how_late_pictures_are_once_that_is_known() {
    let punctual = |_| Duration::ZERO;
    assert_eq!(most_for(20, punctual), None, "too few pictures");
    assert_eq!(most_for(300, punctual), Some(6));
    let sometimes = |id| Duration::from_millis(if id % 8 == 0 { 25 } else { 0 });
    assert_eq!(most_for(900, sometimes), Some(6), "a buffer of 60 ms bears that");
    // Between 0 and 48 ms, each as often.
    let often = |id: u32| Duration::from_millis(u64::from(3 * (id % 32).min(32 - id % 32)));
    let most = most_for(900, often).unwrap();
    assert!((7..=8).contains(&most), "{most}");
}

#[test]
fn what_repairs_take_goes_before_how_late_pictures_are() {
    let mut patience = Patience::default();
    let late = |millis| Some(Duration::from_millis(millis));
    let repairs = Repairs { before: RTT, own: 2 * RTT };
    assert_eq!(patience.tell(Repairs::default(), late(50)).map(delays), Some((1, 8)));
    assert_eq!(patience.tell(repairs, late(50)).map(delays), Some((6, 20)));
    assert_eq!(patience.tell(Repairs::default(), late(10)).map(delays), Some((1, 6)));
    assert_eq!(patience.tell(Repairs::default(), late(40)).map(delays), Some((1, 7)));
    assert_eq!(patience.tell(Repairs::default(), late(30)).map(delays), Some((1, 7)), "no change");
}
