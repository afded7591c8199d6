use std::io::Write as _;

use bellperson::{ConstraintSystem, LinearCombination, Variable, groth16};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use tempfile::NamedTempFile;

use super::*;

/// A chain of products over random linear combinations of bits, of -1 and of large values, in
/// parts that may be synthesised beside each other. With `wrong`, a constraint of the third part
/// does not hold.
#[derive(Clone, Default)]
struct Products {
    parts: u64,
    wrong: bool,
}

impl Products {
    fn part<CS: ConstraintSystem<Fr>>(&self, part: u64, cs: &mut CS) -> Result<(), SynthesisError> {
        let mut rng = ChaCha20Rng::seed_from_u64(part);
        let public = Fr::random(&mut rng);
        let mut variables = vec![
            (cs.alloc_input(|| "public", || Ok(public))?, public),
            (CS::one(), Fr::ONE),
        ];
        for _ in 0..5 {
            let value = match rng.gen_range(0..4) {
                0 => Fr::ZERO,
                1 => Fr::ONE,
                2 => -Fr::ONE,
                _ => Fr::random(&mut rng),
            };
            variables.push((cs.alloc(|| "value", || Ok(value))?, value));
        }
        for row in 0..20 {
            let mut form = || -> (LinearCombination<Fr>, Fr) {
                (0..rng.gen_range(0..4)).fold((LinearCombination::zero(), Fr::ZERO), |sum, _| {
                    let (variable, value): (Variable, Fr) =
                        variables[rng.gen_range(0..variables.len())];
                    // A term with coefficient zero does not make its variable a part of the row.
                    let coefficient = Fr::from(rng.gen_range(0..3));
                    (sum.0 + (coefficient, variable), sum.1 + coefficient * value)
                })
            };
            let (a, b) = (form(), form());
            let product = a.1 * b.1;
            let c = cs.alloc(|| "product", || Ok(product))?;
            let off = if self.wrong && part == 2 && row == 7 {
                Fr::ONE
            } else {
                Fr::ZERO
            };
            cs.enforce(|| "row", |_| a.0, |_| b.0, |lc| lc + c + (off, CS::one()));
            variables.push((c, product));
        }
        // So that no variable is without any constraint.
        let sum = variables
            .iter()
            .fold(Fr::ZERO, |sum, (_, value)| sum + value);
        let all = cs.alloc(|| "sum", || Ok(sum))?;
        let form = variables
            .iter()
            .fold(LinearCombination::zero(), |form, (v, _)| form + *v);
        cs.enforce(|| "all", |_| form, |lc| lc + CS::one(), |lc| lc + all);
        Ok(())
    }
}

impl Circuit<Fr> for Products {
    fn synthesize<CS: ConstraintSystem<Fr>>(self, cs: &mut CS) -> Result<(), SynthesisError> {
        for part in 0..self.parts {
            if CS::is_extensible() {
                let mut own = CS::new();
                own.alloc_input(|| "one", || Ok(Fr::ONE))?;
                self.part(part, &mut own)?;
                cs.extend(&own);
            } else {
                self.part(part, cs)?;
            }
        }
        Ok(())
    }
}

/// Parameters of a circuit, and a file of them.
fn parameters(circuit: impl Circuit<Fr>) -> (groth16::Parameters<Bls12>, NamedTempFile) {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let parameters =
        groth16::generate_random_parameters(circuit, &mut rng).expect("the circuit is sound");
    let mut file = NamedTempFile::new().expect("temporary file");
    parameters.write(&mut file).expect("writes");
    file.flush().expect("writes");
    (parameters, file)
}

fn whole_file(bytes: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile().expect("temporary file");
    file.write_all(bytes).expect("writes");
    file
}

fn bytes(proof: &Proof<Bls12>) -> Vec<u8> {
    let mut bytes = Vec::new();
    proof.write(&mut bytes).expect("memory");
    bytes
}

#[test]
fn is_bellpersons_byte_for_byte_when_blinded_alike() {
    for parts in [0, 1, 2, 3, 30] {
        let circuit = Products {
            parts,
            wrong: false,
        };
        let (theirs, file) = parameters(circuit.clone());
        let mut ours = Parameters::open(file.path()).expect("opens");
        let mut rng = ChaCha20Rng::seed_from_u64(parts);
        for (r, s) in [
            (Fr::ZERO, Fr::ZERO),
            (Fr::random(&mut rng), Fr::random(&mut rng)),
        ] {
            let expected = groth16::create_proof(circuit.clone(), &theirs, r, s).expect("proves");
            let proof = prove_blinded(circuit.clone(), &mut ours, r, s).expect("proves");
            assert!(bytes(&proof) == bytes(&expected), "{parts} parts");
        }
    }
}

#[test]
fn is_blinded_anew_each_time_and_verifies() {
    let circuit = Products {
        parts: 4,
        wrong: false,
    };
    let (theirs, file) = parameters(circuit.clone());
    let key = groth16::prepare_verifying_key(&theirs.vk);
    let inputs = Assignment::of(circuit.clone()).expect("builds").inputs;
    let [first, second] = [(); 2].map(|()| prove(circuit.clone(), file.path()).expect("proves"));
    assert!(
        bytes(&first) != bytes(&second),
        "one blinding for two proofs"
    );
    for proof in [first, second] {
        assert!(groth16::verify_proof(&key, &proof, &inputs[1..]).expect("well-formed"));
        let mut other = inputs[1..].to_vec();
        other[1] += Fr::ONE;
        assert!(!groth16::verify_proof(&key, &proof, &other).expect("well-formed"));
    }
}

#[test]
fn of_a_false_statement_there_is_none() {
    let (_, file) = parameters(Products {
        parts: 4,
        wrong: false,
    });
    let proof = prove(
        Products {
            parts: 4,
            wrong: true,
        },
        file.path(),
    );
    assert!(
        matches!(proof, Err(ProveError::Unsatisfied { row: 49 })),
        "{proof:?}"
    );
}

#[test]
fn needs_the_parameters_of_its_circuit_whole_and_with_points_on_the_curve() {
    let circuit = |parts| Products {
        parts,
        wrong: false,
    };
    let (_, file) = parameters(circuit(2));
    let other = prove(circuit(3), file.path());
    assert!(
        matches!(other, Err(ProveError::OtherCircuit { .. })),
        "{other:?}"
    );

    let mut whole = std::fs::read(file.path()).expect("reads");
    let damaged = |bytes: &[u8]| {
        std::fs::write(file.path(), bytes).expect("writes");
        prove(circuit(2), file.path())
    };
    let short = damaged(&whole[..whole.len() - 1]);
    assert!(matches!(&short, Err(ProveError::Read(e)) if e.kind() == io::ErrorKind::InvalidData));
    let layout = crate::params::layout::read(&mut whole_file(&whole)).expect("whole");
    let first = usize::try_from(layout.lists[0].offset).expect("small");
    whole[first + 95] ^= 1;
    let off_curve = damaged(&whole);
    assert!(
        matches!(&off_curve, Err(ProveError::Read(e)) if e.kind() == io::ErrorKind::InvalidData),
        "{off_curve:?}"
    );
}
