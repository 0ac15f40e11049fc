//! What the fuzz targets call (`signaling/wire/fuzz`, feature `fuzzing`).
//!
//! Each function takes a fuzzer's bytes and panics if a promise of this crate is broken. They are
//! plain functions, so that the tests replay every seed and every input that once broke something.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    browser::{ClientMessage, SecondClientMessage, SecondServerMessage, ServerMessage},
    claims::{AgentClaims, LinkClaims, SeatClaims},
    control::{NodeMessage, SignalingMessage},
    ids::{AgentId, CallId, LegId, LinkId, NodeEpoch, NodeId, OfferId},
    text::{ChatText, ContextValue, Name, Note, Text},
};

/// Any bytes as a message of a page or for a page.
pub fn browser_message(data: &[u8]) {
    survives_the_way::<ClientMessage>(data);
    survives_the_way::<ServerMessage>(data);
    survives_the_way::<SecondClientMessage>(data);
    survives_the_way::<SecondServerMessage>(data);
}

/// Any bytes as the content of a frame on the control link.
pub fn control_frame(data: &[u8]) {
    survives_the_way::<NodeMessage>(data);
    survives_the_way::<SignalingMessage>(data);
}

/// Any bytes as the claims of a token.
pub fn claims(data: &[u8]) {
    survives_the_way::<LinkClaims>(data);
    survives_the_way::<SeatClaims>(data);
    survives_the_way::<AgentClaims>(data);
}

/// Any text as an id and as text of every bound.
pub fn text(data: &[u8]) {
    let Ok(raw) = std::str::from_utf8(data) else { return };
    macro_rules! ids {
        ($($id:ident),+) => {
            $(if let Ok(id) = raw.parse::<$id>() {
                assert_eq!(id.to_string(), raw, "an id is written in one way only");
                assert_eq!($id::from_bits(id.bits()), id);
            })+
        };
    }
    ids!(AgentId, CallId, LegId, LinkId, NodeEpoch, NodeId, OfferId);
    bounded::<4>(raw);
    let _: (Option<Name>, Option<ChatText>, Option<Note>, Option<ContextValue>) =
        (bounded(raw), bounded(raw), bounded(raw), bounded(raw));
}

fn bounded<const MAX: usize>(raw: &str) -> Option<Text<MAX>> {
    let text = Text::<MAX>::parse(raw).ok()?;
    assert!(text.chars().count() <= MAX);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    assert_eq!(Text::parse(&text).as_ref(), Ok(&text), "clean text is left alone");
    Some(text)
}

/// What was understood is understood the same when it is passed on or read from the store.
fn survives_the_way<T: Serialize + DeserializeOwned + Debug>(data: &[u8]) {
    let Ok(message) = serde_json::from_slice::<T>(data) else { return };
    let written = serde_json::to_value(&message).expect("a message can be written");
    let text = written.to_string();
    match serde_json::from_str::<T>(&text) {
        Ok(again) => {
            let again = serde_json::to_value(&again).expect("written before");
            assert!(same(&written, &again), "{text} became {again}");
        }
        Err(error) => panic!("{error}: {text}"),
    }
}

/// Equal, but for the last digit of a fraction: `serde_json` reads those fast and not exactly.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|r| same(value, r)))
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| same(l, r))
        }
        (Value::Number(left), Value::Number(right)) if left.is_f64() && right.is_f64() => {
            let (left, right) = (left.as_f64().unwrap_or(0.0), right.as_f64().unwrap_or(0.0));
            (left - right).abs() <= left.abs().max(right.abs()) * 1e-6
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// What the fuzzer starts from and what once broke something, fed to a target as the fuzzer
    /// does.
    fn replay(target: &str, run: fn(&[u8])) {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        let mut inputs = 0;
        for directory in ["seeds", "regressions"] {
            let Ok(files) = fs::read_dir(fuzz.join(directory).join(target)) else { continue };
            for file in files {
                let path = file.expect("a directory entry").path();
                #[allow(clippy::print_stderr, reason = "names the input that fails")]
                {
                    eprintln!("{}", path.display());
                }
                run(&fs::read(&path).expect("a readable file"));
                inputs += 1;
            }
        }
        assert!(inputs > 0, "no inputs for {target}");
    }

    #[test]
    fn browser_message_inputs_hold() {
        replay("browser_message", super::browser_message);
    }

    #[test]
    fn control_frame_inputs_hold() {
        replay("control_frame", super::control_frame);
    }

    #[test]
    fn claims_inputs_hold() {
        replay("claims", super::claims);
    }

    #[test]
    fn text_inputs_hold() {
        replay("text", super::text);
    }
}
