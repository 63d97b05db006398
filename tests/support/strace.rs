//! A program under strace: its system calls, and the same again with the kernel refusing one of them, or with the
//! program killed at it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Calls about files, open files and connections.
const TRACED: &str = "trace=%file,%desc,%network";
/// The start of a program, and memory: none of our code is at work there.
const UNTOUCHED: [&str; 5] = ["execve", "mmap", "getcwd", "exit", "exit_group"];

/// One system call of a traced run.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Its name.
    pub(crate) name: String,
    /// Its number among the calls of that name, from 1.
    pub(crate) nth: usize,
    /// Arguments and result, as strace writes them.
    pub(crate) text: String,
}

/// The fault that replaces a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The kernel gives this error.
    Error(&'static str),
    /// As `Error`, at this call and all later ones of its name.
    Lasting(&'static str),
    /// The program is killed before it.
    Kill,
}

/// A call and its fault.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    /// The call, as it was in an undisturbed run.
    pub(crate) call: Call,
    /// The fault to inject there.
    pub(crate) fault: Fault,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { name, nth, text } = &self.call;
        write!(f, "{:?} at {name} {nth}: {}", self.fault, text.chars().take(140).collect::<String>())
    }
}

impl Point {
    /// strace's words for it.
    fn injection(&self) -> String {
        let Call { name, nth, .. } = &self.call;
        match self.fault {
            Fault::Kill => format!("inject={name}:signal=SIGKILL:when={nth}"),
            Fault::Error(error) => format!("inject={name}:error={error}:when={nth}"),
            Fault::Lasting(error) => format!("inject={name}:error={error}:when={nth}+"),
        }
    }

    /// The fault was injected, as the trace shows.
    pub(crate) fn is_hit(&self, trace: &str) -> bool {
        match self.fault {
            Fault::Kill => trace.contains("+++ killed by SIGKILL +++"),
            Fault::Error(_) | Fault::Lasting(_) => trace.contains("(INJECTED)"),
        }
    }
}

/// strace is there; without it the tests cannot judge.
pub(crate) fn require() {
    let found = Command::new("strace").arg("-V").output();
    assert!(found.is_ok_and(|output| output.status.success()), "strace is not installed: apt-get install strace");
}

/// The words that put a program under strace, which writes its calls to `trace`.
pub(crate) fn words(trace: &Path, point: Option<&Point>) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["strace", "-f", "-y", "-s", "1024", "-e", TRACED].map(OsString::from).into();
    if let Some(point) = point {
        words.extend(["-e".into(), point.injection().into()]);
    }
    words.extend(["-o".into(), trace.as_os_str().into()]);
    words
}

/// The calls of the first process in a trace.
pub(crate) fn calls(trace: &str) -> Vec<Call> {
    let first = trace.split(' ').next().unwrap_or_default();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((name, text)) = line.strip_prefix(first).and_then(|line| line.trim_start().split_once('(')) else {
            continue;
        };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
            continue;
        }
        let nth = counts.entry(name).or_default();
        *nth += 1;
        calls.push(Call { name: name.to_owned(), nth: *nth, text: text.to_owned() });
    }
    calls
}

/// The calls from the first that opens `mark`: the calls before it start the program, and are not its work.
pub(crate) fn work(trace: &str, mark: &str) -> Vec<Call> {
    let calls = calls(trace);
    let start = calls
        .iter()
        .position(|call| call.name.starts_with("open") && call.text.contains(mark))
        .expect("the program begins its work");
    calls[start..].iter().filter(|call| !UNTOUCHED.contains(&call.name.as_str())).cloned().collect()
}

/// Calls that change a file or talk to the network. A program killed at any other leaves the same behind as one killed
/// at the next of these.
const CHANGING: [&str; 17] = [
    "connect",
    "copy_file_range",
    "fchmod",
    "flock",
    "fsync",
    "ftruncate",
    "mkdir",
    "pwrite64",
    "recvfrom",
    "rename",
    "renameat",
    "renameat2",
    "sendfile",
    "sendto",
    "unlink",
    "unlinkat",
    "write",
];

/// A kill at each call that changes something; EIO at every call; ENOSPC if room may be missing; EROFS, once and for
/// good, if a call changes a file; EINTR if a call may have to wait.
pub(crate) fn points(calls: &[Call]) -> Vec<Point> {
    let faults = |call: &Call| {
        let is_one = |names: &[&str]| names.contains(&call.name.as_str());
        let is_making = call.text.contains("O_CREAT");
        let takes_room = is_making || is_one(&["write", "pwrite64", "fsync", "rename", "renameat", "renameat2"]);
        let may_wait =
            is_one(&["openat", "read", "write", "pwrite64", "fsync", "connect", "sendto", "recvfrom", "poll"]);
        let is_of_file = takes_room || is_one(&["ftruncate", "mkdir", "unlink", "unlinkat"]);
        let changes_file = is_of_file && !call.text.contains("socket:");
        let removes = is_one(&["unlink", "unlinkat", "rename", "renameat", "renameat2"]);
        let mut faults = vec![Fault::Error("EIO")];
        faults.extend((is_making || is_one(&CHANGING)).then_some(Fault::Kill));
        faults.extend(takes_room.then_some(Fault::Error("ENOSPC")));
        faults.extend(changes_file.then_some(Fault::Error("EROFS")));
        faults.extend(removes.then_some(Fault::Lasting("EROFS")));
        faults.extend(may_wait.then_some(Fault::Error("EINTR")));
        faults
    };
    let of_call = |call: &Call| faults(call).into_iter().map(|fault| Point { call: call.clone(), fault }).collect();
    calls.iter().flat_map(|call| -> Vec<Point> { of_call(call) }).collect()
}

/// The points at calls that change something, without the errors of calls that only look or set something up.
pub(crate) fn changing(points: Vec<Point>) -> Vec<Point> {
    let is_changing = |call: &Call| call.text.contains("O_CREAT") || CHANGING.contains(&call.name.as_str());
    points.into_iter().filter(|point| is_changing(&point.call)).collect()
}

/// The most runs for one point. The number of calls that a run makes depends a little on the load of the machine. A run
/// that ends before the call that should fail shows nothing, and the next one is asked.
const RUNS: usize = 4;

/// Goes through all points, a few at a time, and names every one that is judged badly, or that no run came to. `judge`
/// gets a number that no other run has, and returns whether the fault was injected.
pub(crate) fn sweep(what: &str, points: &[Point], judge: impl Fn(usize, &Point) -> Result<bool, String> + Sync) {
    let started = Instant::now();
    let (next, bad) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(point) = points.get(n) else { break };
                    let run = |run: usize| judge(n + run * points.len(), point);
                    let judged = (0..RUNS).map(run).find(|judged| *judged != Ok(false));
                    if let Err(why) = judged.unwrap_or_else(|| Err("the fault did not come about".into())) {
                        bad.lock().unwrap().push(format!("{point}\n    {why}"));
                    }
                }
            });
        }
    });
    let bad = bad.into_inner().unwrap();
    // Written past the test runner, which would hold it back: every run's output needs the number.
    let line = format!("{what}: {} points, {} bad, {:.1?}\n", points.len(), bad.len(), started.elapsed());
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
    assert!(bad.is_empty(), "{what}: {} of {} points:\n{}", bad.len(), points.len(), bad.join("\n"));
}
