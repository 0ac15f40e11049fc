//! Finds out who leads, and does what follows: leads, follows, or waits.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sfu_node::control::ClusterSecret;
use signaling_desk::Input;
use signaling_wire::control::SignalingMessage;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    election::{LEASE, LOOK_EVERY, RENEW_EVERY, Reach, Step, View, step},
    follow::{self, LinkError},
};
use crate::{
    cluster::Leader,
    desk_task::End,
    lead::{Here, Lead},
    metrics::MeteredStore,
    run::Office,
    store::{
        Postgres,
        postgres::{Leader as Row, Leadership, Term},
    },
};

/// How long a new desk waits for the nodes to say what they carry. They answer within a round
/// trip; pages whose node is slower open a new leg.
const CARRIES: Duration = Duration::from_millis(500);

/// What became of an attempt to reach the leader.
type Dialled = Result<Arc<Leader>, LinkError>;

/// How an instance stands, for those who watch it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Standing {
    /// The newest term it knows of.
    pub(crate) term: i64,
    /// When the database last confirmed who leads.
    pub(crate) confirmed: Option<Instant>,
}

/// What a campaign needs.
pub(crate) struct Campaign {
    /// This start of this instance.
    pub(crate) me: String,
    /// Where other instances reach its control listener.
    pub(crate) address: String,
    pub(crate) store: Postgres,
    pub(crate) office: Office,
    pub(crate) secret: ClusterSecret,
    pub(crate) lead: watch::Sender<Lead>,
    pub(crate) standing: watch::Sender<Standing>,
}

impl Campaign {
    /// Runs until told to stop; gives up the leadership then.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let leadership = self.store.leadership();
        let mut state = State::default();
        loop {
            let tick = if state.desk.is_some() { RENEW_EVERY } else { LOOK_EVERY };
            tokio::select! {
                // Also when whoever could stop it is gone.
                _ = stop.wait_for(|stop| *stop) => break,
                () = self.turn(&leadership, &mut state) => {}
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                end = ended(&mut state.desk) => self.desk_ended(&mut state, end),
                () = lost(&state.link) => self.link_lost(&mut state),
                dialled = dialled(&mut state.dialing) => self.dialled(&mut state, dialled),
                () = sleep(tick) => {}
            }
        }
        if let Some((here, desk)) = state.desk.take() {
            here.desk.send(Input::Shutdown).await;
            if let Err(error) = desk.await {
                tracing::error!(%error, "the desk failed");
            }
            self.lead.send_replace(Lead::Nobody);
            if let Some(Err(error)) = give_up(&leadership, here.term).await {
                tracing::warn!(%error, "others have to wait until the lease is over");
            }
        }
    }

    /// Looks at what is, and does what follows.
    async fn turn(&self, leadership: &Leadership, state: &mut State) {
        let row = leadership.look().await;
        if let Err(error) = &row {
            tracing::debug!(%error, "who leads cannot be asked");
        }
        let row = row.ok();
        state.saw(row.as_ref());
        let view = View {
            me: &self.me,
            leading: state.leading(),
            row: row.as_ref(),
            link: state.reach(),
            over_for: state.over_since.map_or(Duration::ZERO, |since| since.elapsed()),
        };
        match (step(&view), row) {
            (Step::Renew(term), _) => {
                if let Ok(true) = leadership.renew(term, LEASE).await {
                    self.confirmed(term);
                }
            }
            (Step::StepDown, _) => {
                tracing::warn!("another instance leads: this desk ends");
                self.step_down(state).await;
            }
            (Step::Take(after), _) => {
                match leadership.take(after, &self.me, &self.address, LEASE).await {
                    Ok(Some(term)) => self.take_over(state, term).await,
                    Ok(None) => {}
                    Err(error) => tracing::warn!(%error, "cannot take over"),
                }
            }
            (Step::Follow(term), Some(row)) => {
                self.confirmed(term);
                self.follow(state, &row);
            }
            // The leader that was there last goes on without the database, and so does this.
            (Step::Wait, None) => {
                if let Some(row) = state.row.clone() {
                    self.follow(state, &row);
                }
            }
            (Step::Follow(_) | Step::Wait, _) => {}
        }
    }

    async fn take_over(&self, state: &mut State, term: Term) {
        tracing::info!(term = term.0, "this instance leads from now on");
        state.link = None;
        let store =
            MeteredStore::new(Arc::new(self.store.of_desk(term)), Arc::clone(&self.office.metrics));
        let (here, desk) = match self.office.open(Arc::new(store), Some(term)).await {
            Ok(opened) => opened,
            // The lease ends by itself, and somebody takes over then.
            Err(error) => return tracing::error!(%error, "the desk cannot be opened"),
        };
        // Before the nodes are asked: what they say from here on is for this desk.
        self.lead.send_replace(Lead::Taking(here.clone()));
        let nodes = self.office.nodes.all();
        for node in &nodes {
            node.send(SignalingMessage::Lead { term: term.0.unsigned_abs() });
        }
        let heard = here.legs.heard_of(nodes.iter().map(|node| node.incarnation()).collect());
        if timeout(CARRIES, heard).await.is_err() {
            tracing::warn!("not every node has said in time what it carries");
        }
        self.lead.send_replace(Lead::Here(here.clone()));
        self.confirmed(term);
        state.desk = Some((here, desk));
    }

    fn follow(&self, state: &mut State, row: &Row) {
        let term = row.term;
        if state.link.as_ref().is_some_and(|link| link.term() == term && link.is_up()) {
            return;
        }
        state.down_since.get_or_insert_with(Instant::now);
        if state.dialing.as_ref().is_some_and(|(dialed, _)| *dialed == term) {
            return;
        }
        let (address, me) = (row.address.clone(), self.me.clone());
        let (secret, sockets) = (self.secret.clone(), Arc::clone(&self.office.sockets));
        let dial = async move { follow::dial(&address, term, &me, &secret, &sockets).await };
        if let Some((_, former)) = state.dialing.replace((term, tokio::spawn(dial))) {
            former.abort();
        }
    }

    fn dialled(&self, state: &mut State, dialled: Option<Dialled>) {
        let Some((term, _)) = state.dialing.take() else { return };
        match dialled {
            Some(Ok(leader)) if state.term() == Some(term) && state.desk.is_none() => {
                tracing::info!(term = term.0, "this instance follows");
                state.down_since = None;
                state.link = Some(Arc::clone(&leader));
                self.lead.send_replace(Lead::There(leader));
            }
            Some(Ok(_)) | None => {}
            Some(Err(error)) => {
                // Once for each term is enough; it is tried several times a second.
                if state.complained.replace(term) != Some(term) {
                    tracing::warn!(term = term.0, %error, "the leading instance is out of reach");
                }
            }
        }
    }

    async fn step_down(&self, state: &mut State) {
        self.lead.send_replace(Lead::Nobody);
        if let Some((here, _)) = state.desk.take() {
            // It says goodbye to its pages and ends when the store refuses what it has left.
            here.desk.send(Input::Shutdown).await;
        }
    }

    fn desk_ended(&self, state: &mut State, end: Option<End>) {
        match end {
            Some(End::Deposed) => tracing::warn!("another instance leads: this desk has ended"),
            Some(End::Stopped) | None => tracing::error!("the desk has ended by itself"),
        }
        state.desk = None;
        self.lead.send_replace(Lead::Nobody);
    }

    fn link_lost(&self, state: &mut State) {
        state.link = None;
        state.down_since = Some(Instant::now());
        self.lead.send_replace(Lead::Nobody);
    }

    fn confirmed(&self, term: Term) {
        self.standing.send_replace(Standing { term: term.0, confirmed: Some(Instant::now()) });
    }
}

