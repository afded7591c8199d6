//! Lists of receipts and of message CIDs: v0 AMTs of width 3 bits.

use fvm_ipld_amt::Amtv0;
use lotus_ports::Blockstore;
use lotus_types::{Cid, Receipt};

use crate::StateFault;

/// Writes the receipts of a tipset; gives the root that the next tipset's headers name.
///
/// # Errors
/// [`StateFault::Store`].
pub fn write(store: &impl Blockstore, receipts: &[Receipt]) -> Result<Cid, StateFault> {
    Amtv0::new_from_iter(store, receipts.iter().cloned())
        .map(Cid::from)
        .map_err(StateFault::store)
}

/// Reads all receipts under a root.
///
/// # Errors
/// [`StateFault::Store`] when a block is missing or no list of receipts.
pub fn read(store: &impl Blockstore, root: &Cid) -> Result<Vec<Receipt>, StateFault> {
    let list = Amtv0::<Receipt, _>::load(root.inner(), store).map_err(StateFault::store)?;
    let mut receipts = Vec::new();
    list.for_each(|_, receipt| {
        receipts.push(receipt.clone());
        Ok(())
    })
    .map_err(StateFault::store)?;
    Ok(receipts)
}

/// Reads one receipt; `None` beyond the end.
///
/// # Errors
/// [`StateFault::Store`] when a block is missing or no list of receipts.
pub fn get(store: &impl Blockstore, root: &Cid, index: u64) -> Result<Option<Receipt>, StateFault> {
    let list = Amtv0::<Receipt, _>::load(root.inner(), store).map_err(StateFault::store)?;
    Ok(list.get(index).map_err(StateFault::store)?.cloned())
}
