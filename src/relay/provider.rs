//! What is known of well-known providers: the servers that take mail, and what they want instead of the password.
//!
//! Most of them refuse the password that a person logs in with, and their words send people the wrong way. Nobody needs
//! a line here to use a provider. It makes `ctl init --provider` and the sentence about a refused login better.

use super::Tls;
use crate::outcome::Reply;

/// A provider of mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    /// Its name, as `ctl init --provider` takes it.
    pub(crate) name: &'static str,
    /// The domains of the addresses that it gives away.
    pub(crate) domains: &'static [&'static str],
    /// The server that takes mail from its users. A person fills in `REGION`.
    pub(crate) host: &'static str,
    /// How the connection to it is protected.
    pub(crate) tls: Tls,
    /// What to log in with.
    pub(crate) wants: &'static str,
    /// The names of its servers end in one of these.
    servers: &'static [&'static str],
}

const fn provider(
    name: &'static str,
    domains: &'static [&'static str],
    host: &'static str,
    tls: Tls,
    servers: &'static [&'static str],
    wants: &'static str,
) -> Provider {
    Provider { name, domains, host, tls, wants, servers }
}

const NETEASE: &str = "an authorization code, made in the web mail under Settings > POP3/SMTP/IMAP, not the password";
const YAHOO: &str = "an app password, made in the account's security settings, not the password";
const MICROSOFT: &str = "OAuth2 (token-command or refresh-token-file): Microsoft takes no passwords for SMTP any more";
const ZOHO: &str = "an application-specific password where two-factor authentication is on";

/// The longer ends come first: `exmail.qq.com` is not `qq.com`.
const PROVIDERS: &[Provider] = &[
    provider(
        "exmail",
        &[],
        "smtp.exmail.qq.com",
        Tls::Implicit,
        &["exmail.qq.com"],
        "a client password, made in the web mail's settings, where secure login is on; and SMTP has to be switched on",
    ),
    provider(
        "qq",
        &["qq.com", "foxmail.com", "vip.qq.com"],
        "smtp.qq.com",
        Tls::Implicit,
        &["qq.com"],
        "an authorization code, made in the web mail under Settings > Account, not the password",
    ),
    provider("163", &["163.com"], "smtp.163.com", Tls::Implicit, &["163.com"], NETEASE),
    provider("126", &["126.com"], "smtp.126.com", Tls::Implicit, &["126.com"], NETEASE),
    provider("yeah", &["yeah.net"], "smtp.yeah.net", Tls::Implicit, &["yeah.net"], NETEASE),
    provider(
        "aliyun-enterprise",
        &[],
        "smtp.qiye.aliyun.com",
        Tls::Implicit,
        &["qiye.aliyun.com", "mxhichina.com"],
        "a third-party client password where the mailbox has client protection on",
    ),
    provider(
        "aliyun",
        &["aliyun.com"],
        "smtp.aliyun.com",
        Tls::Implicit,
        &["aliyun.com"],
        "an authorization code of the mailbox's settings, or DirectMail's SMTP password",
    ),
    provider(
        "gmail",
        &["gmail.com", "googlemail.com"],
        "smtp.gmail.com",
        Tls::Implicit,
        &["gmail.com", "googlemail.com"],
        "an app password (myaccount.google.com/apppasswords) or OAuth2 (refresh-token-file), not the password",
    ),
    provider("office365", &[], "smtp.office365.com", Tls::StartTls, &["office365.com"], MICROSOFT),
    provider(
        "outlook",
        &["outlook.com", "hotmail.com", "live.com", "msn.com"],
        "smtp-mail.outlook.com",
        Tls::StartTls,
        &["outlook.com", "hotmail.com", "live.com"],
        MICROSOFT,
    ),
    provider(
        "icloud",
        &["icloud.com", "me.com", "mac.com"],
        "smtp.mail.me.com",
        Tls::StartTls,
        &["mail.me.com", "icloud.com"],
        "an app-specific password (account.apple.com), not the password",
    ),
    provider("yahoo", &["yahoo.com", "ymail.com"], "smtp.mail.yahoo.com", Tls::Implicit, &["yahoo.com"], YAHOO),
    provider("aol", &["aol.com"], "smtp.aol.com", Tls::Implicit, &["aol.com"], YAHOO),
    provider(
        "fastmail",
        &["fastmail.com", "fastmail.fm"],
        "smtp.fastmail.com",
        Tls::Implicit,
        &["fastmail.com", "messagingengine.com"],
        "an app password, made under Settings > Privacy & Security, not the password",
    ),
    provider("zoho", &["zohomail.com"], "smtp.zoho.com", Tls::Implicit, &["zoho.com"], ZOHO),
    provider("zoho-eu", &["zohomail.eu"], "smtp.zoho.eu", Tls::Implicit, &["zoho.eu"], ZOHO),
    provider(
        "yandex",
        &["yandex.com", "yandex.ru", "ya.ru"],
        "smtp.yandex.com",
        Tls::Implicit,
        &["yandex.com", "yandex.ru", "yandex.net"],
        "an app password for mail, and mail programs allowed in the web mail's settings",
    ),
    provider(
        "mail.ru",
        &["mail.ru", "inbox.ru", "list.ru", "bk.ru"],
        "smtp.mail.ru",
        Tls::Implicit,
        &["mail.ru"],
        "a password for external applications, not the password",
    ),
    provider(
        "mailgun",
        &[],
        "smtp.mailgun.org",
        Tls::Implicit,
        &["mailgun.org"],
        "the SMTP credentials of the sending domain, not the API key",
    ),
    provider(
        "sendgrid",
        &[],
        "smtp.sendgrid.net",
        Tls::Implicit,
        &["sendgrid.net"],
        "the user \"apikey\" and an API key for a password",
    ),
    provider(
        "ses",
        &[],
        "email-smtp.REGION.amazonaws.com",
        Tls::Implicit,
        &["amazonaws.com"],
        "SMTP credentials made in the SES console of that region, not an access key",
    ),
];

