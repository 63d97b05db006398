//! The form for containers: the smarthost as a URL, with password, sender and default recipient in variables of their
//! own. URL and password may stand in a file that a variable names, as secrets of Docker and Kubernetes do: whoever
//! names it there says that its mode is right.

use std::path::Path;

use url::Url;

use super::file::File;
use crate::envelope::Names;
use crate::relay::{Secret, Smarthost, Tls, provided_line};

/// `MAILX_T_URL`, `MAILX_T_PASSWORD`, `MAILX_T_FROM`, `MAILX_T_TO`.
#[derive(Clone)]
pub struct Environment {
    url: String,
    password: Option<String>,
    /// The variable whose file cannot be read, and why.
    unread: Option<(String, String)>,
    from: Option<String>,
    to: Option<String>,
}

/// The URL holds the password.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Environment")
    }
}

const NAMES: [&str; 4] = ["MAILX_T_URL", "MAILX_T_PASSWORD", "MAILX_T_FROM", "MAILX_T_TO"];

impl Environment {
    /// The settings that `look_up` finds; `None` without a URL.
    pub(crate) fn find(look_up: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let value = |name: &str| look_up(name).filter(|value| !value.is_empty());
        let mut unread = None;
        let [url, password] = ["MAILX_T_URL", "MAILX_T_PASSWORD"].map(|name| {
            value(name).or_else(|| {
                let variable = format!("{name}_FILE");
                let read = provided_line(Path::new(&value(&variable)?));
                read.map_err(|why| unread = Some((variable, why))).ok()
            })
        });
        let [from, to] = ["MAILX_T_FROM", "MAILX_T_TO"].map(value);
        let url = url.or_else(|| unread.is_some().then(String::new))?;
        Some(Self { url, password, unread, from, to })
    }

    /// One `NAME=value` a line. The door writes them to a pipe for the relay, so that the secret stands in no argument,
    /// and in no environment but the one it came in.
    pub(crate) fn to_lines(&self) -> String {
        let values = [Some(&self.url), self.password.as_ref(), self.from.as_ref(), self.to.as_ref()];
        let lines = NAMES.iter().zip(values).filter_map(|(name, value)| Some(format!("{name}={}\n", value?)));
        lines.collect()
    }

    /// Reads the lines of [`Self::to_lines`].
    pub(crate) fn from_lines(lines: &str) -> Option<Self> {
        Self::find(|name| lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(str::to_string)))
    }

    /// The settings as a file would have them.
    pub(super) fn file(&self) -> Result<File, WrongEnvironment> {
        if let Some((variable, why)) = &self.unread {
            return Err(WrongEnvironment::File { variable: variable.clone(), why: why.clone() });
        }
        let mut smarthost = smarthost(&self.url)?;
        if let Some(password) = &self.password {
            smarthost.password = Some(Secret::from(password.clone()));
        }
        let mut file = File { smarthost: vec![smarthost], ..File::default() };
        if let Some(from) = &self.from {
            file.rewrite.from = Some(from.parse().map_err(|_| WrongEnvironment::From)?);
        }
        file.recipients.default = self.to.clone().map(Names::One);
        Ok(file)
    }
}

