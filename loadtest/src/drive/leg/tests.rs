//! Two legs with nothing between them but loopback: what the stack, the generator and the judge
//! do together, without a node.

use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use tokio::sync::mpsc;

use super::*;
use crate::{drive::Told, media::News};

const LOOPBACK: std::net::Ipv4Addr = std::net::Ipv4Addr::LOCALHOST;
const CALL: CallId = CallId::from_bits(1);
const PATIENCE: Duration = Duration::from_secs(20);

impl Leg {
    /// A node's part: the answer to another leg's offer.
    async fn answer(&self, offer: String) -> String {
        let offer = RTCSessionDescription::offer(offer).unwrap();
        self.connection.set_remote_description(offer).await.unwrap();
        let gathered = self.gathered.notified();
        let answer = self.connection.create_answer(None).await.unwrap();
        self.connection.set_local_description(answer).await.unwrap();
        gathered.await;
        self.connection.local_description().await.unwrap().sdp
    }
}

/// A leg and what it tells.
struct Ear {
    leg: Leg,
    events: mpsc::UnboundedReceiver<(Role, Told)>,
}

impl Ear {
    async fn open(side: Role, clock: Clock) -> Self {
        let (queue, events) = mpsc::unbounded_channel();
        let addresses = vec![SocketAddr::from((LOOPBACK, 0))];
        let events_to = Events::new(side, queue);
        let leg = Leg::open(addresses, Profile::default(), clock, events_to).await.unwrap();
        Self { leg, events }
    }

    async fn until(&mut self, wanted: impl Fn(&Input) -> bool) {
        let search = async {
            while !matches!(&self.events.recv().await.unwrap().1, Told::Flow(input) if wanted(input))
            {
            }
        };
        tokio::time::timeout(PATIENCE, search).await.expect("it did not happen");
    }
}

async fn connected() -> (Ear, Ear) {
    let clock = Clock::start();
    let mut shopper = Ear::open(Role::Shopper, clock).await;
    let mut agent = Ear::open(Role::Agent, clock).await;
    let offer = shopper.leg.offer().await.unwrap();
    let answer = agent.leg.answer(offer).await;
    shopper.leg.apply_answer(answer).await.unwrap();
    for ear in [&mut shopper, &mut agent] {
        ear.until(|input| matches!(input, Input::DtlsConnected)).await;
    }
    (shopper, agent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_see_and_hear_each_other_and_nothing_else() {
    let (mut shopper, mut agent) = connected().await;
    for ear in [&shopper, &agent] {
        ear.leg.start(CALL);
    }
    for ear in [&mut shopper, &mut agent] {
        ear.until(|input| matches!(input, Input::Media(News::FirstKeyFrame))).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;

    for (ear, other) in [(&shopper, &agent), (&agent, &shopper)] {
        assert_eq!(ear.leg.verdict(|judge| judge.foreign().total()), Some(0));
        let heard = |kind| ear.leg.verdict(|judge| judge.stream(kind).received()).unwrap();
        for kind in Kind::ALL {
            assert!(heard(kind) > 0 && heard(kind) <= other.leg.sent(kind), "{kind:?}");
        }
    }
    tokio::join!(shopper.leg.close(), agent.leg.close());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_of_another_call_is_noticed() {
    let (shopper, mut agent) = connected().await;
    agent.leg.start(CALL);
    shopper.leg.start(CallId::from_bits(2));
    let noticed = async {
        while agent.leg.verdict(|judge| judge.foreign().other_call) == Some(0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };

    tokio::time::timeout(PATIENCE, noticed).await.expect("nobody noticed");
    while let Ok((_, input)) = agent.events.try_recv() {
        assert!(
            !matches!(input, Told::Flow(Input::Media(_))),
            "{input:?} is no news to be glad about"
        );
    }
    tokio::join!(shopper.leg.close(), agent.leg.close());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_for_a_key_frame_is_served() {
    let (mut shopper, mut agent) = connected().await;
    for ear in [&shopper, &agent] {
        ear.leg.start(CALL);
    }
    for ear in [&mut shopper, &mut agent] {
        ear.until(|input| matches!(input, Input::Media(News::FirstKeyFrame))).await;
    }
    let request = || {
        let media_ssrc = shopper.leg.voice.video.ssrc;
        Box::new(PictureLossIndication { sender_ssrc: 0, media_ssrc })
    };
    let served = async {
        while agent.leg.verdict(|judge| judge.key_frames()) < Some(2) {
            for receiver in agent.leg.connection.get_receivers().await {
                receiver.track().write_rtcp(vec![request()]).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };

    tokio::time::timeout(PATIENCE, served).await.expect("no key frame came");
    assert!(shopper.leg.key_frames_asked() > 0);
    tokio::join!(shopper.leg.close(), agent.leg.close());
}
