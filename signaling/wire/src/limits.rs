//! Bounds on everything that comes from outside, each with its reason.

/// Largest WebSocket message from a page, in bytes. A Chromium offer with audio and video is about
/// 6 kB and a Firefox one about 9 kB; four times the larger leaves room for codecs to come.
pub const MAX_BROWSER_MESSAGE: usize = 64 * 1024;

/// Largest message on a page's second connection, in bytes: a message, and what says that it is a copy.
pub const MAX_SECOND_MESSAGE: usize = MAX_BROWSER_MESSAGE + 64;

/// Largest SDP accepted, in bytes. See [`MAX_BROWSER_MESSAGE`].
pub const MAX_SDP: usize = 48 * 1024;

/// Largest frame on the control link, in bytes: one SDP and its envelope, escaped in JSON.
pub const MAX_CONTROL_FRAME: usize = 128 * 1024;

/// Longest chat message in characters. People paste an address or an error text, not a manual.
pub const MAX_CHAT: usize = 2_000;

/// Chat lines kept for a page that reloads. Older ones stay in the record.
pub const MAX_CHAT_REPLAY: usize = 200;

/// Longest name (shopper, agent, product…) in characters.
pub const MAX_NAME: usize = 80;

/// Longest free note (wrap-up, satisfaction comment) in characters.
pub const MAX_NOTE: usize = 4_000;

/// Longest value of one context field of a link, in characters.
pub const MAX_CONTEXT_VALUE: usize = 300;

/// Most extra context fields of a link. What an agent can take in while it rings.
pub const MAX_CONTEXT_FIELDS: usize = 12;

/// Longest token accepted, in bytes, before any parsing.
pub const MAX_TOKEN: usize = 4_096;

/// Most stage marks in one message.
pub const MAX_STAGES: usize = 32;

/// Largest measured figure (milliseconds, kbit/s, seconds, shares). Beyond anything real, and so
/// far from the limits of `f32` that sums of a day of reports stay finite.
pub const MAX_FIGURE: f32 = 1e9;

/// Most measured nodes in one message: twice the regions that a page is asked to measure.
pub const MAX_MEASURED: usize = 16;
