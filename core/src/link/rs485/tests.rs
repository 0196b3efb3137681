use super::*;
use crate::link::Counters;
use proptest::prelude::*;
use std::vec::Vec;

type Bytes = Vec<u8>;

const CONFIG: Config = Config { longest: 200, ..Config::DEFAULT };

fn controller() -> Controller<Bytes> {
    Controller::new(CONFIG, std::vec![0; 202], std::vec![0; 204]).unwrap()
}

fn device(address: u8) -> Device<Bytes> {
    Device::new(CONFIG, address, std::vec![0; 202], std::vec![0; 204]).unwrap()
}

fn sent(write: impl FnOnce(&mut [u8]) -> Result<Option<usize>>) -> Option<Bytes> {
    let mut out = std::vec![0; encoded_len(200)];
    let length = write(&mut out).unwrap()?;
    out.truncate(length);
    Some(out)
}

fn heard(device: &mut Device<Bytes>, now_ms: u64, mut input: &[u8]) -> Vec<Bytes> {
    let mut frames = Vec::new();
    while !input.is_empty() {
        let (taken, frame) = device.handle(now_ms, input);
        frames.extend(frame.map(|frame| frame.to_vec()));
        input = &input[taken..];
    }
    frames
}

fn answers(controller: &mut Controller<Bytes>, now_ms: u64, mut input: &[u8]) -> Vec<(u8, Bytes)> {
    let mut answers = Vec::new();
    while !input.is_empty() {
        let (taken, answer) = controller.handle(now_ms, input);
        answers.extend(answer.map(|answer| (answer.address, answer.frame.to_vec())));
        input = &input[taken..];
    }
    answers
}

/// A bus with a clock. Everything said is heard by all, by the one who says it too.
struct Bus {
    now_ms: u64,
    controller: Controller<Bytes>,
    devices: Vec<Device<Bytes>>,
    /// What each device got.
    got: Vec<Vec<Bytes>>,
    /// How many transmissions began while another was on the line.
    collisions: usize,
}

impl Bus {
    fn new(devices: u8) -> Self {
        let devices: Vec<_> = (1..=devices).map(device).collect();
        Bus { now_ms: 0, controller: controller(), got: std::vec![Vec::new(); devices.len()], devices, collisions: 0 }
    }

    /// Polls once; gives the answer, or `None` when the device stays silent. `damage` changes what is on the line.
    fn poll(&mut self, address: u8, frame: &[u8], mut damage: impl FnMut(&mut Bytes)) -> Option<Bytes> {
        self.controller.poll(address, frame).unwrap();
        let mut answer = None;
        let mut line_free_ms = 0;
        while self.controller.is_polling() {
            let now = self.now_ms;
            let mut said: Vec<Bytes> = Vec::new();
            said.extend(sent(|out| self.controller.poll_transmit(now, out)));
            for device in &mut self.devices {
                said.extend(sent(|out| device.poll_transmit(now, out)));
            }
            self.collisions += usize::from(said.len() > 1 || (!said.is_empty() && now < line_free_ms));
            for mut bytes in said {
                damage(&mut bytes);
                // It is heard when its last byte is over.
                self.now_ms = now + CONFIG.line_ms(bytes.len());
                line_free_ms = self.now_ms;
                for (device, got) in self.devices.iter_mut().zip(&mut self.got) {
                    got.extend(heard(device, self.now_ms, &bytes));
                }
                for (from, frame) in answers(&mut self.controller, self.now_ms, &bytes) {
                    assert_eq!(from, address);
                    answer = Some(frame);
                }
            }
            if let Some(silent) = self.controller.handle_timeout(self.now_ms) {
                assert_eq!(silent, address);
            }
            self.now_ms += 1;
        }
        answer
    }
}

#[test]
fn a_poll_and_its_answer_look_as_the_page_says() {
    let (mut controller, mut device) = (controller(), device(5));
    controller.poll(5, b"ab").unwrap();
    let poll = sent(|out| controller.poll_transmit(0, out)).unwrap();
    // binascii.crc_hqx(b"\x05\x00ab", 0xffff) is 0x4c7a.
    assert_eq!(poll, b"\x00\x02\x05\x05ab\x4c\x7a\x00");
    device.send(b"xyz").unwrap();
    assert_eq!(heard(&mut device, 1, &poll), [b"ab"]);
    assert_eq!(device.poll_timeout(), Some(2));
    assert_eq!(sent(|out| device.poll_transmit(1, out)), None);
    let answer = sent(|out| device.poll_transmit(2, out)).unwrap();
    // binascii.crc_hqx(b"\x85\x01xyz", 0xffff) is 0x7a8a.
    assert_eq!(answer, b"\x00\x08\x85\x01xyz\x7a\x8a\x00");
    assert_eq!(answers(&mut controller, 3, &answer), [(5, b"xyz".to_vec())]);
    // The next poll says that the answer came; before that, the device keeps its frame.
    assert!(device.is_sending());
    controller.poll(5, b"").unwrap();
    assert_eq!(sent(|out| controller.poll_transmit(3, out)), None);
    let poll = sent(|out| controller.poll_transmit(4, out)).unwrap();
    assert_eq!(poll[1..4], [5, 5, 0x11]);
    assert_eq!(heard(&mut device, 5, &poll), Vec::<Bytes>::new());
    assert!(!device.is_sending());
}

