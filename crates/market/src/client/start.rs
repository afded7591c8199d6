//! From what the user wants to a signed proposal.

use std::time::SystemTime;

use lotus_networks::policy::{DEAL_MAX_DURATION, DEAL_MIN_DURATION};
use lotus_rpc_api::types::{
    deals::{DataRef, StartDealParams, StorageAsk},
    go::Time,
};
use lotus_types::{
    Address, ChainEpoch, Cid, ClientDealProposal, DealLabel, DealProposal, TokenAmount, bigint,
    sector::{PaddedPieceSize, UnpaddedPieceSize},
    wire,
};
use uuid::Uuid;

use super::{ClientDeal, MarketClient, StartDealError};
use crate::{
    ask,
    chain::{MinerTerms, escrow},
    protocol::{
        DEAL_PROTOCOL, DealParams, DealResponse, Peer, StorageDealStatus, Transfer,
        client_requirement, exchange, proposal_cid,
    },
    transfer::server::new_token,
};

/// A deal starts that long after it was proposed, when the user does not say: time for transfer,
/// publishing and sealing.
const START_DELAY_HOURS: u64 = 8 * 24;
/// Collateral is asked for with this margin over the least, which may rise until the deal is published.
const COLLATERAL_MARGIN: (u64, u64) = (12, 10);
/// Names of transfers over the network; the first is what Lotus' commands ask for.
const ONLINE: [&str; 2] = ["graphsync", Transfer::HTTP];
const MANUAL: &str = "manual";

/// A piece and its data.
struct Piece {
    cid: Cid,
    size: PaddedPieceSize,
    payload_size: u64,
}

impl MarketClient {
    /// Checks a deal, signs its proposal and begins to work on it; the CID names it. What the provider
    /// says to it is told in the deal's state.
    ///
    /// # Errors
    /// [`StartDealError`].
    pub async fn start_deal(&self, params: StartDealParams) -> Result<Cid, StartDealError> {
        let kind = params.data.transfer_type.as_str();
        let online = ONLINE.contains(&kind);
        if !online && kind != MANUAL {
            return Err(StartDealError::TransferType(kind.to_owned()));
        }
        let (terms, peer) = self.provider(&params.miner).await?;
        let piece = self.piece(&params.data, online).await?;
        let id = Peer {
            id: &peer,
            addresses: &terms.multiaddrs,
        };
        let chain = &*self.0.chain;
        let ask = ask::query(&self.0.net, chain, id, &params.miner, &terms.worker).await?;
        let proposal = self.proposal(&params, &terms, &piece, Some(&ask)).await?;
        self.check_funds(&proposal, &params.wallet).await?;
        let proposal = self.sign(proposal).await?;
        let deal = ClientDeal {
            uuid: Uuid::new_v4(),
            proposal_cid: proposal_cid(&proposal),
            proposal,
            data: DataRef {
                transfer_type: if online { Transfer::HTTP } else { MANUAL }.to_owned(),
                ..params.data
            },
            payload_size: piece.payload_size,
            token: if online { new_token() } else { String::new() },
            fast_retrieval: params.fast_retrieval,
            addresses: terms.multiaddrs,
            peer,
            state: StorageDealStatus::ReserveClientFunds,
            message: String::new(),
            created: Time::from(SystemTime::now()),
            deposit: None,
            sent: false,
            received: 0,
            publish_cid: None,
            deal_id: 0,
        };
        self.0.store.insert(&deal, "deal proposal signed")?;
        // The task is gone when the node stops; the deal is gone on with at the next start.
        let _ = self.0.started.send(deal.proposal_cid);
        Ok(deal.proposal_cid)
    }

    /// Proposes an offline deal without keeping track of it.
    ///
    /// # Errors
    /// [`StartDealError`]; [`StartDealError::Refused`] when the provider says no.
    pub async fn stateless_deal(&self, params: StartDealParams) -> Result<Cid, StartDealError> {
        if params.data.transfer_type != MANUAL {
            return Err(StartDealError::StatelessOnline(params.data.transfer_type));
        }
        let (terms, peer) = self.provider(&params.miner).await?;
        let piece = self.piece(&params.data, false).await?;
        let proposal = self.proposal(&params, &terms, &piece, None).await?;
        let proposal = self.sign(proposal).await?;
        let cid = proposal_cid(&proposal);
        let request = DealParams {
            deal_uuid: Uuid::new_v4(),
            transfer: Transfer::default(),
            is_offline: true,
            deal_data_root: params.data.root,
            skip_ipni_announce: Some(false),
            client_deal_proposal: proposal,
            remove_unsealed_copy: Some(!params.fast_retrieval),
        };
        let id = Peer {
            id: &peer,
            addresses: &terms.multiaddrs,
        };
        let answer: DealResponse = exchange(&self.0.net, id, DEAL_PROTOCOL, &request).await?;
        if !answer.accepted {
            return Err(StartDealError::Refused {
                miner: params.miner,
                reason: answer.message,
            });
        }
        Ok(cid)
    }

