//! The world: events in order of virtual time.

mod carry;
mod plan;
mod schedule;
mod trace;

use std::time::Duration;

use self::schedule::{Event, Schedule};
pub use self::{
    plan::{CallPlan, TcpRoute, WorldPlan},
    trace::{Trace, TraceRow},
};
use crate::{
    meter::{FlowRecord, LinkRecord, LinkSample, Record, SAMPLE, Tally},
    net::{Endpoint, FlowId, Link, LinkId, Packets, Route, RouteId},
    node::{Clock, Node},
    page::{Page, wire},
    random::Random,
    tcp::{Receiver, Sender},
    time::{Time, millis},
};

/// Legs are open for so long before their call is bridged, and before anything else happens: the node asks then what their ways carry.
const WARM: Duration = millis(1_000);

/// An open call.
#[derive(Debug)]
struct Call {
    pages: [Page; 2],
    node: Node,
}

#[derive(Debug)]
struct Tcp {
    sender: Sender,
    receiver: Receiver,
}

/// Everything there is.
#[derive(Debug)]
pub struct World {
    plan: WorldPlan,
    seed: u64,
    clock: Clock,
    now: Time,
    schedule: Schedule,
    links: Vec<Link>,
    measured: Vec<bool>,
    packets: Packets,
    routes: Vec<Route>,
    calls: Vec<Option<Call>>,
    tcps: Vec<Tcp>,
    buffer: Vec<u8>,
    record: Record,
    trace: Option<Trace>,
}

impl World {
    /// A world at its beginning.
    pub fn new(plan: WorldPlan, seed: u64) -> Self {
        let mut flows = vec![FlowRecord::default(); 2 * plan.calls.len() + plan.tcps.len()];
        for (index, call) in plan.calls.iter().enumerate() {
            for side in [0, 1] {
                let start = call.publish[side].as_ref().map_or(call.start, |plan| plan.start);
                flows[2 * index + side].start = start.as_secs();
            }
        }
        let secs = plan.secs;
        let plan = plan.after(WARM);
        let link = |(index, plan): (usize, &_)| {
            Link::new(Clone::clone(plan), Random::new(seed, 0x6c69_6e00 + index as u64))
        };
        let links: Vec<Link> = plan.links.iter().enumerate().map(link).collect();
        let mut schedule = Schedule::new(plan.calls.len(), plan.tcps.len());
        for (index, link) in plan.links.iter().enumerate() {
            for (step, &(at, _)) in link.steps.iter().enumerate() {
                schedule.push(at, Event::Step(LinkId(index), step));
            }
        }
        for (call, plan) in plan.calls.iter().enumerate() {
            schedule.push(plan.start - WARM, Event::Open(call));
            schedule.push(plan.start, Event::Bridge(call));
        }
        schedule.push(Time::ZERO + WARM, Event::Sample);
        let tcps: Vec<Tcp> = plan
            .tcps
            .iter()
            .enumerate()
            .map(|(index, tcp)| Tcp {
                sender: Sender::new(tcp.plan, Random::new(seed, 0x7463_7000 + index as u64)),
                receiver: Receiver::default(),
            })
            .collect();
        for (index, tcp) in tcps.iter().enumerate() {
            schedule.wake_tcp(index, tcp.sender.next_timeout());
        }
        let measured = (0..links.len()).map(|link| plan.measured.contains(&LinkId(link))).collect();
        let record = Record {
            secs,
            flows,
            tally: Tally::default(),
            links: plan
                .measured
                .iter()
                .map(|&id| LinkRecord { id: Some(id), samples: Vec::new() })
                .collect(),
        };
        let routes = plan.routes();
        Self {
            seed,
            clock: Clock::start(),
            now: Time::ZERO,
            schedule,
            links,
            measured,
            packets: Packets::default(),
            routes,
            calls: plan.calls.iter().map(|_| None).collect(),
            tcps,
            buffer: Vec::new(),
            record,
            trace: None,
            plan,
        }
    }

    /// Keeps what happens for a look at it.
    pub fn traced(mut self) -> Self {
        self.trace = Some(Trace::default());
        self
    }

    /// Runs to the end.
    pub fn run(mut self) -> (Record, Option<Trace>) {
        let end = Time::secs(self.plan.secs);
        while let Some((at, event)) = self.schedule.pop() {
            if at > end {
                break;
            }
            self.now = at;
            self.handle(event);
        }
        for (index, call) in self.calls.iter().enumerate() {
            let Some(call) = call else { continue };
            for side in [0, 1] {
                let viewer = &call.pages[1 - side].viewer;
                let flow = &mut self.record.flows[2 * index + side];
                flow.shown = viewer.shown().iter().map(|shown| shown.before(WARM)).collect();
                flow.heard = viewer.heard();
            }
        }
        self.record.tally.under_way = self.packets.len() as u64;
        (self.record, self.trace)
    }

    fn handle(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Sent(link) => self.link_sent(link),
            Event::Cross(packet) => self.crossed(packet),
            Event::Step(link, step) => {
                let (_, step) = self.plan.links[link.0].steps[step];
                self.links[link.0].step(step);
            }
            Event::Open(call) => self.open(call),
            Event::Bridge(call) => {
                if let Some(call) = &mut self.calls[call] {
                    call.node.bridge(now);
                }
                self.drain_node(call);
            }
            Event::Page(call, side) => {
                if let Some(call) = &mut self.calls[call] {
                    call.pages[side].handle_timeout(now);
                }
                self.drain_page(call, side);
            }
            Event::Node(call) => {
                if let Some(call) = &mut self.calls[call] {
                    call.node.handle_timeout(now);
                }
                self.drain_node(call);
            }
            Event::Tcp(tcp) => {
                self.tcps[tcp].sender.handle_timeout(now);
                self.drain_tcp(tcp);
            }
            Event::Room(call, side, up_to) => {
                if let Some(call) = &mut self.calls[call] {
                    call.pages[side].try_more(up_to);
                }
            }
            Event::Sample => self.sample(),
        }
    }

    fn open(&mut self, index: usize) {
        let plan = &self.plan.calls[index];
        let negotiated = wire::negotiated();
        let rtts = [0, 1].map(|side| self.plan.rtt(index, side));
        let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(index as u64);
        let page = |side: usize| {
            let publish = plan.publish[side].clone();
            let seed = seed.wrapping_mul(2).wrapping_add(side as u64);
            Page::new(&negotiated, publish, seed, self.now, rtts[side])
        };
        let node = Node::new(self.clock, self.now, rtts, seed);
        self.calls[index] = Some(Call { pages: [page(0), page(1)], node });
        for side in [0, 1] {
            self.drain_page(index, side);
        }
        self.drain_node(index);
    }

    fn sample(&mut self) {
        let at = self.case_time().as_secs();
        for record in &mut self.record.links {
            let Some(id) = record.id else { continue };
            let link = &self.links[id.0];
            let capacity = link.capacity().unwrap_or(f64::INFINITY);
            let backlog = link.backlog().as_secs_f64();
            record.samples.push(LinkSample { at, capacity, backlog });
        }
        self.sample_trace();
        self.schedule.push(self.now + SAMPLE, Event::Sample);
    }

    /// Now, counted from the beginning of the case.
    fn case_time(&self) -> Time {
        self.now - WARM
    }

    fn has_begun(&self) -> bool {
        self.now >= Time::ZERO + WARM
    }

    fn flow(&mut self, flow: FlowId) -> &mut FlowRecord {
        &mut self.record.flows[flow.0]
    }

    fn route_end(&self, route: RouteId) -> Endpoint {
        self.routes[route.0].to
    }
}
