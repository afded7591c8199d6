# shellcheck shell=bash
# Sourced by the other scripts, and by a developer who wants plain cargo to use the same places:
#   source scripts/env.sh
#
# Sets, unless already set: LOTUS_RS_CACHE (everything that outlives a checkout), CARGO_TARGET_DIR
# and LOTUS_BUNDLE_DIR (the actor bundles, where tests and lotus-devnet look for them).

export LOTUS_RS_CACHE=${LOTUS_RS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lotus-rs}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$LOTUS_RS_CACHE/target}
export LOTUS_BUNDLE_DIR=${LOTUS_BUNDLE_DIR:-$LOTUS_RS_CACHE/bundles}

# Debian's rustc 1.63, which the actors need, must not come before the one beside cargo.
cargo_folder=$(dirname "$(command -v cargo || echo "${CARGO_HOME:-$HOME/.cargo}/bin/cargo")")
if [[ -x $cargo_folder/rustc && $(command -v rustc) != "$cargo_folder/rustc" ]]; then
  export PATH="$cargo_folder:$PATH"
fi
unset cargo_folder

# step TITLE COMMAND…: runs COMMAND, says what it does and how long it took.
step() {
  local title=$1 started=$SECONDS status=0
  shift
  printf '==> %s\n' "$title"
  "$@" || status=$?
  if ((status == 0)); then
    printf '    %s: done in %d s\n' "$title" "$((SECONDS - started))"
  else
    printf '    %s: failed after %d s (exit code %d)\n' "$title" "$((SECONDS - started))" "$status" >&2
  fi
  return "$status"
}

# xtask TASK…: like `cargo xtask`, but with the features that the whole workspace gives its
# libraries, so that what is compiled here is not compiled again by the build.
xtask() {
  cargo run --locked --bin xtask -- "$@"
}
