//! The limit on open files.
//!
//! # Lotus parity
//! The file descriptor limit manager of `lib/ulimit`, with `LOTUS_FD_MAX` and `IPFS_FD_MAX`. There a
//! limit of its own ends a worker; here work goes on with what there is.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Below this a node with many peers and tables runs out of file descriptors.
pub const COMFORTABLE: u64 = 16 << 10;
/// Below this a provider, with many sectors' files open at once, does.
pub const COMFORTABLE_FOR_A_MINER: u64 = 100_000;
/// How many descriptors an operator wants, in the order of asking.
const WISHES: [&str; 2] = ["LOTUS_FD_MAX", "IPFS_FD_MAX"];

/// What became of the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimit {
    /// Open files allowed before.
    pub before: u64,
    /// Open files allowed now.
    pub now: u64,
}

impl FileLimit {
    /// True when the limit is low for a node, whatever was done.
    pub fn is_low(&self) -> bool {
        self.now < COMFORTABLE
    }
}

/// Raises the limit on open files: to what `LOTUS_FD_MAX` says, or else to the hard limit, which a
/// privileged process raises, too, when it is low. Never lowers it. Logs a warning when that had to be
/// done from a low value, and when the limit stays low. Never an error: work goes on with what there is.
pub fn raise_file_limit(env: impl Fn(&str) -> Option<String>) -> FileLimit {
    let wish = wished(env);
    let old = getrlimit(Resource::Nofile);
    // None means unlimited.
    let before = old.current.unwrap_or(u64::MAX);
    let hard = old.maximum.unwrap_or(u64::MAX);
    let target = target(before, hard, wish);
    let limit = FileLimit {
        before,
        now: raise(before, hard, target),
    };
    tell(limit, wish);
    limit
}

/// Open files that this process is allowed now; the largest number when there is no limit.
pub fn open_files() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The wish of the environment; one that is no number is told of, and ignored.
fn wished(env: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let found = WISHES.iter().find_map(|name| Some((name, env(name)?)));
    let (name, text) = found?;
    match text.parse() {
        Ok(wish) => Some(wish),
        Err(_) => {
            tracing::warn!(%name, value = text, "not a number of open files");
            None
        }
    }
}

/// The limit to aim at.
fn target(before: u64, hard: u64, wish: Option<u64>) -> u64 {
    wish.unwrap_or(hard.max(COMFORTABLE)).max(before)
}

/// Sets the limit as near to `target` as the system lets this process; gives the one that holds.
fn raise(before: u64, hard: u64, target: u64) -> u64 {
    let known = |limit: u64| (limit != u64::MAX).then_some(limit);
    let set = |current: u64, maximum: u64| {
        let (current_or_none, maximum) = (known(current), known(maximum));
        let limit = Rlimit {
            current: current_or_none,
            maximum,
        };
        setrlimit(Resource::Nofile, limit).map(|()| current)
    };
    if target <= before {
        return before;
    }
    // Above the hard limit it takes a privilege, and the kernel has a bound of its own.
    let raised = match set(target, target.max(hard)) {
        Err(_) if target > hard && hard > before => set(hard, hard),
        other => other,
    };
    match raised {
        Ok(now) => now,
        // Not being allowed to pass the hard limit is no surprise.
        Err(_) if hard <= before => before,
        Err(error) => {
            tracing::warn!(before, %error, "the limit on open files cannot be raised");
            before
        }
    }
}

fn tell(FileLimit { before, now }: FileLimit, wish: Option<u64>) {
    let wanted = wish.unwrap_or(COMFORTABLE);
    if now < wanted || now < COMFORTABLE {
        tracing::warn!(
            before,
            now,
            wanted = wanted.max(COMFORTABLE),
            "the limit on open files is low: connections and tables may be refused; raise it with \
             ulimit -n, or in the service's settings (LimitNOFILE)"
        );
    } else if before < COMFORTABLE {
        tracing::warn!(
            before,
            now,
            "the limit on open files was low and has been raised"
        );
    }
}

#[cfg(test)]
mod the_limit_to_aim_at {
    use super::*;

    #[test]
    fn is_the_hard_limit() {
        assert_eq!(target(1024, 100_000, None), 100_000);
        assert_eq!(target(1024, u64::MAX, None), u64::MAX);
    }

    #[test]
    fn is_above_a_hard_limit_that_is_low() {
        assert_eq!(target(64, 64, None), COMFORTABLE);
    }

    #[test]
    fn is_what_the_operator_wants_but_never_less_than_before() {
        assert_eq!(target(1024, 100_000, Some(4096)), 4096);
        assert_eq!(target(1024, 2048, Some(4096)), 4096);
        assert_eq!(target(1024, 100_000, Some(64)), 1024);
    }

    #[test]
    fn heeds_lotus_variable_before_the_other_and_no_words() {
        let env = |name: &str| match name {
            "LOTUS_FD_MAX" => Some("5000".to_owned()),
            _ => Some("6000".to_owned()),
        };
        assert_eq!(wished(env), Some(5000));
        let other = |name: &str| (name == "IPFS_FD_MAX").then(|| "6000".to_owned());
        assert_eq!(wished(other), Some(6000));
        assert_eq!(wished(|_| Some("many".to_owned())), None);
        assert_eq!(wished(|_| None), None);
    }
}
