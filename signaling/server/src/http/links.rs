//! `POST /v1/links`: the shop's system makes a link for a shopper.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde::{Deserialize, Serialize};
use signaling_desk::Millis;
use signaling_wire::{claims::Context, ids::LinkId, problem::Code, text::Name};

use super::{ApiJson, ApiKey, ProblemResponse};
use crate::{
    app::App,
    issuer::{Link, LinkOrder},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    queue: Option<Name>,
    /// Seconds.
    expires_in: Option<u64>,
    max_uses: Option<u32>,
    region: Option<Name>,
    #[serde(default)]
    skills: Vec<Name>,
    #[serde(default)]
    priority: u8,
    #[serde(default)]
    synthetic: bool,
    #[serde(default)]
    context: Context,
}

/// A link as the API shows it.
#[derive(Debug, Serialize)]
pub(super) struct LinkBody {
    id: LinkId,
    url: String,
    expires_at: Millis,
}

impl From<Link> for LinkBody {
    fn from(Link { id, url, expires_at }: Link) -> Self {
        Self { id, url, expires_at }
    }
}

/// Makes a link.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    _: ApiKey,
    ApiJson(body): ApiJson<Body>,
) -> Result<impl IntoResponse, ProblemResponse> {
    let usual = LinkOrder::default();
    let order = LinkOrder {
        queue: body.queue.unwrap_or(usual.queue),
        lifetime: body.expires_in.map_or(usual.lifetime, Duration::from_secs),
        max_uses: body.max_uses.unwrap_or(usual.max_uses),
        region: body.region,
        skills: body.skills,
        priority: body.priority,
        synthetic: body.synthetic,
        context: body.context,
    };
    let link = app
        .issuer
        .link(order, app.now())
        .map_err(|error| ProblemResponse::new(Code::Malformed).hint(sentence(&error)))?;
    tracing::info!(link = %link.id, "link made");
    Ok((StatusCode::CREATED, Json(LinkBody::from(link))))
}

/// An error's text as a sentence.
fn sentence(error: &impl ToString) -> String {
    let text = error.to_string();
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}
