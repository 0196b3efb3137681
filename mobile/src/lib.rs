//! Sealwire for phone apps: `sealwire-core` behind one thread-safe object, for Kotlin and Swift by UniFFI.
//!
//! The bindings under `mobile/kotlin` and `mobile/swift` are generated from this crate (`scripts/mobile-bindings.sh`) and committed. No secret is in
//! any record: private keys stay in a [`Key`] or in the phone's key store, which is reached by name through [`Keystore`].
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::print_stdout
    )
)]

mod ble;
mod callback;
mod clock;
mod config;
mod endpoint;
mod error;
mod event;
mod guarded;
mod keys;
mod link;
mod port;
mod setup;
mod storage;
#[cfg(test)]
mod tests;

pub use ble::{BleReassembler, BleSplitter, BleUuids, ble_payload, ble_uuids};
pub use callback::{Authorizer, CallbackError, Keystore, PeerInfo, Storage};
pub use config::{Config, Identity, Outgoing};
pub use endpoint::Endpoint;
pub use error::{ErrorInfo, SealwireError, errors_table};
pub use event::{Counters, Event, Incoming, LinkCounters, Origin, Role, Sent, SessionInfo, Transmit, acknowledges};
pub use keys::{Credential, CredentialKind, CwtClaims, Key, KeyKind, Purpose, TrustAnchor};
#[cfg(feature = "mqtt")]
pub use link::{Broker, Login, MqttVersion, Tls, broker_from_url};
pub use link::{Cancellation, FrameTransport, Link, LinkConfig, LinkEvent, LinkMessage, NetworkError, Receipt, Session, TopicTransport};
pub use setup::{Claim, OwnershipState, SetupCode, Standing, Statement, sign_statement};
pub use storage::{FileStorage, MemoryStorage};

uniffi::setup_scaffolding!();

/// The version of the library.
#[uniffi::export]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
