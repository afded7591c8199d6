//! Sector files for other processes, behind an admin token.
//!
//! # Lotus parity
//! `/remote` of miner and worker: whoever may not call admin methods may not fetch or delete files.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use lotus_rpc::Verifier;
use lotus_rpc_api::Permission;
use lotus_sealer::{store::Store, transfer};

/// The routes below `/remote`, for callers whose token `verifier` finds to be an admin's.
pub fn routes(store: Arc<Store>, verifier: Verifier) -> Router {
    transfer::router(store).route_layer(from_fn_with_state(verifier, only_admins))
}

async fn only_admins(State(verifier): State<Verifier>, request: Request, next: Next) -> Response {
    match verifier.caller(request.headers(), request.uri()).await {
        Ok(caller) if caller.may(Permission::Admin) => next.run(request).await,
        Ok(_) => (
            StatusCode::UNAUTHORIZED,
            "unauthorized: missing write permission\n",
        )
            .into_response(),
        Err(error) => {
            tracing::warn!(%error, "a request for a sector file with a bad token is refused");
            StatusCode::UNAUTHORIZED.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use lotus_rpc::{JwtSecret, Server};
    use lotus_rpc_api::miner::StorageIndexApi;
    use lotus_sealer::{
        index::Index,
        layout::{LocalStorageMeta, META_FILE, write_json},
        transfer::Client,
    };
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn files_are_given_to_admins_only() {
        let dir = tempfile::tempdir().unwrap();
        let meta = LocalStorageMeta::new(1, true, true);
        write_json(&dir.path().join(META_FILE), &meta).unwrap();
        std::fs::create_dir(dir.path().join("sealed")).unwrap();
        std::fs::write(dir.path().join("sealed/s-t01000-1"), b"replica").unwrap();
        let index = Arc::new(Index::new(lotus_runtime::clock::system_clock()));
        let client = Client::new(String::new()).unwrap();
        let store = Store::new(index as Arc<dyn StorageIndexApi>, String::new(), client);
        store.open_path(dir.path()).await.unwrap();

        let secret = JwtSecret::generate();
        let verifier = Verifier::Secret(secret.clone());
        let server = Server::new(verifier.clone()).merge(routes(Arc::new(store), verifier));
        let bound = server.bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let url = format!("http://{}/remote/sealed/s-t01000-1", bound.address());
        let stop = CancellationToken::new();
        let serving = tokio::spawn(bound.serve(stop.clone()));

        let http = reqwest::Client::new();
        for (allow, expected) in [
            (None, 401),
            (Some(Permission::Sign), 401),
            (Some(Permission::Admin), 200),
        ] {
            let mut request = http.get(&url);
            if let Some(permission) = allow {
                let token = secret.token(&permission.up_to()).unwrap();
                request = request.bearer_auth(token);
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), expected, "{allow:?}");
            if expected == 200 {
                assert_eq!(answer.bytes().await.unwrap(), b"replica".as_slice());
            }
        }
        stop.cancel();
        serving.await.unwrap().unwrap();
    }
}
