//! Fees as they are typed.

use lotus_types::{BigInt, TokenAmount};

/// Most that a fee is multiplied with.
const MOST_TIMES: f64 = 1e6;

/// Reads a price of gas: attoFIL as in the flags (`100000`), an amount with its unit (`0.1 nanofil`), or
/// a multiple of what it is `now` (`x1.5`).
///
/// # Errors
/// When it is none of these, or negative; the text says what to write.
pub(in crate::lotus) fn read_fee(text: &str, now: &TokenAmount) -> Result<TokenAmount, String> {
    let text = text.trim();
    let wrong = || {
        format!(
            "{text:?} is no price of gas: write attoFIL (100000), an amount with its unit (0.1 nanofil), \
             or a multiple of what it is now (x1.5)"
        )
    };
    if let Some(times) = text.strip_prefix(['x', 'X']) {
        let times: f64 = times.trim().parse().map_err(|_| wrong())?;
        if !(0.0..=MOST_TIMES).contains(&times) {
            return Err(wrong());
        }
        let thousandths = (times * 1000.0).round() as u64;
        return Ok(TokenAmount::from_atto(now.atto() * thousandths / 1000));
    }
    let price = match text.parse::<BigInt>() {
        Ok(atto) => TokenAmount::from_atto(atto.0),
        // A bare number with a point would be FIL: nobody means that of a unit of gas.
        Err(_) if text.ends_with(char::is_alphabetic) => text.parse().map_err(|_| wrong())?,
        Err(_) => return Err(wrong()),
    };
    if price.is_negative() {
        return Err(wrong());
    }
    Ok(price)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_in_attofil_with_a_unit_or_as_multiples() {
        let now = TokenAmount::from_atto(200);
        for (text, atto) in [
            ("100000", 100_000_i64),
            ("0.1 nanofil", 100_000_000),
            ("1nFIL", 1_000_000_000),
            ("x1.5", 300),
            ("x 0.5", 100),
        ] {
            let read = read_fee(text, &now);
            assert_eq!(read, Ok(TokenAmount::from_atto(atto)), "{text}");
        }
        for wrong in ["", "much", "-5", "0.1", "x-1", "xx", "xNaN", "x1e300"] {
            assert!(read_fee(wrong, &now).is_err(), "{wrong}");
        }
    }
}
