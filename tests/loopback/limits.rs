//! Mails that are larger than they may be, and memory that does not depend on the output of a job.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::smarthost::{Act, On, Point, Received, Running, Smarthost};
use crate::support::Machine;
use crate::support::bench::{Bench, PASSWORD, USER, complaint, stdin_of};
use crate::support::{DOOR, RELAY};
use flate2::read::MultiGzDecoder;

/// A machine on which a mail may have so many octets.
struct House {
    bench: Bench,
    running: Running,
    config: PathBuf,
}

impl House {
    fn new(limit: &str) -> Self {
        Self::with(Smarthost::new(), limit)
    }

    fn with(smarthost: Smarthost, limit: &str) -> Self {
        let running = smarthost.account(USER, PASSWORD).start();
        let bench = Bench::new();
        let config = bench.configure("config", &running, "");
        // Its last table is that of the spool.
        let text = fs::read_to_string(&config).unwrap() + &format!("max-message-size = \"{limit}\"\n");
        fs::write(&config, text).unwrap();
        Self { bench, running, config }
    }

    /// A program with our configuration, the words before it in front.
    fn run(&self, before: &[&str], program: &str, arguments: &[&str], input: &Path) -> Output {
        let mut words: Vec<OsString> = before.iter().map(OsString::from).collect();
        words.extend([program.into(), "--config".into(), self.config.clone().into()]);
        words.extend(arguments.iter().map(OsString::from));
        self.bench.sandboxed(words).stdin(stdin_of(input)).output().unwrap()
    }

    fn hand_in(&self, input: impl AsRef<[u8]>) {
        let input = self.bench.file("input", input, 0o644);
        let output = self.run(&[], DOOR, &["-odq", "-t"], &input);
        assert!(output.status.success(), "{}", complaint(&output));
    }

    fn flush(&self) -> Vec<Received> {
        let output = self.bench.flush(&self.config);
        assert!(output.status.success(), "{}", complaint(&output));
        self.running.mails()
    }

    /// The whole that is kept in `failed/`, and its path.
    fn whole(&self) -> (Vec<u8>, PathBuf) {
        let names = self.bench.names("failed");
        assert_eq!(names.len(), 1, "{names:?}");
        let path = self.bench.spool().join("failed").join(&names[0]);
        (unpacked(&path), path)
    }
}

fn unpacked(path: &Path) -> Vec<u8> {
    let mut octets = Vec::new();
    MultiGzDecoder::new(File::open(path).unwrap()).read_to_end(&mut octets).unwrap();
    octets
}

fn lines(count: usize) -> String {
    (0..count).map(|n| format!("line {n} of what the job printed\n")).collect()
}

/// A mail whose middle is left out, which names the place of the whole.
fn assert_cut(mail: &Received, body: &str, place: &Path) {
    let text = String::from_utf8(mail.body().to_vec()).unwrap();
    let (head, rest) = text.split_once("\r\n[mailx-t: about ").unwrap();
    let (told, tail) = rest.split_once("]\r\n\r\n").unwrap();
    let body = body.replace('\n', "\r\n");
    assert!(body.starts_with(head) && head.ends_with("\r\n") && head.len() > 1000);
    assert!(body.ends_with(tail) && tail.starts_with("line ") && tail.len() > 1000);
    assert!(told.contains(place.to_str().unwrap()), "{told}");
}

#[test]
fn output_that_is_too_large_arrives_with_head_and_tail_and_is_kept_whole() {
    // The first is known to be too large while it is read, the second only on the wire, where lines end in CRLF.
    for body in [lines(5000), lines(598)] {
        let house = House::new("20000 B");
        let input = format!("Subject: backup\nTo: a@example.test\n\n{body}");
        house.hand_in(&input);
        let (whole, place) = house.whole();
        assert!(whole == input.as_bytes() || body.len() < 20_000);
        assert!(String::from_utf8(whole).unwrap().ends_with(&body));
        let mails = house.flush();
        assert_eq!(mails.len(), 1);
        assert!(mails[0].content.len() <= 20_000, "{} octets", mails[0].content.len());
        assert_cut(&mails[0], &body, &place);
        assert!(house.bench.log().contains("repairs=cut,"), "{}", house.bench.log());
        assert_eq!(house.bench.names("tmp"), Vec::<String>::new());
    }
}

#[test]
fn attachment_that_is_too_large_is_kept_and_a_notice_sent() {
    let house = House::new("20000 B");
    let input = format!(
        "Subject: s\nTo: a@example.test\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n\
         --b\nContent-Transfer-Encoding: base64\nContent-Type: application/zip\n\n{}--b--\n",
        "QUFBQUFBQUFBQUFBQUFBQUFB\n".repeat(2000)
    );
    house.hand_in(&input);
    let (whole, place) = house.whole();
    assert!(whole == input.as_bytes());
    let mail = house.flush().remove(0);
    assert!(mail.header("Content-Type").is_empty() && mail.header("MIME-Version").is_empty());
    assert_eq!(mail.header("Subject"), ["s"]);
    let body = String::from_utf8(mail.body().to_vec()).unwrap();
    assert!(body.starts_with("[mailx-t: this message has") && body.contains(place.to_str().unwrap()), "{body}");
}

