//! The program `sfu-world`.

fn main() -> std::process::ExitCode {
    sfu_world::cli::run()
}
