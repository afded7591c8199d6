use lotus_ports::clock::ManualClock;

use super::*;

const SECTOR: SectorId = SectorId {
    miner: 1000,
    number: 2,
};

fn path(id: &str, weight: u64, can_seal: bool, can_store: bool) -> StorageInfo {
    StorageInfo {
        id: id.into(),
        urls: vec![format!("http://{id}/remote")],
        weight,
        can_seal,
        can_store,
        ..StorageInfo::default()
    }
}

fn room(available: i64) -> FsStat {
    FsStat {
        capacity: 1 << 40,
        available,
        fs_available: available,
        ..FsStat::default()
    }
}

fn index() -> (Index, ManualClock) {
    let clock = ManualClock::at(Duration::from_secs(1000));
    (Index::new(Arc::new(clock.clone())), clock)
}

fn ids(found: &[StorageInfo]) -> Vec<&str> {
    found.iter().map(|i| i.id.0.as_str()).collect()
}

mod new_files_go {
    use super::*;

    #[test]
    fn where_weight_times_room_is_largest_and_the_use_is_allowed() {
        let (index, _) = index();
        index.attach(path("a", 10, true, false), room(5000));
        index.attach(path("b", 20, true, true), room(4000));
        index.attach(path("c", 0, true, true), room(90_000));
        let sealing = |t| index.best_alloc(t, 2048, PathType::Sealing, Some(1000));
        assert_eq!(ids(&sealing(SectorFileType::SEALED)), ["b", "a"]);
        let storage = index.best_alloc(SectorFileType::SEALED, 2048, PathType::Storage, None);
        assert_eq!(ids(&storage), ["b"]);
        // The cache takes 14 times the sector while it is sealed.
        assert_eq!(ids(&sealing(SectorFileType::CACHE)), [""; 0]);
    }

    #[test]
    fn not_where_type_or_miner_is_not_wanted() {
        let (index, _) = index();
        let mut picky = path("a", 10, true, true);
        picky.deny_types = vec!["unsealed".to_owned()];
        picky.allow_miners = vec!["t01000".to_owned()];
        index.attach(picky, room(1 << 20));
        let best = |t, m| index.best_alloc(t, 2048, PathType::Sealing, Some(m)).len();
        assert_eq!(best(SectorFileType::UNSEALED, 1000), 0);
        assert_eq!(best(SectorFileType::SEALED, 1000), 1);
        assert_eq!(best(SectorFileType::SEALED, 1001), 0);
    }

    #[test]
    fn not_into_a_path_that_is_silent_or_sick() {
        let (index, clock) = index();
        index.attach(path("a", 10, true, true), room(1 << 20));
        let usable = || {
            index
                .best_alloc(SectorFileType::SEALED, 2048, PathType::Sealing, None)
                .len()
        };
        clock.advance(Duration::from_secs(50));
        assert_eq!(usable(), 1);
        clock.advance(Duration::from_secs(1));
        assert_eq!(usable(), 0);
        let report = |err: &str| HealthReport {
            stat: room(1 << 20),
            err: err.to_owned(),
        };
        index.report_health(&"a".into(), report("")).unwrap();
        assert_eq!(usable(), 1);
        index
            .report_health(&"a".into(), report("read-only file system"))
            .unwrap();
        assert_eq!(usable(), 0);
        assert!(index.report_health(&"z".into(), report("")).is_err());
    }
}

mod a_sector_is_found {
    use super::*;

    #[test]
    fn where_it_was_declared_with_urls_as_recorded() {
        let (index, _) = index();
        index.attach(path("a", 10, true, false), room(1 << 20));
        index.declare(&"a".into(), SECTOR, SectorFileType::UNSEALED, false);
        let found = index.find(SECTOR, SectorFileType::UNSEALED, 2048, false);
        assert_eq!(found[0].urls, ["http://a/remote/unsealed/s-t01000-2"]);
        assert_eq!(
            (found[0].base_urls[0].as_str(), found[0].weight),
            ("http://a/remote", 10)
        );
        index.drop_files(&"a".into(), SECTOR, SectorFileType::UNSEALED);
        assert!(
            index
                .find(SECTOR, SectorFileType::UNSEALED, 2048, false)
                .is_empty()
        );
    }

    #[test]
    fn also_where_it_could_be_brought() {
        let (index, _) = index();
        index.attach(path("a", 10, true, false), room(1 << 20));
        index.attach(path("b", 10, true, false), room(1 << 20));
        let find = |fetch| {
            index
                .find(SECTOR, SectorFileType::SEALED, 2048, fetch)
                .len()
        };
        assert_eq!(find(true), 0);
        index.declare(&"a".into(), SECTOR, SectorFileType::SEALED, true);
        assert_eq!((find(false), find(true)), (1, 2));
    }

    #[test]
    fn no_more_once_its_path_is_detached() {
        let (index, _) = index();
        index.attach(path("a", 10, true, false), room(1 << 20));
        index.declare(&"a".into(), SECTOR, SectorFileType::SEALED, true);
        let both = SectorFileType::SEALED.union(SectorFileType::CACHE);
        index.declare(&"a".into(), SECTOR, both, false);
        assert_eq!(index.list()[&"a".into()][0].sector_file_type, both);
        index.detach(&"a".into(), "http://a/remote").unwrap();
        assert!(index.find(SECTOR, both, 2048, true).is_empty());
    }
}

mod locks {
    use super::*;

    #[tokio::test]
    async fn let_many_read_and_one_write() {
        let locks = Locks::default();
        let (sealed, none) = (SectorFileType::SEALED, SectorFileType::NONE);
        let first = locks.try_lock(SECTOR, sealed, none).unwrap();
        let second = locks.try_lock(SECTOR, sealed, none).unwrap();
        assert!(locks.try_lock(SECTOR, none, sealed).is_none());
        assert!(
            locks
                .try_lock(SECTOR, none, SectorFileType::CACHE)
                .is_some()
        );
        assert_eq!(locks.list().locks[0].read, [0, 2, 0, 0, 0]);
        let waiting = locks.lock(SECTOR, sealed, sealed);
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(first);
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(second);
        let writer = waiting.await;
        assert!(locks.try_lock(SECTOR, sealed, none).is_none());
        drop(writer);
        assert!(locks.list().locks.is_empty());
    }
}
