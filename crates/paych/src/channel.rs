//! A channel as it is kept, and what may happen to it.

use lotus_actors::{StateError, call, init, paych};
use lotus_types::{Address, Cid, Message, TokenAmount};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::lanes::Lanes;

/// Who pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// This node is paid.
    Inbound,
    /// This node pays.
    Outbound,
}

/// A voucher that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptVoucher {
    /// The voucher.
    pub voucher: paych::SignedVoucher,
    /// It, or one that replaces it, was sent to be redeemed.
    pub submitted: bool,
}

/// A message that makes the channel or pays into it, and is not on chain yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The message pool sends one message under it.
    pub id: Uuid,
    /// What it pays in.
    pub amount: TokenAmount,
    /// How much of that will lie free.
    pub available: TokenAmount,
    /// The message, once it is sent.
    pub message: Option<Cid>,
}

/// A channel that this node takes part in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Its name here, from before it has an address.
    pub id: Uuid,
    /// Its address, once it is on chain.
    pub address: Option<Address>,
    /// Who pays.
    pub direction: Direction,
    /// This node's side; a key address where it is known.
    pub control: Address,
    /// The other side; a key address where it is known.
    pub target: Address,
    /// Oldest first.
    pub vouchers: Vec<KeptVoucher>,
    /// No lane from this one on was given away.
    pub next_lane: u64,
    /// Paid in from here, on chain.
    pub confirmed: TokenAmount,
    /// The part of it that nobody reserved.
    pub available: TokenAmount,
    /// Under way.
    pub payment: Option<Payment>,
    /// This node has begun to close it.
    pub settling: bool,
}

impl Channel {
    /// A channel that is to be made.
    pub fn to_make(from: Address, to: Address) -> Self {
        Self::kept(None, Direction::Outbound, (from, to), 0)
    }

    /// A channel that was found on chain; `next_lane` is the first that it does not use.
    pub fn inbound(address: Address, from: Address, to: Address, next_lane: u64) -> Self {
        Self::kept(Some(address), Direction::Inbound, (to, from), next_lane)
    }

    fn kept(
        address: Option<Address>,
        direction: Direction,
        (control, target): (Address, Address),
        next_lane: u64,
    ) -> Self {
        Self {
            id: Uuid::new_v4(),
            address,
            direction,
            control,
            target,
            vouchers: Vec::new(),
            next_lane,
            confirmed: TokenAmount::zero(),
            available: TokenAmount::zero(),
            payment: None,
            settling: false,
        }
    }

    /// Pays.
    pub const fn from(&self) -> Address {
        match self.direction {
            Direction::Outbound => self.control,
            Direction::Inbound => self.target,
        }
    }

    /// Is paid.
    pub const fn to(&self) -> Address {
        match self.direction {
            Direction::Outbound => self.target,
            Direction::Inbound => self.control,
        }
    }

    /// A payment begins, which is to be kept before it is sent.
    pub fn begin(&mut self, amount: TokenAmount, available: TokenAmount) {
        self.payment = Some(Payment {
            id: Uuid::new_v4(),
            amount,
            available,
            message: None,
        });
    }

    /// The message of the payment that is under way. `code` is that of payment channels.
    ///
    /// # Errors
    /// [`StateError`] when an address is undefined.
    pub fn message(&self, payment: &Payment, code: Cid) -> Result<Message, StateError> {
        let (from, to) = (self.from(), self.to());
        let amount = payment.amount.clone();
        match self.address {
            Some(address) => Ok(Message::transfer(from, address, amount)),
            None => {
                let params = paych::ConstructorParams { from, to };
                init::exec(from, code, amount, &params)
            }
        }
    }

    /// The payment has landed; `address` is the channel's.
    pub fn landed(&mut self, address: Address) {
        self.address = Some(address);
        if let Some(payment) = self.payment.take() {
            self.confirmed = &self.confirmed + &payment.amount;
            self.available = &self.available + &payment.available;
        }
    }

    /// Lanes on chain and the vouchers that are kept.
    pub fn count(&self, on_chain: Lanes) -> Lanes {
        on_chain.with(self.vouchers.iter().map(|kept| &kept.voucher))
    }

    /// Where a voucher is kept.
    pub fn find(&mut self, voucher: &paych::SignedVoucher) -> Option<&mut KeptVoucher> {
        self.vouchers
            .iter_mut()
            .find(|kept| kept.voucher == *voucher)
    }

    /// Keeps a voucher.
    pub fn keep(&mut self, voucher: paych::SignedVoucher) {
        self.next_lane = self.next_lane.max(voucher.lane.saturating_add(1));
        self.vouchers.push(KeptVoucher {
            voucher,
            submitted: false,
        });
    }

    /// A voucher was sent to be redeemed: it and those that it replaces are done with.
    pub fn submitted(&mut self, voucher: &paych::SignedVoucher) {
        for kept in &mut self.vouchers {
            let replaced = kept.voucher.lane == voucher.lane && kept.voucher.nonce < voucher.nonce;
            kept.submitted |= replaced || kept.voucher == *voucher;
        }
    }

    /// A message that redeems a voucher, by the one who is paid: the actor takes a voucher from the
    /// side that did not sign it.
    ///
    /// # Errors
    /// [`StateError`] when an address is undefined.
    pub fn redeem(
        &self,
        address: Address,
        voucher: &paych::SignedVoucher,
        secret: &[u8],
    ) -> Result<Message, StateError> {
        let params = paych::UpdateChannelStateParams {
            sv: voucher.clone(),
            secret: secret.into(),
        };
        let update = paych::method::UPDATE_CHANNEL_STATE;
        call(self.to(), address, TokenAmount::zero(), update, &params)
    }
}
