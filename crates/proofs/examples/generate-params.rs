//! Generates the parameters of a 2 KiB development network into a directory:
//! `cargo run -p lotus-proofs --example generate-params DIR [winning|window|update|porep|srs]...`
//!
//! Without names, everything. `lotus fetch-params 2048` does the same for users; this one is for
//! machines that only test proofs.

use std::{env, error::Error, process::ExitCode};

use lotus_proofs::params::{Circuit, DEVNET_SEED, GenerationRequest, generate_parameters};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let dir = arguments
        .next()
        .ok_or("usage: generate-params DIR [CIRCUIT]...")?;
    let (mut circuits, mut aggregation) = (Vec::new(), false);
    for name in arguments {
        match name.as_str() {
            "winning" => circuits.push(Circuit::WinningPoSt),
            "window" => circuits.push(Circuit::WindowPoSt),
            "update" => circuits.push(Circuit::EmptySectorUpdate),
            "porep" => circuits.push(Circuit::PoRep),
            "srs" => aggregation = true,
            other => return Err(format!("there is no circuit {other}").into()),
        }
    }
    if circuits.is_empty() && !aggregation {
        (circuits, aggregation) = (Circuit::ALL.to_vec(), true);
    }
    let request = GenerationRequest {
        sector_size: 2048,
        dir: dir.into(),
        seed: DEVNET_SEED,
        circuits,
        aggregation,
        allow_default_dir: false,
    };
    let mut shown = None;
    let generated = generate_parameters(&request, &mut |progress| {
        let tenth = (progress.done * 10)
            .checked_div(progress.total)
            .unwrap_or(0);
        let now = Some((progress.circuit, tenth));
        if shown != now {
            shown = now;
            eprintln!("{}: {tenth}0 %", progress.circuit);
        }
    })?;
    for file in generated {
        println!("{:?}: {}", file.outcome, file.file.display());
    }
    Ok(())
}
