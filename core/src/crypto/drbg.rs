//! Random bytes from a seed: HMAC_DRBG with SHA-256 (NIST SP 800-90A, 10.1.2), for boards whose entropy comes rarely or slowly.
//! Without a seed there are no bytes.

use super::HASH;
use super::hash::hmac;
use crate::bytes::{Secret, copy};
use crate::error::{Error, Result};

/// Fewest bytes of a first seed: 256 bits of entropy, if every bit of it is unpredictable.
pub const SEED_MIN: usize = 32;
/// Most bytes of one request (SP 800-90A, table 2).
const REQUEST_MAX: u32 = 65_536;

/// A generator. It holds 64 secret bytes, and each request replaces them, so that earlier output cannot be computed from a later state.
pub struct Drbg {
    key: Secret<HASH>,
    value: Secret<HASH>,
    /// Requests since the last seed; `None` before the first.
    requests: Option<u32>,
}

impl Drbg {
    /// A generator that answers `RandomFailed` until it is seeded.
    pub const fn unseeded() -> Self {
        Drbg { key: Secret::zero(), value: Secret::zero(), requests: None }
    }

    /// Seeds it, or adds entropy to what it has. `extra` need not be secret: a serial number, a boot counter; it keeps two devices, or two
    /// starts, with the same seed apart. Error: `RandomFailed` if the first seed is shorter than [`SEED_MIN`]; nothing is changed then.
    pub fn seed(&mut self, seed: &[u8], extra: &[u8]) -> Result<()> {
        if self.requests.is_none() {
            if seed.len() < SEED_MIN {
                return Err(Error::RandomFailed);
            }
            *self.key.expose_mut() = [0; HASH];
            *self.value.expose_mut() = [1; HASH];
        }
        self.update(&[seed, extra]);
        self.requests = Some(0);
        Ok(())
    }

    /// Fills `out`. Errors: `RandomFailed` without a seed, and after 2^32 - 1 requests without a new one; `InvalidArgument` above 65,536 bytes.
    pub fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        if u32::try_from(out.len()).map_or(true, |length| length > REQUEST_MAX) {
            return Err(Error::InvalidArgument);
        }
        let requests = self.requests.and_then(|requests| requests.checked_add(1)).ok_or(Error::RandomFailed)?;
        for part in out.chunks_mut(HASH) {
            self.step();
            copy(part, self.value.expose());
        }
        self.update(&[]);
        self.requests = Some(requests);
        Ok(())
    }

    /// V = HMAC(K, V).
    fn step(&mut self) {
        let value = hmac(self.key.expose(), &[self.value.expose()]);
        copy(self.value.expose_mut(), value.expose());
    }

    /// HMAC_DRBG_Update with the concatenation of `data`.
    fn update(&mut self, data: &[&[u8]]) {
        let empty: &[u8] = &[];
        let (first, second) = (data.first().copied().unwrap_or(empty), data.get(1).copied().unwrap_or(empty));
        for round in [0u8, 1] {
            let key = hmac(self.key.expose(), &[self.value.expose(), &[round], first, second]);
            // Copied, not moved: what is moved stays behind on the stack, where it would tell what came before.
            copy(self.key.expose_mut(), key.expose());
            self.step();
            if first.is_empty() && second.is_empty() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hex, hex_array};
    use super::*;

    /// NIST CAVP, HMAC_DRBG.rsp of drbgvectors_no_reseed, [SHA-256], first COUNT: the second of two requests.
    #[test]
    fn known_answer_of_cavp() {
        let mut drbg = Drbg::unseeded();
        let entropy = hex("ca851911349384bffe89de1cbdc46e6831e44d34a4fb935ee285dd14b71a7488");
        drbg.seed(&entropy, &hex("659ba96c601dc69fc902940805ec0ca8")).unwrap();
        let mut out = [0; 128];
        drbg.fill(&mut out).unwrap();
        drbg.fill(&mut out).unwrap();
        let expected: [u8; 128] = hex_array(
            "e528e9abf2dece54d47c7e75e5fe302149f817ea9fb4bee6f4199697d04d5b89d54fbb978a15b5c443c9ec21036d2460b6f73ebad0dc2aba6e624abf07745bc1
             07694bb7547bb0995f70de25d6b29e2d3011bb19d27676c07162c8b5ccde0668961df86803482cb37ed6d5c0bb8d50cf1f50d476aa0458bdaba806f48be9dcb8",
        );
        assert_eq!(out, expected);
    }

    /// RFC 6979, A.2.5, P-256 with SHA-256: the nonce of ECDSA is the first output of HMAC_DRBG seeded with key and hash.
    #[test]
    fn known_answers_of_rfc_6979() {
        let key = hex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
        let nonces: [(&[u8], &str); 2] = [
            (b"sample", "A6E3C57DD01ABE90086538398355DD4C3B17AA873382B0F24D6129493D8AAD60"),
            (b"test", "D16B6AE827F17175E040871A1C7EC3500192C4C92677336EC2537ACAEE0008E0"),
        ];
        for (message, nonce) in nonces {
            let mut drbg = Drbg::unseeded();
            drbg.seed(&key, &super::super::hash(&[message])).unwrap();
            let mut out = [0; 32];
            drbg.fill(&mut out).unwrap();
            assert_eq!(out.as_slice(), hex(nonce));
        }
    }

    #[test]
    fn without_a_seed_there_is_nothing() {
        let mut drbg = Drbg::unseeded();
        let mut out = [7; 4];
        assert_eq!(drbg.fill(&mut out), Err(Error::RandomFailed));
        assert_eq!(drbg.seed(&[1; SEED_MIN - 1], &[2; 100]), Err(Error::RandomFailed));
        assert_eq!(drbg.fill(&mut out), Err(Error::RandomFailed));
        assert_eq!(out, [7; 4]);
        drbg.seed(&[1; SEED_MIN], &[]).unwrap();
        drbg.fill(&mut out).unwrap();
        assert_ne!(out, [7; 4]);
    }

    #[test]
    fn more_entropy_and_other_extras_change_what_follows() {
        let follow = |seed: &[u8], extra: &[u8], more: &[u8]| {
            let (mut drbg, mut out) = (Drbg::unseeded(), [0; 16]);
            drbg.seed(seed, extra).unwrap();
            drbg.fill(&mut out).unwrap();
            if !more.is_empty() {
                drbg.seed(more, &[]).unwrap();
            }
            drbg.fill(&mut out).unwrap();
            out
        };
        let plain = follow(&[5; 32], &[], &[]);
        assert_eq!(plain, follow(&[5; 32], &[], &[]));
        assert_ne!(plain, follow(&[5; 32], &[1], &[]));
        assert_ne!(plain, follow(&[5; 32], &[], &[1]));
        assert_ne!(plain, follow(&[6; 32], &[], &[]));
    }

    #[test]
    fn bounds_of_a_request_and_of_a_seed() {
        let mut drbg = Drbg::unseeded();
        drbg.seed(&[1; 32], &[]).unwrap();
        assert_eq!(drbg.fill(&mut std::vec![0; REQUEST_MAX as usize + 1]), Err(Error::InvalidArgument));
        drbg.requests = Some(u32::MAX);
        assert_eq!(drbg.fill(&mut [0; 1]), Err(Error::RandomFailed));
        drbg.seed(&[], &[1]).unwrap();
        drbg.fill(&mut [0; 1]).unwrap();
    }
}
