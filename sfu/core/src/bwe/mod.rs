//! What the way to a peer can carry.
