//! `lotus client deal`.

use std::io::Write;

use anyhow::{Context as _, ensure};
use lotus_networks::policy::{DEAL_MAX_DURATION, DEAL_MIN_DURATION};
use lotus_rpc_api::{
    full::FullNode,
    types::deals::{DataRef, StartDealParams},
};
use lotus_types::{
    Address, BigInt, ChainEpoch, Cid, TipsetKey, TokenAmount, sector::UnpaddedPieceSize,
};

use super::payer;

/// Initialize storage deal with a miner
///
/// Make a deal with a miner. dataCid comes from running 'lotus client import'. miner is the address of
/// the miner you wish to make a deal with. price is measured in FIL/Epoch. Miners usually don't accept a
/// bid lower than their advertised ask (which is in FIL/GiB/Epoch). You can check a miners listed price
/// with 'lotus client query-ask MINER'. duration is how long the miner should store the data for, in
/// blocks. The minimum value is 518400 (6 months).
#[derive(Debug, clap::Args)]
pub(in crate::lotus) struct Deal {
    /// manually specify piece commitment for data (dataCid must be to a car file)
    #[arg(long, value_name = "CID", requires = "manual_piece_size")]
    manual_piece_cid: Option<Cid>,
    /// if manually specifying piece cid, used to specify size (dataCid must be to a car file)
    #[arg(long, value_name = "BYTES", requires = "manual_piece_cid")]
    manual_piece_size: Option<u64>,
    /// instructs the node to send an offline deal without registering it with the deallist/fsm
    #[arg(long, requires = "manual_piece_cid")]
    manual_stateless_deal: bool,
    /// specify address to fund the deal with
    #[arg(long)]
    from: Option<Address>,
    /// specify the epoch that the deal should start at
    #[arg(long, value_name = "EPOCH", default_value_t = -1, allow_negative_numbers = true)]
    start_epoch: ChainEpoch,
    /// indicates that data should be available for fast retrieval
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1,
        require_equals = true, default_missing_value = "true")]
    fast_retrieval: bool,
    /// indicate that the deal counts towards verified client total; default: true if client is
    /// verified, false otherwise
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    verified_deal: Option<bool>,
    /// specify the requested provider collateral the miner should put up, in attoFIL
    #[arg(long, value_name = "ATTOFIL")]
    provider_collateral: Option<BigInt>,
    /// The data's root
    #[arg(value_name = "dataCid")]
    data: Cid,
    /// Who stores it
    miner: Address,
    /// FIL per epoch for the whole piece
    price: TokenAmount,
    /// Epochs
    duration: ChainEpoch,
}

impl Deal {
    pub(super) async fn run(self, node: &dyn FullNode, out: &mut dyn Write) -> anyhow::Result<()> {
        ensure!(
            self.duration >= DEAL_MIN_DURATION,
            "minimum deal duration is {DEAL_MIN_DURATION} blocks, not {}",
            self.duration
        );
        ensure!(
            self.duration <= DEAL_MAX_DURATION,
            "maximum deal duration is {DEAL_MAX_DURATION} blocks, not {}",
            self.duration
        );
        ensure!(
            !self.manual_stateless_deal || self.price.is_zero(),
            "with --manual-stateless-deal the price must be 0, not {}",
            self.price
        );
        let wallet = payer(node, self.from).await?;
        let stateless = self.manual_stateless_deal;
        let params = StartDealParams {
            verified_deal: self.is_verified(node, wallet).await?,
            min_blocks_duration: self.duration.unsigned_abs(),
            data: self.data_ref(),
            wallet,
            miner: self.miner,
            epoch_price: self.price,
            provider_collateral: self
                .provider_collateral
                .map_or_else(TokenAmount::zero, |atto| TokenAmount::from_atto(atto.0)),
            deal_start_epoch: self.start_epoch,
            fast_retrieval: self.fast_retrieval,
        };
        let proposal = if stateless {
            node.client_stateless_deal(params).await?
        } else {
            node.client_start_deal(params).await?
        };
        let proposal = proposal.context("the daemon proposed the deal and did not tell its CID")?;
        writeln!(out, "{proposal}")?;
        Ok(())
    }

    fn data_ref(&self) -> DataRef {
        let manual = self.manual_piece_cid.is_some();
        DataRef {
            // What Lotus says; how the data really gets there is agreed upon with the provider.
            transfer_type: if manual { "manual" } else { "graphsync" }.to_owned(),
            root: self.data,
            piece_cid: self.manual_piece_cid,
            piece_size: UnpaddedPieceSize(self.manual_piece_size.unwrap_or(0)),
            raw_block_size: 0,
        }
    }

    /// Is it paid with DataCap? Unless it is said, whenever the client has any.
    async fn is_verified(&self, node: &dyn FullNode, wallet: Address) -> anyhow::Result<bool> {
        let cap = node
            .state_verified_client_status(wallet, TipsetKey::default())
            .await;
        let has_cap = cap.context("looking for the client's DataCap")?.is_some();
        ensure!(
            has_cap || self.verified_deal != Some(true),
            "address {wallet} does not have verified client status: leave --verified-deal away, or get \
             DataCap for it"
        );
        Ok(self.verified_deal.unwrap_or(has_cap))
    }
}
