//! Which protocol a stream speaks, read from the bytes of its negotiation.
//!
//! Streams of libp2p's own behaviours (gossip, identify, ping) are negotiated inside the library,
//! which tells nobody. Both sides send lines, each after its length (multistream-select): a header,
//! proposals from the side that opened the stream, and from the other the first proposal that it
//! takes, or `na`.
//!
//! # Invariants
//! - A name that a peer sends is believed only when this host proposed it, so that peers cannot make
//!   names up.
//! - Lines are bounded; whatever is no negotiation ends the reading of it.

use crate::resources::Direction;

/// The first line of both sides.
const HEADER: &str = "/multistream/1.0.0";
/// The longest line that is read. Names are far shorter.
const LONGEST_LINE: usize = 512;
/// The most proposals that are remembered of one stream.
const MOST_PROPOSALS: usize = 32;
/// The most lines that are read of one side.
const MOST_LINES: usize = 256;

/// What a byte did to a line.
enum Step {
    More,
    Line(String),
    Broken,
}

/// Reads the lines of one side.
#[derive(Debug, Default)]
struct Lines {
    /// The length of the line being read, and the bits of it that are known so far.
    length: usize,
    shift: u32,
    length_known: bool,
    line: Vec<u8>,
    seen: usize,
}

impl Lines {
    fn take(&mut self, byte: u8) -> Step {
        if !self.length_known {
            self.length |= usize::from(byte & 0x7f) << self.shift;
            self.shift += 7;
            if byte & 0x80 != 0 {
                return if self.shift > 14 {
                    Step::Broken
                } else {
                    Step::More
                };
            }
            if self.length == 0 || self.length > LONGEST_LINE {
                return Step::Broken;
            }
            self.length_known = true;
            return Step::More;
        }
        self.line.push(byte);
        if self.line.len() < self.length {
            return Step::More;
        }
        let line = std::mem::take(&mut self.line);
        (self.length, self.shift, self.length_known) = (0, 0, false);
        self.seen += 1;
        match line.strip_suffix(b"\n").map(str::from_utf8) {
            Some(Ok(line)) => Step::Line(line.to_owned()),
            _ => Step::Broken,
        }
    }
}

/// Watches a stream until its protocol is known.
#[derive(Debug)]
pub(crate) struct Negotiation {
    opener: Direction,
    ours: Lines,
    theirs: Lines,
    /// What this host proposed, on streams that it opened.
    proposals: Vec<String>,
    /// What this host sends now is no negotiation any more.
    proposed: bool,
    given_up: bool,
}

impl Negotiation {
    /// Of a stream that was opened in this direction.
    pub(crate) fn new(opener: Direction) -> Self {
        Self {
            opener,
            ours: Lines::default(),
            theirs: Lines::default(),
            proposals: Vec::new(),
            proposed: false,
            given_up: false,
        }
    }

    /// Notes what this host sent; gives the protocol when it is agreed on with that.
    pub(crate) fn sent(&mut self, bytes: &[u8]) -> Option<String> {
        for byte in bytes {
            if self.given_up || self.proposed {
                return None;
            }
            match self.ours.take(*byte) {
                Step::More => {}
                // After a proposal that it is sure of, an opener goes on with the protocol itself.
                Step::Broken if self.opener == Direction::Outbound => self.proposed = true,
                Step::Broken => self.given_up = true,
                Step::Line(line) if !is_name(&line) => {}
                Step::Line(line) => match self.opener {
                    Direction::Inbound => return Some(line),
                    Direction::Outbound if self.proposals.len() < MOST_PROPOSALS => {
                        self.proposals.push(line);
                    }
                    Direction::Outbound => {}
                },
            }
        }
        None
    }

    /// Notes what the peer sent; gives the protocol when it is agreed on with that.
    pub(crate) fn received(&mut self, bytes: &[u8]) -> Option<String> {
        if self.opener == Direction::Inbound {
            return None;
        }
        for byte in bytes {
            if self.given_up {
                return None;
            }
            match self.theirs.take(*byte) {
                Step::More => {}
                Step::Line(line) if self.proposals.contains(&line) => return Some(line),
                Step::Line(_) if self.theirs.seen < MOST_LINES => {}
                Step::Line(_) | Step::Broken => self.given_up = true,
            }
        }
        None
    }
}

