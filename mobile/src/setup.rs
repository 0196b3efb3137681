//! Setup and ownership: setup codes, what a newcomer shows, statements of an owner, and the endpoint's part in them.

use crate::callback::Keystore;
use crate::endpoint::{Endpoint, route, thumbprint};
use crate::error::{Result, SealwireError};
use crate::keys::{Key, System};
use crate::port::random;
use sealwire_core::Error;
use sealwire_core::bytes::{Secret, Writer};
use sealwire_core::credential::Thumbprint;
use sealwire_core::crypto::KeyHandle;
use sealwire_core::setup::{self, MAX_SETUP_CODE, NONCE, STATEMENT};
use std::sync::Arc;
use zeroize::Zeroizing;

#[cfg(test)]
mod tests;

/// What the label of a device says: who it is, its setup secret, and its model.
#[derive(uniffi::Object)]
pub struct SetupCode(setup::SetupCode);

#[uniffi::export]
impl SetupCode {
    /// Reads a code, as its QR code has it: one spelling, no blanks around. Throws `Malformed`.
    #[uniffi::constructor]
    pub fn parse(text: String) -> Result<Arc<Self>> {
        let text = Zeroizing::new(text);
        let wrong = |error| {
            SealwireError::new(
                error,
                "a setup code is SW1:, 52 of A-Z and 2-7, a colon and the model; capitals, and no blank or line end around",
            )
        };
        let read = setup::SetupCode::parse(&text).map_err(wrong)?;
        Ok(Arc::new(SetupCode(read)))
    }

    /// A new label for the device with this thumbprint: with a secret of its own, by the system's random numbers. `model`: 0 to 24
    /// characters of A-Z, 0-9, `.`, `/` and `-`. Throws `InvalidArgument`.
    #[uniffi::constructor]
    pub fn generate(device: Vec<u8>, model: String) -> Result<Arc<Self>> {
        let mut secret = Secret::zero();
        random(secret.expose_mut())?;
        let made = setup::SetupCode::new(thumbprint(&device)?, secret, &model);
        Ok(Arc::new(SetupCode(made.map_err(|error| SealwireError::new(error, "a model is 0 to 24 of A-Z, 0-9, . / and -"))?)))
    }

    /// The thumbprint of the device.
    pub fn device(&self) -> Vec<u8> {
        self.0.device.0.to_vec()
    }

    /// The model; may be empty.
    pub fn model(&self) -> String {
        self.0.model().to_owned()
    }

    /// The text for the label. It holds the setup secret: print it, and do not keep it.
    pub fn text(&self) -> Result<String> {
        let mut text = Zeroizing::new([0; MAX_SETUP_CODE]);
        let mut w = Writer::new(text.as_mut());
        self.0.write(&mut w)?;
        Ok(std::str::from_utf8(w.written()).map_err(|_| Error::Internal)?.to_owned())
    }
}

/// Why a device that does not know this end should let it in. `anchor`: the key by which this end will sign as its owner, Ed25519 or Es256 and no
/// key of its credentials; left out, it is that of its credential if that one signs, and else it can release the device to nobody.
#[derive(Clone, uniffi::Enum)]
pub enum Claim {
    /// It knows the label of a device that nobody owns.
    Setup {
        /// The label.
        code: Arc<SetupCode>,
        /// See above.
        #[uniffi(default = None)]
        anchor: Option<Arc<Key>>,
    },
    /// The owner has signed the device over to it.
    Release {
        /// The thumbprint of the device.
        device: Vec<u8>,
        /// What `signStatement` gave the owner.
        statement: Vec<u8>,
        /// See above.
        #[uniffi(default = None)]
        anchor: Option<Arc<Key>>,
    },
    /// The owner has let it in.
    Delegation {
        /// The thumbprint of the device.
        device: Vec<u8>,
        /// What `signStatement` gave the owner.
        statement: Vec<u8>,
    },
    /// The device knows it: it is the owner, or somebody whom the owner has let in before.
    Known {
        /// The thumbprint of the device.
        device: Vec<u8>,
    },
}

impl Claim {
    pub(crate) fn device(&self) -> Result<Thumbprint> {
        match self {
            Claim::Setup { code, .. } => Ok(code.0.device),
            Claim::Release { device, .. } | Claim::Delegation { device, .. } | Claim::Known { device } => thumbprint(device),
        }
    }

