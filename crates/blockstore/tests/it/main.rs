//! Stores on disk through crashes, and the recorded chains of a Go Lotus.

mod disk;
mod recordings;