fn is_name(line: &str) -> bool {
    line.starts_with('/') && line != HEADER
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(lines: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in lines {
            let length = u8::try_from(line.len() + 1).expect("a short line");
            bytes.push(length);
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
        bytes
    }

    mod on_a_stream_that_a_peer_opened {
        use super::*;

        #[test]
        fn our_answer_names_the_protocol() {
            let mut negotiation = Negotiation::new(Direction::Inbound);
            assert_eq!(negotiation.received(&lines(&[HEADER, "/nonsense"])), None);
            assert_eq!(negotiation.sent(&lines(&[HEADER, "na"])), None);
            assert_eq!(negotiation.received(&lines(&["/real/1"])), None);
            assert_eq!(
                negotiation.sent(&lines(&["/real/1"])).as_deref(),
                Some("/real/1")
            );
        }
    }

    mod on_a_stream_of_our_own {
        use super::*;

        #[test]
        fn the_peers_answer_names_the_protocol() {
            let mut negotiation = Negotiation::new(Direction::Outbound);
            assert_eq!(negotiation.sent(&lines(&[HEADER, "/new/2"])), None);
            assert_eq!(negotiation.received(&lines(&[HEADER, "na"])), None);
            assert_eq!(negotiation.sent(&lines(&["/old/1"])), None);
            assert_eq!(
                negotiation.received(&lines(&["/old/1"])).as_deref(),
                Some("/old/1")
            );
        }

        #[test]
        fn the_protocol_may_begin_before_the_answer_is_here() {
            let mut negotiation = Negotiation::new(Direction::Outbound);
            let mut sent = lines(&[HEADER, "/sure/1"]);
            sent.extend_from_slice(&[0, 0, 0xff, 0xff, 0xff, 1]);
            assert_eq!(negotiation.sent(&sent), None);
            let answer = lines(&[HEADER, "/sure/1"]);
            assert_eq!(negotiation.received(&answer).as_deref(), Some("/sure/1"));
        }

        #[test]
        fn a_name_that_was_not_proposed_is_not_believed() {
            let mut negotiation = Negotiation::new(Direction::Outbound);
            assert_eq!(negotiation.sent(&lines(&[HEADER, "/mine/1"])), None);
            assert_eq!(negotiation.received(&lines(&[HEADER, "/yours/1"])), None);
        }
    }

    fn direction() -> impl Strategy<Value = Direction> {
        prop_oneof![Just(Direction::Inbound), Just(Direction::Outbound)]
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_are_cut(cut in 1_usize..40) {
            let mut negotiation = Negotiation::new(Direction::Outbound);
            let proposal = lines(&[HEADER, "/some/protocol/1.0.0"]);
            for part in proposal.chunks(cut) {
                prop_assert_eq!(negotiation.sent(part), None);
            }
            let mut found = None;
            for part in proposal.chunks(cut) {
                found = found.or_else(|| negotiation.received(part));
            }
            prop_assert_eq!(found.as_deref(), Some("/some/protocol/1.0.0"));
        }

        #[test]
        fn any_bytes_are_survived_and_little_of_them_is_kept(
            opener in direction(),
            sent in proptest::collection::vec(any::<u8>(), 0..4000),
            received in proptest::collection::vec(any::<u8>(), 0..4000),
        ) {
            let mut negotiation = Negotiation::new(opener);
            negotiation.sent(&sent);
            prop_assert_eq!(negotiation.received(&received), None);
            prop_assert!(negotiation.ours.line.len() <= LONGEST_LINE);
            prop_assert!(negotiation.theirs.line.len() <= LONGEST_LINE);
            prop_assert!(negotiation.proposals.len() <= MOST_PROPOSALS);
        }
    }
}
