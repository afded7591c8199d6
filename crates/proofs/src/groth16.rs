//! Groth16 proofs on CPUs, with less work than `bellperson` spends on the same proof.
//!
//! The formula is the standard one and so are the parameters; three things are done otherwise:
//! sums of points go through blst's Pippenger and leave out what a scalar of 0 or 1 makes
//! superfluous; the quotient polynomial takes six transforms with one multiplication per butterfly
//! instead of seven with two; parameters are read in pieces while they are needed, so that memory
//! is the circuit's and not the file's.
//!
//! # Invariants
//! - For the same circuit, parameters and blinding factors the proof is `bellperson`'s, byte for
//!   byte.
//! - An assignment that does not satisfy its circuit gives an error, never a proof.
//! - Values of the witness and the blinding factors appear in no error and no log.

use std::{io, path::Path, time::Instant};

use bellperson::{Circuit, SynthesisError, groth16::Proof};
use blst::{blst_p1_affine, blst_p2_affine};
use blstrs::{Bls12, Scalar as Fr};
use ff::Field;
use group::{Curve, prime::PrimeCurveAffine};
use rand::rngs::OsRng;
use tracing::debug;

mod assignment;
mod multiexp;
mod parameters;
mod quotient;

use assignment::Assignment;
use multiexp::Sum;
pub(crate) use parameters::Parameters;
use parameters::Query;

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProveError {
    /// The circuit could not be built or is larger than the field allows.
    #[error(transparent)]
    Circuit(#[from] SynthesisError),
    /// The statement is false, or the circuit was built wrongly.
    #[error("the assignment does not satisfy constraint {row}")]
    Unsatisfied {
        /// Index of the first constraint that does not hold.
        row: usize,
    },
    /// The parameters belong to another circuit.
    #[error("the parameters have {found} {query} points, the circuit needs {needed}")]
    OtherCircuit {
        /// Which list of points.
        query: Query,
        /// In the file.
        found: usize,
        /// By the circuit.
        needed: usize,
    },
    /// The parameters have a zero where none may be.
    #[error("the parameters are unsound: delta is zero")]
    Unsound,
    /// Reading the parameters failed, or a point in them is none.
    #[error("reading the parameters")]
    Read(#[from] io::Error),
}

/// Proves what `circuit` states, blinded with the system's randomness.
///
/// # Errors
/// See [`ProveError`].
pub(crate) fn prove<C: Circuit<Fr>>(
    circuit: C,
    parameters: &Path,
) -> Result<Proof<Bls12>, ProveError> {
    let mut parameters = Parameters::open(parameters)?;
    let (r, s) = (Fr::random(&mut OsRng), Fr::random(&mut OsRng));
    prove_blinded(circuit, &mut parameters, r, s)
}

/// Proves with given blinding factors. Whoever knows them learns about the witness.
///
/// # Errors
/// See [`ProveError`].
fn prove_blinded<C: Circuit<Fr>>(
    circuit: C,
    parameters: &mut Parameters,
    r: Fr,
    s: Fr,
) -> Result<Proof<Bls12>, ProveError> {
    let key = &parameters.key;
    if bool::from(key.delta_g1.is_identity() | key.delta_g2.is_identity()) {
        return Err(ProveError::Unsound);
    }
    let start = Instant::now();
    let mut assignment = Assignment::of(circuit)?;
    let rows = std::mem::take(&mut assignment.rows);
    parameters.fit(&assignment, rows.domain())?;
    let synthesised = start.elapsed();
    let quotient = quotient::of(rows)?;
    let divided = start.elapsed();

    // C takes the quotient, the variables' own points, and B in G1 times r; the last only here, so
    // that all three become one sum.
    let mut c = Sum::<blst_p1_affine>::new();
    parameters.add_to(&mut c, Query::H, quotient.coefficients(), &Fr::ONE)?;
    drop(quotient);
    parameters.add_to(&mut c, Query::L, &assignment.aux, &Fr::ONE)?;
    parameters.add_to(&mut c, Query::BG1, assignment.in_b(), &r)?;
    let mut c = c.finish();
    let mut a = Sum::<blst_p1_affine>::new();
    parameters.add_to(&mut a, Query::A, assignment.in_a(), &Fr::ONE)?;
    let a = a.finish();
    let mut b = Sum::<blst_p2_affine>::new();
    parameters.add_to(&mut b, Query::BG2, assignment.in_b(), &Fr::ONE)?;
    let b = b.finish();

    let summed = start.elapsed();
    debug!(?synthesised, ?divided, ?summed, "a circuit proof");

    let key = &parameters.key;
    c += a * s + key.delta_g1 * (r * s) + key.alpha_g1 * s + key.beta_g1 * r;
    Ok(Proof {
        a: (a + key.alpha_g1 + key.delta_g1 * r).to_affine(),
        b: (b + key.beta_g2 + key.delta_g2 * s).to_affine(),
        c: c.to_affine(),
    })
}

#[cfg(test)]
mod tests;
