//! The Responder's steps.

use super::ead::{self, Ead, EadItems, OnEad};
#[cfg(feature = "setup")]
use super::introduction::Binding;
use super::message::{self, Authentication, Message1};
use super::own::{self, OWN_BUFFER, OwnKeys};
#[cfg(feature = "setup")]
use super::peer::Shown;
use super::peer::{self, Claim, Proved};
use super::schedule::{self, MacContext};
use super::{Completed, ConnectionId, Ephemeral, Method, Methods, Role};
use crate::bytes::{Secret, Writer};
use crate::cbor::{self, Decoder};
use crate::credential::{Credentials, Thumbprint};
use crate::crypto::{AuthenticationKey, HASH, Provider, Suite};
use crate::error::{Error, Result};

/// Processes message_1 and composes message_2 into `out`. `methods` and `suites` are those enabled; `y` is a new pair on the curve of the suite that
/// [`Message1::check`] gives for them, the same again when the step is repeated after `Pending`, and of no other use. `scratch` must hold PLAINTEXT_2: this
/// endpoint's ID_CRED and EAD_2 and 72 bytes more at most; it and `out` are undefined after an error.
///
/// Errors: `Malformed`, `NotDeterministic`, `UnsupportedMethod`, `UnsupportedSuite`, `SameIdentifier` (choose another `c_r`), `UnknownCriticalEad`, `InvalidKey`,
/// `InvalidArgument` (`y` is on another curve), `Pending`, `BufferTooSmall`, and the port's.
#[expect(clippy::too_many_arguments, reason = "one for each input of the step")]
pub fn process_message_1<P: Provider + Credentials>(
    p: &mut P,
    methods: Methods,
    suites: &[Suite],
    y: &Ephemeral,
    c_r: ConnectionId,
    message_1: &[u8],
    on_ead_1: &mut OnEad<'_>,
    ead_2: &[Ead<'_>],
    scratch: &mut [u8],
    out: &mut Writer<'_>,
) -> Result<AwaitMessage3> {
    let parsed = Message1::parse(message_1)?;
    let (method, suite) = parsed.check(methods, suites)?;
    let sort = method.responder();
    let g_x: &[u8; 32] = parsed.g_x.try_into().map_err(|_| Error::Malformed)?;
    parsed.ead_1().visit(on_ead_1)?;
    if parsed.c_i == c_r {
        return Err(Error::SameIdentifier);
    }

    if y.curve != suite.curve() {
        return Err(Error::InvalidArgument);
    }

    // The static key first: while it is Pending, nothing else need be done.
    let mut own_buffer = [0; OWN_BUFFER];
    let own = own::load(p, suite, sort, false, &mut own_buffer)?;
    let mut g_rx = None;
    if sort == AuthenticationKey::StaticDh {
        p.agree(own.key, suite.curve(), g_x, g_rx.insert(Secret::zero()))?;
    }

    let g_y = y.public;
    let mut g_xy = Secret::zero();
    p.agree_ephemeral(suite.curve(), &y.private, g_x, &mut g_xy)?;
    let h_message_1 = p.hash(&[message_1]);
    let th_2 = schedule::th_2(p, &g_y, &h_message_1);
    let prk_2e = p.extract(&th_2, g_xy.expose());
    let mut prk_3e2m = prk_2e.clone();
    if let Some(g_rx) = &g_rx {
        schedule::prk_next(p, &prk_2e, schedule::SALT_3E2M, &th_2, g_rx, &mut prk_3e2m)?;
    }

    let mut plaintext_2 = Writer::new(scratch);
    c_r.write(&mut plaintext_2)?;
    message::write_authentication(&mut plaintext_2, &own.id, schedule::proof_len(suite, sort), ead_2, |ead, place| {
        let context = MacContext { c_r: Some(c_r), id: &own.id, th: &th_2, credential: own.credential, ead };
        own.prove(p, suite, &prk_3e2m, &context, place)
    })?;
    let plaintext_2 = plaintext_2.finish();
    let th_3 = schedule::th_next(p, &th_2, plaintext_2, &own.credential);

    cbor::write_bytes_head(out, g_y.len().saturating_add(plaintext_2.len()))?;
    out.put(&g_y)?;
    let ciphertext_2 = out.reserve(plaintext_2.len())?;
    message::xor_keystream_2(p, &prk_2e, &th_2, plaintext_2, ciphertext_2)?;
    let own = own.public.thumbprint(p)?;
    Ok(AwaitMessage3 { method, suite, c_i: parsed.c_i, c_r, y: y.private.clone(), prk_3e2m, th_3, own })
}

/// message_2 is under way.
#[derive(Clone, Debug)]
pub struct AwaitMessage3 {
    method: Method,
    suite: Suite,
    c_i: ConnectionId,
    c_r: ConnectionId,
    y: Secret<32>,
    prk_3e2m: Secret<HASH>,
    th_3: [u8; HASH],
    own: Thumbprint,
}

impl AwaitMessage3 {
    /// The Initiator's connection identifier.
    pub const fn c_i(&self) -> &ConnectionId {
        &self.c_i
    }

    /// The Responder's connection identifier.
    pub const fn c_r(&self) -> &ConnectionId {
        &self.c_r
    }

    /// Verifies message_3 and composes message_4 into `out`. `inbox` is the name that the Initiator claimed in EAD_1. `scratch` must hold PLAINTEXT_3, which
    /// is shorter than message_3; it and `out` are undefined after an error. The caller stores the session before message_4 leaves.
    /// Only `UnknownCredential` may be answered with error 3, and a type of ID_CRED_I that this build does not have is
    /// `UnsupportedCredential` (RFC 9528 §6.4).
    ///
    /// Errors: `Malformed`, `NotDeterministic`, `AuthenticationFailed`, `UnknownCriticalEad`, `InvalidKey`, `Denied`, `Pending`, `BufferTooSmall`, those of
    /// [`resolve`](crate::credential::resolve), and the port's.
    #[expect(clippy::too_many_arguments, reason = "one for each input of the step")]
    pub fn process_message_3<P: Provider + Credentials>(
        &self,
        p: &mut P,
        message_3: &[u8],
        inbox: Option<&[u8]>,
        on_ead_3: &mut OnEad<'_>,
        ead_4: &[Ead<'_>],
        scratch: &mut [u8],
        out: &mut Writer<'_>,
    ) -> Result<Completed> {
        let mut proved = Proved::blank();
        self.verify_message_3(p, message_3, (inbox, false), on_ead_3, scratch, &mut proved)?;
        self.compose_message_4(p, &proved, ead_4, out)
    }

    /// The first half of [`process_message_3`](Self::process_message_3): who the Initiator is, and EAD_3. With `strangers` it may show a CCS that
    /// nobody provisioned, which is then for the caller to judge. Errors: as there.
    #[cfg_attr(not(feature = "setup"), inline(always))]
    pub(crate) fn verify_message_3<'s, P: Provider + Credentials>(
        &self,
        p: &mut P,
        message_3: &[u8],
        (inbox, strangers): (Option<&[u8]>, bool),
        on_ead_3: &mut OnEad<'_>,
        scratch: &'s mut [u8],
        proved: &mut Proved,
    ) -> Result<EadItems<'s>> {
        let suite = self.suite;
        let labels = (schedule::K_3, schedule::IV_3);
        let plaintext_3 = own::open_message(p, suite, &self.prk_3e2m, labels, &self.th_3, message_3, scratch)?;
        let theirs = Authentication::read(&mut Decoder::new(plaintext_3))?;
        let ead_3 = EadItems::new(theirs.ead);
        ead_3.clone().visit(on_ead_3)?;

        let own = OwnKeys::new(p, suite, self.method.responder())?;
        let (th, prk, ephemeral) = (&self.th_3, &self.prk_3e2m, &self.y);
        #[cfg(not(feature = "setup"))]
        let _ = strangers;
        let claim = Claim {
            theirs,
            plaintext: plaintext_3,
            c_r: None,
            th,
            prk,
            ephemeral,
            inbox,
            #[cfg(feature = "setup")]
            strangers,
        };
        peer::verify(p, suite, self.method.initiator(), &own, &claim, proved)?;
        Ok(ead_3)
    }

    /// The second half: message_4 for the Initiator that has been verified. Errors: `BufferTooSmall`.
    #[cfg_attr(not(feature = "setup"), inline(always))]
    pub(crate) fn compose_message_4<P: Provider>(
        &self,
        p: &mut P,
        proved: &Proved,
        ead_4: &[Ead<'_>],
        out: &mut Writer<'_>,
    ) -> Result<Completed> {
        let suite = self.suite;
        let Proved { peer, prk: prk_4e3m, th: th_4, .. } = proved;
        let tag_len = suite.edhoc_aead().tag_len();
        let length = ead_4.iter().fold(0usize, |sum, item| sum.saturating_add(item.len()));
        cbor::write_bytes_head(out, length.saturating_add(tag_len))?;
        let start = out.len();
        ead::write_all(out, ead_4)?;
        out.reserve(tag_len)?;
        let (plaintext_4, tag) =
            out.written_mut().get_mut(start..).and_then(|place| place.split_at_mut_checked(length)).ok_or(Error::Internal)?;
        schedule::seal(p, suite, prk_4e3m, (schedule::K_4, schedule::IV_4), th_4, plaintext_4, tag)?;
        let mut prk_out = Secret::zero();
        schedule::kdf_hash(p, prk_4e3m, schedule::PRK_OUT, th_4, &mut prk_out)?;
        Ok(Completed {
            role: Role::Responder,
            method: self.method,
            suite,
            c_i: self.c_i,
            c_r: self.c_r,
            th_4: *th_4,
            own: self.own,
            peer: *peer,
            prk_out,
        })
    }
}

#[cfg(feature = "setup")]
impl AwaitMessage3 {
    /// What an introduction in message_3 is bound to: TH_3, SHA-256(CRED_R), and this endpoint's identity. Errors: the port's.
    pub(crate) fn binding<P: Provider + Credentials>(&self, p: &mut P) -> Result<Binding> {
        Ok(Binding { th_3: self.th_3, cred_r: own::hash(p, self.suite, self.method.responder())?, device: self.own, method: self.method })
    }
}

#[cfg(feature = "setup")]
impl Proved {
    /// The Initiator's identity.
    pub(crate) const fn peer(&self) -> Thumbprint {
        self.peer
    }

    /// Its credential.
    pub(crate) const fn shown(&self) -> &Shown {
        &self.shown
    }
}
