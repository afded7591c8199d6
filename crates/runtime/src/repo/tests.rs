use std::os::unix::fs::PermissionsExt;

use super::*;

fn new_repo() -> (tempfile::TempDir, Repo) {
    let folder = tempfile::tempdir().expect("folder");
    let repo = Repo::at(folder.path().join("lotus"), RepoKind::FullNode);
    repo.init().expect("initialised");
    (folder, repo)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

mod locking {
    use super::*;

    #[test]
    fn keeps_a_second_process_out_and_names_the_first() {
        let (_folder, repo) = new_repo();
        let locked = repo.lock().expect("free");
        let error = repo.lock().expect_err("taken");
        let said = error.to_string();
        assert!(said.starts_with("repo is already locked"), "{said}");
        assert!(
            said.ends_with(&format!("process {}", std::process::id())),
            "{said}"
        );
        drop(locked);
        repo.lock().expect("free again");
    }

    #[test]
    fn needs_a_repo() {
        let folder = tempfile::tempdir().expect("folder");
        let repo = Repo::at(folder.path().join("nothing"), RepoKind::StorageMiner);
        assert!(!repo.exists());
        let said = repo.lock().expect_err("nothing there").to_string();
        assert!(
            said.contains("no StorageMiner repo") && said.contains("lotus-miner init"),
            "{said}"
        );
    }
}

mod initialising {
    use super::*;

    #[test]
    fn makes_config_and_a_private_keystore() {
        let (_folder, repo) = new_repo();
        assert_eq!(mode(&repo.path().join("keystore")), 0o700);
        let config = fs::read_to_string(repo.config_path()).expect("there");
        assert!(config.contains("[API]"));
        repo.config(|_| None).expect("valid");
    }

    #[test]
    fn again_keeps_what_is_there() {
        let (_folder, repo) = new_repo();
        fs::write(repo.config_path(), "[Libp2p]\nConnMgrLow = 7\n").expect("written");
        repo.init().expect("initialised");
        let text = fs::read_to_string(repo.config_path()).expect("there");
        assert_eq!(text, "[Libp2p]\nConnMgrLow = 7\n");
    }
}

mod finding_the_folder {
    use super::*;

    fn locate(kind: RepoKind, flag: Option<&str>, env: &[(&str, &str)]) -> PathBuf {
        let lookup = |name: &str| {
            env.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Repo::locate(kind, flag, lookup)
            .expect("found")
            .path()
            .to_owned()
    }

    #[test]
    fn takes_flag_then_environment_then_default() {
        let env = [
            ("HOME", "/home/op"),
            ("LOTUS_STORAGE_PATH", "/old"),
            ("LOTUS_MINER_PATH", "~/m"),
        ];
        let miner = RepoKind::StorageMiner;
        assert_eq!(locate(miner, Some("/flag"), &env), Path::new("/flag"));
        assert_eq!(locate(miner, None, &env), Path::new("/home/op/m"));
        assert_eq!(locate(miner, None, &env[..2]), Path::new("/old"));
        assert_eq!(
            locate(miner, None, &env[..1]),
            Path::new("/home/op/.lotusminer")
        );
        assert_eq!(
            locate(RepoKind::FullNode, None, &env),
            Path::new("/home/op/.lotus")
        );
        assert_eq!(
            locate(RepoKind::Worker, None, &env),
            Path::new("/home/op/.lotusworker")
        );
    }

    #[test]
    fn needs_a_home_for_the_default() {
        let outcome = Repo::locate(RepoKind::FullNode, None, |_| None);
        assert!(matches!(outcome, Err(RepoError::NoHome)));
    }
}

mod the_api_files {
    use super::*;

    #[test]
    fn tell_clients_where_the_api_is_until_the_process_ends() {
        let (_folder, repo) = new_repo();
        let said = repo.api_endpoint().expect_err("not running").to_string();
        assert!(said.starts_with("API not running (no endpoint"), "{said}");
        let locked = repo.lock().expect("free");
        locked
            .set_api_endpoint("/ip4/127.0.0.1/tcp/1234/http")
            .expect("written");
        locked.set_api_token("abc.def.ghi").expect("written");
        assert_eq!(
            repo.api_endpoint().expect("running"),
            "/ip4/127.0.0.1/tcp/1234/http"
        );
        assert_eq!(repo.api_token().expect("there"), "abc.def.ghi");
        assert_eq!(mode(&repo.path().join("token")), 0o600);
        drop(locked);
        repo.api_endpoint().expect_err("stopped");
        assert_eq!(repo.api_token().expect("stays"), "abc.def.ghi");
    }

    #[test]
    fn use_one_secret_for_the_life_of_the_repo() {
        let (_folder, repo) = new_repo();
        let first = repo.lock().expect("free").jwt_secret().expect("made");
        assert_eq!(first.len(), 32);
        let locked = repo.lock().expect("free");
        assert_eq!(locked.jwt_secret().expect("kept"), first);
        let key = locked.keystore().get(JWT_SECRET).expect("in the keystore");
        assert_eq!(key.key_type.name(), "jwt-hmac-secret");
    }
}

mod the_keystore {
    use super::*;

    const LOTUS_FILE: &str =
        r#"{"Type":"bls","PrivateKey":"rAhraLJBfAih/fo167PFlB+r45dqoO0X6Y9X3mnR+QA="}"#;

    #[test]
    fn has_the_files_of_lotus() {
        let (_folder, repo) = new_repo();
        let locked = repo.lock().expect("free");
        let key: KeyInfo = serde_json::from_str(LOTUS_FILE).expect("a key");
        locked.keystore().put("default", &key).expect("stored");
        // What Go's base32.RawStdEncoding makes of "default".
        let file = repo.path().join("keystore/MRSWMYLVNR2A");
        assert_eq!(fs::read_to_string(&file).expect("there"), LOTUS_FILE);
        assert_eq!(mode(&file), 0o600);
        assert_eq!(locked.keystore().list().expect("listed"), ["default"]);
        assert_eq!(locked.keystore().get("default").expect("there"), key);
    }

    #[test]
    fn refuses_a_key_that_others_may_read() {
        let (_folder, repo) = new_repo();
        let file = repo.path().join("keystore/MRSWMYLVNR2A");
        fs::write(&file, LOTUS_FILE).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
        let locked = repo.lock().expect("free");
        let said = locked
            .keystore()
            .get("default")
            .expect_err("too relaxed")
            .to_string();
        assert!(
            said.contains("0o640") && said.contains("chmod 600"),
            "{said}"
        );
    }

    #[test]
    fn never_overwrites_and_says_what_is_not_there() {
        let (_folder, repo) = new_repo();
        let locked = repo.lock().expect("free");
        let keys = locked.keystore();
        let (first, second) = (vec![1; 32], vec![2; 32]);
        let (first, second) = [first, second]
            .map(|secret| KeyInfo::new(KeyType::Bls, secret))
            .into();
        keys.put("wallet-t3abc", &first).expect("stored");
        let error = keys.put("wallet-t3abc", &second).expect_err("taken");
        assert!(matches!(error, KeystoreError::Exists { .. }));
        assert_eq!(keys.get("wallet-t3abc").expect("there"), first);
        keys.delete("wallet-t3abc").expect("deleted");
        for error in [
            keys.delete("wallet-t3abc").err(),
            keys.get("wallet-t3abc").err(),
        ] {
            assert!(matches!(error, Some(KeystoreError::NotFound { .. })));
        }
    }

    #[test]
    fn says_nothing_of_a_damaged_keys_content() {
        let (_folder, repo) = new_repo();
        let file = repo.path().join("keystore/MRSWMYLVNR2A");
        fs::write(&file, r#"{"Type":"bls","PrivateKey":"topsecret"#).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
        let locked = repo.lock().expect("free");
        let said = locked
            .keystore()
            .get("default")
            .expect_err("damaged")
            .to_string();
        assert!(
            said.contains("damaged") && !said.contains("topsecret"),
            "{said}"
        );
    }

    #[test]
    fn takes_no_name_that_does_not_fit_a_file_name() {
        let (_folder, repo) = new_repo();
        let locked = repo.lock().expect("free");
        for name in ["", &"x".repeat(151)] {
            let error = locked.keystore().get(name).expect_err("bad name");
            assert!(matches!(error, KeystoreError::BadName { .. }));
        }
    }
}
