//! The moves that an input is made of.

use super::{BLANK, KEY, LABEL, STATIC, Signed, Stage, hash};
use crate::party::SIGNING;
use crate::provider::{MAC, Mode, SIGNATURE, TAG};
use crate::random::Input;
use crate::typed;
use sealwire_core::Error;
use sealwire_core::bytes::Writer;
use sealwire_core::cbor;
use sealwire_core::credential::IdCred;
use sealwire_core::crypto::{AuthenticationKey, Signature};
use sealwire_core::endpoint::{Kind, Outgoing, Topic};
use sealwire_core::setup::{Claim, RECORD, STATEMENT, Statement, sign};

/// Moves in one input.
const MOVES: usize = 32;
/// Bytes of the check at the end of a record.
const CHECK: usize = 8;

impl Stage {
    /// Takes moves from the input.
    pub(super) fn play(&mut self, input: &mut Input<'_>) {
        for _ in 0..MOVES {
            if input.is_empty() {
                break;
            }
            let code = input.byte();
            let variant = code >> 3;
            // Bits 0 and 1 of the variant: who of the three.
            let who = usize::from(variant & 3) % self.newcomers.len();
            match code & 7 {
                0 => self.claims(who, variant >> 2, input),
                1 => self.carries(variant, input),
                2 => self.settle(),
                3 => self.pass(u64::from(input.short()) << (variant & 15)),
                4 => self.button(who, variant >> 2, input),
                5 => self.platform(variant, input),
                6 => self.states(who, variant >> 2, input),
                _ => self.forges(who, variant >> 2, input),
            }
            self.sound();
        }
    }

    /// Somebody begins; `how`: the label, a wrong one, a statement, or nothing.
    fn claims(&mut self, who: usize, how: u8, input: &mut Input<'_>) {
        let choice = input.byte();
        let (now, label) = (self.now, self.label(who));
        let anchor = choice & 1 == 0;
        let outcome = match how & 3 {
            0 => self.sets_up(who, LABEL, anchor),
            1 => self.sets_up(who, [choice; 16], anchor),
            2 => {
                let key = self.newcomers[who].identity.signing_key;
                let Some(which) = usize::from(choice >> 1).checked_rem(self.signed.len()) else { return };
                let Signed { statement, bytes, .. } = &self.signed[which];
                let claim = match statement {
                    Statement::Release => Claim::Release { statement: bytes, anchor: anchor.then_some(&key) },
                    Statement::Delegation => Claim::Delegation { statement: bytes },
                };
                self.newcomers[who].claims(now, label, &claim)
            }
            _ => self.newcomers[who].claims(now, label, &Claim::Known),
        };
        if let Err(error) = outcome {
            typed(error);
            assert_ne!(error, Error::InvalidKey);
        }
        if how & 4 == 0 {
            self.settle();
        } else {
            self.listen();
        }
    }

    /// One of the frames under way arrives, under anybody's address, with one byte changed or none; it may come again.
    fn carries(&mut self, variant: u8, input: &mut Input<'_>) {
        let (which, at, change) = (usize::from(input.byte()), usize::from(input.byte()), input.byte());
        let Some(which) = which.checked_rem(self.up.len()) else { return };
        let (who, mut frame) = self.up[which].clone();
        if variant & 4 == 0 {
            self.up.remove(which);
        }
        if let Some(byte) = frame.get_mut(at) {
            *byte ^= change;
        }
        self.deliver(if variant & 8 == 0 { who } else { usize::from(variant & 3) % self.newcomers.len() }, &frame);
    }

    /// What is done at the device.
    fn button(&mut self, who: usize, what: u8, input: &mut Input<'_>) {
        match what & 3 {
            0 => {
                let until = self.now + (u64::from(input.byte()) << 12);
                match self.device.open_setup(self.now, until) {
                    Ok(()) => self.open_until = until.min(self.now + 600_000),
                    Err(error) => assert!(matches!(error, Error::OtherOwner | Error::CorruptState)),
                }
            }
            1 => {
                self.device.close_setup();
                self.open_until = 0;
            }
            2 => self.resets(),
            _ => self.revokes(who),
        }
        self.answer();
    }

    /// What the platform may do: a store that fails, a key that answers later, a start of the program, a record that somebody else wrote.
    fn platform(&mut self, variant: u8, input: &mut Input<'_>) {
        match variant & 7 {
            0 | 1 => {
                let saves = input.byte();
                self.party.torn = variant & 1 == 1;
                self.lied |= self.party.torn;
                self.party.saves_left = if saves == 0xff { u32::MAX } else { u32::from(saves & 15) };
            }
            2 => self.party.provider.pending = u32::from(input.byte() & 3),
            3 => self.resumes(),
            4 => self.newcomers[usize::from(variant >> 3) % 3].renew(),
            5 => {
                self.plants(input);
                self.restart();
            }
            _ => self.restart(),
        }
        self.answer();
    }

