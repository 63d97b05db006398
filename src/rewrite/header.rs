//! The header section, field by field: dropped, replaced, or passed as it was written.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::date;
use super::facts::Facts;
use super::field;
use super::field_rules;
use super::originator::{Originator, names_the_user, originator};
use super::plan::Plan;
use super::repair::Repair;
use super::rewritten::Rewritten;
use super::set_aside::SetAside;
use super::settings::{CronEnv, TerminalCodes};
use super::treatment::{Demand, Labels, Treatment};
use super::wire::{head_to_wire, is_too_long};
use crate::envelope::{Recipient, Resolver};
use crate::message::{Field, Mailbox, MediaType, Message, Shape, charset, cron, decoded, text};

/// Rewrites a message for these recipients. [`Rewritten::write`] brings the body along.
pub(crate) fn rewrite(
    message: &Message,
    recipients: &[Recipient],
    resolver: &mut Resolver<'_>,
    facts: &Facts<'_>,
) -> Rewritten {
    let is_local = |address: &str| resolver.is_local(address);
    let originator = originator(message, facts, &is_local);
    let trace = trace(message, facts, &is_local);
    let mut header = Header {
        message,
        facts,
        charset: charset_of(message, facts.settings.fallback_charset.as_deref()),
        treatment: Treatment::default(),
        out: Vec::new(),
        set_aside: SetAside::of(message, facts.unique),
        repairs: BTreeSet::new(),
        seen: BTreeSet::new(),
        first_values: BTreeMap::new(),
        left_out: BTreeSet::new(),
        resolved: BTreeMap::new(),
    };
    if let Some(value) = trace {
        field::plain("Received", &value, &mut header.out);
    }
    let body = message.shape.blank.then(|| header.subject().into_bytes());
    let plan = header.plan(body.as_deref());
    for each in message.fields() {
        header.field_within_limits(each, &originator, resolver);
    }
    header.missing(&originator, recipients);
    header.missing_labels();
    let of_reading = [
        (message.has_preamble(), Repair::Trace),
        (message.is_start_mended, Repair::Start),
        (message.has_joined_lines, Repair::Fold),
        (message.separator_missing, Repair::Separator),
    ];
    header.repairs.extend(of_reading.iter().filter(|(is_made, _)| *is_made).map(|(_, repair)| *repair));
    let message_id = header.message_id();
    let wrapping = header.set_aside.finish(&mut header.out);
    header.out.extend_from_slice(b"\r\n");
    let repairs = header.repairs.into_iter().collect();
    Rewritten { head: header.out, message_id, body, plan, wrapping, repairs }
}

/// The trace field (RFC 5321 section 4.4) that names the user who handed the mail in, as Postfix writes it; `None` if
/// From names that user, or a message out of `drop/` has the field already.
fn trace(message: &Message, facts: &Facts<'_>, is_local: &dyn Fn(&str) -> bool) -> Option<String> {
    let uid = facts.traced.filter(|_| !names_the_user(message, facts, is_local))?;
    let by = format!("by {} (mailx-t, from userid {uid})", facts.host);
    let first = message.fields().next().filter(|field| field.is("Received"));
    let has_it = first.is_some_and(|field| field.value.trim_ascii_start().starts_with(by.as_bytes()));
    (!has_it).then(|| format!("{by}\r\n\tid {}; {}", facts.id, facts.date))
}

pub(super) struct Header<'a> {
    pub(super) message: &'a Message,
    pub(super) facts: &'a Facts<'a>,
    /// The charset of fields that are not UTF-8.
    charset: Option<String>,
    /// The changes still to be made to the fields about the body.
    treatment: Treatment,
    pub(super) out: Vec<u8>,
    set_aside: SetAside,
    pub(super) repairs: BTreeSet<Repair>,
    /// Lower-case names of the fields that were written and may stand once.
    pub(super) seen: BTreeSet<String>,
    /// The values of those that were written first, by their lower-case names: to look for one in the message for each
    /// duplicate would cost its fields times the duplicates.
    first_values: BTreeMap<String, &'a [u8]>,
    /// Lower-case names of the fields that were read and have no field of their name on the wire.
    pub(super) left_out: BTreeSet<String>,
    /// Local names, and the number of fields in which each was replaced.
    pub(super) resolved: BTreeMap<String, usize>,
}

