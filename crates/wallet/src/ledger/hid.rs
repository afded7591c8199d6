//! A command in packets, as it goes over USB HID: `channel tag sequence`, in the first packet the
//! length, then bytes, padded to 64.

use super::{Transport, app::AppError};

/// Bytes of a packet.
pub const PACKET: usize = 64;
const CHANNEL: [u8; 2] = [0x01, 0x01];
const TAG: u8 = 0x05;
const HEADER: usize = 5;
const LENGTH: usize = 2;

/// What packets go over. Calls block, and end by themselves.
pub trait Packets: Send + std::fmt::Debug {
    /// Sends a packet.
    ///
    /// # Errors
    /// [`AppError::Device`].
    fn send(&mut self, packet: &[u8; PACKET]) -> Result<(), AppError>;

    /// Waits for a packet.
    ///
    /// # Errors
    /// [`AppError::Device`].
    fn receive(&mut self) -> Result<[u8; PACKET], AppError>;
}

/// A [`Transport`] over packets.
#[derive(Debug)]
pub struct HidTransport<P>(pub P);

impl<P: Packets> Transport for HidTransport<P> {
    fn exchange(&mut self, command: &[u8]) -> Result<Vec<u8>, AppError> {
        for packet in packets(command)? {
            self.0.send(&packet)?;
        }
        let mut answer = Answer::default();
        loop {
            let packet = self.0.receive()?;
            if let Some(answer) = answer.add(&packet)? {
                return Ok(answer);
            }
        }
    }
}

/// A command as packets.
fn packets(command: &[u8]) -> Result<Vec<[u8; PACKET]>, AppError> {
    let len = u16::try_from(command.len()).map_err(|_| AppError::Malformed("a long command"))?;
    let framed = [&len.to_be_bytes(), command].concat();
    let numbered = (0_u16..).zip(framed.chunks(PACKET - HEADER));
    Ok(numbered
        .map(|(sequence, part)| {
            let head = [CHANNEL[0], CHANNEL[1], TAG];
            let bytes = head.into_iter().chain(sequence.to_be_bytes());
            let bytes = bytes.chain(part.iter().copied());
            let mut packet = [0; PACKET];
            for (place, byte) in packet.iter_mut().zip(bytes) {
                *place = byte;
            }
            packet
        })
        .collect())
}

/// An answer of which packets come in.
#[derive(Debug, Default)]
struct Answer {
    bytes: Vec<u8>,
    len: usize,
    sequence: u16,
}

impl Answer {
    /// Takes a packet; gives the answer when it is whole.
    fn add(&mut self, packet: &[u8; PACKET]) -> Result<Option<Vec<u8>>, AppError> {
        let [c0, c1, tag, s0, s1, rest @ ..] = packet;
        if [*c0, *c1] != CHANNEL || *tag != TAG {
            // Something that another program asked for.
            return Ok(None);
        }
        if u16::from_be_bytes([*s0, *s1]) != self.sequence {
            return Err(AppError::Malformed("packets out of order"));
        }
        let mut rest = rest.as_slice();
        if self.sequence == 0 {
            let (len, after) = rest
                .split_first_chunk::<LENGTH>()
                .ok_or(AppError::Malformed("no length"))?;
            self.len = usize::from(u16::from_be_bytes(*len));
            rest = after;
        }
        let missing = self.len.saturating_sub(self.bytes.len()).min(rest.len());
        self.bytes.extend(rest.iter().take(missing));
        self.sequence = self.sequence.wrapping_add(1);
        Ok((self.bytes.len() >= self.len).then(|| std::mem::take(&mut self.bytes)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Sends back what it was sent, in packets of its own.
    #[derive(Debug, Default)]
    struct Echo {
        asked: Answer,
        answers: VecDeque<[u8; PACKET]>,
        noise: bool,
    }

    impl Packets for Echo {
        fn send(&mut self, packet: &[u8; PACKET]) -> Result<(), AppError> {
            if let Some(command) = self.asked.add(packet)? {
                self.asked = Answer::default();
                self.answers.extend(packets(&command)?);
            }
            Ok(())
        }

        fn receive(&mut self) -> Result<[u8; PACKET], AppError> {
            if std::mem::take(&mut self.noise) {
                return Ok([0xff; PACKET]);
            }
            self.answers
                .pop_front()
                .ok_or_else(|| AppError::Device("silent".to_owned()))
        }
    }

    #[test]
    fn commands_of_every_length_arrive_whole() {
        let mut transport = HidTransport(Echo::default());
        for len in [0, 1, 56, 57, 58, 116, 117, 255, 1000] {
            let command: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
            assert_eq!(transport.exchange(&command), Ok(command));
        }
    }

    #[test]
    fn a_command_is_framed_as_ledger_says() {
        let packets = packets(&[0x06, 0, 0, 0, 0]).expect("short");
        let [packet] = packets.as_slice() else {
            panic!("{packets:?}")
        };
        assert_eq!(packet[..12], [1, 1, 5, 0, 0, 0, 5, 0x06, 0, 0, 0, 0]);
        assert!(packet[12..].iter().all(|b| *b == 0));
    }

    #[test]
    fn packets_for_others_are_passed_over() {
        let mut transport = HidTransport(Echo {
            noise: true,
            ..Echo::default()
        });
        assert_eq!(transport.exchange(&[7; 100]), Ok(vec![7; 100]));
    }

    #[test]
    fn packets_out_of_order_and_silence_are_errors() {
        let two = packets(&[7; 100]).expect("short");
        let mut answer = Answer::default();
        assert!(matches!(answer.add(&two[1]), Err(AppError::Malformed(_))));
        let mut deaf = HidTransport(Echo::default());
        deaf.0.answers.clear();
        deaf.0.asked.sequence = 5;
        assert!(deaf.exchange(&[1]).is_err());
    }
}
