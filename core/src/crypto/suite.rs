//! Cipher suites as data (RFC 9528 table 6, COSE numbers).

#[cfg(not(any(feature = "suite-x25519-chacha", feature = "suite-x25519-ccm", feature = "suite-p256-ccm", feature = "suite-p256-ccm16")))]
compile_error!("enable at least one cipher suite: suite-x25519-chacha, suite-x25519-ccm, suite-p256-ccm, suite-p256-ccm16");

/// A curve for Diffie-Hellman, COSE numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Curve {
    /// NIST P-256; public keys travel as the 32-byte x coordinate.
    P256 = 1,
    /// X25519, RFC 7748.
    X25519 = 4,
}

/// A signature algorithm, COSE numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Signature {
    /// Ed25519.
    EdDsa = -8,
    /// ECDSA on P-256 with SHA-256, r ‖ s, 64 bytes.
    Es256 = -7,
}

impl Signature {
    /// The COSE algorithm number.
    pub const fn number(self) -> i64 {
        self as i64
    }
}

/// An AEAD algorithm, COSE numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Aead {
    /// AES-CCM-16-64-128: 8-byte tag, 13-byte nonce.
    AesCcm16_64_128 = 10,
    /// ChaCha20/Poly1305: 16-byte tag, 12-byte nonce.
    ChaCha20Poly1305 = 24,
    /// AES-CCM-16-128-128: 16-byte tag, 13-byte nonce.
    AesCcm16_128_128 = 30,
}

/// Longest AEAD key in bytes.
pub const MAX_KEY: usize = 32;
/// Longest AEAD nonce in bytes.
pub const MAX_NONCE: usize = 13;
/// Longest AEAD tag in bytes.
pub const MAX_TAG: usize = 16;
/// SHA-256 output in bytes: the hash of every suite shipped.
pub const HASH: usize = 32;

impl Aead {
    /// The COSE algorithm number.
    pub const fn number(self) -> i64 {
        self as i64
    }

    /// The AEAD with this COSE number, if it is one of ours.
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            10 => Some(Aead::AesCcm16_64_128),
            24 => Some(Aead::ChaCha20Poly1305),
            30 => Some(Aead::AesCcm16_128_128),
            _ => None,
        }
    }

    /// Key length in bytes.
    pub const fn key_len(self) -> usize {
        match self {
            Aead::ChaCha20Poly1305 => 32,
            Aead::AesCcm16_64_128 | Aead::AesCcm16_128_128 => 16,
        }
    }

    /// Nonce length in bytes.
    pub const fn nonce_len(self) -> usize {
        match self {
            Aead::ChaCha20Poly1305 => 12,
            Aead::AesCcm16_64_128 | Aead::AesCcm16_128_128 => 13,
        }
    }

    /// Tag length in bytes.
    pub const fn tag_len(self) -> usize {
        match self {
            Aead::AesCcm16_64_128 => 8,
            Aead::ChaCha20Poly1305 | Aead::AesCcm16_128_128 => 16,
        }
    }
}

/// What an endpoint proves its identity with (RFC 9528 §3.2): which of its keys, and so which of its credentials, a method asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AuthenticationKey {
    /// A static Diffie-Hellman key; the proof is a MAC.
    StaticDh = 0,
    /// A signature key.
    Signature = 1,
}

/// An EDHOC cipher suite that this build has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Suite {
    /// Suite 0: AES-CCM-16-64-128, SHA-256, X25519, EdDSA.
    #[cfg(feature = "suite-x25519-ccm")]
    X25519Ccm = 0,
    /// Suite 2: AES-CCM-16-64-128, SHA-256, P-256, ES256.
    #[cfg(feature = "suite-p256-ccm")]
    P256Ccm = 2,
    /// Suite 3: AES-CCM-16-128-128, SHA-256, P-256, ES256; AES-CCM-16-64-128 for records.
    #[cfg(feature = "suite-p256-ccm16")]
    P256Ccm16 = 3,
    /// Suite 4: ChaCha20/Poly1305, SHA-256, X25519, EdDSA.
    #[cfg(feature = "suite-x25519-chacha")]
    X25519ChaCha = 4,
}

impl Suite {
    /// Every suite of this build, best first.
    pub const ALL: &'static [Suite] = &[
        #[cfg(feature = "suite-x25519-chacha")]
        Suite::X25519ChaCha,
        #[cfg(feature = "suite-p256-ccm")]
        Suite::P256Ccm,
        #[cfg(feature = "suite-p256-ccm16")]
        Suite::P256Ccm16,
        #[cfg(feature = "suite-x25519-ccm")]
        Suite::X25519Ccm,
    ];

    /// The number in the EDHOC Cipher Suites registry.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The suite with this number, if this build has it.
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            #[cfg(feature = "suite-x25519-ccm")]
            0 => Some(Suite::X25519Ccm),
            #[cfg(feature = "suite-p256-ccm")]
            2 => Some(Suite::P256Ccm),
            #[cfg(feature = "suite-p256-ccm16")]
            3 => Some(Suite::P256Ccm16),
            #[cfg(feature = "suite-x25519-chacha")]
            4 => Some(Suite::X25519ChaCha),
            _ => None,
        }
    }

    /// The AEAD of message_3 and message_4.
    pub const fn edhoc_aead(self) -> Aead {
        match self {
            #[cfg(feature = "suite-x25519-ccm")]
            Suite::X25519Ccm => Aead::AesCcm16_64_128,
            #[cfg(feature = "suite-p256-ccm")]
            Suite::P256Ccm => Aead::AesCcm16_64_128,
            #[cfg(feature = "suite-p256-ccm16")]
            Suite::P256Ccm16 => Aead::AesCcm16_128_128,
            #[cfg(feature = "suite-x25519-chacha")]
            Suite::X25519ChaCha => Aead::ChaCha20Poly1305,
        }
    }

    /// The AEAD of records: the application AEAD algorithm.
    pub const fn application_aead(self) -> Aead {
        match self {
            #[cfg(feature = "suite-p256-ccm16")]
            Suite::P256Ccm16 => Aead::AesCcm16_64_128,
            #[cfg(any(feature = "suite-x25519-chacha", feature = "suite-x25519-ccm", feature = "suite-p256-ccm"))]
            _ => self.edhoc_aead(),
        }
    }

    /// MAC length in bytes for a static Diffie-Hellman party. A signer's MAC is as long as the hash.
    pub const fn mac_len(self) -> usize {
        self.edhoc_aead().tag_len()
    }

    /// The curve of ephemeral and static Diffie-Hellman keys.
    pub const fn curve(self) -> Curve {
        match self {
            #[cfg(feature = "suite-x25519-ccm")]
            Suite::X25519Ccm => Curve::X25519,
            #[cfg(feature = "suite-p256-ccm")]
            Suite::P256Ccm => Curve::P256,
            #[cfg(feature = "suite-p256-ccm16")]
            Suite::P256Ccm16 => Curve::P256,
            #[cfg(feature = "suite-x25519-chacha")]
            Suite::X25519ChaCha => Curve::X25519,
        }
    }

    /// The signature algorithm.
    pub const fn signature(self) -> Signature {
        match self.curve() {
            Curve::X25519 => Signature::EdDsa,
            Curve::P256 => Signature::Es256,
        }
    }
}
