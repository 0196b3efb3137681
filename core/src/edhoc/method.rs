//! Methods (RFC 9528 §3.2): who authenticates by signature, and who by static Diffie-Hellman.

use crate::crypto::AuthenticationKey;

/// A method. The numbers are those of the EDHOC Method Type registry; the first word of a name is the Initiator's part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Method {
    /// Both sign.
    SignSign = 0,
    /// The Initiator signs, the Responder uses static Diffie-Hellman.
    SignDh = 1,
    /// The Initiator uses static Diffie-Hellman, the Responder signs.
    DhSign = 2,
    /// Static Diffie-Hellman on both sides: the shortest messages.
    #[default]
    DhDh = 3,
}

impl Method {
    /// Every method, in order of number.
    pub const ALL: [Method; 4] = [Method::SignSign, Method::SignDh, Method::DhSign, Method::DhDh];

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The method with this number.
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Method::SignSign),
            1 => Some(Method::SignDh),
            2 => Some(Method::DhSign),
            3 => Some(Method::DhDh),
            _ => None,
        }
    }

    /// What the Initiator authenticates with. A build without signatures takes method 3 only, and its compiler may know that.
    pub const fn initiator(self) -> AuthenticationKey {
        match self {
            Method::SignSign | Method::SignDh if cfg!(feature = "signatures") => AuthenticationKey::Signature,
            _ => AuthenticationKey::StaticDh,
        }
    }

    /// What the Responder authenticates with; as [`initiator`](Method::initiator).
    pub const fn responder(self) -> AuthenticationKey {
        match self {
            Method::SignSign | Method::DhSign if cfg!(feature = "signatures") => AuthenticationKey::Signature,
            _ => AuthenticationKey::StaticDh,
        }
    }
}

/// A set of methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Methods(u8);

impl Methods {
    /// None.
    pub const NONE: Methods = Methods(0);

    /// Every method of this build: without feature `signatures`, method 3 only.
    pub const ALL: Methods = Methods(if cfg!(feature = "signatures") { 0b1111 } else { 0b1000 });

    /// These and that one.
    #[must_use]
    pub const fn with(self, method: Method) -> Methods {
        Methods(self.0 | 1 << method.number())
    }

    /// These, but not that one.
    #[must_use]
    pub const fn without(self, method: Method) -> Methods {
        Methods(self.0 & !(1 << method.number()))
    }

    /// True if the method is among them.
    pub const fn contain(self, method: Method) -> bool {
        self.0 & Methods::ALL.0 & (1 << method.number()) != 0
    }
}

impl Default for Methods {
    fn default() -> Self {
        Methods::ALL
    }
}