impl<'a> Header<'a> {
    /// Decides about the body, or about the text that stands in for it.
    fn plan(&mut self, stand_in: Option<&[u8]>) -> Plan {
        let value = |name| self.message.named(name).next().map(|field| field.value);
        let mut labels = Labels::read(value("Content-Type"), value("Content-Transfer-Encoding"));
        let settings = self.facts.settings;
        let is_for_terminals = labels.is_for_terminals() && !self.message.shape.is_iso_2022_jp();
        let strip = settings.terminal_codes == TerminalCodes::Strip && is_for_terminals;
        let demand = Demand { eight_bit: true, strip, fallback: settings.fallback_charset.as_deref() };
        let own;
        let is_other = labels.has_type && !labels.kind.as_ref().is_some_and(MediaType::is_plain_text);
        let shape = match stand_in {
            Some(body) => {
                self.repairs.insert(Repair::Body);
                own = Shape::of(body);
                labels = labels.of_stand_in();
                &own
            }
            None => &self.message.shape,
        };
        self.treatment = Treatment::of(&labels, shape, &demand);
        if stand_in.is_some() && is_other && self.treatment.content_type.is_none() {
            self.treatment.content_type = Some("text/plain; charset=utf-8".to_string());
        }
        self.repairs.extend(self.treatment.repairs());
        if strip && (shape.escapes || shape.bare_cr) {
            self.repairs.insert(Repair::TerminalCodes);
        }
        let eight_bit = shape.eight_bit && self.treatment.coding.keeps_eight_bit();
        let fallback = settings.fallback_charset.clone();
        let Treatment { decoding, coding, .. } = &self.treatment;
        Plan { eight_bit, decoding: *decoding, coding: coding.clone(), fallback, strip }
    }

    /// Writes a field, unless the header section has become so large that the field must be left out.
    fn field_within_limits(&mut self, each: Field<'a>, originator: &Originator, resolver: &mut Resolver<'_>) {
        let start = self.out.len();
        let name = each.name.to_ascii_lowercase();
        let was_lacking = self.lacks(&name);
        self.field(each, originator, resolver);
        // A duplicate has become a field of another name.
        let is_as_named =
            self.out[start..].get(..name.len()).is_some_and(|new| new.eq_ignore_ascii_case(name.as_bytes()));
        let is_needed = is_as_named && field_rules::stands_once(&each);
        if self.set_aside.takes(self.out.len(), self.out.len() - start, is_needed) {
            self.out.truncate(start);
            self.set_aside.add(&self.utf8(each.octets));
            if was_lacking {
                self.left_out.insert(name);
            }
            self.repairs.insert(Repair::SetAside);
        } else if name.starts_with("content-") {
            self.set_aside.add_label(&mut self.out, start);
        }
    }

    fn field(&mut self, each: Field<'a>, originator: &Originator, resolver: &mut Resolver<'_>) {
        if each.name.is_empty() {
            // A line that is no field is not made one.
            self.repairs.insert(Repair::Malformed);
            return field::unstructured("X-Malformed", &text(&self.utf8(each.value)), &mut self.out);
        }
        if let Some(repair) = field_rules::unwanted(&each) {
            self.repairs.insert(repair);
            return;
        }
        if each.is(cron::FIELD) && self.facts.settings.cron_env != CronEnv::Keep {
            return self.cron_env(each);
        }
        if field_rules::stands_once(&each) {
            let name = each.name.to_ascii_lowercase();
            if !self.seen.insert(name.clone()) {
                return self.duplicate(&name, each);
            }
            self.first_values.insert(name, each.value);
        }
        if let Some(name) = field_rules::address_field(&each) {
            self.seen.insert(name.to_ascii_lowercase());
            return self.addresses(name, each, resolver);
        }
        if each.is("From") {
            return self.from(Some(each), originator);
        }
        if each.is("Sender") {
            return self.sender(each);
        }
        let label = match each.name.to_ascii_lowercase().as_str() {
            "content-type" => self.treatment.content_type.take(),
            "content-transfer-encoding" => self.treatment.encoding.take().map(str::to_string),
            _ => None,
        };
        if let Some(value) = label {
            return field::parameters(each.name, &value, &mut self.out);
        }
        if each.is("Date") || each.is("Message-ID") {
            return self.date_or_id(each);
        }
        self.as_written(each);
    }

    /// A Date or Message-ID that cannot be read leaves as X-Original-Date or X-Original-Message-ID. [`Header::missing`]
    /// adds a new one if no other comes.
    fn date_or_id(&mut self, each: Field<'a>) {
        let value = text(&self.utf8(each.value));
        let is_date = each.is("Date");
        let is_one = if is_date { date::is_readable(&value) } else { field_rules::is_message_id(each.value) };
        if is_one {
            return self.as_written(each);
        }
        match date::rfc5322(&value, self.facts.local_zone, self.facts.date).filter(|_| is_date) {
            Some(mended) => {
                self.repairs.insert(Repair::Date);
                field::plain("Date", &mended, &mut self.out);
            }
            None => drop(self.seen.remove(&each.name.to_ascii_lowercase())),
        }
        if !field_rules::is_empty(&each) {
            field::unstructured(&format!("X-Original-{}", each.name), &value, &mut self.out);
        }
    }

    /// The names may stay, the values may not.
    fn cron_env(&mut self, each: Field<'_>) {
        let value = text(each.value);
        // A value may hold line ends: a line without a name is the rest of a value.
        let masked = match value.trim().trim_start_matches('<').split_once('=') {
            Some((name, _)) => format!("<{name}=***>"),
            None => "<***>".to_string(),
        };
        let is_masked = self.facts.settings.cron_env == CronEnv::Mask;
        if !is_masked || value.trim() != masked {
            self.repairs.insert(Repair::CronEnv);
        }
        if is_masked {
            field::unstructured(each.name, &masked, &mut self.out);
        }
    }

