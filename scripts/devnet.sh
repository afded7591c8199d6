#!/usr/bin/env bash
# Sets up what is missing and builds, then hands over to lotus-devnet, which runs the network.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh

scripts/build.sh
scripts/bundles.sh devnet
exec out/bin/lotus-devnet up "$@"
