//! Packets from end to end.

use std::time::Duration;

use super::{World, WorldPlan, schedule::Event};
use crate::{
    meter::FlowRecord,
    net::{Class, Endpoint, FlowId, LinkId, Outcome, PacketId, RouteId},
    node::Try,
    page::{Sends, wire},
    tcp::{ACK_SIZE, SEGMENT_SIZE, Segment},
    time::millis,
};

/// An actor that is due at once is woken after this: finer than anything that is modelled.
const LEAST_SLEEP: Duration = Duration::from_micros(50);
/// What a node tells a page by way of signaling is there after this.
const SIGNALING: Duration = millis(150);

impl World {
    pub(super) fn drain_page(&mut self, index: usize, side: usize) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let now = self.now;
        while let Some(call) = &mut self.calls[index]
            && let Some(kind) = call.pages[side].poll(now, &mut buffer)
        {
            let flow = WorldPlan::media(index, side);
            self.send_media(WorldPlan::up(index, side), flow, kind, &buffer);
        }
        self.buffer = buffer;
        if let Some(call) = &self.calls[index] {
            let due = call.pages[side].next_timeout(now).max(now + LEAST_SLEEP);
            self.schedule.wake_page(index, side, due);
        }
    }

    pub(super) fn drain_node(&mut self, index: usize) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let now = self.now;
        for side in [0, 1] {
            while let Some(call) = &mut self.calls[index]
                && let Some((kind, packet)) = call.node.poll(now, side)
            {
                buffer.clear();
                buffer.extend_from_slice(packet);
                let flow = WorldPlan::media(index, 1 - side);
                self.send_media(WorldPlan::down(index, side), flow, kind, &buffer);
            }
        }
        self.buffer = buffer;
        if let Some(call) = &mut self.calls[index] {
            for side in [0, 1] {
                if let Some(Try { up_to }) = call.node.take_try(side) {
                    self.schedule.push(now + SIGNALING, Event::Room(index, side, up_to));
                }
            }
            self.schedule.wake_node(index, call.node.next_timeout(now));
        }
    }

    pub(super) fn drain_tcp(&mut self, index: usize) {
        let (route, flow) = (self.plan.tcp_forward(index), self.plan.tcp(index));
        while let Some(segment) = self.tcps[index].sender.poll(self.now) {
            self.send(route, Some(flow), Class::Tcp(segment), SEGMENT_SIZE, &[]);
        }
        let due = self.tcps[index].sender.next_timeout().max(self.now + LEAST_SLEEP);
        self.schedule.wake_tcp(index, due);
    }

    fn send_media(&mut self, route: RouteId, flow: FlowId, kind: Sends, packet: &[u8]) {
        match kind {
            Sends::Rtp => {
                let size = packet.len() + wire::RTP_OVERHEAD;
                self.send(route, Some(flow), Class::Rtp, size as u32, packet);
            }
            Sends::Rtcp => {
                let size = packet.len() + wire::RTCP_OVERHEAD;
                self.send(route, None, Class::Rtcp, size as u32, packet);
            }
        }
    }

    fn send(&mut self, route: RouteId, flow: Option<FlowId>, class: Class, size: u32, data: &[u8]) {
        self.record.tally.sent += 1;
        let packet = self.packets.insert(route, flow, class, size, data);
        self.next_hop(packet);
    }

    /// The packet comes to its next link, or to the end of its way.
    fn next_hop(&mut self, id: PacketId) {
        let now = self.now;
        let packet = self.packets.get_mut(id);
        let Some(&link) = self.routes[packet.route.0].links.get(usize::from(packet.hop)) else {
            return self.arrive(id);
        };
        packet.arrived = now;
        let (size, flow) = (packet.size, packet.flow);
        let outcome = self.links[link.0].enter(now, id, size);
        let at = self.case_time();
        let record = self.measure(link, flow);
        if let Some(record) = record {
            record.packets += 1;
            record.offered.add(at, size);
            match outcome {
                Outcome::Full => record.dropped += 1,
                Outcome::Blocked => record.lost += 1,
                Outcome::Queued(_) | Outcome::Passed => {}
            }
        }
        match outcome {
            Outcome::Queued(Some(at)) => self.schedule.push(at, Event::Sent(link)),
            Outcome::Queued(None) => {}
            Outcome::Passed => self.propagate(link, id),
            Outcome::Full => {
                self.record.tally.dropped += 1;
                self.packets.remove(id);
            }
            Outcome::Blocked => {
                self.record.tally.lost += 1;
                self.packets.remove(id);
            }
        }
    }

    pub(super) fn link_sent(&mut self, link: LinkId) {
        let now = self.now;
        let Some(sent) = self.links[link.0].sent(now) else { return };
        if let Some(at) = sent.next {
            self.schedule.push(at, Event::Sent(link));
        }
        let packet = self.packets.get(sent.packet);
        let (flow, arrived, size) = (packet.flow, packet.arrived, packet.size);
        let on_wire = self.links[link.0].wire_time(size);
        let at = self.case_time();
        if let Some(record) = self.measure(link, flow) {
            record.waited(at, (now.since(arrived).as_secs_f64() - on_wire.as_secs_f64()).max(0.0));
        }
        self.propagate(link, sent.packet);
    }

    fn propagate(&mut self, link: LinkId, id: PacketId) {
        match self.links[link.0].propagate(self.now) {
            Some(at) => self.schedule.push(at, Event::Cross(id)),
            None => {
                let flow = self.packets.get(id).flow;
                self.record.tally.lost += 1;
                if let Some(record) = self.measure(link, flow) {
                    record.lost += 1;
                }
                self.packets.remove(id);
            }
        }
    }

    pub(super) fn crossed(&mut self, id: PacketId) {
        self.packets.get_mut(id).hop += 1;
        self.next_hop(id);
    }

    /// The record of a flow at a link that is measured, once the case has begun.
    fn measure(&mut self, link: LinkId, flow: Option<FlowId>) -> Option<&mut FlowRecord> {
        let counts = self.measured[link.0] && self.has_begun();
        flow.filter(|_| counts).map(|flow| self.flow(flow))
    }

    fn arrive(&mut self, id: PacketId) {
        let now = self.now;
        let at = self.case_time();
        self.record.tally.arrived += 1;
        let packet = self.packets.get_mut(id);
        let (route, flow, class, size) = (packet.route, packet.flow, packet.class, packet.size);
        let data = std::mem::take(&mut packet.data);
        match (self.route_end(route), class) {
            (Endpoint::Leg(call, side), Class::Rtp | Class::Rtcp) => {
                let kind = if class == Class::Rtp { Sends::Rtp } else { Sends::Rtcp };
                if let Some(call) = &mut self.calls[call] {
                    call.node.receive(now, side, kind, &data);
                }
                self.drain_node(call);
            }
            (Endpoint::Page(call, side), Class::Rtp) => {
                let fresh = self.calls[call]
                    .as_mut()
                    .is_some_and(|call| call.pages[side].receive_rtp(now, &data).is_some());
                if let Some(flow) = flow.filter(|_| fresh) {
                    self.flow(flow).delivered.add(at, size);
                }
                self.drain_page(call, side);
            }
            (Endpoint::Page(call, side), Class::Rtcp) => {
                if let Some(call) = &mut self.calls[call] {
                    call.pages[side].receive_rtcp(now, &data);
                }
                self.drain_page(call, side);
            }
            (Endpoint::TcpReceiver(tcp), Class::Tcp(Segment::Data { transfer, number })) => {
                let (ack, fresh) = self.tcps[tcp].receiver.receive(transfer, number);
                if let Some(flow) = flow.filter(|_| fresh) {
                    self.flow(flow).delivered.add(at, size);
                }
                let route = self.plan.tcp_back(tcp);
                self.send(route, None, Class::Tcp(ack), ACK_SIZE, &[]);
            }
            (
                Endpoint::TcpSender(tcp),
                Class::Tcp(Segment::Ack { transfer, cumulative, number }),
            ) => {
                self.tcps[tcp].sender.on_ack(now, transfer, cumulative, number);
                self.drain_tcp(tcp);
            }
            _ => {}
        }
        self.packets.get_mut(id).data = data;
        self.packets.remove(id);
    }
}
