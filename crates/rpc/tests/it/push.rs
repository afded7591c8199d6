//! Bytes beside a call.

use std::{io::Cursor, sync::Arc, time::Duration};

use lotus_rpc::{ClientOptions, HttpClient, Limits, PushError, PushStreams, push};
use lotus_rpc_api::{ApiClient, Permission};
use uuid::Uuid;

use crate::toy::{Running, Sum, ToyApi, start};

fn api(server: &Running) -> ApiClient {
    let token = Some(server.token(Permission::Admin));
    ApiClient::new(Arc::new(
        HttpClient::new(&server.http(), token, ClientOptions::default()).unwrap(),
    ))
}

#[tokio::test]
async fn data_reaches_the_call_that_names_it() {
    let server = start(Limits::default()).await;
    let (api, url) = (api(&server), server.http());
    let data = vec![3_u8; 1 << 20];
    let expected = Sum {
        len: 1 << 20,
        sum: 3 << 20,
    };
    for call_first in [true, false] {
        let id = Uuid::new_v4();
        let late = Duration::from_millis(100);
        let (call_delay, push_delay) = if call_first {
            (Duration::ZERO, late)
        } else {
            (late, Duration::ZERO)
        };
        let (sum, pushed) = tokio::join!(
            async {
                tokio::time::sleep(call_delay).await;
                api.toy_sum(id).await
            },
            async {
                tokio::time::sleep(push_delay).await;
                push(&url, id, Cursor::new(data.clone())).await
            },
        );
        assert_eq!(sum.as_ref(), Ok(&expected));
        assert_eq!(pushed, Ok(()));
    }
}

#[tokio::test]
async fn a_stream_that_nobody_sends_is_an_error() {
    let streams = PushStreams::new(Duration::from_millis(50), Duration::from_secs(1));
    let id = Uuid::new_v4();
    let error = streams.open(id).await.unwrap_err();
    assert_eq!(
        error,
        PushError::NotSent {
            id,
            waited: Duration::from_millis(50)
        }
    );
}

#[tokio::test]
async fn the_same_stream_is_opened_once() {
    let streams = PushStreams::new(Duration::from_millis(200), Duration::from_secs(1));
    let id = Uuid::new_v4();
    let (first, second) = tokio::join!(streams.open(id), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        streams.open(id).await
    });
    assert!(matches!(first.unwrap_err(), PushError::NotSent { .. }));
    assert_eq!(second.unwrap_err(), PushError::Taken(id));
}

#[tokio::test]
async fn the_address_must_be_a_uuid() {
    let server = start(Limits::default()).await;
    let url = format!("http://{}/rpc/streams/v0/push/nonsense", server.address);
    let response = reqwest::Client::new()
        .post(url)
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
    // A Go client asks first where to send the data.
    let url = format!(
        "http://{}/rpc/streams/v0/push/{}",
        server.address,
        Uuid::new_v4()
    );
    assert_eq!(
        reqwest::Client::new()
            .head(url)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}
