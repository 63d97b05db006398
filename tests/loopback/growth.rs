//! Twice the input is twice the work. A colleague on the machine chooses what their mail looks like, and the work on it
//! is done by the one process that everybody waits for.
//!
//! Work is counted in instructions (valgrind), which are the same on a fast machine and on a busy one.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::{DOOR, Machine};

/// Work that grows as its input does costs exactly twice as much for the second doubling as for the first; work that
/// grows as its square costs four times as much.
const MOST: f64 = 2.7;

/// A name, the number to begin with, and the message of that many.
type Shape<'a> = (&'a str, usize, &'a dyn Fn(usize) -> Vec<u8>);

/// The instructions of a rehearsal of this message.
fn work(machine: &Machine, message: &[u8]) -> u64 {
    let mut child = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", DOOR, "-t", "--dry-run"])
        .env_clear()
        .env("MAILX_T_CONFIG", machine.path("config.toml"))
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(message).unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{said}");
    let counted = said.lines().find_map(|line| line.split_once("I refs:").or(line.split_once("I   refs:")));
    counted.unwrap().1.trim().replace(',', "").parse().unwrap()
}

/// The cost of the second doubling, as a multiple of the first's.
fn growth(machine: &Machine, message: &dyn Fn(usize) -> Vec<u8>, size: usize) -> f64 {
    let [once, twice, four_times] = [1, 2, 4].map(|times| work(machine, &message(size * times)));
    assert!(twice - once > 100_000, "the size must count: {once}, {twice}");
    (four_times - twice) as f64 / (twice - once) as f64
}

/// A message with these fields, and one recipient of its own.
fn message(fields: &str, body: &[u8]) -> Vec<u8> {
    [b"From: root\nTo: a@host.example\nSubject: s\n", fields.as_bytes(), b"\n", body].concat()
}

fn numbered(size: usize, field: impl Fn(usize) -> String) -> String {
    (0..size).map(field).collect()
}

const PARTS: &str = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n";

#[test]
fn fields_cost_what_they_are_many() {
    let machine = Machine::strict(crate::smarthost::Smarthost::new());
    let shapes: [Shape<'_>; 11] = [
        // Each duplicate was looked for among all the fields before it.
        ("two names", 2000, &|n| message(&("b:\n".repeat(n) + &"Date: 1\n".repeat(n)), b"x\n")),
        ("names", 500, &|n| message(&numbered(n, |i| format!("X-{i}: v\n")), b"x\n")),
        ("no fields", 1000, &|n| message(&("no field\n".repeat(n) + "X: y\n"), b"x\n")),
        ("cron", 500, &|n| message(&"X-Cron-Env: <A=b>\n".repeat(n), b"x\n")),
        ("parameters", 500, &|n| message(&format!("Content-Type: text/plain{}\n", "; charset=x".repeat(n)), b"\xe4\n")),
        ("words", 500, &|n| message(&format!("Comments:{}\n", " =?utf-8?q?a=20b?=".repeat(n)), b"x\n")),
        ("continuations", 6000, &|n| {
            // Each piece was looked for among all the others.
            let pieces = numbered(n, |i| format!(";\n p{i}*1=a"));
            message(&format!("MIME-Version: 1.0\nContent-Type: text/plain{pieces}\n"), b"x\n")
        }),
        ("raw parameters", 500, &|n| {
            let pieces = numbered(n, |i| format!(";\n p{i}=\"ä{i}\""));
            message(&format!("Content-Disposition: attachment{pieces}\n"), b"x\n")
        }),
        ("references", 500, &|n| {
            message(&format!("References:{}\n", numbered(n, |i| format!("\n <{i}@host.example>"))), b"x\n")
        }),
        ("folds", 2000, &|n| message(&format!("Comments: x{}\n", "\n y".repeat(n)), b"x\n")),
        ("long line", 20_000, &|n| message(&format!("Comments: {}\n", "x".repeat(n)), b"x\n")),
    ];
    for (name, size, shape) in shapes {
        let growth = growth(&machine, shape, size);
        assert!(growth < MOST, "{name}: {growth:.2}");
    }
}

