//! The recorded bytes of a Go Lotus: all of them decode, and encode to the same bytes.

use data_encoding::HEXLOWER;
use lotus_net::{HelloMessage, LatencyMessage, Request, Response};
use lotus_types::{BlockMessage, SignedMessage, wire};
use serde::{Serialize, de::DeserializeOwned};

#[derive(serde::Deserialize)]
struct Line {
    protocol: String,
    note: String,
    #[serde(default)]
    sent_hex: String,
    #[serde(default)]
    received_hex: String,
}

/// One recorded exchange.
pub(crate) struct Recording {
    pub(crate) protocol: String,
    pub(crate) note: String,
    /// What was sent to Lotus.
    pub(crate) sent: Vec<u8>,
    /// What Lotus sent.
    pub(crate) received: Vec<u8>,
}

pub(crate) fn all() -> Vec<Recording> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/lotus/wire/libp2p.json"
    );
    let lines: Vec<Line> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let bytes = |hex: String| HEXLOWER.decode(hex.as_bytes()).unwrap();
    lines
        .into_iter()
        .map(|l| Recording {
            protocol: l.protocol,
            note: l.note,
            sent: bytes(l.sent_hex),
            received: bytes(l.received_hex),
        })
        .collect()
}

pub(crate) fn find(note: &str) -> Recording {
    let found = all().into_iter().find(|r| r.note == note);
    found.unwrap_or_else(|| panic!("no recording with the note {note:?}"))
}

fn round_trip<T: Serialize + DeserializeOwned>(bytes: &[u8], what: &str) -> T {
    let value: T = wire::from_cbor(bytes).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!(
        HEXLOWER.encode(&wire::to_cbor(&value)),
        HEXLOWER.encode(bytes),
        "{what}"
    );
    value
}

#[test]
fn every_recording_is_read_and_written_back_unchanged() {
    let mut read = 0;
    for r in all() {
        let what = format!("{} ({})", r.protocol, r.note);
        match r.protocol.as_str() {
            "/fil/hello/1.0.0" if r.sent.is_empty() => {
                round_trip::<HelloMessage>(&r.received, &what);
            }
            "/fil/hello/1.0.0" => {
                round_trip::<HelloMessage>(&r.sent, &what);
                let answer: LatencyMessage = round_trip(&r.received, &what);
                assert!(
                    answer.arrived > 0 && answer.sent >= answer.arrived,
                    "{what}"
                );
            }
            "/fil/chain/xchg/0.0.1" => {
                round_trip::<Request>(&r.sent, &what);
                round_trip::<Response>(&r.received, &what);
            }
            p if p.starts_with("/fil/blocks/") => {
                round_trip::<BlockMessage>(&r.received, &what);
            }
            p if p.starts_with("/fil/msgs/") => {
                round_trip::<SignedMessage>(&r.received, &what);
            }
            // Of the market's own types; `streams` and `peers` use these recordings.
            "/fil/storage/ask/1.1.0" | "/fil/retrieval/qry/1.0.0" | "identify" => continue,
            other => panic!("no test reads the recording of {other}"),
        }
        read += 1;
    }
    assert_eq!(read, 2 + 9 + 5);
}

mod altered_recordings {
    use super::*;

    /// Bytes that decode after a change are canonical; nothing else decodes, and nothing panics.
    fn never_half_read<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
        for at in 0..bytes.len().min(2_000) {
            for change in [0x01, 0x20, 0x80, 0xff] {
                let mut altered = bytes.to_vec();
                altered[at] ^= change;
                if let Ok(value) = wire::from_cbor::<T>(&altered) {
                    assert_eq!(wire::to_cbor(&value), altered);
                }
            }
            assert!(wire::from_cbor::<T>(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn are_refused_or_read_whole() {
        never_half_read::<HelloMessage>(&find("what the daemon sends when we connect").received);
        never_half_read::<Request>(&find("1 tipset, headers").sent);
        never_half_read::<Response>(&find("1 tipset, headers").received);
        never_half_read::<Response>(&find("20 tipsets, messages").received);
    }
}