/// What a server says, in lower case, and what it wants then, whoever the provider is.
const WORDS: &[(&str, &str)] = &[
    (
        "smtpclientauthentication is disabled",
        "SMTP AUTH switched on for this mailbox, by whoever administers the tenant",
    ),
    ("basic authentication is disabled", MICROSOFT),
    ("application-specific password required", "an app password: 2-step verification is on"),
    ("authorization code", "an authorization code of the web mail's settings, not the password"),
    ("\u{6388}\u{6743}\u{7801}", "an authorization code of the web mail's settings, not the password"),
    ("please log in via your web browser", "a person to log in once with a browser, and then an app password"),
    ("service is not open", "SMTP switched on in the web mail's settings"),
    ("user suspended", "the account to be opened again at the provider"),
];

/// The provider of that name, or the one that gives away addresses of that domain.
pub(crate) fn find(name: &str) -> Option<&'static Provider> {
    PROVIDERS
        .iter()
        .find(|p| p.name.eq_ignore_ascii_case(name) || p.domains.iter().any(|d| d.eq_ignore_ascii_case(name)))
}

/// The names of all known providers.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PROVIDERS.iter().map(|provider| provider.name)
}

/// The provider that the server `host` belongs to.
pub(crate) fn of_host(host: &str) -> Option<&'static Provider> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    PROVIDERS.iter().find(|provider| provider.servers.iter().any(|end| is_within(&host, end)))
}

fn is_within(host: &str, end: &str) -> bool {
    host.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// What is wanted instead of what was refused. The server's words tell it, or else its name.
pub(super) fn wanted(host: &str, refusal: &Reply) -> Option<&'static str> {
    let said = refusal.text.to_lowercase();
    match WORDS.iter().find(|(words, _)| said.contains(words)) {
        Some((_, wants)) => Some(wants),
        None => of_host(host).map(|provider| provider.wants),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_is_found_by_its_own_server() {
        for provider in PROVIDERS {
            assert_eq!(of_host(provider.host).map(|found| found.name), Some(provider.name));
            assert_eq!(find(provider.name), Some(provider));
            assert!(provider.domains.iter().all(|domain| find(domain) == Some(provider)));
        }
    }

    #[test]
    fn server_of_another_name_is_nobodys() {
        for host in ["notqq.com", "qq.com.example.org", "gmail.com.evil.example", "smtp.example.com", ""] {
            assert_eq!(of_host(host), None, "{host}");
        }
        assert_eq!(of_host("HWSMTP.exmail.qq.com.").map(|found| found.name), Some("exmail"));
    }

    #[test]
    fn refusals_of_real_providers_name_what_is_wanted() {
        for (host, reply, words) in [
            ("smtp.qq.com", "Login Fail. Please enter your authorization code to login.", "authorization code"),
            ("smtp.exmail.qq.com", "Error: authentication failed, system busy", "client password"),
            ("smtp.163.com", "Error: authentication failed", "authorization code"),
            (
                "smtp.gmail.com",
                "5.7.9 Application-specific password required. For more information, go to",
                "app password",
            ),
            ("smtp.gmail.com", "5.7.8 Username and Password not accepted. For more information, go to", "app password"),
            ("smtp.office365.com", "5.7.139 Authentication unsuccessful, basic authentication is disabled.", "OAuth2"),
            (
                "smtp.office365.com",
                "5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
                "administers the tenant",
            ),
            ("smtp.mail.yahoo.com", "5.7.0 (#AUTH005) Too many bad auth attempts.", "app password"),
            ("smtp.mail.me.com", "5.7.8 Error: authentication failed: UGFzc3dvcmQ6", "app-specific password"),
        ] {
            let wanted = wanted(host, &Reply::new(535, reply)).unwrap_or_default();
            assert!(wanted.contains(words), "{host} {reply}: {wanted}");
        }
        assert_eq!(wanted("smtp.example.com", &Reply::new(535, "5.7.8 no")), None);
    }

    #[test]
    fn manual_page_lists_every_provider() {
        let page = include_str!("../../packaging/man/mailx-t.8").replace("\\-", "-").replace('\n', " ");
        let (_, list) = page.split_once("of a well-known provider (").unwrap();
        let (list, _) = list.split_once(')').unwrap();
        let expected = names().collect::<Vec<_>>().join(", ").replace("ses", "ses:REGION");
        assert_eq!(list, expected, "mailx-t.8, under --provider");
    }

    /// The servers in the table of providers.
    fn shown(readme: &str) -> Vec<&str> {
        let rows = readme.lines().filter(|line| line.starts_with('|') && line.contains(" `smtp."));
        rows.flat_map(|row| row.split('`').filter(|word| word.starts_with("smtp."))).collect()
    }

    #[test]
    fn readmes_show_servers_as_they_are_known_here() {
        let hosts = shown(include_str!("../../README.md"));
        assert_eq!(shown(include_str!("../../README.zh-CN.md")), hosts);
        assert!(hosts.len() > 6, "{hosts:?}");
        for host in hosts {
            let provider = of_host(host).unwrap_or_else(|| panic!("README.md shows {host}, which nobody has"));
            assert_eq!(provider.host, host, "README.md");
            // All but Microsoft speak TLS on port 465, the pages say.
            assert_eq!(provider.tls == Tls::StartTls, provider.wants == MICROSOFT, "README.md: {host}");
        }
    }

    #[test]
    fn words_stand_in_lower_case() {
        assert!(WORDS.iter().all(|(words, _)| *words == words.to_lowercase()));
    }
}