/// What an instance remembers from one turn to the next.
#[derive(Default)]
struct State {
    desk: Option<(Here, JoinHandle<End>)>,
    link: Option<Arc<Leader>>,
    /// What the database said last.
    row: Option<Row>,
    /// Since when that term's leader has been tried in vain.
    down_since: Option<Instant>,
    /// Since when the database has said that the lease is over.
    over_since: Option<Instant>,
    dialing: Option<(Term, JoinHandle<Dialled>)>,
    complained: Option<Term>,
}

impl State {
    fn leading(&self) -> Option<Term> {
        self.desk.as_ref().and_then(|(here, _)| here.term)
    }

    fn saw(&mut self, row: Option<&Row>) {
        let over = row.is_some_and(|row| row.over_for.is_some());
        self.over_since = over.then(|| self.over_since.unwrap_or_else(Instant::now));
        if let Some(row) = row
            && self.term() != Some(row.term)
        {
            self.down_since = None;
            self.over_since = over.then(Instant::now);
        }
        if let Some(row) = row {
            self.row = Some(row.clone());
        }
    }

    /// The newest term seen in the database.
    fn term(&self) -> Option<Term> {
        self.row.as_ref().map(|row| row.term)
    }

    fn reach(&self) -> Reach {
        let up = self.link.as_ref().is_some_and(|l| l.is_up() && Some(l.term()) == self.term());
        if up {
            return Reach::Up;
        }
        Reach::Down(self.down_since.map_or(Duration::ZERO, |since| since.elapsed()))
    }
}

/// Waits until the desk ends.
async fn ended(desk: &mut Option<(Here, JoinHandle<End>)>) -> Option<End> {
    match desk {
        Some((_, desk)) => desk.await.ok(),
        None => std::future::pending().await,
    }
}

/// Waits for the attempt to reach the leader.
async fn dialled(dialing: &mut Option<(Term, JoinHandle<Dialled>)>) -> Option<Dialled> {
    match dialing {
        Some((_, dialing)) => dialing.await.ok(),
        None => std::future::pending().await,
    }
}

/// Waits until the link is lost.
async fn lost(link: &Option<Arc<Leader>>) {
    match link {
        Some(link) => link.lost().await,
        None => std::future::pending().await,
    }
}

async fn give_up(
    leadership: &Leadership,
    term: Option<Term>,
) -> Option<Result<(), signaling_desk::store::StoreError>> {
    Some(leadership.give_up(term?).await)
}
