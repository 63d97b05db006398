//! The envelope block at the head of a queue file: `key: value` lines that a person can read at three in the morning,
//! with a version, ended by an empty line. The message in wire form follows.

use std::fmt::Write as _;

use lettre::Address;

use super::QueueId;
use crate::dsn;

/// The first line of every entry; the number is the format's version.
const MAGIC: &str = "mailx-t-entry: 1";
/// A block longer than this, in octets, is no envelope block.
pub(super) const MOST_BLOCK: u64 = 8 << 20;
/// The size has a field of fixed width, since it is known only when the message has been written.
const SIZE_WIDTH: usize = 15;

/// One forward-path of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRecipient {
    /// The address that the mail goes to.
    pub address: Address,
    /// The caller's own word for it, if that was another name.
    pub original: Option<String>,
    /// The sender's requests about it, RFC 3461.
    pub(crate) dsn: dsn::OfRecipient,
}

/// All facts of a mail besides its octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name in the queue.
    pub id: QueueId,
    /// The time of acceptance, to the microsecond.
    pub(crate) arrived: jiff::Timestamp,
    /// The uid of the process that handed it in.
    pub uid: u32,
    /// MAIL FROM; `None` is the null reverse-path.
    pub reverse_path: Option<Address>,
    /// The real sender, as far as the caller knows; a failure is reported there.
    pub(crate) originator: String,
    /// One or more.
    pub recipients: Vec<EntryRecipient>,
    /// The value of its Message-ID field, the same over all attempts.
    pub(crate) message_id: String,
    /// The content has bytes over 127: BODY=8BITMIME, RFC 6152.
    pub(crate) eight_bit: bool,
    /// The names of the repairs made.
    pub repairs: Vec<String>,
    /// The sender's requests about it, RFC 3461.
    pub(crate) dsn: dsn::OfMail,
    /// The mail that it reports on, for a report.
    pub(crate) about: Option<QueueId>,
    /// The name of the job whose mail it is.
    pub(crate) job: Option<String>,
    /// The mails that it holds whole, for a digest.
    pub(crate) members: Vec<QueueId>,
    /// The message's octets in wire form.
    pub size: u64,
}

impl Entry {
    /// The block with its final empty line, and the offset of the size's digits in it.
    pub fn block(&self) -> (String, usize) {
        let mut block = format!("{MAGIC}\n");
        let mut line = |key: &str, value: &dyn std::fmt::Display| {
            // Writing to a string does not fail.
            let _ = writeln!(block, "{key}: {}", one_line(&value.to_string()));
        };
        line("id", &self.id);
        line("arrived", &self.arrived);
        line("uid", &self.uid);
        line("from", &self.reverse_path.as_ref().map(Address::to_string).unwrap_or_default());
        line("originator", &self.originator);
        for recipient in &self.recipients {
            line("to", &recipient.address);
            if let Some(original) = &recipient.original {
                line("original-to", original);
            }
            if let Some(notify) = &recipient.dsn.notify {
                line("notify", notify);
            }
            if let Some(orcpt) = &recipient.dsn.orcpt {
                line("orcpt", orcpt);
            }
        }
        if let Some(ret) = &self.dsn.ret {
            line("ret", ret);
        }
        if let Some(envid) = &self.dsn.envid {
            line("envid", envid);
        }
        if let Some(about) = &self.about {
            line("about", about);
        }
        if let Some(job) = &self.job {
            line("job", job);
        }
        for member in &self.members {
            line("member", member);
        }
        line("message-id", &self.message_id);
        line("body", &if self.eight_bit { "8bit" } else { "7bit" });
        line("repairs", &self.repairs.join(" "));
        block.push_str("size: ");
        let size_at = block.len();
        let _ = write!(block, "{:0SIZE_WIDTH$}\n\n", self.size);
        (block, size_at)
    }

