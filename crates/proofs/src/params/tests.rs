use std::sync::Mutex;

use super::*;

const FIXTURES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../fixtures/lotus/real-chain/vk"
);

fn request(dir: &Path, circuits: &[Circuit]) -> GenerationRequest {
    GenerationRequest {
        sector_size: 2048,
        dir: dir.to_path_buf(),
        seed: DEVNET_SEED,
        circuits: circuits.to_vec(),
        aggregation: false,
        allow_default_dir: false,
    }
}

fn outcomes(request: &GenerationRequest) -> Result<Vec<Outcome>, ProofError> {
    let generated = generate_parameters(request, &mut |_| {})?;
    Ok(generated.into_iter().map(|g| g.outcome).collect())
}

/// Generates a PoSt circuit for the test that calls; one at a time, to keep memory low.
fn key_is_the_recorded_one(circuit: Circuit) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    let dir = tempfile::tempdir().expect("temporary directory");
    let cache = ParameterCache::at(dir.path());
    assert!(matches!(
        cache.check_key(circuit, 2048),
        Err(ProofError::MissingParameters {
            sector_size: 2048,
            ..
        })
    ));

    // What a killed run left behind must not end up in the file.
    let request = request(dir.path(), &[circuit]);
    let params = cache.params_path(circuit, 2048).expect("path");
    fs::write(params.with_added_extension("tmp"), vec![1; 200 << 20]).expect("file");

    // Two processes want the same file: one makes it, the other waits for it.
    let racing: Vec<_> = std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(|| outcomes(&request).expect("generates")));
        threads
            .into_iter()
            .flat_map(|t| t.join().expect("no panic"))
            .collect()
    });
    assert!(racing.contains(&Outcome::Written) && racing.contains(&Outcome::Present));
    let key = cache.key_path(circuit, 2048).expect("path");
    let recorded = Path::new(FIXTURES).join(key.file_name().expect("name"));
    assert_eq!(
        fs::read(&key).expect("key"),
        fs::read(recorded).expect("fixture")
    );
    cache.check_params(circuit, 2048).expect("whole");
    cache.check_key(circuit, 2048).expect("usable");

    // A lost key comes back without generating anew; the parameters are not touched.
    fs::remove_file(&key).expect("key is there");
    assert_eq!(outcomes(&request).expect("repairs"), [Outcome::Present]);
    cache.check_key(circuit, 2048).expect("restored");
    let files = fs::read_dir(dir.path()).expect("dir").count();
    assert_eq!(files, 2, "no temporary file stays");

    // Another seed must not be mistaken for this one.
    let other = GenerationRequest {
        seed: 1,
        ..request.clone()
    };
    assert!(matches!(
        outcomes(&other),
        Err(ProofError::BadParameters { .. })
    ));

    // A file that lost its end is noticed.
    let file = fs::OpenOptions::new()
        .write(true)
        .open(&params)
        .expect("file");
    file.set_len(file.metadata().expect("size").len() - 1)
        .expect("cut");
    assert!(matches!(
        outcomes(&request),
        Err(ProofError::BadParameters { .. })
    ));
    assert!(matches!(
        cache.check_params(circuit, 2048),
        Err(ProofError::BadParameters { .. })
    ));
}

mod devnet_keys {
    use super::*;

    #[test]
    fn of_winning_post_are_those_that_a_recorded_network_used() {
        key_is_the_recorded_one(Circuit::WinningPoSt);
    }

    #[test]
    fn of_window_post_are_those_that_a_recorded_network_used() {
        key_is_the_recorded_one(Circuit::WindowPoSt);
    }
}

mod generating_is_refused {
    use super::*;

    #[test]
    fn for_sizes_that_need_official_files() {
        let request = GenerationRequest {
            sector_size: 32 << 30,
            ..request(Path::new("x"), &[])
        };
        assert!(matches!(
            outcomes(&request),
            Err(ProofError::Unsupported(_))
        ));
    }

    #[test]
    fn among_official_files_unless_allowed() {
        let below = format!("{DEFAULT_PARAMETER_CACHE}/sub");
        for dir in [
            DEFAULT_PARAMETER_CACHE,
            &below,
            "/var/tmp/../tmp/filecoin-proof-parameters",
        ] {
            let result = outcomes(&request(Path::new(dir), &[]));
            assert!(
                matches!(result, Err(ProofError::Invalid(_))),
                "{dir}: {result:?}"
            );
        }
    }
}

#[test]
fn a_missing_file_is_named_with_the_command_that_helps() {
    let error = ParameterCache::at("/nowhere").check_params(Circuit::PoRep, 2048);
    let text = error.expect_err("missing").to_string();
    assert!(
        text.contains("032d3138") && text.contains(".params"),
        "{text}"
    );
    assert!(text.ends_with("run `lotus fetch-params 2048`"), "{text}");
}

#[test]
fn official_files_of_all_sizes_have_the_names_that_the_proof_library_expects() {
    let mut names = std::collections::BTreeSet::new();
    for size in [2 << 10, 8 << 20, 512 << 20, 32 << 30, 64_u64 << 30] {
        for circuit in Circuit::ALL {
            let name = format!("{}.vk", circuit.file_stem(size).expect("a sector size"));
            let official = &storage_proofs_core::parameter_cache::PARAMETERS;
            assert_eq!(
                official.get(&name).map(|o| o.sector_size),
                Some(size),
                "{name}"
            );
            let is_update = circuit == Circuit::EmptySectorUpdate;
            assert_eq!(name.contains("empty-sector-update"), is_update, "{name}");
            assert!(names.insert(name), "two circuits share a file");
        }
    }
    assert!(Circuit::PoRep.file_stem(4096).is_err());
}

#[test]
fn the_parameter_directory_cannot_be_changed_once_threads_run() {
    let result = use_parameter_cache(Path::new("/somewhere/else"));
    assert!(
        matches!(result, Err(ProofError::Failed { .. })),
        "{result:?}"
    );
}

#[test]
fn aggregation_srs_is_deterministic_and_kept() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let request = GenerationRequest {
        aggregation: true,
        ..request(dir.path(), &[])
    };
    assert_eq!(outcomes(&request).expect("made"), [Outcome::Written]);
    assert_eq!(outcomes(&request).expect("kept"), [Outcome::Present]);
    let other = GenerationRequest { seed: 1, ..request };
    assert!(matches!(
        outcomes(&other),
        Err(ProofError::BadParameters { .. })
    ));
}
