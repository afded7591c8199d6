//! Which sectors of which partitions go into one proof: pure.

use lotus_types::{BitField, SectorNumber};

use super::chain::PartitionState;

/// More sectors are in no partition.
const MAX_SECTORS: u64 = 1 << 16;

/// The sectors of a partition that must be proven: live and not faulty, or about to recover.
///
/// # Errors
/// When the sets are larger than a partition can be.
pub fn to_prove(partition: &PartitionState) -> Result<Vec<SectorNumber>, String> {
    let live = partition.live.numbers(MAX_SECTORS)?;
    let wanted =
        |n: &SectorNumber| !partition.faulty.contains(*n) || partition.recovering.contains(*n);
    Ok(live.into_iter().filter(wanted).collect())
}

/// Faulty sectors that are not declared to recover yet.
///
/// # Errors
/// When the sets are larger than a partition can be.
pub(super) fn unrecovered(partition: &PartitionState) -> Result<Vec<SectorNumber>, String> {
    let faulty = partition.faulty.numbers(MAX_SECTORS)?;
    Ok(faulty
        .into_iter()
        .filter(|n| !partition.recovering.contains(*n))
        .collect())
}

/// Indices of partitions that are still to be proven, in groups of at most `max` that go into one
/// message. Partitions with nothing to prove are left out: the miner actor refuses them.
///
/// # Errors
/// When the sets are larger than a partition can be.
pub fn groups(
    partitions: &[PartitionState],
    proven: &BitField,
    max: usize,
) -> Result<Vec<Vec<usize>>, String> {
    let mut open = Vec::new();
    for (index, partition) in partitions.iter().enumerate() {
        let is_proven = u64::try_from(index).is_ok_and(|n| proven.contains(n));
        if !is_proven && !to_prove(partition)?.is_empty() {
            open.push(index);
        }
    }
    Ok(open.chunks(max.max(1)).map(<[usize]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(numbers: &[u64]) -> BitField {
        BitField::try_from_numbers(numbers.iter().copied()).unwrap()
    }

    fn partition(live: &[u64], faulty: &[u64], recovering: &[u64]) -> PartitionState {
        PartitionState {
            all: set(live),
            live: set(live),
            faulty: set(faulty),
            recovering: set(recovering),
        }
    }

    #[test]
    fn faulty_sectors_are_proven_again_once_they_are_declared_to_recover() {
        let p = partition(&[1, 2, 3, 4], &[2, 3], &[3]);
        assert_eq!(to_prove(&p).unwrap(), [1, 3, 4]);
        assert_eq!(unrecovered(&p).unwrap(), [2]);
    }

    #[test]
    fn partitions_with_nothing_to_prove_or_proven_already_are_left_out() {
        let all = [
            partition(&[1, 2], &[], &[]),
            partition(&[3, 4], &[3, 4], &[]),
            partition(&[], &[], &[]),
            partition(&[5, 6], &[], &[]),
            partition(&[7], &[7], &[7]),
            partition(&[8], &[], &[]),
        ];
        assert_eq!(groups(&all, &set(&[3]), 2).unwrap(), [vec![0, 4], vec![5]]);
        assert_eq!(groups(&all, &set(&[]), 0).unwrap().len(), 4);
    }
}
