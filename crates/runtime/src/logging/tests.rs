use super::*;

fn levels(env: &[(&'static str, &'static str)]) -> Result<Levels, LogError> {
    let env = env.to_vec();
    Levels::from_env(&move |name: &str| {
        env.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

mod levels_from_the_environment {
    use super::*;

    #[test]
    fn default_to_info_for_the_suite_and_warn_for_libraries() {
        assert_eq!(levels(&[]).expect("good").directives(), "warn,lotus=info");
    }

    #[test]
    fn are_read_as_go_log_reads_them() {
        for (text, directives) in [
            ("debug", "warn,lotus=debug"),
            ("ERROR", "error,lotus=error"),
            (
                "error,chain=debug",
                "error,lotus=error,chain=debug,lotus_chain=debug",
            ),
            (
                "storage-node=warn",
                "warn,lotus=info,storage_node=warn,lotus_storage_node=warn",
            ),
        ] {
            let levels = levels(&[("GOLOG_LOG_LEVEL", text)]).expect(text);
            assert_eq!(levels.directives(), directives);
            levels.filter().expect("a filter");
        }
    }

    #[test]
    fn are_refused_by_name() {
        let said = levels(&[("GOLOG_LOG_LEVEL", "loud")])
            .expect_err("no level")
            .to_string();
        assert!(said.contains("\"loud\""), "{said}");
    }

    #[test]
    fn give_way_to_rust_log_until_one_is_set_for_all() {
        let env = [("RUST_LOG", "fjall=trace"), ("GOLOG_LOG_LEVEL", "debug")];
        let mut levels = levels(&env).expect("good");
        assert_eq!(levels.directives(), "fjall=trace");
        levels.set("*", "error").expect("a level");
        assert_eq!(levels.directives(), "error,lotus=error");
    }
}

mod outputs_from_the_environment {
    use super::*;

    fn outputs(file: Option<&str>, output: &str) -> Result<Outputs, LogError> {
        Outputs::from_env(&|name: &str| match name {
            "GOLOG_FILE" => file.map(str::to_owned),
            "GOLOG_OUTPUT" => Some(output.to_owned()),
            _ => None,
        })
    }

    #[test]
    fn are_stderr_or_the_file_or_what_is_asked_for() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("lotus.log").display().to_string();
        let given = outputs(None, "").expect("good");
        assert!(given.stderr && !given.stdout && given.file.is_none());
        let given = outputs(Some(&file), "").expect("good");
        assert!(!given.stderr && given.file.is_some());
        let given = outputs(Some(&file), "stdout+file").expect("good");
        assert!(!given.stderr && given.stdout && given.file.is_some());
    }

    #[test]
    fn append_to_the_file() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("lotus.log");
        for line in ["one\n", "two\n"] {
            let mut outputs = outputs(path.to_str(), "").expect("good");
            outputs.write_all(line.as_bytes()).expect("written");
        }
        assert_eq!(std::fs::read_to_string(path).expect("there"), "one\ntwo\n");
    }

    #[test]
    fn are_refused_by_name() {
        for output in ["file", "syslog", "stderr+tape"] {
            assert!(
                matches!(outputs(None, output), Err(LogError::BadOutput(_))),
                "{output}"
            );
        }
        let error = outputs(Some("/nowhere/lotus.log"), "").expect_err("no folder");
        assert!(error.to_string().contains("/nowhere/lotus.log"));
    }
}
