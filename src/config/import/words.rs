//! Words and values as mailers write them: words with quotes and backslashes as in a shell, switches, hosts with ports,
//! lengths of time.

/// The words of a line, up to a `#` that starts one. A quote without its end goes to the end of the line.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\\', Some('"') | None) => {
                let escaped = chars.next().unwrap_or('\\');
                word.get_or_insert_default().push(escaped);
            }
            (c, Some(_)) => word.get_or_insert_default().push(c),
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            ('#', None) if word.is_none() => break,
            (c, None) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The value without the quotes around it.
pub(super) fn unquoted(value: &str) -> &str {
    let value = value.trim();
    let of = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    of('"').or_else(|| of('\'')).unwrap_or(value)
}

/// A switch, as mailers write them; `None` for any other text.
pub(super) fn switch(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "on" | "true" | "yes" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// The mechanism of a login by our name; `None` for one that we do not speak, and for a word that lets the server
/// choose.
pub(super) fn mechanism(name: &str) -> Option<&'static str> {
    let known = ["cram-md5", "login", "none", "oauthbearer", "plain", "scram-sha-256", "xoauth2"];
    known.into_iter().find(|known| known.eq_ignore_ascii_case(name))
}

/// The text as one word for a shell.
pub(super) fn for_shell(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_string();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The path is that of all the certificates which the system trusts, by the name that it has on some system.
pub(super) fn is_system_bundle(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let directory = path.starts_with("/etc/ssl/") || path.starts_with("/etc/pki/");
    directory
        && ["ca-bundle.crt", "ca-bundle.trust.crt", "ca-certificates.crt", "cert.pem", "tls-ca-bundle.pem"]
            .contains(&name)
}

/// A name that can stand in a greeting: one with a dot, which is no pattern and no reference.
pub(super) fn host_name(text: &str) -> Option<String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let text = text.trim();
    (text.trim_matches('.').contains('.') && text.chars().all(is_of_name)).then(|| text.to_string())
}

/// Host and port of `host`, `host:port`, `[host]:port`, `host::port` or an IPv6 address.
pub(super) fn host_and_port(text: &str) -> (String, Option<u16>) {
    let text = text.trim();
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        return (host.to_string(), rest.trim_start_matches(':').parse().ok());
    }
    match text.rsplit_once(':') {
        Some((host, port)) if text.parse::<std::net::Ipv6Addr>().is_err() => {
            (host.trim_end_matches(':').to_string(), port.parse().ok())
        }
        _ => (text.to_string(), None),
    }
}

/// A number of seconds as a person would write it.
pub(super) fn length(seconds: u64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "m")];
    let fits = units.iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
    fits.map_or(format!("{seconds}s"), |(unit, name)| format!("{}{name}", seconds / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_divided_as_a_shell_does() {
        assert_eq!(words(r#"set a="b c" d='e "f' g\ h # i"#), ["set", "a=b c", "d=e \"f", "g h"]);
        assert_eq!(words("a#b ''"), ["a#b", ""]);
        assert_eq!(words("'open"), ["open"]);
        assert_eq!(unquoted(" \"a b\" "), "a b");
    }

    #[test]
    fn ports_are_told_from_addresses() {
        let read = |text: &str| host_and_port(text);
        assert_eq!(read("a.org"), ("a.org".into(), None));
        assert_eq!(read("a.org:587"), ("a.org".into(), Some(587)));
        assert_eq!(read("a.org::587"), ("a.org".into(), Some(587)));
        assert_eq!(read("[a.org]:submission"), ("a.org".into(), None));
        assert_eq!(read("::1"), ("::1".into(), None));
        assert_eq!(read("[::1]:25"), ("::1".into(), Some(25)));
    }
}
