//! The door: sendmail, mail and the rest of its names.

fn main() -> std::process::ExitCode {
    mailx_t::cli::door()
}
