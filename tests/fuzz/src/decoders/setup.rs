//! What stands on a label, in the items of setup and ownership, in a statement, and in the record.

use crate::party::newcomers;
use crate::provider::{Key, Mixing, Mode, SIGNATURE, hash};
use crate::random::Input;
use crate::{refused, typed};
use sealwire_core::bytes::{Secret, Writer};
use sealwire_core::cose::Thumbprint;
use sealwire_core::crypto::{AuthenticationKey, KeyHandle, Signature};
use sealwire_core::edhoc::EadItems;
use sealwire_core::error::Error;
use sealwire_core::setup::{
    EAD_DELEGATION, EAD_OWNERSHIP, EAD_RELEASE, EAD_SETUP, MAX_MODEL, MAX_SETUP_CODE, Ownership, RECORD, STATEMENT, SetupCode, Standing,
    Statement, probe, sign,
};

/// Bytes of the check at the end of a record.
const CHECK: usize = 8;
const DEVICE: Thumbprint = Thumbprint([0xde; 16]);
const KEY: KeyHandle = KeyHandle(1);

fn printed(code: &SetupCode) -> Vec<u8> {
    let mut buffer = [0; MAX_SETUP_CODE];
    let mut w = Writer::new(&mut buffer);
    code.write(&mut w).expect("as long as any");
    w.written().to_vec()
}

/// The text of a label; and a label printed from the input.
pub fn code(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let (device, secret, model) = (input.take(16), input.take(16), input.rest());
    if let (Ok(device), Ok(secret), Ok(model)) = (device.try_into(), secret.try_into(), core::str::from_utf8(model)) {
        match SetupCode::new(Thumbprint(device), Secret::from(secret), model) {
            Ok(code) => {
                let text = printed(&code);
                let again = SetupCode::parse(core::str::from_utf8(&text).expect("characters of the label")).expect("what was printed");
                assert_eq!((again.device.0, *again.secret.expose(), again.model()), (device, secret, model));
            }
            Err(error) => assert_eq!(error, Error::InvalidArgument),
        }
    }
    let Ok(text) = core::str::from_utf8(data) else { return false };
    match SetupCode::parse(text) {
        Ok(code) => {
            assert!(text.len() <= MAX_SETUP_CODE && code.model().len() <= MAX_MODEL);
            assert_eq!(printed(&code), data, "a code has one spelling");
            true
        }
        Err(error) => {
            assert_eq!(error, Error::Malformed);
            false
        }
    }
}

/// EAD_3 of a newcomer, and EAD_4 to an owner.
pub fn item(data: &[u8]) -> bool {
    let mut buffer = vec![0; data.len()];
    let mut w = Writer::new(&mut buffer);
    let items: Vec<_> = EadItems::new(data).filter_map(Result::ok).collect();
    let mut taken = false;
    match probe::claim_again(EadItems::new(data), &mut w) {
        Ok(found) => {
            let ours: Vec<_> = items.iter().filter(|item| [EAD_SETUP, EAD_RELEASE, EAD_DELEGATION].contains(&item.label)).collect();
            assert_eq!(ours.len(), usize::from(found), "one at most");
            assert_eq!(ours.first().and_then(|item| item.value).unwrap_or_default(), w.written(), "read and written is the same");
            taken |= found;
        }
        Err(error) => typed(error),
    }
    for item in items {
        let mut buffer = vec![0; data.len()];
        let mut w = Writer::new(&mut buffer);
        match probe::told_again(&item, &mut w) {
            Ok(true) => {
                assert_eq!((item.label, item.value), (EAD_OWNERSHIP, Some(w.written())), "read and written is the same");
                taken = true;
            }
            Ok(false) => assert_ne!(item.label, EAD_OWNERSHIP),
            Err(error) => typed(error),
        }
    }
    taken
}

