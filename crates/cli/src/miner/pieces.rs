//! `lotus-miner pieces`: which data lies in which piece, and which piece in which sector.

use std::io::Write;

use anyhow::Context as _;
use lotus_rpc_api::miner::StorageMiner;
use lotus_types::Cid;
use serde_json::json;

use crate::format::{Form, Table};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Pieces {
    /// list registered pieces
    #[command(name = "list-pieces")]
    List(Form),
    /// list registered payload CIDs
    ListCids {
        /// With where they lie
        #[arg(short, long)]
        verbose: bool,
        #[command(flatten)]
        form: Form,
    },
    /// get registered information for a given piece CID
    PieceInfo {
        /// CommP
        #[arg(value_name = "piece CID")]
        piece: Cid,
        #[command(flatten)]
        form: Form,
    },
    /// get registered information for a given payload CID
    CidInfo {
        /// A block
        #[arg(value_name = "payload CID")]
        payload: Cid,
        #[command(flatten)]
        form: Form,
    },
}

impl Pieces {
    pub(super) async fn run(
        self,
        miner: &dyn StorageMiner,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        match self {
            Self::List(form) => {
                let pieces = miner.pieces_list_pieces().await?;
                if form.wrote(out, &pieces)? {
                    return Ok(());
                }
                for piece in pieces {
                    writeln!(out, "{piece}")?;
                }
            }
            Self::ListCids {
                verbose: false,
                form,
            } => {
                let payloads = miner.pieces_list_cid_infos().await?;
                if form.wrote(out, &payloads)? {
                    return Ok(());
                }
                for payload in payloads {
                    writeln!(out, "{payload}")?;
                }
            }
            Self::ListCids { form, .. } => list_places(miner, form, out).await?,
            Self::PieceInfo { piece, form } => {
                let info = miner.pieces_get_piece_info(piece).await?;
                if form.wrote(out, &info)? {
                    return Ok(());
                }
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
            Self::CidInfo { payload, form } => {
                let info = miner.pieces_get_cid_info(payload).await?;
                if form.wrote(out, &info)? {
                    return Ok(());
                }
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

async fn list_places(
    miner: &dyn StorageMiner,
    form: Form,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut listed = Vec::new();
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
                if form.is_json() {
                    listed.push(json!({
                        "CID": payload, "PieceCID": place.piece_cid, "BlockOffset": place.offset,
                        "BlockSize": place.size, "Deal": deal,
                    }));
                    continue;
                }
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
    if form.wrote(out, &listed)? {
        return Ok(());
    }
    Ok(table.write(out)?)
}
