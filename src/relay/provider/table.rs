//! The providers, one after the other: what their own help pages say. A row is all that a new one needs; the pages that
//! list them are written from here (`BLESS=1`, see the tests of the module above).

use super::row::{Limit, Provider, User};
use crate::relay::Tls;

/// A provider whose accounts are addresses, and whose server speaks TLS on port 465.
const MAILBOXES: Provider = Provider {
    name: "",
    title: "",
    domains: &[],
    host: "",
    tls: Tls::Implicit,
    user: User::Address,
    wants: "the password of the mailbox",
    limit: None,
    servers: &[],
};

/// The same with STARTTLS on port 587.
const STARTTLS: Provider = Provider { tls: Tls::StartTls, ..MAILBOXES };

const NETEASE: &str = "an authorization code, made in the web mail under Settings > POP3/SMTP/IMAP, not the password";
const YAHOO: &str = "an app password, made in the account's security settings, not the password";
pub(super) const MICROSOFT: &str =
    "OAuth2 (token-command or refresh-token-file): Microsoft takes no passwords for SMTP any more";
const ZOHO: &str = "an application-specific password where two-factor authentication is on";
const FEISHU: &str = "a dedicated password for mail programs, made in the mail settings, not the password";
const UNITED_INTERNET: &str = "the password, or an application-specific one with two-factor authentication on, and POP3/IMAP access switched on in \
     the web mail's settings";

