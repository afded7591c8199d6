//! Providers that fail or lie.

use super::*;

/// The error of a retrieval; nothing may be left in the folder then.
async fn refusal(url: &str, root: Cid, limits: RetrieveLimits) -> RetrieveError {
    let folder = tempfile::tempdir().unwrap();
    let outcome = retrieve(url, &root, &folder.path().join("out"), &limits, |_| {}).await;
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    outcome.unwrap_err()
}

/// A provider that answers every request with these bytes.
async fn always(bytes: Vec<u8>) -> String {
    let answer = move || async move { bytes };
    serve(Router::new().route("/ipfs/{cid}", get(answer))).await
}

/// The gateway with its answers changed on the way.
async fn changed(provider: &Provider, change: fn(Vec<u8>) -> Vec<u8>) -> String {
    let layer = middleware::from_fn(move |request: Request, next: Next| async move {
        let (parts, body) = next.run(request).await.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let mut response = Response::from_parts(parts, Body::from(change(body.into())));
        response.headers_mut().remove("content-length");
        response
    });
    serve(provider.router().layer(layer)).await
}

#[tokio::test]
async fn a_block_corrupted_on_the_way_is_refused_by_its_cid() {
    let (provider, root) = Provider::with_file();
    let url = changed(&provider, |mut car| {
        car[3 << 20] ^= 1;
        car
    })
    .await;
    let error = refusal(&url, root, patient()).await;
    // The third leaf.
    let leaf = "bafk2bzaceamzzheabxbckn27kpffuc22terje5w6qicgnznmjrqgocsmkazwo";
    assert!(matches!(error, RetrieveError::BadBlock(_)), "{error}");
    assert!(error.to_string().contains(leaf), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_always_cut_ends_in_an_error() {
    let (provider, root) = Provider::with_file();
    let url = changed(&provider, |mut car| {
        car.truncate(200);
        car
    })
    .await;
    let error = refusal(&url, root, impatient()).await;
    let RetrieveError::BadCar { source, .. } = &error else {
        panic!("{error}")
    };
    assert!(source.to_string().contains("truncated"), "{error}");
}

#[tokio::test]
async fn connections_that_break_again_and_again_only_cost_time() {
    let (provider, root) = Provider::with_file();
    let layer = middleware::from_fn(|request: Request, next: Next| async move {
        let (mut parts, body) = next.run(request).await.into_parts();
        parts.headers.remove("content-length");
        // One whole leaf and a bit more get through each time.
        let mut left = (1 << 20) + 2000;
        let cut = body.into_data_stream().map(move |chunk| {
            let chunk = chunk.map_err(std::io::Error::other)?;
            let part = chunk.slice(..chunk.len().min(left));
            left -= part.len();
            if left == 0 && part.is_empty() {
                return Err(std::io::Error::other("cut"));
            }
            Ok(part)
        });
        Response::from_parts(parts, Body::from_stream(cut))
    });
    let url = serve(provider.router().layer(layer)).await;
    let got = retrieve(&url, &root, &provider.out(), &patient(), |_| {}).await;
    assert_eq!(got.unwrap().blocks, 6);
    let file = provider.folder.path().join("out");
    export_car(&provider.out(), &root, &file, false).unwrap();
    assert!(fs::read(file).unwrap() == pattern(FILE));
}

#[tokio::test]
async fn a_peer_that_never_answers_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok(connection) = listener.accept().await {
            held.push(connection);
        }
    });
    let error = refusal(&url, Cid::of_raw(b"x"), impatient()).await;
    held.abort();
    let RetrieveError::TimedOut { what, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(*what, "answer");
    assert!(error.to_string().contains("no answer for 0.5 s"), "{error}");
}

#[tokio::test]
async fn a_peer_that_falls_silent_is_given_up() {
    let (provider, root) = Provider::with_file();
    let layer = middleware::from_fn(|request: Request, next: Next| async move {
        let (mut parts, body) = next.run(request).await.into_parts();
        parts.headers.remove("content-length");
        let start = to_bytes(body, usize::MAX).await.unwrap().slice(..100);
        let start = stream::once(async { Ok::<_, std::io::Error>(start) });
        let silent = start.chain(stream::pending());
        Response::from_parts(parts, Body::from_stream(silent))
    });
    let url = serve(provider.router().layer(layer)).await;
    let error = refusal(&url, root, impatient()).await;
    assert!(error.to_string().contains("no byte for 0.3 s"), "{error}");
}

#[tokio::test]
async fn a_peer_that_sends_a_byte_now_and_then_is_given_up() {
    let answer = || async {
        // The start of a header that takes its time.
        let drip = stream::unfold(&[0x7f, 0xa2][..], |bytes| async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(bytes)), &[0][..]))
        });
        Body::from_stream(drip)
    };
    let url = serve(Router::new().route("/ipfs/{cid}", get(answer))).await;
    let limits = RetrieveLimits {
        block: Duration::from_millis(600),
        ..impatient()
    };
    let error = refusal(&url, Cid::of_raw(b"x"), limits).await;
    assert!(
        error.to_string().contains("no good block for 0.6 s"),
        "{error}"
    );
}

