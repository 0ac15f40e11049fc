//! From a token to who is behind it.

use signaling_desk::store::{AgentProfile, StoreError};
use signaling_wire::{
    claims::{AgentClaims, LinkClaims},
    problem::{Code, Problem, Stage},
};

use crate::{
    app::App,
    tokens::{Rejected, Tokens},
};

/// The claims of a shopper's link.
pub(crate) async fn link(app: &App, token: &str) -> Result<LinkClaims, Problem> {
    check(app, Stage::Hello, |tokens, now| tokens.link(token, now)).await
}

/// The claims of the link that opened a seat.
pub(crate) async fn seat(app: &App, token: &str) -> Result<LinkClaims, Problem> {
    check(app, Stage::Hello, |tokens, now| tokens.seat(token, now)).await.map(|seat| seat.link)
}

/// The claims of an unspent sign-in link; it is spent by this.
pub(crate) async fn spend_sign_in(app: &App, token: &str) -> Result<AgentClaims, Problem> {
    let claims = check(app, Stage::Api, |tokens, now| tokens.sign_in(token, now)).await?;
    let expires = signaling_desk::Millis(claims.exp.saturating_mul(1_000));
    match app.store.spend_sign_in(claims.jti, app.now(), expires).await {
        Ok(true) => Ok(claims),
        Ok(false) => {
            app.metrics.token_rejected(Rejected::Spent);
            Err(Rejected::Spent.problem(Stage::Api))
        }
        Err(error) => Err(unavailable(&error, Stage::Api)),
    }
}

/// The agent of a session. An agent who has been removed is not let in.
pub(crate) async fn agent(app: &App, token: &str) -> Result<AgentProfile, Problem> {
    let claims = check(app, Stage::Hello, |tokens, now| tokens.session(token, now)).await?;
    match app.store.agent(claims.sub).await {
        Ok(Some(agent)) => Ok(agent),
        Ok(None) => Err(Problem::new(Code::Unauthorized, Stage::Hello)),
        Err(error) => Err(unavailable(&error, Stage::Hello)),
    }
}

/// What is said when the store cannot be asked.
pub(crate) fn unavailable(error: &StoreError, stage: Stage) -> Problem {
    tracing::error!(%error, "the store did not answer");
    Problem::new(Code::Unavailable, stage).retry_after(5)
}

/// Checks a token. A key that is not known may be one that another process has just made
/// (`signaling rotate-keys`): the store is asked once more before the token is refused.
async fn check<C>(
    app: &App,
    stage: Stage,
    check: impl Fn(&Tokens, u64) -> Result<C, Rejected>,
) -> Result<C, Problem> {
    let now = app.now().0 / 1_000;
    let mut result = check(&app.tokens, now);
    if matches!(result, Err(Rejected::UnknownKey)) && app.reload_keys().await {
        result = check(&app.tokens, now);
    }
    result.map_err(|rejected| {
        app.metrics.token_rejected(rejected);
        rejected.problem(stage)
    })
}
