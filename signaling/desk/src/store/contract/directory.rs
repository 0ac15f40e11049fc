use super::*;
use crate::store::AgentProfile;

pub(super) async fn agents_are_added_changed_and_removed(store: &dyn Store) {
    let mut profile = AgentProfile {
        id: agent(1),
        name: name("Zoë"),
        languages: vec![name("th"), name("en")],
        skills: vec![name("returns")],
    };
    assert_eq!(store.agent(agent(1)).await.unwrap(), None);
    store.put_agent(profile.clone()).await.unwrap();
    let other = AgentProfile { id: agent(2), name: name("Ann"), ..profile.clone() };
    store.put_agent(other.clone()).await.unwrap();
    profile.skills.clear();
    store.put_agent(profile.clone()).await.unwrap();
    assert_eq!(store.agent(agent(1)).await.unwrap(), Some(profile.clone()));
    assert_eq!(store.agents().await.unwrap(), [other, profile]);
    assert!(store.remove_agent(agent(1)).await.unwrap());
    assert!(!store.remove_agent(agent(1)).await.unwrap());
    assert_eq!(store.agents().await.unwrap().len(), 1);
    store.check().await.unwrap();
}

pub(super) async fn a_sign_in_is_spent_once(store: &dyn Store) {
    let token = LinkId::from_bits(1);
    let tries = (0..8).map(|_| store.spend_sign_in(token, at(0), at(60))).collect();
    let spent = together(tries).await.into_iter().filter(|spent| *spent == Ok(true)).count();
    assert_eq!(spent, 1);
    assert!(store.spend_sign_in(LinkId::from_bits(2), at(30), at(90)).await.unwrap());
    assert!(!store.spend_sign_in(token, at(30), at(60)).await.unwrap(), "not yet expired");
}

pub(super) async fn a_secret_is_made_once_and_replaced_knowingly(store: &dyn Store) {
    let first = store.secret("keys", vec![1]).await.unwrap();
    assert_eq!(store.secret("keys", vec![2]).await.unwrap(), first);
    assert_eq!(store.secret("other", vec![3]).await.unwrap(), [3]);
    assert!(!store.replace_secret("keys", vec![9], vec![4]).await.unwrap());
    assert!(store.replace_secret("keys", first, vec![4]).await.unwrap());
    assert_eq!(store.secret("keys", vec![5]).await.unwrap(), [4]);
}
