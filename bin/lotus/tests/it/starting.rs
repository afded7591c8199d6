//! A daemon that starts, and starts again.

use std::{fs, net::TcpStream, process::Command};

use crate::{
    process::{Place, Process},
    recorded::{daemon, daemon_after, following},
};

fn limit_on_open_files(process: &Process) -> u64 {
    let limits = fs::read_to_string(format!("/proc/{}/limits", process.id())).expect("it runs");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    soft.and_then(|soft| soft.parse().ok()).expect("a number")
}

#[test]
fn a_restarted_daemon_has_the_head_of_before_and_takes_its_api_file_along_when_it_stops() {
    let place = Place::new();
    let (first, api) = following(&place);
    let head = api.head();
    let ended = first.stop();
    assert!(ended.status.success(), "{}", ended.said);
    assert!(!place.path("repo").join("api").exists());
    // No flag: network and chain are the repo's.
    let mut second = place.start(daemon(&place, &[]));
    assert_eq!(second.api(&place.path("repo")).head(), head);
}

#[test]
fn another_configuration_than_the_repos_must_be_there_and_is_heeded() {
    let place = Place::new();
    let file = place.path("other.toml");
    let flags = ["--config", file.to_str().expect("UTF-8")];
    let (first, _) = following(&place);
    first.stop();
    let said = place.run(daemon(&place, &flags)).refused();
    assert!(said.contains("other.toml"), "{said}");
    fs::write(&file, "[Fees]\nDefaultMaxFee = \"many\"\n").expect("the folder can be written");
    let said = place.run(daemon(&place, &flags)).refused();
    assert!(said.contains("DefaultMaxFee"), "{said}");
}

#[test]
fn a_second_start_on_a_repo_in_use_says_who_has_it() {
    let place = Place::new();
    let (first, api) = following(&place);
    let said = place.run(daemon(&place, &[])).refused();
    assert!(said.contains("repo is already locked"), "{said}");
    assert!(said.contains(&format!("process {}", first.id())), "{said}");
    api.head();
}

mod with_few_open_files {
    use super::*;

    fn start(place: &Place, mut command: Command, wish: Option<&str>) -> Process {
        if let Some(wish) = wish {
            command.env("LOTUS_FD_MAX", wish);
        }
        place.start(command)
    }

    #[test]
    fn the_limit_is_raised_to_the_hard_one_with_a_warning() {
        let place = Place::new();
        drop(following(&place));
        let low = daemon_after(&place, "ulimit -Sn 64", &[]);
        let mut daemon = start(&place, low, None);
        daemon.api(&place.path("repo")).head();
        daemon.says("limit on open files");
        assert!(limit_on_open_files(&daemon) > 64);
    }

    #[test]
    fn work_goes_on_where_it_cannot_be_raised() {
        let place = Place::new();
        drop(following(&place));
        // A privileged process could raise the hard limit: the operator's word keeps it.
        let low = daemon_after(&place, "ulimit -n 64", &[]);
        let mut daemon = start(&place, low, Some("64"));
        let api = daemon.api(&place.path("repo"));
        daemon.says("the limit on open files is low");
        assert_eq!(limit_on_open_files(&daemon), 64);
        // More connections than it has descriptors for.
        let flood: Vec<_> = (0..100)
            .filter_map(|_| TcpStream::connect(api.address()).ok())
            .collect();
        assert!(flood.len() > 64, "{}", flood.len());
        drop(flood);
        api.head();
        let ended = daemon.stop();
        assert!(ended.status.success(), "{}", ended.said);
    }
}
