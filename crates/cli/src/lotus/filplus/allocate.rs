//! `lotus filplus allocate`: DataCap put aside for a provider.
//!
//! # Lotus parity
//! Not a command of Lotus: there only other programs do it. The message is the one that they send:
//! DataCap is transferred to the verified registry, with the wished allocations beside it.

use std::{io::Write, str::FromStr};

use anyhow::{Context as _, ensure};
use lotus_actors::{
    call, datacap,
    verifreg::{AllocationRequest, AllocationRequests},
};
use lotus_networks::{
    policy::EPOCHS_IN_DAY,
    singletons::{DATACAP_ACTOR, VERIFIED_REGISTRY_ACTOR},
};
use lotus_rpc_api::full::FullNode;
use lotus_types::{
    Address, BigInt, ChainEpoch, Cid, Message, TokenAmount, sector::PaddedPieceSize, wire,
};

use super::{head, send};
use crate::format::read_size;

/// The shortest and the longest time that the registry takes for the data to be stored.
const SHORTEST_TERM: ChainEpoch = 180 * EPOCHS_IN_DAY;
const LONGEST_TERM: ChainEpoch = 5 * 365 * EPOCHS_IN_DAY;
/// The longest time that a provider may be given to prove the data.
const LONGEST_WAIT: ChainEpoch = 60 * EPOCHS_IN_DAY;

/// Put datacap aside for a provider to store pieces: makes an allocation of each
///
/// The provider claims an allocation by proving a sector with its piece. What it has not claimed by then
/// comes back with `remove-expired-allocations`.
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Allocate {
    /// Who may claim it
    #[arg(value_name = "minerAddress")]
    provider: Address,
    /// CommP and padded size of each piece: baga6ea4…=32GiB
    #[arg(value_name = "pieceCid=size", required = true)]
    pieces: Vec<Piece>,
    /// whose datacap; default: the wallet's default address
    #[arg(long)]
    from: Option<Address>,
    /// shortest time of storage, in epochs
    #[arg(long, value_name = "EPOCHS", default_value_t = SHORTEST_TERM)]
    term_min: ChainEpoch,
    /// longest time that counts as verified, in epochs
    #[arg(long, value_name = "EPOCHS", default_value_t = LONGEST_TERM)]
    term_max: ChainEpoch,
    /// epochs from now in which the provider must prove the data
    #[arg(long, value_name = "EPOCHS", default_value_t = LONGEST_WAIT)]
    expiration: ChainEpoch,
}

/// A piece as it is typed.
#[derive(Debug, Clone)]
struct Piece {
    cid: Cid,
    size: PaddedPieceSize,
}

impl FromStr for Piece {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (cid, size) = text
            .split_once('=')
            .ok_or_else(|| format!("{text:?} is not a CommP and a size: baga6ea4…=32GiB"))?;
        let size = PaddedPieceSize(read_size(size)?);
        if !size.is_valid() {
            return Err(format!(
                "{size} bytes are no padded piece size: a power of two, 128 at least"
            ));
        }
        let cid = cid.parse().map_err(|e| format!("{cid:?}: {e}"))?;
        Ok(Self { cid, size })
    }
}

impl Allocate {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        let from = match self.from {
            Some(from) => from,
            None => {
                let from = node.wallet_default_address().await;
                from.context("no --from is given, and the wallet has no default address")?
            }
        };
        // Datacap that is put aside for what is no miner comes back only after it has expired.
        let provider = node.state_lookup_id(self.provider, head()).await?;
        let miner = node.state_miner_info(provider, head()).await;
        miner.with_context(|| format!("{} is no provider", self.provider))?;
        let wanted = self.bytes();
        let held = node.state_verified_client_status(from, head()).await?;
        let held = held.with_context(|| format!("client {from} is not a verified client"))?;
        ensure!(
            held >= wanted,
            "the pieces take {wanted} bytes of datacap, and {from} has {held}"
        );
        let now = node.chain_head().await?.height();
        let message = self.message(from, provider, now)?;
        send(node, message, "failed to allocate datacap", out).await
    }

    /// Datacap that the pieces take.
    fn bytes(&self) -> BigInt {
        let sizes = self.pieces.iter().map(|piece| u128::from(piece.size.0));
        BigInt::from(sizes.sum::<u128>())
    }

    fn message(
        &self,
        from: Address,
        provider: Address,
        now: ChainEpoch,
    ) -> anyhow::Result<Message> {
        let expiration = now.saturating_add(self.expiration);
        let request = |piece: &Piece| AllocationRequest {
            provider,
            data: piece.cid,
            size: piece.size,
            term_min: self.term_min,
            term_max: self.term_max,
            expiration,
        };
        let requests = AllocationRequests {
            allocations: self.pieces.iter().map(request).collect(),
            extensions: Vec::new(),
        };
        let params = datacap::TransferParams {
            to: VERIFIED_REGISTRY_ACTOR,
            // A byte is a whole token, which has as many decimals as FIL.
            amount: TokenAmount::from_fil(self.bytes().0),
            operator_data: wire::to_cbor(&requests).into(),
        };
        let (zero, method) = (TokenAmount::zero(), datacap::method::TRANSFER);
        Ok(call(from, DATACAP_ACTOR, zero, method, &params)?)
    }
}
