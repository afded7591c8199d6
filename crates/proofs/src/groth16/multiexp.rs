//! Sums of many points, each times a scalar, over blst's Pippenger.

use std::io::{self, Read};

use blst::{
    MultiPoint, blst_p1, blst_p1_affine, blst_p2, blst_p2_affine, min_pk::AggregatePublicKey as G1,
    min_sig::AggregatePublicKey as G2,
};
use blstrs::{G1Affine, G1Projective, G2Affine, G2Projective, Scalar as Fr};
use ff::Field;
use group::{Group, prime::PrimeCurveAffine};
use rayon::prelude::*;

/// Points read at a time.
const BATCH: usize = 1 << 16;
/// Points that Pippenger gets at most: 128 MiB with their scalars in G1, and more would not save
/// much (a bit of window width per doubling).
const PIPPENGER: usize = 1 << 20;
/// Bits of a scalar.
const BITS: usize = 255;

/// A point in blst's affine form.
pub(super) trait Point: Copy + Send + Sync {
    /// What a sum of them is.
    type Sum: Group<Scalar = Fr>;
    /// Bytes in a parameter file.
    const SIZE: usize;

    /// Reads a point; `None` when the bytes are none on the curve, or the one at infinity, which
    /// no parameter is. As everywhere in proving, the subgroup is taken on trust.
    fn read(bytes: &[u8]) -> Option<Self>;

    /// The sum of the points, each times its scalar (32 bytes, little-endian). Not for no points.
    fn weighted_sum(points: &[Self], scalars: &[u8]) -> Self::Sum;

    /// The sum of the points. Not for no points.
    fn plain_sum(points: &[Self]) -> Self::Sum;
}

macro_rules! point {
    ($point:ty, $projective:ty, $affine:ty, $sum:ty, $carrier:ty, $size:literal) => {
        impl Point for $point {
            type Sum = $sum;
            const SIZE: usize = $size;

            fn read(bytes: &[u8]) -> Option<Self> {
                let bytes: &[u8; $size] = bytes.try_into().ok()?;
                let point = Option::<$affine>::from(<$affine>::from_uncompressed_unchecked(bytes))?;
                (!bool::from(point.is_identity())).then(|| *point.as_ref())
            }

            fn weighted_sum(points: &[Self], scalars: &[u8]) -> Self::Sum {
                from_blst(points.mult(scalars, BITS))
            }

            fn plain_sum(points: &[Self]) -> Self::Sum {
                from_blst(points.add())
            }
        }

        impl FromBlst<$projective> for $sum {
            /// By way of bytes, once per sum: `blstrs` takes blst's points in no other way.
            fn from_blst(point: $projective) -> Self {
                let bytes = <$carrier>::from(point).to_public_key().serialize();
                let read: Option<$affine> = <$affine>::from_uncompressed_unchecked(&bytes).into();
                read.expect("blst reads what it wrote").into()
            }
        }
    };
}

trait FromBlst<P> {
    fn from_blst(point: P) -> Self;
}

fn from_blst<P, S: FromBlst<P>>(point: P) -> S {
    S::from_blst(point)
}

point!(blst_p1_affine, blst_p1, G1Affine, G1Projective, G1, 96);
point!(blst_p2_affine, blst_p2, G2Affine, G2Projective, G2, 192);

/// A sum of products that grows list by list.
///
/// Products wait for Pippenger together, which is the better the more it gets at once.
pub(super) struct Sum<P: Point> {
    total: P::Sum,
    points: Vec<P>,
    scalars: Vec<u8>,
    /// Points that may wait.
    limit: usize,
}

impl<P: Point> Sum<P> {
    /// The empty sum.
    pub(super) fn new() -> Self {
        Self {
            total: P::Sum::identity(),
            points: Vec::new(),
            scalars: Vec::new(),
            limit: PIPPENGER,
        }
    }

