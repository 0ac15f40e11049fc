//! Media that can be judged.
//!
//! [`Generator`] makes packets that look like Opus and VP8 to everything on the way and carry a
//! [`Stamp`] where a decoder would expect compressed sound and pictures. [`Judge`] reads the stamps
//! at the other end: from them it knows delay, loss, order, complete frames, and above all whether
//! a packet belongs to this call and comes from the other side of it.
//!
//! Delays are differences of microseconds on a clock that both ends share.

mod generator;
mod judge;
mod opus;
mod picture;
mod stamp;
mod vp8;

pub use generator::{Generator, Head, Outgoing, Profile};
pub use judge::{Foreign, Fresh, Judge, News, Stream};
pub use picture::{FreshPicture, Picture, Way};
pub use stamp::{CallTag, Kind, NotAStamp, Stamp};
