//! The clients, against the server and against servers that misbehave.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use lotus_rpc::{ApiInfo, ClientOptions, HttpClient, Limits, WsClient, connect};
use lotus_rpc_api::{ApiClient, Permission, RpcError};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

use crate::toy::{Running, ToyApi, eventually, start, start_at};

fn quick() -> ClientOptions {
    ClientOptions {
        time_limit: Duration::from_millis(300),
        connect_timeout: Duration::from_millis(300),
        min_backoff: Duration::from_millis(10),
        max_backoff: Duration::from_millis(50),
        ..ClientOptions::default()
    }
}

async fn ws(server: &Running, options: ClientOptions) -> ApiClient {
    let token = Some(server.token(Permission::Admin));
    ApiClient::new(Arc::new(
        WsClient::connect(&server.ws(), token, options)
            .await
            .unwrap(),
    ))
}

fn http(server: &Running, options: ClientOptions) -> ApiClient {
    let token = Some(server.token(Permission::Admin));
    ApiClient::new(Arc::new(
        HttpClient::new(&server.http(), token, options).unwrap(),
    ))
}

mod both_clients {
    use super::*;

    #[tokio::test]
    async fn call_and_pass_errors_on() {
        let server = start(Limits::default()).await;
        // The panic below may take a while: it prints a backtrace where that is switched on.
        let patient = ClientOptions::default();
        for api in [
            ws(&server, patient.clone()).await,
            http(&server, patient.clone()),
        ] {
            assert_eq!(api.toy_add(1, 2).await, Ok(3));
            assert_eq!(
                api.toy_write("ä<ß>".to_owned()).await,
                Ok("ä<ß>".to_owned())
            );
            let error = api.toy_add(i64::MAX, 1).await.unwrap_err();
            assert_eq!(
                (error.code(), error.to_string().as_str()),
                (Some(3), "too <large>")
            );
            assert!(api.toy_missing().await.unwrap_err().is_not_supported());
            assert_eq!(api.toy_panic().await.unwrap_err().code(), Some(0));
        }
    }

    #[tokio::test]
    async fn wait_no_longer_than_they_should() {
        let server = start(Limits::default()).await;
        for api in [ws(&server, quick()).await, http(&server, quick())] {
            let error = api.toy_never().await.unwrap_err();
            assert!(matches!(error, RpcError::TimedOut { .. }), "{error:?}");
            assert!(
                error
                    .to_string()
                    .contains("no answer to Filecoin.ToyNever from"),
                "{error}"
            );
            // A method that waits may take longer than the ordinary limit.
            assert_eq!(api.toy_wait(500).await, Ok(500));
        }
    }

    #[tokio::test]
    async fn say_that_the_token_is_refused() {
        let server = start(Limits::default()).await;
        let forged = lotus_rpc::JwtSecret::generate()
            .token(&Permission::ALL)
            .unwrap();
        let refused = |e: &RpcError| matches!(e, RpcError::Unauthorized { .. });
        let error = WsClient::connect(&server.ws(), Some(forged.clone()), quick())
            .await
            .unwrap_err();
        assert!(refused(&error), "{error:?}");
        let client = HttpClient::new(&server.http(), Some(forged), quick()).unwrap();
        let error = ApiClient::new(Arc::new(client))
            .toy_add(1, 2)
            .await
            .unwrap_err();
        assert!(refused(&error), "{error:?}");
    }

    #[tokio::test]
    async fn are_made_from_an_api_info() {
        let server = start(Limits::default()).await;
        let (token, port) = (server.token(Permission::Write), server.address.port());
        for address in [
            format!("/ip4/127.0.0.1/tcp/{port}/http"),
            format!("http://127.0.0.1:{port}"),
        ] {
            let info: ApiInfo = format!("{token}:{address}").parse().unwrap();
            let api = connect(&info, "v1", quick()).await.unwrap();
            assert_eq!(api.toy_write("a".to_owned()).await, Ok("a".to_owned()));
        }
    }

    #[tokio::test]
    async fn do_not_hang_on_a_server_that_never_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // Accepts by the kernel's backlog and says nothing.
        let error = WsClient::connect(&format!("ws://{address}/rpc/v1"), None, quick())
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("no connection within"),
            "{error}"
        );
        let client = HttpClient::new(&format!("http://{address}/rpc/v1"), None, quick()).unwrap();
        let error = ApiClient::new(Arc::new(client))
            .toy_add(1, 2)
            .await
            .unwrap_err();
        assert!(matches!(error, RpcError::TimedOut { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn say_who_is_not_there() {
        let address = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let url = format!("http://{address}/rpc/v1");
        let client = HttpClient::new(&url, None, quick()).unwrap();
        let error = ApiClient::new(Arc::new(client))
            .toy_add(1, 2)
            .await
            .unwrap_err();
        assert!(error.is_transport());
        assert!(
            error
                .to_string()
                .starts_with(&format!("cannot reach {url}")),
            "{error}"
        );
        assert!(
            error.to_string().to_lowercase().contains("refused"),
            "{error}"
        );
    }
}

mod the_http_client {
    use super::*;

    async fn answering(text: &'static str) -> ApiClient {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/rpc/v1", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let _ = tokio::io::AsyncReadExt::read(&mut socket, &mut request).await;
                let _ = socket.write_all(text.as_bytes()).await;
            }
        });
        let options = ClientOptions {
            max_answer: 1000,
            ..quick()
        };
        ApiClient::new(Arc::new(HttpClient::new(&url, None, options).unwrap()))
    }

    #[tokio::test]
    async fn tells_what_is_wrong_with_an_answer() {
        for (answer, reason) in [
            (
                "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\noops",
                "HTTP status 502 Bad Gateway and no JSON-RPC: oops",
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"result\":\"x\"}",
                "unexpected result: invalid type: string \"x\", expected i64",
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
                "cannot reach",
            ),
            ("no HTTP at all", "cannot reach"),
        ] {
            let error = answering(answer)
                .await
                .toy_add(1, 2)
                .await
                .unwrap_err()
                .to_string();
            assert!(error.contains(reason), "{error}");
        }
        let long = Box::leak(
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n{}",
                " ".repeat(2000)
            )
            .into_boxed_str(),
        );
        let error = answering(long)
            .await
            .toy_add(1, 2)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("longer than 1000 bytes"), "{error}");
    }

    #[tokio::test]
    async fn has_no_channels_and_says_so() {
        let server = start(Limits::default()).await;
        let error = http(&server, quick())
            .toy_count(1, None)
            .await
            .err()
            .unwrap();
        assert!(error.to_string().contains("needs a WebSocket"), "{error}");
    }
}

