//! Vouchers: made, checked, kept, redeemed.

use std::collections::BTreeMap;

use lotus_actors::paych::{ModVerifyParams, SignedVoucher};
use lotus_rpc_api::types::paych::{VoucherCreateResult, VoucherSpec};
use lotus_types::{Address, Bytes, ChainEpoch, Cid, TokenAmount};
use uuid::Uuid;

use super::{Answer, Channels};
use crate::{
    Channel, Direction, OnChain, PaychError,
    lanes::{LaneError, Lanes},
};

/// A voucher that is to be made: without what the channel and the lane give it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// Total of the lane.
    pub amount: TokenAmount,
    /// The lane.
    pub lane: u64,
    /// Not before then.
    pub time_lock_min: ChainEpoch,
    /// Not after then; 0 for ever.
    pub time_lock_max: ChainEpoch,
    /// The channel may not be settled before then.
    pub min_settle: ChainEpoch,
    /// A further check.
    pub extra: Option<ModVerifyParams>,
}

impl Draft {
    /// What was specified, on a lane.
    pub fn on_lane(lane: u64, spec: VoucherSpec) -> Self {
        Self {
            amount: spec.amount,
            lane,
            time_lock_min: spec.time_lock_min,
            time_lock_max: spec.time_lock_max,
            min_settle: spec.min_settle,
            extra: spec.extra,
        }
    }

    fn voucher(self, channel: Address, nonce: u64) -> SignedVoucher {
        SignedVoucher {
            channel_addr: channel,
            time_lock_min: self.time_lock_min,
            time_lock_max: self.time_lock_max,
            secret_hash: Bytes::new(),
            extra: self.extra,
            lane: self.lane,
            nonce,
            amount: self.amount,
            min_settle_height: self.min_settle,
            merges: Vec::new(),
            signature: None,
        }
    }
}

/// A voucher that is shown to be redeemed, with what it may want to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// The voucher.
    pub voucher: SignedVoucher,
    /// Whose hash the voucher names.
    pub secret: Bytes,
}

impl From<SignedVoucher> for Presented {
    fn from(voucher: SignedVoucher) -> Self {
        Self {
            voucher,
            secret: Bytes::new(),
        }
    }
}

impl Channels {
    /// Is a voucher one that could be redeemed? Answers with the lanes as they would be without it.
    async fn valid(&self, channel: &Channel, voucher: &SignedVoucher) -> Answer<(Lanes, OnChain)> {
        let address = channel.address.ok_or(PaychError::NotTracked)?;
        if voucher.channel_addr != address {
            return Err(PaychError::refused(format_args!(
                "voucher ChannelAddr doesn't match channel address, got {}, expected {address}",
                voucher.channel_addr
            )));
        }
        let locked = [
            (voucher.extra.is_some(), "voucher is Message Locked"),
            (voucher.time_lock_max != 0, "voucher is Max Time Locked"),
            (voucher.time_lock_min != 0, "voucher is Min Time Locked"),
            (!voucher.secret_hash.is_empty(), "voucher is Hash Locked"),
        ];
        if let Some((_, text)) = locked.into_iter().find(|(locked, _)| *locked) {
            return Err(PaychError::refused(text));
        }
        let on_chain = self.on_chain(address).await?;
        let Some(signature) = &voucher.signature else {
            return Err(PaychError::refused("voucher has no signature"));
        };
        let signed = voucher.signing_bytes().map_err(PaychError::refused)?;
        lotus_crypto::verify(signature, &on_chain.from, &signed).map_err(PaychError::refused)?;
        let lanes = channel.count(on_chain.counted());
        lanes.clone().redeem(voucher, &on_chain.balance)?;
        Ok((lanes, on_chain))
    }

    /// The channel of this address; one that pays a key of this node is kept from now on.
    async fn tracked(&mut self, address: Address) -> Answer<Uuid> {
        if let Ok(id) = self.id_of(address) {
            return Ok(id);
        }
        let on_chain = self.on_chain(address).await?;
        if !self.ledger.has_key(&on_chain.to).await? {
            return Err(PaychError::refused(format_args!(
                "cannot add voucher for channel {address}: wallet does not have key for address {}",
                on_chain.to
            )));
        }
        let next_lane = on_chain.counted().next_lane();
        self.insert(Channel::inbound(
            address,
            on_chain.from,
            on_chain.to,
            next_lane,
        ))
    }

    fn channel(&self, id: Uuid) -> Answer<&Channel> {
        self.channels.get(&id).ok_or(PaychError::NotTracked)
    }

    pub(super) fn allocate_lane(&mut self, address: Address) -> Answer<u64> {
        let id = self.id_of(address)?;
        self.change(id, |channel| {
            let lane = channel.next_lane;
            channel.next_lane = lane.saturating_add(1);
            lane
        })
    }

    pub(super) fn vouchers(&self, address: Address) -> Answer<Vec<SignedVoucher>> {
        let kept = self.by_address(address)?.vouchers.iter();
        Ok(kept.map(|kept| kept.voucher.clone()).collect())
    }

