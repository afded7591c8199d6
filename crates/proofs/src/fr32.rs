//! [`lotus_ports::fr32`], checked against the proof library's own padding.

pub use lotus_ports::fr32::*;

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn sample(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * i + 7 * i + i / 251) as u8).collect()
    }

    /// The proof library's own padding is the oracle.
    fn library_pads(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut reader = filecoin_proofs_api::fr32::Fr32Reader::new(data);
        reader.read_to_end(&mut out).expect("memory");
        out
    }

    #[test]
    fn padding_equals_the_proof_librarys() {
        for len in [127, 254, 1016, 127 * 600] {
            for data in [sample(len), vec![0xff; len]] {
                assert_eq!(pad(&data), library_pads(&data), "{len} bytes");
            }
        }
    }
}
