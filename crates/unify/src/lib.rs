//! No code. Naming this package beside another (`cargo test -p lotus-rpc -p lotus-unify`) makes cargo
//! choose the libraries' features as for the whole workspace, so that nothing heavy is built twice.
