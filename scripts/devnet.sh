#!/usr/bin/env bash
# Sets up what is missing and builds, then hands over to lotus-devnet, which runs the network.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh

# The actors decide which proofs a network takes, so mock ones need actors of their own.
bundle=devnet
for argument in "$@"; do
  if [[ $argument == --mock-proofs ]]; then
    bundle=testing-fake-proofs
  fi
done

scripts/build.sh
scripts/bundles.sh "$bundle"
exec out/bin/lotus-devnet up "$@"
