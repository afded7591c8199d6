//! The quotient polynomial `h = (a b - c) / z`, where `z = x^m - 1` vanishes on the domain.
//!
//! The textbook way evaluates a, b and c on a coset of the domain, divides there, and interpolates.
//! With `a b - c = h (x^m - 1)` the product is `c + h (g^m - 1)` modulo the coset's polynomial
//! `x^m - g^m`: interpolating the product alone gives h, and c need not be evaluated there.
//!
//! Transforms go from natural to bit-reversed order and back, so nothing is ever permuted. Seen as
//! reductions modulo smaller and smaller `x^n - w`, every block has a single root `w`; the roots in
//! bit-reversed order serve all block sizes, and the inverse transform as well.

use bellperson::SynthesisError;
use blstrs::Scalar as Fr;
use ff::{Field, PrimeField};
use rayon::prelude::*;

use super::{ProveError, assignment::Rows};

/// Blocks up to this length are one thread's work; they fit into a core's cache.
const SERIAL: usize = 1 << 12;

/// The quotient's coefficients.
pub(super) struct Quotient(Vec<Fr>);

impl Quotient {
    /// Coefficients in natural order, without the last one, which is zero.
    pub(super) fn coefficients(&self) -> impl Iterator<Item = &Fr> {
        let shift = usize::BITS - self.0.len().trailing_zeros();
        let reversed = move |i: usize| i.reverse_bits().checked_shr(shift).unwrap_or(0);
        (0..self.0.len() - 1).map(move |i| &self.0[reversed(i)])
    }
}

/// Divides; notices assignments that do not satisfy their constraints.
pub(super) fn of(rows: Rows) -> Result<Quotient, ProveError> {
    let size = rows.domain();
    let Rows {
        mut a,
        mut b,
        mut c,
    } = rows;
    let holds = |row: usize| a[row] * b[row] == c[row];
    if let Some(row) = (0..a.len()).into_par_iter().find_first(|row| !holds(*row)) {
        return Err(ProveError::Unsatisfied { row });
    }
    let domain = Domain::new(size)?;
    let generator = Fr::MULTIPLICATIVE_GENERATOR;
    let vanishing = generator.pow_vartime([domain.size]) - Fr::ONE;
    let [by_size, by_generator, by_vanishing] =
        [Fr::from(domain.size), generator, vanishing].map(invert);

    let onto_coset = |values: &mut Vec<Fr>| {
        values.resize(size, Fr::ZERO);
        domain.interpolate(values);
        scale(values, by_size, generator);
        domain.evaluate(values);
    };
    rayon::join(|| onto_coset(&mut a), || onto_coset(&mut b));
    a.par_iter_mut().zip(&b).for_each(|(a, b)| *a *= b);
    drop(b);
    c.resize(size, Fr::ZERO);
    rayon::join(|| domain.interpolate(&mut a), || domain.interpolate(&mut c));

    let by_both = by_size * by_vanishing;
    scale(&mut a, by_both, by_generator);
    a.par_iter_mut()
        .zip(&c)
        .for_each(|(a, c)| *a -= by_both * c);
    Ok(Quotient(a))
}

fn invert(scalar: Fr) -> Fr {
    Option::from(scalar.invert())
        .expect("a power of two, a generator, and its power beyond every domain are not zero")
}

/// Multiplies coefficient i, at its bit-reversed place, by `factor * step^i`.
fn scale(values: &mut [Fr], factor: Fr, step: Fr) {
    if let [value] = values {
        *value *= factor;
        return;
    }
    let parallel = values.len() > SERIAL;
    let (even, odd) = values.split_at_mut(values.len() / 2);
    let (even_factor, odd_factor, step) = (factor, factor * step, step.square());
    if parallel {
        rayon::join(
            || scale(even, even_factor, step),
            || scale(odd, odd_factor, step),
        );
    } else {
        scale(even, even_factor, step);
        scale(odd, odd_factor, step);
    }
}

