use lotus_types::RegisteredSealProof;
use proptest::prelude::*;

use super::*;
use crate::{fakes_for_tests::piece_of, state::SectorState};

proptest! {
    #[test]
    fn filler_aligns_what_follows_and_is_aligned_itself(used in 0_u64..1 << 40, bits in 7_u32..40) {
        let align = 1_u64 << bits;
        let used = used & !127;
        let mut at = used;
        for size in fill(used, align) {
            prop_assert!(size.is_power_of_two() && at % size == 0);
            at += size;
        }
        prop_assert_eq!(at % align, 0);
        prop_assert!(at - used < align);
    }

    #[test]
    fn what_fills_a_sector_up_is_aligned_and_leaves_nothing(pieces in 0_u64..16) {
        let used = pieces * 128;
        let mut at = used;
        for size in fill_up(used, 2048) {
            prop_assert!(size.is_power_of_two() && at % size == 0);
            at += size;
        }
        prop_assert_eq!(at, 2048);
    }

    #[test]
    fn a_piece_is_never_put_where_it_has_no_room(used in 0_u64..4096, bits in 7_u32..14) {
        let size = 1_u64 << bits;
        if let Some(end) = used_after(used & !127, size, 2048) {
            prop_assert!(end <= 2048 && end >= size);
        }
    }
}

fn open(number: u64, sizes: &[u64]) -> Sector {
    let mut sector = Sector::new(number);
    sector.seal_proof = RegisteredSealProof::STACKED_DRG_2KIB_V1_1;
    sector.state = SectorState::WaitDeals;
    sector.pieces = sizes.iter().map(|size| piece_of(*size)).collect();
    sector
}

const UNLIMITED: Limits = Limits {
    max_open: 0,
    sealing: 0,
    max_sealing: 0,
};

mod a_piece {
    use super::*;

    #[test]
    fn goes_into_the_fullest_sector_with_room() {
        let sectors = [open(1, &[256]), open(2, &[1024]), open(3, &[1024, 1024])];
        assert_eq!(
            place(&sectors, &BTreeSet::new(), 1024, UNLIMITED),
            Place::Into(2)
        );
        let busy = BTreeSet::from([2]);
        assert_eq!(place(&sectors, &busy, 1024, UNLIMITED), Place::Into(1));
    }

    #[test]
    fn waits_for_a_sector_with_room_that_is_being_written_to() {
        let sectors = [open(1, &[256])];
        assert_eq!(
            place(&sectors, &BTreeSet::from([1]), 1024, UNLIMITED),
            Place::Wait
        );
    }

    #[test]
    fn gets_a_new_sector_when_none_has_room() {
        let sectors = [open(1, &[1024, 128])];
        assert_eq!(
            place(&sectors, &BTreeSet::new(), 1024, UNLIMITED),
            Place::New
        );
        assert_eq!(place(&[], &BTreeSet::new(), 128, UNLIMITED), Place::New);
    }

    #[test]
    fn has_the_fullest_sector_packed_when_too_many_are_open() {
        let sectors = [open(1, &[1024, 128]), open(2, &[2048])];
        let limits = Limits {
            max_open: 2,
            ..UNLIMITED
        };
        assert_eq!(
            place(&sectors, &BTreeSet::new(), 1024, limits),
            Place::PackFirst(2)
        );
    }

    #[test]
    fn waits_while_as_many_sectors_are_sealed_as_may_be() {
        let limits = Limits {
            max_open: 2,
            sealing: 3,
            max_sealing: 3,
        };
        assert_eq!(place(&[], &BTreeSet::new(), 1024, limits), Place::Wait);
    }
}