#[test]
fn each_device_answers_for_itself_only() {
    let mut bus = Bus::new(3);
    for address in 1..=3 {
        bus.devices[usize::from(address) - 1].send(&[address; 9]).unwrap();
    }
    for address in [2, 3, 1] {
        assert_eq!(bus.poll(address, &[address + 10], |_| {}), Some(std::vec![address; 9]));
    }
    assert_eq!(bus.got, [[[11]], [[12]], [[13]]]);
    assert_eq!(bus.poll(2, b"", |_| {}), Some(Vec::new()));
    assert_eq!((bus.got[1].len(), bus.collisions), (1, 0));
    assert_eq!(bus.controller.counters().expired, 0);
}

#[test]
fn a_silent_device_costs_its_polls_and_no_more() {
    let mut bus = Bus::new(1);
    let mut polls = 0;
    assert_eq!(bus.poll(9, b"anybody?", |_| polls += 1), None);
    assert_eq!(polls, 4);
    // Four polls of 2 ms, and four windows.
    assert!(bus.now_ms <= 4 * (3 + 20 + 1), "{}", bus.now_ms);
    assert_eq!(bus.controller.counters().expired, 1);
    assert_eq!(bus.poll(1, b"you", |_| {}), Some(Vec::new()));
    assert_eq!(bus.got[0], [b"you"]);
}

#[test]
fn what_is_lost_is_repeated_and_handed_out_once() {
    for lost in 0..4 {
        let mut bus = Bus::new(2);
        bus.devices[0].send(b"up").unwrap();
        let mut said = 0;
        let answer = bus.poll(1, b"down", |bytes| {
            if said == lost {
                bytes.clear();
            }
            said += 1;
        });
        assert_eq!(answer.as_deref(), Some(&b"up"[..]), "transmission {lost}");
        assert_eq!(bus.poll(1, b"", |_| {}), Some(Vec::new()));
        assert_eq!((&bus.got[0][..], bus.collisions), (&[b"down".to_vec()][..], 0));
    }
}

#[test]
fn a_frame_stays_with_the_device_until_it_was_heard() {
    let mut bus = Bus::new(1);
    bus.devices[0].send(b"precious").unwrap();
    // Polls come, no answer does: given up, and the frame is still there.
    assert_eq!(
        bus.poll(1, b"down", |bytes| if bytes[2] & 0x80 != 0 {
            bytes.clear()
        }),
        None
    );
    assert_eq!(bus.poll(1, b"", |_| {}), Some(b"precious".to_vec()));
    assert_eq!(bus.poll(1, b"", |_| {}), Some(Vec::new()));
    assert_eq!(bus.got[0], [b"down"]);
    // A controller that starts anew may get it again, and loses nothing of its own.
    bus.devices[0].send(b"more").unwrap();
    assert_eq!(bus.poll(1, b"", |_| {}), Some(b"more".to_vec()));
    bus.controller = controller();
    assert_eq!(bus.poll(1, b"hello", |_| {}), Some(b"more".to_vec()));
    assert_eq!(bus.poll(1, b"", |_| {}), Some(Vec::new()));
    assert_eq!(bus.got[0], [&b"down"[..], b"hello"]);
    // So does a device.
    bus.devices[0] = device(1);
    assert_eq!(bus.poll(1, b"again", |_| {}), Some(Vec::new()));
    assert_eq!(bus.got[0].last().unwrap(), b"again");
}

