//! The relay: from the spool to the smarthost.

fn main() -> std::process::ExitCode {
    mailx_t::cli::relay::relay()
}
