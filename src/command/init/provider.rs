//! The provider that a person names to `ctl init`: from the table of well-known ones, else from the domain's DNS.

use crate::error::Usage;
use crate::relay::provider::{self, Limit, Provider, User};
use crate::relay::{Smarthost, Tls, discovery};

/// The provider's server.
pub(super) struct Chosen {
    smarthost: Smarthost,
    /// The provider's own name; empty for a domain's.
    title: &'static str,
    /// The user who logs in.
    user: User,
    /// The credential that it wants, if that is known.
    wants: Option<&'static str>,
    /// The limit that it publishes.
    limit: Option<Limit>,
    /// The domain whose DNS named the server.
    by_dns: Option<String>,
}

/// The provider of that name (`ses:REGION` names its region too), or the submission server of that domain.
///
/// # Errors
/// No provider has the name, and DNS knows no server of the domain.
pub(super) fn find(name: &str) -> Result<Chosen, Usage> {
    let (known, region) = name.split_once(':').unwrap_or((name, ""));
    if let Some(provider) = provider::find(known) {
        return of_provider(provider, region);
    }
    if !name.contains('.') {
        let meant = provider::meant(name);
        let known = if meant.is_empty() { provider::names().collect() } else { meant };
        return Err(Usage::ProviderUnknown { name: name.to_string(), known });
    }
    let server = discovery::discover(name)?;
    let usual = Smarthost { tls: server.tls, ..Smarthost::new(&server.host) };
    let port = (usual.port() != server.port).then_some(server.port);
    let smarthost = Smarthost { port, ..usual };
    Ok(Chosen { smarthost, title: "", user: User::Address, wants: None, limit: None, by_dns: Some(name.to_string()) })
}

fn of_provider(provider: &'static Provider, region: &str) -> Result<Chosen, Usage> {
    let is_region = !region.is_empty() && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if provider.host.contains("REGION") != is_region || (!is_region && !region.is_empty()) {
        let (provider, has_regions) = (provider.name, provider.host.contains("REGION"));
        return Err(if has_regions { Usage::RegionMissing { provider } } else { Usage::Regionless { provider } });
    }
    let host = provider.host.replace("REGION", region);
    let smarthost = Smarthost { tls: provider.tls, ..Smarthost::new(&host) };
    let Provider { title, user, wants, limit, .. } = *provider;
    Ok(Chosen { smarthost, title, user, wants: Some(wants), limit, by_dns: None })
}

/// The texts of the template as it is made for each provider that needs no region.
pub(super) fn texts(template: &str) -> impl Iterator<Item = String> {
    provider::names().filter_map(|name| find(name).ok()).map(|chosen| chosen.fill(template))
}

impl Chosen {
    /// The template with its `[smarthost]` in force.
    pub(super) fn fill(&self, template: &str) -> String {
        let Some((head, rest)) = template.split_once("# [smarthost]\n") else { return template.to_string() };
        let kept = rest.split_once("\n\n").map_or("", |(_, rest)| rest);
        let Smarthost { host, tls, port, .. } = &self.smarthost;
        let mut table = format!("[smarthost]\nhost = \"{host}\"\n");
        if !self.title.is_empty() {
            table = format!("# {}\n{table}", self.title);
        }
        if *tls == Tls::StartTls {
            table += "tls = \"starttls\"\n";
        }
        if let Some(port) = port {
            table += &format!("port = {port}\n");
        }
        table += &self.user_line();
        if let Some(wants) = self.wants() {
            table += &format!("# It wants {wants}.\n");
        }
        if self.takes_password() {
            table += "password-file = \"/etc/mailx-t/password\"\n";
        } else {
            table += "client-id = \"CLIENT-ID\"   # of the application that may send: docs/configuration.md, OAuth2\n";
            table += "refresh-token-file = \"/etc/mailx-t/refresh-token\"\n";
        }
        if let Some(Limit { setting, whose }) = self.limit {
            table += &format!("# The limit of {whose}; mail over it waits:\n# {setting}\n");
        }
        match self.user {
            User::Address => format!("{head}{table}\n{kept}"),
            // A user who is no address is no sender either.
            _ => format!("{head}{table}\n{}", kept.replacen("# [rewrite]\n# from", "[rewrite]\nfrom", 1)),
        }
    }

    fn user_line(&self) -> String {
        match self.user {
            User::Address => {
                "user = \"mail@example.com\"           # the account, most often the whole address\n".into()
            }
            User::Fixed(word) => format!("user = \"{word}\"   # this word, for everybody\n"),
            User::Told(name) => format!("user = \"USER\"   # {name}\n"),
        }
    }

    /// The configuration is for this server: what a person answers belongs there, and the password to no other server.
    pub(super) fn is_server_of(&self, text: &str) -> bool {
        let line = format!("host = \"{}\"", self.smarthost.host);
        text.lines().any(|found| found.trim() == line)
    }