#[test]
fn a_frame_that_comes_between_poll_and_repetition_waits() {
    let (mut controller, mut device) = (controller(), device(1));
    controller.poll(1, b"").unwrap();
    let poll = sent(|out| controller.poll_transmit(0, out)).unwrap();
    heard(&mut device, 0, &poll);
    let bare = sent(|out| device.poll_transmit(1, out)).unwrap();
    device.send(b"new").unwrap();
    // The answer was slow, not lost: the device answers the repetition as before, for the controller takes only one of both.
    heard(&mut device, 30, &poll);
    assert_eq!(sent(|out| device.poll_transmit(31, out)), Some(bare.clone()));
    assert_eq!(answers(&mut controller, 31, &[&bare[..], &bare].concat()), [(1, Vec::new())]);
    controller.poll(1, b"").unwrap();
    heard(&mut device, 40, &sent(|out| controller.poll_transmit(40, out)).unwrap());
    let answer = sent(|out| device.poll_transmit(41, out)).unwrap();
    assert_eq!(answers(&mut controller, 42, &answer), [(1, b"new".to_vec())]);
}

#[test]
fn numbers_start_anew_after_15() {
    let mut bus = Bus::new(1);
    for number in 0..50 {
        bus.devices[0].send(&[number; 3]).unwrap();
        assert_eq!(bus.poll(1, &[number], |_| {}), Some(std::vec![number; 3]));
        assert_eq!(bus.poll(1, b"", |_| {}), Some(Vec::new()));
    }
    assert_eq!(bus.got[0].len(), 50);
}

#[test]
fn a_number_that_was_shown_brings_nothing_new() {
    let mut controller = controller();
    for (second, wanted) in [(0x01, &b"up"[..]), (0x11, b""), (0x22, b"up")] {
        controller.poll(1, b"").unwrap();
        let now_ms = controller.poll_timeout().unwrap();
        sent(|out| controller.poll_transmit(now_ms, out)).unwrap();
        let answer = sent(|out| encode(&[0x81, second, b'u', b'p'], out).map(Some)).unwrap();
        assert_eq!(answers(&mut controller, now_ms, &answer), [(1, wanted.to_vec())]);
    }
}

#[test]
fn a_late_device_holds_its_tongue() {
    let (mut controller, mut device) = (controller(), device(1));
    controller.poll(1, b"x").unwrap();
    let poll = sent(|out| controller.poll_transmit(0, out)).unwrap();
    heard(&mut device, 1, &poll);
    assert_eq!(sent(|out| device.poll_transmit(22, out)), None);
    assert_eq!(device.counters(), Counters { frames: 1, expired: 1, ..Counters::default() });
    assert_eq!(device.poll_timeout(), None);
    // So it does when another speaks meanwhile.
    heard(&mut device, 30, &poll);
    let mut other = self::controller();
    other.poll(2, b"").unwrap();
    heard(&mut device, 31, &sent(|out| other.poll_transmit(0, out)).unwrap());
    assert_eq!(sent(|out| device.poll_transmit(32, out)), None);
}

#[test]
fn what_the_driver_leaves_on_the_bus_harms_nothing() {
    let mut bus = Bus::new(2);
    bus.devices[1].send(b"up").unwrap();
    let answer = bus.poll(2, b"down", |bytes| {
        // One end's driver lets go and the next one's starts.
        bytes.insert(0, 0xf3);
        bytes.push(0xff);
    });
    assert_eq!((answer.as_deref(), &bus.got[1][..]), (Some(&b"up"[..]), &[b"down".to_vec()][..]));
    let mut said = 0;
    bus.poll(2, b"next", |_| said += 1);
    assert_eq!(said, 2);
}

#[test]
fn an_answer_under_way_is_waited_for_and_no_longer() {
    let mut controller = controller();
    controller.poll(1, b"").unwrap();
    let poll = sent(|out| controller.poll_transmit(0, out)).unwrap();
    // The own poll, heard back, is no answer that begins.
    assert_eq!(answers(&mut controller, 1, &poll), []);
    let begin = controller.poll_timeout().unwrap();
    assert_eq!(begin, CONFIG.line_ms(poll.len()) + 20);
    assert_eq!(answers(&mut controller, begin - 1, &[0, 9, 9]), []);
    let end = controller.poll_timeout().unwrap();
    assert_eq!(end, begin + CONFIG.line_ms(encoded_len(200)));
    for now_ms in begin..end {
        answers(&mut controller, now_ms, &[7]);
        assert_eq!(controller.handle_timeout(now_ms), None);
        assert_eq!(sent(|out| controller.poll_transmit(now_ms, out)), None);
    }
    // The bus is still in use; the repetition waits for it.
    answers(&mut controller, end, &[7]);
    assert_eq!(controller.handle_timeout(end), None);
    assert_eq!(sent(|out| controller.poll_transmit(end, out)), None);
    assert_eq!(sent(|out| controller.poll_transmit(end + 1, out)), Some(poll));
}

