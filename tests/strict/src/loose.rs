//! Encodings that are not what they should be: a writer that takes every liberty of CBOR and some that are none, and damage.

use crate::item::Item;
use crate::random::Seeded;

/// A head with at least the width asked for: 0 in the first byte, then 1, 2, 4, 8 bytes.
fn head(out: &mut Vec<u8>, major: u8, argument: u64, width: usize) {
    let needed = match argument {
        0..=23 => 0,
        24..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 3,
        _ => 4,
    };
    let high = major << 5;
    let bytes = argument.to_be_bytes();
    match width.max(needed) {
        0 => out.push(high | argument as u8),
        1 => out.extend([high | 24, bytes[7]]),
        2 => out.extend([&[high | 25], &bytes[6..]].concat()),
        3 => out.extend([&[high | 26], &bytes[4..]].concat()),
        _ => out.extend([&[high | 27], &bytes[..]].concat()),
    }
}

/// How often each liberty is taken: once in so many times.
pub(crate) struct Loose<'a> {
    pub(crate) random: &'a mut Seeded,
    pub(crate) rarity: usize,
}

impl Loose<'_> {
    fn now(&mut self) -> bool {
        self.random.one_in(self.rarity)
    }

    fn head(&mut self, out: &mut Vec<u8>, major: u8, argument: u64) {
        let width = if self.now() { 1 + self.random.below(4) } else { 0 };
        // Sometimes more than there is.
        let argument = if self.random.one_in(self.rarity * 20) {
            argument.wrapping_add(self.random.next() >> self.random.below(64))
        } else {
            argument
        };
        head(out, major, argument, width);
    }

    pub(crate) fn write(&mut self, item: &Item, out: &mut Vec<u8>) {
        if self.now() {
            match self.random.below(8) {
                0 => return out.extend([0xf9, self.random.next() as u8, self.random.next() as u8]),
                1 => return out.extend([&[0xfa], &self.random.bytes(4)[..]].concat()),
                2 => return out.extend([&[0xfb], &self.random.bytes(8)[..]].concat()),
                3 => return out.push(0xe0 | self.random.below(24) as u8),
                4 => return out.extend([0xf8, self.random.next() as u8]),
                // Wrapped, in arrays, maps and tags.
                5 => {
                    for _ in 0..self.random.below(12) {
                        out.extend(self.random.pick(&[&[0x81][..], &[0xa1, 0x01], &[0xc6], &[0xd8, 0x20]]));
                    }
                }
                // A bignum.
                6 => {
                    let length = self.random.below(19);
                    out.push(self.random.pick(&[0xc2, 0xc3]));
                    head(out, 2, length as u64, 0);
                    return out.extend(self.random.bytes(length));
                }
                // What is no UTF-8.
                _ => {
                    return out.extend(self.random.pick(&[
                        &[0x61, 0x80][..],
                        &[0x62, 0xc0, 0x80],
                        &[0x63, 0xed, 0xa0, 0x80],
                        &[0x64, 0xf4, 0x90, 0x80, 0x80],
                    ]));
                }
            }
        }
        match item {
            Item::Uint(number) => self.head(out, 0, *number),
            Item::Nint(number) => self.head(out, 1, *number),
            Item::Bytes(bytes) => self.string(out, 2, bytes),
            Item::Text(text) => self.string(out, 3, text.as_bytes()),
            Item::Array(items) => {
                let open = self.open(out, 4, items.len());
                items.iter().for_each(|item| self.write(item, out));
                out.extend(open.then_some(0xff));
            }
            Item::Map(entries) => {
                let mut entries: Vec<_> = entries.iter().collect();
                if self.now() {
                    self.random.shuffle(&mut entries);
                }
                if self.now() && !entries.is_empty() {
                    let twice = self.random.pick(&entries);
                    entries.insert(self.random.below(entries.len() + 1), twice);
                }
                let open = self.open(out, 5, entries.len());
                for (key, value) in entries {
                    self.write(key, out);
                    self.write(value, out);
                }
                out.extend(open.then_some(0xff));
            }
            Item::Tag(number, inner) => {
                self.head(out, 6, *number);
                self.write(inner, out);
            }
            Item::Bool(value) => out.push(if *value { 0xf5 } else { 0xf4 }),
            Item::Null => out.push(0xf6),
        }
    }

    fn open(&mut self, out: &mut Vec<u8>, major: u8, count: usize) -> bool {
        let open = self.now();
        if open {
            out.push(major << 5 | 31);
        } else {
            self.head(out, major, count as u64);
        }
        open
    }

    fn string(&mut self, out: &mut Vec<u8>, major: u8, content: &[u8]) {
        if !self.now() {
            self.head(out, major, content.len() as u64);
            return out.extend(content);
        }
        out.push(major << 5 | 31);
        // Cut anywhere, even inside a character, which is no text any more.
        let cut = self.random.below(content.len() + 1);
        for part in [&content[..cut], &content[cut..]] {
            self.head(out, major, part.len() as u64);
            out.extend(part);
        }
        out.push(0xff);
    }
}

/// First bytes that mean something.
const TELLING: &[u8] = &[
    0x00, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1f, 0x20, 0x38, 0x3b, 0x3f, 0x40, 0x58, 0x5b, 0x5f, 0x60, 0x78, 0x7b, 0x7f, 0x80, 0x98,
    0x9b, 0x9f, 0xa0, 0xb8, 0xbb, 0xbf, 0xc0, 0xc2, 0xc3, 0xd8, 0xdb, 0xdf, 0xe0, 0xf4, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xff,
];

/// Damages bytes in one to three places.
pub(crate) fn damage(random: &mut Seeded, bytes: &mut Vec<u8>) {
    for _ in 0..1 + random.below(3) {
        if bytes.is_empty() {
            return bytes.push(random.next() as u8);
        }
        let at = random.below(bytes.len());
        match random.below(8) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => bytes[at] = random.pick(TELLING),
            3 => bytes.insert(at, random.pick(TELLING)),
            4 => drop(bytes.remove(at)),
            5 => bytes.truncate(at),
            6 => {
                let end = (at + 1 + random.below(8)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            _ => bytes.push(random.pick(TELLING)),
        }
    }
}

/// One input after another: half of them well-formed but free in form, half damaged, of these some both.
pub(crate) fn input(random: &mut Seeded) -> Vec<u8> {
    let depth = 1 + random.below(5);
    let item = if random.one_in(50) { Item::long_map(random) } else { Item::random(random, depth) };
    let mut bytes = item.by_ciborium();
    let kind = random.below(4);
    if kind != 0 {
        bytes.clear();
        let rarity = random.pick(&[6, 25, 100]);
        Loose { random, rarity }.write(&item, &mut bytes);
    }
    if kind < 2 {
        damage(random, &mut bytes);
    }
    bytes
}
