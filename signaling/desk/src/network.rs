//! How the two sides' networks are doing, in words: whose is in the way of the call.

use signaling_wire::{
    browser::{Network, NetworkWord, PageQuality, Role, SideFigures, VideoPaused},
    control::LegQuality,
};

use crate::call::index;

/// Losses, before repair, from which a picture shows them, and from which speech does.
const LOSS: [f32; 2] = [0.02, 0.08];
/// Round trips to the node in milliseconds. Both sides' add up: people interrupt each other from
/// about 400 ms on (ITU-T G.114), and cannot talk from the second one on.
const ROUND_TRIP: [f32; 2] = [250.0, 600.0];
/// What a way should carry, kbit/s: less than the first costs lines of the picture, less than the
/// second is a thumbnail.
const RATE: [f32; 2] = [500.0, 180.0];
/// Sound that was made up because packets came too late or not at all.
const CONCEALED: [f32; 2] = [0.03, 0.12];
/// Frames that had to be left out on the way to the page.
const DROPPED: [f32; 2] = [0.02, 0.15];
/// A side that sends this much less than it may is held back by its own way up.
const WELL_BELOW: f32 = 0.7;
/// A publisher that sends this much more than it was told, and the sound besides (kbit/s), …
const DISOBEYS: (f32, f32) = (1.3, 150.0);
/// … in so many reports in a row does not hear it from the node: its browser knows no REMB.
const DEAF_AFTER: u8 = 3;
/// Changes of a cap below this share are not worth a message.
const WORTH_TELLING: f32 = 0.05;
/// Reports in a row that must be better before the word is: a word that flickers is no help.
const PATIENCE: u8 = 2;

/// Both sides of a call; pairs hold the shopper first.
#[derive(Debug, Default)]
pub(crate) struct Networks {
    sides: [Side; 2],
}

#[derive(Debug, Default)]
struct Side {
    figures: SideFigures,
    word: NetworkWord,
    better: u8,
    /// The other side's picture is kept back from this one.
    paused: bool,
    /// Reported since both sides were last told.
    fresh: bool,
    /// Reports in a row in which the page sent more than the node had asked for.
    disobeyed: u8,
    /// The cap that the page was told, kbit/s.
    told_cap: Option<f32>,
}

impl Networks {
    /// Takes in what a side's page sees.
    pub(crate) fn page(&mut self, side: Role, report: &PageQuality) {
        self.sides[index(side)].figures.page = *report;
    }

    /// Takes in what a node measures; whether the sides should be told: once for each round of
    /// reports, also when one side has none.
    pub(crate) fn node(&mut self, side: Role, report: &LegQuality) -> bool {
        self.sides[index(side)].figures.node = *report;
        let may_send = self.sides[index(side.other())].figures.node.target_kbps;
        let own = &mut self.sides[index(side)];
        own.judge(may_send);
        let again = std::mem::replace(&mut own.fresh, true);
        let both = self.sides.iter().all(|side| side.fresh);
        if both || again {
            self.sides.iter_mut().for_each(|side| side.fresh = false);
            self.sides[index(side)].fresh = !both;
        }
        both || again
    }

    /// The other side's picture is, or is no longer, kept back from this one; whether that is new.
    pub(crate) fn pause(&mut self, side: Role, paused: bool) -> bool {
        std::mem::replace(&mut self.sides[index(side)].paused, paused) != paused
    }

    /// What a side's page has to be told to send at most, kbit/s. Ask after each report of its leg:
    /// that bounds how often it is told.
    pub(crate) fn cap(&mut self, side: Role) -> Option<u32> {
        let may_send = self.sides[index(side.other())].figures.node.target_kbps;
        let own = &mut self.sides[index(side)];
        if own.disobeyed < DEAF_AFTER {
            let (times, sound) = DISOBEYS;
            let disobeys = may_send > 0.0 && own.figures.node.up_kbps > may_send * times + sound;
            own.disobeyed = if disobeys { own.disobeyed + 1 } else { 0 };
        }
        let worth_telling =
            own.told_cap.is_none_or(|told| (told - may_send).abs() > told * WORTH_TELLING);
        if own.disobeyed < DEAF_AFTER || !worth_telling {
            return None;
        }
        own.told_cap = Some(may_send);
        Some(may_send as u32)
    }

