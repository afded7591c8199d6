#!/usr/bin/env bash
# Makes sure that the bundles of built-in actors named as arguments are in the cache.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh

step "actor bundles: $*" xtask bundle "$@"
