//! A drand chain: its rounds in time, its hash, the verification of its entries.
//!
//! # Invariants
//! - Round 1 is at the chain's genesis time, every further one a period later. Round 0 is none.
//! - The chain hash is recomputed from what it stands for; a chain info that contradicts its own hash
//!   is refused, so a typing mistake cannot silently become another chain.

use data_encoding::HEXLOWER_PERMISSIVE;
use lotus_crypto::{
    SignatureError,
    drand::{Scheme, Verifier},
    sha256,
};
use lotus_networks::ChainInfo;
use lotus_types::BeaconEntry;

/// Name of the beacon that is left out of the chain hash.
const DEFAULT_BEACON_ID: &str = "default";

/// Why a chain info cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainInfoError {
    /// The scheme is not one of Filecoin's.
    #[error(transparent)]
    Scheme(#[from] lotus_crypto::drand::UnknownScheme),
    /// A field is not hex.
    #[error("{field} of the drand chain is not hex")]
    NotHex {
        /// The field's name in JSON.
        field: &'static str,
    },
    /// The public key cannot verify anything.
    #[error("public_key of the drand chain: {0}")]
    Key(#[from] SignatureError),
    /// Rounds would follow each other without time between them.
    #[error("period of the drand chain must be between 1 s and 2^32 - 1 s, got {0}")]
    Period(u64),
    /// The hash is of another chain.
    #[error("hash of the drand chain is {given}, but its values give {computed}")]
    Hash {
        /// In the chain info.
        given: String,
        /// From its other fields.
        computed: String,
    },
}

/// A drand chain, ready to verify its rounds.
#[derive(Debug, Clone)]
pub struct DrandChain {
    verifier: Verifier,
    period: u64,
    genesis_time: u64,
    hash: String,
}

impl DrandChain {
    /// Reads what drand serves as `/info`. An empty `hash` is filled in.
    ///
    /// # Errors
    /// [`ChainInfoError`], naming the field.
    pub fn new(info: &ChainInfo) -> Result<Self, ChainInfoError> {
        let scheme: Scheme = info.scheme_id.parse()?;
        let public_key = unhex("public_key", &info.public_key)?;
        let verifier = Verifier::new(scheme, &public_key)?;
        let computed = hash(info)?;
        let given = info.hash.to_ascii_lowercase();
        if !given.is_empty() && given != computed {
            return Err(ChainInfoError::Hash { given, computed });
        }
        Ok(Self {
            verifier,
            period: info.period,
            genesis_time: info.genesis_time,
            hash: computed,
        })
    }

    /// The chain hash, in hex: part of every URL.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The scheme of its signatures.
    pub fn scheme(&self) -> Scheme {
        self.verifier.scheme()
    }

    /// Seconds between two rounds.
    pub fn period(&self) -> u64 {
        self.period
    }

    /// The newest round at a time (Unix seconds); 1 before the chain begins, as Lotus counts.
    pub fn round_at(&self, unix_seconds: u64) -> u64 {
        unix_seconds
            .checked_sub(self.genesis_time)
            .map_or(1, |since| since / self.period + 1)
    }

    /// When a round becomes known (Unix seconds).
    pub fn time_of_round(&self, round: u64) -> u64 {
        self.genesis_time
            .saturating_add(round.saturating_sub(1).saturating_mul(self.period))
    }

    /// The newest round that a block at `epoch` can know: that of one block time before its epoch
    /// begins.
    ///
    /// # Lotus parity
    /// `MaxBeaconRoundForEpoch` from network version 16 on.
    pub fn max_round_for_epoch(&self, time: FilecoinTime, epoch: i64) -> u64 {
        let before =
            i128::from(time.genesis) + i128::from(time.block_delay) * (i128::from(epoch) - 1);
        self.round_at(u64::try_from(before).unwrap_or(0))
    }

    /// Checks an entry; the chained scheme looks at `previous`, the signature of the round before.
    ///
    /// # Errors
    /// When the signature is malformed or not the chain's.
    pub fn verify(&self, entry: &BeaconEntry, previous: &[u8]) -> Result<(), SignatureError> {
        self.verifier.verify(entry.round, previous, &entry.data)
    }
}

/// What maps a network's epochs to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilecoinTime {
    /// Unix seconds of epoch 0, the genesis block's timestamp.
    pub genesis: u64,
    /// Seconds of an epoch.
    pub block_delay: u64,
}