#[test]
fn mail_of_the_largest_size_leaves_untouched() {
    let house = House::new("20000 B");
    house.hand_in(format!("Subject: s\nTo: a@example.test\n\n{}", lines(400)));
    assert_eq!(house.flush()[0].body(), lines(400).replace('\n', "\r\n").as_bytes());
    assert_eq!(house.bench.names("failed"), Vec::<String>::new());
}

#[test]
fn mail_that_the_smarthost_finds_too_large_is_cut_once_and_kept_whole() {
    let body = lines(3000);
    let input = format!("Subject: s\nTo: a@example.test\n\n{body}");
    let by_size = Smarthost::new().keyword("SIZE", "SIZE 30000");
    let too_large = Act::reply("552 5.3.4 too large");
    let by_word = Smarthost::new().keyword("SIZE", "SIZE 0").on(On::at(Point::Content).times(1), too_large);
    for smarthost in [by_size, by_word] {
        let house = House::with(smarthost, "25 MiB");
        house.hand_in(&input);
        let mails = house.flush();
        assert_eq!(mails.len(), 1, "{}", house.bench.log());
        let (whole, place) = house.whole();
        assert_cut(&mails[0], &body, &place);
        assert!(String::from_utf8(whole).unwrap().ends_with(&body.replace('\n', "\r\n")));
        assert!(house.bench.names("queue").is_empty() && house.bench.names("tmp").is_empty());
    }
}

#[test]
fn mail_that_is_too_large_even_so_is_reported() {
    let always = Smarthost::new()
        .keyword("SIZE", "SIZE 0")
        .on(On::at(Point::Content).containing("what the job printed"), Act::reply("552 5.3.4 too large"));
    let house = House::with(always, "25 MiB");
    house.hand_in(format!("Subject: s\nTo: a@example.test\n\n{}", lines(9000)));
    let mails = house.flush();
    assert_eq!(mails.len(), 1, "{}", house.bench.log());
    let kind = mails[0].header("Content-Type");
    assert!(kind.iter().any(|kind| kind.starts_with("multipart/report")), "{kind:?}");
    assert!(String::from_utf8_lossy(&mails[0].content).contains("552 5.3.4 too large"));
}

#[test]
fn memory_does_not_depend_on_what_a_job_prints() {
    for limit in ["2 MiB", "200 MiB"] {
        let house = House::with(Smarthost::new().keyword("SIZE", "SIZE 0"), limit);
        let path = house.bench.root().join("input");
        let mut input = BufWriter::new(File::create(&path).unwrap());
        input.write_all(b"Subject: s\nTo: a@example.test\n\n").unwrap();
        let line = lines(1000);
        (0..2200).try_for_each(|_| input.write_all(line.as_bytes())).unwrap();
        input.flush().unwrap();
        let length = fs::metadata(&path).unwrap().len();
        assert!(length > 64 << 20);
        // A program that wants more heap than this is refused it and dies.
        let narrow = ["prlimit", &format!("--data={}", 14 << 20)];
        let output = house.run(&narrow, DOOR, &["-odq", "-t"], &path);
        assert!(output.status.success(), "{limit}: {}", complaint(&output));
        let output = house.run(&narrow, RELAY, &["flush"], &path);
        assert!(output.status.success(), "{limit}: {}", complaint(&output));
        let mails = house.running.mails();
        assert_eq!(mails.len(), 1, "{}", house.bench.log());
        assert_eq!(
            mails[0].content.len() as u64 > length,
            limit == "200 MiB",
            "{} of {length}",
            mails[0].content.len()
        );
    }
}

/// The file is too large to go; the caller's text must not be lost with it.
#[test]
fn text_beside_a_file_that_is_too_much_for_a_mail_is_saved() {
    let machine = Machine::with(Smarthost::new().account(USER, PASSWORD), "");
    let large = machine.path("large.log");
    std::fs::File::create(&large).unwrap().set_len(70 << 20).unwrap();
    let arguments = ["-s", "log", "-a", &large.to_string_lossy(), "a@host.example"];
    let ran = machine.run("mail", &arguments, b"see the file\n");
    assert_eq!(ran.status, Some(75), "{ran:?}");
    assert!(ran.stderr.contains("at most 64 MiB") && ran.stderr.contains("was saved in "), "{ran:?}");
    let saved: Vec<_> = std::fs::read_dir(machine.path("spool/failed")).unwrap().collect();
    assert_eq!(saved.len(), 1);
    let saved = saved.into_iter().next().unwrap().unwrap().path();
    assert_eq!(std::fs::read(saved).unwrap(), b"see the file\n");
}
