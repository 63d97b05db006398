use super::super::getopt::Treatment;
use super::*;

fn try_read(line: &[&str]) -> Result<MailArguments, WrongOption> {
    let arguments: Vec<OsString> = line.iter().map(OsString::from).collect();
    parse(Line::lex(&GRAMMAR, &arguments))
}

fn read(line: &[&str]) -> MailArguments {
    try_read(line).unwrap()
}

/// A mail with a subject, and nothing else out of the ordinary.
fn mail(subject: &str, recipients: &[&str]) -> MailArguments {
    let recipients = recipients.iter().map(OsString::from).collect();
    MailArguments { subject: Some(subject.into()), recipients, ..MailArguments::default() }
}

fn added(letter: char, value: &str) -> Added {
    Added { letter, value: value.into(), name: None }
}

#[test]
fn system_tools_are_understood() {
    assert_eq!(read(&["-s", "S", "a@x", "b@x"]), mail("S", &["a@x", "b@x"]), "smartd");
    assert_eq!(read(&["-s", "/var/log/x.1", "root"]), mail("/var/log/x.1", &["root"]), "logrotate");
    assert_eq!(read(&["-sS", "root"]), mail("S", &["root"]), "UPS scripts");
    let unattended = read(&["-r", "root <root@x>", "-s", "S", "root"]);
    assert_eq!(unattended, MailArguments { from: Some("root <root@x>".into()), ..mail("S", &["root"]) });
    let icinga = read(&["-a", "From: N <x>", "-s", "S", "root"]);
    assert_eq!(icinga.attachments_or_headers, [added('a', "From: N <x>")]);
    let apticron = read(&["-a", "MIME-Version: 1.0", "-a", "Content-type: text/plain", "-s", "S", "root"]);
    assert_eq!((apticron.attachments_or_headers.len(), apticron.recipients.len()), (2, 1));
    let apticron = read(&["-S", "ttycharset=utf-8", "-r", "a@x", "-s", "S", "root"]);
    assert_eq!(apticron, MailArguments { from: Some("a@x".into()), ..mail("S", &["root"]) });
}

#[test]
fn published_handler_line_for_crond_is_understood() {
    let request = read(&["-s", "someone@x", "-t"]);
    assert_eq!(request, MailArguments { formatted: true, ..mail("someone@x", &[]) });
}

#[test]
fn command_of_mailutils_is_no_recipient() {
    for command in ["set escape", "set", "unset x"] {
        assert_eq!(read(&["-E", command, "-s", "S", "root"]), mail("S", &["root"]), "fail2ban");
    }
    let skipping = |recipients| MailArguments { skip_empty: true, ..mail("S", recipients) };
    assert_eq!(read(&["-Es", "S", "root"]), skipping(&["root"]));
    assert_eq!(read(&["-s", "S", "-E", "root"]), skipping(&["root"]));
    assert_eq!(read(&["-s", "S", "-E", "setup@x"]), skipping(&["setup@x"]));
    assert_eq!(read(&["-s", "S", "-E", "a@x, b@x"]), skipping(&["a@x, b@x"]));
    assert_eq!(read(&["-s", "S", "-E", "--", "set"]), skipping(&["set"]));
}

#[test]
fn copies_may_repeat_and_stay_as_given() {
    let request = read(&["-c", "a@x,b@x", "-cc@x", "-b", "d@x", "-s", "S", "root", "-b", "e@x"]);
    assert_eq!(request.cc, ["a@x,b@x", "c@x"]);
    assert_eq!(request.bcc, ["d@x", "e@x"]);
    assert_eq!(request.recipients, ["root"]);
}

