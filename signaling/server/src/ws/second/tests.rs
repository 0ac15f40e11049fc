use signaling_wire::browser::ServerMessage;

use super::*;

const KEY: SecondKey = SecondKey::from_bits(7);

#[test]
fn a_copy_is_what_the_protocol_says() {
    let message = ServerMessage::Pong { t: 1.5 };
    let text = serde_json::to_string(&message).expect("JSON");
    let read: SecondServerMessage = serde_json::from_str(&copy(9, &text)).expect("a copy");
    assert_eq!(read, SecondServerMessage::Copy { number: 9, message: Box::new(message) });
}

#[test]
fn a_key_opens_nothing_before_its_page_is_there_and_after_it_has_gone() {
    let seconds = Arc::new(Seconds::default());
    assert!(seconds.attach(KEY).is_none());
    let (admission, mut said) = seconds.admit(KEY, Copies::default());
    assert!(seconds.attach(SecondKey::from_bits(8)).is_none(), "another key");
    let (to_page, mut copies) = seconds.attach(KEY).expect("attached");
    assert_eq!(seconds.count(), 1);
    to_page.try_send((1, ClientMessage::HangUp)).expect("room");
    assert_eq!(said.try_recv(), Ok((1, ClientMessage::HangUp)));
    drop(admission);
    assert!(copies.blocking_recv().is_none(), "it ends with its page");
    assert!(seconds.attach(KEY).is_none());
    assert_eq!(seconds.count(), 0);
}

#[test]
fn a_page_has_one_second_connection_the_youngest() {
    let seconds = Arc::new(Seconds::default());
    let copies = Copies::default();
    let (_admission, _said) = seconds.admit(KEY, copies.clone());
    let (_, mut former) = seconds.attach(KEY).expect("attached");
    let (_, mut latter) = seconds.attach(KEY).expect("attached");
    copies.send(3, "{}");
    assert!(former.blocking_recv().is_none());
    assert!(latter.blocking_recv().is_some());
    drop(latter);
    assert_eq!(seconds.count(), 0);
    copies.send(4, "{}");
}

#[test]
fn copies_for_a_connection_that_takes_none_are_dropped() {
    let seconds = Arc::new(Seconds::default());
    let copies = Copies::default();
    let (_admission, _said) = seconds.admit(KEY, copies.clone());
    let (_, mut slow) = seconds.attach(KEY).expect("attached");
    for number in 1..=100 {
        copies.send(number, "{}");
    }
    drop(seconds);
    let kept = std::iter::from_fn(|| slow.try_recv().ok()).count();
    assert_eq!(kept, COPIES);
}
