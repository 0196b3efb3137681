//! Stored state: the port to a store, the snapshot of a session, and a power-cut-safe store on raw flash.
//!
//! What is stored, and when, decides whether replay protection survives a power cut: see [`crate::record::Plan`].

pub mod flash;
pub mod snapshot;
#[cfg(test)]
mod tests;

pub use flash::{Flash, Layout, TwoSlot};
pub use snapshot::{EndedSession, MAX_ROUTE, SNAPSHOT_MAX, SessionMeta};

use crate::error::Result;

/// Port: where state is kept, by small integer key.
pub trait Store {
    /// Reads what was saved last under `key` into `out`; gives its length, 0 if nothing is stored.
    ///
    /// Errors: [`Error::CorruptState`](crate::Error::CorruptState) if it is damaged, never older data instead;
    /// [`Error::BufferTooSmall`](crate::Error::BufferTooSmall); [`Error::StorageFailed`](crate::Error::StorageFailed).
    fn load(&mut self, key: u32, out: &mut [u8]) -> Result<usize>;

    /// Replaces what is stored under `key`; empty `data` removes it. When this returns, `data` is durable. When power fails before, the
    /// old or the new data is there, whole. The old data is no longer readable afterwards, as far as the medium allows: it holds keys.
    ///
    /// Errors: [`Error::StorageFailed`](crate::Error::StorageFailed) (old or new may be there),
    /// [`Error::NoSpace`](crate::Error::NoSpace) for a key or length beyond what the store was made for.
    fn save(&mut self, key: u32, data: &[u8]) -> Result<()>;

    /// Can nobody bring back an earlier state: no backup, no snapshot of a virtual machine, no cloned flash? If they can, say `false`:
    /// then no session survives a start of the program, because its keys would protect two different records under one nonce.
    fn resists_rollback(&self) -> bool;

    /// One above the highest key that may hold something: how far an endpoint looks when it restores. By default as far as its
    /// tables reach.
    fn slots(&self) -> u32 {
        u32::MAX
    }
}