#[test]
fn words_after_two_dashes_are_for_the_mailer_or_recipients() {
    let request = read(&["-s", "S", "a@x", "--", "-f", "f@x", "-FName", "-odq", "-oem", "-weird@x", "b@x"]);
    assert_eq!(request.recipients, ["a@x", "-weird@x", "b@x"]);
    assert_eq!((request.reverse_path, request.full_name), (Some("f@x".into()), Some("Name".into())));
    assert_eq!(request.delivery, DeliveryMode::Queue);
    let request = read(&["a@x", "--", "-r", "r@x", "-N", "never", "-R", "hdrs", "-v", "-B8BITMIME", "-au", "-O", "x"]);
    assert_eq!((request.recipients, request.verbose), (vec!["a@x".into()], true));
    assert_eq!((request.reverse_path, request.notify.is_some()), (Some("r@x".into()), true));
    assert_eq!(try_read(&["-s", "S", "a@x", "--", "-f"]), Err(WrongOption::MissingValue('f')));
}

#[test]
fn setting_of_sendmail_neither_swallows_a_recipient_nor_asks_for_a_mailbox() {
    for (option, delivery) in
        [("-odi", DeliveryMode::Wait), ("-odq", DeliveryMode::Queue), ("-odb", DeliveryMode::Background)]
    {
        assert_eq!(read(&["-s", "S", option, "a@x"]), MailArguments { delivery, ..mail("S", &["a@x"]) });
    }
    for option in ["-oem", "-oi", "-o"] {
        assert_eq!(read(&["-s", "S", option, "a@x"]), mail("S", &["a@x"]));
    }
}

#[test]
fn sender_after_a_recipient_is_no_mailbox() {
    let sent = MailArguments { reverse_path: Some("f@x".into()), ..mail("S", &["a@x"]) };
    assert_eq!(read(&["-s", "S", "a@x", "-f", "f@x"]), sent);
    assert_eq!(read(&["-s", "S", "a@x", "-ff@x"]), sent);
    assert_eq!(try_read(&["-s", "S", "a@x", "-f"]), Err(WrongOption::MissingValue('f')));
}

#[test]
fn reading_a_mailbox_is_told_from_sending() {
    for line in [&[][..], &["-n"], &["-f"], &["-f", "mbox"], &["-u", "alice"], &["-H"], &["-e"], &["-Hf", "mbox"]] {
        assert!(read(line).reading, "{line:?}");
    }
    assert!(!read(&["-H", "-e", "-s", "S", "root"]).reading, "what there is to send is sent");
    for line in [&["root"][..], &["-s", "S"], &["-t"], &["-c", "a@x"], &["-v", "--", "root"]] {
        assert!(!read(line).reading, "{line:?}");
    }
}

#[test]
fn configuration_and_header_share_a_letter() {
    let request = read(&["-C", "/etc/a:b.toml", "-C", "X-Job: backup", "-s", "S", "root"]);
    assert_eq!(request.config, Some("/etc/a:b.toml".into()));
    assert_eq!(request.attachments_or_headers, [added('C', "X-Job: backup")]);
}

#[test]
fn media_type_and_quoted_file_are_no_recipients() {
    let html = MailArguments { content_type: Some("text/html".into()), ..mail("S", &["root"]) };
    assert_eq!(read(&["-M", "text/html", "-s", "S", "root"]), html);
    assert_eq!(read(&["-Mtext/html", "-sS", "root"]), html);
    let quoted = MailArguments { quoted: Some("/no/such".into()), ..mail("S", &["root"]) };
    assert_eq!(read(&["-q", "/no/such", "-s", "S", "root"]), quoted);
}

#[test]
fn flags_of_mailutils_swallow_nothing() {
    for flag in ["-M", "-q"] {
        assert_eq!(read(&[flag, "-s", "S", "root"]), mail("S", &["root"]));
        assert_eq!(read(&["-s", "S", flag, "root"]), mail("S", &["root"]));
    }
}

#[test]
fn variables_that_matter_are_obeyed() {
    let request = read(&["-Ssendwait", "-S", "from=a@x", "-S", "smtp=host:25", "root"]);
    assert_eq!((request.delivery, request.from), (DeliveryMode::Wait, Some("a@x".into())));
    assert_eq!(read(&["-r", "r@x", "-S", "from=a@x", "root"]).from, Some("r@x".into()));
}

