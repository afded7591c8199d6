//! The checks of a block's messages.

use std::collections::HashMap;

use lotus_actors::{ActorKind, StateTree};
use lotus_chain::messages::lists_root;
use lotus_crypto::{Claim, verify_aggregate, verify_batch};
use lotus_networks::{policy::BLOCK_GAS_LIMIT, supply::FIL_BASE};
use lotus_ports::Blockstore;
use lotus_state::{StateFault, StateManager, messages::ChainMessage};
use lotus_types::{
    Address, Cid, Gas, Message, Payload, SignatureType, Tipset, TokenAmount, block::FullBlock,
};

use crate::{
    BlockError,
    error::{Rule, Violation, require},
};

/// Gas for carrying a message of `length` bytes on chain, from the Calico upgrade on.
pub const fn inclusion_gas(length: usize) -> Gas {
    let (compute, storage) = inclusion_gas_parts(length);
    compute + storage
}

/// [`inclusion_gas`] as the VM charges it: for computing and for storage.
pub const fn inclusion_gas_parts(length: usize) -> (Gas, Gas) {
    const COMPUTE: Gas = 38_863;
    const STORAGE_BASE: Gas = 36;
    const STORAGE_PER_BYTE: Gas = 1;
    const STORAGE_MULTIPLIER: Gas = 1300;
    let storage = (STORAGE_BASE + STORAGE_PER_BYTE * length as Gas) * STORAGE_MULTIPLIER;
    (COMPUTE, storage)
}

/// Checks one message on its own: everything but sender, nonce, funds and signature.
///
/// # Errors
/// What is wrong, as `field: reason`.
pub fn message_syntax(message: &Message, chain_length: usize) -> Result<(), String> {
    /// The address of the BLS key that everyone knows the secret of: 0.
    const ZERO_KEY: Address = Address::new_bls({
        let mut key = [0; 48];
        key[0] = 0xc0;
        key
    });
    let zero = TokenAmount::zero();
    let min_gas = inclusion_gas(chain_length);
    let rules: [(bool, &str); 10] = [
        (message.version == 0, "'Version' unsupported"),
        (!message.to.is_undefined(), "'To' address cannot be empty"),
        (message.to != ZERO_KEY, "invalid 'To' address"),
        (
            !message.from.is_undefined(),
            "'From' address cannot be empty",
        ),
        (
            [message.to, message.from].iter().all(|a| !is_delegated(a)),
            "'To' or 'From' address protocol unsupported for network version",
        ),
        (message.value >= zero, "'Value' field cannot be negative"),
        (
            message.value <= TokenAmount::from_fil(FIL_BASE),
            "'Value' field cannot be greater than total filecoin supply",
        ),
        (
            message.gas_fee_cap >= zero,
            "'GasFeeCap' field cannot be negative",
        ),
        (
            message.gas_premium >= zero,
            "'GasPremium' field cannot be negative",
        ),
        (
            message.gas_premium <= message.gas_fee_cap,
            "'GasFeeCap' less than 'GasPremium'",
        ),
    ];
    if let Some((_, reason)) = rules.iter().find(|(holds, _)| !holds) {
        return Err((*reason).to_owned());
    }
    if message.gas_limit <= 0 {
        return Err(format!(
            "'GasLimit' field {} must be positive",
            message.gas_limit
        ));
    }
    if message.gas_limit > BLOCK_GAS_LIMIT {
        return Err(format!(
            "'GasLimit' field cannot be greater than a block's gas limit ({} > {BLOCK_GAS_LIMIT})",
            message.gas_limit
        ));
    }
    if message.gas_limit < min_gas {
        return Err(format!(
            "'GasLimit' field cannot be less than the cost of storing a message on chain {} < {min_gas}",
            message.gas_limit
        ));
    }
    Ok(())
}

/// f4 addresses exist from network version 18 on.
fn is_delegated(address: &Address) -> bool {
    matches!(address.payload(), Some(Payload::Delegated { .. }))
}

/// Checks all messages of a block on top of `parents`, whose resulting state is `state_root`.
///
/// # Errors
/// [`Rule::MessageRoot`], [`Rule::Messages`], [`Rule::Aggregate`], or a fault.
pub fn check(
    states: &StateManager,
    block: &FullBlock,
    parents: &Tipset,
    state_root: &Cid,
) -> Result<(), BlockError> {
    check_root(block)?;
    let tree = states.tree(state_root)?;
    let mut run = Run {
        tree: &tree,
        next_nonce: HashMap::new(),
        gas: 0,
    };
    for (k, message) in block.bls_messages.iter().enumerate() {
        run.check(&ChainMessage::Unsigned(message.clone()))
            .map_err(|e| at("bls", k, e))?;
    }
    for (k, message) in block.secpk_messages.iter().enumerate() {
        if message.signature.kind != SignatureType::Secp256k1 {
            let reason = format!(
                "signature type {} in the secp256k1 list",
                message.signature.kind
            );
            return Err(at(
                "secpk",
                k,
                Violation::new(Rule::Messages, reason).into(),
            ));
        }
        run.check(&ChainMessage::Signed(message.clone()))
            .map_err(|e| at("secpk", k, e))?;
    }
    check_aggregate(states, block, parents)?;
    check_signatures(states, block, parents)
}

