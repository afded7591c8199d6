use super::*;

fn no_env(_: &str) -> Option<String> {
    None
}

fn load(text: &str) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).expect("written");
    Config::load(Schema::FULL_NODE, &path, no_env)
}

mod the_defaults {
    use super::*;

    #[test]
    fn fit_their_kinds_and_types() {
        for schema in [Schema::FULL_NODE, Schema::STORAGE_MINER] {
            for (section, key) in schema.keys() {
                let checked = key.kind.check(key.default_value());
                assert!(checked.is_ok(), "{}.{}", section.name, key.name);
            }
        }
        let node: FullNodeConfig = Config::defaults(Schema::FULL_NODE).view().expect("fits");
        assert_eq!(node.api.listen_address, "/ip4/127.0.0.1/tcp/1234/http");
        assert_eq!(node.fees.default_max_fee.to_string(), "0.07 FIL");
        let miner: MinerConfig = Config::defaults(Schema::STORAGE_MINER)
            .view()
            .expect("fits");
        assert_eq!(miner.sealing.wait_deals_delay.0.as_secs(), 6 * 3600);
        assert_eq!(
            miner
                .fees
                .max_pre_commit_batch_gas_fee
                .per_sector
                .to_string(),
            "0.02 FIL"
        );
    }

    #[test]
    fn make_a_commented_file_that_changes_nothing() {
        for schema in [Schema::FULL_NODE, Schema::STORAGE_MINER] {
            let text = schema.default_toml();
            let values: Table = text.parse().expect("TOML");
            let leaves = values.values().filter(|value| {
                value
                    .as_table()
                    .is_some_and(|t| t.values().any(|value| !value.is_table()))
            });
            assert_eq!(leaves.count(), 0, "{text}");
            assert!(text.contains("\n  # env var: LOTUS_API_LISTENADDRESS\n"));
        }
    }

    #[test]
    fn make_a_file_that_is_valid_once_the_comments_are_gone() {
        for schema in [Schema::FULL_NODE, Schema::STORAGE_MINER] {
            let commented = schema.default_toml();
            let lines = commented
                .lines()
                .map(|line| match line.strip_prefix("  #") {
                    Some(rest) if !rest.starts_with(' ') => rest,
                    _ => line,
                });
            let text: String = lines.flat_map(|line| [line, "\n"]).collect();
            let mut config = Config::defaults(schema);
            config
                .apply_file(Path::new("config.toml"), &text)
                .expect("valid");
            for (section, key) in schema.keys() {
                let (value, source) = config.get(&section.dotted(key.name)).expect("there");
                assert_eq!(*value, key.default_value());
                let expected = if schema.is_unused(&section.dotted(key.name)) {
                    Source::Default
                } else {
                    Source::File
                };
                assert_eq!(source, expected, "{}.{}", section.name, key.name);
            }
        }
    }
}

mod a_file {
    use super::*;

    #[test]
    fn overrides_defaults_whatever_the_case() {
        let text =
            "[api]\nlistenaddress = \"/ip4/0.0.0.0/tcp/99/http\"\n[Libp2p]\nConnMgrLow = 5\n";
        let config: FullNodeConfig = load(text).expect("good").view().expect("fits");
        assert_eq!(config.api.listen_address, "/ip4/0.0.0.0/tcp/99/http");
        assert_eq!(config.libp2p.conn_mgr_low, 5);
        assert_eq!(config.libp2p.conn_mgr_high, 180);
    }

    #[test]
    fn that_is_missing_means_defaults() {
        let config = Config::load(Schema::FULL_NODE, Path::new("/nowhere/config.toml"), no_env);
        let config = config.expect("defaults");
        assert!(config.unused().is_empty());
        assert_eq!(config.get("API.Timeout").expect("there").1, Source::Default);
    }

    #[test]
    fn with_an_unknown_key_is_refused_by_name() {
        for (text, key, hint) in [
            (
                "[API]\nListenAdress = \"x\"",
                "API.ListenAdress",
                "API.ListenAddress?",
            ),
            (
                "[Wallet]\nConnMgrLow = 5",
                "Wallet.ConnMgrLow",
                "Libp2p.ConnMgrLow?",
            ),
            ("[Nonsense]\nA = 1", "Nonsense", ""),
            ("Top = 1", "Top", ""),
        ] {
            let error = load(text).expect_err(key);
            let said = error.to_string();
            assert!(said.contains(&format!("unknown key {key} in ")), "{said}");
            assert!(said.ends_with(hint), "{said}");
        }
    }

