//! Files of mailers that are not read: what they are, and what to do instead.

use std::path::Path;

/// What is known of a file that is not read.
#[derive(Debug)]
pub(super) struct Foreign {
    /// What it is.
    pub(super) what: &'static str,
    /// What to do instead.
    pub(super) instead: &'static str,
    /// The names of such files.
    names: &'static [&'static str],
    /// What only such files hold.
    marks: &'static [&'static str],
}

const FOREIGN: [Foreign; 9] = [
    Foreign {
        what: "OpenSMTPD's settings",
        instead: "relay host gives host and port of [smarthost] (smtps:// is tls = \"implicit\", smtp+tls:// is \
                  \"starttls\"); the table of auth has, behind the label of the URL, user and password",
        names: &["smtpd.conf"],
        marks: &["action \"", "accept for any relay", "accept from local for any relay"],
    },
    Foreign {
        what: "a file of sendmail",
        instead: "SMART_HOST is host of [smarthost]; in the file of authinfo the text behind U: or I: is user, and \
                  that behind P: belongs into password-file",
        names: &["sendmail.mc", "submit.mc", "sendmail.cf", "submit.cf", "authinfo"],
        marks: &["define(`SMART_HOST'", "MAILER_DEFINITIONS", "FEATURE(`authinfo'"],
    },
    Foreign {
        what: "Exim's macros",
        instead: "the answers to Debian's questions are read, update-exim4.conf.conf; REMOTE_SMTP_HELO_DATA is ehlo \
                  in [smarthost]",
        names: &["exim4.conf.localmacros", "exim4.conf.template"],
        marks: &["REMOTE_SMTP_", "MAIN_TLS_ENABLE"],
    },
    Foreign {
        what: "Exim's own settings",
        instead: "host and port of route_list are host and port of [smarthost]; the words of client_send are user \
                  and password",
        names: &["exim4.conf", "exim.conf"],
        marks: &["driver = manualroute", "route_list", "begin routers"],
    },
    Foreign {
        what: "mutt's settings",
        instead: "smtp_url is smtps://USER@HOST:PORT: these are user, host and port of [smarthost] (smtp:// is tls = \
                  \"starttls\"); smtp_pass belongs into password-file",
        names: &[".muttrc", "muttrc", "Muttrc", "neomuttrc", ".neomuttrc"],
        marks: &["set smtp_url"],
    },
    Foreign {
        what: "a file of logins",
        instead: "import the settings that it belongs to, such as main.cf, ssmtp.conf, dma.conf or \
                  update-exim4.conf.conf: it is read with them",
        names: &["sasl_passwd", "passwd.client", "auth.conf", "revaliases", "email-addresses", ".netrc", ".authinfo"],
        marks: &[],
    },
    Foreign {
        what: "the list of Postfix's services",
        instead: "import main.cf, which lies beside it",
        names: &["master.cf"],
        marks: &[],
    },
    Foreign {
        what: "the settings of git",
        instead: "smtpserver, smtpserverport and smtpuser of [sendemail] are host, port and user of [smarthost]; \
                  smtpencryption ssl is tls = \"implicit\", tls is \"starttls\"",
        names: &[".gitconfig", "gitconfig"],
        marks: &["[sendemail]"],
    },
    Foreign {
        what: "settings of emailrelay",
        instead: "smarthost is host and port of [smarthost]; the client's line in the file of smarthost_auth has user \
                  and password",
        names: &["emailrelay", "emailrelay.conf"],
        marks: &["config emailrelay", "forward-to "],
    },
];

/// What a file is that no kind is for, by its name, else by what it holds.
pub(super) fn find(path: &Path, text: &str) -> Option<&'static Foreign> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let by_name = FOREIGN.iter().find(|foreign| foreign.names.contains(&&*name));
    let starts = |mark: &&str| text.lines().any(|line| line.trim_start().starts_with(*mark));
    by_name.or_else(|| FOREIGN.iter().find(|foreign| foreign.marks.iter().any(starts)))
}
