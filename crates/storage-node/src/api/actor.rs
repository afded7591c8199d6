//! The miner's actor.

use async_trait::async_trait;
use lotus_rpc_api::{RpcError, miner::ActorApi, types::market::AddressConfig};
use lotus_types::{Address, SectorSize, Tipset, TipsetKey};

use super::{Answer, StorageMinerApi};

#[async_trait]
impl ActorApi for StorageMinerApi {
    async fn actor_address(&self) -> Answer<Address> {
        Ok(self.0.miner_address())
    }

    async fn actor_sector_size(&self, miner: Address) -> Answer<SectorSize> {
        let info = self.0.node().state_miner_info(miner, TipsetKey::default());
        Ok(info.await?.sector_size)
    }

    async fn actor_address_config(&self) -> Answer<AddressConfig> {
        Ok(self.0.address_config.clone())
    }

    async fn mining_base(&self) -> Answer<Tipset> {
        let status = self.0.mining.as_ref().map(|mining| mining.status());
        match status.and_then(|status| status.base) {
            Some(base) => Ok(base),
            None => Err(RpcError::new("no mining base yet")),
        }
    }

    async fn runtime_subsystems(&self) -> Answer<Vec<String>> {
        let on = &self.0.settings.subsystems;
        let parts = [
            (on.enable_mining, "Mining"),
            (on.enable_sealing, "Sealing"),
            (on.enable_sector_storage, "SectorStorage"),
            (on.enable_markets, "Markets"),
        ];
        let running = parts.iter().filter(|(on, _)| *on);
        Ok(running.map(|(_, name)| (*name).to_owned()).collect())
    }
}
