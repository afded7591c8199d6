//! Measures the circuit proofs of 2 KiB sectors by this crate's own prover against the library's,
//! in one process: `cargo run -p lotus-proofs --example proving-bench [ROUNDS [SEALS]]` with
//! `FIL_PROOFS_PARAMETER_CACHE` set. Processor seconds are the fastest of all rounds, wall time and
//! memory are of that round. A seal takes minutes; SEALS (default 1) is its number of rounds.

use std::{
    env,
    error::Error,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use lotus_ports::proofs::{PoStVerifyInfo, Prover, Replica, SealVerifyInfo, Verifier};
use lotus_proofs::{
    FilecoinProver, FilecoinVerifier,
    params::{Circuit, ParameterCache},
    presealing::sector_paths,
};
use lotus_types::{
    PoStProof, RegisteredPoStProof, RegisteredSealProof, SectorId, SectorInfo,
    sector::{SectorRef, UnpaddedPieceSize},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const SEAL: RegisteredSealProof = RegisteredSealProof::STACKED_DRG_2KIB_V1_1;
const MINER: u64 = 1000;
const TICKET: [u8; 32] = [5; 32];
const SEED: [u8; 32] = [9; 32];

/// What one call took.
#[derive(Clone, Copy)]
struct Cost {
    cpu: Duration,
    wall: Duration,
    /// Resident memory at its highest, in MiB, and at the start of the call.
    memory: [u64; 2],
}

impl Cost {
    fn of<T>(call: impl FnOnce() -> Outcome<T>) -> Outcome<(Self, T)> {
        // Resets the kernel's high-water mark of this process.
        fs::write("/proc/self/clear_refs", "5")?;
        let before = memory()?[1];
        let (start, cpu) = (Instant::now(), cpu_time()?);
        let done = call()?;
        let cost = Self {
            cpu: cpu_time()?.saturating_sub(cpu),
            wall: start.elapsed(),
            memory: [memory()?[0], before],
        };
        Ok((cost, done))
    }
}

/// User and system time of all threads so far.
fn cpu_time() -> Outcome<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?.1;
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<u64>)
        .sum::<Result<_, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
}

/// Highest and present resident memory in MiB.
fn memory() -> Outcome<[u64; 2]> {
    let status = fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib: Option<u64> = line.and_then(|l| l.split_whitespace().next()?.parse().ok());
        kib.map(|kib| kib / 1024)
            .ok_or("no memory in /proc/self/status")
    };
    Ok([field("VmHWM:")?, field("VmRSS:")?])
}

/// Runs the call with both provers in turn; `holds` verifies what comes out.
fn compare<T>(
    name: &str,
    rounds: u32,
    call: impl Fn(&FilecoinProver) -> Outcome<T>,
    holds: impl Fn(T) -> Outcome<bool>,
) -> Outcome<()> {
    let provers = [FilecoinProver::new(), FilecoinProver::reference()];
    let mut best: [Option<Cost>; 2] = [None; 2];
    for _ in 0..rounds {
        for (prover, best) in provers.iter().zip(&mut best) {
            let (cost, proof) = Cost::of(|| call(prover))?;
            if !holds(proof)? {
                return Err(format!("{name}: a proof does not hold").into());
            }
            if best.is_none_or(|best| cost.cpu < best.cpu) {
                *best = Some(cost);
            }
        }
    }
    if provers[0].fallbacks() > 0 {
        return Err(format!("{name}: the library proved instead").into());
    }
    let [Some(own), Some(library)] = best else {
        return Ok(());
    };
    for (prover, cost) in [("own", own), ("library", library)] {
        println!(
            "{name:<24} {prover:<8} {:>8.2} s CPU {:>8.2} s wall {:>6} MiB peak ({} before)",
            cost.cpu.as_secs_f64(),
            cost.wall.as_secs_f64(),
            cost.memory[0],
            cost.memory[1],
        );
    }
    let ratio = own.cpu.as_secs_f64() / library.cpu.as_secs_f64();
    println!("{name:<24} own / library: {ratio:.2} of the CPU time");
    Ok(())
}

fn main() -> Outcome<()> {
    let number = |i| env::args().nth(i).map(|r| r.parse::<u32>()).transpose();
    let (rounds, seals) = (number(1)?.unwrap_or(3), number(2)?.unwrap_or(1));
    let root = env::temp_dir().join(format!("lotus-proving-bench-{}", std::process::id()));
    let result = run(&root, rounds, seals);
    fs::remove_dir_all(&root)?;
    result
}

