//! What nodes say goes to the desk.

use async_trait::async_trait;
use signaling_desk::{Input, placement::LegPlace};
use signaling_wire::{
    control::{CallEvent, CarriedCall, LegQuality, LegState, SignalingMessage},
    ids::{CallId, LegId},
};

use crate::{
    control::{Node, NodeEvents},
    lead::{Here, Leads},
};

/// Why a leg that this desk has not placed is where it is.
const FOUND: &str = "found there when this desk took over";

/// Passes the words of nodes on to the desk, if it is here. Where another instance has it, the
/// nodes tell that one.
#[derive(Debug)]
pub struct DeskEvents {
    /// Where the desk is.
    pub lead: Leads,
}

impl DeskEvents {
    /// Tells the desk, if it is here. When it has stopped, nobody needs to know any more.
    async fn tell(&self, input: Input) {
        if let Some(here) = self.lead.here() {
            here.desk.send(input).await;
        }
    }
}

/// A node says all that it carries.
async fn carried(here: &Here, node: &Node, legs: Vec<LegId>, calls: Vec<CarriedCall>) {
    for leg in here.legs.reconcile(node.incarnation(), &legs, &calls) {
        here.desk.send(Input::LegLost { leg }).await;
    }
    let (region, why) = (node.region().to_owned(), FOUND.to_owned());
    let place = LegPlace { node: node.incarnation().node, region, why };
    here.desk.send(Input::Found { place, legs, calls }).await;
}

#[async_trait]
impl NodeEvents for DeskEvents {
    async fn registered(&self, node: &Node, legs: Vec<LegId>, calls: Vec<CarriedCall>) {
        if let Some(here) = self.lead.here() {
            carried(&here, node, legs, calls).await;
        }
    }

    async fn linked(&self, node: &Node) {
        let Some(here) = self.lead.here() else { return };
        if let Some(term) = here.term {
            node.send(SignalingMessage::Lead { term: term.0.unsigned_abs() });
        }
        here.legs.remind(node.incarnation());
    }

    async fn carries(&self, node: &Node, term: u64, legs: Vec<LegId>, calls: Vec<CarriedCall>) {
        // An answer to a desk that this instance had before is nothing to this one.
        let of_term = |here: &Here| here.term.is_some_and(|own| own.0.unsigned_abs() == term);
        if let Some(here) = self.lead.here().filter(of_term) {
            carried(&here, node, legs, calls).await;
            here.legs.heard(node.incarnation());
        }
    }

    async fn leg_answered(&self, leg: LegId) {
        let Some(here) = self.lead.here() else { return };
        if let Some((socket, place)) = here.legs.answered(leg) {
            here.desk.send(Input::LegOpened { socket, leg, place }).await;
        }
    }

    async fn leg_state(&self, leg: LegId, state: LegState) {
        tracing::debug!(%leg, ?state, "leg");
        match state {
            LegState::Warm { .. } => {
                self.tell(Input::LegWarm { leg }).await;
            }
            LegState::Closed { .. } => {
                if let Some(here) = self.lead.here() {
                    here.legs.forget(leg);
                }
                self.tell(Input::LegLost { leg }).await;
            }
            // Neither changes what anybody should do: a silent leg may come back until it closes.
            LegState::Connected | LegState::Silent => {}
        }
    }

    async fn call_event(&self, call: CallId, epoch: u32, leg: LegId, event: CallEvent, at_us: u64) {
        self.tell(Input::CallEvent { call, epoch, leg, event, at_us }).await;
    }

    async fn leg_video(&self, call: CallId, epoch: u32, leg: LegId, paused: bool) {
        self.tell(Input::LegVideo { leg, call, epoch, paused }).await;
    }

    async fn leg_room(&self, call: CallId, epoch: u32, leg: LegId, up_to_kbps: Option<u32>) {
        self.tell(Input::LegRoom { leg, call, epoch, up_to_kbps }).await;
    }

    async fn leg_quality(&self, call: CallId, leg: LegId, quality: LegQuality) {
        self.tell(Input::LegQuality { leg, call, quality }).await;
    }
}
