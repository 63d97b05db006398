//! A mail as it is offered to a server, and the commands of its envelope: MAIL and RCPT, with the parameters of the
//! extensions that the server offers.

use lettre::Address;
use lettre::transport::smtp::commands::{Mail as MailCommand, Rcpt};
use lettre::transport::smtp::extension::{MailBodyParameter, MailParameter, RcptParameter};

use super::Capabilities;
use crate::dsn;

/// The envelope of one mail, and what the server must know about its content.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mail<'a> {
    /// The address that bounces go to. A mail that must not bounce has none.
    pub(crate) reverse_path: Option<&'a Address>,
    /// The recipients. The outcomes come in this order.
    pub(crate) recipients: &'a [&'a Address],
    /// The size of the content in bytes, with CRLF at the end of each line.
    pub(crate) size: u64,
    /// The content has bytes above 127.
    pub(crate) eight_bit: bool,
    /// An address or a header field has characters beyond ASCII.
    pub(crate) smtputf8: bool,
    /// The sender's wishes for reports about the mail, RFC 3461. The server hears them if it offers DSN.
    pub(crate) dsn: Option<&'a dsn::OfMail>,
    /// The sender's wishes for reports about each recipient, in their order. The sender has no wishes about recipients
    /// past its end.
    pub(crate) recipient_dsn: &'a [&'a dsn::OfRecipient],
}

/// The commands of an envelope: a group in the sense of RFC 2920.
pub(super) struct EnvelopeCommands {
    pub(super) mail: String,
    /// MAIL holds parameters that could be left out.
    pub(super) has_parameters: bool,
    pub(super) recipients: Vec<String>,
}

impl EnvelopeCommands {
    pub(super) fn new(mail: &Mail<'_>, capabilities: &Capabilities) -> Self {
        let mut parameters = Vec::new();
        if capabilities.size.is_some() && !capabilities.is_bare {
            parameters.push(MailParameter::Size(usize::try_from(mail.size).unwrap_or(usize::MAX)));
        }
        if mail.eight_bit && capabilities.eight_bit_mime {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        if mail.smtputf8 && capabilities.smtputf8 {
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let (dsn, recipient_dsn) = if capabilities.dsn { (mail.dsn, mail.recipient_dsn) } else { (None, &[][..]) };
        if let Some(dsn) = dsn {
            parameters.extend(mail_parameters(dsn));
        }
        let mut recipients = Vec::with_capacity(mail.recipients.len());
        for (n, address) in mail.recipients.iter().enumerate() {
            let parameters = recipient_dsn.get(n).map(|dsn| recipient_parameters(dsn)).unwrap_or_default();
            recipients.push(Rcpt::new((*address).clone(), parameters).to_string());
        }
        let has_parameters = parameters.iter().any(|parameter| !matches!(parameter, MailParameter::SmtpUtfEight));
        let mail = MailCommand::new(mail.reverse_path.cloned(), parameters).to_string();
        Self { mail, has_parameters, recipients }
    }

    /// The octets of the commands.
    pub(super) fn len(&self) -> usize {
        self.mail.len() + self.recipients.iter().map(String::len).sum::<usize>()
    }
}

/// RET and ENVID. lettre writes a value in xtext.
fn mail_parameters(dsn: &dsn::OfMail) -> Vec<MailParameter> {
    let other = |keyword: &str, value: String| MailParameter::Other { keyword: keyword.into(), value: Some(value) };
    let ret = dsn.ret.map(|ret| other("RET", ret.to_string()));
    let envid = dsn.envid.as_ref().map(|envid| other("ENVID", envid.text().to_string()));
    ret.into_iter().chain(envid).collect()
}

/// NOTIFY and ORCPT.
fn recipient_parameters(dsn: &dsn::OfRecipient) -> Vec<RcptParameter> {
    let other = |keyword: &str, value: String| RcptParameter::Other { keyword: keyword.into(), value: Some(value) };
    let notify = dsn.notify.map(|notify| other("NOTIFY", notify.to_string()));
    let orcpt = dsn.orcpt.as_ref().map(|orcpt| other("ORCPT", orcpt.text()));
    notify.into_iter().chain(orcpt).collect()
}
