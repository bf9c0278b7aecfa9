//! The `doorkey` command: see `doorkey::cli`.

fn main() -> std::process::ExitCode {
    doorkey::cli::run()
}