    /// The first one counts, as it does for most readers; the others stay readable.
    fn duplicate(&mut self, name: &str, each: Field<'_>) {
        self.repairs.insert(Repair::Duplicate);
        let first = self.first_values.get(name);
        let is_address = field_rules::address_field(&each).is_some();
        if !is_address && first.is_some_and(|first| first.trim_ascii() != each.value.trim_ascii()) {
            let value = decoded(&self.utf8(each.value));
            field::unstructured(&format!("X-Duplicate-{}", each.name), &value, &mut self.out);
        }
    }

    /// The field as it came, repaired where a header section does not allow it.
    pub(super) fn as_written(&mut self, each: Field<'_>) {
        let octets = self.with_colon(each);
        let is_structured = field_rules::is_structured(&each);
        if octets.is_ascii() && !is_too_long(&octets) {
            if field_rules::has_controls(&octets) {
                self.repairs.insert(Repair::RawHeader);
            }
            if field_rules::has_blank_folds(&octets) {
                self.repairs.insert(Repair::Obsolete);
            }
            return head_to_wire(&octets, &mut self.out);
        }
        if !octets.is_ascii() && field_rules::has_mailboxes(&each) {
            self.repairs.insert(Repair::RawHeader);
            let mailboxes = Mailbox::list(&self.utf8(each.value)).into_iter().map(Mailbox::in_ascii).collect();
            return self.mailboxes(each.name, mailboxes);
        }
        let is_label = each.name.to_ascii_lowercase().starts_with("content-");
        if octets.is_ascii() {
            self.repairs.insert(Repair::LongField)
        } else {
            self.repairs.insert(Repair::RawHeader)
        };
        let value = self.utf8(each.value).into_owned();
        if is_label && !octets.is_ascii() {
            field::parameters(each.name, &text(&value), &mut self.out);
        } else if octets.is_ascii() && (is_label || is_structured) {
            head_to_wire(&octets, &mut self.out);
        } else {
            field::unstructured(each.name, &decoded(&value), &mut self.out);
        }
    }

    /// RFC 5322 section 4.5 has readers take blanks before the colon; nobody may write them.
    fn with_colon<'o>(&mut self, each: Field<'o>) -> Cow<'o, [u8]> {
        let start = each.octets.len() - each.octets.iter().skip_while(|b| **b != each.name.as_bytes()[0]).count();
        match each.octets.get(start + each.name.len()) {
            Some(b':') | None => Cow::Borrowed(each.octets),
            Some(_) => {
                self.repairs.insert(Repair::Obsolete);
                Cow::Owned([each.name.as_bytes(), b":", each.value, b"\n"].concat())
            }
        }
    }

    /// A value in UTF-8, whatever its charset was.
    pub(super) fn utf8<'v>(&self, value: &'v [u8]) -> Cow<'v, [u8]> {
        match std::str::from_utf8(value) {
            Ok(_) => Cow::Borrowed(value),
            Err(_) => Cow::Owned(charset::text(value, self.charset.as_deref()).into_bytes()),
        }
    }

    /// Labels of the body that had no field to stand in.
    fn missing_labels(&mut self) {
        let treatment = std::mem::take(&mut self.treatment);
        let is_new = treatment.content_type.is_some() || treatment.encoding.is_some();
        let is_labelled = ["Content-Type", "Content-Transfer-Encoding"].iter().any(|name| self.message.has(name));
        // RFC 2045 section 4: the others mean nothing without it.
        if (is_new || is_labelled) && self.lacks("mime-version") {
            self.repairs.insert(Repair::Charset);
            field::plain("MIME-Version", "1.0", &mut self.out);
        }
        let start = self.out.len();
        for (name, value) in
            [("Content-Type", treatment.content_type.as_deref()), ("Content-Transfer-Encoding", treatment.encoding)]
        {
            if let Some(value) = value {
                field::plain(name, value, &mut self.out);
            }
        }
        self.set_aside.add_label(&mut self.out, start);
    }
}

/// The charset of raw text in the fields: the configured one, else the body's, else the one that the fields look like.
fn charset_of(message: &Message, fallback: Option<&str>) -> Option<String> {
    let raw: Vec<u8> = message.fields().filter(|f| !f.value.is_ascii()).flat_map(|f| f.value).copied().collect();
    if std::str::from_utf8(&raw).is_ok() {
        return None;
    }
    let shape = &message.shape;
    let is_of_body = shape.eight_bit && !shape.is_utf8() && !shape.is_mostly_utf8();
    let sample = if is_of_body { shape.sample() } else { &raw };
    let label = message.named("Content-Type").next().and_then(|field| field.media_type());
    let label = label.as_ref().and_then(|kind| kind.charset()).filter(|label| charset::is_plausible(label, &raw));
    Some(fallback.or(label).map_or_else(|| charset::name(sample, None), str::to_string))
}