    fn core(&self) -> setup::Claim<'_> {
        match self {
            Claim::Setup { code, anchor } => setup::Claim::Setup { secret: &code.0.secret, anchor: anchor.as_ref().map(|key| &key.public) },
            Claim::Release { statement, anchor, .. } => setup::Claim::Release { statement, anchor: anchor.as_ref().map(|key| &key.public) },
            Claim::Delegation { statement, .. } => setup::Claim::Delegation { statement },
            Claim::Known { .. } => setup::Claim::Known,
        }
    }
}

/// Who owns a device.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct OwnershipState {
    /// One more with every release and every reset.
    pub epoch: u32,
    /// What statements of the owner are signed over, besides the epoch.
    pub nonce: Vec<u8>,
    /// Thumbprint of the owner.
    pub owner: Option<Vec<u8>>,
    /// Thumbprints of those whom the owner has let in.
    pub delegates: Vec<Vec<u8>>,
}

impl From<&setup::Ownership> for OwnershipState {
    fn from(found: &setup::Ownership) -> Self {
        let bytes = |thumbprint: Thumbprint| thumbprint.0.to_vec();
        OwnershipState {
            epoch: found.epoch(),
            nonce: found.nonce().to_vec(),
            owner: found.owner().map(bytes),
            delegates: found.delegates().map(bytes).collect(),
        }
    }
}

/// What somebody is to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Standing {
    /// Its owner.
    Owner,
    /// Somebody whom the owner has let in.
    Delegate,
}

impl Standing {
    const fn take(standing: setup::Standing) -> Option<Self> {
        match standing {
            setup::Standing::None => None,
            setup::Standing::Owner => Some(Standing::Owner),
            setup::Standing::Delegate => Some(Standing::Delegate),
        }
    }
}

/// What an owner states about somebody, named by the thumbprint of its credential.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Statement {
    /// It is the next owner.
    Release {
        /// Who.
        owner: Vec<u8>,
    },
    /// It may come in as long as this ownership lasts.
    Delegation {
        /// Who.
        delegate: Vec<u8>,
    },
}

/// Signs a statement as the owner of `device`. `key` is the anchor that the device was given, `epoch` and `nonce` are those of the newest `Ownership` event; `keystore`
/// is asked if it holds the key. What it gives is no secret: hand it to whom it is about.
///
/// Throws `UnknownKey` (a key that does not sign), `InvalidArgument`, `Pending` (call it again when the key store has answered).
#[uniffi::export(default(keystore = None))]
pub fn sign_statement(
    key: Arc<Key>,
    device: Vec<u8>,
    epoch: u32,
    nonce: Vec<u8>,
    statement: Statement,
    keystore: Option<Arc<dyn Keystore>>,
) -> Result<Vec<u8>> {
    let (kind, about) = match &statement {
        Statement::Release { owner } => (setup::Statement::Release, owner),
        Statement::Delegation { delegate } => (setup::Statement::Delegation, delegate),
    };
    let (device, about) = (thumbprint(&device)?, thumbprint(about)?);
    let nonce: [u8; NONCE] = nonce.as_slice().try_into().map_err(|_| SealwireError::new(Error::InvalidArgument, "a nonce has 8 bytes"))?;
    let algorithm = key.signs_with().ok_or_else(|| SealwireError::new(Error::UnknownKey, "owners sign with Ed25519 or Es256"))?;
    let mut system = System::with(&key, keystore.as_deref());
    let mut out = [0; STATEMENT];
    let mut w = Writer::new(&mut out);
    match setup::sign(&mut system, (KeyHandle(0), algorithm), kind, &device, (epoch, &nonce), &about, &mut w) {
        Ok(()) => Ok(out.to_vec()),
        Err(error) => Err(SealwireError::new(error, system.cause.take().unwrap_or_default())),
    }
}

impl Endpoint {
    /// `connect` with a peer that there is a session with; with one that was `claimed`, in this process or, to all appearances, in one before, as somebody whom
    /// it knows.
    pub(crate) fn meet_again(&self, route: Vec<u8>, peer: Vec<u8>, claimed: bool) -> Result<u32> {
        let known = thumbprint(&peer)?;
        let vouched = self.run(|_, port| Ok(!port.anchors.is_empty() || port.peers.iter().any(|peer| peer.thumbprint == known)))?;
        if claimed || !vouched {
            self.claim(Claim::Known { device: peer }, Some(route), None)
        } else {
            self.connect(Some(route), Some(peer), None)
        }
    }
}

