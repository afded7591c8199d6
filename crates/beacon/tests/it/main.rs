//! The beacon against the recorded chains and over real sockets.

mod http;
mod recorded;
