//! Framing of links that carry blocks, and of RS-485.

use crate::random::Input;
use crate::typed;
use sealwire_core::error::Result;
use sealwire_core::link::fragment::{Fragmenter, Reassembler, Slot};
use sealwire_core::link::rs485::{Config, Controller, Device, OVERHEAD, encoded_len};
use sealwire_core::link::{ethernet, spi};

/// Longest frame that the decoders here have room for.
const ROOM: usize = 96;

/// Fragments of three senders for two slots, with a clock; each behind a byte for sender and time, and its length.
pub fn fragment(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let mut reassembler = Reassembler::new([Slot::default(); 2], [0; 2 * ROOM], 100).expect("memory and time");
    let (mut now, mut got) = (0, 0);
    while !input.is_empty() {
        let control = input.byte();
        now += u64::from(control >> 2);
        if let Some(frame) = reassembler.feed(now, (control & 3).into(), input.piece()) {
            assert!(!frame.is_empty() && frame.len() <= ROOM);
            got += 1;
        }
    }
    let seen = reassembler.counters();
    assert_eq!(seen.frames, got);
    // Time ends whatever is under way: then a good frame of whoever it is comes through.
    let frame = &data[..data.len().min(ROOM)];
    if !frame.is_empty() {
        let mut fragmenter = Fragmenter::new(8).expect("room for a piece");
        let fragments: Vec<_> = fragmenter.fragments(frame).expect("it fits").map(|(head, body)| [&head[..], body].concat()).collect();
        let mut last = None;
        for fragment in &fragments {
            assert!(fragment.len() <= 8 && last.is_none());
            last = reassembler.feed(now + 101, 9, fragment).map(|frame| frame.to_vec());
        }
        assert_eq!(last.as_deref(), Some(frame));
    }
    got > 0
}

/// Ethernet frames.
pub fn ethernet(data: &[u8]) -> bool {
    match ethernet::decode(ethernet::ETHER_TYPE, data) {
        Ok(None) => false,
        Ok(Some((head, fragment))) => {
            let mut out = [0; ethernet::LONGEST];
            let length = ethernet::encode(&head, fragment, &mut out).expect("what was decoded");
            let used = ethernet::HEAD + fragment.len();
            assert_eq!(out[..used], data[..used], "decoded and encoded is the same");
            assert!(length >= ethernet::SHORTEST && out[used..length].iter().all(|byte| *byte == 0));
            true
        }
        Err(error) => {
            typed(error);
            false
        }
    }
}

type Spi = spi::Exchange<[u8; 2 * ROOM]>;

fn spi_end(size: usize) -> Spi {
    spi::Exchange::new(size, [0; 2 * ROOM], [0; 2 * ROOM]).expect("a good size")
}

/// What `to` gets of a frame that `from` sends.
fn spi_sent(from: &mut Spi, to: &mut Spi, size: usize, frame: &[u8]) -> Option<Vec<u8>> {
    from.send(frame).expect("it fits, and nothing is under way");
    let (mut block, mut last) = (vec![0; size], None);
    while from.is_sending() {
        from.poll_transmit(&mut block).expect("the right size");
        last = to.handle_block(&block).map(|frame| frame.to_vec());
    }
    last
}

/// Blocks of an SPI link; the first byte says of which size.
pub fn spi(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let size = 8 + usize::from(input.byte() % 24);
    let (mut end, mut got) = (spi_end(size), 0);
    for block in input.rest().chunks(size) {
        if let Some(frame) = end.handle_block(block) {
            assert!(!frame.is_empty() && frame.len() <= 2 * ROOM - size);
            got += 1;
        }
    }
    assert_eq!(end.counters().frames, got);
    // What it sends is taken by another, and a good frame comes through, whatever came before.
    let frame = &data[..data.len().min(ROOM)];
    if !frame.is_empty() {
        assert_eq!(spi_sent(&mut end, &mut spi_end(size), size, frame).as_deref(), Some(frame));
        let mut other = spi_end(size);
        // By chance the first block may be the one that was the last.
        spi_sent(&mut other, &mut end, size, b"first");
        assert_eq!(spi_sent(&mut other, &mut end, size, frame).as_deref(), Some(frame));
    }
    got > 0
}

