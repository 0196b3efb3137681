//! Setup and ownership (`docs/PROTOCOL.md` §10): how a device gets an owner by what its label says, and another one later.
//!
//! - [`SetupCode`]: what the label says;
//! - [`Ownership`]: who owns a device, as a value with a stored form of its own;
//! - [`sign`]: what an owner signs, to release a device or to let somebody else in;
//! - [`Claim`]: what a newcomer shows in message_3.
//!
//! Everything here is a function of values. When what is stored, and what becomes of sessions, is the endpoint's.

mod admission;
mod code;
mod item;
mod ownership;
#[cfg(feature = "_fuzzing")]
pub mod probe;
mod record;
mod statement;
#[cfg(test)]
mod tests;

pub(crate) use admission::{Device, Newcomer, WINDOW_MS};
pub use code::{MAX_MODEL, MAX_SETUP_CODE, SECRET, SetupCode};
pub use item::Claim;
pub(crate) use item::{Introducing, MAX_OWNERSHIP_ITEM, is_ours, read_ownership, stow, write_ownership};
pub use ownership::{MAX_DELEGATES, NONCE, Ownership, Standing};
pub use record::RECORD;
pub use statement::{STATEMENT, Statement, sign};

/// Critical in EAD_3: the newcomer knows the setup secret.
pub const EAD_SETUP: i64 = -32770;
/// Critical in EAD_3: the owner hands over to the newcomer.
pub const EAD_RELEASE: i64 = -32771;
/// Critical in EAD_3: the owner lets the newcomer in.
pub const EAD_DELEGATION: i64 = -32772;
/// In EAD_4: epoch and nonce, for the owner.
pub const EAD_OWNERSHIP: i64 = 32773;