#[test]
fn addresses_cost_what_they_are_many() {
    let machine = Machine::strict(crate::smarthost::Smarthost::new());
    let shapes: [Shape<'_>; 18] = [
        // The rest of the list was looked through for each.
        ("comments without an end", 4000, &|n| message(&format!("Cc: a@host.example {}\n", "(".repeat(n)), b"x\n")),
        ("comments of shells", 2000, &|n| message(&format!("Cc: {}\n", "# ".repeat(n)), b"x\n")),
        ("comments of shells before an address", 2000, &|n| {
            message(&format!("Cc: {}b@host.example\n", "# ".repeat(n)), b"x\n")
        }),
        ("brackets around quotes", 2000, &|n| message(&format!("Cc: {}\" <\n", "<(\\\")".repeat(n)), b"x\n")),
        ("words without an end", 2000, &|n| message(&format!("Cc: {}b@host.example\n", "=?x?q?a ".repeat(n)), b"x\n")),
        ("literals", 4000, &|n| message(&format!("Cc: a@host.example, {}\n", "@[".repeat(n)), b"x\n")),
        ("list in a list", 4000, &|n| {
            message(&format!("Cc: {}a@host.example{}\n", "[".repeat(n), "]".repeat(n)), b"x\n")
        }),
        ("wide", 1000, &|n| message(&format!("Cc: {}a@host.example\n", "\u{ff1c}\u{ff0c}\u{ff1a}".repeat(n)), b"x\n")),
        ("words", 1000, &|n| message(&format!("Cc: a@host.example {}\n", numbered(n, |i| format!("w{i} "))), b"x\n")),
        ("apostrophes", 4000, &|n| message(&format!("Cc: {0}a@host.example{0}\n", "'".repeat(n)), b"x\n")),
        ("list", 400, &|n| message(&format!("Cc: {}\n", numbered(n, |i| format!("u{i}@host.example, "))), b"x\n")),
        ("fields", 200, &|n| message(&numbered(n, |i| format!("Cc: u{i}@host.example\n")), b"x\n")),
        ("hidden", 200, &|n| message(&numbered(n, |i| format!("Bcc: u{i}@host.example\n")), b"x\n")),
        ("local", 400, &|n| message(&format!("Cc: {}\n", numbered(n, |i| format!("u{i}, "))), b"x\n")),
        ("comments", 4000, &|n| message(&format!("Cc: {}{} b@host.example\n", "(".repeat(n), ")".repeat(n)), b"x\n")),
        ("groups", 400, &|n| message(&format!("Cc: {}\n", "g: a@host.example; ".repeat(n)), b"x\n")),
        ("empty groups", 1000, &|n| message(&format!("Cc: {}\n", "g:; ".repeat(n)), b"x\n")),
        ("quotes", 2000, &|n| message(&format!("Cc: {}b@host.example\n", "\"\\\"\" ".repeat(n)), b"x\n")),
    ];
    for (name, size, shape) in shapes {
        let growth = growth(&machine, shape, size);
        assert!(growth < MOST, "{name}: {growth:.2}");
    }
}