    /// The legs are joined anew: their pictures flow until a node says otherwise, and a page that
    /// has opened a new leg has forgotten its cap.
    pub(crate) fn rejoined(&mut self) {
        for side in &mut self.sides {
            (side.paused, side.disobeyed, side.told_cap) = (false, 0, None);
        }
    }

    pub(crate) fn paused(&self, side: Role) -> VideoPaused {
        VideoPaused {
            incoming: self.sides[index(side)].paused,
            outgoing: self.sides[index(side.other())].paused,
        }
    }

    /// What a side is told.
    pub(crate) fn told(&self, side: Role) -> Network {
        let [own, peer] = [side, side.other()].map(|side| &self.sides[index(side)]);
        let figures = |of: &Side| (side == Role::Agent).then_some(of.figures);
        Network {
            own: own.word,
            peer: peer.word,
            own_figures: figures(own),
            peer_figures: figures(peer),
            own_place: None,
            peer_place: None,
        }
    }
}

impl Side {
    fn judge(&mut self, may_send: f32) {
        let word = self.word_now(may_send);
        if word >= self.word {
            (self.word, self.better) = (word, 0);
            return;
        }
        self.better += 1;
        if self.better >= PATIENCE {
            (self.word, self.better) = (word, 0);
        }
    }

    fn word_now(&self, may_send: f32) -> NetworkWord {
        let SideFigures { node, page } = &self.figures;
        let mut word = if self.paused { NetworkWord::Weak } else { NetworkWord::Good };
        let mut above = |value: f32, [fair, weak]: [f32; 2]| {
            let now = match value {
                value if value > weak => NetworkWord::Weak,
                value if value > fair => NetworkWord::Fair,
                _ => NetworkWord::Good,
            };
            word = word.max(now);
        };
        above(node.loss_up.max(node.loss_down), LOSS);
        above(node.rtt_ms, ROUND_TRIP);
        above(page.concealed, CONCEALED);
        above(node.dropped, DROPPED);
        // Not known yet is not narrow.
        if node.estimate_kbps > 0.0 {
            above(-node.estimate_kbps, RATE.map(|rate| -rate));
        }
        // Held back by its own way up, not by what the other side can take.
        if page.limited && node.up_kbps < may_send * WELL_BELOW {
            above(-node.up_kbps, RATE.map(|rate| -rate));
        }
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> LegQuality {
        LegQuality {
            rtt_ms: 40.0,
            up_kbps: 1_500.0,
            down_kbps: 1_500.0,
            estimate_kbps: 2_000.0,
            target_kbps: 1_900.0,
            ..LegQuality::default()
        }
    }

    /// Both sides report; what the agent is told.
    fn round(networks: &mut Networks, shopper: LegQuality, agent: LegQuality) -> Network {
        networks.node(Role::Shopper, &shopper);
        networks.node(Role::Agent, &agent);
        networks.told(Role::Agent)
    }

    #[test]
    fn the_side_whose_way_is_bad_is_named() {
        use NetworkWord::{Fair, Good, Weak};
        let page = PageQuality { limited: true, ..PageQuality::default() };
        for (shopper, page, word) in [
            (good(), PageQuality::default(), Good),
            (LegQuality { loss_down: 0.03, ..good() }, PageQuality::default(), Fair),
            (LegQuality { loss_up: 0.1, ..good() }, PageQuality::default(), Weak),
            (LegQuality { rtt_ms: 700.0, ..good() }, PageQuality::default(), Weak),
            (LegQuality { estimate_kbps: 400.0, ..good() }, PageQuality::default(), Fair),
            (LegQuality { estimate_kbps: 100.0, ..good() }, PageQuality::default(), Weak),
            (LegQuality { dropped: 0.2, ..good() }, PageQuality::default(), Weak),
            (good(), PageQuality { concealed: 0.2, ..PageQuality::default() }, Weak),
            (LegQuality { up_kbps: 120.0, ..good() }, page, Weak),
            (LegQuality { up_kbps: 120.0, ..good() }, PageQuality::default(), Good),
            (LegQuality::default(), PageQuality::default(), Good),
        ] {
            let mut networks = Networks::default();
            round(&mut networks, good(), good());
            networks.page(Role::Shopper, &page);
            let told = round(&mut networks, shopper, good());
            assert_eq!((told.peer, told.own), (word, Good), "{shopper:?} {page:?}");
        }
    }

    #[test]
    fn a_picture_held_back_by_the_other_side_is_not_this_sides_fault() {
        let mut networks = Networks::default();
        let narrow =
            LegQuality { estimate_kbps: 150.0, target_kbps: 140.0, down_kbps: 140.0, ..good() };
        networks.page(Role::Shopper, &PageQuality { limited: true, ..PageQuality::default() });
        let told = round(&mut networks, LegQuality { up_kbps: 140.0, ..good() }, narrow);
        networks.node(Role::Shopper, &LegQuality { up_kbps: 140.0, ..good() });
        assert_eq!((told.peer, told.own), (NetworkWord::Good, NetworkWord::Weak));
    }

    #[test]
    fn worse_is_said_at_once_and_better_when_it_lasts() {
        let mut networks = Networks::default();
        let lossy = LegQuality { loss_up: 0.2, ..good() };
        assert_eq!(round(&mut networks, lossy, good()).peer, NetworkWord::Weak);
        assert_eq!(round(&mut networks, good(), good()).peer, NetworkWord::Weak);
        assert_eq!(round(&mut networks, good(), good()).peer, NetworkWord::Good);
    }

    #[test]
    fn each_round_is_told_once_also_when_a_side_is_gone() {
        let mut networks = Networks::default();
        assert!(!networks.node(Role::Shopper, &good()));
        assert!(networks.node(Role::Agent, &good()));
        assert!(!networks.node(Role::Agent, &good()));
        assert!(networks.node(Role::Agent, &good()), "the shopper's leg is gone");
        assert!(networks.node(Role::Agent, &good()));
    }

    #[test]
    fn both_sides_know_whose_picture_is_kept_back_and_why() {
        let mut networks = Networks::default();
        assert!(networks.pause(Role::Shopper, true));
        assert!(!networks.pause(Role::Shopper, true), "nothing new");
        let (shopper, agent) = (networks.paused(Role::Shopper), networks.paused(Role::Agent));
        assert_eq!(shopper, VideoPaused { incoming: true, outgoing: false });
        assert_eq!(agent, VideoPaused { incoming: false, outgoing: true });
        assert_eq!(round(&mut networks, good(), good()).peer, NetworkWord::Weak);
        networks.rejoined();
        assert_eq!(networks.paused(Role::Agent), VideoPaused::default());
    }

    #[test]
    fn a_page_that_does_not_obey_is_told_by_another_way() {
        let mut networks = Networks::default();
        let narrow = |target_kbps| LegQuality { target_kbps, ..good() };
        let told = |networks: &mut Networks, up_kbps, target_kbps| {
            networks.node(Role::Agent, &narrow(target_kbps));
            networks.node(Role::Shopper, &LegQuality { up_kbps, ..good() });
            networks.cap(Role::Shopper)
        };
        let mut rounds = |rounds: &[(f32, f32)]| -> Vec<Option<u32>> {
            rounds.iter().map(|&(up, target)| told(&mut networks, up, target)).collect()
        };
        assert_eq!(rounds(&[(500.0, 400.0); 5]), [None; 5], "the sound is not in the cap");
        let lags = [(1_500.0, 400.0), (1_500.0, 400.0), (450.0, 400.0), (1_500.0, 400.0)];
        assert_eq!(rounds(&lags), [None; 4], "late is not deaf");
        assert_eq!(rounds(&[(1_500.0, 400.0); 3]), [None, Some(400), None]);
        let later = [(500.0, 410.0), (500.0, 300.0), (400.0, 900.0)];
        assert_eq!(rounds(&later), [None, Some(300), Some(900)], "up again as well");
        networks.rejoined();
        assert_eq!(networks.cap(Role::Shopper), None, "a new leg is believed again");
    }

    #[test]
    fn figures_are_for_the_agent_only() {
        let mut networks = Networks::default();
        round(&mut networks, good(), good());
        assert_eq!(networks.told(Role::Agent).peer_figures.map(|f| f.node), Some(good()));
        let shopper = networks.told(Role::Shopper);
        assert_eq!((shopper.own_figures, shopper.peer_figures), (None, None));
    }
}
