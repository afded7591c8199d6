//! Real sectors of 2 KiB against recordings of a Go Lotus, and the whole life of a sector.
//!
//! Tests below `slow::` prove in earnest: they need the parameters of a 2 KiB network and some
//! minutes of CPU. They run when `FIL_PROOFS_PARAMETER_CACHE` names a directory that has them, or
//! `$HOME/.cache/lotus-rs/params-2048` does, or with `LOTUS_SLOW=1`, which generates them first.

mod recorded;
mod sealing;
mod slow;
mod support;
