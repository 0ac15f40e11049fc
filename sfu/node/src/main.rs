//! The `sfu` binary; everything is in [`sfu_node::cli`].

fn main() -> std::process::ExitCode {
    sfu_node::cli::main()
}
