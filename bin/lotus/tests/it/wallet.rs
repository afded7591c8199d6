//! Keys in processes: a daemon whose keystore is encrypted, and `lotus-wallet`.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    process::{PATIENCE, Place, Process},
    recorded::{daemon, following},
};

/// A file that only its owner may read.
fn secret_file(place: &Place, name: &str, text: &str) -> PathBuf {
    let path = place.path(name);
    fs::write(&path, text).expect("the folder can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its own file");
    path
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A `lotus-wallet run` in the folder `keys` of a place.
struct Server {
    process: Process,
    address: SocketAddr,
    token: String,
}

impl Server {
    fn start(place: &Place, flags: &[&str], stdin: Option<std::io::PipeReader>) -> Self {
        let repo = place.path("keys");
        let token = place.done(
            "lotus-wallet",
            ["--wallet-repo", text(&repo), "get-api-key"],
        );
        let run = [
            "--wallet-repo",
            text(&repo),
            "run",
            "--listen",
            "127.0.0.1:0",
        ];
        let mut command = place.tool("lotus-wallet", run.iter().chain(flags));
        if let Some(stdin) = stdin {
            command.stdin(stdin);
        }
        let mut process = place.start(command);
        let address = process.until("the wallet's address", |_| {
            let multiaddr = fs::read_to_string(repo.join("api")).ok()?;
            let mut parts = multiaddr.trim().split('/').skip(2).step_by(2);
            let (ip, port) = (parts.next()?, parts.next()?);
            Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
        });
        Self {
            process,
            address,
            token: token.trim().to_owned(),
        }
    }

    /// Calls a method; an error is what the wallet says.
    fn call(&self, method: &str, params: &Value) -> Result<Value, String> {
        call(self.address, &self.token, method, params)
    }
}

fn call(address: SocketAddr, token: &str, method: &str, params: &Value) -> Result<Value, String> {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let body = request.to_string();
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    write!(
        stream,
        "POST /rpc/v0 HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (_, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let answer: Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {answer}"));
    match answer.get("error") {
        None | Some(Value::Null) => Ok(answer["result"].clone()),
        Some(error) => Err(error["message"].as_str().unwrap_or_default().to_owned()),
    }
}

/// The word that approves the question of this number.
fn word(process: &mut Process, number: usize) -> String {
    process.until("a question", |process| {
        let said = process.said();
        let question = said.split("Accept the above? (").nth(number)?;
        Some(question.split_once("/No): ")?.0.to_owned())
    })
}

#[test]
fn an_interactive_wallet_does_what_is_approved_at_its_terminal_and_nothing_else() {
    let place = Place::new();
    let (stdin, mut terminal) = std::io::pipe().expect("a pipe");
    let mut server = Server::start(&place, &["--interactive", "--offline"], Some(stdin));
    let (address, token) = (server.address, server.token.clone());
    let ask = move || {
        let token = token.clone();
        std::thread::spawn(move || call(address, &token, "Filecoin.WalletNew", &json!(["bls"])))
    };
    let asked = ask();
    word(&mut server.process, 1);
    writeln!(terminal, "No").expect("it reads");
    let refused = asked.join().expect("no panic");
    assert_eq!(refused, Err("action rejected".to_owned()));

    let asked = ask();
    let approving = word(&mut server.process, 2);
    writeln!(terminal, "perhaps\n{approving}").expect("it reads");
    let made = asked.join().expect("no panic").expect("approved");
    let listed = server.call("Filecoin.WalletList", &json!([]));
    assert_eq!(listed, Ok(json!([made])), "no question is asked for a list");
    let said = server.process.said();
    assert!(
        said.contains("ACTION: WalletNew - Creating new wallet"),
        "{said}"
    );
    assert!(said.contains("Type EXACTLY"), "{said}");

    let asked = ask();
    word(&mut server.process, 4);
    drop(terminal);
    let refused = asked.join().expect("no panic").expect_err("nobody there");
    assert!(refused.contains("nobody could approve"), "{refused}");
}

#[test]
fn a_daemon_uses_keys_of_a_wallet_elsewhere_and_of_its_own_encrypted_keystore() {
    let place = Place::new();
    let (first, _) = following(&place);
    let own = place.done("lotus", ["wallet", "new"]).trim().to_owned();
    let ended = first.stop();
    assert!(ended.status.success(), "{}", ended.said);
    let passphrase = secret_file(&place, "passphrase", "correct horse\n");
    let encrypt = ["wallet", "encrypt", "--passphrase-file", text(&passphrase)];
    place.done("lotus", encrypt);

    // Without the passphrase it does not start, and says what it needs.
    let said = place.run(daemon(&place, &[])).refused();
    assert!(said.contains("is encrypted"), "{said}");
    assert!(said.contains("LOTUS_WALLET_PASSPHRASE_FILE"), "{said}");
    let mut wrong = daemon(&place, &[]);
    wrong.env("LOTUS_WALLET_PASSPHRASE", "wrong horse");
    let said = place.run(wrong).refused();
    assert!(said.contains("wrong passphrase"), "{said}");
    assert!(!said.contains("wrong horse"), "{said}");

    let server = Server::start(&place, &[], None);
    let backend = format!("{}:http://{}", server.token, server.address);
    let mut start = daemon(&place, &[]);
    start
        .env("LOTUS_WALLET_PASSPHRASE_FILE", &passphrase)
        .env("LOTUS_WALLET_REMOTEBACKEND", &backend);
    let mut running = place.start(start);
    running.api(&place.path("repo"));

    let lotus = |args: &[&str]| place.done("lotus", args).trim().to_owned();
    let remote = lotus(&["wallet", "new", "delegated"]);
    assert!(remote.starts_with("t410f"), "{remote}");
    let has = server.call("Filecoin.WalletHas", &json!([remote]));
    assert_eq!(has, Ok(json!(true)));
    let listed = lotus(&["wallet", "list", "-a"]);
    assert!(
        listed.contains(&remote) && listed.contains(&own),
        "{listed}"
    );
    for address in [&remote, &own] {
        let signature = lotus(&["wallet", "sign", address, "68656c6c6f"]);
        let valid = lotus(&["wallet", "verify", address, "68656c6c6f", &signature]);
        assert_eq!(valid, "valid");
    }
    let ended = running.stop();
    assert!(ended.status.success(), "{}", ended.said);
    assert!(!ended.said.contains(&server.token), "tokens are not logged");
    assert!(!server.process.said().contains(&server.token));
}