#[test]
fn calls_that_make_no_sense_are_refused() {
    let bad = [Config { baud: 299, ..CONFIG }, Config { longest: 0, ..CONFIG }, Config { turnaround_ms: 20, ..CONFIG }];
    for config in bad {
        assert_eq!(Controller::new(config, [0; 9], [0; 9]).err(), Some(Error::InvalidArgument));
        assert_eq!(Device::new(config, 1, [0; 9], [0; 9]).err(), Some(Error::InvalidArgument));
    }
    for address in [0, 128, 255] {
        assert_eq!(Device::new(CONFIG, address, [0; 9], [0; 9]).err(), Some(Error::InvalidArgument));
        assert_eq!(controller().poll(address, b""), Err(Error::InvalidArgument));
    }
    assert_eq!(Device::new(CONFIG, 1, [0; 1], [0; 1]).err(), Some(Error::InvalidArgument));
    let mut device = Device::new(CONFIG, 1, std::vec![0; 300], std::vec![0; 9]).unwrap();
    assert_eq!(device.send(b""), Err(Error::InvalidArgument));
    assert_eq!(device.send(&[0; 201]), Err(Error::BufferTooSmall));
    assert_eq!(device.send(&[0; 200]), Ok(()));
    assert_eq!(device.send(&[0; 200]), Err(Error::Busy));
    let mut controller = controller();
    assert_eq!(controller.poll(1, &[0; 201]), Err(Error::BufferTooSmall));
    assert!(!controller.is_polling());
    assert_eq!((controller.poll_timeout(), controller.handle_timeout(99)), (None, None));
    assert_eq!(controller.poll(127, &[0; 200]), Ok(()));
    assert_eq!(controller.poll(1, b""), Err(Error::Busy));
    assert_eq!(controller.poll_transmit(0, &mut [0; 9]), Err(Error::BufferTooSmall));
    assert!(sent(|out| controller.poll_transmit(0, out)).is_some());
}

proptest! {
    /// Every transmission may be lost, cut or damaged: both ways frames arrive in order and once, and nobody speaks while another does.
    #[test]
    fn through_a_bad_bus(harm in proptest::collection::vec(0u8..10, 400), rounds in 4usize..20) {
        let mut bus = Bus::new(3);
        let mut harm = harm.into_iter().cycle();
        let (mut up, mut down) = (std::vec![Vec::new(); 3], std::vec![Vec::new(); 3]);
        let (mut wanted_up, mut wanted_down) = (std::vec![Vec::new(); 3], std::vec![Vec::new(); 3]);
        for round in 0..rounds {
            for at in 0..3 {
                if !bus.devices[at].is_sending() {
                    let frame = std::vec![round as u8; 1 + round];
                    bus.devices[at].send(&frame).unwrap();
                    wanted_up[at].push(frame);
                }
                let frame = std::vec![0x80 | round as u8; 1 + round];
                let answer = bus.poll(at as u8 + 1, &frame, |bytes| match harm.next() {
                    Some(0) => bytes.clear(),
                    Some(1) => bytes.truncate(bytes.len() / 2),
                    Some(2) => bytes[3] ^= 0x20,
                    Some(3) => bytes.insert(0, 0x17),
                    _ => {}
                });
                if answer.is_some() {
                    down[at].push(frame.clone());
                }
                wanted_down[at].push(frame);
                up[at].extend(answer.filter(|frame| !frame.is_empty()));
            }
        }
        prop_assert_eq!(bus.collisions, 0);
        for at in 0..3 {
            // What was answered arrived; what was given up may have.
            let mut got = bus.got[at].iter();
            for frame in &down[at] {
                prop_assert!(got.any(|got| got == frame));
            }
            let mut wanted = wanted_down[at].iter();
            for frame in &bus.got[at] {
                prop_assert!(wanted.any(|wanted| wanted == frame));
            }
            let (all, last) = (&wanted_up[at], up[at].len());
            prop_assert_eq!(&up[at][..], &all[..last]);
            prop_assert!(last + 1 >= all.len());
            prop_assert_eq!(bus.poll(at as u8 + 1, b"x", |_| {}).is_some(), true);
        }
    }

    #[test]
    fn noise_forges_nothing(noise in proptest::collection::vec(any::<u8>(), 0..500)) {
        let (mut controller, mut device) = (controller(), device(1));
        prop_assert_eq!(heard(&mut device, 0, &noise), Vec::<Bytes>::new());
        controller.poll(1, b"").unwrap();
        let poll = sent(|out| controller.poll_transmit(0, out)).unwrap();
        prop_assert_eq!(answers(&mut controller, 1, &noise), []);
        heard(&mut device, 5, &poll);
        let answer = sent(|out| device.poll_transmit(6, out)).unwrap();
        prop_assert_eq!(answers(&mut controller, 7, &answer), [(1, Vec::new())]);
    }
}