    /// Adds the next `len` points of `source`, each times its scalar and all of them times
    /// `factor`.
    ///
    /// # Errors
    /// `InvalidData` for bytes that are no point; others when reading fails.
    pub(super) fn add<'a>(
        &mut self,
        mut source: impl Read,
        len: usize,
        scalars: impl IntoIterator<Item = &'a Fr>,
        factor: &Fr,
    ) -> io::Result<()> {
        let mut scalars = scalars.into_iter();
        let mut plain = P::Sum::identity();
        let mut bytes = vec![0; BATCH.min(len) * P::SIZE];
        for start in (0..len).step_by(BATCH) {
            let bytes = &mut bytes[..BATCH.min(len - start) * P::SIZE];
            source.read_exact(bytes)?;
            let (mut ones, mut others) = (Vec::new(), Vec::new());
            for (point, scalar) in bytes.chunks_exact(P::SIZE).zip(scalars.by_ref()) {
                if *scalar == Fr::ONE {
                    ones.push(point);
                } else if !scalar.is_zero_vartime() {
                    others.push((point, scalar));
                }
            }
            let ones: Vec<P> = ones.into_par_iter().map(read).collect::<io::Result<_>>()?;
            if !ones.is_empty() {
                plain += P::plain_sum(&ones);
            }
            self.wait(&others, factor)?;
        }
        self.total += plain * factor;
        Ok(())
    }

    /// The whole sum.
    pub(super) fn finish(mut self) -> P::Sum {
        self.work_off();
        self.total
    }

    fn wait(&mut self, products: &[(&[u8], &Fr)], factor: &Fr) -> io::Result<()> {
        if self.points.len() + products.len() > self.limit {
            self.work_off();
        }
        let read = products
            .par_iter()
            .map(|(point, scalar)| Ok((read(point)?, (*factor * *scalar).to_bytes_le())))
            .collect::<io::Result<Vec<_>>>()?;
        for (point, scalar) in read {
            self.points.push(point);
            self.scalars.extend(scalar);
        }
        Ok(())
    }

    fn work_off(&mut self) {
        if !self.points.is_empty() {
            self.total += P::weighted_sum(&self.points, &self.scalars);
        }
        self.points.clear();
        self.scalars.clear();
    }
}

fn read<P: Point>(bytes: &[u8]) -> io::Result<P> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "a point that is none");
    P::read(bytes).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use blstrs::{G1Affine, G2Affine};
    use group::{Curve, UncompressedEncoding, prime::PrimeCurve};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha20Rng;

    use super::*;

    /// Of the generator's multiples 1 to `len`, in two lists, against the one product that their
    /// sum is.
    fn is_that_of_the_products<P: Point>(len: u64, limit: usize)
    where
        P::Sum: PrimeCurve<Affine: UncompressedEncoding>,
    {
        let mut rng = ChaCha20Rng::seed_from_u64(len);
        let (factor, mut expected, mut point) = (Fr::from(3), Fr::ZERO, P::Sum::identity());
        let (mut projective, mut scalars) = (Vec::new(), Vec::new());
        for i in 1..=len {
            let scalar = match rng.gen_range(0..4) {
                0 => Fr::ZERO,
                1 => Fr::ONE,
                2 => -Fr::ONE,
                _ => Fr::random(&mut rng),
            };
            point += P::Sum::generator();
            projective.push(point);
            scalars.push(scalar);
            expected += scalar * Fr::from(i);
        }
        let mut affine = vec![projective[0].to_affine(); projective.len()];
        P::Sum::batch_normalize(&projective, &mut affine);
        let file: Vec<u8> = affine
            .iter()
            .flat_map(|point| point.to_uncompressed().as_ref().to_vec())
            .collect();

        let mut sum = Sum::<P> {
            limit,
            ..Sum::new()
        };
        let first = scalars.len() / 3;
        let mut file = &file[..];
        for (list, factor) in [(&scalars[..first], Fr::ONE), (&scalars[first..], factor)] {
            sum.add(&mut file, list.len(), list, &factor)
                .expect("points");
        }
        let in_first = scalars[..first]
            .iter()
            .zip(1..)
            .map(|(s, i)| *s * Fr::from(i));
        let in_first = in_first.fold(Fr::ZERO, |sum, product| sum + product);
        let expected = in_first + (expected - in_first) * factor;
        assert!(
            sum.finish() == P::Sum::generator() * expected,
            "{len} points"
        );
    }

    #[test]
    fn a_sum_is_that_of_the_products_in_one_go_and_in_many() {
        for len in [1, 2, 3, 40, 1000] {
            is_that_of_the_products::<blst_p1_affine>(len, PIPPENGER);
            is_that_of_the_products::<blst_p2_affine>(len, PIPPENGER);
            is_that_of_the_products::<blst_p1_affine>(len, 100);
        }
    }

    #[test]
    fn a_sum_is_that_of_the_products_when_read_in_pieces() {
        let len = u64::try_from(2 * BATCH).expect("small");
        is_that_of_the_products::<blst_p1_affine>(len, BATCH / 2);
    }

    #[test]
    fn no_list_has_the_point_at_infinity_or_ends_early() {
        let infinity = G1Affine::identity().to_uncompressed();
        let mut sum = Sum::<blst_p1_affine>::new();
        let refused = sum.add(&infinity[..], 1, &[Fr::ONE], &Fr::ONE);
        assert!(refused.is_err_and(|e| e.kind() == io::ErrorKind::InvalidData));
        let generator = G2Affine::generator().to_uncompressed();
        let mut sum = Sum::<blst_p2_affine>::new();
        let short = sum.add(&generator[..], 2, &[Fr::ONE; 2], &Fr::ONE);
        assert!(short.is_err_and(|e| e.kind() == io::ErrorKind::UnexpectedEof));
    }
}
