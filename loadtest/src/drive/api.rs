//! What a synthetic call needs from the deployment's API: a link, an agent, a session.

use std::time::Duration;

use reqwest::{Method, StatusCode, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use signaling_wire::{
    browser::Role,
    claims::Context,
    ids::{AgentId, CallId},
    problem::{Code, Problem},
    text::{ContextValue, Name},
};

use super::Target;
use crate::flow::Credentials;

/// A client of the API.
#[derive(Debug, Clone)]
pub struct Api {
    target: Target,
    key: ApiKey,
    http: reqwest::Client,
}

/// The API key. Shows itself nowhere.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// The key, without the line break that files end with.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// A shopper and an agent who will be put through to each other, and to nobody else.
#[derive(Debug)]
pub struct Guests {
    /// The shopper's link.
    pub shopper: Credentials,
    /// The agent.
    pub agent: SyntheticAgent,
}

/// An agent that takes no calls but those of links made for it.
#[derive(Debug, Clone)]
pub struct SyntheticAgent {
    /// Its id, to remove it in the end.
    pub id: AgentId,
    /// Its session.
    pub credentials: Credentials,
    skill: Name,
    order: ContextValue,
}

impl SyntheticAgent {
    /// Puts the agent into a region, or nowhere in particular.
    pub fn move_to(&mut self, place: Option<&str>) {
        if let Credentials::Agent { region, .. } = &mut self.credentials {
            *region = place.map(str::to_owned);
        }
    }
}

/// Where the legs of a call are: side, region and node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPlaces(pub Vec<(Role, String, String)>);

/// Why the API did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Nobody answered.
    #[error("{target} cannot be reached: {reason}")]
    Unreachable {
        /// The deployment.
        target: String,
        /// Why.
        reason: String,
    },
    /// Somebody answered who is no Vitrine.
    #[error("{target} does not answer like a Vitrine deployment: {reason}")]
    Strange {
        /// The deployment.
        target: String,
        /// What is strange.
        reason: String,
    },
    /// The API key is not the deployment's.
    #[error("{target} does not accept the API key. {hint}")]
    WrongKey {
        /// The deployment.
        target: String,
        /// What it says about it.
        hint: String,
    },
    /// The deployment said no.
    #[error("{title} ({code}). {hint}", title = .0.title, code = code(.0), hint = .0.hint)]
    Refused(Problem),
}

fn code(problem: &Problem) -> String {
    serde_json::to_string(&problem.code).unwrap_or_default().trim_matches('"').to_owned()
}

/// Longest wait for an answer. A healthy deployment needs milliseconds.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a synthetic link lives, in seconds.
const LINK_LIFETIME_S: u64 = 600;
/// The queue, and the first word of the skill, of synthetic calls.
const SYNTHETIC: &str = "synthetic";
/// Synthetic shoppers go first: the synthetic agent that was made for one is then offered that one
/// and not a real shopper who happens to wait.
const PRIORITY: u8 = u8::MAX;

impl Api {
    /// The API of `target`.
    pub fn new(target: Target, key: ApiKey) -> Self {
        // The builder can only fail on a TLS backend that cannot be set up.
        let http = reqwest::Client::builder().timeout(TIMEOUT).build().unwrap_or_default();
        Self { target, key, http }
    }