#[test]
fn parts_cost_what_they_are_many() {
    let machine = Machine::strict(crate::smarthost::Smarthost::new());
    let nested = |n: usize| {
        let open = numbered(n, |i| format!("--b{i}\nContent-Type: multipart/mixed; boundary=b{}\n\n", i + 1));
        let fields = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b0\n";
        message(fields, &[open.as_bytes(), b"\xe4\n"].concat())
    };
    let shapes: [Shape<'_>; 5] = [
        ("parts", 500, &|n| message(PARTS, &[&b"--b\n\nx\xe4\n".repeat(n)[..], b"--b--\n"].concat())),
        ("fields of a part", 500, &|n| {
            let fields = numbered(n, |i| format!("X-{i}: ä\n"));
            message(PARTS, &[b"--b\n", fields.as_bytes(), b"\nx\xe4\n--b--\n"].concat())
        }),
        ("name of a part", 4000, &|n| {
            let name = b"\xe4\xf6".repeat(n);
            let body = [b"--b\nContent-Type: text/plain; name=\"", &name[..], b"\"\n\nx\n--b--\n"].concat();
            message(PARTS, &body)
        }),
        ("parts in parts", 100, &nested),
        ("boundaries of no part", 100, &|n| [nested(n), b"--c\n".repeat(20 * n)].concat()),
    ];
    for (name, size, shape) in shapes {
        let growth = growth(&machine, shape, size);
        assert!(growth < MOST, "{name}: {growth:.2}");
    }
}

#[test]
fn bodies_cost_what_they_are_long() {
    let machine = Machine::strict(crate::smarthost::Smarthost::new());
    let shapes: [Shape<'_>; 5] = [
        ("lines", 4000, &|n| message("", &b"a line\n".repeat(n))),
        ("dots", 10_000, &|n| message("", &b".\n".repeat(n))),
        ("charsets", 4000, &|n| message("", &b"\xe4 \xc3\xa4\n".repeat(n))),
        ("titles without an end", 4000, &|n| message("", &b"\x1b]0;".repeat(n))),
        ("backspaces", 10_000, &|n| message("", &[b"x".repeat(n), b"\x08".repeat(n), b"\n".to_vec()].concat())),
    ];
    for (name, size, shape) in shapes {
        let growth = growth(&machine, shape, size);
        assert!(growth < MOST, "{name}: {growth:.2}");
    }
}

#[test]
fn aliases_cost_what_they_are_many() {
    let machine = Machine::strict(crate::smarthost::Smarthost::new());
    let growth_of = |aliases: &dyn Fn(usize) -> String, to: &dyn Fn(usize) -> String, size: usize| {
        let [once, twice, four_times] = [1, 2, 4].map(|times| {
            std::fs::write(machine.path("aliases"), aliases(size * times)).unwrap();
            work(&machine, format!("Subject: s\nTo: {}\n\nx\n", to(size * times)).as_bytes())
        });
        assert!(twice - once > 100_000, "the size must count: {once}, {twice}");
        (four_times - twice) as f64 / (twice - once) as f64
    };
    let one = |_| "a0".to_string();
    let targets = |n| format!("a0: {}\n", numbered(n, |i| format!("u{i}@host.example, ")));
    let chain = |n| numbered(n, |i| format!("a{i}: a{}\n", i + 1)) + "last: a@host.example\n";
    let twice = |n| numbered(n, |i| format!("a{i}: a{0}, a{0}\n", i + 1));
    let circle = |n| numbered(n, |i| format!("a{i}: a{}\n", (i + 1) % n));
    let forms = |n| numbered(n, |i| format!("{}, ", ["a0", "A0", "\"a0\"", "<a0>"][i % 4]));
    let names = |n| numbered(n, |i| format!("a{i}: u{i}@host.example\n"));
    type Aliases<'a> = (&'a str, usize, &'a dyn Fn(usize) -> String, &'a dyn Fn(usize) -> String);
    let shapes: [Aliases<'_>; 7] = [
        ("names", 1000, &names, &one),
        ("targets", 500, &targets, &one),
        ("chain", 200, &chain, &one),
        ("chain of two ways", 200, &twice, &one),
        ("circle", 200, &circle, &one),
        // The whole list was gone through for each.
        ("one name again and again", 100, &targets, &forms),
        ("what is refused", 500, &|n| numbered(n, |i| format!("a{i}: :include:/x{i}\n")), &one),
    ];
    for (name, size, aliases, to) in shapes {
        let growth = growth_of(aliases, to, size);
        assert!(growth < MOST, "{name}: {growth:.2}");
    }
}