/// The chain hash that drand gives to these values: the key to every published round.
///
/// # Errors
/// When a field is not hex, or the period has no meaning.
pub fn hash(info: &ChainInfo) -> Result<String, ChainInfoError> {
    let period = u32::try_from(info.period).ok().filter(|period| *period > 0);
    let period = period.ok_or(ChainInfoError::Period(info.period))?;
    let public_key = unhex("public_key", &info.public_key)?;
    let group_hash = unhex("groupHash", &info.group_hash)?;
    let id = info.metadata.beacon_id.as_str();
    let named = if id == DEFAULT_BEACON_ID { "" } else { id };
    let digest = sha256(&[
        &period.to_be_bytes(),
        &info.genesis_time.to_be_bytes(),
        &public_key,
        &group_hash,
        named.as_bytes(),
    ]);
    Ok(data_encoding::HEXLOWER.encode(&digest))
}

fn unhex(field: &'static str, text: &str) -> Result<Vec<u8>, ChainInfoError> {
    HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .map_err(|_| ChainInfoError::NotHex { field })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAINNET: &str = r#"{"public_key":"868f005eb8e6e4ca0a47c8a77ceaa5309a47978a7c71bc5cce96366b5d7a569937c529eeda66c7293784a9402801af31","period":30,"genesis_time":1595431050,"hash":"8990e7a9aaed2ffed73dbd7092123d6f289930540d7651336225dc172e51b2ce","groupHash":"176f93498eac9ca337150b46d21dd58673ea4e3581185f869672e59fa4cb390a","schemeID":"pedersen-bls-chained","metadata":{"beaconID":"default"}}"#;
    const QUICKNET: &str = r#"{"public_key":"83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a","period":3,"genesis_time":1692803367,"hash":"52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971","groupHash":"f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e","schemeID":"bls-unchained-g1-rfc9380","metadata":{"beaconID":"quicknet"}}"#;

    fn info(json: &str) -> ChainInfo {
        serde_json::from_str(json).expect("chain info")
    }

    #[test]
    fn the_hashes_of_public_chains_come_out() {
        for json in [MAINNET, QUICKNET] {
            let info = info(json);
            let chain = DrandChain::new(&info).expect("a public chain");
            assert_eq!(chain.hash(), info.hash);
            let without = ChainInfo {
                hash: String::new(),
                ..info.clone()
            };
            assert_eq!(
                DrandChain::new(&without).expect("hash is filled in").hash(),
                info.hash
            );
        }
    }

    #[test]
    fn a_chain_info_that_contradicts_its_hash_is_refused() {
        let mut altered = info(MAINNET);
        altered.genesis_time += 1;
        assert!(matches!(
            DrandChain::new(&altered),
            Err(ChainInfoError::Hash { .. })
        ));
    }

    #[test]
    fn unusable_fields_are_named() {
        let good = info(MAINNET);
        let refused = |info: ChainInfo| DrandChain::new(&info).expect_err("unusable").to_string();
        assert!(
            refused(ChainInfo {
                period: 0,
                ..good.clone()
            })
            .contains("period")
        );
        assert!(
            refused(ChainInfo {
                period: 1 << 32,
                ..good.clone()
            })
            .contains("period")
        );
        assert!(
            refused(ChainInfo {
                group_hash: "x".into(),
                ..good.clone()
            })
            .contains("groupHash")
        );
        assert!(
            refused(ChainInfo {
                public_key: "00".into(),
                ..good.clone()
            })
            .contains("public_key")
        );
        assert!(
            refused(ChainInfo {
                scheme_id: "new".into(),
                ..good
            })
            .contains("\"new\"")
        );
    }

    #[test]
    fn rounds_and_times_belong_together() {
        let chain = DrandChain::new(&info(MAINNET)).expect("mainnet");
        for round in [1, 2, 3, 1000, 4_000_000] {
            let time = chain.time_of_round(round);
            assert_eq!(chain.round_at(time), round);
            assert_eq!(chain.round_at(time + 29), round);
            assert_eq!(chain.round_at(time + 30), round + 1);
        }
        assert_eq!(chain.round_at(0), 1);
    }

    /// Mainnet epoch 6035749 carries quicknet round 28858492.
    #[test]
    fn the_round_of_a_mainnet_epoch_comes_out() {
        let chain = DrandChain::new(&info(QUICKNET)).expect("quicknet");
        let mainnet = FilecoinTime {
            genesis: 1_598_306_400,
            block_delay: 30,
        };
        assert_eq!(chain.max_round_for_epoch(mainnet, 6_035_749), 28_858_492);
        assert_eq!(chain.max_round_for_epoch(mainnet, 0), 1);
        assert_eq!(chain.max_round_for_epoch(mainnet, i64::MIN), 1);
        chain.max_round_for_epoch(mainnet, i64::MAX);
    }
}
