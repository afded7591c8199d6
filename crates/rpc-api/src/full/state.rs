//! Actors and messages.

use std::collections::BTreeMap;

use lotus_actors::verifreg::{Allocation, Claim};
use lotus_types::{
    ActorState, Address, BeaconEntry, BigInt, Bytes, ChainEpoch, Cid, DealId, Message, MethodNum,
    RegisteredSealProof, TipsetKey, TokenAmount,
};
use serde_json::Value;

use crate::{
    rpc_api,
    types::{
        go::NilVec,
        state::{CirculatingSupply, MessageMatch, MsgLookup, NetworkParams, ReadState},
        trace::{ComputeStateOutput, InvocResult},
    },
};

rpc_api! {
    /// State as of a tipset; the empty key stands for the head.
    pub trait StateApi {
        /// An actor.
        #[method("StateGetActor", Read)]
        fn state_get_actor(address: Address, key: TipsetKey) -> ActorState;
        /// An actor and its state, taken apart.
        #[method("StateReadState", Read)]
        fn state_read_state(address: Address, key: TipsetKey) -> ReadState;
        /// Addresses of all actors.
        #[method("StateListActors", Read)]
        fn state_list_actors(key: TipsetKey) -> Vec<Address>;
        /// Actors that differ between two states.
        #[method("StateChangedActors", Read)]
        fn state_changed_actors(old: Cid, new: Cid) -> BTreeMap<String, ActorState>;
        /// The ID address of an address.
        #[method("StateLookupID", Read)]
        fn state_lookup_id(address: Address, key: TipsetKey) -> Address;
        /// The key address of an account.
        #[method("StateAccountKey", Read)]
        fn state_account_key(address: Address, key: TipsetKey) -> Address;
        /// The address of another kind for an ID address.
        #[method("StateLookupRobustAddress", Read)]
        fn state_lookup_robust_address(address: Address, key: TipsetKey) -> Address;
        /// Executes a message on a tipset's state; nothing is kept.
        #[method("StateCall", Read)]
        fn state_call(message: Message, key: TipsetKey) -> InvocResult;
        /// Executes a message of the chain again, in its place.
        #[method("StateReplay", Read)]
        fn state_replay(key: TipsetKey, message: Cid) -> InvocResult;
        /// Executes a tipset and these messages after it.
        #[method("StateCompute", Read)]
        fn state_compute(
            epoch: ChainEpoch, messages: Vec<Message>, key: TipsetKey
        ) -> ComputeStateOutput;
        /// Where a message was executed, at most `limit` epochs back (-1: no limit).
        #[method("StateSearchMsg", Read)]
        fn state_search_msg(
            from: TipsetKey, message: Cid, limit: ChainEpoch, allow_replaced: bool
        ) -> Option<MsgLookup>;
        /// Answers when a message was executed and has `confidence` epochs on top.
        #[method("StateWaitMsg", Read, Waits)]
        fn state_wait_msg(
            message: Cid, confidence: u64, limit: ChainEpoch, allow_replaced: bool
        ) -> MsgLookup;
        /// Messages between a tipset and a height.
        #[method("StateListMessages", Read)]
        fn state_list_messages(
            matching: MessageMatch, key: TipsetKey, to_height: ChainEpoch
        ) -> NilVec<Cid>;
        /// Takes parameters of a method apart.
        #[method("StateDecodeParams", Read)]
        fn state_decode_params(
            to: Address, method: MethodNum, params: Bytes, key: TipsetKey
        ) -> Value;
        /// Puts parameters of a method together.
        #[method("StateEncodeParams", Read)]
        fn state_encode_params(code: Cid, method: MethodNum, params: Value) -> Bytes;
        /// Name of the network.
        #[method("StateNetworkName", Read)]
        fn state_network_name() -> String;
        /// Version of the network.
        #[method("StateNetworkVersion", Read)]
        fn state_network_version(key: TipsetKey) -> u32;
        /// Constants of the network.
        #[method("StateGetNetworkParams", Read)]
        fn state_get_network_params() -> NetworkParams;
        /// Codes of the built-in actors by name.
        #[method("StateActorCodeCIDs", Read)]
        fn state_actor_code_cids(version: u32) -> BTreeMap<String, Cid>;
        /// The manifest of the built-in actors.
        #[method("StateActorManifestCID", Read)]
        fn state_actor_manifest_cid(version: u32) -> Cid;
        /// FIL that circulate, by definition of the network.
        #[method("StateCirculatingSupply", Read)]
        fn state_circulating_supply(key: TipsetKey) -> TokenAmount;
        /// FIL that circulate, as the VM sees it, and its parts.
        #[method("StateVMCirculatingSupplyInternal", Read)]
        fn state_vm_circulating_supply_internal(key: TipsetKey) -> CirculatingSupply;
        /// Randomness from tickets.
        #[method("StateGetRandomnessFromTickets", Read)]
        fn state_get_randomness_from_tickets(
            personalization: i64, epoch: ChainEpoch, entropy: Bytes, key: TipsetKey
        ) -> Bytes;
        /// Randomness from the beacon.
        #[method("StateGetRandomnessFromBeacon", Read)]
        fn state_get_randomness_from_beacon(
            personalization: i64, epoch: ChainEpoch, entropy: Bytes, key: TipsetKey
        ) -> Bytes;
        /// The beacon's entry of an epoch; answers when there is one.
        #[method("StateGetBeaconEntry", Read, Waits)]
        fn state_get_beacon_entry(epoch: ChainEpoch) -> BeaconEntry;
        /// CommD of a sector with these deals.
        #[method("StateComputeDataCID", Read)]
        fn state_compute_data_cid(
            miner: Address, proof: RegisteredSealProof, deals: Vec<DealId>, key: TipsetKey
        ) -> Cid;
        /// Who appoints verifiers.
        #[method("StateVerifiedRegistryRootKey", Read)]
        fn state_verified_registry_root_key(key: TipsetKey) -> Address;
        /// DataCap that a verifier may give.
        #[method("StateVerifierStatus", Read)]
        fn state_verifier_status(address: Address, key: TipsetKey) -> Option<BigInt>;
        /// DataCap that a client has.
        #[method("StateVerifiedClientStatus", Read)]
        fn state_verified_client_status(address: Address, key: TipsetKey) -> Option<BigInt>;
        /// An allocation of a client.
        #[method("StateGetAllocation", Read)]
        fn state_get_allocation(client: Address, id: u64, key: TipsetKey) -> Option<Allocation>;
        /// The allocation of a deal that is not active.
        #[method("StateGetAllocationForPendingDeal", Read)]
        fn state_get_allocation_for_pending_deal(deal: DealId, key: TipsetKey) -> Option<Allocation>;
        /// Allocations of a client by number.
        #[method("StateGetAllocations", Read)]
        fn state_get_allocations(client: Address, key: TipsetKey) -> BTreeMap<u64, Allocation>;
        /// A claim of a provider.
        #[method("StateGetClaim", Read)]
        fn state_get_claim(provider: Address, id: u64, key: TipsetKey) -> Option<Claim>;
        /// Claims of a provider by number.
        #[method("StateGetClaims", Read)]
        fn state_get_claims(provider: Address, key: TipsetKey) -> BTreeMap<u64, Claim>;
    }
}
