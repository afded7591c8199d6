#!/usr/bin/env bash
# Sets up what is missing, then runs the tests of the whole workspace. Arguments go to cargo test.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh

scripts/setup.sh
scripts/bundles.sh devnet testing-fake-proofs
step "tests" cargo test --locked --workspace --no-fail-fast "$@"