mod the_websocket_client {
    use super::*;

    #[tokio::test]
    async fn follows_a_channel_to_its_end() {
        let server = start(Limits::default()).await;
        let api = ws(&server, quick()).await;
        let values: Vec<_> = api.toy_count(1, Some(3)).await.unwrap().collect().await;
        assert_eq!(values, [0, 1, 2]);
    }

    #[tokio::test]
    async fn stops_a_channel_that_it_drops() {
        let server = start(Limits::default()).await;
        let api = ws(&server, quick()).await;
        let mut values = api.toy_count(1, None).await.unwrap();
        assert_eq!(values.next().await, Some(0));
        assert_eq!(api.toy_counting().await, Ok(1));
        drop(values);
        eventually("the end of the count", async || {
            api.toy_counting().await == Ok(0)
        })
        .await;
    }

    #[tokio::test]
    async fn gives_up_a_channel_that_nobody_reads() {
        let server = start(Limits::default()).await;
        let api = ws(
            &server,
            ClientOptions {
                channel_buffer: 4,
                ..quick()
            },
        )
        .await;
        let values = api.toy_count(1, None).await.unwrap();
        eventually("the end of the count", async || {
            api.toy_counting().await == Ok(0)
        })
        .await;
        assert_eq!(
            values.collect::<Vec<_>>().await,
            [0, 1, 2, 3],
            "what came before is not lost"
        );
    }

    #[tokio::test]
    async fn makes_many_calls_at_once() {
        let server = start(Limits::default()).await;
        let api = ws(&server, quick()).await;
        let calls = (0..500).map(|n| api.toy_add(n, 1));
        let sums: Vec<_> = futures::future::join_all(calls).await;
        for (n, sum) in (0..).zip(sums) {
            assert_eq!(sum, Ok(n + 1));
        }
    }

    #[tokio::test]
    async fn fails_openly_while_the_server_is_away() {
        let grace = Duration::from_millis(100);
        let server = start(Limits {
            shutdown_grace: grace,
            ..Limits::default()
        })
        .await;
        let address = server.address;
        let api = ws(&server, quick()).await;
        let values = api.toy_count(5, None).await.unwrap();
        let in_flight = tokio::spawn({
            let api = api.clone();
            async move { api.toy_wait(60_000).await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(server);
        let unreachable = |e: RpcError| matches!(e, RpcError::Unreachable { .. });
        assert!(unreachable(in_flight.await.unwrap().unwrap_err()));
        assert!(
            values.collect::<Vec<_>>().await.len() > 1,
            "the channel ends"
        );
        eventually("a call that says so", async || {
            api.toy_add(1, 2).await.is_err_and(unreachable)
        })
        .await;
        // Another server in its place has another secret: the old token is refused, openly.
        let again = start_at(Limits::default(), address).await;
        eventually("a refused token", async || {
            matches!(api.toy_add(1, 2).await, Err(RpcError::Unauthorized { .. }))
        })
        .await;
        drop(again);
    }

    #[tokio::test]
    async fn works_on_after_connecting_again() {
        let server = start(Limits {
            shutdown_grace: Duration::from_millis(10),
            ..Limits::default()
        })
        .await;
        let address = server.address;
        let client = WsClient::connect(&server.ws(), None, quick())
            .await
            .unwrap();
        let api = ApiClient::new(Arc::new(client));
        assert_eq!(api.toy_add(1, 2).await, Ok(3));
        drop(server);
        eventually("a call that fails", async || {
            api.toy_add(1, 2).await.is_err()
        })
        .await;
        let again = start_at(Limits::default(), address).await;
        eventually("a call that works", async || {
            api.toy_add(1, 2).await == Ok(3)
        })
        .await;
        let values: Vec<_> = api.toy_count(1, Some(2)).await.unwrap().collect().await;
        assert_eq!(values, [0, 1]);
        drop(again);
    }

    #[tokio::test]
    async fn notices_a_server_that_is_silent() {
        // Accepts the WebSocket and then never reads or writes again.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/rpc/v1", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((socket, _)) = listener.accept().await {
                held.push(tokio_tungstenite::accept_async(socket).await);
            }
        });
        let options = ClientOptions {
            ping_interval: Duration::from_millis(20),
            idle_timeout: Duration::from_millis(100),
            ..quick()
        };
        let client = WsClient::connect(&url, None, options).await.unwrap();
        let api = ApiClient::new(Arc::new(client));
        // No time limit of its own: the connection's death ends it.
        let error = api.toy_wait(1).await.unwrap_err();
        assert!(
            error.to_string().contains("the server was silent for"),
            "{error}"
        );
    }
}
