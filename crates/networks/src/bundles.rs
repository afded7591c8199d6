//! The bundles of built-in actors that networks made here run, by the CID of their manifest.
//!
//! `make bundle` builds both from the same sources. An official bundle has another CID, and is named
//! by its network's description.

use lotus_types::Cid;

/// Actors v9 with 2 KiB and 8 MiB sectors; every proof is checked.
pub const DEVNET: &str = "bafy2bzacecvjqaywfzles6mdpsupzostucfam2vmz6fo4du445wdw6z73uosk";
/// Actors v9 with all sector sizes, which take mock proofs. A network that runs them proves nothing.
pub const TESTING_FAKE_PROOFS: &str =
    "bafy2bzaceas7ozlvrnt7hjwccu5vlgioqltszouymtbacntg44g5mgvaqvypw";

/// [`DEVNET`] as a CID.
pub fn devnet() -> Cid {
    cid(DEVNET)
}

/// [`TESTING_FAKE_PROOFS`] as a CID.
pub fn testing_fake_proofs() -> Cid {
    cid(TESTING_FAKE_PROOFS)
}

fn cid(text: &str) -> Cid {
    text.parse().expect("a constant CID, parsed in a test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_bundles_are_told_apart() {
        assert_eq!(devnet().to_string(), DEVNET);
        assert_eq!(testing_fake_proofs().to_string(), TESTING_FAKE_PROOFS);
        assert_ne!(devnet(), testing_fake_proofs());
    }
}