const BUS: Config = Config { baud: 115_200, longest: ROOM as u16, turnaround_ms: 1, window_ms: 20, retries: 1 };

type Memory = [u8; ROOM + OVERHEAD];

fn transmitted(write: impl FnOnce(&mut [u8]) -> Result<Option<usize>>) -> Option<Vec<u8>> {
    let mut out = vec![0; encoded_len(ROOM)];
    let length = write(&mut out).expect("the length is enough")?;
    out.truncate(length);
    Some(out)
}

fn to_device(device: &mut Device<Memory>, now: u64, mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (taken, frame) = device.handle(now, bytes);
        assert!(taken > 0 && taken <= bytes.len());
        frames.extend(frame.map(|frame| frame.to_vec()));
        bytes = &bytes[taken..];
    }
    assert!(frames.iter().all(|frame| !frame.is_empty() && frame.len() <= ROOM));
    frames
}

fn to_controller(controller: &mut Controller<Memory>, now: u64, mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let (taken, answer) = controller.handle(now, bytes);
        assert!(taken > 0 && taken <= bytes.len());
        answers.extend(answer.map(|answer| (answer.address, answer.frame.to_vec())));
        bytes = &bytes[taken..];
    }
    answers
}

/// A device and a controller on a bus on which anybody may speak; each step has a byte for what happens and the time, and bytes on the bus.
pub fn rs485(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let mut controller = Controller::new(BUS, [0; ROOM + OVERHEAD], [0; ROOM + OVERHEAD]).expect("a good bus");
    let mut device = Device::new(BUS, 1, [0; ROOM + OVERHEAD], [0; ROOM + OVERHEAD]).expect("a good bus");
    let (mut now, mut got, mut asked) = (0, 0, 0);
    while !input.is_empty() {
        let control = input.byte();
        now += u64::from(control >> 3);
        if control & 1 != 0 {
            asked += u32::from(controller.poll(1, &[control]).is_ok());
        }
        if control & 2 != 0 {
            let _ = device.send(&[control; 9]);
        }
        let due = device.poll_timeout();
        let answer = transmitted(|out| device.poll_transmit(now, out));
        assert!(answer.is_none() || due.is_some_and(|due| due <= now && now < due + 20), "it speaks only when it may");
        let poll = transmitted(|out| controller.poll_transmit(now, out));
        assert!(poll.is_none() || controller.is_polling());
        let noise = input.piece().to_vec();
        for bytes in [poll, answer, Some(noise)].into_iter().flatten() {
            got += to_device(&mut device, now, &bytes).len();
            let answers = to_controller(&mut controller, now, &bytes);
            assert!(answers.len() <= 1 && answers.iter().all(|(address, _)| *address == 1));
            got += answers.len();
        }
        let _ = controller.handle_timeout(now);
    }
    // Every poll ends, and then one gets through both ways, whatever came before.
    while let Some(due) = controller.poll_timeout() {
        now = now.max(due);
        transmitted(|out| controller.poll_transmit(now, out));
        let _ = controller.handle_timeout(now);
    }
    assert!(controller.counters().expired <= asked);
    let mut down = Vec::new();
    for frame in [&b"one"[..], b"two"] {
        controller.poll(1, frame).expect("nothing is under way");
        now = now.max(controller.poll_timeout().expect("a poll is due"));
        let poll = transmitted(|out| controller.poll_transmit(now, out)).expect("it is due");
        down.extend(to_device(&mut device, now, &poll));
        now = device.poll_timeout().expect("it was asked");
        let answer = transmitted(|out| device.poll_transmit(now, out)).expect("it is due");
        assert_eq!(to_controller(&mut controller, now, &answer).len(), 1);
    }
    assert_eq!(down.last().map(Vec::as_slice), Some(&b"two"[..]));
    got > 0
}
