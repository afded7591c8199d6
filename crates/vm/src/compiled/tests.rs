#![allow(clippy::unwrap_used, reason = "tests")]

use std::os::unix::fs::PermissionsExt as _;

use fvm_shared2::version::NetworkVersion as FvmVersion;
use fvm2::machine::{MultiEngine, NetworkConfig};

use super::*;

const VERSION: NetworkVersion = NetworkVersion::V17;
/// An empty module.
const WASM: &[u8] = b"\0asm\x01\0\0\0";

fn engine() -> Engine {
    let config = NetworkConfig::new(FvmVersion::V17);
    MultiEngine::new().get(&config).unwrap()
}

/// A folder with one compiled actor, and that actor's code CID.
fn kept() -> (tempfile::TempDir, CompiledActors, Cid) {
    let folder = tempfile::tempdir().unwrap();
    let actors = CompiledActors::new(folder.path().join("compiled"));
    let code = Cid::of_raw(WASM);
    let engine = engine();
    engine.load_bytecode(&code.into(), WASM).unwrap();
    actors.keep(&engine, VERSION, &[code]);
    (folder, actors, code)
}

fn file(actors: &CompiledActors, code: &Cid) -> PathBuf {
    path(&actors.of_version(VERSION), code)
}

#[test]
fn what_one_process_has_compiled_another_reads() {
    let (_folder, actors, code) = kept();
    let other = engine();
    assert!(other.get_module(&code.into()).is_none());
    assert!(actors.load(&other, VERSION, &[code]).is_empty());
    assert!(other.get_module(&code.into()).is_some());
}

#[test]
fn what_is_not_there_has_to_be_compiled() {
    let (_folder, actors, code) = kept();
    let unknown = Cid::of_raw(b"unknown");
    let missing = actors.load(&engine(), VERSION, &[unknown, code]);
    assert_eq!(missing, [unknown]);
    let missing = actors.load(&engine(), NetworkVersion(16), &[code]);
    assert_eq!(missing, [code]);
}

#[test]
fn a_damaged_file_is_not_used() {
    let (_folder, actors, code) = kept();
    let path = file(&actors, &code);
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for bytes in [&flipped[..], &whole[..CHECKSUM + 10], &whole[..3], &[]] {
        fs::write(&path, bytes).unwrap();
        let engine = engine();
        assert_eq!(actors.load(&engine, VERSION, &[code]), [code]);
        assert!(engine.get_module(&code.into()).is_none());
    }
}

#[test]
fn a_file_that_others_can_write_to_is_not_used() {
    let (_folder, actors, code) = kept();
    for path in [file(&actors, &code), actors.of_version(VERSION)] {
        let before = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(actors.load(&engine(), VERSION, &[code]), [code]);
        fs::set_permissions(&path, before).unwrap();
    }
    assert!(actors.load(&engine(), VERSION, &[code]).is_empty());
}

#[test]
fn the_folder_is_named_after_the_fvm_that_is_linked() {
    let lock = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock"));
    let version = FVM.strip_prefix("fvm-").unwrap();
    let entry = format!("name = \"fvm\"\nversion = \"{version}\"\n");
    assert!(lock.contains(&entry), "name the FVM of Cargo.lock in FVM");
}
