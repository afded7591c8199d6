//! The end of a server.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use lotus_rpc::{ClientOptions, HttpClient, Limits, WsClient};
use lotus_rpc_api::ApiClient;
use tokio::time::timeout;

use crate::toy::{ToyApi, start};

#[tokio::test]
async fn running_calls_may_finish_and_channels_are_closed() {
    let mut server = start(Limits::default()).await;
    let options = ClientOptions::default();
    let client = WsClient::connect(&server.ws(), None, options.clone())
        .await
        .unwrap();
    let ws = ApiClient::new(Arc::new(client));
    let http = ApiClient::new(Arc::new(
        HttpClient::new(&server.http(), None, options).unwrap(),
    ));
    let values = ws.toy_count(10, None).await.unwrap();
    let calls = tokio::spawn(async move { tokio::join!(ws.toy_wait(300), http.toy_wait(300)) });
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop.cancel();
    assert_eq!(calls.await.unwrap(), (Ok(300), Ok(300)));
    let seen = timeout(Duration::from_secs(2), values.count())
        .await
        .expect("the channel ends");
    assert!(seen > 0);
    let ended = timeout(Duration::from_secs(5), &mut server.task)
        .await
        .expect("the server ends");
    ended.unwrap().unwrap();
}

#[tokio::test]
async fn calls_that_never_end_are_cut_off_after_the_grace() {
    let limits = Limits {
        shutdown_grace: Duration::from_millis(100),
        ..Limits::default()
    };
    let mut server = start(limits).await;
    let options = ClientOptions::default();
    let client = WsClient::connect(&server.ws(), None, options.clone())
        .await
        .unwrap();
    let ws = ApiClient::new(Arc::new(client));
    let http = ApiClient::new(Arc::new(
        HttpClient::new(&server.http(), None, options).unwrap(),
    ));
    let calls = tokio::spawn(async move { tokio::join!(ws.toy_never(), http.toy_never()) });
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop.cancel();
    let ended = timeout(Duration::from_secs(5), &mut server.task)
        .await
        .expect("the server ends");
    ended.unwrap().unwrap();
    let (by_ws, by_http) = timeout(Duration::from_secs(5), calls)
        .await
        .unwrap()
        .unwrap();
    assert!(by_ws.is_err());
    assert!(by_http.is_err());
}
