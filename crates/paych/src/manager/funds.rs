//! FIL on its way into channels.

use std::time::Duration;

use lotus_rpc_api::types::paych::ChannelAvailableFunds;
use lotus_types::{Address, TokenAmount};
use uuid::Uuid;

use super::{Answer, Channels, Got, Ticket};
use crate::{
    Channel, Direction, PaychError,
    requests::{Merged, Request, plan},
    store::{Outcome, Sentinel},
};

impl Channels {
    /// Takes a request, and serves the queue where nothing is under way.
    pub(super) async fn request(
        &mut self,
        from: Address,
        to: Address,
        request: Request<Ticket>,
    ) -> Answer<()> {
        if request.amount.is_negative() {
            return Err(PaychError::refused(format_args!(
                "a payment channel cannot be funded with {}",
                request.amount
            )));
        }
        let sides = self.sides(from, to).await?;
        self.queues.entry(sides).or_default().push(request);
        self.serve(sides).await;
        Ok(())
    }

    async fn sides(&self, from: Address, to: Address) -> Answer<(Address, Address)> {
        let from = self.ledger.key_address(&from).await?;
        Ok((from, self.ledger.key_address(&to).await?))
    }

    /// Serves every queue: something has landed.
    pub(super) async fn drain_queues(&mut self) {
        let all: Vec<_> = self.queues.keys().copied().collect();
        for sides in all {
            self.serve(sides).await;
        }
    }

    /// The outbound channel between two addresses that is not being closed.
    async fn active(&self, (from, to): (Address, Address)) -> Answer<Option<Uuid>> {
        let fitting: Vec<&Channel> = self
            .channels
            .values()
            .filter(|c| c.direction == Direction::Outbound && !c.settling)
            .filter(|c| c.control == from && c.target == to)
            .collect();
        for channel in fitting {
            let Some(address) = channel.address else {
                return Ok(Some(channel.id));
            };
            let on_chain = self.ledger.channel(&address).await?;
            if on_chain.is_some_and(|on_chain| on_chain.settling_at == 0) {
                return Ok(Some(channel.id));
            }
        }
        Ok(None)
    }

    /// Answers what can be answered of a queue and sends a message for the rest, unless one is under
    /// way already.
    async fn serve(&mut self, sides: (Address, Address)) {
        let Some(mut queue) = self.queues.remove(&sides) else {
            return;
        };
        queue.retain(|request| !request.ticket.is_closed());
        if queue.is_empty() {
            return;
        }
        let active = match self.active(sides).await {
            Ok(active) => active,
            Err(error) => return tell_all(queue.into_iter().map(|r| r.ticket), error),
        };
        let channel = active.and_then(|id| self.channels.get(&id));
        if channel.is_some_and(|channel| channel.payment.is_some()) {
            self.queues.insert(sides, queue);
            return;
        }
        let address = channel.and_then(|channel| channel.address);
        let plan = plan(queue, channel.map(|channel| &channel.available));
        if let Some(id) = active {
            let kept = self.change(id, |c| c.available = &c.available - &plan.used);
            if let Err(error) = kept {
                // Nothing was reserved: nobody is served.
                let refused = plan.refused.into_iter().map(|(ticket, _)| ticket);
                let waiting = plan.payment.into_iter().flat_map(|p| p.tickets);
                return tell_all(plan.filled.into_iter().chain(refused).chain(waiting), error);
            }
        }
        for ticket in plan.filled {
            tell(ticket, Ok((address, None)));
        }
        for (ticket, amount) in plan.refused {
            tell(ticket, Err(too_little(address, sides, &amount)));
        }
        if let Some(payment) = plan.payment {
            self.pay(sides, active, address, payment).await;
        }
    }

    async fn pay(
        &mut self,
        (from, to): (Address, Address),
        active: Option<Uuid>,
        address: Option<Address>,
        payment: Merged<Ticket>,
    ) {
        let Merged {
            amount,
            available,
            tickets,
        } = payment;
        let begun = match active {
            Some(id) => self
                .change(id, |channel| channel.begin(amount, available))
                .map(|()| id),
            None => {
                let mut channel = Channel::to_make(from, to);
                channel.begin(amount, available);
                self.insert(channel)
            }
        };
        let sent = match begun {
            Ok(id) => self.send_payment(id).await,
            Err(error) => Err(error),
        };
        match sent {
            Ok(message) => {
                for ticket in tickets {
                    tell(ticket, Ok((address, Some(message))));
                }
            }
            Err(error) => tell_all(tickets, error),
        }
    }

