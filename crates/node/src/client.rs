//! The market client of a node: imports, deals and retrievals, on the node's own API and host.
//!
//! # Invariants
//! - Proposals name the address at which their data can be fetched, so the listener keeps its port over
//!   restarts.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use lotus_market::{
    ClientConfig, ClientDeps, FullNodeChain, MarketClient,
    client::ClientStartError,
    gateway::RetrieveLimits,
    imports::{ImportError, Imports},
    retrieval::{RetrievalStartError, Retrievals},
};
use lotus_net::NetService;
use lotus_runtime::{atomic, supervisor::Tasks};

use crate::{ClientPlace, FullNodeApi, api::ClientServices, start::spawn};

/// How often a deal under way is looked at, at least.
const POLL: Duration = Duration::from_secs(10);
/// Keeps the listener's port, beside the deals.
const PORT_FILE: &str = "transfer-port";

/// The market client did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The imports cannot be opened.
    #[error("opening the imported files")]
    Imports(#[from] ImportError),
    /// The deals, or the listener for their data.
    #[error("starting the deal client")]
    Deals(#[from] ClientStartError),
    /// The folder for retrieved data.
    #[error(transparent)]
    Retrievals(#[from] RetrievalStartError),
    /// The port cannot be kept.
    #[error("keeping the port for deals' data in {}", path.display())]
    Port {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Starts the client on a node that runs. Its tasks run under `tasks`.
pub(crate) async fn start_client(
    place: ClientPlace,
    node: &Arc<FullNodeApi>,
    net: &NetService,
    block_time: Duration,
    tasks: &Tasks,
) -> Result<ClientServices, ClientError> {
    let folder = place.folder.join("client");
    let imports = Arc::new(Imports::open(&place.folder.join("imports"))?);
    let listen = match place.listen {
        Some(address) => address,
        None => kept_address(&folder)?,
    };
    let config = ClientConfig {
        listen,
        announce: place.announce,
        poll: POLL.min(block_time),
        ..ClientConfig::new(&folder, block_time)
    };
    let deps = ClientDeps {
        chain: Arc::new(FullNodeChain::new(Arc::clone(node) as _)),
        net: net.clone(),
        imports: Arc::clone(&imports),
    };
    let (deals, task) = MarketClient::start(config, deps, tasks.stop_token()).await?;
    spawn(tasks, "deals", task);
    let (retrievals, task) = Retrievals::start(
        &place.folder.join("retrievals"),
        RetrieveLimits::default(),
        tasks.stop_token(),
    )?;
    spawn(tasks, "retrievals", task);
    Ok(ClientServices {
        deals,
        imports,
        retrievals,
    })
}

/// The address of earlier runs, while it is free; else a free one, which is kept from now on.
fn kept_address(folder: &Path) -> Result<SocketAddr, ClientError> {
    let path = folder.join(PORT_FILE);
    let failed = |source| ClientError::Port {
        path: path.clone(),
        source,
    };
    let free = |port: u16| {
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        bound.and_then(|listener| listener.local_addr())
    };
    let kept = std::fs::read_to_string(&path).ok();
    if let Some(port) = kept.and_then(|text| text.trim().parse().ok()) {
        match free(port) {
            Ok(address) => return Ok(address),
            Err(error) => tracing::warn!(
                port, %error,
                "the port for deals' data is taken: providers that have not fetched theirs yet will \
                 not find them"
            ),
        }
    }
    let address = free(0).map_err(failed)?;
    std::fs::create_dir_all(folder).map_err(failed)?;
    atomic::write(&path, address.port().to_string().as_bytes(), 0o644).map_err(failed)?;
    Ok(address)
}

#[cfg(test)]
mod the_port_for_deals_data {
    use super::*;

    #[test]
    fn stays_the_same_while_it_is_free() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = kept_address(folder.path()).expect("a port");
        assert_eq!(kept_address(folder.path()).expect("a port"), first);
    }

    #[test]
    fn is_another_one_when_somebody_else_has_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = kept_address(folder.path()).expect("a port");
        let _taken = TcpListener::bind(first).expect("free");
        let second = kept_address(folder.path()).expect("a port");
        assert_ne!(second, first);
        assert_eq!(kept_address(folder.path()).expect("a port"), second);
    }
}
