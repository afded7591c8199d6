//! Groth16 parameters from a seed, streamed to disk.
//!
//! # Invariants
//! - From one random stream this writes the very bytes that `bellperson`'s own generator would
//!   write (tested on a small circuit, and against keys that a running network used).
//! - Memory is a few field elements per variable; points are written as they are computed.

use std::{
    io::{self, Write},
    ops::Range,
};

use bellperson::{Circuit, SynthesisError, groth16::VerifyingKey};
use blstrs::{Bls12, G1Affine, G1Projective, G2Projective, Scalar as Fr};
use ff::Field;
use group::{
    Curve, Group, UncompressedEncoding,
    prime::{PrimeCurve, PrimeCurveAffine},
};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;

use super::{
    fixed_base::FixedBase,
    layout,
    qap::{self, Qap},
};

/// Points computed and written at a time.
const BATCH: usize = 1 << 16;

/// The secret behind a parameter set. Whoever knows it can forge proofs, so sets from a public
/// seed are for development networks only.
pub(super) struct Trapdoor {
    g1: G1Projective,
    g2: G2Projective,
    alpha: Fr,
    beta: Fr,
    gamma: Fr,
    delta: Fr,
    tau: Fr,
}

/// Why no parameters came out.
#[derive(Debug, thiserror::Error)]
pub(super) enum GenerateError {
    /// The circuit is at fault.
    #[error(transparent)]
    Circuit(#[from] SynthesisError),
    /// The circuit's public parameters could not be set up.
    #[error("{0}")]
    Setup(String),
    /// A circuit that Groth16 cannot be sound for.
    #[error("the circuit has a variable without any constraint")]
    Unconstrained,
    /// The seed gave a zero where none may be; practically impossible.
    #[error("the seed is unusable: choose another one")]
    Seed,
    /// More points than the file format can count.
    #[error("the circuit is too large")]
    TooLarge,
    /// Writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Trapdoor {
    /// The trapdoor that every machine derives from the same seed.
    pub(super) fn from_seed(seed: u64) -> Self {
        Self::draw(&mut ChaCha20Rng::seed_from_u64(seed))
    }

    /// Draws in the order of `bellperson`.
    fn draw(rng: &mut impl RngCore) -> Self {
        let (g1, g2) = (
            G1Projective::random(&mut *rng),
            G2Projective::random(&mut *rng),
        );
        let mut scalar = || Fr::random(&mut *rng);
        let (alpha, beta, gamma) = (scalar(), scalar(), scalar());
        let (delta, tau) = (scalar(), scalar());
        Self {
            g1,
            g2,
            alpha,
            beta,
            gamma,
            delta,
            tau,
        }
    }

    /// The verifying key, but for the part that depends on the circuit.
    pub(super) fn key_head(&self) -> VerifyingKey<Bls12> {
        VerifyingKey {
            alpha_g1: (self.g1 * self.alpha).to_affine(),
            beta_g1: (self.g1 * self.beta).to_affine(),
            beta_g2: (self.g2 * self.beta).to_affine(),
            gamma_g2: (self.g2 * self.gamma).to_affine(),
            delta_g1: (self.g1 * self.delta).to_affine(),
            delta_g2: (self.g2 * self.delta).to_affine(),
            ic: Vec::new(),
        }
    }
}

/// Writes the parameters of the circuit that `make` builds, and returns its verifying key.
/// `progress` hears the bytes written and their final number, now and then.
pub(super) fn write_parameters<C: Circuit<Fr>>(
    make: impl Fn() -> C,
    trapdoor: &Trapdoor,
    out: impl Write,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<VerifyingKey<Bls12>, GenerateError> {
    let qap = qap::evaluate(make, &trapdoor.tau)?;
    let (t1, t2) = rayon::join(
        || FixedBase::new(trapdoor.g1),
        || FixedBase::new(trapdoor.g2),
    );
    let by_gamma = inverse(&trapdoor.gamma)?;
    let by_delta = inverse(&trapdoor.delta)?;

    let mut key = trapdoor.key_head();
    key.ic = t1.mul_all(&combined(
        &qap.inputs,
        0..qap.inputs[0].len(),
        trapdoor,
        &by_gamma,
    ));
    let Qap {
        domain,
        vanishing,
        inputs,
        aux,
    } = qap;
    let aux_len = aux[0].len();
    let powers = usize::try_from(domain - 1).map_err(|_| GenerateError::TooLarge)?;
    let a_len = nonzero(&inputs[0]) + nonzero(&aux[0]);
    let b_len = nonzero(&inputs[1]) + nonzero(&aux[1]);

    let total = layout::file_size(key.ic.len(), [powers, aux_len, a_len, b_len, b_len]);
    let mut out = Sections {
        out,
        written: 0,
        total,
        progress,
    };
    out.key(&key)?;
    let scale = vanishing * by_delta;
    out.section(&t1, powers, |range| {
        tau_powers(&trapdoor.tau, &scale, range)
    })?;
    out.section(&t1, aux_len, |range| {
        combined(&aux, range, trapdoor, &by_delta)
    })?;

    let [input_a, input_b, _] = inputs;
    let [aux_a, aux_b, _] = aux;
    let a = without_zeros(input_a, aux_a);
    out.section(&t1, a.len(), |range| a[range].to_vec())?;
    drop(a);
    let b = without_zeros(input_b, aux_b);
    out.section(&t1, b.len(), |range| b[range].to_vec())?;
    out.section(&t2, b.len(), |range| b[range].to_vec())?;
    out.out.flush()?;
    Ok(key)
}

fn inverse(scalar: &Fr) -> Result<Fr, GenerateError> {
    Option::from(scalar.invert()).ok_or(GenerateError::Seed)
}

/// `(beta * A + alpha * B + C) * by` for a range of columns.
fn combined(columns: &qap::Columns, range: Range<usize>, t: &Trapdoor, by: &Fr) -> Vec<Fr> {
    let [a, b, c] = columns;
    range
        .into_par_iter()
        .map(|i| (a[i] * t.beta + b[i] * t.alpha + c[i]) * by)
        .collect()
}

/// `tau^i * scale` for a range of exponents.
fn tau_powers(tau: &Fr, scale: &Fr, range: Range<usize>) -> Vec<Fr> {
    const STEP: usize = 4096;
    let mut out = vec![Fr::ZERO; range.len()];
    out.par_chunks_mut(STEP)
        .enumerate()
        .for_each(|(chunk, out)| {
            let mut power = tau.pow_vartime([(range.start + chunk * STEP) as u64]) * scale;
            for slot in out {
                *slot = power;
                power *= tau;
            }
        });
    out
}

fn nonzero(scalars: &[Fr]) -> usize {
    scalars.par_iter().filter(|s| !s.is_zero_vartime()).count()
}

/// Provers skip variables whose polynomial is zero, so the file leaves them out.
fn without_zeros(inputs: Vec<Fr>, aux: Vec<Fr>) -> Vec<Fr> {
    let mut all = inputs;
    all.extend(aux);
    all.retain(|s| !s.is_zero_vartime());
    all
}

/// The parameter file as it grows.
struct Sections<'a, W> {
    out: W,
    written: u64,
    total: u64,
    progress: &'a mut dyn FnMut(u64, u64),
}

impl<W: Write> Sections<'_, W> {
    fn key(&mut self, key: &VerifyingKey<Bls12>) -> Result<(), GenerateError> {
        key.write(&mut self.out)?;
        self.advance(layout::key_size(key.ic.len()));
        // The constant one's and the inputs' points; none may be infinity, or provers refuse.
        if key.ic.iter().any(is_infinity::<G1Affine>) {
            return Err(GenerateError::Unconstrained);
        }
        Ok(())
    }

