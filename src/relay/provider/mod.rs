//! The table of well-known providers: the servers that take mail, and the credentials that they want in place of the
//! password.
//!
//! Most of them refuse the password that a person logs in with, and their words send people the wrong way. Nobody needs
//! a line here to use a provider. It makes `ctl init --provider` and the sentence about a refused login better.

mod also;
mod row;
mod table;

pub(crate) use self::row::{Limit, Provider, User};
use self::table::{MICROSOFT, PROVIDERS};
use crate::outcome::Reply;

/// The variables that name the language of messages, the strongest first.
pub(crate) const LOCALE: [&str; 3] = ["LC_ALL", "LC_MESSAGES", "LANG"];

const APP_PASSWORD: &str = "an app password, made in the account's settings for mail programs, not the password";
const CODE: &str = "an authorization code of the web mail's settings, not the password";
const NO_PASSWORD: &str =
    "OAuth2, or an app password where the tenant still allows it, not the password of the mailbox";
const CLOSED: &str = "the account is locked or closed: have it opened again at the provider";
const SWITCHED_ON: &str = "SMTP switched on in the web mail's settings";

/// The words of a refusal in lower case, and the credential that the server wants then, whoever the provider is.
const WORDS: &[(&str, &str)] = &[
    (
        "smtpclientauthentication is disabled",
        "SMTP AUTH switched on for this mailbox, by whoever administers the tenant",
    ),
    ("basic authentication is disabled", MICROSOFT),
    ("application-specific password required", "an app password: 2-step verification is on"),
    ("the user credentials were incorrect", NO_PASSWORD),
    ("app password", APP_PASSWORD),
    ("app-specific password", APP_PASSWORD),
    ("application password", APP_PASSWORD),
    ("parol prilozheniya", APP_PASSWORD),
    ("authorization code", CODE),
    ("err.login.reqcode", CODE),
    ("\u{6388}\u{6743}\u{7801}", CODE),
    ("in via your web browser", "a person to log in once with a browser, and then an app password"),
    ("in with your web browser", "a person to log in once with a browser, and then an app password"),
    ("service is not open", SWITCHED_ON),
    ("user has no permission", SWITCHED_ON),
    ("does not have access rights to this service", "mail programs switched on in the mailbox's settings"),
];

/// The words of a refusal in lower case that is not about user and credential, and what to do then.
const ADVICE: &[(&str, &str)] = &[
    ("unauthorized ip", "add the address of this machine to those that the provider lets in"),
    ("ip address is not", "add the address of this machine to those that the provider lets in"),
    ("account is locked", CLOSED),
    ("account locked", CLOSED),
    ("temporarily locked", CLOSED),
    ("account has been locked", CLOSED),
    ("suspended", CLOSED),
    ("account is disabled", CLOSED),
    ("account has been disabled", CLOSED),
    ("credits exceeded", "the account's credit is used up: raise the limit of the plan, or wait until it begins anew"),
    ("quota", "the account's quota is used up: raise the limit of the plan, or wait until it begins anew"),
    ("too many login", "wait, and see who else logs in as this user"),
    ("too many failed", "wait, and see who else logs in as this user"),
];

/// The provider of that name, or the one that gives away addresses of that domain, or the only one that people call so.
pub(crate) fn find(name: &str) -> Option<&'static Provider> {
    let is_it =
        |p: &Provider| p.name.eq_ignore_ascii_case(name) || p.domains.iter().any(|d| d.eq_ignore_ascii_case(name));
    PROVIDERS.iter().find(|provider| is_it(provider)).or_else(|| match *also::meant(name) {
        [one] => Some(one),
        _ => None,
    })
}

/// The names of the providers that may be meant by a word that finds none; empty if nobody is.
pub(crate) fn meant(word: &str) -> Vec<&'static str> {
    also::meant(word).iter().map(|provider| provider.name).collect()
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

/// The credentials by their names in the table, and the words that a Chinese reader finds in the provider's pages.
const CHINESE: &[(&str, &str)] = &[
    ("third-party client password", "第三方客户端安全密码"),
    ("client password", "客户端专用密码"),
    ("authorization code", "授权码"),
    ("app password", "应用专用密码"),
    ("app-specific password", "App 专用密码"),
];

/// The credential in words: in a Chinese locale with the word that stands in the provider's pages.
pub(crate) fn for_reader(wants: &'static str) -> String {
    with_word(wants, reads_chinese(|name| std::env::var(name).ok()))
}

/// The locale is a Chinese one in UTF-8: the first variable that is set counts (locale(7), "DESCRIPTION").
fn reads_chinese(variable: impl Fn(&str) -> Option<String>) -> bool {
    let named = LOCALE.iter().filter_map(|name| variable(name)).find(|value| !value.is_empty());
    let locale = named.unwrap_or_default().to_lowercase();
    locale.starts_with("zh") && (locale.contains(".utf-8") || locale.contains(".utf8"))
}

fn with_word(wants: &'static str, is_chinese: bool) -> String {
    match CHINESE.iter().find(|(name, _)| is_chinese && wants.contains(name)) {
        Some((name, word)) => wants.replacen(name, &format!("{name} ({word})"), 1),
        None => wants.to_string(),
    }
}

/// The credential that is wanted in place of the refused one. The server's words tell it, or else its name.
pub(super) fn wanted(host: &str, refusal: &Reply) -> Option<&'static str> {
    let said = refusal.text.to_lowercase();
    match WORDS.iter().find(|(words, _)| said.contains(words)) {
        Some((_, wants)) => Some(wants),
        None => of_host(host).map(|provider| provider.wants),
    }
}