    /// Another record, with the input over a part of it and the check made right, or left wrong.
    fn plants(&mut self, input: &mut Input<'_>) {
        let (at, given) = (usize::from(input.byte()), input.piece());
        let mut record = self.party.stored[KEY].clone().unwrap_or_else(|| [&[1_u8][..], &[0; RECORD - 1]].concat());
        record.resize(RECORD, 0);
        let (body, check) = record.split_at_mut(RECORD - CHECK);
        body.iter_mut().skip(at).zip(given).for_each(|(byte, new)| *byte = *new);
        if at < RECORD - CHECK {
            check.copy_from_slice(&hash(&[body])[..CHECK]);
        } else {
            check[0] ^= 1;
        }
        self.party.stored[KEY] = Some(record);
        self.trusting = true;
    }

    /// Somebody signs, whether it may or not, over what it was told or what the device really holds.
    fn states(&mut self, who: usize, how: u8, input: &mut Input<'_>) {
        let choice = input.byte();
        let statement = if how & 1 == 0 { Statement::Release } else { Statement::Delegation };
        let about = self.newcomers[usize::from(choice & 3) % self.newcomers.len()].thumbprint();
        let real = self.device.ownership().map(|found| (found.epoch(), *found.nonce()));
        let told = if how & 2 == 0 { self.newcomers[who].told } else { real };
        let Some((epoch, nonce)) = told else { return };
        let device = self.label(usize::from(choice & 3) % self.newcomers.len());
        let newcomer = &mut self.newcomers[who];
        let mut bytes = [0; STATEMENT];
        let key = (if choice & 4 == 0 { SIGNING } else { STATIC }, Signature::EdDsa);
        sign(&mut newcomer.party, key, statement, &device, (epoch, &nonce), &about, &mut Writer::new(&mut bytes)).expect("a sound key");
        let by = if key.0 == SIGNING { who } else { BLANK };
        self.signed.push(Signed { statement, by, about, epoch, nonce, bytes: bytes.to_vec() });
    }

    /// A message_3 as one with the keys of its handshake would make it, with any credential and any items; else frames of strangers, and data.
    fn forges(&mut self, who: usize, how: u8, input: &mut Input<'_>) {
        if how & 4 != 0 {
            self.talks(who, how);
            return;
        }
        let given = input.piece();
        let Some((from, frame)) = self.up.iter().find(|(_, frame)| frame[0] == 3).cloned() else {
            self.deliver(who, given);
            return;
        };
        if self.mode == Mode::Sealed {
            self.deliver(who, &[&frame[..2], given].concat());
            return;
        }
        let identity = self.newcomers[who].identity;
        let mut buffer = [0; 1024];
        let mut w = Writer::new(&mut buffer);
        let signs = self.newcomers[from].config().method.initiator() == AuthenticationKey::Signature;
        let credential = if signs { &identity.signing_ccs } else { &identity.ccs };
        IdCred::Ccs(credential).write_plaintext(&mut w).expect("room");
        cbor::write_bytes(&mut w, if signs { &[SIGNATURE; 64] } else { &[MAC; 16] }).expect("room");
        match how & 3 {
            0 => w.put(given).expect("room"),
            // An item with a statement in its one form, and an anchor.
            kind => {
                let mut value = [&[0x84, 0x43, 0xa1, 0x01, 0x27, 0xa0, 0xf6, 0x58, 0x40][..], &[SIGNATURE; 64]].concat();
                value.extend(given);
                cbor::write_int(&mut w, -32769 - i64::from(kind)).expect("room");
                cbor::write_bytes(&mut w, &value).expect("room");
            }
        }
        let plaintext = [w.written(), &[TAG; 16]].concat();
        let mut buffer = [0; 1100];
        let mut w = Writer::new(&mut buffer);
        cbor::write_bytes(&mut w, &plaintext).expect("room");
        self.deliver(from, &[&frame[..2], w.written()].concat());
    }

    /// Somebody uses a session with the device, or the device one with it.
    fn talks(&mut self, who: usize, how: u8) {
        let message =
            Outgoing { kind: Kind::Data, confirmable: how & 1 != 0, topic: Topic::None, payload: b"payload", ..Outgoing::default() };
        let mut buffer = [0; 256];
        let (now, newcomer) = (self.now, &mut self.newcomers[who]);
        if let Some(session) = newcomer.endpoint.sessions().last()
            && let Ok(made) = newcomer.endpoint.send(&mut newcomer.party, now, session, &message, &mut buffer)
        {
            self.deliver(who, &buffer[..made.len]);
        }
    }
}
