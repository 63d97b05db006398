//! The form of each key of the configuration, in the words of people who write one.

/// Tables and keys, each with its form; a key that stands in two tables has the same in both.
#[rustfmt::skip]
pub(super) const FORMS: &[(&str, &str)] = &[
    ("after", "a number from 1 to 255"),
    ("alarm", "a table: [alarm] on a line of its own, and its keys below"),
    ("aliases", "a table: [recipients.aliases] on a line of its own, and below it lines such as root = \"ops@example.com\""),
    ("aliases-file", PATH),
    ("at-most", TIME),
    ("auth", "a word in quotes, such as \"auto\""),
    ("auth-in-group", SWITCH),
    ("ca-file", PATH),
    ("chunking", SWITCH),
    ("client-cert", PATH),
    ("client-id", TEXT),
    ("client-key", PATH),
    ("client-secret-file", PATH),
    ("command", TEXT),
    ("connect-timeout", TIME),
    ("cron-env", "a word in quotes, such as \"drop\""),
    ("default", "an address in quotes, or a list of them"),
    ("domain", "a domain in quotes, such as \"example.org\""),
    ("ehlo", "a host name with a dot, or an address literal, in quotes, such as \"web1.example.org\""),
    ("every", TIME),
    ("fallback-charset", "a charset in quotes, such as \"gb18030\""),
    ("fingerprint", "\"sha256:\" and 64 hexadecimal digits, all in quotes"),
    ("first", TIME),
    ("fold", "a table: [fold] on a line of its own, and its keys below"),
    ("format", "a word in quotes, such as \"postfix\""),
    ("from", "a mail address in quotes, such as \"me@example.com\""),
    ("give-up-after", TIME),
    ("host", "a host name or an IP address in quotes, without port or scheme"),
    ("log", "a table: [log] on a line of its own, and its keys below"),
    ("match-from", "a list of texts, such as [\"*@example.com\", \"www-data\"]"),
    ("max", TIME),
    ("max-connections", "a number from 1 to 255"),
    ("max-message-size", "a size in quotes, such as \"25 MiB\""),
    ("name", "1 to 32 letters, digits, \"-\", \".\", \"_\" and \"/\", in quotes"),
    ("never", PATTERNS),
    ("password", TEXT),
    ("password-command", TEXT),
    ("password-credential", TEXT),
    ("password-file", PATH),
    ("path", PATH),
    ("per-connection", COUNT),
    ("per-day", COUNT),
    ("pipelining", SWITCH),
    ("port", "a number from 1 to 65535"),
    ("proxy", "\"socks5://host:port\""),
    ("rate", "so many in so long, in quotes, such as \"30/min\" or \"500/h\""),
    ("readers", "the name of a group in quotes, such as \"monitors\""),
    ("recipients", "a table: [recipients] on a line of its own, and its keys below"),
    ("refresh-token-file", PATH),
    ("retry", "a table: [retry] on a line of its own, and its keys below"),
    ("rewrite", "a table: [rewrite] on a line of its own, and its keys below"),
    ("smarthost", "a table: [smarthost] on a line of its own, or [[smarthost]] above each of several"),
    ("source-address", "an IP address in quotes"),
    ("spool", "a table: [spool] on a line of its own, and its keys below"),
    ("subjects", PATTERNS),
    ("target", "\"syslog\", \"stderr\" or the absolute path of a file, in quotes"),
    ("terminal-codes", "a word in quotes, such as \"keep\""),
    ("timeout", TIME),
    ("tls", "a word in quotes, such as \"implicit\""),
    ("tls-min", "a version in quotes, such as \"1.2\""),
    ("token-command", TEXT),
    ("token-endpoint", "a URL in quotes, such as \"https://login.example.com/token\""),
    ("trusted-port", SWITCH),
    ("user", TEXT),
    ("user-quota", "a size in quotes, such as \"64 MiB\""),
    ("wait", TIME),
];

const COUNT: &str = "a number from 1 on";
const PATTERNS: &str = "a list of texts, such as [\"/opt/payroll*\"], in which * stands for anything";
const PATH: &str = "a path in quotes";
const SWITCH: &str = "true or false, without quotes";
const TEXT: &str = "a text in quotes";
const TIME: &str = "a length of time in quotes, such as \"10s\", \"5m\", \"3h\" or \"5d\"";

/// The key by that name, with its form.
pub(super) fn of(name: &str) -> Option<(&'static str, &'static str)> {
    FORMS.iter().find(|(key, _)| *key == name).copied()
}

/// The table that the key belongs to, if only one has it.
pub(super) fn table_of(name: &str) -> Option<&'static str> {
    const OTHERS: &[(&str, &[&str])] = &[
        ("alarm", &["command"]),
        ("fold", &["after", "at-most", "every", "never", "subjects"]),
        ("log", &["format", "name", "target"]),
        ("recipients", &["aliases", "aliases-file", "default"]),
        ("retry", &["first", "give-up-after", "max"]),
        ("rewrite", &["cron-env", "domain", "fallback-charset", "terminal-codes"]),
        ("spool", &["max-message-size", "path", "readers", "user-quota", "wait"]),
    ];
    let in_two = ["from"];
    let is_table = |name: &str| name == "smarthost" || OTHERS.iter().any(|(table, _)| *table == name);
    let (key, _) = of(name).filter(|(key, _)| !is_table(key) && !in_two.contains(key))?;
    Some(OTHERS.iter().find(|(_, keys)| keys.contains(&key)).map_or("smarthost", |(table, _)| *table))
}
