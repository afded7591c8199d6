#!/usr/bin/env bash
# Sets up what is missing and builds, then hands over to lotus-devnet, which runs the network.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh

scripts/build.sh
scripts/bundles.sh devnet
if [[ ! -x out/bin/lotus-devnet ]]; then
  echo "lotus-devnet is not part of this version yet; README.md says what works" >&2
  exit 1
fi
exec out/bin/lotus-devnet up "$@"