    /// The digits that stand for a size in the block.
    pub(super) fn size_digits(size: u64) -> String {
        format!("{size:0SIZE_WIDTH$}")
    }

    /// Reads a block without its final empty line. Unknown keys are passed over: a later version may add some.
    ///
    /// # Errors
    /// A sentence about the first line that is wrong.
    pub fn parse(block: &str) -> Result<Self, String> {
        let mut lines = block.lines();
        if lines.next() != Some(MAGIC) {
            return Err(format!("it does not start with \"{MAGIC}\""));
        }
        let mut draft = Parsed::default();
        for line in lines {
            let (key, value) =
                line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, ""))).unwrap_or(("", ""));
            draft.take(key, value).ok_or_else(|| format!("its line \"{key}\" cannot be read"))?;
        }
        draft.finish()
    }
}

/// Keys seen so far.
#[derive(Default)]
struct Parsed {
    id: Option<QueueId>,
    arrived: Option<jiff::Timestamp>,
    uid: Option<u32>,
    reverse_path: Option<Option<Address>>,
    originator: String,
    recipients: Vec<EntryRecipient>,
    message_id: String,
    eight_bit: bool,
    repairs: Vec<String>,
    dsn: dsn::OfMail,
    about: Option<QueueId>,
    job: Option<String>,
    members: Vec<QueueId>,
    size: Option<u64>,
}

impl Parsed {
    fn take(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "id" => self.id = Some(QueueId::parse(value)?),
            "arrived" => self.arrived = Some(value.parse().ok()?),
            "uid" => self.uid = Some(value.parse().ok()?),
            "from" if value.is_empty() => self.reverse_path = Some(None),
            "from" => self.reverse_path = Some(Some(address(value)?)),
            "originator" => self.originator = value.to_string(),
            "to" => {
                let (address, dsn) = (address(value)?, dsn::OfRecipient::default());
                self.recipients.push(EntryRecipient { address, original: None, dsn });
            }
            "original-to" => self.recipients.last_mut()?.original = Some(value.to_string()),
            "notify" => self.recipients.last_mut()?.dsn.notify = Some(value.parse().ok()?),
            "orcpt" => self.recipients.last_mut()?.dsn.orcpt = Some(value.parse().ok()?),
            "ret" => self.dsn.ret = Some(value.parse().ok()?),
            // An earlier version kept longer ones than may be sent: such a mail leaves without its name.
            "envid" => self.dsn.envid = value.parse().ok(),
            "message-id" => self.message_id = value.to_string(),
            "body" => self.eight_bit = value == "8bit",
            "repairs" => self.repairs = value.split_whitespace().map(str::to_string).collect(),
            "about" => self.about = Some(QueueId::parse(value)?),
            "job" => self.job = Some(value.to_string()).filter(|name| !name.is_empty()),
            "member" => self.members.push(QueueId::parse(value)?),
            "size" => self.size = Some(value.parse().ok()?),
            _ => {}
        }
        Some(())
    }

    fn finish(self) -> Result<Entry, String> {
        let missing = |key: &str| format!("it has no \"{key}\"");
        if self.recipients.is_empty() {
            return Err(missing("to"));
        }
        Ok(Entry {
            id: self.id.ok_or_else(|| missing("id"))?,
            arrived: self.arrived.ok_or_else(|| missing("arrived"))?,
            uid: self.uid.ok_or_else(|| missing("uid"))?,
            reverse_path: self.reverse_path.ok_or_else(|| missing("from"))?,
            originator: self.originator,
            recipients: self.recipients,
            message_id: self.message_id,
            eight_bit: self.eight_bit,
            repairs: self.repairs,
            dsn: self.dsn,
            about: self.about,
            job: self.job,
            members: self.members,
            size: self.size.ok_or_else(|| missing("size"))?,
        })
    }
}

/// RFC 5321 section 4.1.2 has no control characters in an address, not even a tab within quotes.
fn address(value: &str) -> Option<Address> {
    value.parse().ok().filter(|_| !value.contains(char::is_control))
}

