//! The server as its users meet it: real sockets, a real data directory, a real media node.

mod api;
mod call;
mod hostile;
mod nodes;
mod operations;
mod placement;
mod program;
mod second;
mod support;
mod tokens;
