//! Empty: this package only pulls in the actors; `build.sh` compiles them with `cargo build -p`.
