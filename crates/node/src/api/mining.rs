//! What a miner asks of its node: the basis of a round, and the block made of its template.
//!
//! # Lotus parity
//! `stmgr.MinerGetBaseInfo` and `filcns.CreateBlock`.

use async_trait::async_trait;
use lotus_actors::{ActorKind, StateTree, miner};
use lotus_beacon::entries_for_block;
use lotus_blockstore::SharedBlockstore;
use lotus_consensus::{
    base_fee, draw,
    election::{self, WinningSectorsError},
};
use lotus_ports::network::BlockMessages;
use lotus_rpc_api::{
    RpcError,
    full::MinerApi,
    types::mining::{BlockTemplate, MiningBaseInfo},
    wallet::{MsgMeta, WalletBackend as _},
};
use lotus_state::randomness::latest_beacon_entry;
use lotus_types::{
    Address, BeaconEntry, BlockHeader, BlockMessage, ChainEpoch, SignatureType, Tipset, TipsetKey,
};

use super::{Answer, FullNodeApi, Services, Told as _, while_doing};

impl Services {
    fn base_info(
        &self,
        miner: &Address,
        epoch: ChainEpoch,
        base: &Tipset,
        previous: BeaconEntry,
        entries: Vec<BeaconEntry>,
    ) -> Answer<Option<MiningBaseInfo>> {
        let looked_back = self.states.lookback_state(base, epoch).told();
        let (lookback_tipset, lookback_root) =
            looked_back.map_err(|e| while_doing("getting lookback miner actor state", e))?;
        let lookback = self.states.tree(&lookback_root).told()?;
        let Some(actor) = lookback.actor(miner).told()? else {
            // New since then: it may mine later. Unknown altogether: that is an error.
            self.actor(base, miner)
                .map_err(|e| while_doing("loading miner in current state", e))?;
            return Ok(None);
        };
        let state = self.loaded_state::<miner::State>(base, &actor, ActorKind::Miner, "miner");
        state.map_err(|e| while_doing("failed to load miner actor state", e))?;
        let beacon = entries.last().unwrap_or(&previous);
        let randomness = draw::winning_post(beacon, miner, epoch);
        let sectors =
            match election::winning_sectors(&*self.verifier, &lookback, miner, &randomness) {
                Ok(sectors) => sectors,
                Err(WinningSectorsError::None(_)) => return Ok(None),
                Err(error) => {
                    let error = RpcError::from_error(&error);
                    return Err(while_doing("getting winning post proving set", error));
                }
            };
        let Some(power) = election::power(&lookback, miner).told()? else {
            return Ok(None);
        };
        let worker = self.worker(&lookback, miner)?;
        let eligible = election::is_eligible(
            &self.network,
            miner,
            &self.tree(base)?,
            base.height(),
            &self.tree(&lookback_tipset)?,
        )
        .told()?;
        Ok(Some(MiningBaseInfo {
            miner_power: power.miner,
            network_power: power.network,
            sectors,
            worker_key: worker.0,
            sector_size: worker.1,
            prev_beacon_entry: previous,
            beacon_entries: entries,
            eligible_for_mining: eligible,
        }))
    }

    fn worker(
        &self,
        tree: &StateTree<'_, SharedBlockstore>,
        miner: &Address,
    ) -> Answer<(Address, lotus_types::SectorSize)> {
        let worker = election::worker_key(tree, miner).told()?;
        worker.ok_or_else(|| RpcError::new(format_args!("{miner} has no worker key")))
    }

    /// The block of a template without its signature, and whose key signs it.
    fn unsigned_block(&self, template: BlockTemplate) -> Answer<(Address, BlockMessage)> {
        let parents = self
            .chain
            .tipset(&template.parents)
            .map_err(|e| RpcError::new(format_args!("failed to load parent tipset: {e}")))?;
        let state = self.states.tipset_state(&parents).told()?;
        let (_, lookback) = self
            .states
            .lookback_state(&parents, template.epoch)
            .told()?;
        let (worker, _) = self.worker(&self.states.tree(&lookback).told()?, &template.miner)?;

        let (mut messages, mut signatures) = (BlockMessages::default(), Vec::new());
        for signed in template.messages {
            match signed.signature.kind {
                SignatureType::Bls => {
                    signatures.push(signed.signature);
                    messages.bls.push(signed.message);
                }
                SignatureType::Secp256k1 => messages.secpk.push(signed),
                other => {
                    return Err(RpcError::new(format_args!("unknown sig type: {other}")));
                }
            }
        }
        let root = self.chain.put_messages(&messages).told()?;
        let header = BlockHeader {
            miner: template.miner,
            ticket: template.ticket,
            election_proof: template.eproof,
            beacon_entries: template.beacon_values,
            winning_post_proof: template.winning_post_proof,
            parent_weight: self.chain.weight(&parents).told()?,
            parents: template.parents,
            height: template.epoch,
            parent_state_root: state.state_root,
            parent_message_receipts: state.receipts_root,
            messages: root,
            bls_aggregate: Some(lotus_crypto::aggregate(&signatures).told()?),
            timestamp: template.timestamp,
            block_signature: None,
            fork_signaling: 0,
            parent_base_fee: base_fee::next_base_fee(self.states.view(), &parents).told()?,
        };
        let block = BlockMessage {
            bls_messages: messages.bls.iter().map(lotus_types::Message::cid).collect(),
            secpk_messages: messages
                .secpk
                .iter()
                .map(lotus_types::SignedMessage::cid)
                .collect(),
            header,
        };
        Ok((worker, block))
    }
}

#[async_trait]
impl MinerApi for FullNodeApi {
    async fn miner_get_base_info(
        &self,
        miner: Address,
        epoch: ChainEpoch,
        key: TipsetKey,
    ) -> Answer<Option<MiningBaseInfo>> {
        let (base, previous) = self
            .run(move |s| {
                let base = s.tipset(&key);
                let base =
                    base.map_err(|e| while_doing("failed to load tipset for mining base", e))?;
                let previous = latest_beacon_entry(s.states.view(), &base).told();
                let previous =
                    previous.map_err(|e| while_doing("failed to get latest beacon entry", e))?;
                Ok((base, previous))
            })
            .await?;
        let beacons = &self.0.beacons;
        let entries = entries_for_block(beacons, epoch, base.height(), &previous)
            .await
            .told()?;
        self.run(move |s| s.base_info(&miner, epoch, &base, previous, entries))
            .await
    }

    async fn miner_create_block(&self, template: BlockTemplate) -> Answer<BlockMessage> {
        let (worker, mut block) = self.run(move |s| s.unsigned_block(template)).await?;
        let bytes = block.header.signing_bytes();
        let meta = MsgMeta::of(MsgMeta::BLOCK);
        let signed = self.0.wallet.sign(worker, bytes.into(), meta).await;
        block.header.block_signature =
            Some(signed.map_err(|e| RpcError::new(format_args!("failed to sign new block: {e}")))?);
        Ok(block)
    }
}
