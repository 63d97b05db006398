//! The way of a line to its target. A log that cannot be reached never costs a mail: the lines are dropped.

use std::fs::{self, File, Metadata};
use std::io::{self, IoSlice, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use ::log::{Level, LevelFilter, Record};
use env_logger::{Builder, Target as Sink};
use nix::sys::socket::{MsgFlags, MultiHeaders, UnixAddr, sendmmsg};

use super::event;
use super::line::{FORM, Part, WRITTEN};
use super::settings::{Format, Settings, Target};
use crate::trust::output;

/// The system log's socket.
pub(super) const SOCKET: &str = "/dev/log";
/// syslog(3)'s facility mail.
const MAIL: u8 = 2 << 3;

/// Opens the log for this process, which is `own` part of the program; `host` stands in the lines. Once is enough.
pub(crate) fn open(settings: &Settings, own: Part, host: &str) {
    let (format, _) = *FORM.get_or_init(|| (settings.format, own));
    let mut builder = Builder::new();
    builder.filter_level(LevelFilter::Info);
    let (name, pid) = (settings.name.to_string(), std::process::id());
    match &settings.target {
        Target::Syslog => {
            let Ok(socket) = Datagram::open(Path::new(SOCKET)) else { return };
            builder.target(Sink::Pipe(Box::new(socket)));
            builder.format(move |to, record| {
                let (severity, time) = (MAIL + severity(record.level()), time());
                each_line(record, format, &mut |part, text| {
                    writeln!(to, "<{severity}>{time} {name}/{part}[{pid}]: {text}")
                })
            });
        }
        Target::File(path) => {
            let Ok(file) = Rotated::open(path) else { return };
            builder.target(Sink::Pipe(Box::new(file)));
            let host = host.to_string();
            builder.format(move |to, record| {
                let time = time();
                each_line(record, format, &mut |part, text| match format {
                    Format::Json => writeln!(to, "{text}"),
                    Format::Postfix => writeln!(to, "{time} {host} {name}/{part}[{pid}]: {text}"),
                })
            });
        }
        Target::Stderr => {
            builder.target(Sink::Stderr);
            builder.format(move |to, record| {
                each_line(record, format, &mut |part, text| match format {
                    Format::Json => writeln!(to, "{text}"),
                    Format::Postfix => writeln!(to, "{name}/{part}[{pid}]: {text}"),
                })
            });
        }
    }
    // The first logger of a process stays.
    let _ = builder.try_init();
}

/// The lines of a record, each with the part that it is of. `relay` does not know this module, and hands over a bare
/// sentence.
fn each_line(
    record: &Record<'_>,
    format: Format,
    write: &mut dyn FnMut(&str, &str) -> io::Result<()>,
) -> io::Result<()> {
    let mut text = record.args().to_string();
    if record.target() != WRITTEN {
        text = event::note(record.level(), event::part_of_note(record.level()), None, &text).with_part(format);
    }
    text.lines().filter_map(|line| line.split_once('\t')).try_for_each(|(part, line)| write(part, line))
}

/// The time of a line in syslog's form (RFC 3164 section 4.1.2).
fn time() -> String {
    jiff::Zoned::now().strftime("%b %e %H:%M:%S").to_string()
}

/// syslog(3)'s severities.
fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// A file that others may rename away: each line goes to the file that has the name.
struct Rotated {
    path: PathBuf,
    file: File,
}

impl Rotated {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_path_buf(), file: output::open(path)? })
    }

    fn has_its_name(&self) -> bool {
        let identity = |found: Metadata| (found.dev(), found.ino());
        matches!((fs::metadata(&self.path).map(identity), self.file.metadata().map(identity)), (Ok(a), Ok(b)) if a == b)
    }
}

