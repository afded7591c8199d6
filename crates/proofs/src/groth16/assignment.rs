//! A circuit's variables with their values, and its constraints evaluated at them.

use bellperson::{Circuit, ConstraintSystem, Index, LinearCombination, SynthesisError, Variable};
use blstrs::Scalar as Fr;
use ff::Field;

/// The three linear forms of every constraint, evaluated: rows of A, B and C times the witness.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) a: Vec<Fr>,
    pub(super) b: Vec<Fr>,
    pub(super) c: Vec<Fr>,
}

impl Rows {
    /// Size of the evaluation domain that holds all rows.
    pub(super) fn domain(&self) -> usize {
        self.a.len().next_power_of_two()
    }
}

/// A synthesised circuit.
#[derive(Default)]
pub(super) struct Assignment {
    /// Public inputs, the constant one first.
    pub(super) inputs: Vec<Fr>,
    /// Auxiliary variables.
    pub(super) aux: Vec<Fr>,
    /// The evaluated constraints, one for every input at the end included.
    pub(super) rows: Rows,
    /// Which auxiliary variables stand in A; inputs all do.
    a_aux: Vec<bool>,
    b_inputs: Vec<bool>,
    b_aux: Vec<bool>,
}

impl Assignment {
    /// Synthesises the circuit.
    pub(super) fn of<C: Circuit<Fr>>(circuit: C) -> Result<Self, SynthesisError> {
        let mut this = Self::default();
        this.alloc_input(|| "", || Ok(Fr::ONE))?;
        circuit.synthesize(&mut this)?;
        // Every input also gets a constraint of its own, which makes their columns independent.
        for i in 0..this.inputs.len() {
            this.enforce(|| "", |lc| lc + Variable(Index::Input(i)), |lc| lc, |lc| lc);
        }
        Ok(this)
    }

    /// Values of the variables that stand in A, in the order of the parameters' points.
    pub(super) fn in_a(&self) -> impl Iterator<Item = &Fr> {
        self.inputs.iter().chain(chosen(&self.aux, &self.a_aux))
    }

    /// Values of the variables that stand in B, in the order of the parameters' points.
    pub(super) fn in_b(&self) -> impl Iterator<Item = &Fr> {
        chosen(&self.inputs, &self.b_inputs).chain(chosen(&self.aux, &self.b_aux))
    }

    /// How many variables stand in A and in B.
    pub(super) fn densities(&self) -> [usize; 2] {
        let count = |marks: &[bool]| marks.iter().filter(|mark| **mark).count();
        [
            self.inputs.len() + count(&self.a_aux),
            count(&self.b_inputs) + count(&self.b_aux),
        ]
    }
}

fn chosen<'a>(values: &'a [Fr], marks: &'a [bool]) -> impl Iterator<Item = &'a Fr> {
    let pairs = values.iter().zip(marks);
    pairs.filter(|(_, mark)| **mark).map(|(value, _)| value)
}

/// The sum of `coefficient * value` over the terms; marks the variables that are in it.
fn evaluate<'a>(
    terms: impl Iterator<Item = (&'a usize, &'a Fr)>,
    values: &[Fr],
    mut marks: Option<&mut [bool]>,
) -> Fr {
    let mut sum = Fr::ZERO;
    for (index, coefficient) in terms {
        if coefficient.is_zero_vartime() {
            continue;
        }
        if let Some(marks) = &mut marks {
            marks[*index] = true;
        }
        // Most variables of a hash circuit are bits.
        let value = &values[*index];
        if value.is_zero_vartime() {
            continue;
        }
        if *value == Fr::ONE {
            sum += coefficient;
        } else if *coefficient == Fr::ONE {
            sum += value;
        } else {
            sum += *value * coefficient;
        }
    }
    sum
}

impl ConstraintSystem<Fr> for Assignment {
    type Root = Self;

    fn new() -> Self {
        Self::default()
    }

    fn alloc<F, A, AR>(&mut self, _: A, value: F) -> Result<Variable, SynthesisError>
    where
        F: FnOnce() -> Result<Fr, SynthesisError>,
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.aux.push(value()?);
        self.a_aux.push(false);
        self.b_aux.push(false);
        Ok(Variable(Index::Aux(self.aux.len() - 1)))
    }

    fn alloc_input<F, A, AR>(&mut self, _: A, value: F) -> Result<Variable, SynthesisError>
    where
        F: FnOnce() -> Result<Fr, SynthesisError>,
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.inputs.push(value()?);
        self.b_inputs.push(false);
        Ok(Variable(Index::Input(self.inputs.len() - 1)))
    }

    fn enforce<A, AR, LA, LB, LC>(&mut self, _: A, a: LA, b: LB, c: LC)
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
        LA: FnOnce(LinearCombination<Fr>) -> LinearCombination<Fr>,
        LB: FnOnce(LinearCombination<Fr>) -> LinearCombination<Fr>,
        LC: FnOnce(LinearCombination<Fr>) -> LinearCombination<Fr>,
    {
        let (inputs, aux) = (&self.inputs, &self.aux);
        let a = a(LinearCombination::zero());
        self.rows.a.push(
            evaluate(a.iter_inputs(), inputs, None)
                + evaluate(a.iter_aux(), aux, Some(&mut self.a_aux)),
        );
        let b = b(LinearCombination::zero());
        self.rows.b.push(
            evaluate(b.iter_inputs(), inputs, Some(&mut self.b_inputs))
                + evaluate(b.iter_aux(), aux, Some(&mut self.b_aux)),
        );
        let c = c(LinearCombination::zero());
        self.rows
            .c
            .push(evaluate(c.iter_inputs(), inputs, None) + evaluate(c.iter_aux(), aux, None));
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

    /// Parts of a circuit may be synthesised beside each other.
    fn is_extensible() -> bool {
        true
    }

    /// Appends a part. Its first input is the constant one once more, which is this one's too.
    fn extend(&mut self, other: &Self) {
        self.inputs.extend(other.inputs.iter().skip(1));
        self.aux.extend(&other.aux);
        if let (Some(one), Some(also)) = (self.b_inputs.first_mut(), other.b_inputs.first()) {
            *one |= also;
        }
        self.b_inputs.extend(other.b_inputs.iter().skip(1));
        self.a_aux.extend(&other.a_aux);
        self.b_aux.extend(&other.b_aux);
        self.rows.a.extend(&other.rows.a);
        self.rows.b.extend(&other.rows.b);
        self.rows.c.extend(&other.rows.c);
    }
}