    /// Sends the message of a payment that has begun, and waits for it beside other work.
    pub(super) async fn send_payment(&mut self, id: Uuid) -> Answer<lotus_types::Cid> {
        let channel = self.channels.get(&id).ok_or(PaychError::NotTracked)?;
        let Some(payment) = channel.payment.clone() else {
            return Err(PaychError::refused("no payment has begun"));
        };
        let pushed = async {
            let code = self.ledger.payment_channel_code().await?;
            let message = channel.message(&payment, code);
            let message = message.map_err(PaychError::refused)?;
            let doing = match channel.address {
                Some(_) => "",
                None => "initializing paych actor: ",
            };
            let sent = self.ledger.push(message, Some(payment.id)).await;
            sent.map_err(PaychError::while_doing(doing))
        };
        let message = match pushed.await {
            Ok(message) => message,
            Err(error) => {
                self.give_up(id)?;
                return Err(error);
            }
        };
        let sentinel = Sentinel {
            channel: id,
            outcome: Outcome::Pending,
        };
        self.store.set_sentinel(&message, &sentinel)?;
        self.change(id, |channel| {
            if let Some(payment) = &mut channel.payment {
                payment.message = Some(message);
            }
        })?;
        self.wait_for(id, message, Duration::ZERO);
        Ok(message)
    }

    /// A payment was not sent: the channel is as before it.
    fn give_up(&mut self, id: Uuid) -> Answer<()> {
        let made = self.channels.get(&id).is_some_and(|c| c.address.is_some());
        if made {
            return self.change(id, |channel| channel.payment = None);
        }
        self.store.remove(&id)?;
        self.channels.remove(&id);
        Ok(())
    }

    pub(super) async fn funds(&mut self, address: Address) -> Answer<ChannelAvailableFunds> {
        let id = self.id_of(address)?;
        self.funds_of(id).await
    }

    pub(super) async fn funds_between(
        &mut self,
        from: Address,
        to: Address,
    ) -> Answer<ChannelAvailableFunds> {
        let sides = self.sides(from, to).await?;
        if let Some(id) = self.active(sides).await? {
            return self.funds_of(id).await;
        }
        Ok(ChannelAvailableFunds {
            channel: None,
            from,
            to,
            confirmed_amt: TokenAmount::zero(),
            pending_amt: TokenAmount::zero(),
            non_reserved_amt: TokenAmount::zero(),
            pending_available_amt: TokenAmount::zero(),
            pending_wait_sentinel: None,
            queued_amt: TokenAmount::zero(),
            voucher_redeemed_amt: TokenAmount::zero(),
        })
    }

    async fn funds_of(&self, id: Uuid) -> Answer<ChannelAvailableFunds> {
        let channel = self.channels.get(&id).ok_or(PaychError::NotTracked)?;
        let owed = match channel.address {
            Some(address) => {
                let on_chain = self.on_chain(address).await?;
                channel.count(on_chain.counted()).owed().clone()
            }
            None => TokenAmount::zero(),
        };
        let queue = match channel.direction {
            Direction::Outbound => self.queues.get(&(channel.control, channel.target)),
            Direction::Inbound => None,
        };
        let waiting = queue.into_iter().flatten();
        let queued = waiting
            .filter(|request| !request.ticket.is_closed())
            .fold(TokenAmount::zero(), |sum, request| &sum + &request.amount);
        let payment = channel.payment.as_ref();
        let pending = payment.map(|p| (p.amount.clone(), p.available.clone()));
        let (pending_amt, pending_available_amt) = pending.unwrap_or_default();
        Ok(ChannelAvailableFunds {
            channel: channel.address,
            from: channel.from(),
            to: channel.to(),
            confirmed_amt: channel.confirmed.clone(),
            pending_amt,
            non_reserved_amt: channel.available.clone(),
            pending_available_amt,
            pending_wait_sentinel: payment.and_then(|p| p.message),
            queued_amt: queued,
            voucher_redeemed_amt: owed,
        })
    }
}

/// Nobody may be waiting any more.
fn tell(ticket: Ticket, answer: Answer<Got>) {
    drop(ticket.send(answer));
}

/// The first hears the error itself, with the node's code; the others its words.
fn tell_all(tickets: impl IntoIterator<Item = Ticket>, error: PaychError) {
    let text = error.to_string();
    let mut tickets = tickets.into_iter();
    if let Some(first) = tickets.next() {
        tell(first, Err(error));
    }
    for ticket in tickets {
        tell(ticket, Err(PaychError::Refused(text.clone())));
    }
}

/// What a request hears that was to send nothing.
fn too_little(
    channel: Option<Address>,
    (from, to): (Address, Address),
    amount: &TokenAmount,
) -> PaychError {
    let amount = amount.to_fil_digits();
    PaychError::Refused(match channel {
        Some(channel) => format!(
            "not enough funds available in the payment channel {channel}; add funds with 'lotus \
             paych add-funds {from} {to} {amount}'"
        ),
        None => format!(
            "payment channel doesn't exist, create with 'lotus paych add-funds {from} {to} {amount}'"
        ),
    })
}
