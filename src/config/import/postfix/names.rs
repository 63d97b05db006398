//! The maps by which Postfix leads local names to addresses.

use super::super::files::Files;
use super::super::imported::Imported;
use super::main_cf::{Settings, list};
use super::maps;
use crate::envelope::Aliases;

/// The file that is read here without being named.
const USUAL: &str = "/etc/aliases";

pub(super) fn read(files: &Files, settings: &Settings, imported: &mut Imported) {
    read_alias_file(settings, imported);
    let local = LocalNames::of(settings);
    for row in maps::rows(files, settings, imported, "virtual_alias_maps") {
        let targets: Vec<String> = row.value.split(',').map(|target| target.trim().to_string()).collect();
        match local.name(&row.key) {
            Some("") => imported.add_default(0, &row.value),
            Some(name) => imported.add_alias_in((&row.path, row.line), name, &targets),
            None => imported.note_in(&row.path, row.line, "the line is left out: aliases are for local names alone"),
        }
    }
    if let Some((n, address)) = settings.at("luser_relay") {
        imported.add_default(n, address);
    }
    add_copies(files, settings, imported, &local);
}

/// Takes the first alias file; it is the one for all names.
fn read_alias_file(settings: &Settings, imported: &mut Imported) {
    let Some((n, value)) = settings.at("alias_maps") else { return };
    let named = value.split([',', ' ']).filter_map(|map| map.split_once(':')).map(|(_, path)| path);
    let mut paths = named.filter(|path| path.starts_with('/'));
    imported.aliases_file = paths.next().filter(|path| *path != USUAL).map(str::to_string);
    if paths.next().is_some() {
        imported.note(n, "of alias_maps only the first file is carried over: there is one alias file");
    }
}

/// recipient_bcc_maps: who gets a copy of a local name's mail. Beside the name's own target that is an alias.
fn add_copies(files: &Files, settings: &Settings, imported: &mut Imported, local: &LocalNames<'_>) {
    let rows = maps::rows(files, settings, imported, "recipient_bcc_maps");
    if rows.is_empty() {
        return;
    }
    let file = imported.aliases_file.clone().unwrap_or_else(|| USUAL.to_string());
    let aliases = files.named(&file).map(|(_, text)| Aliases::parse(&text).0).unwrap_or_default();
    for row in rows {
        let name = local.name(&row.key).filter(|name| !name.is_empty());
        let own = name.and_then(|name| imported.aliases.get(name).map(Vec::as_slice).or_else(|| aliases.get(name)));
        match (name, own.map(<[String]>::to_vec)) {
            (Some(name), Some(mut targets)) => {
                targets.push(row.value.clone());
                imported.add_alias_in((&row.path, row.line), name, &targets);
            }
            _ => {
                let why = "the line is left out: only an alias leads to several: name the address and the copy's \
                           in [recipients.aliases]";
                imported.note_in(&row.path, row.line, why);
            }
        }
    }
}

/// The domains of this machine.
struct LocalNames<'a>(Vec<&'a str>);

impl<'a> LocalNames<'a> {
    fn of(settings: &'a Settings) -> Self {
        let keys = ["mydestination", "virtual_alias_domains", "myhostname", "myorigin"];
        let listed = keys.iter().filter_map(|key| settings.get(key)).flat_map(list);
        Self(listed.chain(["localhost", "localhost.localdomain"]).collect())
    }

    /// The local name that the key of a map stands for: empty for all names of a domain, `None` for a stranger.
    fn name<'k>(&self, key: &'k str) -> Option<&'k str> {
        let Some((name, domain)) = key.rsplit_once('@') else { return Some(key) };
        self.0.iter().any(|own| own.eq_ignore_ascii_case(domain)).then_some(name)
    }
}
