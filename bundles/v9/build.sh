#!/usr/bin/env bash
# build.sh VARIANT TARGET_DIR: compiles the built-in actors v9 to WASM, into
# TARGET_DIR/wasm32-unknown-unknown/wasm. VARIANT is a network that fil_actors_runtime knows
# (devnet, testing-fake-proofs, …). `cargo xtask bundle` calls this, then packs and checks.
set -euo pipefail

if (($# != 2)); then
  echo "usage: $0 VARIANT TARGET_DIR" >&2
  exit 2
fi
variant=$1 target=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

export ACTORS_RUSTC=${ACTORS_RUSTC:-/usr/bin/rustc}
version=$("$ACTORS_RUSTC" -V 2>/dev/null || echo nothing)
case $version in
  "rustc 1.63."*) ;;
  *)
    echo "$0: the actors v9 need rustc 1.63, and $ACTORS_RUSTC is $version." >&2
    echo "Run scripts/setup.sh (it installs it on Debian 12), or name one by ACTORS_RUSTC:" >&2
    echo "  rustup toolchain install 1.63.0 --profile minimal -t wasm32-unknown-unknown" >&2
    # shellcheck disable=SC2016 # a command to be typed, not run here
    echo '  export ACTORS_RUSTC=$(rustup which --toolchain 1.63.0 rustc)' >&2
    exit 1
    ;;
esac

# The code's hash is consensus: nothing of the caller's build settings may reach the compiler.
# An outer `cargo run` leaves its package's variables and library path behind.
while IFS= read -r name; do
  unset "$name"
done < <(compgen -e | grep -E '^(RUSTFLAGS|RUSTC|RUSTC_.*|CARGO_(ENCODED|BUILD|PROFILE|TARGET|PKG|MANIFEST|INCREMENTAL|UNSTABLE)(_.*)?|LD_LIBRARY_PATH)$' || true)

actors=(system init cron account power miner market paych multisig reward verifreg datacap)
packages=()
for actor in "${actors[@]}"; do
  packages+=(-p "fil_actor_$actor")
done

cd "$here" # for .cargo/config.toml
RUSTC=$here/rustc-1.63 BUILD_FIL_NETWORK=$variant \
  cargo build --locked --target wasm32-unknown-unknown --profile wasm \
  --target-dir "$target" "${packages[@]}" </dev/null
