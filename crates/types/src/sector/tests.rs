use super::*;
use crate::wire;

/// CommD and CommR of a sector that a Go Lotus sealed, as its worker printed them.
const UNSEALED: &str = "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy";
const SEALED: &str = "bagboea4b5abcbtljxewumy6dwck4cxh2vpdan3hskq75oh5m2ztiseq6hzxebcjf";

mod commitments {
    use super::*;

    #[test]
    fn read_from_cids_that_lotus_printed_and_print_the_same() {
        let unsealed: Cid = UNSEALED.parse().expect("cid");
        let sealed: Cid = SEALED.parse().expect("cid");
        assert_eq!(unsealed_cid(&comm_d(&unsealed).expect("CommD")), unsealed);
        assert_eq!(sealed_cid(&comm_r(&sealed).expect("CommR")), sealed);
    }

    #[test]
    fn are_refused_in_the_wrong_role() {
        assert!(comm_r(&UNSEALED.parse().expect("cid")).is_err());
        assert!(comm_d(&SEALED.parse().expect("cid")).is_err());
        assert!(comm_d(&Cid::of_block(b"anything")).is_err());
    }
}

mod proof_types {
    use super::*;

    #[test]
    fn know_their_sizes_and_their_posts() {
        let p = RegisteredSealProof::STACKED_DRG_2KIB_V1_1;
        assert_eq!(RegisteredSealProof::for_sector_size(2048), Some(p));
        assert_eq!(p.sector_size(), Some(2048));
        assert_eq!(
            p.winning_post(),
            Some(RegisteredPoStProof::STACKED_DRG_WINNING_2KIB_V1)
        );
        assert_eq!(
            p.window_post(),
            Some(RegisteredPoStProof::STACKED_DRG_WINDOW_2KIB_V1)
        );
        let p = RegisteredSealProof::STACKED_DRG_64GIB_V1_1;
        assert_eq!(
            (p.sector_size(), p.proof_size()),
            (Some(64 << 30), Some(1920))
        );
        assert_eq!(
            p.window_post().and_then(|w| w.window_partition_sectors()),
            Some(2300)
        );
    }

    #[test]
    fn that_nobody_knows_keep_their_number_and_have_no_properties() {
        for number in [-1, 20, i64::MAX] {
            let p: RegisteredSealProof =
                wire::from_cbor(&wire::to_cbor(&number)).expect("any integer");
            assert_eq!(
                (p.0, p.sector_size(), p.winning_post()),
                (number, None, None)
            );
            assert_eq!(RegisteredPoStProof(number).sector_size(), None);
        }
        assert_eq!(RegisteredSealProof::for_sector_size(4096), None);
    }
}

mod piece_sizes {
    use super::*;

    #[test]
    fn convert_both_ways() {
        assert_eq!(PaddedPieceSize(2048).unpadded(), UnpaddedPieceSize(2032));
        assert_eq!(UnpaddedPieceSize(2032).padded(), PaddedPieceSize(2048));
        assert!(UnpaddedPieceSize(1016).is_valid());
        for odd in [0, 64, 126, 128, 1015, 254 + 127, u64::MAX] {
            assert!(!UnpaddedPieceSize(odd).is_valid(), "{odd}");
        }
    }

    #[test]
    fn grow_to_hold_data() {
        let holding = |len| UnpaddedPieceSize::holding(len).map(|s| s.0);
        assert_eq!(holding(0), Some(127));
        assert_eq!(holding(127), Some(127));
        assert_eq!(holding(128), Some(254));
        assert_eq!(holding(1901), Some(2032));
        assert_eq!(holding(u64::MAX), None);
    }
}

mod lotus_json {
    use super::*;

    #[test]
    fn of_worker_calls_reads_and_prints_unchanged() {
        let call = format!(
            r#"[{{"ID":{{"Miner":1000,"Number":2}},"ProofType":5}},{{"Size":2048,"PieceCID":{{"/":"{UNSEALED}"}}}},{{"Unsealed":{{"/":"{UNSEALED}"}},"Sealed":{{"/":"{SEALED}"}}}}]"#
        );
        let read: (SectorRef, PieceInfo, SectorCids) = serde_json::from_str(&call).expect("json");
        assert_eq!(read.0.id.to_string(), "s-t01000-2");
        assert_eq!(serde_json::to_string(&read).expect("json"), call);
    }

    #[test]
    fn of_an_extended_sector_has_a_null_key_until_it_is_upgraded() {
        let text = format!(
            r#"{{"SealProof":5,"SectorNumber":2,"SectorKey":null,"SealedCID":{{"/":"{SEALED}"}}}}"#
        );
        let read: ExtendedSectorInfo = serde_json::from_str(&text).expect("json");
        assert_eq!(read.sector_key, None);
        assert_eq!(serde_json::to_string(&read).expect("json"), text);
        assert_eq!(SectorInfo::from(&read).sector_number, 2);
    }
}
