//! What happens next.

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::{
    net::{LinkId, PacketId},
    time::Time,
};

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// A link has put the head of its queue on the wire.
    Sent(LinkId),
    /// A packet has come to the far end of the link it is on.
    Cross(PacketId),
    /// A link changes.
    Step(LinkId, usize),
    /// The legs of a call are open.
    Open(usize),
    /// A call is bridged.
    Bridge(usize),
    /// A page is due.
    Page(usize, usize),
    /// A node is due.
    Node(usize),
    /// A page hears that it should try for more, and for how much at most, bit/s.
    Room(usize, usize, Option<u64>),
    /// A TCP sender is due.
    Tcp(usize),
    /// Links are looked at.
    Sample,
}

/// Events in order of time; those of one time in the order in which they were made.
#[derive(Debug)]
pub(super) struct Schedule {
    heap: BinaryHeap<Reverse<(Time, u64, Event)>>,
    count: u64,
    /// When each actor is woken; other wakings are stale. Pages and node of each call, then TCP.
    wakes: Vec<Time>,
    calls: usize,
}

impl Schedule {
    pub(super) fn new(calls: usize, tcps: usize) -> Self {
        let wakes = vec![Time::NEVER; 3 * calls + tcps];
        Self { heap: BinaryHeap::new(), count: 0, wakes, calls }
    }

    pub(super) fn push(&mut self, at: Time, event: Event) {
        self.count += 1;
        self.heap.push(Reverse((at, self.count, event)));
    }

    pub(super) fn wake_page(&mut self, call: usize, side: usize, at: Time) {
        self.wake(Event::Page(call, side), at);
    }

    pub(super) fn wake_node(&mut self, call: usize, at: Time) {
        self.wake(Event::Node(call), at);
    }

    pub(super) fn wake_tcp(&mut self, tcp: usize, at: Time) {
        self.wake(Event::Tcp(tcp), at);
    }

    /// Brings a waking forward. A later one is found when the earlier one has come.
    fn wake(&mut self, event: Event, at: Time) {
        let Some(slot) = self.slot(event) else { return };
        if at < self.wakes[slot] {
            self.wakes[slot] = at;
            self.push(at, event);
        }
    }

    fn slot(&self, event: Event) -> Option<usize> {
        match event {
            Event::Page(call, side) => Some(3 * call + side),
            Event::Node(call) => Some(3 * call + 2),
            Event::Tcp(tcp) => Some(3 * self.calls + tcp),
            _ => None,
        }
    }

    pub(super) fn pop(&mut self) -> Option<(Time, Event)> {
        loop {
            let Reverse((at, _, event)) = self.heap.pop()?;
            match self.slot(event) {
                Some(slot) if self.wakes[slot] != at => {}
                Some(slot) => {
                    self.wakes[slot] = Time::NEVER;
                    return Some((at, event));
                }
                None => return Some((at, event)),
            }
        }
    }
}