#[test]
fn unknown_letter_is_named_and_costs_nothing() {
    let request = read(&["-Z", "-sS", "root"]);
    assert_eq!(request, MailArguments { unknown: vec!["-Z".into()], ..mail("S", &["root"]) });
    assert_eq!(read(&["root", "-X"]), read(&["root"]));
    assert_eq!(try_read(&["root", "-s"]), Err(WrongOption::MissingValue('s')));
}

#[test]
fn unknown_long_option_is_an_error_that_names_the_nearest() {
    let refused = |option: &str| try_read(&["-sS", option, "root"]).map_err(|usage| usage.to_string());
    for (option, told) in [
        ("--dryrun", "unknown option --dryrun: did you mean --dry-run?"),
        ("--dry-run=yes", "option --dry-run takes no value"),
        ("--to=a@x", "option --to takes no value"),
        ("--subjet=secret", "unknown option --subjet: did you mean --subject?"),
        ("--zzz", "unknown option --zzz: see mailx-t --help"),
        ("--\u{1b}[2J", "unknown option --?[2J: see mailx-t --help"),
    ] {
        assert_eq!(refused(option), Err(told.to_string()));
    }
    assert_eq!(read(&["-sS", "--", "--dryrun"]), mail("S", &["--dryrun"]));
    assert_eq!(read(&["-s", "--dryrun", "root"]), mail("--dryrun", &["root"]));
}

#[test]
fn long_option_may_be_cut_short_where_no_other_starts_so() {
    for line in [&["--subj=S", "root"][..], &["--subj", "S", "root"], &["--su", "S", "root"]] {
        assert_eq!(read(line), mail("S", &["root"]), "{line:?}");
    }
    assert_eq!(read(&["--subj", "--help", "root"]), mail("--help", &["root"]));
    assert_eq!(read(&["--templ"]), read(&["-t"]));
    assert_eq!(read(&["--read", "root"]), read(&["root"]), "--read-only starts so, and is another");
    for (option, told) in [
        ("--s=S", "option --s may be --search or --set or --skip-empty-attachments or --startup-cmd or --subject"),
        ("--ver", "option --ver may be --version or --verbose"),
        ("--templ=x", "option --template takes no value"),
        ("--dry=yes", "option --dry-run takes no value"),
    ] {
        assert_eq!(try_read(&[option, "root"]).map_err(|usage| usage.to_string()), Err(told.to_string()));
    }
}

#[test]
fn long_options_that_are_not_needed_swallow_their_values_alone() {
    let line = ["--nosum", "--config-file", "/etc/mailutils.conf", "--no-mime", "--search=@x", "--subject=S", "root"];
    let request = read(&line);
    assert_eq!(request, mail("S", &["root"]));
    for line in [&["--file", "root"][..], &["--user=alice"], &["--inbox-of", "alice"]] {
        assert!(read(line).reading, "{line:?}");
    }
    assert_eq!(read(&["--template"]), read(&["-t"]));
    let target = read(&["--target", "cc: c@x", "root"]);
    assert_eq!(target.attachments_or_headers, [added('a', "cc: c@x")]);
}

#[test]
fn debugging_of_s_nail_sends_nothing() {
    for option in ["--debug", "-Sdebug", "-Sdebug=1"] {
        assert_eq!(
            read(&["-sS", option, "root"]),
            MailArguments { rehearsal: true, ..mail("S", &["root"]) },
            "{option}"
        );
    }
    // mailutils' is another.
    let level = read(&["-sS", "--debug-level=trace9", "root"]);
    assert_eq!(level, mail("S", &["root"]));
}

#[test]
fn account_of_s_nail_is_no_file_to_attach() {
    for line in [&["--account=work", "-sS", "root"][..], &["-sS", "--account", "Cargo.toml", "root"]] {
        assert_eq!(read(line), mail("S", &["root"]));
    }
}

