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

printf '==> proof calls, %s rounds\n' "$rounds"
FIL_PROOFS_PARAMETER_CACHE=${FIL_PROOFS_PARAMETER_CACHE:-$LOTUS_RS_CACHE/params-2048} \
  cargo run --locked --quiet -p lotus-proofs -p lotus-unify --example sealing-bench -- "$rounds"

printf '==> circuit proofs, own prover and library, %s rounds\n' "$rounds"
FIL_PROOFS_PARAMETER_CACHE=${FIL_PROOFS_PARAMETER_CACHE:-$LOTUS_RS_CACHE/params-2048} \
  cargo run --locked --quiet -p lotus-proofs -p lotus-unify --example proving-bench -- "$rounds" 1

printf '==> signatures\n'
cargo run --locked --quiet -p lotus-wallet -p lotus-unify --example signing-bench -- 100
