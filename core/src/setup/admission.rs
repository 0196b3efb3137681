//! Whether a device lets a newcomer in (`docs/PROTOCOL.md` §10.3 to §10.5).

use super::SECRET;
use super::item::{self, Item};
use super::ownership::{NONCE, Ownership, Party, Standing};
use super::statement::Statement;
use crate::bytes::{Secret, equal};
use crate::cose::{PublicKey, Thumbprint};
use crate::crypto::{AuthenticationKey, Provider};
use crate::edhoc::{Binding, EadItems, Shown, setup_tag};
use crate::error::{Error, Result};

/// How long a physical act counts at most.
pub(crate) const WINDOW_MS: u64 = 600_000;
/// The delay after the first wrong tag; it doubles up to the longest.
const DELAY_MS: u64 = 1_000;
const MAX_DELAY_MS: u64 = 60_000;
/// Doublings that reach it.
const MAX_WRONG: u8 = 7;

/// An endpoint that can be owned.
pub(crate) struct Device {
    pub(crate) ownership: Ownership,
    /// Under which key of the store its record lies.
    pub(crate) key: u32,
    secret: Secret<SECRET>,
    /// Setup is possible before this; 0 for not at all.
    pub(crate) open_until: u64,
    wrong: u8,
    /// No tag is looked at before this.
    delayed_until: u64,
    /// The record could not be read.
    pub(crate) damaged: bool,
    /// The store has failed with the record: what lies there may be another than what is in force.
    pub(crate) unsure: bool,
    /// The application has not been told of the ownership as it is.
    pub(crate) changed: bool,
}

/// Who asks to come in: authenticated, and let in by policy.
pub(crate) struct Newcomer<'a> {
    pub(crate) thumbprint: Thumbprint,
    pub(crate) shown: &'a Shown,
    pub(crate) ead_3: EadItems<'a>,
}

impl Device {
    pub(crate) fn new(key: u32, secret: Secret<SECRET>) -> Self {
        Device {
            ownership: Ownership::default(),
            key,
            secret,
            open_until: 0,
            wrong: 0,
            delayed_until: 0,
            damaged: false,
            unsure: false,
            changed: false,
        }
    }

    /// The ownership that follows if this newcomer comes in, the same one if nothing changes; and what it is then. Only the count of wrong
    /// tags changes here.
    ///
    /// Errors: `Malformed`, `NotDeterministic`, `InvalidKey`, `UntrustedCredential` (it shows nothing), `OtherOwner`, `SetupClosed`,
    /// `SetupDelayed`, `WrongSetupSecret`, `WrongStatement`, `NoSpace`, `WrongState`, `CorruptState`, the port's.
    pub(crate) fn admit<P: Provider>(
        &mut self,
        p: &mut P,
        now_ms: u64,
        newcomer: &Newcomer<'_>,
        binding: impl FnOnce(&mut P) -> Result<Binding>,
    ) -> Result<(Ownership, Standing)> {
        let item = item::find(newcomer.ead_3.clone())?;
        let party = Party::new(newcomer.thumbprint, &newcomer.shown.hash)?;
        let current = self.ownership;
        let standing = current.standing_of(&party);
        let Some(item) = item else {
            return if newcomer.shown.vouched || standing != Standing::None {
                Ok((current, standing))
            } else {
                Err(Error::UntrustedCredential)
            };
        };
        if self.damaged {
            return Err(Error::CorruptState);
        }
        match item {
            // The owner comes in whatever it shows: what brought it in once, when message_4 was lost. Only a release to itself, for which it
            // has signed anew, has an effect.
            Item::Setup { .. } | Item::Delegation { .. } if standing == Standing::Owner => Ok((current, standing)),
            Item::Setup { tag, anchor } => {
                self.check_window(now_ms)?;
                let binding = binding(p)?;
                let expected = setup_tag(p, &self.secret, &binding.th_3, &newcomer.shown.hash, &binding.cred_r)?;
                if !equal(expected.expose(), tag) {
                    self.count_wrong(now_ms);
                    return Err(Error::WrongSetupSecret);
                }
                let anchor = anchor_of(anchor, newcomer.shown, &binding)?;
                Ok((current.taken(party, anchor, nonce(p)?), Standing::Owner))
            }
            Item::Release { statement, anchor } => {
                let binding = binding(p)?;
                match Statement::Release.verify(p, &current, &binding.device, &newcomer.thumbprint, statement) {
                    Err(Error::WrongStatement) if standing == Standing::Owner => return Ok((current, standing)),
                    outcome => outcome?,
                }
                let anchor = anchor_of(anchor, newcomer.shown, &binding)?;
                Ok((current.raised(Some(party), anchor, nonce(p)?)?, Standing::Owner))
            }
            Item::Delegation { .. } if standing == Standing::Delegate => Ok((current, standing)),
            Item::Delegation { statement } => {
                let binding = binding(p)?;
                Statement::Delegation.verify(p, &current, &binding.device, &newcomer.thumbprint, statement)?;
                Ok((current.delegated(party)?, Standing::Delegate))
            }
        }
    }

    fn check_window(&self, now_ms: u64) -> Result<()> {
        if self.ownership.owner.is_some() {
            return Err(Error::OtherOwner);
        }
        if now_ms >= self.open_until {
            return Err(Error::SetupClosed);
        }
        if now_ms < self.delayed_until {
            return Err(Error::SetupDelayed);
        }
        Ok(())
    }

    fn count_wrong(&mut self, now_ms: u64) {
        self.delayed_until = now_ms.saturating_add((DELAY_MS << self.wrong).min(MAX_DELAY_MS));
        self.wrong = self.wrong.saturating_add(1).min(MAX_WRONG);
    }

    /// Another ownership is in force: its record is durable.
    pub(crate) fn adopt(&mut self, next: Ownership) {
        self.ownership = next;
        self.open_until = 0;
        self.wrong = 0;
        self.delayed_until = 0;
        self.damaged = false;
        self.changed = true;
    }

    /// The ownership after a reset. A record that was lost begins at epoch 0 again. Errors: `WrongState` in the last epoch, `RandomFailed`.
    pub(crate) fn reset<P: Provider>(&self, p: &mut P) -> Result<Ownership> {
        let nonce = nonce(p)?;
        if self.damaged {
            return Ok(Ownership { nonce, wiping: true, ..Ownership::default() });
        }
        self.ownership.raised(None, None, nonce)
    }

    /// The ownership without this delegate. Errors: `UnknownCredential`, `RandomFailed`.
    pub(crate) fn revoke<P: Provider>(&self, p: &mut P, delegate: &Thumbprint) -> Result<Ownership> {
        self.ownership.revoked(delegate, nonce(p)?)
    }

    /// The ownership when nothing of earlier epochs is stored any more.
    pub(crate) const fn wiped(&self) -> Ownership {
        self.ownership.wiped()
    }
}

/// The key by which a new owner will sign. Error: `InvalidKey` for the key of its credential.
fn anchor_of(anchor: Option<PublicKey>, shown: &Shown, binding: &Binding) -> Result<Option<PublicKey>> {
    match anchor {
        // On P-256 the other y is the same private key.
        Some(anchor) if anchor.curve == shown.key.curve && anchor.x == shown.key.x => Err(Error::InvalidKey),
        None if binding.method.initiator() == AuthenticationKey::Signature => Ok(Some(shown.key)),
        anchor => Ok(anchor),
    }
}

fn nonce<P: Provider>(p: &mut P) -> Result<[u8; NONCE]> {
    let mut nonce = [0; NONCE];
    p.random(&mut nonce)?;
    Ok(nonce)
}
