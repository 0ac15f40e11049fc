//! What a world consists of.

use std::time::Duration;

use crate::{
    net::{Endpoint, FlowId, LinkId, LinkPlan, Route, RouteId},
    publisher::PublishPlan,
    tcp::TcpPlan,
    time::Time,
};

/// A call: two pages and the node between them.
#[derive(Debug, Clone)]
pub struct CallPlan {
    /// When it is bridged.
    pub start: Time,
    /// Links from each page to the node.
    pub up: [Vec<LinkId>; 2],
    /// Links from the node to each page.
    pub down: [Vec<LinkId>; 2],
    /// What each page publishes.
    pub publish: [Option<PublishPlan>; 2],
}

/// A TCP connection and its ways.
#[derive(Debug, Clone)]
pub struct TcpRoute {
    /// The connection.
    pub plan: TcpPlan,
    /// Links of the data.
    pub forward: Vec<LinkId>,
    /// Links of the acknowledgements.
    pub back: Vec<LinkId>,
}

/// A world.
#[derive(Debug, Clone)]
pub struct WorldPlan {
    /// How long it lasts, seconds.
    pub secs: f64,
    /// By [`LinkId`].
    pub links: Vec<LinkPlan>,
    /// The links at which flows are measured; a flow crosses one of them at most.
    pub measured: Vec<LinkId>,
    /// Calls.
    pub calls: Vec<CallPlan>,
    /// Competing connections.
    pub tcps: Vec<TcpRoute>,
}

impl WorldPlan {
    /// The same, so much later. What links are at the beginning they have been before.
    pub(super) fn after(mut self, lead: Duration) -> Self {
        self.secs += lead.as_secs_f64();
        for (at, _) in self.links.iter_mut().flat_map(|link| &mut link.steps) {
            if *at > Time::ZERO {
                *at = *at + lead;
            }
        }
        for call in &mut self.calls {
            call.start = call.start + lead;
            for publish in call.publish.iter_mut().flatten() {
                publish.start = publish.start + lead;
                for (from, to) in &mut publish.pauses {
                    (*from, *to) = (*from + lead, *to + lead);
                }
            }
        }
        for tcp in &mut self.tcps {
            tcp.plan.start = tcp.plan.start + lead;
        }
        self
    }

    /// The media that the page at `side` of a call publishes.
    pub fn media(call: usize, side: usize) -> FlowId {
        FlowId(2 * call + side)
    }

    /// A TCP connection's data.
    pub fn tcp(&self, tcp: usize) -> FlowId {
        FlowId(2 * self.calls.len() + tcp)
    }

    /// All ways: of each call up and down, then of each connection forward and back.
    pub(super) fn routes(&self) -> Vec<Route> {
        let mut routes = Vec::new();
        for (index, call) in self.calls.iter().enumerate() {
            for side in [0, 1] {
                let (up, down) = (call.up[side].clone(), call.down[side].clone());
                routes.push(Route { links: up, to: Endpoint::Leg(index, side) });
                routes.push(Route { links: down, to: Endpoint::Page(index, side) });
            }
        }
        for (index, tcp) in self.tcps.iter().enumerate() {
            let (forward, back) = (tcp.forward.clone(), tcp.back.clone());
            routes.push(Route { links: forward, to: Endpoint::TcpReceiver(index) });
            routes.push(Route { links: back, to: Endpoint::TcpSender(index) });
        }
        routes
    }

    pub(super) fn up(call: usize, side: usize) -> RouteId {
        RouteId(4 * call + 2 * side)
    }

    pub(super) fn down(call: usize, side: usize) -> RouteId {
        RouteId(4 * call + 2 * side + 1)
    }

    pub(super) fn tcp_forward(&self, tcp: usize) -> RouteId {
        RouteId(4 * self.calls.len() + 2 * tcp)
    }

    pub(super) fn tcp_back(&self, tcp: usize) -> RouteId {
        RouteId(4 * self.calls.len() + 2 * tcp + 1)
    }

    /// The round trip between a page and the node without queues.
    pub(super) fn rtt(&self, call: usize, side: usize) -> Duration {
        let call = &self.calls[call];
        let delay =
            |links: &[LinkId]| links.iter().map(|id| self.links[id.0].delay).sum::<Duration>();
        delay(&call.up[side]) + delay(&call.down[side])
    }
}