/// The roots of unity of order `size`.
struct Domain {
    size: u64,
    /// The first half of the powers of the root, in bit-reversed order.
    roots: Vec<Fr>,
}

impl Domain {
    /// `size` is a power of two.
    fn new(size: usize) -> Result<Self, SynthesisError> {
        let log = size.trailing_zeros();
        if log > Fr::S {
            return Err(SynthesisError::PolynomialDegreeTooLarge);
        }
        // The primitive root of order `size`, and all its squares: the last one is 1.
        let mut root = Fr::ROOT_OF_UNITY;
        for _ in log..Fr::S {
            root = root.square();
        }
        let mut squares = vec![root];
        for i in 0..log as usize {
            squares.push(squares[i].square());
        }
        let mut roots = Vec::with_capacity((size / 2).max(1));
        roots.push(Fr::ONE);
        // squares[log - 2] is of order four: the step from the first to the second half of two.
        for step in squares.iter().rev().skip(2) {
            let next: Vec<Fr> = roots.par_iter().map(|root| *root * step).collect();
            roots.extend(next);
        }
        let size = u64::try_from(size).map_err(|_| SynthesisError::PolynomialDegreeTooLarge)?;
        Ok(Self { size, roots })
    }

    /// From values in natural order to coefficients in bit-reversed order, times `size`.
    fn interpolate(&self, values: &mut [Fr]) {
        split(values, 0, &|block| self.inverse_root(block));
    }

    /// From coefficients in bit-reversed order to values in natural order.
    fn evaluate(&self, coefficients: &mut [Fr]) {
        join(coefficients, 0, &self.roots);
    }

    /// The inverse of a block's root: within a level, minus the root of the mirrored block.
    fn inverse_root(&self, block: usize) -> Fr {
        match block.checked_ilog2() {
            None => Fr::ONE,
            Some(level) => -self.roots[3 * (1 << level) - 1 - block],
        }
    }
}

/// Splits a polynomial modulo `x^2n - w^2` into those modulo `x^n - w` and `x^n + w`, down to
/// values; `block` is its place among those of its length.
fn split(values: &mut [Fr], block: usize, root: &(impl Fn(usize) -> Fr + Sync)) {
    if values.len() <= SERIAL {
        let (mut len, mut first) = (values.len(), block);
        while len > 1 {
            for (i, block) in values.chunks_exact_mut(len).enumerate() {
                let root = root(first + i);
                let (low, high) = block.split_at_mut(len / 2);
                for (low, high) in low.iter_mut().zip(high) {
                    split_pair(low, high, &root);
                }
            }
            (len, first) = (len / 2, 2 * first);
        }
        return;
    }
    let (low, high) = values.split_at_mut(values.len() / 2);
    let here = root(block);
    low.par_iter_mut()
        .zip(&mut *high)
        .with_min_len(SERIAL / 4)
        .for_each(|(low, high)| split_pair(low, high, &here));
    rayon::join(
        || split(low, 2 * block, root),
        || split(high, 2 * block + 1, root),
    );
}

fn split_pair(low: &mut Fr, high: &mut Fr, root: &Fr) {
    let product = *high * root;
    *high = *low - product;
    *low += product;
}

/// The transpose of [`split`]: the same steps the other way round.
fn join(values: &mut [Fr], block: usize, roots: &[Fr]) {
    if values.len() <= SERIAL {
        let (mut len, mut count) = (2, values.len() / 2);
        while len <= values.len() {
            for (i, chunk) in values.chunks_exact_mut(len).enumerate() {
                let root = &roots[block * count + i];
                let (low, high) = chunk.split_at_mut(len / 2);
                for (low, high) in low.iter_mut().zip(high) {
                    join_pair(low, high, root);
                }
            }
            (len, count) = (2 * len, count / 2);
        }
        return;
    }
    let (low, high) = values.split_at_mut(values.len() / 2);
    rayon::join(
        || join(low, 2 * block, roots),
        || join(high, 2 * block + 1, roots),
    );
    let here = &roots[block];
    low.par_iter_mut()
        .zip(high)
        .with_min_len(SERIAL / 4)
        .for_each(|(low, high)| join_pair(low, high, here));
}