    #[test]
    fn with_a_wrong_value_is_refused_with_what_was_expected() {
        for (text, expected) in [
            (
                "[API]\nTimeout = \"soon\"",
                "API.Timeout must be a duration",
            ),
            ("[API]\nTimeout = 30", "API.Timeout must be a duration"),
            (
                "[Libp2p]\nConnMgrLow = -1",
                "Libp2p.ConnMgrLow must be a whole number that is not",
            ),
            (
                "[Libp2p]\nListenAddresses = [1]",
                "Libp2p.ListenAddresses must be a list of texts",
            ),
            (
                "[Fees]\nDefaultMaxFee = \"much\"",
                "Fees.DefaultMaxFee must be an amount",
            ),
            ("API = 1", "unknown key API"),
            ("[API", "not valid TOML"),
        ] {
            let said = load(text).expect_err(text).to_string();
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn may_use_what_only_lotus_uses_and_is_told() {
        let config =
            load("[Fevm]\nEnableEthRPC = true\n[Chainstore.Splitstore]\nMarkSetType = \"map\"");
        let config = config.expect("accepted");
        assert_eq!(
            config.unused(),
            ["Chainstore.Splitstore.MarkSetType", "Fevm.EnableEthRPC"]
        );
    }

    #[test]
    fn sets_log_levels_of_any_subsystem() {
        let config = load("[Logging.SubsystemLevels]\nchain = \"debug\"\nmy-sys = \"warn\"");
        let levels = config.expect("good").log_levels();
        assert_eq!(levels.get("chain").map(String::as_str), Some("debug"));
        assert_eq!(levels.get("my-sys").map(String::as_str), Some("warn"));
    }

    #[test]
    fn comes_back_with_what_was_set_and_comments() {
        let config = load("[Libp2p]\nConnMgrLow = 5").expect("good");
        let text = config.to_commented_toml();
        assert!(text.contains("\n  ConnMgrLow = 5\n"), "{text}");
        assert!(text.contains("\n  #ConnMgrHigh = 180\n"), "{text}");
        let again = load(&text).expect("good");
        assert_eq!(again.values, config.values);
    }

    #[test]
    fn comes_back_with_log_levels_and_with_keys_that_only_lotus_uses() {
        let given = "[Logging.SubsystemLevels]\nchain = \"debug\"\n\"a.b c\" = \"warn\"\n\
                     [Fevm]\nEnableEthRPC = true";
        let config = load(given).expect("good");
        for text in [config.to_commented_toml(), config.to_toml()] {
            let again = load(&text).expect("good");
            assert_eq!(again.log_levels(), config.log_levels(), "{text}");
            assert_eq!(again.unused().first(), Some(&"Fevm.EnableEthRPC"), "{text}");
        }
        assert_eq!(
            load(&config.to_commented_toml()).expect("good").values,
            config.values
        );
    }

    #[test]
    fn without_comments_has_every_value() {
        let config = load("[Libp2p]\nConnMgrLow = 5").expect("good");
        let text = config.to_toml();
        assert!(text.starts_with("[API]\n  ListenAddress = "), "{text}");
        assert!(
            text.contains("\n  ConnMgrLow = 5\n  ConnMgrHigh = 180\n"),
            "{text}"
        );
        assert!(!text.contains('#'), "{text}");
        let again: FullNodeConfig = load(&text).expect("good").view().expect("fits");
        assert_eq!(again, config.view().expect("fits"));
    }
}

mod the_environment {
    use super::*;

    fn load(name: &'static str, value: &'static str) -> Result<Config, ConfigError> {
        let env = move |asked: &str| (asked == name).then(|| value.to_owned());
        Config::load(Schema::FULL_NODE, Path::new("/nowhere/config.toml"), env)
    }

    #[test]
    fn wins_and_speaks_go() {
        let config = load(
            "LOTUS_LIBP2P_LISTENADDRESSES",
            "/ip4/1.2.3.4/tcp/1, /ip6/::/tcp/2",
        );
        let config: FullNodeConfig = config.expect("good").view().expect("fits");
        assert_eq!(
            config.libp2p.listen_addresses,
            ["/ip4/1.2.3.4/tcp/1", "/ip6/::/tcp/2"]
        );
        let config = load("LOTUS_LIBP2P_DISABLENATPORTMAP", "T").expect("good");
        let expected = (&Value::Boolean(true), Source::Environment);
        assert_eq!(config.get("Libp2p.DisableNatPortMap"), Some(expected));
    }

    #[test]
    fn is_named_when_it_is_wrong() {
        let said = load("LOTUS_API_TIMEOUT", "soon")
            .expect_err("wrong")
            .to_string();
        assert!(
            said.starts_with("LOTUS_API_TIMEOUT: API.Timeout must be"),
            "{said}"
        );
    }
}
