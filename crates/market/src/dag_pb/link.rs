//! What a link points to: a block somewhere, or a block inside the link.

use std::fmt;

use cid::{CidGeneric, multihash::Multihash};
use lotus_blockstore::verify::{self, VerifyError};
use lotus_types::Cid;

/// Longest block that a CID may carry in itself. Lotus inlines what has at most 126 bytes.
pub const MAX_INLINE: usize = 128;

/// Multihash code of the identity hash: the digest is the block.
const IDENTITY: u64 = 0;

/// A CID with room for a block of [`MAX_INLINE`] bytes.
type WideCid = CidGeneric<MAX_INLINE>;

/// Bytes that are no CID, or one of a kind that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a CID: {0}")]
pub struct LinkError(String);

/// A CID, told apart by whether its block has to be fetched.
///
/// [`Cid`] holds digests of 64 bytes, so it cannot hold every block that Lotus inlines; hence the
/// second variant holds codec and bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Link {
    /// A block that hashes to this CID (never an identity CID).
    Block(Cid),
    /// An identity CID: the block itself.
    Inline {
        /// Multicodec of the block.
        codec: u64,
        /// The block, at most [`MAX_INLINE`] bytes.
        data: Box<[u8]>,
    },
}

impl Link {
    /// Inlines `data`.
    ///
    /// # Panics
    /// Beyond [`MAX_INLINE`] bytes.
    pub(crate) fn inline(codec: u64, data: &[u8]) -> Self {
        assert!(data.len() <= MAX_INLINE, "callers check the length");
        Self::Inline {
            codec,
            data: data.into(),
        }
    }

    /// Reads the binary form of a CID, all of it.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LinkError> {
        match Self::read(bytes)? {
            (link, []) => Ok(link),
            (link, rest) => Err(LinkError(format!("{} bytes follow {link}", rest.len()))),
        }
    }

    /// Reads a CID at the start of `bytes`; gives it and the rest.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn read(mut bytes: &[u8]) -> Result<(Self, &[u8]), LinkError> {
        let wide = WideCid::read_bytes(&mut bytes).map_err(|e| LinkError(e.to_string()))?;
        Ok((Self::from_wide(&wide)?, bytes))
    }

    fn from_wide(wide: &WideCid) -> Result<Self, LinkError> {
        let (hash, invalid) = (wide.hash(), |e: &dyn fmt::Display| LinkError(e.to_string()));
        if hash.code() == IDENTITY {
            return Ok(Self::Inline {
                codec: wide.codec(),
                data: hash.digest().into(),
            });
        }
        let hash = Multihash::<64>::wrap(hash.code(), hash.digest()).map_err(|e| invalid(&e))?;
        let cid = cid::Cid::new(wide.version(), wide.codec(), hash).map_err(|e| invalid(&e))?;
        Ok(Self::Block(cid.into()))
    }

    fn wide(&self) -> WideCid {
        let (codec, hash) = match self {
            Self::Block(cid) => {
                let hash = Multihash::wrap(cid.hash().code(), cid.hash().digest());
                let hash = hash.expect("a longer digest has room for a shorter one");
                return WideCid::new(cid.version(), cid.codec(), hash)
                    .expect("version and codec fitted each other before");
            }
            Self::Inline { codec, data } => (*codec, data),
        };
        let hash = Multihash::wrap(IDENTITY, hash).expect("inlined blocks are short");
        WideCid::new_v1(codec, hash)
    }

    /// The binary form of the CID.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Block(cid) => cid.to_bytes(),
            Self::Inline { .. } => self.wide().to_bytes(),
        }
    }

    /// Multicodec of the block.
    pub fn codec(&self) -> u64 {
        match self {
            Self::Block(cid) => cid.codec(),
            Self::Inline { codec, .. } => *codec,
        }
    }

    /// The CID; `None` when it is an identity CID of more than 64 bytes.
    pub fn cid(&self) -> Option<Cid> {
        match self {
            Self::Block(cid) => Some(*cid),
            Self::Inline { codec, data } => {
                let hash = Multihash::wrap(IDENTITY, data).ok()?;
                Some(cid::Cid::new_v1(*codec, hash).into())
            }
        }
    }

    /// The block, when the link carries it.
    pub fn inlined(&self) -> Option<&[u8]> {
        match self {
            Self::Block(_) => None,
            Self::Inline { data, .. } => Some(data),
        }
    }

    /// Checks that `data` is the block of this link.
    ///
    /// # Errors
    /// When it is not, or the hash function is not supported.
    pub fn verify(&self, data: &[u8]) -> Result<(), BadBlock> {
        let outcome = match self {
            Self::Block(cid) => verify::verify(cid, data),
            Self::Inline { data: block, .. } if **block == *data => Ok(()),
            Self::Inline { .. } => {
                return Err(BadBlock::Mismatch(Box::new(self.clone())));
            }
        };
        outcome.map_err(|error| match error {
            VerifyError::Mismatch { .. } => BadBlock::Mismatch(Box::new(self.clone())),
            VerifyError::UnknownHash { code, .. } => BadBlock::UnknownHash {
                link: Box::new(self.clone()),
                code,
            },
        })
    }
}

/// Why a block was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadBlock {
    /// The bytes hash to something else.
    #[error("block {0} is corrupt: its bytes do not hash to its CID")]
    Mismatch(Box<Link>),
    /// The CID uses a hash function that is not checked here.
    #[error("block {link} uses hash function {code:#x}, which is not supported")]
    UnknownHash {
        /// The CID.
        link: Box<Link>,
        /// Multihash code of its hash function.
        code: u64,
    },
}

impl From<Cid> for Link {
    fn from(cid: Cid) -> Self {
        if cid.hash().code() == IDENTITY {
            Self::inline(cid.codec(), cid.hash().digest())
        } else {
            Self::Block(cid)
        }
    }
}

impl std::str::FromStr for Link {
    type Err = LinkError;
    fn from_str(text: &str) -> Result<Self, LinkError> {
        let wide = WideCid::try_from(text).map_err(|e| LinkError(e.to_string()))?;
        Self::from_wide(&wide)
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(cid) => cid.fmt(f),
            Self::Inline { .. } => self.wide().fmt(f),
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