/// Text from outside must not start a line of its own.
fn one_line(value: &str) -> String {
    value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_string()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn example(recipients: &[&str]) -> Entry {
        Entry {
            id: QueueId::new(),
            arrived: "2026-11-20T09:30:03.123456Z".parse().unwrap(),
            uid: 1000,
            reverse_path: Some("account@x.org".parse().unwrap()),
            originator: "alice".into(),
            recipients: recipients
                .iter()
                .map(|r| EntryRecipient {
                    address: r.parse().unwrap(),
                    original: Some("root".into()),
                    dsn: dsn::OfRecipient::default(),
                })
                .collect(),
            message_id: "<1@x.org>".into(),
            eight_bit: true,
            repairs: vec!["date".into(), "from".into()],
            dsn: dsn::OfMail::default(),
            about: None,
            job: None,
            members: Vec::new(),
            size: 42,
        }
    }

    #[test]
    fn block_reads_back() {
        for mut entry in [example(&["a@x.org"]), example(&["a@x.org", "b@x.org"])] {
            assert_eq!(Entry::parse(entry.block().0.trim_end_matches('\n')), Ok(entry.clone()));
            entry.reverse_path = None;
            entry.recipients[0].original = None;
            entry.repairs.clear();
            assert_eq!(Entry::parse(&entry.block().0), Ok(entry.clone()));
        }
    }

    #[test]
    fn what_a_sender_asks_about_delivery_reads_back() {
        let mut entry = example(&["a@x.org", "b@x.org"]);
        entry.dsn = dsn::OfMail { ret: Some(dsn::Ret::Hdrs), envid: dsn::Envid::plain("a +b") };
        entry.recipients[1].dsn.notify = "SUCCESS,DELAY".parse().ok();
        entry.recipients[1].dsn.orcpt = "rfc822;c@x.org".parse().ok();
        let block = entry.block().0;
        assert!(block.contains("to: b@x.org\noriginal-to: root\nnotify: SUCCESS,DELAY\norcpt: rfc822;c@x.org\n"));
        assert!(block.contains("\nret: HDRS\nenvid: a+20+2Bb\n"));
        assert_eq!(Entry::parse(&block), Ok(entry));
    }

    #[test]
    fn job_and_members_read_back() {
        let mut entry = example(&["a@x.org"]);
        entry.job = Some("/opt/备份 --all: x".into());
        entry.members = vec![QueueId::new(), QueueId::new()];
        let block = entry.block().0;
        assert!(block.contains("\njob: /opt/备份 --all: x\nmember: "));
        assert_eq!(Entry::parse(&block), Ok(entry));
    }

    #[test]
    fn size_stands_where_the_block_says() {
        let (block, at) = example(&["a@x.org"]).block();
        assert_eq!(&block[at..at + SIZE_WIDTH], Entry::size_digits(42));
        assert!(block.ends_with("\n\n"));
    }

    #[test]
    fn values_cannot_start_a_line() {
        let mut entry = example(&["a@x.org"]);
        entry.originator = "x\nto: evil@x.org".into();
        let back = Entry::parse(&entry.block().0).unwrap();
        assert_eq!(back.recipients.len(), 1);
    }

    #[test]
    fn damaged_blocks_are_named() {
        for (text, word) in [
            ("", "start"),
            ("mailx-t-entry: 1\n", "\"to\""),
            ("mailx-t-entry: 1\nuid: x\n", "uid"),
            ("mailx-t-entry: 1\nto: \"\tx\"@x.org\n", "to"),
        ] {
            assert!(Entry::parse(text).unwrap_err().contains(word), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "(mailx-t-entry: 1\n)?([a-z-]{0,9}:? ?[ -~]{0,20}\n){0,8}") {
            let _ = Entry::parse(&text);
        }
    }
}
