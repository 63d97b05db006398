//! Judges the settings as a whole, once each of them is understood: one may be missing, or two may not fit together.

use lettre::Address;

use super::error::Unfit;
use super::smarthosts::Smarthosts;
use crate::message::in_ascii;
use crate::{envelope, lookalike, outcome, spool};

/// The address that mail leaves as: the one that is set for all mail, else that of the smarthost for all mail.
pub(super) fn account(smarthosts: &Smarthosts, from: Option<&Address>) -> Result<Address, Unfit> {
    let general = &smarthosts[smarthosts.general()];
    let account = from.cloned().map(in_ascii).or_else(|| general.account());
    account.ok_or(match &general.user {
        Some(user) => {
            let is_wrong = |c: &char| lookalike::of(*c).is_some() || user.contains('@') && c.is_ascii_whitespace();
            Unfit::UserIsNoAddress { wide: user.chars().find(is_wrong) }
        }
        None => Unfit::NoAccount,
    })
}

/// A smarthost for some senders alone has an account, and no other's: mail finds its smarthost by its account.
pub(super) fn own_accounts(smarthosts: &Smarthosts, account: &Address) -> Result<(), Unfit> {
    let general = smarthosts.general();
    for id in smarthosts.ids() {
        let smarthost = &smarthosts[id];
        if smarthost.is_for_all() {
            continue;
        }
        let Some(own) = smarthost.account() else {
            return Err(Unfit::NoOwnAccount { smarthost: smarthost.to_string() });
        };
        if own == *account && id != general {
            return Err(Unfit::SharedAccount { smarthost: smarthost.to_string(), account: own.to_string() });
        }
    }
    Ok(())
}

/// A further smarthost for all mail has no sender of its own: the mail that it gets has its sender already.
pub(super) fn senders(smarthosts: &Smarthosts, account: &Address) -> Result<(), Unfit> {
    let general = smarthosts.general();
    for id in smarthosts.ids().filter(|id| *id != general) {
        let smarthost = &smarthosts[id];
        if smarthost.is_for_all() && smarthost.from.is_some() && smarthost.account().as_ref() != Some(account) {
            return Err(Unfit::UnheardSender { smarthost: smarthost.to_string(), account: account.to_string() });
        }
    }
    Ok(())
}

/// The spool is one place, and takes mail.
pub(super) fn spool(settings: &spool::Settings) -> Result<(), Unfit> {
    if settings.max_message_size.as_u64() == 0 {
        return Err(Unfit::NoSize);
    }
    if settings.path.as_ref().is_some_and(|path| !path.is_absolute()) {
        return Err(Unfit::RelativeSpool);
    }
    Ok(())
}

/// Names lead to addresses.
pub(super) fn recipients(settings: &envelope::Settings) -> Result<(), Unfit> {
    if settings.default.as_ref().is_some_and(|names| !names.are_usable()) {
        return Err(Unfit::Default);
    }
    match settings.aliases.iter().find(|(_, names)| !names.are_usable()) {
        Some((name, _)) => Err(Unfit::Alias { name: outcome::clean(name) }),
        None => Ok(()),
    }
}
