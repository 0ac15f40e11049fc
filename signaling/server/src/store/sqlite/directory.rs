//! Agents, one-time tokens and secrets.

use rusqlite::{OptionalExtension, params};
use signaling_desk::{Millis, store::AgentProfile};
use signaling_wire::ids::{AgentId, LinkId};

use super::{
    super::column::{json, time},
    super::rows::profile,
    file::{Database, Failure},
};

impl Database {
    /// All agents, by name.
    pub(super) fn agents(&mut self) -> Result<Vec<AgentProfile>, Failure> {
        let agents: Vec<_> = self
            .connection
            .prepare_cached("SELECT * FROM agents ORDER BY name, id")?
            .query_map([], |row| Ok(profile(row)))?
            .collect::<Result<_, _>>()?;
        agents.into_iter().collect()
    }

    /// One agent.
    pub(in crate::store) fn agent(&mut self, id: AgentId) -> Result<Option<AgentProfile>, Failure> {
        self.connection
            .prepare_cached("SELECT * FROM agents WHERE id = ?1")?
            .query_row([id.to_string()], |row| Ok(profile(row)))
            .optional()?
            .transpose()
    }

    /// Adds or replaces an agent.
    pub(in crate::store) fn put_agent(&mut self, agent: &AgentProfile) -> Result<(), Failure> {
        self.connection.execute(
            "INSERT INTO agents (id, name, languages, skills) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name,
                 languages = excluded.languages, skills = excluded.skills",
            params![
                agent.id.to_string(),
                agent.name.as_str(),
                json(&agent.languages)?,
                json(&agent.skills)?
            ],
        )?;
        Ok(())
    }

    /// Removes an agent.
    pub(super) fn remove_agent(&mut self, id: AgentId) -> Result<bool, Failure> {
        Ok(self.connection.execute("DELETE FROM agents WHERE id = ?1", [id.to_string()])? > 0)
    }

    /// Spends a one-time token, and forgets those that have expired.
    pub(super) fn spend_sign_in(
        &mut self,
        token: LinkId,
        now: Millis,
        expires: Millis,
    ) -> Result<bool, Failure> {
        let transaction = self.connection.transaction()?;
        transaction.execute("DELETE FROM sign_ins WHERE expires < ?1", [time(now)])?;
        let spent = transaction.execute(
            "INSERT OR IGNORE INTO sign_ins (token, expires) VALUES (?1, ?2)",
            params![token.to_string(), time(expires)],
        )?;
        transaction.commit()?;
        Ok(spent > 0)
    }

    /// The secret of this name.
    pub(super) fn secret(&mut self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "INSERT OR IGNORE INTO secrets (name, value) VALUES (?1, ?2)",
            params![name, fresh],
        )?;
        let secret =
            transaction
                .query_row("SELECT value FROM secrets WHERE name = ?1", [name], |row| row.get(0))?;
        transaction.commit()?;
        Ok(secret)
    }

    /// Replaces the secret of this name if it is still the known one.
    pub(super) fn replace_secret(
        &mut self,
        name: &str,
        known: &[u8],
        fresh: &[u8],
    ) -> Result<bool, Failure> {
        let changed = self.connection.execute(
            "UPDATE secrets SET value = ?3 WHERE name = ?1 AND value = ?2",
            params![name, known, fresh],
        )?;
        Ok(changed > 0)
    }
}
