use lotus_rpc_api::Permission;

use super::*;

fn parse(args: &[&str]) -> Result<LotusWallet, clap::Error> {
    let all = std::iter::once("lotus-wallet").chain(args.iter().copied());
    LotusWallet::parse(all.map(OsString::from))
}

#[test]
fn an_api_key_allows_everything_and_is_good_for_the_next_start() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("wallet");
    let flag = path.to_str().expect("UTF-8");
    let mut out = Vec::new();
    let command = parse(&["--wallet-repo", flag, "get-api-key"]).expect("a command");
    command.run(&mut out).expect("makes the repo");
    let token = String::from_utf8(out).expect("text");
    let repo = Repo::at(&path, RepoKind::Wallet);
    let secret = repo.lock().expect("free").jwt_secret().expect("kept");
    let secret = JwtSecret::from_bytes(&secret).expect("a secret");
    let allowed = secret.verify(token.trim()).expect("its own");
    assert_eq!(allowed, [Permission::Admin]);
    assert_eq!(api_key(Some(flag)).expect("again"), token.trim());
}

#[test]
fn the_help_says_how_a_node_finds_the_wallet() {
    let help = parse(&["--help"]).expect_err("help").render().to_string();
    for text in [
        "run",
        "get-api-key",
        "RemoteBackend",
        "1777",
        "Start lotus wallet",
    ] {
        assert!(help.contains(text), "{text} is not in\n{help}");
    }
    let help = parse(&["run", "--help"]).expect_err("help").to_string();
    for text in [
        "--interactive",
        "--offline",
        "--ledger",
        "0.0.0.0:1777",
        "30s",
    ] {
        assert!(help.contains(text), "{text} is not in\n{help}");
    }
    assert!(!help.contains("--disable-auth"), "hidden, as with Lotus");
}
