//! A file stored in the devnet and read back, step by step; or a sector without data, sealed.
//!
//! Everything goes through the APIs that `lotus client` and `lotus-miner` use.

use std::{fs, path::PathBuf};

use super::{fleet::Probe, layout::MINER, process::Role, report::Step, steps::Net, stored::Stored};
use anyhow::{Context as _, bail, ensure};
use lotus_rpc_api::{
    ApiClient,
    full::{
        ClientApi as _, MarketApi as _, MpoolApi as _, StateMarketApi as _, StateMinerApi as _,
        WalletApi as _,
    },
    miner::SectorsApi as _,
    types::{
        deals::{DataRef, DealInfo, ExportRef, FileRef, StartDealParams, StorageAsk},
        sealing::SectorStatus,
    },
};
use lotus_types::{
    Address, BigInt, Cid, DealId, KeyType, Message, SectorNumber, TipsetKey, TokenAmount,
    sector::{PaddedPieceSize, UnpaddedPieceSize},
};

/// FIL for the client to begin with.
const CLIENT_FIL: u64 = 100;
/// FIL that are put into the market's escrow for the client.
const ESCROW_FIL: u64 = 10;
/// Epochs of a deal: a little more than the least, which the chain counts from its start.
const DURATION: u64 = 518_400;
/// Prices are for this many bytes.
const PRICED_BYTES: u64 = 1 << 30;
/// Epochs in which a deal's data must have moved and its message be on chain.
const PUBLISH_EPOCHS: u32 = 60;
/// Epochs in which a sector must be sealed up to its pre-commitment.
const SEAL_EPOCHS: u32 = 120;
/// Epochs in which it must be proven: 10 for the seed, the SNARK, confidence.
const PROVE_EPOCHS: u32 = 150;
/// Epochs in which node and miner must see that the deal is active.
const ACTIVE_EPOCHS: u32 = 60;
/// States of a sector on its way, in order. Others stand for something that went wrong meanwhile.
const SEALING: [&str; 14] = [
    "WaitDeals",
    "AddPiece",
    "Packing",
    "GetTicket",
    "PreCommit1",
    "PreCommit2",
    "PreCommitting",
    "PreCommitWait",
    "WaitSeed",
    "Committing",
    "SubmitCommit",
    "CommitWait",
    "FinalizeSector",
    "Proving",
];
/// A deal in one of these states will not go on.
const FAILED: [&str; 8] = [
    "StorageDealProposalNotFound",
    "StorageDealProposalRejected",
    "StorageDealFailing",
    "StorageDealError",
    "StorageDealExpired",
    "StorageDealSlashed",
    "StorageDealRejecting",
    "StorageDealUnknown",
];

impl Net<'_, '_> {
    /// Stores a file and retrieves it.
    ///
    /// # Errors
    /// When a step fails or takes too long, or other bytes come back.
    pub(super) async fn round_trip(
        &self,
        node: &ApiClient,
        miner: &ApiClient,
    ) -> anyhow::Result<Stored> {
        let file = self.write_file()?;
        let (root, import) = self.import(node, &file).await?;
        let client = self.client_wallet(node).await?;
        let proposal = self.propose(node, client, root).await?;
        let deal = self.published(node, proposal).await?;
        let sector = self.sealed(miner, deal).await?;
        self.proven(node, miner, sector).await?;
        self.active(node, proposal, deal).await?;
        // What is read back must come from the provider.
        node.client_remove_import(import).await?;
        let copy = self.retrieve(node, client, root, &file).await?;
        Ok(Stored {
            root: root.to_string(),
            file,
            copy,
            sector,
            deal,
        })
    }

    /// Seals a sector without data up to its proof on chain.
    ///
    /// # Errors
    /// When that fails or takes too long.
    pub(super) async fn pledge(
        &self,
        node: &ApiClient,
        miner: &ApiClient,
    ) -> anyhow::Result<SectorNumber> {
        let step = self.report.step("sector pledged");
        let sector = miner.pledge_sector().await?.number;
        step.done(&format!("number {sector}"));
        self.precommitted(miner, sector, "sector sealed").await?;
        self.proven(node, miner, sector).await?;
        Ok(sector)
    }

