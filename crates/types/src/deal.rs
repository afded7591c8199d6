//! Storage deals, as the market actor knows them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Address, Bytes, ChainEpoch, Cid, Signature, TokenAmount, wire_tuple};

/// The number that the market actor gives a published deal.
pub type DealId = u64;

/// A client's free text on a deal (FIP-0027). CBOR: text or bytes, kept apart; JSON: the text, empty
/// for bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DealLabel {
    /// Valid UTF-8, marked as text.
    Text(String),
    /// Anything.
    Bytes(Bytes),
}

impl Default for DealLabel {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl Serialize for DealLabel {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(t) => s.serialize_str(t),
            // Lotus prints a label of bytes as no text at all.
            Self::Bytes(_) if s.is_human_readable() => s.serialize_str(""),
            Self::Bytes(b) => b.serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for DealLabel {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Reader;
        impl serde::de::Visitor<'_> for Reader {
            type Value = DealLabel;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("text or bytes")
            }
            fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<DealLabel, E> {
                Ok(DealLabel::Text(v.to_owned()))
            }
            fn visit_bytes<E: serde::de::Error>(self, v: &[u8]) -> Result<DealLabel, E> {
                Ok(DealLabel::Bytes(v.into()))
            }
        }
        if d.is_human_readable() {
            d.deserialize_str(Reader)
        } else {
            d.deserialize_any(Reader)
        }
    }
}

/// What client and provider agree on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DealProposal {
    /// CommP of the piece.
    pub piece_cid: Cid,
    /// Padded size of the piece, in bytes.
    pub piece_size: u64,
    /// Paid with DataCap.
    pub verified_deal: bool,
    /// Who pays.
    pub client: Address,
    /// Who stores.
    pub provider: Address,
    /// Free text.
    pub label: DealLabel,
    /// The sector must be proven by then.
    pub start_epoch: ChainEpoch,
    /// Storage ends.
    pub end_epoch: ChainEpoch,
    /// attoFIL per epoch for the whole piece.
    pub storage_price_per_epoch: TokenAmount,
    /// Put up by the provider.
    pub provider_collateral: TokenAmount,
    /// Put up by the client.
    pub client_collateral: TokenAmount,
}
wire_tuple!(DealProposal {
    piece_cid: "PieceCID",
    piece_size: "PieceSize",
    verified_deal: "VerifiedDeal" default,
    client: "Client",
    provider: "Provider",
    label: "Label" default,
    start_epoch: "StartEpoch",
    end_epoch: "EndEpoch",
    storage_price_per_epoch: "StoragePricePerEpoch" default,
    provider_collateral: "ProviderCollateral" default,
    client_collateral: "ClientCollateral" default,
});

/// A proposal with the client's signature over its CBOR form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientDealProposal {
    /// What is proposed.
    pub proposal: DealProposal,
    /// By the client.
    pub client_signature: Signature,
}
wire_tuple!(ClientDealProposal {
    proposal: "Proposal",
    client_signature: "ClientSignature"
});

/// How far a published deal is on chain (actors v9). -1 stands for "not yet".
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DealState {
    /// Its sector was proven.
    pub sector_start_epoch: ChainEpoch,
    /// Last time that payments were settled.
    pub last_updated_epoch: ChainEpoch,
    /// It was slashed.
    pub slash_epoch: ChainEpoch,
}
wire_tuple!(DealState {
    sector_start_epoch: "SectorStartEpoch",
    last_updated_epoch: "LastUpdatedEpoch",
    slash_epoch: "SlashEpoch",
});