/// A record with these bytes, and the check made right.
fn checked(body: &[u8]) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    let given = body.len().min(RECORD - CHECK);
    record[..given].copy_from_slice(&body[..given]);
    let check = hash(&[&record[..RECORD - CHECK]]);
    record[RECORD - CHECK..].copy_from_slice(&check[..CHECK]);
    record
}

fn is_sound(ownership: &Ownership) {
    let owned = ownership.owner().is_some();
    assert!(owned || ownership.anchor().is_none() && ownership.delegates().count() == 0, "nobody has an anchor or delegates");
    assert!(ownership.owner().is_none_or(|owner| ownership.standing(&owner) == Standing::Owner));
    assert!(ownership.delegates().all(|delegate| ownership.standing(&delegate) != Standing::None));
}

/// A record as the input gives it, and with the check made right.
pub fn record(data: &[u8]) -> bool {
    let mut p = Mixing::new(Mode::Sealed, 1);
    let mut taken = false;
    for image in [data, &checked(data)] {
        match probe::read_record(&mut p, image) {
            Ok(ownership) => {
                is_sound(&ownership);
                let again = probe::write_record(&mut p, &ownership).expect("what was read");
                assert!(image.is_empty() || again == image, "read and written is the same");
                taken |= !image.is_empty();
            }
            Err(error) => {
                typed(error);
                assert!(matches!(error, Error::CorruptState | Error::UnsupportedState), "{error:?}");
            }
        }
    }
    taken
}

/// The input as a statement, in front of a device with an owner: what is not signed for exactly this does not count.
pub fn statement(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let choice = input.byte();
    let mode = if choice & 1 == 1 { Mode::Clear } else { Mode::Sealed };
    let [owner, other, _] = newcomers();
    let mut p = Mixing::new(mode, 1);
    p.keys.push(Key { handle: KEY, public: owner.signing_key.x.to_vec() });
    let (epoch, nonce) = (u32::from(input.short()) << (choice >> 4), [input.byte(); 8]);
    let mut body = vec![1, 1];
    body.extend(epoch.to_be_bytes());
    body.extend(nonce);
    body.extend([7; 32]);
    body.push(6);
    body.extend(owner.signing_key.x);
    let ownership = probe::read_record(&mut p, &checked(&body)).expect("a sound record");
    let [kind, wrong] =
        if choice & 2 == 0 { [Statement::Release, Statement::Delegation] } else { [Statement::Delegation, Statement::Release] };
    let about = other.thumbprint(AuthenticationKey::StaticDh);
    let mut genuine = [0; STATEMENT];
    sign(&mut p, (KEY, Signature::EdDsa), kind, &DEVICE, (epoch, &nonce), &about, &mut Writer::new(&mut genuine)).expect("a sound key");
    assert_eq!(probe::verify(&mut p, kind, &ownership, &DEVICE, &about, &genuine), Ok(()));
    if mode == Mode::Sealed {
        for (kind, device, about) in [(wrong, &DEVICE, &about), (kind, &about, &about), (kind, &DEVICE, &DEVICE)] {
            assert_eq!(probe::verify(&mut p, kind, &ownership, device, about, &genuine), Err(Error::WrongStatement));
        }
        for at in [1, 6] {
            let mut later = body.clone();
            later[at + 4] ^= 1;
            let later = probe::read_record(&mut p, &checked(&later)).expect("a sound record");
            assert_eq!(probe::verify(&mut p, kind, &later, &DEVICE, &about, &genuine), Err(Error::WrongStatement), "used up");
        }
    }
    match probe::verify(&mut p, kind, &ownership, &DEVICE, &about, input.rest()) {
        Ok(()) => {
            assert!(input.rest().len() == STATEMENT && input.rest()[..9] == genuine[..9], "one form");
            assert!(input.rest() == genuine && (mode == Mode::Sealed || genuine[9..] == [SIGNATURE; 64]), "nobody has signed it");
            true
        }
        Err(error) => {
            assert_eq!(error, Error::WrongStatement);
            refused(error)
        }
    }
}