#[tokio::test]
async fn nobody_there_is_an_error_that_says_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = refusal(&url, Cid::of_raw(b"x"), impatient()).await;
    assert!(matches!(error, RetrieveError::Connection { .. }), "{error}");
    assert!(error.to_string().contains(&url), "{error}");
}

#[tokio::test]
async fn what_the_provider_does_not_have_is_named() {
    let (provider, _) = Provider::with_file();
    let url = serve(provider.router()).await;
    let root = Cid::of_raw(b"never stored");
    let error = refusal(&url, root, patient()).await;
    assert!(matches!(&error, RetrieveError::NotFound(link) if **link == root.into()));
}

#[tokio::test]
async fn an_error_of_the_provider_is_told_in_its_words() {
    let answer = || async { (StatusCode::FORBIDDEN, "pay first") };
    let url = serve(Router::new().route("/ipfs/{cid}", get(answer))).await;
    let error = refusal(&url, Cid::of_raw(b"x"), impatient()).await;
    assert!(error.to_string().contains("403: pay first"), "{error}");
}

#[tokio::test]
async fn blocks_that_nobody_needs_are_refused() {
    let (wanted, other) = (raw(b"wanted"), raw(b"other"));
    let url = always(car(&wanted.0, &[other.clone(), wanted.clone()])).await;
    let error = refusal(&url, wanted.0.cid().unwrap(), impatient()).await;
    let RetrieveError::Unexpected { got, wanted: due } = error else {
        panic!("{error}")
    };
    assert_eq!((*got, *due), (other.0, wanted.0));
}

#[tokio::test]
async fn an_answer_without_the_block_is_incomplete() {
    let wanted = raw(b"wanted");
    let url = always(car(&wanted.0, &[])).await;
    let error = refusal(&url, wanted.0.cid().unwrap(), impatient()).await;
    assert!(matches!(error, RetrieveError::Incomplete(link) if *link == wanted.0));
}

#[tokio::test]
async fn the_same_block_for_ever_is_refused() {
    let (provider, root) = Provider::with_file();
    let (_, piece) = provider.piece();
    // The root and its first leaf, then that leaf again and again.
    let mut sections = Sections::default();
    sections.push(&piece);
    let node = sections.section().unwrap().unwrap();
    let leaf = sections.section().unwrap().unwrap();
    let node = (node.link, node.data);
    let leaf = (leaf.link, leaf.data);
    let start = car(&root.into(), &[node, leaf.clone()]);
    let mut again = crate::piece::sections::section_head(&leaf.0, leaf.1.len());
    again.extend(&leaf.1);
    let answer = move || async move {
        let start = stream::once(async { Ok::<_, std::io::Error>(Bytes::from(start)) });
        let again = stream::repeat(Bytes::from(again)).map(Ok);
        Body::from_stream(start.chain(again))
    };
    let url = serve(Router::new().route("/ipfs/{cid}", get(answer))).await;
    let error = refusal(&url, root, patient()).await;
    assert!(matches!(error, RetrieveError::Repeating), "{error}");
}

#[tokio::test]
async fn hostile_answers_are_refused() {
    let root = raw(b"wanted");
    let header = car(&root.0, &[]);
    let with = |tail: &[u8]| [&header[..], tail].concat();
    for answer in [
        b"<html>not found</html>".to_vec(),
        vec![0xff; 64],
        with(&[0xff; 64]),
        with(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        with(&[0x80, 0x00]),
        with(&[1, 0]),
        with(&[4, 1, 0x55, 0x12, 0x20]),
    ] {
        let url = always(answer).await;
        let error = refusal(&url, root.0.cid().unwrap(), impatient()).await;
        assert!(matches!(error, RetrieveError::BadCar { .. }), "{error}");
    }
}

#[tokio::test]
async fn more_than_is_allowed_is_not_taken() {
    let (provider, root) = Provider::with_file();
    let url = serve(provider.router()).await;
    let few_bytes = RetrieveLimits {
        bytes: 2 << 20,
        ..patient()
    };
    let error = refusal(&url, root, few_bytes).await;
    assert!(matches!(error, RetrieveError::TooLarge(_)), "{error}");
    let small_blocks = RetrieveLimits {
        max_block: 1 << 19,
        ..patient()
    };
    let error = refusal(&url, root, small_blocks).await;
    assert!(
        error.to_string().contains("more than the allowed"),
        "{error}"
    );
}

#[tokio::test]
async fn a_retrieval_that_is_given_up_leaves_nothing() {
    let (provider, root) = Provider::with_file();
    let layer = middleware::from_fn(|request: Request, next: Next| async move {
        let (mut parts, body) = next.run(request).await.into_parts();
        parts.headers.remove("content-length");
        let start = to_bytes(body, usize::MAX).await.unwrap().slice(..2 << 20);
        let start = stream::once(async { Ok::<_, std::io::Error>(start) });
        Response::from_parts(parts, Body::from_stream(start.chain(stream::pending())))
    });
    let url = serve(provider.router().layer(layer)).await;
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("out");
    let (limits, arrived) = (patient(), AtomicUsize::new(0));
    let retrieval = retrieve(&url, &root, &to, &limits, |_| {
        arrived.fetch_add(1, Ordering::SeqCst);
    });
    let given_up = tokio::time::timeout(Duration::from_secs(2), retrieval).await;
    assert!(given_up.is_err() && arrived.load(Ordering::SeqCst) > 0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