    /// A counted list of points: `len` multiples of the table's point by `scalars`.
    fn section<G>(
        &mut self,
        table: &FixedBase<G>,
        len: usize,
        scalars: impl Fn(Range<usize>) -> Vec<Fr>,
    ) -> Result<(), GenerateError>
    where
        G: PrimeCurve<Scalar = Fr>,
        G::Affine: UncompressedEncoding,
    {
        let count = u32::try_from(len).map_err(|_| GenerateError::TooLarge)?;
        self.out.write_all(&count.to_be_bytes())?;
        self.advance(4);
        for start in (0..len).step_by(BATCH) {
            let points = table.mul_all(&scalars(start..len.min(start + BATCH)));
            let mut bytes = 0;
            for point in &points {
                if is_infinity(point) {
                    return Err(GenerateError::Unconstrained);
                }
                let encoded = point.to_uncompressed();
                self.out.write_all(encoded.as_ref())?;
                bytes += encoded.as_ref().len() as u64;
            }
            self.advance(bytes);
        }
        Ok(())
    }

    fn advance(&mut self, bytes: u64) {
        self.written += bytes;
        (self.progress)(self.written, self.total);
    }
}

fn is_infinity<A: PrimeCurveAffine>(point: &A) -> bool {
    point.is_identity().into()
}

#[cfg(test)]
mod tests;
