//! Multisig wallets: what their state says, and the messages that drive them.
//!
//! # Invariants
//! - Nothing is sent: a method that changes a wallet answers with a message, whose gas, nonce and
//!   signature are the caller's affair.
//! - A proposal that is named by its content is hashed with the proposer's ID address, as the actor
//!   does it.
//!
//! # Lotus parity
//! `node/impl/full/multisig.go` and the `Msig` part of `state.go`, with their texts.

use async_trait::async_trait;
use lotus_actors::{
    ActorKind, call, init,
    multisig::{
        self, AddSignerParams, ConstructorParams, ProposeParams, RemoveSignerParams,
        SwapSignerParams, Transaction, TxnIdParams,
    },
};
use lotus_rpc_api::{
    RpcError,
    full::MsigApi,
    types::{
        mpool::MessagePrototype,
        state::{MsigTransaction, MsigVesting},
    },
};
use lotus_types::{
    ActorState, Address, Bytes, ChainEpoch, Message, MethodNum, Tipset, TipsetKey, TokenAmount,
};
use serde::Serialize;

use super::{Answer, FullNodeApi, Services, Told as _, id_of, while_doing};

/// A proposal as an approval or a cancellation names it.
struct Named {
    proposer: Address,
    to: Address,
    value: TokenAmount,
    method: MethodNum,
    params: Bytes,
}

impl Services {
    fn msig(&self, tipset: &Tipset, address: &Address) -> Answer<(ActorState, multisig::State)> {
        self.msig_told(tipset, address, "failed to load multisig actor")
    }

    /// `missing`: what is told when there is no such actor.
    fn msig_told(
        &self,
        tipset: &Tipset,
        address: &Address,
        missing: &str,
    ) -> Answer<(ActorState, multisig::State)> {
        let actor = self
            .actor(tipset, address)
            .map_err(|e| while_doing(missing, e))?;
        let state = self
            .loaded_state(tipset, &actor, ActorKind::Multisig, "multisig")
            .map_err(|e| while_doing("failed to load multisig actor state", e))?;
        Ok((actor, state))
    }

    /// A message to a multisig about one of its proposals.
    fn about_proposal(
        &self,
        (msig, source): (Address, Address),
        method: MethodNum,
        id: u64,
        named: Option<Named>,
    ) -> Answer<MessagePrototype> {
        given(&msig, "must provide multisig address")?;
        given(&source, "must provide source address")?;
        let head = self.chain.require_head().told()?;
        let proposal_hash = match named {
            Some(named) => self.hash_of(&head, named)?,
            None => Bytes::new(),
        };
        let id = i64::try_from(id).map_err(|_| {
            RpcError::new(format_args!(
                "transaction ID {id} is out of range for int64"
            ))
        })?;
        let params = TxnIdParams { id, proposal_hash };
        let message = call(source, msig, TokenAmount::zero(), method, &params);
        Ok(prototype(message.told()?))
    }

    fn hash_of(&self, head: &Tipset, named: Named) -> Answer<Bytes> {
        if named.value.is_negative() {
            return Err(RpcError::new(format_args!(
                "proposal value must be non-negative, was {}",
                named.value.atto()
            )));
        }
        given(&named.to, "proposed destination address must be set")?;
        let proposer = id_of(&self.tree(head)?, &named.proposer)?;
        let transaction = Transaction {
            to: named.to,
            value: named.value,
            method: named.method,
            params: named.params,
            approved: vec![proposer],
        };
        Ok(multisig::proposal_hash(&transaction).told()?.into())
    }
}

fn given(address: &Address, otherwise: &str) -> Answer<()> {
    if address.is_undefined() {
        return Err(RpcError::new(otherwise));
    }
    Ok(())
}

fn prototype(message: Message) -> MessagePrototype {
    MessagePrototype {
        message,
        valid_nonce: false,
    }
}

/// A message that proposes `params`.
fn proposal(msig: Address, source: Address, params: &ProposeParams) -> Answer<MessagePrototype> {
    let refused = |text: &str| {
        Err(RpcError::new(format_args!(
            "failed to create proposal: {text}"
        )))
    };
    if msig.is_undefined() {
        return refused("must provide a multisig address for proposal");
    }
    if params.to.is_undefined() {
        return refused("must provide a target address for proposal");
    }
    if params.value.is_negative() {
        return refused("must provide a non-negative amount for proposed send");
    }
    if source.is_undefined() {
        return refused("must provide source address");
    }
    let method = multisig::method::PROPOSE;
    let message = call(source, msig, TokenAmount::zero(), method, params);
    Ok(prototype(message.told()?))
}