#[uniffi::export]
impl Endpoint {
    /// Starts a handshake with a device that is known by its thumbprint alone, to be let in by what is shown. Otherwise as `connect`; the own credential, a CCS, goes by
    /// value. `Ownership` then tells an owner what to sign over.
    ///
    /// Throws what `connect` does; `InvalidArgument` (a statement of another length), `InvalidKey` (an anchor that does not sign).
    #[uniffi::method(default(route = None, now = None))]
    pub fn claim(&self, claim: Claim, route: Option<Vec<u8>>, now: Option<u64>) -> Result<u32> {
        let (route, device, now) = (self::route(route)?, claim.device()?, self.time(now));
        self.run(|core, port| {
            let outcome = core.claim(port, now, route, device, &claim.core());
            let wrong = match outcome {
                Err(Error::InvalidKey) => Some("the anchor is a key that signs, Ed25519 or Es256, and none of this endpoint's credentials"),
                Err(Error::InvalidArgument) => Some("a statement is what `signStatement` gave the owner, whole"),
                _ => None,
            };
            if let Some(wrong) = wrong {
                port.cause.get_or_insert_with(|| wrong.to_owned());
            }
            outcome
        })
        .map(|handshake| handshake.0)
    }

    /// Makes this endpoint a device that can be owned; before `restore`. Its record is kept in the storage under `key`, which is at least `maxSessions`. `code` is its
    /// label. From then on it shows its credential by value, since who reads the label knows no more than the thumbprint.
    ///
    /// Throws `InvalidArgument` (`key`, or the label of another device), `WrongState` (called before, or there are sessions already), `StorageFailed`,
    /// `UnsupportedState`; `CorruptState`: the record is damaged, and nobody is let in before `resetOwnership`.
    pub fn enable_setup(&self, key: u32, code: Arc<SetupCode>) -> Result<()> {
        self.run(|core, port| {
            if !port.is_own(&code.0.device)? {
                port.cause = Some("the label of another device".to_owned());
                return Err(Error::InvalidArgument);
            }
            let outcome = core.enable_setup(port, key, code.0.secret.clone());
            port.by_value |= matches!(outcome, Ok(()) | Err(Error::CorruptState));
            outcome
        })
    }

    /// There was a physical act: setup is possible until then, and for 10 minutes at most. Throws `OtherOwner`, `WrongState`, `CorruptState`.
    #[uniffi::method(default(until = None, now = None))]
    pub fn open_setup(&self, until: Option<u64>, now: Option<u64>) -> Result<()> {
        let now = self.time(now);
        self.run(|core, _| core.open_setup(now, until.unwrap_or(u64::MAX)))
    }

    /// Setup is not possible any more.
    pub fn close_setup(&self) -> Result<()> {
        self.run(|core, _| {
            core.close_setup();
            Ok(())
        })
    }

    /// Who owns this device; nothing while setup is not enabled, or the record is damaged.
    pub fn ownership(&self) -> Result<Option<OwnershipState>> {
        self.run(|core, _| Ok(core.ownership().map(OwnershipState::from)))
    }

    /// What a peer is to this device; nothing if neither its owner nor let in by it.
    pub fn standing(&self, peer: Vec<u8>) -> Result<Option<Standing>> {
        let peer = thumbprint(&peer)?;
        self.run(|core, _| Ok(core.ownership().and_then(|ownership| Standing::take(ownership.standing(&peer)))))
    }

    /// Takes from a delegate what the owner had given it, and ends its sessions; when the owner asks for it. Statements that the owner has signed
    /// before count no more. Throws `UnknownCredential` (no such delegate), `StorageFailed`: call it again. On an open link use its `revoke`.
    pub fn revoke(&self, delegate: Vec<u8>) -> Result<()> {
        let delegate = thumbprint(&delegate)?;
        self.run(|core, port| core.revoke(port, &delegate))
    }

    /// Physical reset: the device belongs to nobody, in the next epoch, and every session has ended. Throws `StorageFailed`: call it again. On an open link
    /// use its `resetOwnership`.
    pub fn reset_ownership(&self) -> Result<()> {
        self.run(|core, port| core.reset_ownership(port))
    }
}
