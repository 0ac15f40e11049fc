use super::*;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn agent(id: u128, languages: &[&str], skills: &[&str]) -> AgentProfile {
    AgentProfile {
        id: AgentId::from_bits(id),
        name: name("A"),
        languages: languages.iter().copied().map(name).collect(),
        skills: skills.iter().copied().map(name).collect(),
    }
}

/// Agents with the second since which they are idle; none is busy.
fn chosen(
    language: Option<&str>,
    skills: &[&str],
    waited: u64,
    agents: &[(AgentProfile, Option<u64>)],
) -> Option<u128> {
    let language = language.map(name);
    let skills: Vec<Name> = skills.iter().copied().map(name).collect();
    let need = Need {
        language: language.as_ref(),
        skills: &skills,
        waited: Duration::from_secs(waited),
        synthetic: false,
    };
    choose_of(&need, agents)
}

fn choose_of(need: &Need<'_>, agents: &[(AgentProfile, Option<u64>)]) -> Option<u128> {
    let candidates: Vec<_> = agents
        .iter()
        .map(|(profile, idle)| Candidate {
            profile,
            free: idle.is_some(),
            idle_since: Millis(idle.unwrap_or(0) * 1_000),
        })
        .collect();
    choose(need, &candidates, &Rules::default(), Millis(1_000_000))
        .map(|choice| choice.agent.bits())
}

#[test]
fn language_comes_before_skills_and_skills_before_idleness() {
    let agents = [
        (agent(1, &["en"], &["returns", "shoes"]), Some(1)),
        (agent(2, &["th"], &[]), Some(2)),
        (agent(3, &["th"], &["returns"]), Some(3)),
    ];
    assert_eq!(chosen(Some("th"), &["returns"], 0, &agents), Some(3));
    assert_eq!(
        chosen(Some("th"), &["returns"], 60, &agents),
        Some(3),
        "also when all may be asked"
    );
    assert_eq!(chosen(Some("th"), &[], 0, &agents), Some(2), "the longer idle of two speakers");
    assert_eq!(chosen(None, &["returns", "shoes"], 0, &agents), Some(1));
    assert_eq!(chosen(None, &[], 0, &agents), Some(1));
}

#[test]
fn rings_widen_with_time_while_a_better_agent_is_busy() {
    let agents = [
        (agent(1, &["th"], &["returns"]), None),
        (agent(2, &["th"], &[]), Some(1)),
        (agent(3, &["en"], &["returns"]), Some(1)),
    ];
    assert_eq!(chosen(Some("th"), &["returns"], 19, &agents), None);
    assert_eq!(chosen(Some("th"), &["returns"], 20, &agents), Some(2));
    assert_eq!(chosen(Some("th"), &["returns"], 39, &agents[..1]), None);
    let without_speaker = [agents[0].clone(), agents[2].clone()];
    assert_eq!(chosen(Some("th"), &["returns"], 39, &without_speaker), None);
    assert_eq!(chosen(Some("th"), &["returns"], 40, &without_speaker), Some(3));
}

#[test]
fn a_ring_nobody_on_duty_is_in_is_not_waited_for() {
    let agents = [(agent(1, &["th"], &[]), Some(1)), (agent(2, &["en"], &[]), Some(1))];
    assert_eq!(chosen(Some("th"), &["visas"], 0, &agents), Some(1), "nobody has the skill");
    assert_eq!(chosen(Some("vi"), &[], 0, &agents), Some(1), "nobody speaks it");
    assert_eq!(chosen(Some("vi"), &[], 0, &[]), None);
}

#[test]
fn regions_and_cases_of_a_language_do_not_matter() {
    let agents = [(agent(1, &["pt-BR"], &[]), Some(1)), (agent(2, &["EN"], &["Returns"]), None)];
    assert_eq!(chosen(Some("PT"), &[], 0, &agents), Some(1));
    assert_eq!(chosen(Some("en-GB"), &["returns"], 0, &agents), None, "the speaker is busy");
}

#[test]
fn a_test_tools_shopper_never_rings_anybody_but_its_own_agents() {
    let person = (agent(1, &["en"], &[]), Some(1));
    let own = (agent(2, &[], &["synthetic-7"]), Some(2));
    let skills = [name("synthetic-7")];
    for waited in [0, 60, 600] {
        let waited = Duration::from_secs(waited);
        let need = Need { language: None, skills: &skills, waited, synthetic: true };
        assert_eq!(choose_of(&need, std::slice::from_ref(&person)), None, "{waited:?}");
        assert_eq!(choose_of(&need, &[person.clone(), own.clone()]), Some(2), "{waited:?}");
    }
}