/// A message that proposes a call of the multisig by itself.
fn self_proposal(
    msig: Address,
    source: Address,
    method: MethodNum,
    params: &impl Serialize,
) -> Answer<MessagePrototype> {
    let params = ProposeParams {
        to: msig,
        value: TokenAmount::zero(),
        method,
        params: lotus_actors::call::params(params).told()?,
    };
    proposal(msig, source, &params)
}

/// A call of the multisig by itself, as it was proposed.
fn own_call(
    msig: Address,
    proposer: Address,
    method: MethodNum,
    params: &impl Serialize,
) -> Answer<Named> {
    Ok(Named {
        proposer,
        to: msig,
        value: TokenAmount::zero(),
        method,
        params: lotus_actors::call::params(params).told()?,
    })
}

impl FullNodeApi {
    async fn about(
        &self,
        who: (Address, Address),
        method: MethodNum,
        id: u64,
        named: Option<Named>,
    ) -> Answer<MessagePrototype> {
        self.run(move |s| s.about_proposal(who, method, id, named))
            .await
    }
}

#[async_trait]
impl MsigApi for FullNodeApi {
    async fn msig_get_available_balance(
        &self,
        msig: Address,
        key: TipsetKey,
    ) -> Answer<TokenAmount> {
        self.at(key, move |s, t| {
            let (actor, state) = s.msig(&t, &msig)?;
            Ok(&actor.balance - &state.locked_at(t.height()))
        })
        .await
    }

    async fn msig_get_vested(
        &self,
        msig: Address,
        start: TipsetKey,
        end: TipsetKey,
    ) -> Answer<TokenAmount> {
        self.run(move |s| {
            let start = s.tipset_named("loading start tipset", &start)?;
            let end = s.tipset_named("loading end tipset", &end)?;
            if start.height() > end.height() {
                return Err(RpcError::new(format_args!(
                    "start tipset {} is after end tipset {}",
                    start.height(),
                    end.height()
                )));
            }
            if start.height() == end.height() {
                return Ok(TokenAmount::zero());
            }
            let missing = "failed to load multisig actor at end epoch";
            let (_, state) = s.msig_told(&end, &msig, missing)?;
            Ok(&state.locked_at(start.height()) - &state.locked_at(end.height()))
        })
        .await
    }

    async fn msig_get_vesting_schedule(
        &self,
        msig: Address,
        key: TipsetKey,
    ) -> Answer<MsigVesting> {
        self.at(key, move |s, t| {
            let (_, state) = s.msig(&t, &msig)?;
            Ok(MsigVesting {
                initial_balance: state.initial_balance,
                start_epoch: state.start_epoch,
                unlock_duration: state.unlock_duration,
            })
        })
        .await
    }

    async fn msig_get_pending(
        &self,
        msig: Address,
        key: TipsetKey,
    ) -> Answer<Vec<MsigTransaction>> {
        self.at(key, move |s, t| {
            let (_, state) = s.msig(&t, &msig)?;
            let pending = state.pending(s.store()).told()?.entries().told()?;
            let transactions = pending.into_iter();
            Ok(transactions
                .map(|(id, transaction)| MsigTransaction::new(id, transaction))
                .collect())
        })
        .await
    }

    async fn msig_create(
        &self,
        threshold: u64,
        signers: Vec<Address>,
        unlock_duration: ChainEpoch,
        balance: TokenAmount,
        source: Address,
        _gas_price: TokenAmount,
    ) -> Answer<MessagePrototype> {
        let all = signers.len() as u64;
        if all < threshold {
            return Err(RpcError::new(
                "cannot require signing of more addresses than provided for multisig",
            ));
        }
        given(&source, "must provide source address")?;
        self.run(move |s| {
            let head = s.chain.require_head().told()?;
            let manifest = s.tree(&head)?.manifest().told()?;
            let params = ConstructorParams {
                signers,
                num_approvals_threshold: if threshold == 0 { all } else { threshold },
                unlock_duration,
                start_epoch: 0,
            };
            let code = manifest.code(ActorKind::Multisig).told()?;
            let message = init::exec(source, code, balance, &params);
            Ok(prototype(message.told()?))
        })
        .await
    }