    /// A provider's conditions, asked of a peer that speaks for it.
    ///
    /// # Errors
    /// [`StartDealError`].
    pub async fn query_ask(
        &self,
        peer: &str,
        miner: Address,
    ) -> Result<StorageAsk, StartDealError> {
        let terms = self.0.chain.miner(&miner).await?;
        let terms = terms.ok_or(StartDealError::NoProvider(miner))?;
        let id = Peer {
            id: peer,
            addresses: &terms.multiaddrs,
        };
        let chain = &*self.0.chain;
        Ok(ask::query(&self.0.net, chain, id, &miner, &terms.worker).await?)
    }

    async fn provider(&self, miner: &Address) -> Result<(MinerTerms, String), StartDealError> {
        let terms = self.0.chain.miner(miner).await?;
        let mut terms = terms.ok_or(StartDealError::NoProvider(*miner))?;
        let peer = terms.peer.take().ok_or(StartDealError::NoPeer(*miner))?;
        Ok((terms, peer))
    }

    /// The piece of the data: as the user says, or computed from the import.
    async fn piece(&self, data: &DataRef, online: bool) -> Result<Piece, StartDealError> {
        if let Some(cid) = data.piece_cid
            && !online
        {
            let size = data.piece_size;
            if !size.is_valid() {
                return Err(StartDealError::PieceSize(size.0));
            }
            return Ok(Piece {
                cid,
                size: size.padded(),
                payload_size: data.raw_block_size,
            });
        }
        if !online {
            return Err(StartDealError::ManualPiece);
        }
        let (imports, root) = (self.0.imports.clone(), data.root);
        let (known, len) = tokio::task::spawn_blocking(move || {
            let known = imports.data_cid_size(&root)?;
            let car = imports.car(&root)?;
            let len = std::fs::metadata(&car).map(|found| found.len());
            Ok::<_, StartDealError>((known, len))
        })
        .await
        .map_err(|e| StartDealError::Internal(e.to_string()))??;
        let len = len.map_err(|e| StartDealError::Internal(format!("the import's CAR: {e}")))?;
        Ok(Piece {
            cid: known.piece_cid,
            size: known.piece_size,
            payload_size: len,
        })
    }

    async fn proposal(
        &self,
        params: &StartDealParams,
        terms: &MinerTerms,
        piece: &Piece,
        ask: Option<&StorageAsk>,
    ) -> Result<DealProposal, StartDealError> {
        let chain = &self.0.chain;
        if piece.size.0 > terms.sector_size {
            return Err(StartDealError::PieceTooLarge {
                piece: piece.size.0,
                sector: terms.sector_size,
            });
        }
        let client = chain.key_address(&params.wallet).await?;
        let client = client.ok_or(StartDealError::NoKey(params.wallet))?;
        if !chain.can_sign(&client).await? {
            return Err(StartDealError::NoKey(params.wallet));
        }
        let (start_epoch, end_epoch) = self.epochs(params, terms).await?;
        let mut provider_collateral = params.provider_collateral.clone();
        if provider_collateral.is_zero() {
            let verified = params.verified_deal;
            let bounds = chain.collateral_bounds(piece.size, verified).await?;
            let (more, less) = COLLATERAL_MARGIN;
            provider_collateral = TokenAmount::from_atto(bounds.min.atto() * more / less);
        }
        let proposal = DealProposal {
            piece_cid: piece.cid,
            piece_size: piece.size.0,
            verified_deal: params.verified_deal,
            client,
            provider: params.miner,
            label: label(&params.data.root),
            start_epoch,
            end_epoch,
            storage_price_per_epoch: params.epoch_price.clone(),
            provider_collateral,
            client_collateral: TokenAmount::zero(),
        };
        if let Some(objection) = ask.and_then(|ask| ask::objection(ask, &proposal)) {
            return Err(StartDealError::AskNotMet {
                miner: params.miner,
                objection,
            });
        }
        if params.verified_deal {
            let have = chain.datacap(&client).await?.unwrap_or_default();
            if have < bigint::BigInt::from(piece.size.0) {
                return Err(StartDealError::DataCap {
                    client,
                    have: have.to_string(),
                    need: piece.size.0,
                });
            }
        }
        Ok(proposal)
    }

