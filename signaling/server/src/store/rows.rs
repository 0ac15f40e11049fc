//! From rows to values, whichever database they come from.

use signaling_desk::{
    Millis,
    quality::QualitySummary,
    record::{
        CallRecord, RecordAgent, RecordOffer, RecordPlace, RecordQuality, RecordSatisfaction,
        RecordState, RecordWrapUp,
    },
    store::{AgentProfile, OpenCall, OpenState},
};
use signaling_wire::{
    browser::{ChatLine, Role, Score, TimelineEntry},
    claims::LinkClaims,
    text::Text,
};

use super::column::{Columns, Damaged, from_json, from_word, parse};

/// A call's record, without what other tables know.
pub(super) fn record<C: Columns>(row: &C) -> Result<CallRecord, C::Failure> {
    let claims: LinkClaims = from_json(&row.text("claims")?)?;
    let queued_at = row.at("queued_at")?;
    let started_at = row.maybe_at("started_at")?;
    let ended_at = row.maybe_at("ended_at")?;
    let span = |from, to: Option<Millis>| {
        to.map(|to| u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX))
    };
    Ok(CallRecord {
        id: parse(&row.text("id")?)?,
        state: from_word::<RecordState>(&row.text("state")?)?,
        link: claims.jti,
        queue: claims.queue,
        priority: claims.priority,
        skills: claims.skills,
        media: from_word(&row.text("media")?)?,
        synthetic: claims.synthetic,
        context: claims.context,
        agent: match started_at {
            Some(_) => agent(row)?,
            None => None,
        },
        queued_at,
        offered_at: row.maybe_at("offered_at")?,
        started_at,
        bridged_at: row.maybe_at("bridged_at")?,
        ended_at,
        wait_ms: span(queued_at, started_at.or(ended_at)),
        duration_ms: started_at.and_then(|started| span(started, ended_at)),
        end_reason: row.maybe_text("end_reason")?.map(|word| from_word(&word)).transpose()?,
        epoch: row.number("epoch")?,
        offers: Vec::new(),
        timeline: timeline(row)?,
        places: places(row)?,
        quality: quality(row)?,
        chat_count: 0,
        wrap_up: wrap_up(row)?,
        satisfaction: satisfaction(row)?,
    })
}

fn agent<C: Columns>(row: &C) -> Result<Option<RecordAgent>, C::Failure> {
    Ok(match (row.maybe_text("agent")?, row.maybe_text("agent_name")?) {
        (Some(id), Some(name)) => Some(RecordAgent { id: parse(&id)?, name: text(&name)? }),
        _ => None,
    })
}

fn timeline<C: Columns>(row: &C) -> Result<Vec<TimelineEntry>, C::Failure> {
    let Some(json) = row.maybe_text("timeline")? else { return Ok(Vec::new()) };
    Ok(from_json(&json)?)
}

fn places<C: Columns>(row: &C) -> Result<Vec<RecordPlace>, C::Failure> {
    let Some(json) = row.maybe_text("places")? else { return Ok(Vec::new()) };
    Ok(RecordPlace::of_both(from_json(&json)?))
}

fn quality<C: Columns>(row: &C) -> Result<Vec<RecordQuality>, C::Failure> {
    let mut quality = Vec::new();
    for (side, column) in [(Role::Shopper, "quality_shopper"), (Role::Agent, "quality_agent")] {
        if let Some(json) = row.maybe_text(column)? {
            quality.push(RecordQuality { side, summary: from_json::<QualitySummary>(&json)? });
        }
    }
    Ok(quality)
}

fn wrap_up<C: Columns>(row: &C) -> Result<Option<RecordWrapUp>, C::Failure> {
    let Some(outcome) = row.maybe_text("outcome")? else { return Ok(None) };
    Ok(Some(RecordWrapUp {
        outcome: from_word(&outcome)?,
        note: text(&row.maybe_text("note")?.unwrap_or_default())?,
        at: row.at("wrap_up_at")?,
    }))
}

fn satisfaction<C: Columns>(row: &C) -> Result<Option<RecordSatisfaction>, C::Failure> {
    let Some(at) = row.maybe_at("satisfaction_at")? else { return Ok(None) };
    Ok(Some(RecordSatisfaction {
        score: Score::try_from(row.number::<u8>("score")?)
            .map_err(|error| Damaged(error.to_string()))?,
        comment: row.maybe_text("comment")?.map(|comment| text(&comment)).transpose()?,
        at,
    }))
}

/// An offer of a record.
pub(super) fn offer<C: Columns>(row: &C) -> Result<RecordOffer, C::Failure> {
    Ok(RecordOffer {
        id: parse(&row.text("id")?)?,
        agent: RecordAgent {
            id: parse(&row.text("agent")?)?,
            name: text(&row.text("agent_name")?)?,
        },
        offered_at: row.at("offered_at")?,
        why: row.text("why")?,
        result: row.maybe_text("result")?.map(|word| from_word(&word)).transpose()?,
        result_at: row.maybe_at("result_at")?,
    })
}

/// A call that is not over, without its chat.
pub(super) fn open_call<C: Columns>(row: &C) -> Result<OpenCall, C::Failure> {
    let state = match from_word::<RecordState>(&row.text("state")?)? {
        RecordState::Ringing => {
            OpenState::Ringing { offer: parse(&row.maybe_text("offer")?.unwrap_or_default())? }
        }
        RecordState::Active => match (agent(row)?, row.maybe_at("started_at")?) {
            (Some(agent), Some(started_at)) => {
                OpenState::Active { agent: agent.id, name: agent.name, started_at }
            }
            _ => return Err(Damaged("an active call without an agent".to_owned()).into()),
        },
        RecordState::Waiting | RecordState::Ended => OpenState::Waiting,
    };
    Ok(OpenCall {
        call: parse(&row.text("id")?)?,
        link: Box::new(from_json(&row.text("claims")?)?),
        media: from_word(&row.text("media")?)?,
        queued_at: row.at("queued_at")?,
        state,
        epoch: row.number("epoch")?,
        chat: Vec::new(),
        timeline: timeline(row)?,
    })
}

/// A line of chat.
pub(super) fn line<C: Columns>(row: &C) -> Result<ChatLine, C::Failure> {
    Ok(ChatLine {
        seq: row.number("seq")?,
        from: from_word(&row.text("side")?)?,
        client_id: row.number("client_id")?,
        text: text(&row.text("text")?)?,
        at_ms: row.at("at")?.0,
    })
}

fn text<const MAX: usize>(raw: &str) -> Result<Text<MAX>, Damaged> {
    Text::parse(raw).map_err(|error| Damaged(error.to_string()))
}

/// An agent.
pub(super) fn profile<C: Columns>(row: &C) -> Result<AgentProfile, C::Failure> {
    Ok(AgentProfile {
        id: parse(&row.text("id")?)?,
        name: text(&row.text("name")?)?,
        languages: from_json(&row.text("languages")?)?,
        skills: from_json(&row.text("skills")?)?,
    })
}
