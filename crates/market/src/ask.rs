//! A provider's conditions: made, signed, stored, asked for, compared.
//!
//! # Lotus parity
//! The ask of `storage-deals set-ask` and `client query-ask`. The worker's signature is over the wire
//! form, a CBOR map.

use lotus_net::NetService;
use lotus_rpc_api::types::{deals::StorageAsk, market::SignedStorageAsk};
use lotus_types::{
    Address, ChainEpoch, DealProposal, SectorSize, TokenAmount, sector::PaddedPieceSize, wire,
};

use crate::{
    chain::{ChainError, MarketChain},
    protocol::{
        ASK_PROTOCOL, AskRequest, AskResponse, ExchangeError, Peer, SignedAsk, WireAsk, exchange,
    },
};

/// attoFIL per GiB and epoch of a new provider.
pub const DEFAULT_PRICE: u64 = 500_000_000;
/// The same of deals with DataCap.
pub const DEFAULT_VERIFIED_PRICE: u64 = 50_000_000;
/// Least piece of a new provider, in bytes.
pub const DEFAULT_MIN_PIECE_SIZE: PaddedPieceSize = PaddedPieceSize(256);
/// Epochs for which a new provider's ask is good.
pub const DEFAULT_DURATION: ChainEpoch = 1_000_000;

/// Prices are per this many bytes.
const GIB: u64 = 1 << 30;

/// Why there is no ask to go by.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The provider's peer did not answer.
    #[error("asking {miner} for its conditions: {source}")]
    NoAnswer {
        /// The provider.
        miner: Address,
        /// What happened.
        source: Box<ExchangeError>,
    },
    /// It has none.
    #[error("{0} has no storage ask: it takes no deals now")]
    None(Address),
    /// The answer is about somebody else.
    #[error("the peer asked answered for {got}, not for {miner}")]
    WrongMiner {
        /// Who was asked about.
        miner: Box<Address>,
        /// Who was answered for.
        got: Box<Address>,
    },
    /// It is not the worker's.
    #[error("the storage ask of {0} is not signed by its worker")]
    BadSignature(Address),
    /// The chain could not be asked.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl From<&StorageAsk> for WireAsk {
    fn from(ask: &StorageAsk) -> Self {
        Self {
            miner: ask.miner,
            price: ask.price.clone(),
            seq_no: ask.seq_no,
            expiry: ask.expiry,
            timestamp: ask.timestamp,
            max_piece_size: ask.max_piece_size,
            min_piece_size: ask.min_piece_size,
            verified_price: ask.verified_price.clone(),
        }
    }
}

impl From<WireAsk> for StorageAsk {
    fn from(ask: WireAsk) -> Self {
        Self {
            price: ask.price,
            verified_price: ask.verified_price,
            min_piece_size: ask.min_piece_size,
            max_piece_size: ask.max_piece_size,
            miner: ask.miner,
            timestamp: ask.timestamp,
            expiry: ask.expiry,
            seq_no: ask.seq_no,
        }
    }
}

/// The wire form of a signed ask.
pub(crate) fn to_wire(signed: SignedStorageAsk) -> AskResponse {
    AskResponse {
        ask: Some(SignedAsk {
            ask: signed.ask.as_ref().map(WireAsk::from),
            signature: signed.signature,
        }),
    }
}

/// What a new provider asks.
pub(crate) fn default_ask(miner: Address, sector_size: SectorSize, now: ChainEpoch) -> StorageAsk {
    StorageAsk {
        price: TokenAmount::from_atto(DEFAULT_PRICE),
        verified_price: TokenAmount::from_atto(DEFAULT_VERIFIED_PRICE),
        min_piece_size: DEFAULT_MIN_PIECE_SIZE,
        max_piece_size: PaddedPieceSize(sector_size),
        miner,
        timestamp: now,
        expiry: now.saturating_add(DEFAULT_DURATION),
        seq_no: 0,
    }
}

/// Signs an ask with the miner's worker.
pub(crate) async fn sign(
    chain: &dyn MarketChain,
    worker: &Address,
    ask: StorageAsk,
) -> Result<SignedStorageAsk, ChainError> {
    let bytes =
        wire::try_to_cbor(&WireAsk::from(&ask)).map_err(|e| ChainError::new("a signature", e))?;
    let signer = chain.key_address(worker).await?.unwrap_or(*worker);
    Ok(SignedStorageAsk {
        signature: Some(chain.sign(&signer, &bytes).await?),
        ask: Some(ask),
    })
}

/// Asks a provider's peer, and checks whose answer it is.
pub(crate) async fn query(
    net: &NetService,
    chain: &dyn MarketChain,
    peer: Peer<'_>,
    miner: &Address,
    worker: &Address,
) -> Result<StorageAsk, AskError> {
    let request = AskRequest { miner: *miner };
    let answer: AskResponse =
        exchange(net, peer, ASK_PROTOCOL, &request)
            .await
            .map_err(|source| AskError::NoAnswer {
                miner: *miner,
                source: Box::new(source),
            })?;
    let signed = answer.ask.ok_or(AskError::None(*miner))?;
    let ask = signed.ask.ok_or(AskError::None(*miner))?;
    if ask.miner != *miner {
        return Err(AskError::WrongMiner {
            miner: Box::new(*miner),
            got: Box::new(ask.miner),
        });
    }
    let signature = signed.signature.ok_or(AskError::BadSignature(*miner))?;
    let bytes = wire::try_to_cbor(&ask).map_err(|_| AskError::BadSignature(*miner))?;
    let signer = chain.key_address(worker).await?;
    let signer = signer.ok_or(AskError::BadSignature(*miner))?;
    lotus_crypto::verify(&signature, &signer, &bytes)
        .map_err(|_| AskError::BadSignature(*miner))?;
    Ok(ask.into())
}

/// What an ask wants for a piece per epoch, rounded down as Lotus does.
pub(crate) fn price_of(ask: &StorageAsk, size: PaddedPieceSize, verified: bool) -> TokenAmount {
    let per_gib = if verified {
        &ask.verified_price
    } else {
        &ask.price
    };
    TokenAmount::from_atto(per_gib.atto() * size.0 / GIB)
}

/// What about a proposal does not meet an ask; `None` when all does.
pub(crate) fn objection(ask: &StorageAsk, proposal: &DealProposal) -> Option<String> {
    let size = PaddedPieceSize(proposal.piece_size);
    let price = price_of(ask, size, proposal.verified_deal);
    let offered = &proposal.storage_price_per_epoch;
    if *offered < price {
        return Some(format!(
            "storage price per epoch less than asking price: {} < {} attoFIL",
            offered.atto(),
            price.atto()
        ));
    }
    if size < ask.min_piece_size {
        return Some(format!(
            "piece size less than minimum required size: {size} < {}",
            ask.min_piece_size
        ));
    }
    if size > ask.max_piece_size {
        return Some(format!(
            "piece size more than maximum allowed size: {size} > {}",
            ask.max_piece_size
        ));
    }
    None
}