    pub(super) async fn create_voucher(
        &mut self,
        address: Address,
        draft: Draft,
    ) -> Answer<VoucherCreateResult> {
        let id = self.id_of(address)?;
        let channel = self.channel(id)?;
        let lanes = channel.count(self.on_chain(address).await?.counted());
        let nonce = lanes
            .next_nonce(draft.lane)
            .ok_or_else(|| PaychError::refused("the lane's nonces are used up"))?;
        let mut voucher = draft.voucher(address, nonce);
        let bytes = voucher.signing_bytes().map_err(PaychError::refused)?;
        let signature = self.ledger.sign(&channel.control, bytes).await;
        let signature = signature.map_err(PaychError::while_doing("failed to sign voucher: "))?;
        voucher.signature = Some(signature);
        match self
            .add_voucher_to(id, voucher.clone(), TokenAmount::zero())
            .await
        {
            Ok(_) => Ok(VoucherCreateResult {
                voucher: Some(voucher),
                shortfall: TokenAmount::zero(),
            }),
            Err(PaychError::Voucher(LaneError::InsufficientFunds { shortfall })) => {
                Ok(VoucherCreateResult {
                    voucher: None,
                    shortfall,
                })
            }
            Err(PaychError::Voucher(error)) => Err(PaychError::refused(format_args!(
                "failed to persist voucher: {error}"
            ))),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn check_valid(
        &mut self,
        address: Address,
        voucher: SignedVoucher,
    ) -> Answer<()> {
        let id = self.tracked(address).await?;
        self.valid(self.channel(id)?, &voucher).await.map(drop)
    }

    pub(super) async fn check_spendable(
        &mut self,
        address: Address,
        presented: Presented,
    ) -> Answer<bool> {
        let channel = self.by_address(address)?;
        let kept = channel.vouchers.iter();
        let Some(kept) = kept.clone().find(|kept| kept.voucher == presented.voucher) else {
            return Err(PaychError::refused(
                "cannot submit voucher that has not been added to channel",
            ));
        };
        if kept.submitted {
            return Ok(false);
        }
        self.could_redeem(channel, address, &presented).await
    }

    async fn could_redeem(
        &self,
        channel: &Channel,
        address: Address,
        presented: &Presented,
    ) -> Answer<bool> {
        let message = channel.redeem(address, &presented.voucher, &presented.secret);
        let message = message.map_err(PaychError::refused)?;
        Ok(self.ledger.would_succeed(message).await?)
    }

    pub(super) async fn add_voucher(
        &mut self,
        address: Address,
        voucher: SignedVoucher,
        least: TokenAmount,
    ) -> Answer<TokenAmount> {
        let id = self.tracked(address).await?;
        self.add_voucher_to(id, voucher, least).await
    }

    async fn add_voucher_to(
        &mut self,
        id: Uuid,
        voucher: SignedVoucher,
        least: TokenAmount,
    ) -> Answer<TokenAmount> {
        let channel = self.channel(id)?;
        if channel.vouchers.iter().any(|kept| kept.voucher == voucher) {
            return Ok(TokenAmount::zero());
        }
        let (mut lanes, on_chain) = self.valid(channel, &voucher).await?;
        let lane = lanes.lane(voucher.lane).cloned().unwrap_or_default();
        let added = lanes.redeem(&voucher, &on_chain.balance)?;
        if least > added {
            return Err(PaychError::refused(format_args!(
                "addVoucher: supplied token amount too low; minD={}, D={}; laneAmt={}; v.Amt={}",
                least.atto(),
                added.atto(),
                lane.redeemed.atto(),
                voucher.amount.atto()
            )));
        }
        self.change(id, |channel| channel.keep(voucher))?;
        Ok(added)
    }

    pub(super) async fn submit(&mut self, address: Address, presented: Presented) -> Answer<Cid> {
        let id = self.id_of(address)?;
        let channel = self.channel(id)?;
        let voucher = &presented.voucher;
        let mut kept = channel.vouchers.iter();
        let kept = kept.find(|kept| kept.voucher == *voucher);
        if kept.is_some_and(|kept| kept.submitted) {
            return Err(PaychError::refused(
                "cannot submit voucher that has already been submitted",
            ));
        }
        let is_new = kept.is_none();
        let message = channel.redeem(address, voucher, &presented.secret);
        let message = message.map_err(PaychError::refused)?;
        let sent = self.ledger.push(message, None).await?;
        self.change(id, |channel| {
            if is_new {
                channel.keep(presented.voucher.clone());
            }
            channel.submitted(&presented.voucher);
        })?;
        Ok(sent)
    }

    /// Redeems the best vouchers of inbound channels that settle.
    pub(super) async fn redeem_settling(&mut self) {
        let watched: Vec<Address> = self
            .channels
            .values()
            .filter(|c| c.direction == Direction::Inbound)
            .filter(|c| c.vouchers.iter().any(|kept| !kept.submitted))
            .filter_map(|c| c.address)
            .collect();
        for address in watched {
            if let Err(error) = self.redeem_best(address).await {
                tracing::warn!(channel = %address, %error, "redeeming vouchers of a settling channel");
            }
        }
    }

    async fn redeem_best(&mut self, address: Address) -> Answer<()> {
        // A channel that is not there any more has paid out.
        let Some(on_chain) = self.ledger.channel(&address).await? else {
            return Ok(());
        };
        if on_chain.settling_at == 0 || on_chain.height >= on_chain.settling_at {
            return Ok(());
        }
        for voucher in self.best_spendable(address).await?.into_values() {
            let lane = voucher.lane;
            let message = self.submit(address, voucher.into()).await?;
            tracing::info!(channel = %address, lane, %message, "the channel settles: redeeming");
        }
        Ok(())
    }

    /// The voucher of the highest amount that could be redeemed now, by lane.
    async fn best_spendable(&self, address: Address) -> Answer<BTreeMap<u64, SignedVoucher>> {
        let channel = self.by_address(address)?;
        let mut best: BTreeMap<u64, SignedVoucher> = BTreeMap::new();
        for kept in channel.vouchers.iter().filter(|kept| !kept.submitted) {
            let voucher = &kept.voucher;
            let better = best
                .get(&voucher.lane)
                .is_none_or(|known| voucher.amount > known.amount);
            let presented = Presented::from(voucher.clone());
            if better && self.could_redeem(channel, address, &presented).await? {
                best.insert(voucher.lane, presented.voucher);
            }
        }
        Ok(best)
    }
}
