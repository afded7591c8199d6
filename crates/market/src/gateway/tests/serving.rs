//! What the server answers.

use super::*;
use crate::{
    dag_pb::{PbLink, PbNode},
    unixfs::{Node, NodeType},
};

/// CIDs of the blocks in an answer.
async fn blocks_of(url: &str) -> Vec<Link> {
    let response = reqwest::get(url).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], CAR_CONTENT);
    let mut sections = Sections::default();
    sections.push(&response.bytes().await.unwrap());
    let mut links = Vec::new();
    while let Some(section) = sections.section().unwrap() {
        section.link.verify(&section.data).unwrap();
        links.push(section.link);
    }
    sections.finish().unwrap();
    links
}

#[tokio::test]
async fn a_dag_comes_root_first_as_far_as_is_asked() {
    let (provider, root) = Provider::with_file();
    let url = serve(provider.router()).await;
    let dag = |query: &str| format!("{url}/ipfs/{root}?{query}");
    let all = blocks_of(&dag("format=car")).await;
    assert_eq!((all.len(), &all[0]), (6, &root.into()));
    assert_eq!(blocks_of(&dag("format=car&dag-scope=entity")).await, all);
    let block = blocks_of(&dag("format=car&dag-scope=block")).await;
    assert_eq!(block, [Link::from(root)]);
}

#[tokio::test]
async fn an_entity_is_a_whole_file_but_only_the_list_of_a_directory() {
    let provider = Provider::new(true);
    let leaf = raw(b"leaf");
    let unixfs = Node {
        kind: NodeType::Directory,
        data: None,
        file_size: None,
        block_sizes: Vec::new(),
        fanout: None,
    };
    let directory = PbNode {
        links: vec![PbLink {
            target: leaf.0.clone(),
            name: Some("leaf".to_owned()),
            size: None,
        }],
        data: Some(unixfs.encode()),
    };
    let directory = pb(&directory.encode());
    let data = car(&directory.0, &[directory.clone(), leaf]);
    provider.store(Cid::of_raw(b"piece"), data);
    let url = serve(provider.router()).await;
    let url = format!("{url}/ipfs/{}?format=car&dag-scope=", directory.0);
    assert_eq!(blocks_of(&format!("{url}entity")).await, [directory.0]);
    assert_eq!(blocks_of(&format!("{url}all")).await.len(), 2);
}

#[tokio::test]
async fn a_block_comes_as_it_is() {
    let (provider, root) = Provider::with_file();
    let url = serve(provider.router()).await;
    let request = reqwest::Client::new().get(format!("{url}/ipfs/{root}"));
    let response = request.header("accept", RAW_TYPE).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], RAW_TYPE);
    let block = response.bytes().await.unwrap();
    assert_eq!(block.len(), 269);
    assert!(Link::from(root).verify(&block).is_ok());
}

#[tokio::test]
async fn refusals_say_what_is_wrong() {
    let (provider, root) = Provider::with_file();
    let url = serve(provider.router()).await;
    let unknown = Cid::of_raw(b"unknown");
    for (path, status, words) in [
        (
            format!("/ipfs/{unknown}?format=car"),
            404,
            unknown.to_string(),
        ),
        (format!("/piece/{unknown}"), 404, unknown.to_string()),
        (
            "/ipfs/nonsense?format=car".to_owned(),
            400,
            "nonsense".to_owned(),
        ),
        ("/piece/nonsense".to_owned(), 400, "nonsense".to_owned()),
        (format!("/ipfs/{root}?format=tar"), 400, "tar".to_owned()),
        (
            format!("/ipfs/{root}/a/b?format=car"),
            400,
            "a/b".to_owned(),
        ),
        (format!("/ipfs/{root}"), 406, "format=car".to_owned()),
    ] {
        let (got, text) = get_text(&format!("{url}{path}")).await;
        assert_eq!(got, status, "{path}: {text}");
        assert!(text.contains(&words), "{path}: {text}");
    }
}

#[tokio::test]
async fn more_requests_than_allowed_are_told_to_come_back() {
    let (mut provider, root) = Provider::with_file();
    provider.limits.answers = 0;
    let url = serve(provider.router()).await;
    let response = reqwest::get(format!("{url}/ipfs/{root}?format=car"))
        .await
        .unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "1");
}

#[tokio::test]
async fn a_piece_that_is_corrupt_on_disk_is_never_served_as_whole() {
    let (provider, root) = Provider::with_file();
    let (cid, data) = provider.piece();
    let mut data = data.to_vec();
    data[3 << 20] ^= 1;
    provider.pieces.data.lock().insert(cid, data.into());
    let url = serve(provider.router()).await;
    let response = reqwest::get(format!("{url}/ipfs/{root}?format=car"))
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err(), "broken off");
}

#[tokio::test]
async fn a_piece_comes_whole_or_in_ranges() {
    let (provider, _) = Provider::with_file();
    let (cid, data) = provider.piece();
    let payload = usize::try_from(provider.index.piece(&cid).unwrap().unwrap().payload).unwrap();
    let url = format!("{}/piece/{cid}", serve(provider.router()).await);
    let whole = reqwest::get(&url).await.unwrap();
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    assert!(whole.bytes().await.unwrap() == data[..payload]);
    let range = |range: &'static str| {
        let request = reqwest::Client::new().get(&url).header("range", range);
        async { request.send().await.unwrap() }
    };
    let part = range("bytes=1000000-3000000").await;
    assert_eq!(part.status(), 206);
    let content_range = format!("bytes 1000000-3000000/{payload}");
    assert_eq!(part.headers()["content-range"], content_range);
    assert!(part.bytes().await.unwrap() == data[1_000_000..=3_000_000]);
    assert_eq!(range("bytes=99999999-").await.status(), 416);
}

#[tokio::test]
async fn whether_there_is_a_block_is_told_without_unsealing() {
    let provider = Provider::new(false);
    let root = provider.store_file(&pattern(3000));
    let url = serve(provider.router()).await;
    let head = |block: Cid| {
        let url = format!("{url}/ipfs/{block}?format=raw");
        async move { reqwest::Client::new().head(url).send().await.unwrap() }
    };
    assert_eq!(head(root).await.status(), 200);
    assert_eq!(head(Cid::of_raw(b"unknown")).await.status(), 404);
    assert_eq!(provider.pieces.unseals.load(Ordering::SeqCst), 0);
}