/// The longer ends of `servers` come first: `exmail.qq.com` is not `qq.com`.
pub(super) const PROVIDERS: &[Provider] = &[
    Provider {
        name: "exmail",
        title: "Tencent Exmail",
        host: "smtp.exmail.qq.com",
        servers: &["exmail.qq.com"],
        wants: "a client password, made in the web mail's settings, where secure login is on; and SMTP has to be switched on",
        ..MAILBOXES
    },
    Provider {
        name: "qq",
        title: "QQ Mail",
        domains: &["qq.com", "foxmail.com", "vip.qq.com"],
        host: "smtp.qq.com",
        servers: &["qq.com"],
        wants: "an authorization code, made in the web mail under Settings > Account, not the password",
        ..MAILBOXES
    },
    Provider {
        name: "163",
        title: "NetEase 163",
        domains: &["163.com"],
        host: "smtp.163.com",
        servers: &["163.com"],
        wants: NETEASE,
        ..MAILBOXES
    },
    Provider {
        name: "126",
        title: "NetEase 126",
        domains: &["126.com"],
        host: "smtp.126.com",
        servers: &["126.com"],
        wants: NETEASE,
        ..MAILBOXES
    },
    Provider {
        name: "yeah",
        title: "NetEase yeah.net",
        domains: &["yeah.net"],
        host: "smtp.yeah.net",
        servers: &["yeah.net"],
        wants: NETEASE,
        ..MAILBOXES
    },
    Provider {
        name: "aliyun-enterprise",
        title: "Aliyun Enterprise",
        host: "smtp.qiye.aliyun.com",
        servers: &["qiye.aliyun.com", "mxhichina.com"],
        wants: "a third-party client password where the mailbox has client protection on",
        ..MAILBOXES
    },
    Provider {
        name: "directmail",
        title: "Aliyun DirectMail",
        host: "smtpdm.aliyun.com",
        servers: &["smtpdm.aliyun.com", "aliyuncs.com"],
        wants: "the SMTP password of the sender address, set in DirectMail's console",
        ..MAILBOXES
    },
    Provider {
        name: "aliyun",
        title: "Aliyun Mail",
        domains: &["aliyun.com"],
        host: "smtp.aliyun.com",
        servers: &["aliyun.com"],
        wants: "an authorization code of the mailbox's settings",
        ..MAILBOXES
    },
    Provider {
        name: "feishu",
        title: "Feishu Mail",
        host: "smtp.feishu.cn",
        servers: &["feishu.cn"],
        wants: FEISHU,
        ..MAILBOXES
    },
    Provider {
        name: "lark",
        title: "Lark Mail",
        host: "smtp.larksuite.com",
        servers: &["larksuite.com"],
        wants: FEISHU,
        ..MAILBOXES
    },
    Provider {
        name: "gmail",
        title: "Gmail, Google Workspace",
        domains: &["gmail.com", "googlemail.com"],
        host: "smtp.gmail.com",
        servers: &["gmail.com", "googlemail.com"],
        wants: "an app password (myaccount.google.com/apppasswords) or OAuth2 (refresh-token-file), not the password",
        limit: Some(Limit { setting: "per-day = 500", whose: "an account of gmail.com; of Google Workspace 2000" }),
        ..MAILBOXES
    },
    Provider {
        name: "office365",
        title: "Microsoft 365",
        host: "smtp.office365.com",
        servers: &["office365.com"],
        wants: MICROSOFT,
        limit: Some(Limit { setting: "rate = \"30/min\"", whose: "a mailbox, with 10,000 recipients a day" }),
        ..STARTTLS
    },
    Provider {
        name: "outlook",
        title: "Outlook.com, Hotmail",
        domains: &["outlook.com", "hotmail.com", "live.com", "msn.com"],
        host: "smtp-mail.outlook.com",
        servers: &["outlook.com", "hotmail.com", "live.com"],
        wants: MICROSOFT,
        ..STARTTLS
    },
    Provider {
        name: "icloud",
        title: "iCloud Mail",
        domains: &["icloud.com", "me.com", "mac.com"],
        host: "smtp.mail.me.com",
        servers: &["mail.me.com", "icloud.com"],
        wants: "an app-specific password (account.apple.com), not the password",
        limit: Some(Limit { setting: "per-day = 1000", whose: "an account" }),
        ..STARTTLS
    },
    Provider {
        name: "yahoo",
        title: "Yahoo Mail",
        domains: &["yahoo.com", "ymail.com"],
        host: "smtp.mail.yahoo.com",
        servers: &["yahoo.com"],
        wants: YAHOO,
        ..MAILBOXES
    },
    Provider {
        name: "aol",
        title: "AOL Mail",
        domains: &["aol.com"],
        host: "smtp.aol.com",
        servers: &["aol.com"],
        wants: YAHOO,
        ..MAILBOXES
    },
    Provider {
        name: "fastmail",
        title: "Fastmail",
        domains: &["fastmail.com", "fastmail.fm"],
        host: "smtp.fastmail.com",
        servers: &["fastmail.com", "messagingengine.com"],
        wants: "an app password, made under Settings > Privacy & Security, not the password",
        ..MAILBOXES
    },
    Provider {
        name: "proton",
        title: "Proton Mail",
        domains: &["proton.me", "protonmail.com", "pm.me"],
        host: "smtp.protonmail.ch",
        servers: &["protonmail.ch"],
        wants: "an SMTP token, made under Settings > IMAP/SMTP for an address of a domain of one's own, not the password",
        ..STARTTLS
    },
    Provider {
        name: "gmx",
        title: "GMX",
        domains: &["gmx.net", "gmx.de", "gmx.at", "gmx.ch"],
        host: "mail.gmx.net",
        servers: &["gmx.net"],
        wants: UNITED_INTERNET,
        ..MAILBOXES
    },
    Provider {
        name: "gmx.com",
        title: "GMX international",
        domains: &["gmx.us"],
        host: "mail.gmx.com",
        servers: &["gmx.com"],
        wants: UNITED_INTERNET,
        ..MAILBOXES
    },
    Provider {
        name: "web.de",
        title: "WEB.DE",
        host: "smtp.web.de",
        servers: &["web.de"],
        wants: UNITED_INTERNET,
        ..MAILBOXES
    },
    Provider {
        name: "ionos",
        title: "IONOS (ionos.com, 1&1)",
        host: "smtp.ionos.com",
        servers: &["ionos.com", "ionos.co.uk", "ionos.fr", "ionos.es"],
        ..MAILBOXES
    },
    Provider {
        name: "ionos-de",
        title: "IONOS (ionos.de)",
        host: "smtp.ionos.de",
        servers: &["ionos.de", "1und1.de"],
        ..MAILBOXES
    },
    Provider { name: "ovh", title: "OVHcloud", host: "ssl0.ovh.net", servers: &["ovh.net"], ..MAILBOXES },
    Provider {
        name: "zoho",
        title: "Zoho Mail",
        domains: &["zohomail.com"],
        host: "smtp.zoho.com",
        servers: &["zoho.com"],
        wants: ZOHO,
        ..MAILBOXES
    },
    Provider {
        name: "zoho-eu",
        title: "Zoho Mail, Europe",
        domains: &["zohomail.eu"],
        host: "smtp.zoho.eu",
        servers: &["zoho.eu"],
        wants: ZOHO,
        ..MAILBOXES
    },
    Provider {
        name: "yandex",
        title: "Yandex Mail",
        domains: &["yandex.com", "yandex.ru", "ya.ru"],
        host: "smtp.yandex.com",
        servers: &["yandex.com", "yandex.ru", "yandex.net"],
        wants: "an app password for mail, and mail programs allowed in the web mail's settings",
        ..MAILBOXES
    },
    Provider {
        name: "mail.ru",
        title: "Mail.ru",
        domains: &["inbox.ru", "list.ru", "bk.ru"],
        host: "smtp.mail.ru",
        servers: &["mail.ru"],
        wants: "a password for external applications, not the password",
        ..MAILBOXES
    },
    Provider {
        name: "brevo",
        title: "Brevo",
        host: "smtp-relay.brevo.com",
        servers: &["brevo.com", "sendinblue.com"],
        user: User::Told("the SMTP login that stands beside the key"),
        wants: "an SMTP key, made under SMTP & API, not the API key",
        limit: Some(Limit { setting: "per-day = 300", whose: "a free account" }),
        ..MAILBOXES
    },
    Provider {
        name: "mailjet",
        title: "Mailjet",
        host: "in-v3.mailjet.com",
        servers: &["mailjet.com"],
        user: User::Told("the API key"),
        wants: "the secret key that belongs to the API key",
        limit: Some(Limit { setting: "per-day = 200", whose: "a free account" }),
        ..MAILBOXES
    },
    Provider {
        name: "mailgun",
        title: "Mailgun",
        host: "smtp.mailgun.org",
        servers: &["mailgun.org"],
        wants: "the SMTP credentials of the sending domain, not the API key",
        ..MAILBOXES
    },
    Provider {
        name: "postmark",
        title: "Postmark",
        host: "smtp.postmarkapp.com",
        servers: &["postmarkapp.com"],
        user: User::Told("the server's API token"),
        wants: "the same API token once more",
        ..STARTTLS
    },
    Provider {
        name: "sparkpost",
        title: "SparkPost",
        host: "smtp.sparkpostmail.com",
        servers: &["sparkpostmail.com"],
        user: User::Fixed("SMTP_Injection"),
        wants: "an API key that may send by SMTP",
        ..STARTTLS
    },
    Provider {
        name: "resend",
        title: "Resend",
        host: "smtp.resend.com",
        servers: &["resend.com"],
        user: User::Fixed("resend"),
        wants: "an API key",
        limit: Some(Limit { setting: "per-day = 100", whose: "a free account" }),
        ..MAILBOXES
    },
    Provider {
        name: "mailtrap",
        title: "Mailtrap",
        host: "live.smtp.mailtrap.io",
        servers: &["mailtrap.io"],
        user: User::Fixed("api"),
        wants: "the API token of the sending domain",
        ..STARTTLS
    },
    Provider {
        name: "sendgrid",
        title: "SendGrid",
        host: "smtp.sendgrid.net",
        servers: &["sendgrid.net"],
        user: User::Fixed("apikey"),
        wants: "an API key, with the word apikey itself for the user",
        ..MAILBOXES
    },
    Provider {
        name: "ses",
        title: "Amazon SES",
        host: "email-smtp.REGION.amazonaws.com",
        servers: &["amazonaws.com"],
        user: User::Told("the user name of the SMTP credentials"),
        wants: "SMTP credentials made in the SES console of that region, not an access key",
        ..MAILBOXES
    },
];
