use lotus_types::{BitField, RegisteredSealProof};

use super::*;

fn start(id: SectorNumber) -> Event {
    Event::StartCC {
        id,
        sector_type: RegisteredSealProof(5),
    }
}

fn numbers(list: &[u64]) -> BitField {
    BitField::try_from_numbers(list.iter().copied()).unwrap()
}

mod a_reopened_store {
    use super::*;

    #[test]
    fn has_every_sector_with_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sectors.db");
        let before = {
            let store = SectorStore::open(&path).unwrap();
            store.create(&BitField::new(), start, 10).unwrap();
            store
                .append(
                    0,
                    &Event::Packed {
                        filler_pieces: None,
                    },
                    20,
                )
                .unwrap()
        };
        let store = SectorStore::open(&path).unwrap();
        assert_eq!(store.sector(0).unwrap(), before);
        assert_eq!(store.states().unwrap(), [(0, SectorState::GetTicket)]);
        let log = store.log(0).unwrap();
        assert_eq!(log.iter().map(|e| e.at).collect::<Vec<_>>(), [10, 20]);
        let replayed = reducer::replay(0, log.iter().map(|e| (e.at, &e.event)));
        assert_eq!(replayed, before);
    }

    #[test]
    fn of_a_newer_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sectors.db");
        drop(SectorStore::open(&path).unwrap());
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        assert!(matches!(
            SectorStore::open(&path),
            Err(StoreError::Damaged(_))
        ));
    }
}

mod an_event {
    use super::*;

    #[test]
    fn that_is_refused_leaves_no_trace() {
        let store = SectorStore::in_memory().unwrap();
        store.create(&BitField::new(), start, 1).unwrap();
        let refused = store.append(0, &Event::Proving {}, 2);
        assert!(matches!(refused, Err(StoreError::Refused(_))));
        assert_eq!(store.log(0).unwrap().len(), 1);
        assert_eq!(store.sector(0).unwrap().events, 1);
    }

    #[test]
    fn that_comes_too_late_is_not_kept() {
        let store = SectorStore::in_memory().unwrap();
        let sector = store.create(&BitField::new(), start, 1).unwrap();
        store.append(0, &Event::Restart {}, 2).unwrap();
        let packed = Event::Packed {
            filler_pieces: None,
        };
        let late = store.append_if(0, Some(sector.events), &packed, 3);
        assert!(matches!(late, Err(StoreError::Stale(0))));
    }

    #[test]
    fn for_no_sector_is_an_error() {
        let store = SectorStore::in_memory().unwrap();
        let none = store.append(7, &Event::Restart {}, 1);
        assert!(matches!(none, Err(StoreError::NoSector(7))));
    }
}

mod numbers_are_given_out {
    use super::*;

    #[test]
    fn once_and_never_those_taken_or_reserved() {
        let store = SectorStore::in_memory().unwrap();
        store
            .reserve_numbers("a", &numbers(&[1, 2]), false)
            .unwrap();
        let next = || store.create(&numbers(&[0, 4]), start, 1).unwrap().number;
        assert_eq!([next(), next()], [3, 5]);
        store.free_numbers("a").unwrap();
        assert_eq!(next(), 6);
        assert!(matches!(
            store.free_numbers("a"),
            Err(StoreError::Number(_))
        ));
    }

    #[test]
    fn above_an_imported_sector() {
        let store = SectorStore::in_memory().unwrap();
        let mut presealed = Sector::new(9);
        presealed.state = SectorState::Proving;
        store.import(&presealed).unwrap();
        assert!(matches!(
            store.import(&presealed),
            Err(StoreError::Number(_))
        ));
        assert_eq!(store.create(&BitField::new(), start, 1).unwrap().number, 10);
    }

    #[test]
    fn to_one_reservation_only() {
        let store = SectorStore::in_memory().unwrap();
        store.create(&BitField::new(), start, 1).unwrap();
        store.reserve_numbers("a", &numbers(&[5]), false).unwrap();
        for (name, list, force) in [
            ("a", &[7][..], false),
            ("b", &[5][..], true),
            ("b", &[0][..], false),
            ("b c", &[8][..], false),
        ] {
            let refused = store.reserve_numbers(name, &numbers(list), force);
            assert!(
                matches!(refused, Err(StoreError::Number(_))),
                "{name} {list:?}"
            );
        }
        store.reserve_numbers("b", &numbers(&[0]), true).unwrap();
    }
}
