//! The links that carry blocks against `tests/vectors/link_*.json`, which plain Python wrote from PROTOCOL §7.

use super::fragment::{Fragmenter, Reassembler, Slot};
use super::rs485::{self, Config, Controller, Device};
use super::{Counters, ethernet, spi};
use serde_json::Value;
use std::collections::BTreeMap;
use std::vec::Vec;

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn all_unhex(value: &Value) -> Vec<Vec<u8>> {
    list(value).iter().map(unhex).collect()
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn expected(counters: &Value) -> Counters {
    let of = |name: &str| counters[name].as_u64().unwrap_or(0) as u32;
    Counters {
        frames: of("frames"),
        malformed: of("malformed"),
        overlong: of("overlong"),
        lost: of("lost"),
        expired: of("expired"),
        refused: of("refused"),
    }
}

#[test]
fn fragments() {
    let document = document(include_str!("../../../tests/vectors/link_fragment.json"));
    assert!(list(&document["vectors"]).len() > 20);
    for vector in list(&document["vectors"]) {
        let (frame, fragments) = (unhex(&vector["frame"]), all_unhex(&vector["fragments"]));
        let mut fragmenter = Fragmenter::new(number(&vector["size"])).unwrap();
        for _ in 0..number(&vector["tag"]) {
            fragmenter.fragments(b"before").unwrap();
        }
        let ours: Vec<_> = fragmenter.fragments(&frame).unwrap().map(|(head, body)| [&head[..], body].concat()).collect();
        assert_eq!(ours, fragments, "{}", vector["name"]);
        let mut reassembler = Reassembler::new([Slot::default()], std::vec![0; frame.len()], 1).unwrap();
        let (last, first) = fragments.split_last().unwrap();
        assert!(first.iter().all(|fragment| reassembler.feed(0, 7, fragment).is_none()));
        assert_eq!(reassembler.feed(0, 7, last), Some(&mut frame.clone()[..]), "{}", vector["name"]);
    }
}

#[test]
fn fragments_on_a_bad_line() {
    let document = document(include_str!("../../../tests/vectors/link_fragment.json"));
    assert_eq!(list(&document["lines"]).len(), 10);
    for line in list(&document["lines"]) {
        let mut reassembler = Reassembler::new([Slot::default(); 2], [0; 200], 5000).unwrap();
        for (at, step) in list(&line["steps"]).iter().enumerate() {
            let frame = reassembler.feed(step[0].as_u64().unwrap(), step[1].as_u64().unwrap(), &unhex(&step[2]));
            let wanted = (!step[3].is_null()).then(|| unhex(&step[3]));
            assert_eq!(frame.map(|frame| frame.to_vec()), wanted, "{}, step {at}", line["name"]);
        }
        assert_eq!(reassembler.counters(), expected(&line["counters"]), "{}", line["name"]);
    }
}

#[test]
fn ethernet_frames() {
    let document = document(include_str!("../../../tests/vectors/link_ethernet.json"));
    assert!(list(&document["vectors"]).len() > 5);
    for vector in list(&document["vectors"]) {
        let address = |name: &str| unhex(&vector[name]).try_into().unwrap();
        let ether_type = number(&vector["ether_type"]) as u16;
        let head = ethernet::Head { destination: address("destination"), source: address("source"), ether_type };
        let (fragment, data) = (unhex(&vector["fragment"]), unhex(&vector["data"]));
        let mut out = [0xee; ethernet::LONGEST];
        assert_eq!(ethernet::encode(&head, &fragment, &mut out), Ok(data.len()), "{}", vector["name"]);
        assert_eq!(out[..data.len()], data, "{}", vector["name"]);
        assert_eq!(ethernet::decode(ether_type, &data), Ok(Some((head, &fragment[..]))), "{}", vector["name"]);
    }
}

#[test]
fn spi_blocks() {
    let document = document(include_str!("../../../tests/vectors/link_spi.json"));
    assert!(list(&document["vectors"]).len() > 5);
    for vector in list(&document["vectors"]) {
        let (size, frames, blocks) = (number(&vector["size"]), all_unhex(&vector["frames"]), all_unhex(&vector["blocks"]));
        let longest = frames.iter().map(Vec::len).max().unwrap();
        let end = || spi::Exchange::new(size, std::vec![0; longest], std::vec![0; size + longest]).unwrap();
        let (mut sender, mut ours) = (end(), Vec::new());
        for frame in &frames {
            sender.send(frame).unwrap();
            while sender.is_sending() {
                let mut block = std::vec![0xee; size];
                sender.poll_transmit(&mut block).unwrap();
                ours.push(block);
            }
        }
        assert_eq!(ours, blocks, "{}", vector["name"]);
        // As they are, and as they come when chip select was missed once.
        for shift in [0, 1, size / 2, size - 1] {
            let line = [std::vec![0x33; shift], blocks.concat(), std::vec![0xff; size]].concat();
            let mut receiver = end();
            let got: Vec<_> =
                line.chunks_exact(size).filter_map(|block| receiver.handle_block(block).map(|frame| frame.to_vec())).collect();
            assert_eq!(got, frames, "{}, shifted by {shift}", vector["name"]);
        }
    }
}

#[test]
fn rs485_polls() {
    let document = document(include_str!("../../../tests/vectors/link_rs485.json"));
    let config = Config { longest: 64, ..Config::DEFAULT };
    let mut given_up = 0;
    for vector in list(&document["vectors"]) {
        let mut controller = Controller::new(config, std::vec![0; 66], std::vec![0; 68]).unwrap();
        let mut devices = BTreeMap::new();
        let mut now_ms = 0;
        for step in list(&vector["steps"]) {
            let (name, mut out) = (&vector["name"], [0; 80]);
            if let Some(address) = step["device"].as_u64() {
                let device = devices.entry(address).or_insert_with(|| device(config, address));
                assert_eq!(device.send(&unhex(&step["send"])), Ok(()), "{name}: {step}");
                continue;
            }
            let address = step["poll"].as_u64().unwrap();
            let device = devices.entry(address).or_insert_with(|| device(config, address));
            controller.poll(address as u8, &unhex(&step["frame"])).unwrap();
            let (line, mut result) = (unhex(&step["line"]), None);
            for one in list(&step["tries"]) {
                now_ms = now_ms.max(controller.poll_timeout().unwrap());
                let length = controller.poll_transmit(now_ms, &mut out).unwrap().unwrap();
                assert_eq!(out[..length], line, "{name}: {step}");
                if one["poll_arrives"] == true {
                    let (taken, brought) = device.handle(now_ms, &line);
                    assert_eq!(taken, line.len());
                    assert_eq!(brought.map_or(Vec::new(), |frame| frame.to_vec()), unhex(&one["brought"]), "{name}: {step}");
                    now_ms = device.poll_timeout().unwrap();
                    let length = device.poll_transmit(now_ms, &mut out).unwrap().unwrap();
                    assert_eq!(out[..length], unhex(&one["answer"]), "{name}: {step}");
                    if one["answer_arrives"] == true {
                        result = controller.handle(now_ms, &out[..length]).1.map(|answer| answer.frame.to_vec());
                    }
                }
                if result.is_none() {
                    now_ms = controller.poll_timeout().unwrap();
                    given_up += usize::from(controller.handle_timeout(now_ms) == Some(address as u8));
                }
            }
            assert!(!controller.is_polling(), "{name}: {step}");
            assert_eq!(result, (!step["result"].is_null()).then(|| unhex(&step["result"])), "{name}: {step}");
        }
    }
    assert!(given_up > 5);
}

fn device(config: Config, address: u64) -> Device<Vec<u8>> {
    rs485::Device::new(config, address as u8, std::vec![0; 66], std::vec![0; 68]).unwrap()
}
