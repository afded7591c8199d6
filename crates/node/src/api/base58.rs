//! Base58 with bitcoin's alphabet: the text form of peer ids.

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// The base58 text of `bytes`.
pub(super) fn encode(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    // Little-endian digits; the number is multiplied by 256 for each byte.
    let mut digits: Vec<u8> = Vec::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = u8::try_from(carry % 58).unwrap_or_default();
            carry /= 58;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 58).unwrap_or_default());
            carry /= 58;
        }
    }
    let ones = std::iter::repeat_n('1', zeros);
    let rest = digits.iter().rev().skip_while(|d| **d == 0);
    ones.chain(rest.map(|d| char::from(ALPHABET[usize::from(*d)])))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn texts_are_those_of_the_draft_specification() {
        assert_eq!(encode(b"Hello World!"), "2NEpo7TZRRrLZSi2U");
        assert_eq!(encode(&[0, 0, 0x28, 0x7f, 0xb4, 0xcd]), "11233QC4");
        assert_eq!(encode(b""), "");
    }
}
