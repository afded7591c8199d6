//! A circuit's constraint polynomials at the secret point, in two passes over the circuit.
//!
//! The textbook way stores three sparse matrices (gigabytes for a seal circuit). Here the circuit
//! is synthesised twice: the first pass counts constraints, which fixes the evaluation domain; the
//! second adds every coefficient, times its row's Lagrange coefficient, straight onto its column.

use bellperson::{Circuit, ConstraintSystem, Index, LinearCombination, SynthesisError, Variable};
use blstrs::Scalar as Fr;
use ff::{Field, PrimeField};
use rayon::prelude::*;

/// Rows whose Lagrange coefficients share one field inversion.
const BATCH: usize = 4096;

/// The columns of the three matrices A, B and C, evaluated at the secret point.
pub(super) type Columns = [Vec<Fr>; 3];

/// A circuit as a quadratic arithmetic program, evaluated at the secret point `tau`.
pub(super) struct Qap {
    /// Size of the evaluation domain, a power of two.
    pub(super) domain: u64,
    /// The domain's vanishing polynomial at `tau`.
    pub(super) vanishing: Fr,
    /// Columns of the public inputs, the constant one first.
    pub(super) inputs: Columns,
    /// Columns of the auxiliary variables.
    pub(super) aux: Columns,
}

/// Evaluates the circuit that `make` builds; both calls must build the same one.
///
/// # Errors
/// When the circuit cannot be synthesised, differs between the passes, or `tau` happens to lie in
/// the domain.
pub(super) fn evaluate<C: Circuit<Fr>>(
    make: impl Fn() -> C,
    tau: &Fr,
) -> Result<Qap, SynthesisError> {
    let mut shape = Shape::new();
    shape.alloc_input(|| "", || Ok(Fr::ONE))?;
    make().synthesize(&mut shape)?;

    // Every input also gets a constraint of its own, which makes the columns independent.
    let rows = shape.constraints + shape.inputs;
    let domain = rows.next_power_of_two();
    let domain_u64 = u64::try_from(domain).map_err(|_| SynthesisError::PolynomialDegreeTooLarge)?;
    let vanishing = tau.pow_vartime([domain_u64]) - Fr::ONE;

    let mut sums = Sums {
        lagrange: lagrange(rows, domain, tau, &vanishing)?,
        row: 0,
        next_input: 0,
        next_aux: 0,
        inputs: std::array::from_fn(|_| vec![Fr::ZERO; shape.inputs]),
        aux: std::array::from_fn(|_| vec![Fr::ZERO; shape.aux]),
    };
    sums.alloc_input(|| "", || Ok(Fr::ONE))?;
    make().synthesize(&mut sums)?;
    for input in 0..shape.inputs {
        sums.enforce(
            || "",
            |lc| lc + Variable(Index::Input(input)),
            |lc| lc,
            |lc| lc,
        );
    }
    let passes_agree =
        sums.row == rows && (sums.next_input, sums.next_aux) == (shape.inputs, shape.aux);
    if !passes_agree {
        return Err(SynthesisError::MalformedVerifyingKey);
    }
    Ok(Qap {
        domain: domain_u64,
        vanishing,
        inputs: sums.inputs,
        aux: sums.aux,
    })
}

/// The first `rows` Lagrange coefficients of the domain at `tau`:
/// `L_i = (tau^m - 1) / m * w^i / (tau - w^i)`.
fn lagrange(
    rows: usize,
    domain: usize,
    tau: &Fr,
    vanishing: &Fr,
) -> Result<Vec<Fr>, SynthesisError> {
    let log_domain = domain.trailing_zeros();
    if log_domain > Fr::S {
        return Err(SynthesisError::PolynomialDegreeTooLarge);
    }
    let mut omega = Fr::ROOT_OF_UNITY;
    for _ in log_domain..Fr::S {
        omega = omega.square();
    }
    let size_inverse: Option<Fr> = Fr::from(1u64 << log_domain).invert().into();
    let scale = *vanishing * size_inverse.expect("a power of two is invertible in the field");

    let batches = (0..rows.div_ceil(BATCH)).into_par_iter().map(|batch| {
        let start = batch * BATCH;
        let len = BATCH.min(rows - start);
        let exponent =
            u64::try_from(start).map_err(|_| SynthesisError::PolynomialDegreeTooLarge)?;
        lagrange_batch(omega.pow_vartime([exponent]), omega, len, tau, &scale)
    });
    Ok(batches.collect::<Result<Vec<_>, _>>()?.concat())
}