/// What to do about a refused or postponed login that is not the credential's fault.
pub(super) fn advice(refusal: &Reply) -> Option<&'static str> {
    let said = refusal.text.to_lowercase();
    ADVICE.iter().find(|(words, _)| said.contains(words)).map(|(_, advice)| *advice)
}

#[cfg(test)]
mod tests {
    use super::super::Tls;
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
    fn chinese_reader_gets_the_word_of_the_page() {
        for (name, word) in [
            ("qq", "授权码"),
            ("163", "授权码"),
            ("exmail", "客户端专用密码"),
            ("aliyun-enterprise", "第三方客户端安全密码"),
            ("gmail", "应用专用密码"),
        ] {
            let wants = find(name).unwrap().wants;
            assert!(with_word(wants, true).contains(&format!(" ({word})")), "{}", with_word(wants, true));
            assert_eq!(with_word(wants, false), wants);
        }
        let reads = |set: &'static [(&str, &str)]| {
            reads_chinese(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string()))
        };
        assert!(reads(&[("LANG", "zh_CN.UTF-8")]) && reads(&[("LC_ALL", ""), ("LANG", "zh_TW.utf8")]));
        assert!(!reads(&[("LC_ALL", "C.UTF-8"), ("LANG", "zh_CN.UTF-8")]) && !reads(&[("LANG", "zh_CN.GB18030")]));
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
    fn words_tell_what_is_wanted_under_any_name_of_the_server() {
        for (reply, words) in [
            ("5.7.0 NEOBHODIM parol prilozheniya https://x / Application password is REQUIRED", "an app password"),
            ("ERR.LOGIN.REQCODE", "authorization code"),
            ("User has no permission", "switched on"),
            ("5.7.8 This user does not have access rights to this service", "switched on"),
            ("5.7.139 Authentication unsuccessful, the user credentials were incorrect.", "OAuth2"),
            ("5.7.9 Please log in with your web browser and then try again.", "browser"),
        ] {
            let wanted = wanted("relay.example", &Reply::new(535, reply)).unwrap_or_default();
            assert!(wanted.contains(words), "{reply}: {wanted}");
        }
        for (reply, words) in [
            ("5.7.1 Unauthorized IP address. Contact support", "address of this machine"),
            ("Authentication failed: Maximum credits exceeded", "credit is used up"),
            ("5.7.8 Authentication failed: account is locked", "opened again"),
            ("4.7.0 Too many login attempts, please try again later.", "wait"),
        ] {
            let advice = advice(&Reply::new(535, reply)).unwrap_or_default();
            assert!(advice.contains(words), "{reply}: {advice}");
        }
    }

    /// The page that lists all of them.
    fn page() -> String {
        let mut page = String::from(
            "# Providers\n\n`mailx-t ctl init --provider NAME` fills in the server of one of these. Nobody needs a row \
             here to use a\nprovider: `--provider example.com` asks the DNS of any domain, and `host` of `[smarthost]` \
             takes any server.\n\nThe user logs in with what stands under password; `ctl check` and the log name it \
             where a login is refused. A limit goes\ninto `[smarthost]` as it stands: mail over it waits instead of being \
             refused. Where the user is no address, `from` of\n`[rewrite]` has to be set to one that the provider lets \
             the account use.\n\n| `--provider` | provider | server | user | password | limit |\n|---|---|---|---|---|---|\n",
        );
        for each in PROVIDERS {
            let region = if each.host.contains("REGION") { ":REGION" } else { "" };
            let tls = if each.tls == Tls::StartTls { ", STARTTLS" } else { "" };
            let limit = each.limit.map_or_else(String::new, |limit| format!("`{}` for {}", limit.setting, limit.whose));
            let user = match each.user {
                User::Address => "the whole address".to_string(),
                User::Fixed(word) => format!("`{word}`"),
                User::Told(name) => name.to_string(),
            };
            let Provider { name, title, host, wants, .. } = each;
            page += &format!("| `{name}{region}` | {title} | `{host}`{tls} | {user} | {wants} | {limit} |\n");
        }
        page
    }

    #[test]
    fn document_lists_every_provider() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/providers.md");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let is_same = std::fs::read_to_string(path).unwrap() == page();
        assert!(is_same, "BLESS=1 cargo test --lib provider writes docs/providers.md anew");
    }

    #[test]
    fn manual_page_lists_every_provider() {
        let page = include_str!("../../../packaging/man/mailx-t.8").replace("\\-", "-").replace('\n', " ");
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
        let hosts = shown(include_str!("../../../README.md"));
        assert_eq!(shown(include_str!("../../../README.zh-CN.md")), hosts);
        assert!(hosts.len() > 6, "{hosts:?}");
        for host in hosts {
            let provider = of_host(host).unwrap_or_else(|| panic!("README.md shows {host}, which nobody has"));
            assert_eq!(provider.host, host, "README.md");
            // README says that all of its providers but Microsoft speak TLS on port 465.
            assert_eq!(provider.tls == Tls::StartTls, provider.wants == MICROSOFT, "README.md: {host}");
        }
    }

    #[test]
    fn words_stand_in_lower_case() {
        assert!(WORDS.iter().all(|(words, _)| *words == words.to_lowercase()));
    }
}
