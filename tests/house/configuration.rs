//! The configurations we show are true: each parses, the defaults are those of the program, and each key the program
//! knows stands in the documents, and no other.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use mailx_t::config::{Config, Source};

const TEMPLATE: &str = include_str!("../../packaging/config.toml");
const README: &str = include_str!("../../README.md");
const CHINESE: &str = include_str!("../../README.zh-CN.md");
const DOCUMENT: &str = include_str!("../../docs/configuration.md");
const MIGRATING: &str = include_str!("../../docs/migrating.md");
const PAGE: &str = include_str!("../../packaging/man/mailx-t.toml.5");

const MINIMAL: &str = "[smarthost]\nhost = \"smtp.example.com\"\nuser = \"mail@example.com\"\n\
                       password-file = \"/etc/mailx-t/password\"\n";

fn load(text: &str) -> Result<Config, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    Config::load(Source::System(path)).map_err(|error| error.to_string())
}

/// The blocks of TOML in a document.
fn blocks(document: &str) -> Vec<String> {
    let blocks = document.split("\n```toml\n").skip(1).filter_map(|rest| rest.split_once("\n```"));
    blocks.map(|(block, _)| format!("{block}\n")).collect()
}

/// The template with its commented-out settings put in force; its sentences stay comments.
fn uncommented(template: &str) -> String {
    let is_setting = |line: &str| {
        line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.is_empty() && !key.contains(' '))
    };
    let lines = template.lines().map(|line| line.strip_prefix("# ").filter(|rest| is_setting(rest)).unwrap_or(line));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The keys the program knows under a table's name, as its own complaint about an unknown one lists them.
fn known(table: &str) -> Vec<String> {
    let complaint = match table {
        "smarthost" => load("[smarthost]\n0 = 1\n"),
        table => load(&format!("{MINIMAL}[{table}]\n0 = 1\n")),
    };
    let complaint = complaint.unwrap_err();
    let (_, list) = complaint.split_once("known here are ").expect(&complaint);
    list.split('"').skip(1).step_by(2).map(str::to_string).collect()
}

/// The keys that the document lists under a table's name.
fn documented(table: &str) -> Vec<String> {
    let (_, section) = DOCUMENT.split_once(&format!("\n## {table}\n")).expect(table);
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(key, _)| key.to_string()).collect()
}

const TABLES: [&str; 7] = ["smarthost", "rewrite", "recipients", "spool", "retry", "log", "alarm"];

#[test]
fn template_is_a_configuration_once_uncommented() {
    let text = uncommented(TEMPLATE);
    let config = load(&text).unwrap();
    assert_eq!(config.smarthosts.first().host, "smtp.example.com");
    assert!(TABLES.iter().all(|table| text.contains(&format!("\n[{table}]\n"))), "{text}");
}

#[test]
fn template_as_it_is_says_what_is_missing() {
    assert!(load(TEMPLATE).unwrap_err().contains("there is no [smarthost]"));
}

#[test]
fn each_block_of_the_documents_is_a_configuration() {
    for (name, document, least) in [
        ("README.md", README, 3),
        ("README.zh-CN.md", CHINESE, 1),
        ("docs/configuration.md", DOCUMENT, 3),
        ("docs/migrating.md", MIGRATING, 7),
    ] {
        let blocks = blocks(document);
        assert!(blocks.len() >= least, "{name} shows only {} blocks", blocks.len());
        for block in blocks {
            let whole = if block.contains("smarthost]") { block.clone() } else { format!("{MINIMAL}{block}") };
            let loaded = load(&whole);
            assert!(loaded.is_ok(), "{name}: {}\n{block}", loaded.unwrap_err());
        }
    }
}

#[test]
fn defaults_shown_are_those_of_the_program() {
    let shown = blocks(DOCUMENT).into_iter().find(|block| block.contains("give-up-after")).unwrap();
    let facts = |text: &str| {
        let config = load(text).unwrap();
        let smarthost = config.smarthosts.first();
        [
            format!("{} {:?} {:?}", smarthost.port(), smarthost.tls, smarthost.auth),
            format!("{:?} {:?}", smarthost.connect_timeout, smarthost.timeout),
            format!("{} {} {}", smarthost.pipelining, smarthost.chunking, smarthost.auth_in_group),
            smarthost.trusted_port.to_string(),
            smarthost.max_connections.to_string(),
            format!("{} {:?}", config.account, config.recipients),
            format!("{:?} {:?} {:?}", config.spool_path(), config.spool.wait, config.spool.max_message_size),
            format!("{:?} {:?}", config.retry, config.log),
        ]
    };
    assert_eq!(facts(&shown), facts(MINIMAL));
}

#[test]
fn documents_list_the_keys_of_the_program_and_no_others() {
    for table in TABLES {
        let (mut known, mut documented) = (known(table), documented(table));
        known.sort();
        documented.sort();
        assert_eq!(documented, known, "docs/configuration.md, under {table}");
        let (_, section) = PAGE.split_once(&format!("\n.SS [{table}]\n")).expect(table);
        let section = section.split("\n.SS [").next().unwrap_or_default();
        for key in known.iter().filter(|key| *key != "aliases") {
            let item = format!(".TP\n.B {}\n", key.replace('-', "\\-"));
            assert!(section.contains(&item), "mailx-t.toml(5), under [{table}], lacks {key}");
        }
    }
}