    /// The host of the server.
    pub(super) fn host(&self) -> &str {
        &self.smarthost.host
    }

    /// The question for the user who logs in.
    pub(super) fn question(&self) -> String {
        let whose = if self.title.is_empty() { "The account" } else { self.title };
        match self.user {
            User::Told(name) => format!("{whose}: {name}"),
            _ => format!("{whose}: the whole address of the account"),
        }
    }

    /// The credential that the provider wants, in words.
    pub(super) fn wants(&self) -> Option<String> {
        self.wants.map(provider::for_reader)
    }

    /// A password lets somebody in there, and not a token alone.
    fn takes_password(&self) -> bool {
        !self.wants.is_some_and(|wants| wants.starts_with("OAuth2 ("))
    }

    /// The secret that lets somebody in, which is the name of its file too.
    pub(super) fn secret(&self) -> &'static str {
        if self.takes_password() { "password" } else { "refresh-token" }
    }

    /// The work that is left to a person.
    pub(super) fn advice(&self) -> String {
        let looked_up = self.by_dns.as_ref().map_or_else(String::new, |domain| {
            format!("see whether host, found in the DNS of {domain}, is your provider's, then ")
        });
        let wants = self.wants().map_or_else(String::new, |wants| format!("; it wants {wants}"));
        match self.user {
            User::Address if self.takes_password() => format!("{looked_up}set user in its [smarthost]{wants}"),
            User::Address => format!("{looked_up}set user and client-id in its [smarthost]{wants}"),
            User::Fixed(_) => format!("set from in its [rewrite]{wants}"),
            User::Told(name) => {
                format!("set user in its [smarthost], which is {name}, and from in its [rewrite]{wants}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::TEMPLATE;
    use super::*;
    use crate::config::{Config, Source};

    fn refused(name: &str) -> String {
        find(name).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn every_provider_makes_a_configuration() {
        for name in provider::names() {
            let region = if name == "ses" { ":eu-west-1" } else { "" };
            let chosen = find(&format!("{name}{region}")).unwrap();
            let (path, source) = (Path::new("/c"), Source::System("/c".into()));
            let config = Config::of(path, &chosen.fill(TEMPLATE), source).unwrap();
            let smarthost = config.smarthosts.first();
            assert_eq!(smarthost.host, chosen.smarthost.host);
            assert_eq!((smarthost.tls, smarthost.port()), (chosen.smarthost.tls, chosen.smarthost.port()));
            assert!(chosen.fill(TEMPLATE).contains("# [recipients]"), "the rest of the template stays");
            if let Some(Limit { setting, .. }) = chosen.limit {
                let limited = chosen.fill(TEMPLATE).replace(&format!("# {setting}"), setting);
                Config::of(path, &limited, Source::System("/c".into())).unwrap();
            }
        }
    }

    #[test]
    fn domain_of_addresses_is_as_good_as_a_name() {
        assert_eq!(find("foxmail.com").unwrap().smarthost.host, "smtp.qq.com");
        assert_eq!(find("ses:eu-west-1").unwrap().smarthost.host, "email-smtp.eu-west-1.amazonaws.com");
    }

    #[test]
    fn where_a_token_alone_lets_in_no_password_file_is_named() {
        for name in ["office365", "outlook"] {
            let chosen = find(name).unwrap();
            let filled = chosen.fill(TEMPLATE);
            assert!(filled.contains("\nrefresh-token-file = \"") && filled.contains("\nclient-id = \""), "{filled}");
            assert!(!filled.contains("\npassword-file"), "{filled}");
            assert!(chosen.advice().contains("user and client-id"), "{}", chosen.advice());
        }
    }

    #[test]
    fn user_who_is_no_address_needs_a_sender() {
        let chosen = find("sendgrid").unwrap();
        let (filled, advice) = (chosen.fill(TEMPLATE), chosen.advice());
        assert!(filled.contains("user = \"apikey\"") && filled.contains("\n[rewrite]\nfrom = "), "{filled}");
        assert!(advice.contains("set from in its [rewrite]"), "{advice}");
        let chosen = find("mailjet").unwrap();
        assert!(chosen.fill(TEMPLATE).contains("user = \"USER\"   # the API key\n"));
        assert!(chosen.advice().contains("user in its [smarthost], which is the API key"), "{}", chosen.advice());
    }

    #[test]
    fn what_nobody_knows_is_said_to_be_so() {
        assert!(refused("nobody").contains("no provider nobody is known") && refused("nobody").contains("gmail"));
        assert!(refused("腾讯").ends_with("name a domain, or one of exmail, qq"), "{}", refused("腾讯"));
        assert!(refused("ses").contains("needs a region"));
        assert!(refused("ses:a\"b").contains("needs a region"));
        assert!(refused("qq:x").contains("has no regions"));
    }
}