    async fn msig_propose(
        &self,
        msig: Address,
        to: Address,
        value: TokenAmount,
        source: Address,
        method: MethodNum,
        params: Bytes,
    ) -> Answer<MessagePrototype> {
        let params = ProposeParams {
            to,
            value,
            method,
            params,
        };
        proposal(msig, source, &params)
    }

    async fn msig_approve(
        &self,
        msig: Address,
        id: u64,
        source: Address,
    ) -> Answer<MessagePrototype> {
        let approve = multisig::method::APPROVE;
        self.about((msig, source), approve, id, None).await
    }

    async fn msig_approve_txn_hash(
        &self,
        msig: Address,
        id: u64,
        proposer: Address,
        to: Address,
        value: TokenAmount,
        source: Address,
        method: MethodNum,
        params: Bytes,
    ) -> Answer<MessagePrototype> {
        let named = Named {
            proposer,
            to,
            value,
            method,
            params,
        };
        let approve = multisig::method::APPROVE;
        self.about((msig, source), approve, id, Some(named)).await
    }

    async fn msig_cancel(
        &self,
        msig: Address,
        id: u64,
        source: Address,
    ) -> Answer<MessagePrototype> {
        let cancel = multisig::method::CANCEL;
        self.about((msig, source), cancel, id, None).await
    }

    async fn msig_cancel_txn_hash(
        &self,
        msig: Address,
        id: u64,
        to: Address,
        value: TokenAmount,
        source: Address,
        method: MethodNum,
        params: Bytes,
    ) -> Answer<MessagePrototype> {
        // Only the proposer may cancel.
        let named = Named {
            proposer: source,
            to,
            value,
            method,
            params,
        };
        let cancel = multisig::method::CANCEL;
        self.about((msig, source), cancel, id, Some(named)).await
    }

    async fn msig_add_propose(
        &self,
        msig: Address,
        source: Address,
        signer: Address,
        increase: bool,
    ) -> Answer<MessagePrototype> {
        let params = AddSignerParams { signer, increase };
        self_proposal(msig, source, multisig::method::ADD_SIGNER, &params)
    }

    async fn msig_add_approve(
        &self,
        msig: Address,
        source: Address,
        id: u64,
        proposer: Address,
        signer: Address,
        increase: bool,
    ) -> Answer<MessagePrototype> {
        let params = AddSignerParams { signer, increase };
        let named = own_call(msig, proposer, multisig::method::ADD_SIGNER, &params)?;
        let approve = multisig::method::APPROVE;
        self.about((msig, source), approve, id, Some(named)).await
    }

    async fn msig_add_cancel(
        &self,
        msig: Address,
        source: Address,
        id: u64,
        signer: Address,
        increase: bool,
    ) -> Answer<MessagePrototype> {
        let params = AddSignerParams { signer, increase };
        let named = own_call(msig, source, multisig::method::ADD_SIGNER, &params)?;
        let cancel = multisig::method::CANCEL;
        self.about((msig, source), cancel, id, Some(named)).await
    }

    async fn msig_swap_propose(
        &self,
        msig: Address,
        source: Address,
        old: Address,
        new: Address,
    ) -> Answer<MessagePrototype> {
        let params = SwapSignerParams { from: old, to: new };
        self_proposal(msig, source, multisig::method::SWAP_SIGNER, &params)
    }

    async fn msig_swap_approve(
        &self,
        msig: Address,
        source: Address,
        id: u64,
        proposer: Address,
        old: Address,
        new: Address,
    ) -> Answer<MessagePrototype> {
        let params = SwapSignerParams { from: old, to: new };
        let named = own_call(msig, proposer, multisig::method::SWAP_SIGNER, &params)?;
        let approve = multisig::method::APPROVE;
        self.about((msig, source), approve, id, Some(named)).await
    }

    async fn msig_swap_cancel(
        &self,
        msig: Address,
        source: Address,
        id: u64,
        old: Address,
        new: Address,
    ) -> Answer<MessagePrototype> {
        let params = SwapSignerParams { from: old, to: new };
        let named = own_call(msig, source, multisig::method::SWAP_SIGNER, &params)?;
        let cancel = multisig::method::CANCEL;
        self.about((msig, source), cancel, id, Some(named)).await
    }

    async fn msig_remove_signer(
        &self,
        msig: Address,
        proposer: Address,
        signer: Address,
        decrease: bool,
    ) -> Answer<MessagePrototype> {
        let params = RemoveSignerParams { signer, decrease };
        self_proposal(msig, proposer, multisig::method::REMOVE_SIGNER, &params)
    }
}
