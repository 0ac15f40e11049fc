//! Workers on real sockets, without a peer that speaks ICE.

use std::{
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use mio::Waker;
use sfu_core::{
    Certificate,
    api::{Command, LegId, Measuring, Port},
};
use tokio::{sync::mpsc, time::timeout};

use super::{
    Common, Happening, Input, Peer, Socket, StatsSlot, WAKE, WorkerEvent, Workers, mailbox,
    polls::Polls,
    socket::{ReceiveBuffers, waited, wall},
    turn::Shell,
};

/// A step that takes longer has failed.
const STUCK: Duration = Duration::from_secs(30);

fn loopback() -> Socket {
    Socket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap()
}

/// The shell of a worker without a thread.
pub(super) fn lone_shell(events: mpsc::Sender<WorkerEvent>) -> Shell {
    let mut socket = loopback();
    let polls = Polls::new(&mut socket).unwrap();
    let waker = Waker::new(polls.registry(), WAKE).unwrap();
    let (mailbox, inbox) = mailbox::pair(waker);
    let peer = Peer { socket, mailbox, stats: StatsSlot::default() };
    Shell::new(Port(0), polls, inbox, [peer].into(), events, Duration::ZERO).unwrap()
}

fn start(workers: usize) -> (Workers, mpsc::Receiver<WorkerEvent>) {
    let (events, queue) = mpsc::channel(64);
    let common = Common {
        certificate: Certificate::generate(),
        measuring: Measuring::random(&mut rand::rng()),
        max_legs: 10,
        receive_delay: Duration::from_millis(1),
        tcp_candidates: Vec::new(),
        events,
    };
    let sockets = (0..workers).map(|_| {
        let socket = loopback();
        let candidates = vec![socket.local()];
        (socket, candidates)
    });
    (Workers::start(sockets.collect(), None, &common).unwrap(), queue)
}

fn stop(workers: Workers) {
    for peer in workers.peers.iter() {
        peer.mailbox.tell(Input::Stop).unwrap();
    }
    workers.join();
}

async fn next(queue: &mut mpsc::Receiver<WorkerEvent>) -> WorkerEvent {
    timeout(STUCK, queue.recv()).await.expect("stuck").expect("a worker ended")
}

#[tokio::test]
async fn strange_datagrams_of_any_size_are_counted_and_do_no_harm() {
    let (workers, _queue) = start(1);
    let to = workers.peers[0].socket.local();
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sizes = [0, 1, 20, 1_500, 60_000];
    for size in sizes {
        stranger.send_to(&vec![0x80; size], to).unwrap();
    }
    let carrying_something = sizes.iter().filter(|&&size| size > 0).count() as u64;
    let received = || workers.peers[0].stats.read().io.datagrams_received;
    timeout(STUCK, async {
        while received() < carrying_something {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("not every datagram was counted");
    let stats = workers.peers[0].stats.read();
    assert_eq!(stats.io.datagrams_sent, 0, "a stranger must not get an answer");
    assert_eq!(stats.io.panics, 0);
    stop(workers);
}

#[test]
fn a_step_of_the_wall_clock_is_no_waiting() {
    let ms = Duration::from_millis;
    assert_eq!(waited(ms(10_007), Some(ms(10_000))), ms(7));
    assert_eq!(waited(ms(10_000), Some(ms(10_007))), Duration::ZERO, "backwards");
    assert_eq!(waited(ms(3_610_000), Some(ms(10_000))), Duration::ZERO, "forwards");
    assert_eq!(waited(ms(10_000), None), Duration::ZERO, "a kernel that stamps nothing");
}

#[tokio::test]
async fn the_kernel_says_when_a_datagram_came() {
    let socket = loopback();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.send_to(&[0x80; 20], socket.local()).unwrap();
    let pause = Duration::from_millis(30);
    tokio::time::sleep(pause).await;
    let mut buffers = ReceiveBuffers::new();
    let filled = socket.receive(&mut buffers).expect("it is there");
    let wall = wall();
    let waiting: Vec<_> = buffers.runs(filled).map(|run| waited(wall, run.came)).collect();
    assert_eq!(waiting.len(), 1);
    assert!(waiting[0] >= pause, "{waiting:?}");
}

#[tokio::test]
async fn leg_that_is_not_there_cannot_be_moved() {
    let (workers, mut queue) = start(2);
    let leg = LegId(1);
    workers.peers[0].mailbox.tell(Input::Release { leg, to: Port(1) }).unwrap();
    let event = next(&mut queue).await;
    assert!(matches!(event.what, Happening::NotReleased(found) if found == leg), "{event:?}");
    stop(workers);
}

#[tokio::test]
async fn bad_offer_is_rejected_by_the_worker_that_got_it() {
    let (workers, mut queue) = start(2);
    let open = Command::OpenLeg { leg: LegId(1), offer: "nonsense".to_owned() };
    workers.peers[1].mailbox.tell(Input::Command(open)).unwrap();
    let event = next(&mut queue).await;
    assert_eq!(event.worker, Port(1));
    assert!(
        matches!(event.what, Happening::Core(sfu_core::api::Event::Rejected { .. })),
        "{event:?}"
    );
    stop(workers);
}

#[test]
fn stopped_worker_takes_nothing() {
    let (workers, _queue) = start(1);
    let peers = workers.peers.clone();
    stop(workers);
    assert!(peers[0].mailbox.tell(Input::Stop).is_err());
}