fn lagrange_batch(
    first: Fr,
    omega: Fr,
    len: usize,
    tau: &Fr,
    scale: &Fr,
) -> Result<Vec<Fr>, SynthesisError> {
    let mut power = first;
    let mut out = Vec::with_capacity(len);
    let mut denominators = Vec::with_capacity(len);
    let mut prefixes = Vec::with_capacity(len);
    let mut product = Fr::ONE;
    for _ in 0..len {
        let denominator = *tau - power;
        out.push(*scale * power);
        prefixes.push(product);
        denominators.push(denominator);
        product *= denominator;
        power *= omega;
    }
    let inverse: Option<Fr> = product.invert().into();
    let mut inverse = inverse.ok_or(SynthesisError::DivisionByZero)?;
    for ((coefficient, prefix), denominator) in
        out.iter_mut().zip(&prefixes).zip(&denominators).rev()
    {
        *coefficient *= inverse * prefix;
        inverse *= denominator;
    }
    Ok(out)
}

/// First pass: how large is the circuit?
struct Shape {
    inputs: usize,
    aux: usize,
    constraints: usize,
}

impl ConstraintSystem<Fr> for Shape {
    type Root = Self;

    fn new() -> Self {
        Self {
            inputs: 0,
            aux: 0,
            constraints: 0,
        }
    }

    fn alloc<F, A, AR>(&mut self, _: A, _: F) -> Result<Variable, SynthesisError>
    where
        F: FnOnce() -> Result<Fr, SynthesisError>,
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.aux += 1;
        Ok(Variable(Index::Aux(self.aux - 1)))
    }

    fn alloc_input<F, A, AR>(&mut self, _: A, _: F) -> Result<Variable, SynthesisError>
    where
        F: FnOnce() -> Result<Fr, SynthesisError>,
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.inputs += 1;
        Ok(Variable(Index::Input(self.inputs - 1)))
    }

    fn enforce<A, AR, LA, LB, LC>(&mut self, _: A, _: LA, _: LB, _: LC)
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
        LA: FnOnce(LinearCombination<Fr>) -> LinearCombination<Fr>,
        LB: FnOnce(LinearCombination<Fr>) -> LinearCombination<Fr>,
        LC: FnOnce(LinearCombination<Fr>) -> LinearCombination<Fr>,
    {
        self.constraints += 1;
    }

    fn push_namespace<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn pop_namespace(&mut self) {}

    fn get_root(&mut self) -> &mut Self {
        self
    }
}

/// Second pass: the sums over rows, per column.
struct Sums {
    lagrange: Vec<Fr>,
    row: usize,
    next_input: usize,
    next_aux: usize,
    inputs: Columns,
    aux: Columns,
}

impl Sums {
    /// Adds one matrix' entries of the current row. A variable that the first pass did not see is
    /// left out here and noticed at the end, when the passes are compared.
    fn add(&mut self, matrix: usize, coefficient: &Fr, row: &LinearCombination<Fr>) {
        for (Variable(index), entry) in row.iter() {
            let column = match index {
                Index::Input(i) => self.inputs[matrix].get_mut(i),
                Index::Aux(i) => self.aux[matrix].get_mut(i),
            };
            if let Some(sum) = column {
                *sum += *coefficient * entry;
            }
        }
    }
}

impl ConstraintSystem<Fr> for Sums {
    type Root = Self;

    fn new() -> Self {
        Self {
            lagrange: Vec::new(),
            row: 0,
            next_input: 0,
            next_aux: 0,
            inputs: Columns::default(),
            aux: Columns::default(),
        }
    }

    fn alloc<F, A, AR>(&mut self, _: A, _: F) -> Result<Variable, SynthesisError>
    where
        F: FnOnce() -> Result<Fr, SynthesisError>,
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.next_aux += 1;
        Ok(Variable(Index::Aux(self.next_aux - 1)))
    }

    fn alloc_input<F, A, AR>(&mut self, _: A, _: F) -> Result<Variable, SynthesisError>
    where
        F: FnOnce() -> Result<Fr, SynthesisError>,
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.next_input += 1;
        Ok(Variable(Index::Input(self.next_input - 1)))
    }

    fn enforce<A, AR, LA, LB, LC>(&mut self, _: A, a: LA, b: LB, c: LC)
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
        LA: FnOnce(LinearCombination<Fr>) -> LinearCombination<Fr>,
        LB: FnOnce(LinearCombination<Fr>) -> LinearCombination<Fr>,
        LC: FnOnce(LinearCombination<Fr>) -> LinearCombination<Fr>,
    {
        if let Some(coefficient) = self.lagrange.get(self.row).copied() {
            self.add(0, &coefficient, &a(LinearCombination::zero()));
            self.add(1, &coefficient, &b(LinearCombination::zero()));
            self.add(2, &coefficient, &c(LinearCombination::zero()));
        }
        self.row += 1;
    }

    fn push_namespace<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn pop_namespace(&mut self) {}

    fn get_root(&mut self) -> &mut Self {
        self
    }
}
