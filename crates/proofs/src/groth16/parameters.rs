//! A circuit's parameter file, read piece by piece.

use std::{
    fmt,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use bellperson::groth16::VerifyingKey;
use blstrs::{Bls12, Scalar as Fr};

use super::{
    ProveError,
    assignment::Assignment,
    multiexp::{Point, Sum},
};
use crate::params::layout::{self, List};

/// The lists of points, in the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Query {
    /// Powers of the secret point, for the quotient polynomial.
    H,
    /// One point per auxiliary variable.
    L,
    /// Variables in A.
    A,
    /// Variables in B, in G1.
    BG1,
    /// Variables in B, in G2.
    BG2,
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H => "H",
            Self::L => "L",
            Self::A => "A",
            Self::BG1 => "B (G1)",
            Self::BG2 => "B (G2)",
        })
    }
}

/// An open parameter file.
pub(crate) struct Parameters {
    /// The verifying key at its head.
    pub(crate) key: VerifyingKey<Bls12>,
    file: File,
    lists: [List; 5],
}

impl Parameters {
    /// Opens a file and reads its verifying key.
    ///
    /// # Errors
    /// `InvalidData` when it is cut off, has bytes left over, or its key is none.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let layout = layout::read(&mut file)?;
        file.rewind()?;
        let key = VerifyingKey::read(BufReader::new((&file).take(layout.key)))?;
        Ok(Self {
            key,
            file,
            lists: layout.lists,
        })
    }

    /// Are these the parameters of the circuit, as far as sizes tell?
    pub(super) fn fit(&self, circuit: &Assignment, domain: usize) -> Result<(), ProveError> {
        let [a, b] = circuit.densities();
        for (query, needed) in [
            (Query::H, domain - 1),
            (Query::L, circuit.aux.len()),
            (Query::A, a),
            (Query::BG1, b),
            (Query::BG2, b),
        ] {
            let found = self.list(query).len;
            if found != needed {
                return Err(ProveError::OtherCircuit {
                    query,
                    found,
                    needed,
                });
            }
        }
        Ok(())
    }

    /// Adds a list's points to `sum`, each times its scalar and all of them times `factor`.
    pub(super) fn add_to<'a, P: Point>(
        &mut self,
        sum: &mut Sum<P>,
        query: Query,
        scalars: impl IntoIterator<Item = &'a Fr>,
        factor: &Fr,
    ) -> io::Result<()> {
        let List { offset, len } = self.list(query);
        self.file.seek(SeekFrom::Start(offset))?;
        sum.add(&mut self.file, len, scalars, factor)
    }

    fn list(&self, query: Query) -> List {
        self.lists[match query {
            Query::H => 0,
            Query::L => 1,
            Query::A => 2,
            Query::BG1 => 3,
            Query::BG2 => 4,
        }]
    }
}
