//! Rules of execution that the recorded chains would not show to be broken.

use std::sync::{Arc, LazyLock};

use lotus_actors::StateTree;
use lotus_networks::singletons::BURNT_FUNDS_ACTOR;
use lotus_ports::network::BlockMessages;
use lotus_state::{ExecutedTipset, execute::Executor, exported::ExportedChain, replay::replay};
use lotus_types::{Address, Cid, Message, TokenAmount};

use crate::{extended::execute_on_top, recorded::mock_chain};

/// The recorded chain with every state of it in the store.
static EXECUTED: LazyLock<(Arc<ExportedChain>, Executor)> = LazyLock::new(|| {
    let (chain, executor) = mock_chain("mock-chain");
    replay(&executor, chain.tipsets(), None, |_| ()).unwrap();
    (chain, executor)
});

/// An account of the recorded chain, and its next nonce at the head.
const SENDER: &str =
    "t3r4if4bd2awtvlb67mxjspu65kbfnxh7ck4gph5zsdraokpdmzkrnb5bntm6mbu3r75yolc7yrql3r2vxll7a";
const NEXT_NONCE: u64 = 26;
const MINER: u64 = 1000;

fn transfer(nonce: u64, value: i64) -> Message {
    let sender: Address = SENDER.parse().unwrap();
    Message {
        nonce,
        gas_limit: 10_000_000,
        gas_fee_cap: TokenAmount::from_atto(10_000),
        gas_premium: TokenAmount::from_atto(5),
        ..Message::transfer(sender, Address::new_id(100), TokenAmount::from_atto(value))
    }
}

fn bls(messages: Vec<Message>) -> BlockMessages {
    BlockMessages {
        bls: messages,
        secpk: Vec::new(),
    }
}

fn explicit(executed: &ExecutedTipset) -> Vec<(u64, i64)> {
    let messages = executed.messages.iter().filter(|m| !m.implicit);
    messages
        .map(|m| (m.message.nonce, m.applied.receipt.exit_code.0))
        .collect()
}

fn balance(executor: &Executor, root: &Cid, of: &Address) -> TokenAmount {
    StateTree::load(&executor.store, root)
        .unwrap()
        .balance(of)
        .unwrap()
}

#[test]
fn a_message_with_a_wrong_nonce_costs_the_miner_its_gas() {
    let (chain, executor) = &*EXECUTED;
    let fee = TokenAmount::from_atto(100);
    let wrong = transfer(NEXT_NONCE + 5, 1);
    let penalty = &fee * wrong.gas_limit;
    let (_, clean) = execute_on_top(chain, executor, 1, fee.clone(), vec![(MINER, bls(vec![]))]);
    let block = vec![(MINER, bls(vec![wrong]))];
    let (_, executed) = execute_on_top(chain, executor, 1, fee, block);
    let applied = executed.messages.iter().find(|m| !m.implicit).unwrap();
    assert_eq!(applied.applied.penalty, penalty);
    let burnt = |root| balance(executor, root, &BURNT_FUNDS_ACTOR);
    let extra = burnt(&executed.state_root) - burnt(&clean.state_root);
    // The reward actor charges three times the penalty, and burns it.
    assert_eq!(extra, penalty * 3);
}

#[test]
fn messages_of_one_sender_in_two_blocks_count_as_one_run_of_nonces() {
    let (chain, executor) = &*EXECUTED;
    let fee = TokenAmount::from_atto(100);
    let both = transfer(NEXT_NONCE, 1);
    let rival = transfer(NEXT_NONCE + 1, 2);
    let (other_rival, last) = (transfer(NEXT_NONCE + 1, 3), transfer(NEXT_NONCE + 2, 4));
    // The chain has one miner, which makes both blocks: execution does not forbid it.
    let blocks = vec![
        (MINER, bls(vec![both.clone(), rival])),
        (MINER, bls(vec![both, other_rival, last])),
    ];
    let (_, executed) = execute_on_top(chain, executor, 1, fee, blocks);
    let run = [(NEXT_NONCE, 0), (NEXT_NONCE + 1, 0), (NEXT_NONCE + 2, 0)];
    assert_eq!(explicit(&executed), run);
}

#[test]
fn every_null_epoch_has_a_cron_of_its_own() {
    let (chain, executor) = &*EXECUTED;
    let fee = TokenAmount::from_atto(100);
    let (_, near) = execute_on_top(chain, executor, 1, fee.clone(), vec![(MINER, bls(vec![]))]);
    let (_, far) = execute_on_top(chain, executor, 4, fee, vec![(MINER, bls(vec![]))]);
    let epoch = |executed: &ExecutedTipset| {
        let tree = StateTree::load(&executor.store, &executed.state_root).unwrap();
        tree.reward_state().unwrap().epoch
    };
    assert_eq!(epoch(&far), epoch(&near) + 3);
}