fn run(root: &Path, rounds: u32, seals: u32) -> Outcome<()> {
    for kind in ["unsealed", "sealed", "cache"] {
        fs::create_dir_all(root.join(kind))?;
    }
    let cache = ParameterCache::of_this_process();
    let sectors = (0..3)
        .map(|n| sealed(root, n))
        .collect::<Outcome<Vec<_>>>()?;
    let replicas: Vec<_> = sectors
        .iter()
        .map(|sector| sector.replica.clone())
        .collect();
    if cache.check_params(Circuit::WinningPoSt, 2048).is_ok() {
        winning(&replicas[..1], rounds)?;
    }
    if cache.check_params(Circuit::WindowPoSt, 2048).is_ok() {
        window("WindowPoSt, 1 partition", &replicas[..2], rounds)?;
        window("WindowPoSt, 2 partitions", &replicas, rounds)?;
    }
    if cache.check_params(Circuit::PoRep, 2048).is_ok() {
        commit(&sectors[0], seals)?;
    }
    Ok(())
}

/// A sector up to Commit1.
struct Sealed {
    sector: SectorRef,
    replica: Replica,
    phase1: Vec<u8>,
    claim: SealVerifyInfo,
}

fn sealed(root: &Path, number: u64) -> Outcome<Sealed> {
    let prover = FilecoinProver::new();
    let id = SectorId {
        miner: MINER,
        number,
    };
    let sector = SectorRef {
        id,
        proof_type: SEAL,
    };
    let paths = sector_paths(root, id);
    let mut staged = fs::File::create(&paths.unsealed)?;
    let data: Vec<u8> = (0..2032_u64).map(|i| (i * i + number) as u8).collect();
    let size = UnpaddedPieceSize(2032);
    let pieces = [prover.add_piece(SEAL, size, &mut &data[..], &mut staged)?];
    let phase1 = prover.seal_pre_commit1(&sector, &TICKET, &pieces, &paths)?;
    let cids = prover.seal_pre_commit2(&sector, &phase1, &paths)?;
    let phase1 = prover.seal_commit1(&sector, &TICKET, &SEED, &pieces, &cids, &paths)?;
    let info = SectorInfo {
        seal_proof: SEAL,
        sector_number: number,
        sealed_cid: cids.sealed,
    };
    let claim = SealVerifyInfo {
        seal_proof: SEAL,
        sector: id,
        ticket: TICKET,
        seed: SEED,
        proof: Vec::new(),
        sealed: cids.sealed,
        unsealed: cids.unsealed,
    };
    let replica = Replica {
        info,
        sealed: paths.sealed,
        cache: paths.cache,
    };
    Ok(Sealed {
        sector,
        replica,
        phase1,
        claim,
    })
}

fn claim(replicas: &[Replica], proofs: Vec<PoStProof>) -> PoStVerifyInfo {
    PoStVerifyInfo {
        randomness: TICKET,
        proofs,
        sectors: replicas.iter().map(|r| r.info.clone()).collect(),
        prover: MINER,
    }
}

fn winning(replicas: &[Replica], rounds: u32) -> Outcome<()> {
    let proof = RegisteredPoStProof::STACKED_DRG_WINNING_2KIB_V1;
    compare(
        "WinningPoSt",
        rounds,
        |prover| Ok(prover.generate_winning_post(proof, MINER, replicas, &TICKET)?),
        |proofs| Ok(FilecoinVerifier::new().verify_winning_post(&claim(replicas, proofs))?),
    )
}

fn window(name: &str, replicas: &[Replica], rounds: u32) -> Outcome<()> {
    let proof = RegisteredPoStProof::STACKED_DRG_WINDOW_2KIB_V1;
    compare(
        name,
        rounds,
        |prover| {
            Ok(prover
                .generate_window_post(proof, MINER, replicas, &TICKET)?
                .proofs)
        },
        |proofs| Ok(FilecoinVerifier::new().verify_window_post(&claim(replicas, proofs))?),
    )
}

fn commit(sealed: &Sealed, rounds: u32) -> Outcome<()> {
    compare(
        "Commit2",
        rounds,
        |prover| Ok(prover.seal_commit2(&sealed.sector, &sealed.phase1)?),
        |proof| {
            let claim = SealVerifyInfo {
                proof,
                ..sealed.claim.clone()
            };
            Ok(FilecoinVerifier::new().verify_seal(&claim)?)
        },
    )
}