    fn write_file(&self) -> anyhow::Result<PathBuf> {
        let id = uuid::Uuid::new_v4();
        let path = self.layout.files().join(format!("{id}.txt"));
        let line = format!("This line of file {id} was stored in a Filecoin network.\n");
        fs::write(&path, line.repeat(12)).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    async fn import(&self, node: &ApiClient, file: &std::path::Path) -> anyhow::Result<(Cid, u64)> {
        let step = self.report.step("file imported");
        let size = fs::metadata(file)?.len();
        let imported = node.client_import(file_ref(file)).await?;
        step.done(&format!("{size} bytes, {}", imported.root));
        Ok((imported.root, imported.import_id))
    }

    /// A wallet of the client's own, with money for deals.
    async fn client_wallet(&self, node: &ApiClient) -> anyhow::Result<Address> {
        let step = self.report.step("client's wallet");
        let rich = node.wallet_default_address().await?;
        let client = node.wallet_new(KeyType::Secp256k1).await?;
        step.note("money and escrow on their way");
        let transfer = Message::transfer(rich, client, TokenAmount::from_fil(CLIENT_FIL));
        let transfer = node.mpool_push_message(transfer, None).await?;
        let escrow = TokenAmount::from_fil(ESCROW_FIL);
        let escrow = node.market_add_balance(rich, client, escrow).await?;
        self.executed(node, transfer.cid()).await?;
        self.executed(node, escrow).await?;
        step.done(&format!("{client}, {ESCROW_FIL} FIL in escrow"));
        Ok(client)
    }

    async fn propose(&self, node: &ApiClient, client: Address, root: Cid) -> anyhow::Result<Cid> {
        let step = self.report.step("deal proposed");
        let miner: Address = MINER.parse()?;
        let info = node.state_miner_info(miner, TipsetKey::default()).await?;
        let peer = info.peer_id.context("the miner has no peer id on chain")?;
        let answer = node.client_query_ask(peer, miner).await?;
        let size = node.client_deal_size(root).await?;
        let params = StartDealParams {
            data: DataRef {
                transfer_type: "graphsync".to_owned(),
                root,
                piece_cid: None,
                piece_size: UnpaddedPieceSize::default(),
                raw_block_size: 0,
            },
            wallet: client,
            miner,
            epoch_price: epoch_price(&answer.response, size.piece_size),
            min_blocks_duration: DURATION,
            provider_collateral: TokenAmount::zero(),
            deal_start_epoch: -1,
            fast_retrieval: true,
            verified_deal: false,
        };
        let proposal = node.client_start_deal(params).await?;
        let proposal = proposal.context("the node gave the deal no name")?;
        step.done(&proposal.to_string());
        Ok(proposal)
    }

    /// How a deal is, and the name of its state.
    async fn deal(&self, node: &ApiClient, proposal: Cid) -> anyhow::Result<(DealInfo, String)> {
        let info = node.client_get_deal_info(proposal).await?;
        let name = node.client_get_deal_status(info.state).await?;
        ensure!(
            !FAILED.contains(&name.as_str()),
            "the deal is in state {name}: {}",
            info.message
        );
        Ok((info, name))
    }

    async fn published(&self, node: &ApiClient, proposal: Cid) -> anyhow::Result<DealId> {
        let step = self.report.step("deal published");
        let probe = async || {
            let (info, name) = self.deal(node, proposal).await?;
            step.note(&name);
            Ok(if info.deal_id > 0 {
                Probe::Ready(info.deal_id)
            } else {
                Probe::NotYet(format!("the deal is in state {name}"))
            })
        };
        let limit = self.epochs(PUBLISH_EPOCHS);
        let blame = [Role::Miner, Role::Daemon];
        let deal = self
            .fleet
            .wait_for("the deal's publication", limit, &blame, probe)
            .await?;
        step.done(&format!("deal {deal} on chain"));
        Ok(deal)
    }

    /// Waits until the deal's sector is found and pre-committed.
    async fn sealed(&self, miner: &ApiClient, deal: DealId) -> anyhow::Result<SectorNumber> {
        let probe = async || {
            for number in miner.sectors_list().await?.into_iter().rev() {
                let status = miner.sectors_status(number, false).await?;
                if status.deals.contains(&deal) {
                    return Ok(Probe::Ready(number));
                }
            }
            Ok(Probe::NotYet(format!("no sector holds deal {deal}")))
        };
        let limit = self.epochs(PUBLISH_EPOCHS);
        let sector = self
            .fleet
            .wait_for("the deal's way into a sector", limit, &[Role::Miner], probe)
            .await?;
        self.precommitted(miner, sector, "deal sealed").await?;
        Ok(sector)
    }

    async fn precommitted(
        &self,
        miner: &ApiClient,
        sector: SectorNumber,
        title: &str,
    ) -> anyhow::Result<()> {
        let step = self.report.step(title);
        let probe = async || {
            let status = miner.sectors_status(sector, false).await?;
            show(&step, &status);
            Ok(match status.comm_r {
                Some(comm_r) if status.pre_commit_msg.is_some() => Probe::Ready(comm_r),
                _ => Probe::NotYet(state_note(&status)),
            })
        };
        let limit = self.epochs(SEAL_EPOCHS);
        let blame = [Role::Worker, Role::Miner];
        let sealed = self.fleet.wait_for(title, limit, &blame, probe).await?;
        step.done(&format!("sector {sector}, {sealed}"));
        Ok(())
    }

    async fn proven(
        &self,
        node: &ApiClient,
        miner: &ApiClient,
        sector: SectorNumber,
    ) -> anyhow::Result<()> {
        let step = self.report.step("sector proven");
        let actor: Address = MINER.parse()?;
        let probe = async || {
            let status = miner.sectors_status(sector, false).await?;
            show(&step, &status);
            let head = TipsetKey::default();
            let on_chain = node.state_sector_get_info(actor, sector, head).await?;
            Ok(match on_chain {
                Some(info) if status.state == "Proving" => Probe::Ready(info.activation),
                _ => Probe::NotYet(state_note(&status)),
            })
        };
        let limit = self.epochs(PROVE_EPOCHS);
        let blame = [Role::Worker, Role::Miner];
        let since = self
            .fleet
            .wait_for("the sector's proof", limit, &blame, probe)
            .await?;
        step.done(&format!("on chain since epoch {since}"));
        Ok(())
    }

    async fn active(&self, node: &ApiClient, proposal: Cid, deal: DealId) -> anyhow::Result<()> {
        let step = self.report.step("deal active");
        let probe = async || {
            let (_, name) = self.deal(node, proposal).await?;
            step.note(&name);
            let on_chain = node
                .state_market_storage_deal(deal, TipsetKey::default())
                .await?;
            let since = on_chain.state.sector_start_epoch;
            Ok(if since > 0 && name == "StorageDealActive" {
                Probe::Ready(since)
            } else {
                Probe::NotYet(format!("the client says {name}, the chain {since}"))
            })
        };
        let limit = self.epochs(ACTIVE_EPOCHS);
        let blame = [Role::Miner, Role::Daemon];
        let since = self
            .fleet
            .wait_for("the deal's activation", limit, &blame, probe)
            .await?;
        step.done(&format!("since epoch {since}"));
        Ok(())
    }

    async fn retrieve(
        &self,
        node: &ApiClient,
        client: Address,
        root: Cid,
        file: &std::path::Path,
    ) -> anyhow::Result<PathBuf> {
        let step = self.report.step("file retrieved");
        let offers = node.client_find_data(root, None).await?;
        let refusals: Vec<&str> = offers.iter().map(|o| o.err.as_str()).collect();
        let refusals = refusals.join("; ");
        let offer = offers.into_iter().find(|offer| offer.err.is_empty());
        let Some(offer) = offer else {
            bail!("nobody offers {root} ({refusals})");
        };
        let started = node.client_retrieve(offer.order(client)).await?;
        let done = node.client_retrieve_wait(started.deal_id);
        let limit = self.epochs(ACTIVE_EPOCHS);
        let done = tokio::time::timeout(limit, done).await;
        done.with_context(|| format!("the retrieval was not done within {limit:?}"))??;
        let copy = file.with_extension("retrieved.txt");
        let export = ExportRef {
            root,
            dags: serde_json::Value::Null,
            from_local_car: String::new(),
            deal_id: started.deal_id,
        };
        node.client_export(export, file_ref(&copy)).await?;
        let (stored, retrieved) = (fs::read(file)?, fs::read(&copy)?);
        ensure!(
            stored == retrieved,
            "{} is not what was stored: {} bytes instead of {}",
            copy.display(),
            retrieved.len(),
            stored.len()
        );
        step.done(&format!("{} bytes, equal", retrieved.len()));
        Ok(copy)
    }
}

fn file_ref(path: &std::path::Path) -> FileRef {
    FileRef {
        path: path.to_string_lossy().into_owned(),
        is_car: false,
    }
}

/// Shows how far a sector is.
fn show(step: &Step<'_, '_>, status: &SectorStatus) {
    step.note(&state_note(status));
    if let Some(at) = SEALING.iter().position(|state| *state == status.state) {
        step.progress(at as u64 + 1, SEALING.len() as u64);
    }
}

fn state_note(status: &SectorStatus) -> String {
    let failure = &status.last_err;
    if failure.is_empty() {
        return format!("sector {}: {}", status.sector_id, status.state);
    }
    let number = status.sector_id;
    format!("sector {number}: {} ({failure})", status.state)
}

/// What an epoch of a deal costs at least: the price of its share of a GiB, rounded up.
fn epoch_price(ask: &StorageAsk, size: PaddedPieceSize) -> TokenAmount {
    let whole = ask.price.atto() * BigInt::from(size.0).0;
    let price = (whole + (PRICED_BYTES - 1)) / PRICED_BYTES;
    TokenAmount::from_atto(price)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(price: i64) -> StorageAsk {
        StorageAsk {
            price: TokenAmount::from_atto(price),
            verified_price: TokenAmount::zero(),
            min_piece_size: PaddedPieceSize(256),
            max_piece_size: PaddedPieceSize(2048),
            miner: MINER.parse().expect("an address"),
            timestamp: 0,
            expiry: 1,
            seq_no: 0,
        }
    }

    #[test]
    fn a_price_is_never_below_what_the_provider_asks() {
        let price = |per_gib, size| epoch_price(&ask(per_gib), PaddedPieceSize(size));
        // 500000000 attoFIL per GiB, as Lotus asks: 953.67 for 2 KiB.
        assert_eq!(price(500_000_000, 2048), TokenAmount::from_atto(954));
        assert_eq!(price(1 << 30, 2048), TokenAmount::from_atto(2048));
        assert_eq!(price(1, 128), TokenAmount::from_atto(1));
        assert_eq!(price(0, 2048), TokenAmount::zero());
    }
}
