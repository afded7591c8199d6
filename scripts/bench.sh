#!/usr/bin/env bash
# Measures this machine: replay of a recorded chain, every proof call against a bare loop of the
# library's own, and our circuit prover against the library's. ROUNDS (default 3) says how often.
# Results worth keeping go into docs/benchmarks.md.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh
readonly rounds=${1:-3}

scripts/build.sh
scripts/bundles.sh testing-fake-proofs
out/bin/lotus fetch-params 2048

printf '==> replay of fixtures/lotus/mock-chain, %s times\n' "$rounds"
for ((round = 0; round < rounds; round++)); do
  out/bin/lotus-shed replay fixtures/lotus/mock-chain/chain.car.zst --json
done

# example CRATE NAME ARGS…: runs a crate's example, built with the features of the whole workspace, so
# that nothing heavy is compiled twice.
example() {
  local crate=$1 name=$2
  shift 2
  cargo build --locked --quiet -p "$crate" -p lotus-unify --example "$name"
  "$CARGO_TARGET_DIR/debug/examples/$name" "$@"
}

export FIL_PROOFS_PARAMETER_CACHE=${FIL_PROOFS_PARAMETER_CACHE:-$LOTUS_RS_CACHE/params-2048}
printf '==> proof calls, %s rounds\n' "$rounds"
example lotus-proofs sealing-bench "$rounds"

printf '==> circuit proofs, own prover and library, %s rounds\n' "$rounds"
example lotus-proofs proving-bench "$rounds" 1

printf '==> signatures\n'
example lotus-wallet signing-bench 100
