#!/usr/bin/env bash
# What must hold before a commit, tests aside: formatting, lints, layers, house rules.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh

# A minimal Rust has neither; rustup can add them.
have_components() {
  cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1
}

scripts/setup.sh
if ! have_components; then
  step "installing rustfmt and clippy" rustup component add rustfmt clippy
fi
step "formatting" cargo fmt --all --check
step "layers" xtask layers
step "house rules" xtask lint
step "clippy" cargo clippy --locked --workspace --all-targets -- -D warnings