    /// When the deal starts and ends. The end lies at the end of a proving period of the provider, so
    /// that its sector can end there as well.
    async fn epochs(
        &self,
        params: &StartDealParams,
        terms: &MinerTerms,
    ) -> Result<(ChainEpoch, ChainEpoch), StartDealError> {
        let now = self.0.chain.height().await?;
        let mut start = params.deal_start_epoch;
        if start <= 0 {
            let block_time = self.0.config.block_time.as_secs().max(1);
            let delay = START_DELAY_HOURS * 3600 / block_time;
            start = now.saturating_add(ChainEpoch::try_from(delay).unwrap_or(ChainEpoch::MAX));
        } else if start <= now {
            return Err(StartDealError::StartPassed { start, now });
        }
        let (min, max) = (DEAL_MIN_DURATION, DEAL_MAX_DURATION);
        let duration = ChainEpoch::try_from(params.min_blocks_duration).unwrap_or(ChainEpoch::MAX);
        if !(min..=max).contains(&duration) {
            let got = duration;
            return Err(StartDealError::Duration { got, min, max });
        }
        let end = aligned_end(start.saturating_add(duration), terms);
        let got = end - start;
        if got > max {
            return Err(StartDealError::Duration { got, min, max });
        }
        Ok((start, end))
    }

    async fn sign(&self, proposal: DealProposal) -> Result<ClientDealProposal, StartDealError> {
        let bytes =
            wire::try_to_cbor(&proposal).map_err(|e| StartDealError::Internal(e.to_string()))?;
        let client_signature = self.0.chain.sign(&proposal.client, &bytes).await?;
        Ok(ClientDealProposal {
            proposal,
            client_signature,
        })
    }

    /// Escrow and wallet together must hold what this deal and those before it need.
    async fn check_funds(
        &self,
        proposal: &DealProposal,
        wallet: &Address,
    ) -> Result<(), StartDealError> {
        let chain = &*self.0.chain;
        let needed = client_requirement(proposal);
        let total = self.reserved(&proposal.client)? + needed.clone();
        let missing = escrow::missing(chain, &proposal.client, &total).await?;
        if !missing.is_positive() {
            return Ok(());
        }
        let balance = chain.balance(&proposal.client).await?;
        if balance >= missing {
            return Ok(());
        }
        Err(StartDealError::Funds {
            wallet: Box::new(*wallet),
            needed,
            missing,
            balance,
        })
    }

    /// What this client's deals on their way need in escrow.
    pub(super) fn reserved(&self, client: &Address) -> Result<TokenAmount, StartDealError> {
        let deals = self.0.store.all()?;
        Ok(deals
            .iter()
            .filter(|deal| deal.needs_escrow() && deal.proposal.proposal.client == *client)
            .map(|deal| client_requirement(&deal.proposal.proposal))
            .sum())
    }
}

/// The last epoch of a proving period, at `end` or later by Lotus' formula (which may leave out one
/// that comes sooner).
fn aligned_end(end: ChainEpoch, terms: &MinerTerms) -> ChainEpoch {
    let period = terms.proving_period.max(1);
    let aligned = end - end % period + period + terms.period_start % period - 1;
    if aligned < end {
        return aligned.saturating_add(period);
    }
    aligned
}

/// The root, so that the deal can be found by it: base58 for version 0, base64 for others.
fn label(root: &Cid) -> DealLabel {
    use cid::multibase::Base;
    let base = match root.version() {
        cid::Version::V0 => Base::Base58Btc,
        cid::Version::V1 => Base::Base64,
    };
    let text = root.inner().to_string_of_base(base);
    DealLabel::Text(text.unwrap_or_else(|_| root.to_string()))
}

/// The unpadded size of a piece, which is what the API calls a deal's size.
pub(super) fn unpadded(proposal: &DealProposal) -> UnpaddedPieceSize {
    PaddedPieceSize(proposal.piece_size).unpadded()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(period_start: ChainEpoch) -> MinerTerms {
        MinerTerms {
            worker: Address::new_id(100),
            control: Vec::new(),
            peer: None,
            multiaddrs: Vec::new(),
            sector_size: 2048,
            period_start,
            proving_period: 2880,
        }
    }

    mod the_end_of_a_deal {
        use super::*;

        #[test]
        fn is_the_last_epoch_of_a_proving_period() {
            for (start, end) in [(0, 518_400), (57, 587_638), (-2700, 700_000)] {
                let aligned = aligned_end(end, &terms(start));
                assert!((end..end + 2 * 2880).contains(&aligned));
                assert_eq!((aligned + 1 - start).rem_euclid(2880), 0);
            }
        }

        #[test]
        fn is_the_recorded_one() {
            assert_eq!(aligned_end(69_238 + 518_400, &terms(-2222)), 588_177);
        }
    }

    mod the_label {
        use super::*;

        #[test]
        fn is_the_recorded_one() {
            let root = "bafk2bzaceaitpcg6oswz4mzpptqdvbsudx6lbzx5czngqkx5yrwao25zrb4pu";
            let DealLabel::Text(text) = label(&root.parse().unwrap()) else {
                panic!("a label is text");
            };
            assert_eq!(text, "mAVWg5AIgETeI3nStnjMvfOA6hlQd/LDm/RZaaCr9xGwHa7mIePo");
        }
    }
}
