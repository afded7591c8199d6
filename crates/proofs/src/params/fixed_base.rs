//! Multiples of one curve point: window tables instead of double-and-add.
//!
//! Parameter generation multiplies the same two points by millions of scalars. With a table of
//! all multiples of every 13-bit window a product is 20 mixed additions and no doubling.

use blstrs::Scalar as Fr;
use ff::PrimeField;
use group::prime::{PrimeCurve, PrimeCurveAffine};
use rayon::prelude::*;

/// Bits per window: a table of 20 × 8192 points, 15 MiB in G1.
const WINDOW: usize = 13;
const WINDOWS: usize = (Fr::NUM_BITS as usize).div_ceil(WINDOW);
/// Products normalised together: one field inversion for all of them.
const BATCH: usize = 2048;

/// A point with its table of multiples.
pub(super) struct FixedBase<G: PrimeCurve>(Vec<Vec<G::Affine>>);

impl<G: PrimeCurve<Scalar = Fr>> FixedBase<G> {
    pub(super) fn new(point: G) -> Self {
        let mut base = point;
        let mut bases = Vec::with_capacity(WINDOWS);
        for _ in 0..WINDOWS {
            bases.push(base);
            for _ in 0..WINDOW {
                base = base.double();
            }
        }
        Self(bases.into_par_iter().map(multiples).collect())
    }

    fn mul(&self, scalar: &Fr) -> G {
        let limbs = limbs(scalar);
        let mut sum = G::identity();
        for (window, table) in self.0.iter().enumerate() {
            let digit = digit(&limbs, window * WINDOW);
            if digit != 0 {
                sum += &table[digit];
            }
        }
        sum
    }

    /// The products of the point with all `scalars`, in affine form.
    pub(super) fn mul_all(&self, scalars: &[Fr]) -> Vec<G::Affine> {
        let mut out = vec![G::Affine::identity(); scalars.len()];
        out.par_chunks_mut(BATCH)
            .zip(scalars.par_chunks(BATCH))
            .for_each(|(out, scalars)| {
                let products: Vec<G> = scalars.iter().map(|s| self.mul(s)).collect();
                G::batch_normalize(&products, out);
            });
        out
    }
}

fn multiples<G: PrimeCurve>(base: G) -> Vec<G::Affine> {
    let mut projective = Vec::with_capacity(1 << WINDOW);
    let mut sum = G::identity();
    for _ in 0..1 << WINDOW {
        projective.push(sum);
        sum += &base;
    }
    let mut affine = vec![G::Affine::identity(); projective.len()];
    G::batch_normalize(&projective, &mut affine);
    affine
}

/// The scalar's bits, least significant limb first; the fifth limb is zero.
fn limbs(scalar: &Fr) -> [u64; 5] {
    let bytes = scalar.to_repr();
    let mut limbs = [0; 5];
    for (limb, bytes) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
        *limb = u64::from_le_bytes(bytes.try_into().expect("chunks of eight bytes"));
    }
    limbs
}

/// The window that starts at `bit`, an index into a window's table.
fn digit(limbs: &[u64; 5], bit: usize) -> usize {
    let (limb, shift) = (bit / 64, bit % 64);
    let mut bits = limbs[limb] >> shift;
    if shift + WINDOW > 64 {
        bits |= limbs[limb + 1] << (64 - shift);
    }
    usize::try_from(bits & ((1 << WINDOW) - 1)).expect("13 bits fit")
}

#[cfg(test)]
mod tests {
    use blstrs::{G1Projective, G2Projective};
    use ff::Field;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    fn equals_plain_multiplication<G: PrimeCurve<Scalar = Fr>>() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let point = G::random(&mut rng);
        let mut scalars = vec![Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(1 << 13)];
        scalars.extend((0..16).map(|_| Fr::random(&mut rng)));
        let plain: Vec<_> = scalars.iter().map(|s| (point * s).to_affine()).collect();
        assert_eq!(FixedBase::<G>::new(point).mul_all(&scalars), plain);
    }

    #[test]
    fn in_g1_equals_plain_multiplication() {
        equals_plain_multiplication::<G1Projective>();
    }

    #[test]
    fn in_g2_equals_plain_multiplication() {
        equals_plain_multiplication::<G2Projective>();
    }
}
