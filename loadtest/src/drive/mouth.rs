//! What one leg says: the generator's packets, each when it is due.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use signaling_wire::{browser::Role, ids::CallId};
use tokio::task::JoinHandle;

use super::{Clock, clock::micros, leg::Voice};
use crate::media::{CallTag, Generator, Kind, Profile};

/// The task that sends a side's media.
#[derive(Debug)]
pub(super) struct Mouth {
    task: JoinHandle<()>,
    sent: Arc<Sent>,
}

/// Packets sent of each stream.
#[derive(Debug, Default)]
struct Sent(Mutex<[u32; 2]>);

impl Mouth {
    /// Starts to send media of `call`.
    pub(super) fn open(
        clock: Clock,
        side: Role,
        call: CallId,
        profile: Profile,
        voice: Voice,
        key_frames_asked: Arc<AtomicU32>,
    ) -> Self {
        let sent = Arc::new(Sent::default());
        let counts = Arc::clone(&sent);
        let seed = rand::random();
        let generator = Generator::new(CallTag::from(call), side, profile, clock.now(), seed);
        let task = tokio::spawn(async move {
            send(clock, generator, &voice, &key_frames_asked, &counts).await;
        });
        Self { task, sent }
    }

    /// Sends no more.
    pub(super) fn close(&self) {
        self.task.abort();
    }

    /// Packets sent so far.
    pub(super) fn sent(&self, kind: Kind) -> u32 {
        let counts = *self.sent.0.lock().unwrap_or_else(PoisonError::into_inner);
        match kind {
            Kind::Audio => counts[0],
            Kind::Video => counts[1],
        }
    }
}

async fn send(
    clock: Clock,
    mut generator: Generator,
    voice: &Voice,
    key_frames_asked: &AtomicU32,
    sent: &Sent,
) {
    let mut answered = key_frames_asked.load(Ordering::Relaxed);
    loop {
        let asked = key_frames_asked.load(Ordering::Relaxed);
        if asked != answered {
            answered = asked;
            generator.ask_key_frame(clock.now());
        }
        loop {
            let now = clock.now();
            let Some(packet) = generator.poll(now, micros(now)) else { break };
            if voice.send(packet).await.is_err() {
                return;
            }
            *sent.0.lock().unwrap_or_else(PoisonError::into_inner) =
                [generator.sent(Kind::Audio), generator.sent(Kind::Video)];
        }
        tokio::time::sleep_until(clock.instant(generator.next_at())).await;
    }
}
