//! The other end of a rival's line: frames of two bytes' length on stdin and stdout. usage: rival-peer RECORDS

use sealwire_rivals::Responder;
use std::io::{Read, Write};

fn read() -> Vec<u8> {
    let mut head = [0; 2];
    std::io::stdin().read_exact(&mut head).unwrap();
    let mut frame = vec![0; usize::from(u16::from_be_bytes(head))];
    std::io::stdin().read_exact(&mut frame).unwrap();
    frame
}

fn write(frame: &[u8]) {
    let mut line = std::io::stdout();
    line.write_all(&(frame.len() as u16).to_be_bytes()).unwrap();
    line.write_all(frame).unwrap();
    line.flush().unwrap();
}

fn main() {
    let records: usize = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(0);
    let mut out = [0; 4096];
    let (responder, length) = Responder::answer(&read(), &mut out);
    write(&out[..length]);
    let mut responder = responder.finish(&read(), &mut out);
    for _ in 0..records {
        let length = responder.echo(&read(), &mut out);
        write(&out[..length]);
    }
}
