use super::*;

const KIND: &str = "FullNode";

fn sample() -> Backup {
    Backup {
        kind: KIND.to_owned(),
        program: "test".to_owned(),
        records: vec![
            ("/mpool/config".to_owned(), b"{}".to_vec().into()),
            ("/z".to_owned(), Bytes::new()),
        ],
        files: vec![(
            "client/deals.sqlite".to_owned(),
            vec![0, 255, 7, 0x82].into(),
        )],
    }
}

fn written() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("node.bak");
    sample().write(&path).expect("written");
    (folder, path)
}

mod a_file {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn comes_back_as_it_was_and_is_nobody_elses_business() {
        let (_folder, path) = written();
        let back = Backup::read(&path, KIND).expect("read");
        assert_eq!(back, sample());
        assert_eq!(back.record("/mpool/config"), Some(&b"{}"[..]));
        assert_eq!(back.record("/none"), None);
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn is_refused_whichever_byte_was_changed() {
        let (_folder, path) = written();
        let good = fs::read(&path).expect("read");
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 0x10;
            fs::write(&path, &bad).expect("written");
            Backup::read(&path, KIND).expect_err("changed");
        }
    }

    #[test]
    fn is_refused_wherever_it_was_cut_off() {
        let (_folder, path) = written();
        let good = fs::read(&path).expect("read");
        for length in 0..good.len() {
            fs::write(&path, &good[..length]).expect("written");
            Backup::read(&path, KIND).expect_err("cut off");
        }
        fs::write(&path, [&good[..], b"x"].concat()).expect("written");
        let error = Backup::read(&path, KIND).expect_err("longer");
        assert!(error.to_string().contains("is damaged"), "{error}");
    }

    #[test]
    fn of_go_lotus_is_refused_by_name() {
        let (_folder, path) = written();
        fs::write(&path, [0x82, 0x9f, 0x82, 0x41]).expect("written");
        let error = Backup::read(&path, KIND).expect_err("another program's");
        assert!(error.to_string().contains("one of Go Lotus"), "{error}");
    }

    #[test]
    fn of_another_kind_of_node_is_refused() {
        let (_folder, path) = written();
        let error = Backup::read(&path, "StorageMiner").expect_err("another kind");
        let text = error.to_string();
        assert!(
            text.ends_with("is the backup of a FullNode, not of a StorageMiner"),
            "{text}"
        );
    }

    #[test]
    fn of_a_newer_program_is_refused_with_its_version() {
        let (_folder, path) = written();
        let mut newer = fs::read(&path).expect("read");
        newer[MAGIC.len()..HEAD].copy_from_slice(&2u32.to_be_bytes());
        fs::write(&path, newer).expect("written");
        let error = Backup::read(&path, KIND).expect_err("newer");
        assert!(error.to_string().contains("version 2"), "{error}");
    }

    #[test]
    fn that_is_missing_is_named() {
        let error = Backup::read(Path::new("/nowhere/x.bak"), KIND).expect_err("missing");
        assert_eq!(error.to_string(), "cannot read /nowhere/x.bak");
    }
}

mod the_base_path {
    use super::*;

    #[test]
    fn must_be_set() {
        let error = place(None, Path::new("/tmp/x")).expect_err("not set");
        assert!(
            error
                .to_string()
                .starts_with("LOTUS_BACKUP_BASE_PATH env var not set")
        );
    }

    #[test]
    fn holds_every_backup() {
        let root = tempfile::tempdir().expect("folder");
        let root = fs::canonicalize(root.path()).expect("folder");
        let base = root.join("backups");
        fs::create_dir_all(base.join("daily")).expect("folder");
        fs::create_dir(root.join("backups-of-others")).expect("folder");
        std::os::unix::fs::symlink(&root, base.join("up")).expect("link");
        let placed = |path: &str| place(Some(&base), &root.join(path));
        assert_eq!(placed("backups/x").ok(), Some(base.join("x")));
        assert_eq!(placed("backups/daily/x").ok(), Some(base.join("daily/x")));
        assert_eq!(
            place(Some(&base), Path::new("x")).ok(),
            Some(base.join("x"))
        );
        for outside in [
            "x",
            "backups",
            "backups-of-others/x",
            "backups/../x",
            "backups/up/x",
            "backups/..",
        ] {
            let error = placed(outside).expect_err(outside);
            let text = error.to_string();
            assert!(
                text.contains("must be inside base path"),
                "{outside}: {text}"
            );
        }
        assert!(matches!(
            placed("backups/none/x"),
            Err(BackupError::Io { .. })
        ));
    }
}
