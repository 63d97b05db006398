//! Why a key of main.cf is left out, and what to set in its place.

use super::super::imported::Imported;
use super::main_cf::Settings;

/// Keys that are read elsewhere, or that say what is so here.
const READ: [&str; 44] = [
    "alias_database",
    "alias_maps",
    "compatibility_level",
    "config_directory",
    "data_directory",
    "default_database_type",
    "default_destination_concurrency_limit",
    "default_destination_rate_delay",
    "default_transport",
    "luser_relay",
    "maillog_file",
    "maximal_backoff_time",
    "maximal_queue_lifetime",
    "message_size_limit",
    "minimal_backoff_time",
    "recipient_bcc_maps",
    "relayhost",
    "sender_canonical_classes",
    "sender_canonical_maps",
    "sender_dependent_relayhost_maps",
    "smtp_bind_address",
    "smtp_bind_address6",
    "smtp_connect_timeout",
    "smtp_connection_reuse_count_limit",
    "smtp_destination_concurrency_limit",
    "smtp_destination_rate_delay",
    "smtp_enforce_tls",
    "smtp_fallback_relay",
    "smtp_generic_maps",
    "smtp_helo_name",
    "smtp_sasl_auth_enable",
    "smtp_sasl_password_maps",
    "smtp_sender_dependent_authentication",
    "smtp_tls_CAfile",
    "smtp_tls_cert_file",
    "smtp_tls_fingerprint_cert_match",
    "smtp_tls_key_file",
    "smtp_tls_policy_maps",
    "smtp_tls_security_level",
    "smtp_tls_wrappermode",
    "smtp_use_tls",
    "syslog_name",
    "transport_maps",
    "virtual_alias_maps",
];

/// Notes each key that is left out.
pub(super) fn tell(settings: &Settings, imported: &mut Imported) {
    settings.broken.iter().for_each(|n| imported.leave_out_unknown(*n));
    for (key, n) in settings.keys().filter(|(key, _)| !READ.contains(key)) {
        let is_name = |key: &str| key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let is_known = (key.contains('_') || key.starts_with("my") || ["biff", "relocated_maps"].contains(&key))
            && is_name(key)
            && key.bytes().all(|b| !b.is_ascii_uppercase())
            || key.starts_with("smtp_tls_CA") && is_name(key);
        if !is_known {
            imported.leave_out_unknown(n);
        } else if let Some(why) = why(key) {
            imported.leave_out(n, key, why);
        }
    }
}

/// The reason; `None` for a key that asks for what is so here.
fn why(key: &str) -> Option<&'static str> {
    if SO_HERE.contains(&key) {
        return None;
    }
    let own = REASONS.iter().find(|(keys, _)| keys.contains(&key)).map(|(_, why)| *why);
    own.or_else(|| of_family(key)).or(Some("it has no counterpart"))
}

/// Keys that say how a login is to be made safe.
const SO_HERE: [&str; 4] =
    ["smtp_sasl_path", "smtp_sasl_security_options", "smtp_sasl_tls_security_options", "smtp_sasl_type"];

