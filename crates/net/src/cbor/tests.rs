use super::*;

const LIMIT: usize = 1 << 20;

fn whole(bytes: &[u8]) -> Result<Option<usize>, ScanError> {
    Scanner::new(LIMIT).advance(bytes)
}

mod a_complete_value {
    use super::*;

    #[test]
    fn ends_where_it_ends_even_with_bytes_behind_it() {
        assert_eq!(whole(&[0x82, 0x01, 0x41, 0xff, 0x99]), Ok(Some(4)));
        assert_eq!(whole(&[0xa1, 0x61, b'k', 0xf6]), Ok(Some(4)));
        assert_eq!(whole(&[0x80]), Ok(Some(1)));
        assert_eq!(whole(&[0xfb, 0, 0, 0, 0, 0, 0, 0, 0]), Ok(Some(9)));
    }

    #[test]
    fn is_found_at_the_same_place_when_bytes_drip() {
        // [[1, "abc"], h'0000', 42(h'00'), 2^32, null]
        let value = [
            0x85, 0x82, 0x01, 0x63, b'a', b'b', b'c', 0x42, 0, 0, 0xd8, 0x2a, 0x41, 0x00, 0x1b, 0,
            0, 0, 1, 0, 0, 0, 0, 0xf6,
        ];
        let mut scanner = Scanner::new(LIMIT);
        for end in 0..value.len() {
            assert_eq!(
                scanner.advance(value.get(..end).unwrap_or_default()),
                Ok(None),
                "{end}"
            );
        }
        assert_eq!(scanner.advance(&value), Ok(Some(value.len())));
    }
}

mod a_lying_length {
    use super::*;

    #[test]
    fn of_a_string_is_refused_before_its_bytes_arrive() {
        let too_large = Err(ScanError::TooLarge { limit: LIMIT });
        assert_eq!(whole(&[0x5b, 0, 0, 0, 2, 0x54, 0x0b, 0xe4, 0]), too_large);
        assert_eq!(
            whole(&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            too_large
        );
    }

    #[test]
    fn of_a_list_or_map_is_refused_before_its_items_arrive() {
        let too_large = Err(ScanError::TooLarge { limit: LIMIT });
        assert_eq!(
            whole(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            too_large
        );
        assert_eq!(whole(&[0xba, 0x7f, 0xff, 0xff, 0xff]), too_large);
        let overflow = whole(&[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(overflow, Err(ScanError::Malformed { at: 0 }));
    }

    #[test]
    fn of_nested_lists_adds_up() {
        // 16 lists of 65535 items, one in the other: 2^20 items and more cannot fit.
        let nested = [0x99, 0xff, 0xff].repeat(17);
        assert_eq!(whole(&nested), Err(ScanError::TooLarge { limit: LIMIT }));
    }
}

#[test]
fn deep_nesting_takes_neither_stack_nor_time() {
    let mut deep = vec![0x81; LIMIT - 1];
    assert_eq!(whole(&deep), Ok(None));
    deep.push(0x80);
    assert_eq!(whole(&deep), Ok(Some(LIMIT)));
}

mod what_dag_cbor_has_not {
    use super::*;

    #[test]
    fn is_refused() {
        let at_start = Err(ScanError::Malformed { at: 0 });
        for bytes in [
            &[0x9f][..],         // list without length
            &[0x5f],             // string without length
            &[0x18, 0x17],       // 23 in two bytes
            &[0x19, 0x00, 0xff], // 255 in three
            &[0x1a, 0, 0, 0xff, 0xff],
            &[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
            &[0xc1, 0x00], // tag 1
            &[0xf7],       // undefined
            &[0xf9, 0, 0], // half float
            &[0xff],       // break
            &[0x1c],       // reserved
        ] {
            assert_eq!(whole(bytes), at_start, "{bytes:02x?}");
        }
    }
}

mod any_bytes {
    use proptest::prelude::*;

    use super::*;

    /// CBOR-like noise: heads of every kind are frequent.
    fn noise() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(
            prop_oneof![any::<u8>(), 0x80..0x84_u8, 0x40..0x48_u8],
            0..200,
        )
    }

    proptest! {
        #[test]
        fn give_the_same_result_whole_and_in_pieces(bytes in noise(), step in 1..7_usize) {
            let mut scanner = Scanner::new(150);
            let mut pieces = Ok(None);
            for end in (0..bytes.len()).step_by(step).chain([bytes.len()]) {
                pieces = scanner.advance(bytes.get(..end).expect("a prefix"));
                if pieces != Ok(None) {
                    break;
                }
            }
            prop_assert_eq!(pieces, Scanner::new(150).advance(&bytes));
        }

        #[test]
        fn of_a_real_value_are_measured_right(
            items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..40),
            tail in prop::collection::vec(any::<u8>(), 0..9),
        ) {
            let items: Vec<lotus_types::Bytes> = items.into_iter().map(Into::into).collect();
            let mut bytes = lotus_types::wire::to_cbor(&items);
            let length = bytes.len();
            bytes.extend(tail);
            prop_assert_eq!(whole(&bytes), Ok(Some(length)));
        }
    }
}