fn at(list: &str, index: usize, error: BlockError) -> BlockError {
    match error {
        BlockError::Invalid(v) => {
            let reason = format!(
                "block had invalid {list} message at index {index}: {}",
                v.reason
            );
            Violation::new(v.rule, reason).into()
        }
        other => other,
    }
}

fn check_root(block: &FullBlock) -> Result<(), BlockError> {
    let bls: Vec<_> = block.bls_messages.iter().map(Message::cid).collect();
    let secpk: Vec<_> = block
        .secpk_messages
        .iter()
        .map(lotus_types::SignedMessage::cid)
        .collect();
    let (root, named) = (
        lists_root(&bls, &secpk).map_err(|e| StateFault::Store(e.to_string()))?,
        block.header.messages,
    );
    Ok(require(root == named, Rule::MessageRoot, || {
        format!(
            "messages didnt match message root in header: {named} (header) != {root} (computed)"
        )
    })?)
}

struct Run<'a, 's, S> {
    tree: &'a StateTree<'s, S>,
    next_nonce: HashMap<Address, u64>,
    gas: Gas,
}

impl<S: Blockstore> Run<'_, '_, S> {
    fn check(&mut self, message: &ChainMessage) -> Result<(), BlockError> {
        let refuse = |reason: String| Violation::new(Rule::Messages, reason);
        let inner = message.message();
        message_syntax(inner, message.chain_length()).map_err(|reason| {
            refuse(format!(
                "msg {} invalid for block inclusion: {reason}",
                message.cid()
            ))
        })?;
        self.gas += inner.gas_limit;
        require(self.gas <= BLOCK_GAS_LIMIT, Rule::Messages, || {
            "block gas limit exceeded".to_owned()
        })?;
        let unknown = || refuse(format!("failed to lookup sender {}", inner.from));
        let sender = Address::new_id(self.tree.lookup_id(&inner.from)?.ok_or_else(unknown)?);
        let next = match self.next_nonce.get(&sender) {
            Some(nonce) => *nonce,
            None => {
                let actor = self.tree.actor(&sender)?.ok_or_else(unknown)?;
                let kind = self.tree.manifest()?.kind(&actor.code);
                require(kind == Some(ActorKind::Account), Rule::Messages, || {
                    format!("sender {} must be an account actor", inner.from)
                })?;
                actor.nonce
            }
        };
        require(next == inner.nonce, Rule::Messages, || {
            format!("wrong nonce (exp: {next}, got: {})", inner.nonce)
        })?;
        self.next_nonce.insert(sender, next.saturating_add(1));
        Ok(())
    }
}

fn key_address(
    states: &StateManager,
    of: &Address,
    parents: &Tipset,
) -> Result<Address, BlockError> {
    states.key_address(of, parents).map_err(|e| match e {
        StateFault::Refused(reason) => Violation::new(Rule::Messages, reason).into(),
        other => BlockError::Fault(other),
    })
}

fn check_aggregate(
    states: &StateManager,
    block: &FullBlock,
    parents: &Tipset,
) -> Result<(), BlockError> {
    let pairs = block
        .bls_messages
        .iter()
        .map(|m| Ok((key_address(states, &m.from, parents)?, m.cid().to_bytes())))
        .collect::<Result<Vec<_>, BlockError>>()?;
    let refuse = |reason: String| Violation::new(Rule::Aggregate, reason);
    let aggregate = block
        .header
        .bls_aggregate
        .as_ref()
        .ok_or_else(|| refuse("block has no BLS aggregate signature".to_owned()))?;
    verify_aggregate(aggregate, &pairs)
        .map_err(|e| refuse(format!("bls aggregate signature was invalid: {e}")))?;
    Ok(())
}

fn check_signatures(
    states: &StateManager,
    block: &FullBlock,
    parents: &Tipset,
) -> Result<(), BlockError> {
    let signed = block
        .secpk_messages
        .iter()
        .map(|m| {
            let signer = key_address(states, &m.message.from, parents)?;
            Ok((signer, m.message.cid().to_bytes(), &m.signature))
        })
        .collect::<Result<Vec<_>, BlockError>>()?;
    let claims: Vec<_> = signed
        .iter()
        .map(|(signer, message, signature)| Claim {
            signature,
            signer,
            message,
        })
        .collect();
    verify_batch(&claims).map_err(|e| {
        let cid = block
            .secpk_messages
            .get(e.index)
            .map(lotus_types::SignedMessage::cid);
        let name = cid.map(|c| c.to_string()).unwrap_or_default();
        let reason = format!("secpk message {name} has invalid signature: {}", e.reason);
        Violation::new(Rule::Messages, reason)
    })?;
    Ok(())
}
