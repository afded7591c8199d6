use bellperson::{ConstraintSystem, groth16};

use super::*;

/// Knows x with x³ + x + 5 = public, a hundred times over; `idle` adds a variable that nothing
/// constrains.
struct Cubic {
    idle: bool,
}

impl Circuit<Fr> for Cubic {
    fn synthesize<CS: ConstraintSystem<Fr>>(self, cs: &mut CS) -> Result<(), SynthesisError> {
        if self.idle {
            cs.alloc(|| "idle", || Ok(Fr::ONE))?;
        }
        for _ in 0..100 {
            let x = cs.alloc(|| "x", || Ok(Fr::from(3)))?;
            let squared = cs.alloc(|| "x²", || Ok(Fr::from(9)))?;
            let cubed = cs.alloc(|| "x³", || Ok(Fr::from(27)))?;
            let public = cs.alloc_input(|| "public", || Ok(Fr::from(35)))?;
            cs.enforce(|| "square", |lc| lc + x, |lc| lc + x, |lc| lc + squared);
            cs.enforce(|| "cube", |lc| lc + squared, |lc| lc + x, |lc| lc + cubed);
            cs.enforce(
                || "sum",
                |lc| lc + cubed + x + (Fr::from(5), CS::one()),
                |lc| lc + CS::one(),
                |lc| lc + public,
            );
        }
        Ok(())
    }
}

fn generated(seed: u64) -> (Vec<u8>, VerifyingKey<Bls12>, Vec<(u64, u64)>) {
    let (mut file, mut heard) = (Vec::new(), Vec::new());
    let mut progress = |done, total| heard.push((done, total));
    let key = write_parameters(
        || Cubic { idle: false },
        &Trapdoor::from_seed(seed),
        &mut file,
        &mut progress,
    )
    .expect("the circuit is sound");
    (file, key, heard)
}

#[test]
fn writes_what_bellperson_writes_from_the_same_random_stream() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let theirs =
        groth16::generate_random_parameters::<Bls12, _, _>(Cubic { idle: false }, &mut rng)
            .expect("the circuit is sound");
    let mut expected = Vec::new();
    theirs.write(&mut expected).expect("memory");
    let (file, key, _) = generated(7);
    assert!(file == expected, "the files differ");
    assert_eq!(key, theirs.vk);
}

#[test]
fn is_deterministic_and_depends_on_the_seed() {
    assert!(generated(1).0 == generated(1).0);
    assert!(generated(1).0 != generated(2).0);
}

#[test]
fn reports_progress_up_to_the_exact_size() {
    let (file, _, heard) = generated(3);
    let size = u64::try_from(file.len()).expect("small");
    assert!(heard.is_sorted() && heard.iter().all(|(_, total)| *total == size));
    assert_eq!(heard.last(), Some(&(size, size)));
}

#[test]
fn refuses_a_circuit_with_an_unconstrained_variable() {
    let result = write_parameters(
        || Cubic { idle: true },
        &Trapdoor::from_seed(1),
        io::sink(),
        &mut |_, _| {},
    );
    assert!(
        matches!(result, Err(GenerateError::Unconstrained)),
        "{result:?}"
    );
}

#[test]
fn refuses_a_circuit_that_changes_between_the_passes() {
    let calls = std::cell::Cell::new(0);
    let make = || {
        calls.set(calls.get() + 1);
        Cubic {
            idle: calls.get() == 2,
        }
    };
    let result = write_parameters(make, &Trapdoor::from_seed(1), io::sink(), &mut |_, _| {});
    assert!(
        matches!(result, Err(GenerateError::Circuit(_))),
        "{result:?}"
    );
}
