//! One executable for every binary of the suite; the name it is called by selects.

fn main() -> std::process::ExitCode {
    lotus_cli::main(std::env::args_os())
}
