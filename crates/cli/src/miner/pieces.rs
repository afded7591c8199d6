//! `lotus-miner pieces`: which data lies in which piece, and which piece in which sector.

use std::io::Write;

use anyhow::Context as _;
use lotus_rpc_api::miner::StorageMiner;
use lotus_types::Cid;

use crate::format::Table;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Pieces {
    /// list registered pieces
    #[command(name = "list-pieces")]
    List,
    /// list registered payload CIDs
    ListCids {
        /// With where they lie
        #[arg(short, long)]
        verbose: bool,
    },
    /// get registered information for a given piece CID
    PieceInfo {
        /// CommP
        #[arg(value_name = "piece CID")]
        piece: Cid,
    },
    /// get registered information for a given payload CID
    CidInfo {
        /// A block
        #[arg(value_name = "payload CID")]
        payload: Cid,
    },
}

impl Pieces {
    pub(super) async fn run(
        self,
        miner: &dyn StorageMiner,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        match self {
            Self::List => {
                for piece in miner.pieces_list_pieces().await? {
                    writeln!(out, "{piece}")?;
                }
            }
            Self::ListCids { verbose: false } => {
                for payload in miner.pieces_list_cid_infos().await? {
                    writeln!(out, "{payload}")?;
                }
            }
            Self::ListCids { verbose: true } => list_places(miner, out).await?,
            Self::PieceInfo { piece } => {
                let info = miner.pieces_get_piece_info(piece).await?;
                writeln!(out, "Piece:  {}", info.piece_cid)?;
                writeln!(out, "Deals:")?;
                let mut table = Table::open(&["DealID", "SectorID", "Length", "Offset"]);
                for deal in info.deals {
                    table.row([
                        deal.deal_id.to_string(),
                        deal.sector_id.to_string(),
                        deal.length.0.to_string(),
                        deal.offset.0.to_string(),
                    ]);
                }
                table.write(out)?;
            }
            Self::CidInfo { payload } => {
                let info = miner.pieces_get_cid_info(payload).await?;
                writeln!(out, "Info for:  {}", info.cid)?;
                let mut table = Table::open(&["PieceCid", "Offset", "Size"]);
                for place in info.locations {
                    table.row([
                        place.piece_cid.to_string(),
                        place.offset.to_string(),
                        place.size.to_string(),
                    ]);
                }
                table.write(out)?;
            }
        }
        Ok(())
    }
}

async fn list_places(miner: &dyn StorageMiner, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut table = Table::new(&[
        "CID",
        "Piece",
        "BlockOffset",
        "BlockLen",
        "Deal",
        "Sector",
        "DealOffset",
        "DealLen",
    ]);
    for payload in miner.pieces_list_cid_infos().await? {
        let info = miner.pieces_get_cid_info(payload).await;
        for place in info
            .with_context(|| format!("finding {payload}"))?
            .locations
        {
            let piece = miner.pieces_get_piece_info(place.piece_cid).await;
            let piece = piece.with_context(|| format!("finding the piece {}", place.piece_cid))?;
            for deal in piece.deals {
                table.row([
                    payload.to_string(),
                    place.piece_cid.to_string(),
                    place.offset.to_string(),
                    place.size.to_string(),
                    deal.deal_id.to_string(),
                    deal.sector_id.to_string(),
                    deal.offset.0.to_string(),
                    deal.length.0.to_string(),
                ]);
            }
        }
    }
    Ok(table.write(out)?)
}