impl Write for Rotated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.has_its_name() {
            // A process that may not open the new file, such as a confined one, goes on with the old one: it ends soon.
            if let Ok(new) = Self::open(&self.path) {
                *self = new;
            }
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Each line is one datagram, and those of one write are one call.
pub(super) struct Datagram {
    path: PathBuf,
    socket: UnixDatagram,
}

impl Datagram {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        // A slow system log must not hold up a mail.
        socket.set_nonblocking(true)?;
        Ok(Self { path: path.to_path_buf(), socket })
    }

    fn send(&self, lines: &[&[u8]]) -> io::Result<()> {
        let mut rest = lines;
        // The kernel may take some of them, and 1024 at the most.
        while !rest.is_empty() {
            let slices: Vec<[IoSlice<'_>; 1]> = rest.iter().map(|line| [IoSlice::new(line)]).collect();
            let mut headers = MultiHeaders::<UnixAddr>::preallocate(rest.len(), None);
            let to = vec![None; rest.len()];
            let taken = sendmmsg(self.socket.as_raw_fd(), &mut headers, &slices, to, [], MsgFlags::empty())?.count();
            if taken == 0 {
                break;
            }
            rest = &rest[taken..];
        }
        Ok(())
    }
}

impl Write for Datagram {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let lines: Vec<&[u8]> = bytes.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()).collect();
        match self.send(&lines) {
            // unix(7): a peer that is gone refuses once, and from then on there is no connection.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotConnected) => {
                *self = Self::open(&self.path)?;
                self.send(&lines)?;
            }
            sent => drop(sent),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_of_a_daemon_goes_on_in_the_new_file_after_a_rotation() {
        let place = tempfile::tempdir().unwrap();
        let (log, old) = (place.path().join("log"), place.path().join("log.1"));
        let mut file = Rotated::open(&log).unwrap();
        file.write_all(b"one\n").unwrap();
        fs::rename(&log, &old).unwrap();
        file.write_all(b"two\n").unwrap();
        fs::remove_file(&log).unwrap();
        fs::write(&log, "").unwrap();
        file.write_all(b"three\n").unwrap();
        assert_eq!(fs::read_to_string(&old).unwrap(), "one\n");
        assert_eq!(fs::read_to_string(&log).unwrap(), "three\n");
    }

    #[test]
    fn named_pipe_that_nobody_reads_is_no_log_and_not_waited_for() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("log");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(Rotated::open(&path).is_err());
    }

    #[test]
    fn first_line_after_a_restart_of_the_system_log_arrives() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("log");
        let bind = || {
            let listener = UnixDatagram::bind(&path).unwrap();
            listener.set_nonblocking(true).unwrap();
            listener
        };
        let heard = |listener: &UnixDatagram| {
            let mut bytes = [0; 16];
            listener.recv(&mut bytes).map(|n| String::from_utf8_lossy(&bytes[..n]).into_owned())
        };
        let first = bind();
        let mut log = Datagram::open(&path).unwrap();
        log.write_all(b"one").unwrap();
        assert_eq!(heard(&first).unwrap(), "one");
        drop(first);
        fs::remove_file(&path).unwrap();
        let second = bind();
        for line in ["two", "three"] {
            log.write_all(line.as_bytes()).unwrap();
            assert_eq!(heard(&second).unwrap(), line);
        }
    }

    #[test]
    fn all_lines_of_one_write_are_datagrams_of_their_own() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("log");
        let listener = UnixDatagram::bind(&path).unwrap();
        let mut log = Datagram { socket: UnixDatagram::unbound().unwrap(), path: path.clone() };
        log.socket.connect(&path).unwrap();
        let lines: Vec<String> = (0..3000).map(|n| format!("line {n}")).collect();
        let written = lines.join("\n") + "\n";
        let writer = std::thread::spawn(move || log.write_all(written.as_bytes()).unwrap());
        for line in lines {
            let mut bytes = [0; 32];
            let length = listener.recv(&mut bytes).unwrap();
            assert_eq!(bytes[..length], *line.as_bytes());
        }
        writer.join().unwrap();
    }
}