/// Keys about the way of a mail out, with the reason why each is left out.
const REASONS: &[(&[&str], &str)] = &[
    (
        &["always_bcc"],
        "nobody gets a copy of every mail: give an alias in [recipients.aliases] the copy's address as well, or default \
         in [recipients]",
    ),
    (&["sender_bcc_maps"], "a sender gets no copy: programs name it in Cc or Bcc"),
    (
        &["canonical_maps", "masquerade_classes", "masquerade_domains", "masquerade_exceptions"],
        "all mail leaves as one address: from in [rewrite]",
    ),
    (
        &["recipient_canonical_maps", "virtual_alias_domains"],
        "aliases in [recipients.aliases] say where local names lead",
    ),
    (
        &["header_checks", "mime_header_checks", "smtp_header_checks", "smtp_mime_header_checks"],
        "From is always the account's, and no other field is changed by a pattern",
    ),
    (
        &[
            "body_checks",
            "content_filter",
            "milter_default_action",
            "milter_protocol",
            "non_smtpd_milters",
            "smtp_body_checks",
            "smtpd_milters",
        ],
        "no mail is filtered or signed on its way",
    ),
    (&["mydomain", "myhostname"], "names come from the machine: ehlo in [smarthost], domain in [rewrite]"),
    (
        &["append_at_myorigin", "append_dot_mydomain", "myorigin"],
        "bare names get domain in [rewrite], or lead to default in [recipients]",
    ),
    (&["smtp_sasl_mechanism_filter"], "the best login that is offered is used: auth in [smarthost] names one"),
    (
        &["inet_protocols", "smtp_address_preference"],
        "IPv6 and IPv4 are tried in turn: source-address in [smarthost] keeps to one",
    ),
    (&["queue_run_delay"], "the wait is first and max in [retry], and a timer looks at the queue"),
    (&["bounce_queue_lifetime"], "a report is given up like any mail: give-up-after in [retry]"),
    (&["delay_warning_time"], "no report tells of mail that waits: command in [alarm] does"),
    (
        &["2bounce_notice_recipient", "bounce_notice_recipient", "error_notice_recipient", "notify_classes"],
        "trouble is told by command in [alarm]",
    ),
    (
        &["default_destination_recipient_limit", "smtp_destination_recipient_limit"],
        "as many recipients go with a mail as the server takes",
    ),
    (&["smtp_tls_mandatory_protocols", "smtp_tls_protocols"], "tls-min in [smarthost] is the oldest TLS"),
    (&["smtp_tls_CApath"], "the system's certificates are trusted, or one ca-file"),
    (&["smtp_tls_loglevel"], "mailx-t -v shows the dialogue"),
    (&["syslog_facility"], "the facility is mail"),
    (&["smtputf8_enable"], "an address beyond ASCII leaves if the server offers SMTPUTF8"),
    (
        &["fallback_transport", "relay_transport", "sender_dependent_default_transport_maps"],
        "mail goes to the smarthosts that are named, and no other way",
    ),
];

/// Keys of a family, by how their names begin or end.
fn of_family(key: &str) -> Option<&'static str> {
    const RECEIVING: [&str; 15] = [
        "biff",
        "home_mailbox",
        "inet_interfaces",
        "lmtp_",
        "local_",
        "mailbox_",
        "mydestination",
        "mynetworks",
        "postscreen_",
        "recipient_delimiter",
        "relay_",
        "smtpd_",
        "virtual_",
        "allow_",
        "forward_path",
    ];
    const INSTALLATION: [&str; 7] =
        ["_directory", "_owner", "_path", "_group", "_privs", "_environment", "_service_name"];
    const LIMITS: [&str; 5] = ["_delay", "_limit_interval", "_process_limit", "_recipient_limit", "qmgr_"];
    const SIZES: [&str; 2] = ["_length_limit", "_size_limit"];
    let fits = |part: &&str| if part.starts_with('_') { key.ends_with(*part) } else { key.starts_with(*part) };
    let is = |parts: &[&str]| parts.iter().any(fits);
    let why = if key.starts_with("smtp_tls_") || key.starts_with("tls_") {
        "TLS is set up by the system's library"
    } else if key.starts_with("smtp_") && key.ends_with("_timeout") {
        "each step of the dialogue has timeout of [smarthost]"
    } else if is(&RECEIVING) {
        "mailx-t receives no mail and delivers none here"
    } else if is(&INSTALLATION) {
        "it is about Postfix's own files and processes"
    } else if is(&SIZES) {
        "max-message-size in [spool] is the one limit of size"
    } else if is(&LIMITS) || key.contains("_concurrency_") {
        "rate, per-day and max-connections in [smarthost] are the limits"
    } else {
        return None;
    };
    Some(why)
}
