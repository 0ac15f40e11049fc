//! What nodes say goes to the desk.

use std::sync::Arc;

use async_trait::async_trait;
use signaling_desk::Input;
use signaling_wire::{
    control::{CallEvent, LegQuality, LegState},
    ids::{CallId, LegId},
};

use super::Legs;
use crate::{
    control::{Incarnation, NodeEvents},
    desk_task::DeskHandle,
};

/// Passes the words of nodes on to the desk.
#[derive(Debug)]
pub struct DeskEvents {
    /// The legs of all pages.
    pub legs: Arc<Legs>,
    /// The desk. When it has stopped, nobody needs to know any more.
    pub desk: DeskHandle,
}

#[async_trait]
impl NodeEvents for DeskEvents {
    async fn registered(&self, node: Incarnation, legs: &[LegId]) {
        for leg in self.legs.reconcile(node, legs) {
            self.desk.send(Input::LegLost { leg }).await;
        }
    }

    async fn linked(&self, node: Incarnation) {
        self.legs.remind(node);
    }

    async fn leg_answered(&self, leg: LegId) {
        if let Some((socket, place)) = self.legs.answered(leg) {
            self.desk.send(Input::LegOpened { socket, leg, place }).await;
        }
    }

    async fn leg_state(&self, leg: LegId, state: LegState) {
        tracing::debug!(%leg, ?state, "leg");
        match state {
            LegState::Warm { .. } => {
                self.desk.send(Input::LegWarm { leg }).await;
            }
            LegState::Closed { .. } => {
                self.legs.forget(leg);
                self.desk.send(Input::LegLost { leg }).await;
            }
            // Neither changes what anybody should do: a silent leg may come back until it closes.
            LegState::Connected | LegState::Silent => {}
        }
    }

    async fn call_event(&self, call: CallId, epoch: u32, leg: LegId, event: CallEvent, at_us: u64) {
        self.desk.send(Input::CallEvent { call, epoch, leg, event, at_us }).await;
    }

    async fn leg_video(&self, call: CallId, epoch: u32, leg: LegId, paused: bool) {
        self.desk.send(Input::LegVideo { leg, call, epoch, paused }).await;
    }

    async fn leg_quality(&self, call: CallId, leg: LegId, quality: LegQuality) {
        self.desk.send(Input::LegQuality { leg, call, quality }).await;
    }
}
