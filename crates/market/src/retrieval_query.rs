//! Asking a provider whether it has data, and for how much.
//!
//! # Lotus parity
//! `/fil/retrieval/qry/1.0.0` of go-fil-markets, which `lotus client find` and `client retrieve` speak
//! before anything is fetched. What a provider of this node hands out by HTTP costs nothing, so its
//! prices are zero.

use lotus_net::NetService;
use lotus_rpc_api::types::{
    deals::{QueryOffer, RetrievalPeer},
    net::PeerId,
};
use lotus_types::{Address, Cid, TokenAmount, sector::UnpaddedPieceSize};
use serde::{Deserialize, Serialize};

use crate::{
    chain::{ChainError, MarketChain},
    piece_index::{PieceIndex, PieceIndexError},
    protocol::{Peer, exchange},
};

/// The protocol.
pub const QUERY_PROTOCOL: &str = "/fil/retrieval/qry/1.0.0";

/// Bytes between two payments, were there any: what Lotus' providers say by default.
const PAYMENT_INTERVAL: u64 = 1 << 20;

/// Is there a certain DAG?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueryRequest {
    /// Its root.
    #[serde(rename = "PayloadCID")]
    pub payload_cid: Cid,
    /// More about it.
    pub query_params: QueryParams,
}

/// What may be said beside the root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryParams {
    /// It has to be in this piece.
    #[serde(rename = "PieceCID")]
    pub piece_cid: Option<Cid>,
}

/// What a provider says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueryResponse {
    /// Bytes of the piece, without fr32 padding.
    pub size: u64,
    /// [`Self::AVAILABLE`], [`Self::UNAVAILABLE`] or [`Self::ERROR`].
    pub status: u64,
    /// Why not.
    pub message: String,
    /// attoFIL for unsealing.
    pub unseal_price: TokenAmount,
    /// The same numbers for the piece that was asked for.
    #[serde(rename = "PieceCIDFound")]
    pub piece_cid_found: u64,
    /// Who gets the payment.
    pub payment_address: Address,
    /// attoFIL.
    pub min_price_per_byte: TokenAmount,
    /// Bytes until the first payment.
    pub max_payment_interval: u64,
    /// More bytes until each further one.
    pub max_payment_interval_increase: u64,
}

impl QueryResponse {
    /// The data can be had.
    pub const AVAILABLE: u64 = 0;
    /// They cannot.
    pub const UNAVAILABLE: u64 = 1;
    /// The provider does not know, for a fault of its own.
    pub const ERROR: u64 = 2;
}

/// The provider's answer. Blocks, so call it on a blocking thread.
pub(crate) fn answer(
    index: &PieceIndex,
    payment_address: Address,
    request: &QueryRequest,
) -> QueryResponse {
    let (status, size, message) = match size_of(index, request) {
        Ok(Some(size)) => (QueryResponse::AVAILABLE, size, String::new()),
        Ok(None) => (
            QueryResponse::UNAVAILABLE,
            0,
            format!("{} is in no piece stored here", request.payload_cid),
        ),
        Err(error) => {
            tracing::error!(%error, "the piece index cannot be read");
            (QueryResponse::ERROR, 0, "the piece index failed".to_owned())
        }
    };
    QueryResponse {
        size,
        status,
        message,
        unseal_price: TokenAmount::default(),
        piece_cid_found: status.min(QueryResponse::UNAVAILABLE),
        payment_address,
        min_price_per_byte: TokenAmount::default(),
        max_payment_interval: PAYMENT_INTERVAL,
        max_payment_interval_increase: PAYMENT_INTERVAL,
    }
}

/// Size of the first piece with the data; `None` when there is none.
fn size_of(index: &PieceIndex, request: &QueryRequest) -> Result<Option<u64>, PieceIndexError> {
    let places = index.find(&request.payload_cid)?;
    let wanted = request.query_params.piece_cid;
    let place = places
        .into_iter()
        .find(|place| wanted.is_none_or(|wanted| wanted == place.piece));
    let piece = match place {
        Some(place) => index.piece(&place.piece)?,
        None => None,
    };
    Ok(piece
        .and_then(|piece| UnpaddedPieceSize::holding(piece.payload))
        .map(|size| size.0))
}

/// Asks a miner for a DAG. What the miner, or nobody, answers stands in the offer.
///
/// # Errors
/// When the chain cannot be asked for the miner.
pub async fn query_offer(
    chain: &dyn MarketChain,
    net: &NetService,
    miner: Address,
    root: Cid,
    piece: Option<Cid>,
) -> Result<QueryOffer, ChainError> {
    let Some(terms) = chain.miner(&miner).await? else {
        return Ok(no_offer(
            miner,
            PeerId::default(),
            root,
            piece,
            &format!("{miner} is no miner"),
        ));
    };
    let Some(id) = terms.peer else {
        let text = format!("{miner} has told no peer id on chain");
        return Ok(no_offer(miner, PeerId::default(), root, piece, &text));
    };
    let request = QueryRequest {
        payload_cid: root,
        query_params: QueryParams { piece_cid: piece },
    };
    let peer = Peer {
        id: &id,
        addresses: &terms.multiaddrs,
    };
    let answer = exchange(net, peer, QUERY_PROTOCOL, &request).await;
    let peer: PeerId = id.clone();
    Ok(match answer {
        Ok(answer) => offer(answer, miner, peer, root, piece),
        Err(error) => no_offer(miner, peer, root, piece, &error.to_string()),
    })
}

fn offer(
    answer: QueryResponse,
    miner: Address,
    id: PeerId,
    root: Cid,
    piece: Option<Cid>,
) -> QueryOffer {
    let err = match answer.status {
        QueryResponse::AVAILABLE => String::new(),
        QueryResponse::UNAVAILABLE => {
            format!("retrieval query offer was unavailable: {}", answer.message)
        }
        _ => format!("retrieval query offer errored: {}", answer.message),
    };
    let price = answer.min_price_per_byte.atto() * answer.size;
    QueryOffer {
        err,
        root,
        piece,
        size: answer.size,
        min_price: TokenAmount::from_atto(price),
        unseal_price: answer.unseal_price,
        price_per_byte: answer.min_price_per_byte,
        payment_interval: answer.max_payment_interval,
        payment_interval_increase: answer.max_payment_interval_increase,
        miner: answer.payment_address,
        miner_peer: RetrievalPeer {
            address: miner,
            id,
            piece_cid: None,
        },
    }
}

fn no_offer(miner: Address, id: PeerId, root: Cid, piece: Option<Cid>, err: &str) -> QueryOffer {
    QueryOffer {
        err: err.to_owned(),
        root,
        piece,
        size: 0,
        min_price: TokenAmount::default(),
        unseal_price: TokenAmount::default(),
        price_per_byte: TokenAmount::default(),
        payment_interval: 0,
        payment_interval_increase: 0,
        miner,
        miner_peer: RetrievalPeer {
            address: miner,
            id,
            piece_cid: None,
        },
    }
}

#[cfg(test)]
mod tests;
