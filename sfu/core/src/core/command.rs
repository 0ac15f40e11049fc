//! What the shell asks for.

use std::time::Instant;

use rand::Rng;

use super::Core;
use crate::{
    api::{CloseReason, Command, Event, LegId, RejectReason},
    ice::{Agent, LocalCredentials},
    leg::{Identity, Leg},
    media::{MediaLeg, MediaSetup},
    rtp::Ssrc,
    sdp::{LocalParameters, LocalSsrcs, Negotiated, Offer},
};

impl Core {
    /// Takes a command.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        self.now = now;
        match command {
            Command::OpenLeg { leg, offer } => {
                let answer = self.open(leg, &offer);
                self.answer_offer(leg, answer);
            }
            Command::RestartLeg { leg, offer } => {
                let answer = self.restart(leg, &offer);
                self.answer_offer(leg, answer);
            }
            Command::CloseLeg { leg } => {
                if let Some(&key) = self.by_id.get(&leg) {
                    self.close(key, CloseReason::Asked);
                }
            }
            Command::Bridge { call, epoch, legs } => self.bridge(call, epoch, legs),
            Command::BridgeRemote { call, epoch, leg, remote, hop } => {
                self.bridge_remote(call, epoch, leg, remote, hop);
            }
            Command::LimitHop { hop, bitrate } => self.limit_hop(hop, bitrate),
            Command::Hop { hop, is_up: true } => {
                self.hops_up.insert(hop);
            }
            Command::Hop { hop, is_up: false } => {
                self.hops_up.remove(&hop);
            }
            Command::Unbridge { call, epoch } => self.unbridge(call, epoch),
            Command::Adopt(released) => self.adopt(*released),
        }
    }

    fn answer_offer(&mut self, leg: LegId, answer: Result<String, RejectReason>) {
        self.events.push_back(match answer {
            Ok(sdp) => Event::Answer { leg, sdp },
            Err(reason) => Event::Rejected { leg, reason },
        });
    }

    fn open(&mut self, id: LegId, offer: &str) -> Result<String, RejectReason> {
        if self.by_id.contains_key(&id) || self.moved.has(id) {
            return Err(RejectReason::WrongLeg);
        }
        if self.legs.len() >= self.config.max_legs {
            return Err(RejectReason::Full);
        }
        let offer = Offer::parse(offer).map_err(|_| RejectReason::BadOffer)?;
        let local = self.new_credentials();
        let identity = self.new_identity();
        let (answer, negotiated) = self.write_answer(&offer, &local, &identity);
        let setup = MediaSetup {
            negotiated,
            ssrcs: identity.ssrcs,
            cname: identity.cname.clone(),
            seed: self.rng.random(),
        };
        let media = MediaLeg::new(setup, self.now, self.clocks.1 + (self.now - self.clocks.0));
        let ice = Agent::new(local, offer.ice().ufrag.clone(), self.now);
        let leg = Leg::new(id, ice, identity, media, offer.fingerprints().to_vec(), self.now);
        self.attach(leg);
        Ok(answer)
    }

    fn restart(&mut self, id: LegId, offer: &str) -> Result<String, RejectReason> {
        let &key = self.by_id.get(&id).ok_or(RejectReason::WrongLeg)?;
        let offer = Offer::parse(offer).map_err(|_| RejectReason::BadOffer)?;
        // Another certificate is another association: that takes a new leg.
        if offer.fingerprints() != self.legs[key].fingerprints() {
            return Err(RejectReason::BadOffer);
        }
        let remote_ufrag = &offer.ice().ufrag;
        let unchanged = self.legs[key].ice.credentials_for(remote_ufrag).cloned();
        let local = unchanged.clone().unwrap_or_else(|| self.new_credentials());
        self.legs[key].identity.session_version += 1;
        let (answer, negotiated) = self.write_answer(&offer, &local, &self.legs[key].identity);
        let leg = &mut self.legs[key];
        leg.media.renegotiate(negotiated);
        if unchanged.is_none() {
            self.by_ufrag.insert(local.ufrag, key);
            if let Some(retired) = leg.ice.restart(local, remote_ufrag.clone()) {
                self.by_ufrag.remove(&retired);
            }
        }
        self.touched(key);
        Ok(answer)
    }

    /// Credentials whose user name fragment no leg of this core has.
    fn new_credentials(&mut self) -> LocalCredentials {
        loop {
            let local = LocalCredentials::generate(self.config.port, &mut self.rng);
            if !self.by_ufrag.contains_key(&local.ufrag) && !self.moved.knows(&local.ufrag) {
                return local;
            }
        }
    }

    fn new_identity(&mut self) -> Identity {
        // SSRCs need only differ within the leg (RFC 3550 §8.1); zero is left to those who mean
        // "none" by it.
        let audio = self.rng.random_range(1..u32::MAX / 4);
        let ssrcs = LocalSsrcs {
            audio: Ssrc(audio),
            video: Ssrc(audio + u32::MAX / 4),
            video_rtx: Ssrc(audio + u32::MAX / 2),
        };
        Identity {
            ssrcs,
            cname: format!("{:016x}", self.rng.random::<u64>()),
            // Below 2^62, as RFC 8829 §5.2.1 asks for.
            session_id: self.rng.random::<u64>() >> 2,
            session_version: 1,
        }
    }

    fn write_answer(
        &self,
        offer: &Offer,
        local: &LocalCredentials,
        identity: &Identity,
    ) -> (String, Negotiated) {
        offer.answer(&LocalParameters {
            ice: &local.to_sdp(),
            fingerprint: self.config.certificate.fingerprint(),
            candidates: &self.config.candidates,
            tcp_candidates: &self.config.tcp_candidates,
            ssrcs: identity.ssrcs,
            cname: &identity.cname,
            session_id: identity.session_id,
            session_version: identity.session_version,
        })
    }
}
