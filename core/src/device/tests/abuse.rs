//! Calls in an order that nobody should make, a clock at its end, and a hub that is authenticated and means harm.

use super::*;

/// The store has taken the new session and says that it has not; the application looks into it, and someone repeats message_4. Were both taken, records
/// would be protected twice under one nonce.
#[test]
fn restore_during_a_handshake() {
    let mut pair = Pair::new();
    pair.a.connect(pair.now);
    let mut last = Vec::new();
    for _ in 0..2 {
        for frame in pair.a.frames(pair.now) {
            pair.hub_hears(&frame).unwrap();
        }
        for frame in pair.hub.frames(pair.now) {
            pair.a.port.deny_saves = true;
            let _ = pair.a.input(pair.now, &frame);
            pair.a.port.deny_saves = false;
            last = frame;
        }
    }
    assert!(pair.a.device.sid().is_none() && !pair.a.port.stored.is_empty());
    let before = pair.a.fingerprint();
    assert_eq!(pair.a.device.restore(&mut pair.a.port, pair.now), Err(Error::WrongState));
    assert_eq!(pair.a.fingerprint(), before);
    for _ in 0..2 {
        for _ in 0..100 {
            let _ = pair.a.send(pair.now, &DATA);
        }
        let _ = pair.a.input(pair.now, &last);
    }
    pair.run(10_000);
    pair.talks();
}