fn join_pair(low: &mut Fr, high: &mut Fr, root: &Fr) {
    let difference = *low - *high;
    *low += *high;
    *high = difference * root;
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    fn random(len: usize) -> Vec<Fr> {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        (0..len).map(|_| Fr::random(&mut rng)).collect()
    }

    fn at(coefficients: &[Fr], x: &Fr) -> Fr {
        let horner = |sum: Fr, coefficient: &Fr| sum * x + coefficient;
        coefficients.iter().rev().fold(Fr::ZERO, horner)
    }

    #[test]
    fn interpolating_and_evaluating_gives_the_values_back_times_the_size() {
        // Beside and beyond the length that one thread works on alone.
        for log in [0, 1, 2, 3, 7, 12, 13, 15] {
            let values = random(1 << log);
            let domain = Domain::new(1 << log).expect("small");
            let mut copy = values.clone();
            domain.interpolate(&mut copy);
            domain.evaluate(&mut copy);
            let size = Fr::from(1 << log);
            let scaled: Vec<_> = values.iter().map(|value| *value * size).collect();
            assert!(copy == scaled, "2^{log}");
        }
    }

    #[test]
    fn interpolation_goes_through_all_values() {
        let values = random(8);
        let domain = Domain::new(8).expect("small");
        let mut coefficients = values.clone();
        domain.interpolate(&mut coefficients);
        let by_size = invert(Fr::from(8));
        let natural: Vec<_> = [0, 4, 2, 6, 1, 5, 3, 7]
            .map(|i: usize| coefficients[i] * by_size)
            .into();
        let root = domain.roots[2];
        assert!(root.square() == domain.roots[1] && domain.roots[1].square() == -Fr::ONE);
        let mut x = Fr::ONE;
        for value in values {
            assert_eq!(at(&natural, &x), value);
            x *= root;
        }
    }

    #[test]
    fn quotient_times_vanishing_polynomial_is_product_minus_c() {
        for rows in [1, 2, 5, 300] {
            let (a, b) = (random(rows), random(2 * rows).split_off(rows));
            let c: Vec<_> = a.iter().zip(&b).map(|(a, b)| *a * b).collect();
            let polynomial = |values: &[Fr]| {
                let mut values = values.to_vec();
                values.resize(rows.next_power_of_two(), Fr::ZERO);
                let domain = Domain::new(values.len()).expect("small");
                domain.interpolate(&mut values);
                scale(&mut values, invert(Fr::from(domain.size)), Fr::ONE);
                let mut natural = Quotient(values.clone())
                    .coefficients()
                    .copied()
                    .collect::<Vec<_>>();
                natural.push(values[values.len() - 1]);
                natural
            };
            let [a_poly, b_poly, c_poly] = [&a, &b, &c].map(|values| polynomial(values));
            let quotient = of(Rows { a, b, c })
                .map_err(|e| e.to_string())
                .expect("satisfied");
            let h: Vec<_> = quotient.coefficients().copied().collect();
            assert_eq!(h.len() + 1, c_poly.len());
            assert_eq!(quotient.0[h.len()], Fr::ZERO, "the last coefficient");
            let x = random(1)[0];
            let size = u64::try_from(c_poly.len()).expect("small");
            let vanishing = x.pow_vartime([size]) - Fr::ONE;
            assert_eq!(
                at(&h, &x) * vanishing,
                at(&a_poly, &x) * at(&b_poly, &x) - at(&c_poly, &x),
                "{rows} rows"
            );
        }
    }

    #[test]
    fn a_row_that_does_not_hold_is_named() {
        let (a, b) = (random(9), random(9));
        let mut c: Vec<_> = a.iter().zip(&b).map(|(a, b)| *a * b).collect();
        c[6] += Fr::ONE;
        c[8] += Fr::ONE;
        assert!(matches!(
            of(Rows { a, b, c }),
            Err(ProveError::Unsatisfied { row: 6 })
        ));
    }
}
