//! The Initiator's steps.

use super::ead::{Ead, EadItems, OnEad};
use super::introduction::Introduction;
use super::message::{self, Authentication};
use super::own::{self, OWN_BUFFER, OwnKeys};
use super::peer::{self, Claim, Proved};
use super::schedule::{self, MacContext};
use super::{Completed, ConnectionId, Ephemeral, Method, Methods, Role};
use crate::bytes::{Secret, Writer};
use crate::cbor::{self, Decoder};
use crate::credential::{Credentials, Thumbprint};
use crate::crypto::{HASH, Provider, Suite};
use crate::error::{Error, Result};

/// Composes message_1 into `out`. `suites` are those enabled, best first; `selected` is one of them, and those before it stand in
/// SUITES_I before it (RFC 9528 §5.2.2). Errors: `InvalidArgument` (selected is not enabled), `UnsupportedMethod` (not in this build),
/// `BufferTooSmall`, `RandomFailed`.
pub fn compose_message_1<P: Provider>(
    p: &mut P,
    method: Method,
    suites: &[Suite],
    selected: Suite,
    c_i: ConnectionId,
    ead_1: &[Ead<'_>],
    out: &mut Writer<'_>,
) -> Result<AwaitMessage2> {
    let mut preferred = [0u8; 8];
    let before = suites.iter().position(|suite| *suite == selected).ok_or(Error::InvalidArgument)?;
    let preferred = preferred.get_mut(..before).ok_or(Error::InvalidArgument)?;
    for (place, suite) in preferred.iter_mut().zip(suites) {
        *place = suite.number();
    }
    compose_preferring(p, method, preferred, selected, c_i, ead_1, out)
}

/// The same with the numbers of the preferred suites, which this build need not have.
pub(super) fn compose_preferring<P: Provider>(
    p: &mut P,
    method: Method,
    preferred: &[u8],
    suite: Suite,
    c_i: ConnectionId,
    ead_1: &[Ead<'_>],
    out: &mut Writer<'_>,
) -> Result<AwaitMessage2> {
    if !Methods::ALL.contain(method) {
        return Err(Error::UnsupportedMethod);
    }
    let start = out.len();
    let Ephemeral { private: x, public: g_x, .. } = Ephemeral::generate(p, suite.curve())?;
    message::write_message_1(out, method, preferred, suite, &g_x, c_i, ead_1)?;
    let h_message_1 = p.hash(&[out.written().get(start..).ok_or(Error::Internal)?]);
    Ok(AwaitMessage2 { method, suite, c_i, x, h_message_1 })
}

/// message_1 is under way.
#[derive(Clone, Debug)]
pub struct AwaitMessage2 {
    method: Method,
    suite: Suite,
    c_i: ConnectionId,
    x: Secret<32>,
    h_message_1: [u8; HASH],
}

impl AwaitMessage2 {
    /// The Initiator's connection identifier.
    pub const fn c_i(&self) -> &ConnectionId {
        &self.c_i
    }

    /// The method.
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The selected cipher suite.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Verifies message_2 and composes message_3 into `out`. With `by_value` the own credential goes by value even where the port says by reference: after the
    /// peer's error 3. `scratch` must hold PLAINTEXT_2, which is shorter than message_2; it and `out` are undefined after an error.
    ///
    /// Errors: `Malformed`, `NotDeterministic`, `SameIdentifier`, `UnknownCriticalEad`, `InvalidKey`, `AuthenticationFailed`, `Denied`, `Pending`, `BufferTooSmall`,
    /// those of [`resolve`](crate::credential::resolve), and the port's.
    #[expect(clippy::too_many_arguments, reason = "one for each input of the step")]
    pub fn process_message_2<P: Provider + Credentials>(
        &self,
        p: &mut P,
        message_2: &[u8],
        by_value: bool,
        ead_3: &[Ead<'_>],
        on_ead_2: &mut OnEad<'_>,
        scratch: &mut [u8],
        out: &mut Writer<'_>,
    ) -> Result<AwaitMessage4> {
        let mut next = self.next();
        self.process_into(p, message_2, (by_value, ead_3, None), on_ead_2, scratch, out, &mut next)?;
        Ok(next)
    }

    /// What [`process_into`](Self::process_into) fills.
    pub(crate) const fn next(&self) -> AwaitMessage4 {
        let (own, peer) = (Thumbprint([0; 16]), Thumbprint([0; 16]));
        AwaitMessage4 {
            method: self.method,
            suite: self.suite,
            c_i: self.c_i,
            c_r: self.c_i,
            prk_4e3m: Secret::zero(),
            th_4: [0; HASH],
            own,
            peer,
        }
    }

    /// [`process_message_2`](Self::process_message_2) also to a Responder that nobody has provisioned here, with the next state where the caller has its place; after an error that means nothing.
    // Moved, a state lies on the stack twice, and its secrets stay there.
    #[expect(clippy::too_many_arguments, reason = "one for each input of the step")]
    pub(crate) fn process_into<P: Provider + Credentials>(
        &self,
        p: &mut P,
        message_2: &[u8],
        shows: Shows<'_>,
        on_ead_2: &mut OnEad<'_>,
        scratch: &mut [u8],
        out: &mut Writer<'_>,
        next: &mut AwaitMessage4,
    ) -> Result<()> {
        let suite = self.suite;
        let (g_y, ciphertext_2) = message::byte_string(message_2)?.split_first_chunk::<32>().ok_or(Error::Malformed)?;
        let th_2 = schedule::th_2(p, g_y, &self.h_message_1);
        let mut prk_2e = Secret::zero();
        self.agree(p, g_y, &th_2, &mut prk_2e)?;
        let plaintext_2 = scratch.get_mut(..ciphertext_2.len()).ok_or(Error::BufferTooSmall)?;
        message::xor_keystream_2(p, &prk_2e, &th_2, ciphertext_2, plaintext_2)?;
        let plaintext_2: &[u8] = plaintext_2;

        let mut d = Decoder::new(plaintext_2);
        let c_r = ConnectionId::read(&mut d)?;
        let theirs = Authentication::read(&mut d)?;
        if c_r == self.c_i {
            return Err(Error::SameIdentifier);
        }
        EadItems::new(theirs.ead).visit(on_ead_2)?;

        let own = OwnKeys::new(p, suite, self.method.initiator())?;
        let claim = Claim {
            theirs,
            plaintext: plaintext_2,
            c_r: Some(c_r),
            th: &th_2,
            prk: &prk_2e,
            ephemeral: &self.x,
            inbox: None,
            #[cfg(feature = "setup")]
            strangers: shows.2.is_some(),
        };
        let mut proved = Proved::blank();
        peer::verify(p, suite, self.method.responder(), &own, &claim, &mut proved)?;
        // Before the own credential is fetched: nothing takes more stack than this.
        let before = (&proved.prk, schedule::SALT_4E3M, &proved.th);
        own::agree(p, suite, self.method.initiator(), own.handle, g_y, before, &mut next.prk_4e3m)?;
        next.th_4 = compose_message_3(p, self, &proved, &next.prk_4e3m, shows, out)?;
        next.own = own.thumbprint(p)?;
        next.peer = proved.peer;
        next.c_r = c_r;
        Ok(())
    }

    /// PRK_2e.
    #[inline(never)]
    fn agree<P: Provider>(&self, p: &mut P, g_y: &[u8; 32], th_2: &[u8; HASH], prk_2e: &mut Secret<HASH>) -> Result<()> {
        let mut shared = Secret::zero();
        p.agree_ephemeral(self.suite.curve(), &self.x, g_y, &mut shared)?;
        prk_2e.set(&p.extract(th_2, shared.expose()));
        Ok(())
    }
}

/// What message_3 shows: the own credential by value or not, EAD_3, and what has to be put into that.
type Shows<'a> = (bool, &'a [Ead<'a>], Option<&'a Introduction<'a>>);

/// Composes message_3 into `out`; gives TH_4.
// Apart, so that its buffer does not lie on the stack while message_2 is verified.
#[inline(never)]
fn compose_message_3<P: Provider + Credentials>(
    p: &mut P,
    state: &AwaitMessage2,
    proved: &Proved,
    prk_4e3m: &Secret<HASH>,
    (by_value, ead_3, introduction): Shows<'_>,
    out: &mut Writer<'_>,
) -> Result<[u8; HASH]> {
    let (suite, sort) = (state.suite, state.method.initiator());
    let (prk_3e2m, th_3) = (&proved.prk, &proved.th);
    let mut buffer = [0; OWN_BUFFER];
    let own = own::load(p, suite, sort, by_value, &mut buffer)?;
    let proof_len = schedule::proof_len(suite, sort);
    let tag_len = suite.edhoc_aead().tag_len();
    cbor::write_bytes_head(out, message::authentication_len(&own.id, proof_len, ead_3).saturating_add(tag_len))?;
    let start = out.len();
    message::write_authentication(out, &own.id, proof_len, ead_3, |ead, place| {
        if let Some(introduction) = introduction {
            introduction.complete(p, th_3, &own.credential, proved, ead)?;
        }
        let context = MacContext { c_r: None, id: &own.id, th: th_3, credential: own.credential, ead };
        own.prove(p, suite, prk_4e3m, &context, place)
    })?;
    let end = out.len();
    let th_4 = schedule::th_next(p, th_3, out.written().get(start..end).ok_or(Error::Internal)?, &own.credential);
    out.reserve(tag_len)?;
    let (plaintext_3, tag) = out
        .written_mut()
        .get_mut(start..)
        .and_then(|place| place.split_at_mut_checked(end.saturating_sub(start)))
        .ok_or(Error::Internal)?;
    schedule::seal(p, suite, prk_3e2m, (schedule::K_3, schedule::IV_3), th_3, plaintext_3, tag)?;
    Ok(th_4)
}

/// message_3 is under way. The peer has proved itself; that it got message_3 is open.
#[derive(Clone, Debug)]
pub struct AwaitMessage4 {
    method: Method,
    suite: Suite,
    c_i: ConnectionId,
    c_r: ConnectionId,
    prk_4e3m: Secret<HASH>,
    th_4: [u8; HASH],
    own: Thumbprint,
    peer: Thumbprint,
}

impl AwaitMessage4 {
    /// The Initiator's connection identifier.
    pub const fn c_i(&self) -> &ConnectionId {
        &self.c_i
    }

    /// The Responder's connection identifier.
    pub const fn c_r(&self) -> &ConnectionId {
        &self.c_r
    }

    /// The peer's identity, authenticated.
    pub const fn peer(&self) -> Thumbprint {
        self.peer
    }

    /// The last transcript hash.
    pub const fn th_4(&self) -> &[u8; HASH] {
        &self.th_4
    }

    /// Verifies message_4. `scratch` must hold PLAINTEXT_4. Errors: `Malformed`, `NotDeterministic`, `AuthenticationFailed`, `UnknownCriticalEad`, `BufferTooSmall`.
    pub fn process_message_4<P: Provider>(
        &self,
        p: &mut P,
        message_4: &[u8],
        on_ead_4: &mut OnEad<'_>,
        scratch: &mut [u8],
    ) -> Result<Completed> {
        let labels = (schedule::K_4, schedule::IV_4);
        let plaintext_4 = own::open_message(p, self.suite, &self.prk_4e3m, labels, &self.th_4, message_4, scratch)?;
        EadItems::new(plaintext_4).visit(on_ead_4)?;
        let mut prk_out = Secret::zero();
        schedule::kdf_hash(p, &self.prk_4e3m, schedule::PRK_OUT, &self.th_4, &mut prk_out)?;
        Ok(Completed {
            role: Role::Initiator,
            method: self.method,
            suite: self.suite,
            c_i: self.c_i,
            c_r: self.c_r,
            th_4: self.th_4,
            own: self.own,
            peer: self.peer,
            prk_out,
        })
    }
}