    /// Makes a shopper and an agent for one call.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn guests(&self) -> Result<Guests, ApiError> {
        let agent = self.synthetic_agent(&format!("{:016x}", rand::random::<u64>())).await?;
        match self.link_to(&agent, None).await {
            Ok(shopper) => Ok(Guests { shopper, agent }),
            Err(error) => {
                self.remove_agent(agent.id).await?;
                Err(error)
            }
        }
    }

    /// Makes an agent. A skill that nobody else has, made of `tag`, keeps real agents and real
    /// shoppers out of its calls.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn synthetic_agent(&self, tag: &str) -> Result<SyntheticAgent, ApiError> {
        let tag = format!("{SYNTHETIC}-{tag}");
        let skill = Name::parse(&tag).unwrap_or_default();
        let order = ContextValue::parse(&tag).unwrap_or_default();
        let name = Name::parse("Synthetic agent").unwrap_or_default();
        let agent: Agent =
            self.request(Method::POST, "v1/agents", &NewAgent { name, skills: [&skill] }).await?;
        match self.session(agent.id).await {
            Ok(session) => {
                let order_of_calls = order.clone();
                let credentials =
                    Credentials::Agent { session, order: order_of_calls, region: None };
                Ok(SyntheticAgent { id: agent.id, credentials, skill, order })
            }
            Err(error) => {
                self.remove_agent(agent.id).await?;
                Err(error)
            }
        }
    }

    /// Makes a shopper who will be put through to `agent`, and stands in `region` if it is given.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn link_to(
        &self,
        agent: &SyntheticAgent,
        region: Option<&str>,
    ) -> Result<Credentials, ApiError> {
        let link: Link = self
            .request(
                Method::POST,
                "v1/links",
                &NewLink {
                    queue: SYNTHETIC,
                    expires_in: LINK_LIFETIME_S,
                    max_uses: 1,
                    skills: [&agent.skill],
                    priority: PRIORITY,
                    synthetic: true,
                    region,
                    context: Context { order: Some(agent.order.clone()), ..Context::default() },
                },
            )
            .await?;
        Ok(Credentials::Shopper { token: self.token(&link.url, "")?.to_owned() })
    }

    /// Where the legs of a call are.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn call_places(&self, call: CallId) -> Result<CallPlaces, ApiError> {
        let request = self.http.get(self.target.http(&format!("v1/calls/{call}")));
        let record: Record =
            self.json(self.answer(request.bearer_auth(&self.key.0)).await?).await?;
        let places = record.places.into_iter().map(|place| (place.side, place.region, place.node));
        Ok(CallPlaces(places.collect()))
    }

    /// Removes an agent that was made for a call.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn remove_agent(&self, agent: AgentId) -> Result<(), ApiError> {
        let request = self.http.delete(self.target.http(&format!("v1/agents/{agent}")));
        self.answer(request.bearer_auth(&self.key.0)).await.map(drop)
    }

    /// The record of a call.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn call_record(&self, call: CallId) -> Result<serde_json::Value, ApiError> {
        let request = self.http.get(self.target.http(&format!("v1/calls/{call}")));
        self.json(self.answer(request.bearer_auth(&self.key.0)).await?).await
    }

    /// Signs the agent in as its console would, with a one-time link.
    async fn session(&self, agent: AgentId) -> Result<String, ApiError> {
        let link: Link =
            self.request(Method::POST, &format!("v1/agents/{agent}/sign-in-link"), &()).await?;
        let token = self.token(&link.url, "signin=")?;
        let request = self.http.post(self.target.http("v1/agent/session"));
        let answer = self.answer(request.json(&SignIn { token })).await?;
        answer
            .headers()
            .get_all(header::SET_COOKIE)
            .iter()
            .filter_map(|cookie| cookie.to_str().ok()?.strip_prefix("vitrine_session="))
            .filter_map(|cookie| cookie.split(';').next())
            .next()
            .map(str::to_owned)
            .ok_or_else(|| self.strange("signing in sets no session cookie"))
    }

    /// The token in a link's fragment, behind `prefix`.
    fn token<'a>(&self, url: &'a str, prefix: &str) -> Result<&'a str, ApiError> {
        url.split_once('#')
            .and_then(|(_, fragment)| fragment.strip_prefix(prefix))
            .ok_or_else(|| self.strange("a link carries no token"))
    }

    async fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ApiError> {
        let request = self.http.request(method, self.target.http(path));
        self.json(self.answer(request.bearer_auth(&self.key.0).json(body)).await?).await
    }

    async fn json<T: DeserializeOwned>(&self, answer: reqwest::Response) -> Result<T, ApiError> {
        answer.json().await.map_err(|error| self.strange(chain(&error)))
    }

    async fn answer(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, ApiError> {
        let answer = request.send().await.map_err(|error| ApiError::Unreachable {
            target: self.target.to_string(),
            reason: chain(&error),
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        match answer.json::<Problem>().await {
            Ok(problem)
                if status == StatusCode::UNAUTHORIZED && problem.code == Code::Unauthorized =>
            {
                Err(ApiError::WrongKey { target: self.target.to_string(), hint: problem.hint })
            }
            Ok(problem) => Err(ApiError::Refused(problem)),
            Err(_) => Err(self.strange(format!("it answers with {status}"))),
        }
    }

    fn strange(&self, reason: impl Into<String>) -> ApiError {
        ApiError::Strange { target: self.target.to_string(), reason: reason.into() }
    }
}

/// An error with what caused it: "error sending request" alone helps nobody.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[derive(Serialize)]
struct NewLink<'a> {
    queue: &'a str,
    expires_in: u64,
    max_uses: u32,
    skills: [&'a Name; 1],
    priority: u8,
    synthetic: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    context: Context,
}

#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    places: Vec<RecordPlace>,
}

#[derive(Deserialize)]
struct RecordPlace {
    side: Role,
    #[serde(default)]
    region: String,
    node: String,
}

#[derive(Deserialize)]
struct Link {
    url: String,
}

#[derive(Serialize)]
struct NewAgent<'a> {
    name: Name,
    skills: [&'a Name; 1],
}

#[derive(Deserialize)]
struct Agent {
    id: AgentId,
}

#[derive(Serialize)]
struct SignIn<'a> {
    token: &'a str,
}
