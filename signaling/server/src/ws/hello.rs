//! Who is there: checking the credentials in a hello.

use signaling_wire::{
    SUPPORTED,
    browser::{Auth, ClientMessage},
    ids::LegId,
    problem::{Code, Problem, Stage},
};

use super::Visitor;
use crate::{app::App, auth};

/// A good hello.
#[derive(Debug)]
pub(super) struct Hello {
    /// Who said it.
    pub(super) visitor: Visitor,
    /// The leg they say they still have.
    pub(super) leg: Option<LegId>,
}

/// Checks the first message of a socket. `cookie` is the session cookie of its request.
pub(super) async fn check(
    app: &App,
    message: ClientMessage,
    cookie: Option<&str>,
) -> Result<Hello, Problem> {
    let ClientMessage::Hello { protocol, auth, leg } = message else {
        let problem = Problem::new(Code::Malformed, Stage::Hello);
        return Err(problem.hint("The first message has to be a hello."));
    };
    if !SUPPORTED.contains(&protocol) {
        return Err(Problem::new(Code::ProtocolUnsupported, Stage::Hello));
    }
    let visitor = match auth {
        Auth::Link { token } => Visitor::Shopper(Box::new(auth::link(app, &token).await?)),
        Auth::Seat { token } => Visitor::Shopper(Box::new(auth::seat(app, &token).await?)),
        Auth::SessionToken { token } => Visitor::Agent(auth::agent(app, &token).await?),
        Auth::Session => match cookie {
            Some(token) => Visitor::Agent(auth::agent(app, token).await?),
            None => return Err(Problem::new(Code::Unauthorized, Stage::Hello)),
        },
    };
    Ok(Hello { visitor, leg })
}
