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

/// The section of the document under a table's name.
fn section(table: &str) -> &'static str {
    let (_, section) = DOCUMENT.split_once(&format!("\n## {table}\n")).expect(table);
    section.split("\n## ").next().unwrap_or_default()
}

/// The text of the manual page about a key, up to the next one.
fn item(table: &str, key: &str) -> Option<String> {
    let (_, section) = PAGE.split_once(&format!("\n.SS [{table}]\n")).expect(table);
    let section = section.split("\n.SS [").next().unwrap_or_default();
    let (_, item) = section.split_once(&format!(".TP\n.B {}\n", key.replace('-', "\\-")))?;
    Some(format!("{} ", item.split("\n.TP").next().unwrap_or_default()))
}

/// The keys that the document lists under a table's name.
fn documented(table: &str) -> Vec<String> {
    let rows = section(table).lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
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

/// The block of the document that sets each key to its default.
fn block_of_defaults() -> String {
    blocks(DOCUMENT).into_iter().find(|block| block.contains("give-up-after")).unwrap()
}

#[test]
fn defaults_shown_are_those_of_the_program() {
    let settings = |text: &str| {
        let config = load(text).unwrap();
        let smarthost = config.smarthosts.first();
        let others = format!("{:?} {:?} {:?} {:?}", config.rewrite, config.recipients, config.retry, config.log);
        [format!("{smarthost:?}"), format!("{:?}", config.spool), others].map(|text| text.replace(", ", ",\n"))
    };
    // The defaults of these three depend on other keys.
    let minimal = format!(
        "{MINIMAL}port = 465\n[rewrite]\nfrom = \"mail@example.com\"\n[spool]\npath = \"/var/spool/mailx-t\"\n"
    );
    for (shown, own) in settings(&block_of_defaults()).iter().zip(settings(&minimal)) {
        let differing = shown.lines().zip(own.lines()).find(|(shown, own)| shown != own);
        assert_eq!(differing, None, "docs/configuration.md, everything at its default: the first is not the second");
    }
}

/// The keys below a table's name whose default is a value, each with that.
fn defaults(table: &str) -> Vec<(String, String)> {
    let row = |line: &str| {
        let (key, rest) = line.strip_prefix("| `")?.split_once("` | `")?;
        let value = rest.split_once("` |")?.0;
        let is_value =
            value.starts_with(|c: char| c == '"' || c.is_ascii_digit()) || ["true", "false"].contains(&value);
        is_value.then(|| (key.to_string(), value.to_string()))
    };
    section(table).lines().filter_map(row).collect()
}

#[test]
fn defaults_are_the_same_in_table_block_and_manual_page() {
    let block = format!("\n{}", block_of_defaults());
    let mut count = 0;
    for (table, (key, value)) in
        TABLES.iter().flat_map(|table| defaults(table).into_iter().map(move |row| (table, row)))
    {
        count += 1;
        let (_, lines) = block.split_once(&format!("\n[{table}]\n")).expect(table);
        let lines = format!("\n{}\n", lines.split("\n[").next().unwrap());
        let line = format!("{key} = {value}");
        assert!(
            lines.contains(&format!("\n{line}\n")),
            "docs/configuration.md, everything at its default, lacks {line}"
        );
        let item = item(table, &key).unwrap().replace("\\(dq", "\"").replace("\\-", "-");
        let is_told =
            [format!("Default:\n.BR {value} "), format!("Default:\n.BR \"{value}\" "), format!("{value}\n(default")];
        assert!(
            is_told.iter().any(|text| item.contains(text)),
            "mailx-t.toml(5), under [{table}], {key}: add these lines:\nDefault:\n.BR {} .",
            value.replace('"', "\\(dq").replace('-', "\\-")
        );
    }
    assert!(count > 15, "{count}");
}

#[test]
fn documents_list_the_keys_of_the_program_and_no_others() {
    for table in TABLES {
        let (mut known, mut documented) = (known(table), documented(table));
        known.sort();
        documented.sort();
        assert_eq!(documented, known, "docs/configuration.md, under {table}");
        for key in known.iter().filter(|key| *key != "aliases") {
            assert!(item(table, key).is_some(), "mailx-t.toml(5), under [{table}], lacks {key}");
        }
    }
}
