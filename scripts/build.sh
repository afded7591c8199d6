#!/usr/bin/env bash
# Builds every binary and leaves them in out/bin: one multi-call executable, and links by whose
# name it knows which program to be.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh

# Only what is there: a program joins when its first command works.
readonly programs=(lotus lotus-miner lotus-worker lotus-wallet lotus-seed lotus-shed lotus-devnet lotus-bench)

link_programs() {
  local program folder
  folder=$(cd "$CARGO_TARGET_DIR/debug" && pwd)
  mkdir -p out/bin
  for program in "${programs[@]}"; do
    ln -sfn "$folder/lotus" "out/bin/$program"
  done
}

scripts/setup.sh
step "building" cargo build --locked --workspace
link_programs
echo "    in out/bin: ${programs[*]}"
