//! What a test network begins with: miners with sectors, and the genesis block that counts them.

use std::{
    fs,
    path::Path,
    sync::{Arc, OnceLock},
};

use lotus_beacon::MockBeacon;
use lotus_blockstore::SharedBlockstore;
use lotus_crypto::{SigningKey, blake2b_256};
use lotus_genesis::{
    Drawn, MINER_START, Template, make_genesis,
    template::{Actor, Miner, PeerId, PreSeal},
    write_car,
};
use lotus_networks::Network;
use lotus_ports::beacon::BeaconSchedule;
use lotus_proofs::{
    FilecoinProver, commp,
    presealing::{Preseal, PresealRequest, preseal, sector_paths},
};
use lotus_types::{
    ActorId, Address, KeyInfo, KeyType, RegisteredSealProof, SectorId, TokenAmount,
    sector::{PaddedPieceSize, SectorCids, SectorRef, sealed_cid},
};
use lotus_vm::{Bundle, FilecoinVm};
use rand::rngs::OsRng;

use crate::Proofs;

/// Sectors are of 2 KiB.
const SEAL: RegisteredSealProof = RegisteredSealProof::STACKED_DRG_2KIB_V1_1;
/// What each miner's owner has; fewer than Lotus gives, so that there may be more miners.
const OWNER_FIL: u64 = 10_000_000;
/// The VM of this process: the actors are compiled once, however many nodes there are.
pub fn vm() -> Arc<FilecoinVm> {
    static VM: OnceLock<Arc<FilecoinVm>> = OnceLock::new();
    Arc::clone(VM.get_or_init(|| Arc::new(FilecoinVm::from_environment())))
}

/// The beacon of test networks.
pub(crate) fn beacons() -> BeaconSchedule {
    BeaconSchedule::new(Arc::new(MockBeacon))
}

/// A miner before the network is there.
pub(crate) struct Born {
    pub(crate) id: ActorId,
    /// Owner and worker.
    pub(crate) key: KeyInfo,
    pub(crate) address: Address,
    sectors: Vec<Preseal>,
}

/// Makes the `index`th genesis miner; its sector files go below `root`.
pub(crate) fn born(proofs: Proofs, index: usize, sectors: u64, root: &Path) -> Born {
    let id = MINER_START + index as u64;
    let key = SigningKey::generate(&KeyType::Bls, &mut OsRng).expect("BLS keys can be drawn");
    Born {
        id,
        address: key.address(),
        key: key.to_key_info(),
        sectors: if proofs.are_mocked() {
            mock_sectors(id, sectors, root)
        } else {
            real_sectors(id, sectors, root)
        },
    }
}

fn real_sectors(miner: ActorId, count: u64, root: &Path) -> Vec<Preseal> {
    let request = PresealRequest {
        miner,
        seal_proof: SEAL,
        first: 0,
        count,
        ticket: blake2b_256(b"test network"),
        root: root.to_owned(),
        fake: false,
    };
    let sealed = preseal(&FilecoinProver::new(), &request, &mut std::io::repeat(0x17));
    sealed.unwrap_or_else(|error| panic!("pre-sealing for t0{miner}: {error}"))
}

/// Commitments of sectors that nobody sealed; their files are there, and empty.
fn mock_sectors(miner: ActorId, count: u64, root: &Path) -> Vec<Preseal> {
    let size = PaddedPieceSize(SEAL.sector_size().expect("a known proof has a size"));
    let unsealed = commp::zero_piece(size).expect("2 KiB are a piece size");
    let sector = |number| {
        let id = SectorId { miner, number };
        let paths = sector_paths(root, id);
        fs::create_dir_all(&paths.cache).expect("a temporary directory can be written");
        let sealed = paths.sealed.parent().expect("it is below the root");
        fs::create_dir_all(sealed).expect("a temporary directory can be written");
        fs::write(&paths.sealed, []).expect("a temporary file can be written");
        let mut comm_r = blake2b_256(id.to_string().as_bytes());
        comm_r[31] &= 0x3f;
        Preseal {
            sector: SectorRef {
                id,
                proof_type: SEAL,
            },
            cids: SectorCids {
                unsealed: unsealed.piece_cid,
                sealed: sealed_cid(&comm_r),
            },
        }
    };
    (0..count).map(sector).collect()
}

/// Draws the key that decides over the verified registry.
pub(crate) fn root_key() -> SigningKey {
    SigningKey::generate(&KeyType::Secp256k1, &mut OsRng).expect("secp256k1 keys can be drawn")
}

/// A genesis CAR, and the description of its network. `root` alone signs for the verified registry's
/// root.
pub(crate) fn make(
    mut network: Network,
    bundle: &Bundle,
    miners: &[Born],
    root: Address,
    timestamp: u64,
) -> (Network, Vec<u8>) {
    let mut template = Template::new(network.name.clone());
    let signers = template.set_signers(vec![root], 1);
    signers.expect("one signer of one is enough");
    for born in miners {
        let balance = TokenAmount::from_fil(OWNER_FIL);
        template
            .accounts
            .push(Actor::account(born.address, balance));
        template.miners.push(genesis_miner(born));
    }
    let store = SharedBlockstore::memory();
    bundle.load_into(&store).expect("memory takes everything");
    let mut drawn = Drawn::random(&mut OsRng).expect("keys can be drawn");
    drawn.timestamp = Some(timestamp);
    let genesis = make_genesis(&*vm(), &store, &bundle.manifest(), &template, &drawn);
    let genesis = genesis.unwrap_or_else(|error| panic!("making the genesis: {error}"));
    let mut car = Vec::new();
    write_car(&store, &genesis.cid, &mut car).expect("the genesis is whole");
    network.genesis = Some(genesis.cid);
    network.actors_manifest = Some(bundle.manifest());
    (network, car)
}

fn genesis_miner(born: &Born) -> Miner {
    let id = Address::new_id(born.id);
    let sector = |(k, sector): (usize, &Preseal)| {
        PreSeal::new(
            (id, born.address),
            k,
            (sector.cids.sealed, sector.cids.unsealed),
            sector.sector.id.number,
            sector.sector.proof_type,
            born.key.clone(),
        )
    };
    Miner {
        id,
        owner: born.address,
        worker: born.address,
        peer_id: PeerId::of_ed25519(&blake2b_256(&born.id.to_be_bytes())),
        market_balance: TokenAmount::zero(),
        power_balance: TokenAmount::zero(),
        sector_size: SEAL.sector_size().expect("a known proof has a size"),
        sectors: born.sectors.iter().enumerate().map(sector).collect(),
    }
}
