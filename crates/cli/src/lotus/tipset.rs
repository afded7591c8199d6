//! Naming a tipset on the command line.

use std::str::FromStr;

use anyhow::Context as _;
use lotus_rpc_api::full::FullNode;
use lotus_types::{ChainEpoch, Cid, Tipset, TipsetKey};

/// `@head`, `@HEIGHT`, or the CIDs of its blocks with commas between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TipsetRef {
    /// The heaviest one.
    Head,
    /// The one at a height, or the last one before it.
    Height(ChainEpoch),
    /// Exactly this one.
    Key(TipsetKey),
}

impl FromStr for TipsetRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix('@') {
            Some("head") => Ok(Self::Head),
            Some(height) => match height.parse() {
                Ok(height) if height >= 0 => Ok(Self::Height(height)),
                _ => Err(format!("{height:?} is not a height: write @head or @123")),
            },
            None => {
                let cids: Result<Vec<Cid>, _> = text.split(',').map(|c| c.trim().parse()).collect();
                let cids = cids.map_err(|e| {
                    format!("{e}; a tipset is named by @head, @HEIGHT or CID,CID,…")
                })?;
                Ok(Self::Key(TipsetKey::new(cids)))
            }
        }
    }
}

impl TipsetRef {
    /// One tipset of several arguments: a tipset's CIDs may stand apart.
    ///
    /// # Errors
    /// When there is none, or more than one tipset.
    pub(crate) fn joined(parts: Vec<Self>) -> Result<Self, String> {
        let mut parts = parts.into_iter();
        let first = parts
            .next()
            .ok_or("name a tipset: the CIDs of its blocks, @HEIGHT, or an epoch with --epoch")?;
        parts.try_fold(first, |all, part| match (all, part) {
            (Self::Key(all), Self::Key(part)) => {
                let cids = all.cids().iter().chain(part.cids());
                Ok(Self::Key(cids.copied().collect()))
            }
            _ => Err("name one tipset: @head, @HEIGHT or the CIDs of its blocks".to_owned()),
        })
    }

    /// The tipset.
    pub(crate) async fn load(&self, node: &dyn FullNode) -> anyhow::Result<Tipset> {
        let head = || async { node.chain_head().await.context("asking for the head") };
        match self {
            Self::Head => head().await,
            Self::Key(key) => Ok(node.chain_get_tipset(key.clone()).await?),
            Self::Height(height) => {
                let head = head().await?;
                anyhow::ensure!(
                    *height <= head.height(),
                    "there is no tipset at height {height} yet: the head is at {}",
                    head.height()
                );
                Ok(node
                    .chain_get_tipset_by_height(*height, head.key().clone())
                    .await?)
            }
        }
    }
}

/// A tipset that a command must be given.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// the tipset at this epoch
    #[arg(long, conflicts_with = "tipset")]
    epoch: Option<ChainEpoch>,
    /// CIDs of the tipset's blocks, @HEIGHT or @head
    #[arg(value_name = "tipsetkey")]
    tipset: Vec<TipsetRef>,
}

impl Named {
    /// Its key.
    pub(crate) async fn key(self, node: &dyn FullNode) -> anyhow::Result<TipsetKey> {
        let named = match self.epoch {
            Some(height) => TipsetRef::Height(height),
            None => TipsetRef::joined(self.tipset).map_err(anyhow::Error::msg)?,
        };
        Ok(named.load(node).await?.key().clone())
    }
}

/// The key of the tipset that is named; the empty one, which stands for the head, when none is.
pub(crate) async fn key_of(
    tipset: Option<&TipsetRef>,
    node: &dyn FullNode,
) -> anyhow::Result<TipsetKey> {
    match tipset {
        None => Ok(TipsetKey::default()),
        Some(tipset) => Ok(tipset.load(node).await?.key().clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_heights_and_keys_are_told_apart() {
        assert_eq!("@head".parse(), Ok(TipsetRef::Head));
        assert_eq!("@355".parse(), Ok(TipsetRef::Height(355)));
        let cid = "bafy2bzacecnamqgqmifpluoeldx7zzglxcljo6oja4vrmtj7432rphldpdmm2";
        let Ok(TipsetRef::Key(key)) = format!("{cid},{cid}").parse() else {
            panic!("a key");
        };
        assert_eq!(key.cids().len(), 2);
    }

    #[test]
    fn cids_may_stand_apart() {
        let cid = "bafy2bzacecnamqgqmifpluoeldx7zzglxcljo6oja4vrmtj7432rphldpdmm2";
        let one = || cid.parse::<TipsetRef>().expect("a key");
        let Ok(TipsetRef::Key(key)) = TipsetRef::joined(vec![one(), one()]) else {
            panic!("a key");
        };
        assert_eq!(key.cids().len(), 2);
        assert!(TipsetRef::joined(vec![one(), TipsetRef::Head]).is_err());
        assert!(TipsetRef::joined(Vec::new()).is_err());
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "nonsense", "@", "@-1", "@1x"] {
            assert!(text.parse::<TipsetRef>().is_err(), "{text}");
        }
    }
}
