//! Agents, one-time tokens and secrets.

use deadpool_postgres::Client;
use signaling_desk::{Millis, store::AgentProfile};
use signaling_wire::ids::{AgentId, LinkId};

use super::{
    super::{
        column::{json, time},
        rows::profile,
    },
    Failure,
};

/// All agents, by name.
pub(super) async fn agents(client: &Client) -> Result<Vec<AgentProfile>, Failure> {
    let query = client.prepare_cached("SELECT * FROM agents ORDER BY name, id").await?;
    client.query(&query, &[]).await?.iter().map(profile).collect()
}

/// One agent.
pub(super) async fn agent(client: &Client, id: AgentId) -> Result<Option<AgentProfile>, Failure> {
    let query = client.prepare_cached("SELECT * FROM agents WHERE id = $1").await?;
    client.query_opt(&query, &[&id.to_string()]).await?.as_ref().map(profile).transpose()
}

/// Adds or replaces an agent.
pub(super) async fn put_agent(client: &Client, agent: &AgentProfile) -> Result<(), Failure> {
    let sql = "INSERT INTO agents (id, name, languages, skills) VALUES ($1, $2, $3, $4)
               ON CONFLICT (id) DO UPDATE SET name = excluded.name,
                   languages = excluded.languages, skills = excluded.skills";
    let query = client.prepare_cached(sql).await?;
    let (languages, skills) = (json(&agent.languages)?, json(&agent.skills)?);
    client
        .execute(&query, &[&agent.id.to_string(), &agent.name.as_str(), &languages, &skills])
        .await?;
    Ok(())
}

/// Removes an agent.
pub(super) async fn remove_agent(client: &Client, id: AgentId) -> Result<bool, Failure> {
    let query = client.prepare_cached("DELETE FROM agents WHERE id = $1").await?;
    Ok(client.execute(&query, &[&id.to_string()]).await? > 0)
}

/// Spends a one-time token, and forgets those that have expired.
pub(super) async fn spend_sign_in(
    client: &Client,
    token: LinkId,
    now: Millis,
    expires: Millis,
) -> Result<bool, Failure> {
    let sql = "WITH expired AS (DELETE FROM sign_ins WHERE expires < $1)
               INSERT INTO sign_ins (token, expires) VALUES ($2, $3) ON CONFLICT DO NOTHING";
    let query = client.prepare_cached(sql).await?;
    let spent = client.execute(&query, &[&time(now), &token.to_string(), &time(expires)]).await?;
    Ok(spent > 0)
}

/// The secret of this name.
pub(super) async fn secret(client: &Client, name: &str, fresh: &[u8]) -> Result<Vec<u8>, Failure> {
    let insert = "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    let insert = client.prepare_cached(insert).await?;
    client.execute(&insert, &[&name, &fresh]).await?;
    // Another statement, because this one has to see what somebody else has just put there.
    let select = client.prepare_cached("SELECT value FROM secrets WHERE name = $1").await?;
    Ok(client.query_one(&select, &[&name]).await?.try_get(0)?)
}

/// Replaces the secret of this name if it is still the known one.
pub(super) async fn replace_secret(
    client: &Client,
    name: &str,
    known: &[u8],
    fresh: &[u8],
) -> Result<bool, Failure> {
    let sql = "UPDATE secrets SET value = $3 WHERE name = $1 AND value = $2";
    let query = client.prepare_cached(sql).await?;
    Ok(client.execute(&query, &[&name, &known, &fresh]).await? > 0)
}