/// The reason why the environment makes no configuration. No sentence quotes a value: the URL holds the password.
#[derive(Debug, thiserror::Error)]
pub enum WrongEnvironment {
    /// A variable names a file that cannot be read.
    #[error("the file of {variable} {why}")]
    File {
        /// The variable.
        variable: String,
        /// The reason, and the cure.
        why: String,
    },
    /// `MAILX_T_FROM` is no address.
    #[error("MAILX_T_FROM is no mail address")]
    From,
    /// The door handed over an environment without `MAILX_T_URL`.
    #[error("no MAILX_T_URL came along")]
    Missing,
    /// `MAILX_T_URL` names no smarthost.
    #[error("MAILX_T_URL {0}: expected smtps://user:password@host:port")]
    Url(#[from] WrongUrl),
}

/// The fault in `MAILX_T_URL`.
#[derive(Debug, thiserror::Error)]
pub enum WrongUrl {
    /// An escape of user or password stands for no text.
    #[error("is not UTF-8")]
    Encoding,
    /// There is nothing to connect to.
    #[error("names no host")]
    NoHost,
    /// A character that ends the part of user and password stands in it as it is.
    #[error("holds {0} in user or password, where it has to be {code}, or set MAILX_T_PASSWORD", code = escaped(*.0))]
    Reserved(char),
    /// The scheme is of another protocol.
    #[error("has another scheme than smtps or smtp")]
    Scheme,
    /// The text is no URL.
    #[error("cannot be read ({0})")]
    Unreadable(#[from] url::ParseError),
}

/// `smtps://user:password@host:465` is implicit TLS, `smtp://` is STARTTLS.
fn smarthost(text: &str) -> Result<Smarthost, WrongUrl> {
    // Docker hands over the quotes of a line of --env-file.
    let text = text.trim().trim_matches(['"', '\'']);
    if let Some(reserved) = reserved(text) {
        return Err(WrongUrl::Reserved(reserved));
    }
    let url = Url::parse(text)?;
    let mut smarthost = Smarthost::new(url.host_str().ok_or(WrongUrl::NoHost)?);
    smarthost.tls = match url.scheme() {
        "smtps" => Tls::Implicit,
        "smtp" => Tls::StartTls,
        _ => return Err(WrongUrl::Scheme),
    };
    smarthost.port = url.port();
    if !url.username().is_empty() {
        smarthost.user = Some(decoded(url.username())?);
    }
    if let Some(password) = url.password() {
        smarthost.password = Some(Secret::from(decoded(password)?));
    }
    Ok(smarthost)
}

/// The character that ends host and login of a URL early: what stands behind it holds the `@` before the host. RFC 3986
/// section 3.2.
fn reserved(url: &str) -> Option<char> {
    let (_, authority) = url.split_once("://")?;
    let end = authority.find(['#', '/', '?'])?;
    authority[end..].chars().next().filter(|_| authority[end..].contains('@'))
}

fn escaped(reserved: char) -> String {
    format!("%{:02X}", u32::from(reserved))
}

fn decoded(text: &str) -> Result<String, WrongUrl> {
    let text = percent_encoding::percent_decode_str(text).decode_utf8().map_err(|_| WrongUrl::Encoding)?;
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(url: &str) -> Environment {
        let of = |name: &str| (name == "MAILX_T_URL").then(|| url.to_string());
        Environment::find(of).unwrap()
    }

    #[test]
    fn url_is_read_with_its_escapes() {
        let file = environment("smtps://me%40x.org:p%3A%2Fw@smtp.x.org:4650").file().unwrap();
        let smarthost = &file.smarthost[0];
        assert_eq!((smarthost.host.as_str(), smarthost.port()), ("smtp.x.org", 4650));
        assert_eq!(smarthost.user.as_deref(), Some("me@x.org"));
        assert_eq!(environment("smtp://x.org").file().unwrap().smarthost[0].port(), 587);
    }

    #[test]
    fn errors_and_debug_forms_do_not_hold_the_password() {
        for url in ["smtps://me:hunter2@", "http://me:hunter2@x", "smtps://me:hunter2@x:99999", "hunter2"] {
            let environment = environment(url);
            let error = environment.file().err().unwrap().to_string();
            assert!(!error.contains("hunter2"), "{error}");
            assert!(!format!("{environment:?}").contains("hunter2"));
        }
    }

    #[test]
    fn character_that_a_url_cannot_hold_is_named() {
        for (password, name) in
            [("hun#ter2", "# in user or password, where it has to be %23"), ("hun/ter2", "/ in"), ("hun?ter2", "? in")]
        {
            let error = environment(&format!("smtps://me:{password}@x.org:465")).file().err().unwrap().to_string();
            assert!(error.contains(name) && !error.contains("ter2"), "{error}");
        }
        let file = environment("\"smtps://me:p@w@x.org\"").file().unwrap();
        assert_eq!((file.smarthost[0].host.as_str(), file.smarthost[0].user.as_deref()), ("x.org", Some("me")));
    }

    #[test]
    fn url_and_password_may_stand_in_files_that_all_may_read() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = place.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap();
            Some(path.to_str().unwrap().to_string())
        };
        let (url, password) = (file("url", "smtps://me@x.org\n"), file("password", "a#b/c?d\r\n"));
        let found = Environment::find(|name| match name {
            "MAILX_T_URL_FILE" => url.clone(),
            "MAILX_T_PASSWORD_FILE" => password.clone(),
            _ => None,
        });
        let lines = "MAILX_T_URL=smtps://me@x.org\nMAILX_T_PASSWORD=a#b/c?d\n";
        assert_eq!(found.unwrap().to_lines(), lines);
        assert!(Environment::from_lines(lines).unwrap().file().unwrap().smarthost[0].password.is_some());
        let missing = Environment::find(|name| (name == "MAILX_T_URL_FILE").then(|| "/nonexistent".to_string()));
        let error = missing.unwrap().file().err().unwrap().to_string();
        assert!(error.starts_with("the file of MAILX_T_URL_FILE cannot be opened: "), "{error}");
    }

    #[test]
    fn lines_read_back() {
        let lines = environment("smtps://x.org").to_lines();
        assert_eq!(lines, "MAILX_T_URL=smtps://x.org\n");
        assert_eq!(Environment::from_lines(&lines).unwrap().to_lines(), lines);
        assert!(Environment::from_lines("").is_none());
    }
}