#[test]
fn long_options_say_what_their_letters_say() {
    for (long, short) in [
        (&["--subject=S", "--cc", "c@x", "--bcc=b@x", "a@x"][..], &["-sS", "-cc@x", "-bb@x", "a@x"][..]),
        (
            &["--append=X: 1", "--attach", "f", "--content-type=text/html", "a@x"],
            &["-a", "X: 1", "-af", "-Mtext/html", "a@x"],
        ),
        (&["--return-address", "r@x", "--to"], &["-rr@x", "-t"]),
        (&["--discard-empty-messages", "a@x"], &["-E", "a@x"][..]),
    ] {
        let (long, mut short) = (read(long), read(short));
        short.skip_empty = long.skip_empty;
        assert_eq!(long, short);
    }
    assert!(read(&["--discard-empty-messages", "a@x"]).skip_empty);
    assert_eq!(read(&["--encoding", "base64", "a@x"]).recipients, ["a@x"]);
    assert_eq!(try_read(&["a@x", "--subject"]), Err(WrongOption::MissingLong("subject")));
}

#[test]
fn long_options_stand_in_order_and_their_letters_are_obeyed() {
    assert!(LONG.iter().is_sorted_by_key(|(name, ..)| name));
    for (_, means, _) in LONG {
        let Means::Letter(letter) = *means else { continue };
        assert!(LETTERS.iter().any(|known| known.letter == letter && known.treatment == Treatment::Obeyed), "{letter}");
    }
}

#[test]
fn table_says_what_is_done() {
    for known in LETTERS {
        let value = match (known.takes, known.letter) {
            (Nothing, _) => "",
            (_, 'o') => "dq",
            (_, 'S') => "sendwait",
            (_, 'M') => "text/html",
            _ => "m",
        };
        let request = read(&["root", &format!("-{}{value}", known.letter)]);
        let is_ignored = request == read(&["root"]);
        assert_eq!(is_ignored, known.treatment == Treatment::Ignored, "-{}", known.letter);
    }
}

#[test]
fn sender_and_full_name_take_a_value_under_our_own_name() {
    let ours = |line: &[&str]| {
        let arguments: Vec<OsString> = line.iter().map(OsString::from).collect();
        parse_as_ours(Line::lex(&OUR_GRAMMAR, &arguments)).unwrap()
    };
    for line in [
        &["-s", "s", "-f", "me@x.org", "-F", "Me", "a@b.c"][..],
        &["-s", "s", "a@b.c", "-f", "me@x.org", "-F", "Me"],
        &["-s", "s", "-fme@x.org", "-FMe", "a@b.c"],
    ] {
        let said = ours(line);
        assert_eq!(said.recipients, ["a@b.c"], "{line:?}");
        assert_eq!((said.full_name, said.reverse_path), (Some("Me".into()), Some("me@x.org".into())), "{line:?}");
        assert!(!said.reading, "{line:?}");
    }
    // A file named after the recipient keeps a copy: the letter takes no value.
    assert_eq!(read(&["-s", "s", "-F", "a@b.c"]).recipients, ["a@b.c"]);
    assert!(read(&["-f", "a@b.c"]).reading);
}

#[test]
fn answers_go_where_a_variable_says() {
    for line in [&["-S", "replyto=a@x", "b@x"][..], &["-Sreply-to=a@x", "b@x"]] {
        assert_eq!(read(line).reply_to, Some("a@x".into()));
    }
    let variables = |set: &'static [(&str, &str)]| {
        move |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    };
    let of = |line: &[&str], set| read(line).or_of(variables(set));
    assert_eq!(of(&["b@x"], &[("REPLYTO", "a@x")]).reply_to, Some("a@x".into()));
    assert_eq!(of(&["-r", "r@x", "b@x"], &[("from", "a@x")]).from, Some("r@x".into()));
    assert_eq!(of(&["b@x"], &[("from", "a@x")]).from, Some("a@x".into()));
    assert_eq!(of(&["b@x"], &[("return-address", "a@x"), ("reply-to", "c@x")]).reply_to, Some("c@x".into()));
    assert!(read(&["-:/", "b@x"]).without_startup && !read(&["-:u", "b@x"]).without_startup);
}

#[test]
fn question_for_the_version_is_no_mail() {
    assert!(read(&["-V"]).version);
}
