//! What is under way.

use super::LinkId;
use crate::{tcp::Segment, time::Time};

/// Who sends media: the publisher's side of a call, or a TCP connection. Figures are kept by flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub usize);

/// A packet in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PacketId(u32);

/// A way through the net.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteId(pub usize);

/// The links of a way, and where it ends.
#[derive(Debug, Clone)]
pub struct Route {
    /// In order.
    pub links: Vec<LinkId>,
    /// The end.
    pub to: Endpoint,
}

/// Who takes packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// A page of a call.
    Page(usize, usize),
    /// A node's leg of a call.
    Leg(usize, usize),
    /// The sending end of a TCP connection.
    TcpSender(usize),
    /// The receiving end of a TCP connection.
    TcpReceiver(usize),
}

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// RTP.
    Rtp,
    /// RTCP.
    Rtcp,
    /// TCP.
    Tcp(Segment),
}

/// A packet under way.
#[derive(Debug, Clone)]
pub struct Packet {
    /// Its way.
    pub route: RouteId,
    /// How many links it has crossed.
    pub hop: u8,
    /// Bytes of the IP packet.
    pub size: u32,
    /// Whose media it carries; `None` for feedback.
    pub flow: Option<FlowId>,
    /// What it is.
    pub class: Class,
    /// When it came to the link it is at.
    pub arrived: Time,
    /// Plaintext of RTP and RTCP.
    pub data: Vec<u8>,
}

/// The packets under way, by number. Buffers are used again.
#[derive(Debug, Default)]
pub struct Packets {
    packets: Vec<Packet>,
    free: Vec<PacketId>,
}

impl Packets {
    /// Puts a packet in; `data` is copied.
    pub fn insert(
        &mut self,
        route: RouteId,
        flow: Option<FlowId>,
        class: Class,
        size: u32,
        data: &[u8],
    ) -> PacketId {
        match self.free.pop() {
            Some(id) => {
                let packet = &mut self.packets[id.0 as usize];
                packet.data.clear();
                packet.data.extend_from_slice(data);
                let data = std::mem::take(&mut packet.data);
                *packet = Packet { route, hop: 0, size, flow, class, arrived: Time::ZERO, data };
                id
            }
            None => {
                let data = data.to_vec();
                let arrived = Time::ZERO;
                self.packets.push(Packet { route, hop: 0, size, flow, class, arrived, data });
                PacketId((self.packets.len() - 1) as u32)
            }
        }
    }

    /// A packet.
    pub fn get(&self, id: PacketId) -> &Packet {
        &self.packets[id.0 as usize]
    }

    /// A packet, to change.
    pub fn get_mut(&mut self, id: PacketId) -> &mut Packet {
        &mut self.packets[id.0 as usize]
    }

    /// The packet is gone.
    pub fn remove(&mut self, id: PacketId) {
        self.free.push(id);
    }

    /// How many are under way.
    pub fn len(&self) -> usize {
        self.packets.len() - self.free.len()
    }

    /// Whether none is under way.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
