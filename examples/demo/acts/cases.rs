//! The calls that are shown, and what has to come of them.

/// One call, and its expected outcome.
pub(super) struct Case {
    pub(super) title: &'static str,
    /// The point to look for when reading on.
    pub(super) point: &'static str,
    /// The program's name and its arguments.
    pub(super) call: &'static [&'static str],
    pub(super) stdin: &'static str,
    /// The file below `fixtures/demo` that holds it; empty for a text that is typed.
    pub(super) stdin_name: &'static str,
    pub(super) recipients: &'static [&'static str],
    /// Text that the body must hold, as a reader's program shows it.
    pub(super) body: &'static str,
    /// Text that must not be in the mail.
    pub(super) hidden: &'static str,
}

/// crond passes on no arguments when it is started with `-m mailx-t`.
const CROND: &[&str] = &["mailx-t"];

impl Case {
    /// The call as one types it.
    pub(super) fn command_line(&self) -> String {
        let quoted = |word: &&str| if word.contains(' ') { format!("'{word}'") } else { word.to_string() };
        let call = self.call.iter().map(quoted).collect::<Vec<_>>().join(" ");
        match self.stdin_name {
            "" => format!("echo '{}' | {call}", self.stdin.trim_end()),
            name => format!("{call} < fixtures/demo/{name}"),
        }
    }
}

pub(super) const CASES: &[Case] = &[
    Case {
        title: "A job of root, no MAILTO",
        point: "To: root becomes the address that [recipients.aliases] names for root",
        call: CROND,
        stdin: include_str!("../../../fixtures/demo/root-without-mailto.stdin"),
        stdin_name: "root-without-mailto.stdin",
        recipients: &["ops@example.com"],
        body: "root no MAILTO",
        hidden: "X-Cron-Env",
    },
    Case {
        title: "MAILTO names two",
        point: "one mail, two recipients, one outcome for each of them",
        call: CROND,
        stdin: include_str!("../../../fixtures/demo/two-in-mailto.stdin"),
        stdin_name: "two-in-mailto.stdin",
        recipients: &["ops@host.example", "dev@host.example"],
        body: "two recipients, no space",
        hidden: "X-Cron-Env",
    },
    Case {
        title: "UTF-8 in subject and body",
        point: "the subject goes out encoded (RFC 2047), the body as it is",
        call: CROND,
        stdin: include_str!("../../../fixtures/demo/utf8-subject-and-body.stdin"),
        stdin_name: "utf8-subject-and-body.stdin",
        recipients: &["ops+cron@host.example"],
        body: "备份失败：磁盘空间不足",
        hidden: "X-Cron-Env",
    },
    Case {
        title: "A secret among the crontab's variables",
        point: "cronie writes SMTP_PASSWORD into X-Cron-Env; it does not leave this machine",
        call: CROND,
        stdin: include_str!("../../../fixtures/demo/secret-in-environment.stdin"),
        stdin_name: "secret-in-environment.stdin",
        recipients: &["ops+cron@host.example"],
        body: "backup: 1 file skipped",
        hidden: "sekret123",
    },
    Case {
        title: "By hand",
        point: "0 says: safe on disk; the relay goes on by itself",
        call: &["mailx-t", "-s", "Disk is full", "ops@example.com"],
        stdin: "/dev/sda1 98% /var\n",
        stdin_name: "",
        recipients: &["ops@example.com"],
        body: "/dev/sda1 98% /var",
        hidden: "X-Original-From",
    },
];

/// Debian's cron, whose mail meets a smarthost that is down.
pub(super) const OUTAGE: Case = Case {
    title: "The smarthost is down",
    point: "cron hears 0 all the same: the mail is on disk, and leaves when the smarthost is back",
    call: &["sendmail", "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"],
    stdin: include_str!("../../../fixtures/demo/debian-backup.stdin"),
    stdin_name: "debian-backup.stdin",
    recipients: &["ops@example.com"],
    body: "backup FAILED: no space left on /mnt/backup",
    hidden: "X-Cron-Env",
};
