#!/usr/bin/env bash
# Installs what a build needs and does not find: a C compiler, and the compiler of the built-in
# actors. With root on a Debian system it does so itself; otherwise it names the packages.
# Rust is the one thing it never installs, because how is the user's choice.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh

readonly rust_needed=1.95
missing=()

have_c_compiler() {
  command -v cc >/dev/null && printf '#include <stdlib.h>\n' | cc -E -x c - >/dev/null 2>&1
}

# True when a compiler of version 1.63 with the WASM target's library and linker is there.
have_actors_compiler() {
  local rustc=${ACTORS_RUSTC:-/usr/bin/rustc} libdir
  [[ $("$rustc" -V 2>/dev/null) == "rustc 1.63."* ]] || return 1
  libdir=$("$rustc" --print target-libdir --target wasm32-unknown-unknown 2>/dev/null) || return 1
  [[ -d $libdir ]] || return 1
  [[ -n ${ACTORS_RUSTC-} ]] || command -v rust-lld >/dev/null
}

# A machine that has both bundles builds none, so it needs no compiler for them.
have_bundles() {
  [[ -e $LOTUS_BUNDLE_DIR/devnet.car && -e $LOTUS_BUNDLE_DIR/testing-fake-proofs.car ]]
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  else
    sudo -n "$@"
  fi
}

may_install() {
  command -v apt-get >/dev/null || return 1
  ((EUID == 0)) || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

install_packages() {
  as_root apt-get update -q </dev/null &&
    as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -q --no-install-recommends "$@" </dev/null
}

# Cargo's own compiler, also where another rustc comes first on the PATH.
check_rust() {
  local version
  if ! command -v cargo >/dev/null; then
    echo "setup: cargo was not found. Install Rust $rust_needed or newer: https://rustup.rs" >&2
    return 1
  fi
  version=$(cargo --version | awk '{print $2}')
  if [[ $(printf '%s\n' "$rust_needed" "$version" | sort -V | head -n 1) != "$rust_needed" ]]; then
    echo "setup: cargo is $version, and Rust $rust_needed or newer is needed: rustup update" >&2
    return 1
  fi
  version=$(rustc --version | awk '{print $2}')
  if [[ $(printf '%s\n' "$rust_needed" "$version" | sort -V | head -n 1) != "$rust_needed" ]]; then
    echo "setup: $(command -v rustc) is $version and comes before cargo's own rustc on the PATH;" >&2
    echo "put the folder of the newer one first: export PATH=\"\$HOME/.cargo/bin:\$PATH\"" >&2
    return 1
  fi
  printf 'setup: Rust %s\n' "$version"
}

have_c_compiler || missing+=(gcc libc6-dev)
if ! have_bundles && ! have_actors_compiler; then
  missing+=(rustc libstd-rust-dev-wasm32 lld)
fi

if ((${#missing[@]} > 0)); then
  if may_install; then
    step "installing ${missing[*]}" install_packages "${missing[@]}"
  else
    echo "setup: these Debian packages are missing, and only root can install them:" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
    echo "For the actors' compiler alone there is another way: bundles/v9/README.md." >&2
    exit 1
  fi
  if ! have_bundles && ! have_actors_compiler; then
    echo "setup: the distribution's rustc is not 1.63, which the built-in actors need;" >&2
    echo "bundles/v9/README.md says how to name one by ACTORS_RUSTC." >&2
    exit 1
  fi
fi

check_rust
mkdir -p "$LOTUS_RS_CACHE" "$LOTUS_BUNDLE_DIR"
