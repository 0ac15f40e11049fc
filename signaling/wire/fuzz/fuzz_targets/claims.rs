#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| signaling_wire::fuzzing::claims(data));
