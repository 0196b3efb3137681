//! This end's steps of a handshake, with buffers.

use crate::party::Party;
use sealwire_core::bytes::Writer;
use sealwire_core::crypto::Suite;
use sealwire_core::edhoc::{
    AwaitMessage2, AwaitMessage3, AwaitMessage4, Completed, ConnectionId, Ead, Ephemeral, INBOX, Method, Methods, compose_message_1,
    process_message_1,
};
use sealwire_core::error::Result;

/// EAD items, owned.
pub(crate) type Items = Vec<(i64, Option<Vec<u8>>)>;

fn borrowed(items: &Items) -> Vec<Ead<'_>> {
    items.iter().map(|(label, value)| Ead { label: *label, value: value.as_deref() }).collect()
}

/// Notes every item; knows the inbox.
fn note(item: &Ead<'_>, noted: &mut Items) -> Result<bool> {
    noted.push((item.label, item.value.map(<[u8]>::to_vec)));
    Ok(item.label.abs() == INBOX)
}

/// For a chain of three certificates, and more.
const ROOM: usize = 2048;

pub(crate) fn message_1(party: &mut Party, method: Method, suite: Suite, c_i: ConnectionId, ead_1: &Items) -> (Vec<u8>, AwaitMessage2) {
    let mut out = [0; ROOM];
    let mut out = Writer::new(&mut out);
    let state = compose_message_1(party, method, &[suite], suite, c_i, &borrowed(ead_1), &mut out).unwrap();
    (out.written().to_vec(), state)
}

/// Gives EAD_1 as well. Takes every method.
pub(crate) fn message_2(
    party: &mut Party,
    suite: Suite,
    c_r: ConnectionId,
    message_1: &[u8],
    ead_2: &Items,
) -> Result<(Vec<u8>, AwaitMessage3, Items)> {
    message_2_of(party, Methods::ALL, suite, c_r, message_1, ead_2)
}

/// Takes some methods only.
pub(crate) fn message_2_of(
    party: &mut Party,
    methods: Methods,
    suite: Suite,
    c_r: ConnectionId,
    message_1: &[u8],
    ead_2: &Items,
) -> Result<(Vec<u8>, AwaitMessage3, Items)> {
    let (mut scratch, mut out) = ([0; ROOM], [0; ROOM]);
    let mut out = Writer::new(&mut out);
    let mut noted = Items::new();
    let y = Ephemeral::generate(party, suite.curve())?;
    let suites = [suite];
    let known = &mut |item: &Ead<'_>| note(item, &mut noted);
    let state = process_message_1(party, methods, &suites, &y, c_r, message_1, known, &borrowed(ead_2), &mut scratch, &mut out)?;
    Ok((out.written().to_vec(), state, noted))
}

/// Gives EAD_2 as well.
pub(crate) fn message_3(
    party: &mut Party,
    state: &AwaitMessage2,
    message_2: &[u8],
    ead_3: &Items,
) -> Result<(Vec<u8>, AwaitMessage4, Items)> {
    let (mut scratch, mut out) = ([0; ROOM], [0; ROOM]);
    let mut out = Writer::new(&mut out);
    let mut noted = Items::new();
    let next =
        state.process_message_2(party, message_2, false, &borrowed(ead_3), &mut |item| note(item, &mut noted), &mut scratch, &mut out)?;
    Ok((out.written().to_vec(), next, noted))
}

/// Gives EAD_3 as well.
pub(crate) fn message_4(
    party: &mut Party,
    state: &AwaitMessage3,
    message_3: &[u8],
    inbox: Option<&[u8]>,
    ead_4: &Items,
) -> Result<(Vec<u8>, Completed, Items)> {
    let (mut scratch, mut out) = ([0; ROOM], [0; ROOM]);
    let mut out = Writer::new(&mut out);
    let mut noted = Items::new();
    let done =
        state.process_message_3(party, message_3, inbox, &mut |item| note(item, &mut noted), &borrowed(ead_4), &mut scratch, &mut out)?;
    Ok((out.written().to_vec(), done, noted))
}

/// Gives EAD_4 as well.
pub(crate) fn finish(party: &mut Party, state: &AwaitMessage4, message_4: &[u8]) -> Result<(Completed, Items)> {
    let mut noted = Items::new();
    let done = state.process_message_4(party, message_4, &mut |item| note(item, &mut noted), &mut [0; ROOM])?;
    Ok((done, noted))
}

/// The message with one bit of every byte flipped in turn, cut off at every length, and with a byte too many.
pub(crate) fn damaged(message: &[u8]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = (0..message.len()).map(|end| message[..end].to_vec()).collect();
    for at in 0..message.len() {
        let mut flipped = message.to_vec();
        flipped[at] ^= 1 << (at % 8);
        all.push(flipped);
    }
    all.push([message, &[0]].concat());
    all
}
