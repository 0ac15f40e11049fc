//! The `throughput` program.

fn main() -> std::process::ExitCode {
    throughput::cli::main()
}
