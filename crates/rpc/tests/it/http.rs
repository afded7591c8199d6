//! The server, asked by HTTP.

use lotus_rpc::Limits;
use lotus_rpc_api::Permission;

use crate::toy::{Running, start};

/// Status and body of a request with this body.
async fn post(
    server: &Running,
    token: Option<&str>,
    body: impl Into<reqwest::Body>,
) -> (u16, String) {
    let mut request = reqwest::Client::new().post(server.http()).body(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn call(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"Filecoin.{method}","params":{params}}}"#)
}

mod a_call {
    use super::*;

    #[tokio::test]
    async fn is_answered_in_gos_layout() {
        let server = start(Limits::default()).await;
        let answer = post(&server, None, call("ToyAdd", "[1,2]")).await;
        assert_eq!(
            answer,
            (
                200,
                "{\"jsonrpc\":\"2.0\",\"result\":3,\"id\":1}\n".to_owned()
            )
        );
        let alias = r#"{"id":"x","method":"toy_add","params":[1,2]}"#;
        assert_eq!(
            post(&server, None, alias).await.1,
            "{\"jsonrpc\":\"2.0\",\"result\":3,\"id\":\"x\"}\n"
        );
    }

    #[tokio::test]
    async fn that_fails_has_status_200_and_its_code() {
        let server = start(Limits::default()).await;
        let answer = post(&server, None, call("ToyAdd", "[9223372036854775807,1]")).await;
        let text = "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":3,\"message\":\"too \\u003clarge\\u003e\"}}\n";
        assert_eq!(answer, (200, text.to_owned()));
    }

    #[tokio::test]
    async fn that_panics_is_answered_and_the_server_lives() {
        let server = start(Limits::default()).await;
        let (status, text) = post(&server, None, call("ToyPanic", "[]")).await;
        assert_eq!(status, 500);
        assert!(
            text.contains("panic in rpc method 'Filecoin.ToyPanic': a bug"),
            "{text}"
        );
        assert_eq!(post(&server, None, call("ToyAdd", "[1,2]")).await.0, 200);
    }

    #[tokio::test]
    async fn of_a_method_that_is_not_implemented_says_so() {
        let server = start(Limits::default()).await;
        let (status, text) = post(&server, None, call("ToyMissing", "[]")).await;
        assert_eq!(status, 500);
        assert!(text.contains(
            "\"code\":-32601,\"message\":\"method 'Filecoin.ToyMissing' not supported\""
        ));
    }

    #[tokio::test]
    async fn that_gives_up_is_cancelled_on_the_server() {
        let server = start(Limits::default()).await;
        let waiting = reqwest::Client::new()
            .post(server.http())
            .body(call("ToyNever", "[]"))
            .timeout(std::time::Duration::from_millis(50))
            .send()
            .await;
        assert!(waiting.unwrap_err().is_timeout());
        assert_eq!(post(&server, None, call("ToyAdd", "[1,2]")).await.0, 200);
    }
}

mod permissions {
    use super::*;

    #[tokio::test]
    async fn come_from_the_token() {
        let server = start(Limits::default()).await;
        let body = call("ToyWrite", "[\"a\"]");
        let missing = "missing permission to invoke 'ToyWrite' (need 'write')";
        for token in [None, Some(server.token(Permission::Read))] {
            let (status, text) = post(&server, token.as_deref(), body.clone()).await;
            assert_eq!(status, 200);
            assert!(text.contains(missing), "{text}");
        }
        for permission in [Permission::Write, Permission::Sign, Permission::Admin] {
            let token = server.token(permission);
            let (_, text) = post(&server, Some(&token), body.clone()).await;
            assert!(text.contains("\"result\":\"a\""), "{text}");
        }
    }

    #[tokio::test]
    async fn may_be_named_in_the_address() {
        let server = start(Limits::default()).await;
        let url = format!(
            "{}?token={}",
            server.http(),
            server.token(Permission::Write)
        );
        let response = reqwest::Client::new()
            .post(url)
            .body(call("ToyWrite", "[\"a\"]"))
            .send()
            .await
            .unwrap();
        assert!(response.text().await.unwrap().contains("\"result\":\"a\""));
    }

    #[tokio::test]
    async fn of_a_forged_token_are_none_at_all() {
        let server = start(Limits::default()).await;
        let forged = lotus_rpc::JwtSecret::generate()
            .token(&Permission::ALL)
            .unwrap();
        let body = call("ToyAdd", "[1,2]");
        assert_eq!(
            post(&server, Some(&forged), body.clone()).await,
            (401, String::new())
        );
        let basic = reqwest::Client::new()
            .post(server.http())
            .header("Authorization", "Basic abc")
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(basic.status(), 401);
    }
}

mod too_much {
    use super::*;

    fn small() -> Limits {
        Limits {
            body: 1000,
            batch: 3,
            depth: 10,
            ..Limits::default()
        }
    }

    #[tokio::test]
    async fn of_a_body_is_refused() {
        let server = start(small()).await;
        let (status, text) = post(&server, None, " ".repeat(1001)).await;
        assert_eq!(status, 500);
        assert!(
            text.contains(
                "\"code\":-32700,\"message\":\"request bigger than maximum 1000 allowed\""
            )
        );
        let fits = format!("{}{}", call("ToyAdd", "[1,2]"), " ".repeat(500));
        assert_eq!(post(&server, None, fits).await.0, 200);
    }

    #[tokio::test]
    async fn of_a_batch_is_refused() {
        let server = start(small()).await;
        let one = call("ToyAdd", "[1,2]");
        let three = format!("[{}]", vec![one.clone(); 3].join(","));
        let (status, text) = post(&server, None, three).await;
        assert_eq!(status, 200);
        assert_eq!(text.matches("\"result\":3").count(), 3);
        assert!(serde_json::from_str::<Vec<serde_json::Value>>(&text).is_ok());
        let four = format!("[{}]", vec![one; 4].join(","));
        let (status, text) = post(&server, None, four).await;
        assert_eq!(status, 400);
        assert!(
            text.contains("batch of 4 requests is larger than the 3 allowed"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn of_nesting_is_refused() {
        let server = start(small()).await;
        let deep = call("ToyAdd", &format!("{}{}", "[".repeat(11), "]".repeat(11)));
        let (status, text) = post(&server, None, deep).await;
        assert_eq!(status, 500);
        assert!(
            text.contains("\"id\":null,\"error\":{\"code\":-32700,\"message\":\"Parse error\"}")
        );
    }
}

#[tokio::test]
async fn a_batch_leaves_out_what_needs_no_answer() {
    let server = start(Limits::default()).await;
    let quiet = r#"{"method":"Filecoin.ToyAdd","params":[1,2]}"#;
    let (status, text) = post(
        &server,
        None,
        format!("[{quiet},{}]", call("ToyAdd", "[2,2]")),
    )
    .await;
    assert_eq!(
        (status, text.as_str()),
        (200, "[{\"jsonrpc\":\"2.0\",\"result\":4,\"id\":1}\n]")
    );
    assert_eq!(
        post(&server, None, format!("[{quiet}]")).await,
        (200, String::new())
    );
}

#[tokio::test]
async fn other_routes_are_served_too() {
    let server = start(Limits::default()).await;
    let get = |path: &str| reqwest::get(format!("http://{}{path}", server.address));
    assert_eq!(get("/health/livez").await.unwrap().status(), 200);
    let nowhere = get("/rpc/v9").await.unwrap();
    assert_eq!(nowhere.status(), 404);
    assert_eq!(nowhere.text().await.unwrap(), "404 page not found\n");
}
