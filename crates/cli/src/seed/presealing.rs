//! `lotus-seed pre-seal`.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use lotus_crypto::{SigningKey, blake2b_256, export_key, parse_exported_key};
use lotus_genesis::template::{Miner, PeerId, PreSeal as TemplateSector};
use lotus_proofs::{
    FilecoinProver,
    presealing::{Preseal, PresealRequest, preseal},
};
use lotus_types::{Address, KeyType, RegisteredSealProof, TokenAmount};
use rand::{Rng as _, RngCore, rngs::OsRng};

use super::files;

/// Seal sectors for a genesis miner, with random data
#[derive(Debug, clap::Args)]
pub(crate) struct PreSeal {
    /// Specify the future address of your miner
    #[arg(long, default_value = "t01000")]
    miner_addr: Address,
    /// Specify size of sectors to pre-seal
    #[arg(long, default_value = "2KiB", value_parser = parse_size)]
    sector_size: u64,
    /// Set the ticket preimage for sealing randomness
    #[arg(long, default_value = "lotus is fire")]
    ticket_preimage: String,
    /// Select number of sectors to pre-seal
    #[arg(long, default_value_t = 1)]
    num_sectors: u64,
    /// How many sector ids to skip when starting to seal
    #[arg(long, default_value_t = 0)]
    sector_offset: u64,
    /// (optional) Key to use for signing / owner/worker addresses
    #[arg(long)]
    key: Option<PathBuf>,
    /// Fake the sectors: nothing is sealed, but they can be proven
    #[arg(long)]
    fake_sectors: bool,
    /// Specify network version
    #[arg(long, default_value_t = lotus_genesis::template::NETWORK_VERSION)]
    network_version: u32,
}

impl PreSeal {
    pub(crate) fn run(self, sector_dir: &Path, out: &mut impl Write) -> Result<()> {
        let Some(miner) = self.miner_addr.id() else {
            bail!(
                "--miner-addr {}: it must be an ID address such as t01000",
                self.miner_addr
            );
        };
        if self.network_version != lotus_genesis::template::NETWORK_VERSION {
            bail!(
                "--network-version {} is not supported, only 17",
                self.network_version
            );
        }
        let seal_proof = RegisteredSealProof::for_sector_size(self.sector_size)
            .with_context(|| format!("there are no sectors of {} bytes", self.sector_size))?;
        let key = self.signing_key()?;
        let root = files::expand(sector_dir);
        let request = PresealRequest {
            miner,
            seal_proof,
            first: self.sector_offset,
            count: self.num_sectors,
            ticket: blake2b_256(self.ticket_preimage.as_bytes()),
            root: root.clone(),
            fake: self.fake_sectors,
        };
        std::fs::create_dir_all(&root)
            .with_context(|| format!("cannot make {}", root.display()))?;
        let sealed = preseal(&FilecoinProver::new(), &request, &mut RandomData(OsRng))
            .with_context(|| format!("pre-sealing into {}", root.display()))?;
        let miner = self.genesis_miner(&key, &sealed);
        write_results(&root, &miner, &key)?;
        writeln!(
            out,
            "pre-sealed {} sectors of {} into {}",
            sealed.len(),
            miner.id,
            root.display()
        )?;
        Ok(())
    }

    fn signing_key(&self) -> Result<SigningKey> {
        let Some(path) = &self.key else {
            return Ok(SigningKey::generate(&KeyType::Bls, &mut OsRng)?);
        };
        let text = String::from_utf8(files::read(path)?);
        let text = text.with_context(|| format!("{} is not hex", path.display()))?;
        let info = parse_exported_key(&text).with_context(|| format!("in {}", path.display()))?;
        Ok(SigningKey::from_key_info(&info)?)
    }

    fn genesis_miner(&self, key: &SigningKey, sealed: &[Preseal]) -> Miner {
        let client = key.address();
        let sector = |(k, sector): (usize, &Preseal)| {
            TemplateSector::new(
                (self.miner_addr, client),
                k,
                (sector.cids.sealed, sector.cids.unsealed),
                sector.sector.id.number,
                sector.sector.proof_type,
                key.to_key_info(),
            )
        };
        Miner {
            id: self.miner_addr,
            owner: client,
            worker: client,
            peer_id: placeholder_peer(),
            market_balance: TokenAmount::zero(),
            power_balance: TokenAmount::zero(),
            sector_size: self.sector_size,
            sectors: sealed.iter().enumerate().map(sector).collect(),
        }
    }
}

/// A peer id that nobody has the key of, as Lotus writes one: the miner announces its own with
/// ChangePeerID when it is initialised.
fn placeholder_peer() -> PeerId {
    PeerId::of_ed25519(&OsRng.r#gen())
}

/// `sectorstore.json`, `pre-seal-<miner>.json` and `pre-seal-<miner>.key`.
fn write_results(root: &Path, miner: &Miner, key: &SigningKey) -> Result<()> {
    // Read-only for a miner: nothing is sealed or stored here later.
    let path = serde_json::json!({
        "ID": uuid::Uuid::new_v4().to_string(),
        "Weight": 0,
        "CanSeal": false,
        "CanStore": false,
        "MaxStorage": 0,
        "Groups": null,
        "AllowTo": null,
        "AllowTypes": null,
        "DenyTypes": null,
    });
    let path = serde_json::to_string_pretty(&path)?;
    files::write(&root.join("sectorstore.json"), path.as_bytes(), 0o644)?;
    let miners = BTreeMap::from([(miner.id.to_string(), miner)]);
    let manifest = root.join(format!("pre-seal-{}.json", miner.id));
    files::write(
        &manifest,
        serde_json::to_string_pretty(&miners)?.as_bytes(),
        0o600,
    )?;
    let secret = root.join(format!("pre-seal-{}.key", miner.id));
    files::write(&secret, export_key(&key.to_key_info()).as_bytes(), 0o600)
}

/// Endless random data.
struct RandomData(OsRng);

impl std::io::Read for RandomData {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0
            .try_fill_bytes(buffer)
            .map_err(std::io::Error::other)?;
        Ok(buffer.len())
    }
}

/// `2048`, `2KiB`, `8MiB`, `32GiB`; `K`, `M` and `G` mean the same, as in Lotus.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => {
            return Err(format!(
                "{unit:?} is no unit of size: write 2KiB, 8MiB or 32GiB"
            ));
        }
    };
    let number: u64 = digits.parse().map_err(|_| format!("{text:?} is no size"))?;
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| format!("{text:?} is too large"))
}
