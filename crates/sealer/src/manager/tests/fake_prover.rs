//! A prover that needs no parameters, counts its calls and can be interrupted.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use lotus_ports::fr32;
use lotus_ports::proofs::{
    AggregateSealVerifyInfo, ProofError, Prover, Randomness, Replica, SectorPaths, UnsealRange,
};
use lotus_types::block::blake2b256;
use lotus_types::sector::{SectorCids, SectorRef, UnpaddedPieceSize, sealed_cid, unsealed_cid};
use lotus_types::{
    ActorId, Cid, PieceInfo, PoStProof, RegisteredPoStProof, RegisteredSealProof, SectorNumber,
};

/// A prover whose replica is the data with every bit flipped, in place, as real encoding is.
#[derive(Debug, Default)]
pub(super) struct FakeProver {
    calls: parking_lot::Mutex<Vec<&'static str>>,
    /// How many encodings stop half-way.
    pub(super) interrupt: AtomicU32,
}

fn failed(call: &'static str) -> ProofError {
    ProofError::Failed {
        call,
        reason: "interrupted".to_owned(),
    }
}

impl FakeProver {
    fn note(&self, call: &'static str) {
        self.calls.lock().push(call);
    }

    pub(super) fn count(&self, call: &str) -> usize {
        self.calls.lock().iter().filter(|c| **c == call).count()
    }
}

impl Prover for FakeProver {
    fn add_piece(
        &self,
        _: RegisteredSealProof,
        size: UnpaddedPieceSize,
        data: &mut dyn Read,
        staged: &mut dyn Write,
    ) -> Result<PieceInfo, ProofError> {
        self.note("add_piece");
        let mut bytes = Vec::new();
        data.read_to_end(&mut bytes).unwrap();
        assert_eq!(u64::try_from(bytes.len()).unwrap(), size.0);
        let piece_cid = unsealed_cid(&blake2b256(&bytes));
        staged.write_all(&fr32::pad(&bytes)).unwrap();
        Ok(PieceInfo {
            size: size.padded(),
            piece_cid,
        })
    }

    fn data_commitment(&self, _: RegisteredSealProof, _: &[PieceInfo]) -> Result<Cid, ProofError> {
        Ok(unsealed_cid(&[1; 32]))
    }

    fn seal_pre_commit1(
        &self,
        _: &SectorRef,
        ticket: &Randomness,
        _: &[PieceInfo],
        paths: &SectorPaths,
    ) -> Result<Vec<u8>, ProofError> {
        self.note("pc1");
        assert!(
            std::fs::read_dir(&paths.cache).unwrap().next().is_none(),
            "starts from nothing"
        );
        std::fs::copy(&paths.unsealed, &paths.sealed).unwrap();
        std::fs::write(paths.cache.join("layer-1"), ticket).unwrap();
        Ok(ticket.to_vec())
    }

    fn seal_pre_commit2(
        &self,
        _: &SectorRef,
        _: &[u8],
        paths: &SectorPaths,
    ) -> Result<SectorCids, ProofError> {
        self.note("pc2");
        let mut replica = std::fs::read(&paths.sealed).unwrap();
        let half = replica.len() / 2;
        replica[..half].iter_mut().for_each(|b| *b = !*b);
        std::fs::write(&paths.sealed, &replica).unwrap();
        if self.interrupt.load(Ordering::SeqCst) > 0 {
            self.interrupt.fetch_sub(1, Ordering::SeqCst);
            return Err(failed("pc2"));
        }
        replica[half..].iter_mut().for_each(|b| *b = !*b);
        std::fs::write(&paths.sealed, &replica).unwrap();
        for file in ["p_aux", "t_aux"] {
            std::fs::write(paths.cache.join(file), "aux").unwrap();
        }
        let unsealed = unsealed_cid(&[1; 32]);
        Ok(SectorCids {
            unsealed,
            sealed: sealed_cid(&blake2b256(&replica)),
        })
    }

    fn seal_commit1(
        &self,
        _: &SectorRef,
        _: &Randomness,
        seed: &Randomness,
        _: &[PieceInfo],
        _: &SectorCids,
        paths: &SectorPaths,
    ) -> Result<Vec<u8>, ProofError> {
        self.note("c1");
        assert!(paths.cache.join("layer-1").exists());
        Ok(seed.to_vec())
    }

    fn seal_commit2(&self, _: &SectorRef, phase1: &[u8]) -> Result<Vec<u8>, ProofError> {
        self.note("c2");
        Ok(blake2b256(phase1).to_vec())
    }

    fn aggregate_seal_proofs(
        &self,
        _: &AggregateSealVerifyInfo,
        proofs: &[Vec<u8>],
    ) -> Result<Vec<u8>, ProofError> {
        Ok(proofs.concat())
    }

    fn unseal_range(
        &self,
        _: &SectorRef,
        paths: &SectorPaths,
        _: &Cid,
        _: &Randomness,
        range: UnsealRange,
        out: &mut dyn Write,
    ) -> Result<(), ProofError> {
        self.note("unseal");
        let replica = std::fs::read(&paths.sealed).unwrap();
        let padded: Vec<u8> = replica.iter().map(|b| !b).collect();
        let end = usize::try_from(range.offset + range.size.0).unwrap();
        let part = &fr32::unpad(&padded)[usize::try_from(range.offset).unwrap()..end];
        out.write_all(part).unwrap();
        Ok(())
    }

    fn clear_cache(&self, _: &SectorRef, cache: &Path) -> Result<(), ProofError> {
        self.note("clear");
        drop(std::fs::remove_file(cache.join("layer-1")));
        Ok(())
    }

    fn post_challenges(
        &self,
        _: RegisteredPoStProof,
        _: ActorId,
        _: &Randomness,
        sectors: &[SectorNumber],
    ) -> Result<std::collections::BTreeMap<SectorNumber, Vec<u64>>, ProofError> {
        Ok(sectors.iter().map(|n| (*n, vec![1])).collect())
    }

    fn vanilla_post(
        &self,
        _: RegisteredPoStProof,
        replica: &Replica,
        _: &[u64],
    ) -> Result<Vec<u8>, ProofError> {
        let bytes = std::fs::read(&replica.sealed).unwrap();
        let right = sealed_cid(&blake2b256(&bytes)) == replica.info.sealed_cid;
        if right {
            Ok(vec![1])
        } else {
            Err(failed("vanilla"))
        }
    }

    fn winning_post_from_vanilla(
        &self,
        post_proof: RegisteredPoStProof,
        _: ActorId,
        _: &Randomness,
        vanilla: &[Vec<u8>],
    ) -> Result<Vec<PoStProof>, ProofError> {
        Ok(vec![PoStProof {
            post_proof,
            proof_bytes: vanilla.concat().into(),
        }])
    }

    fn window_post_from_vanilla(
        &self,
        post_proof: RegisteredPoStProof,
        _: ActorId,
        _: &Randomness,
        vanilla: &[Vec<u8>],
    ) -> Result<Vec<PoStProof>, ProofError> {
        Ok(vec![PoStProof {
            post_proof,
            proof_bytes: vanilla.concat().into(),
        }])
    }
}
