//! Slots: sizes, capacities, and both kinds of tables.

use super::*;
use crate::credential::Thumbprint;

#[test]
fn an_endpoint_with_a_session_and_a_handshake_fits() {
    let (endpoint, session, handshake) = (size_of::<Endpoint<SliceTables<'_>>>(), size_of::<Session>(), size_of::<Handshake>());
    std::println!("Endpoint {endpoint}, Session {session}, Handshake {handshake}, snapshot {SNAPSHOT_MAX}");
    assert!(endpoint + session + handshake + 512 <= 2_200, "{endpoint} + {session} + {handshake} + 512");
}

#[test]
fn slices_carry_a_handshake_and_messages() {
    let (a, b) = (port::Identity::new(1, "dev-1", true), port::Identity::new(2, "hub", true));
    let mut sessions_a: [Session; 2] = Default::default();
    let mut sessions_b: [Session; 2] = Default::default();
    let mut handshakes: [Handshake; 2] = Default::default();
    let (one, two) = handshakes.split_at_mut(1);
    let (mut buffer_a, mut buffer_b) = ([0; 512], [0; 256]);
    let tables_a = SliceTables::new(&mut sessions_a, one, &mut buffer_a).unwrap();
    let tables_b = SliceTables::new(&mut sessions_b, two, &mut buffer_b).unwrap();
    let mut ends = [
        (Endpoint::new(tables_a, Config::default()).unwrap(), TestPort::new(&a, &[&b], true, 1)),
        (Endpoint::new(tables_b, Config::default()).unwrap(), TestPort::new(&b, &[&a], true, 2)),
    ];
    for round in 0..5 {
        let (endpoint, port) = &mut ends[round % 2];
        endpoint.connect(port, 0, Route::default(), None).unwrap();
        let mut buffer = [0; 512];
        let mut quiet = 0;
        let mut from = round % 2;
        while quiet < 2 {
            let (endpoint, port) = &mut ends[from];
            let sent = endpoint.poll_transmit(port, 0, &mut buffer).unwrap();
            while endpoint.poll_event().is_some() {}
            match sent {
                Some(transmit) => {
                    quiet = 0;
                    let (endpoint, port) = &mut ends[1 - from];
                    endpoint.handle_frame(port, 0, Route::default(), None, &mut buffer[..transmit.len]).unwrap();
                }
                None => quiet += 1,
            }
            from = 1 - from;
        }
        let of_a = ends[0].0.find(&b.thumbprint).unwrap();
        let of_b = ends[1].0.find(&a.thumbprint).unwrap();
        assert_eq!(ends[0].0.session(of_a, 0).unwrap().sid, ends[1].0.session(of_b, 0).unwrap().sid);
    }
}

#[test]
fn memory_that_cannot_do_is_refused() {
    let mut sessions: [Session; 1] = Default::default();
    let mut handshakes: [Handshake; 2] = Default::default();
    let mut buffer = [0; 511];
    assert!(SliceTables::new(&mut sessions, &mut handshakes, &mut buffer).is_err());
    assert!(SliceTables::new(&mut [], &mut handshakes, &mut [0; 512]).is_err());
    assert!(SliceTables::new(&mut sessions, &mut [], &mut [0; 512]).is_err());
    let out_of_range: [fn(&mut Config); 6] = [
        |config| config.identifier_len = 0,
        |config| config.identifier_len = 5,
        |config| config.reserve = 0,
        |config| config.edge = 0,
        |config| config.suites = [None; 4],
        |config| config.handshake_attempts = 0,
    ];
    for change in out_of_range {
        let mut config = Config::default();
        change(&mut config);
        assert!(Endpoint::new(HeapTables::new(1, 1), config).is_err());
    }
}

#[test]
fn one_byte_identifiers_carry_twenty_four_sessions() {
    let hub = port::Identity::new(2, "hub", true);
    let devices: Vec<_> = (10..40).map(|kid| port::Identity::new(kid, "dev", true)).collect();
    let known: Vec<_> = devices.iter().collect();
    let mut node = Node::new(&hub, &known, Config::default(), true, 1);
    node.endpoint = Endpoint::new(HeapTables::new(1_000, 4), Config::default()).unwrap();
    let mut established = 0;
    for (nth, device) in devices.iter().enumerate() {
        let mut device = Node::new(device, &[&hub], Config::default(), true, nth as u64);
        device.endpoint.connect(&mut device.port, 0, Route::default(), None).unwrap();
        for _ in 0..8 {
            for frame in device.frames(0) {
                let _ = node.input(0, Route::default(), None, &frame);
            }
            for frame in node.frames(0) {
                let _ = device.input(0, Route::default(), None, &frame);
            }
        }
        established += usize::from(node.endpoint.find(&device.identity.thumbprint).is_some());
    }
    assert_eq!(established, 24);
}

#[test]
fn lookups_stay_flat_with_many_sessions() {
    // Two-byte identifiers, and a table with thousands of sessions restored from one snapshot under many keys.
    let mut pair = Pair::with(true, 1, |config| config.identifier_len = 3);
    let (a, _) = pair.connect();
    let mut tables = HeapTables::new(100_000, 16);
    for slot in 0..100_000 {
        assert!(tables.ensure_session(slot));
    }
    for slot in 0..99_999_usize {
        let mut peer = Thumbprint::default();
        peer.0[..8].copy_from_slice(&(slot as u64).to_be_bytes());
        tables.index_peer(slot, &peer, true);
        let marks = Marks { deadline: 1_000_000 + slot as u64, occupied: true, ..Marks::default() };
        tables.mark(Slot::Session(slot), marks);
    }
    assert_eq!(tables.vacant_session(100_000), Some(99_999));
    assert_eq!(tables.next_deadline(), Some((1_000_000, Slot::Session(0))));
    let mut peer = Thumbprint::default();
    peer.0[..8].copy_from_slice(&50_000_u64.to_be_bytes());
    assert_eq!(tables.with_peer(&peer, 0), Some(50_000));
    assert_eq!(tables.with_peer(&peer, 50_001), None);
    tables.mark(Slot::Session(7), Marks { event: true, ..Marks::default() });
    assert_eq!(tables.next_event(), Some(Slot::Session(7)));
    assert_eq!(tables.vacant_session(100_000), Some(7));
    let ended = Marks { occupied: true, ended: true, ..Marks::default() };
    let unconfirmed = Marks { occupied: true, unconfirmed: true, ..Marks::default() };
    tables.mark(Slot::Session(90_000), ended);
    tables.mark(Slot::Session(91_000), unconfirmed);
    assert_eq!((tables.next_ended(), tables.next_unconfirmed(0), tables.next_unconfirmed(91_001)), (Some(90_000), Some(91_000), None));
    tables.mark(Slot::Session(90_000), unconfirmed);
    assert_eq!((tables.next_ended(), tables.next_unconfirmed(0)), (None, Some(90_000)));
    let (one, other) = (Sid([1; 8]), Sid([2; 8]));
    tables.remember(80_000, &[Some((Some(SessionHandle(5)), one)), Some((None, other))]);
    assert_eq!(tables.remembering(SessionHandle(5), None), Some(80_000));
    assert_eq!(tables.remembering(SessionHandle(4), Some(other)), Some(80_000));
    tables.remember(80_001, &[Some((None, one)), None]);
    tables.remember(80_000, &[Some((None, other)), None]);
    assert_eq!(tables.remembering(SessionHandle(5), Some(one)), Some(80_001));
    assert_eq!(tables.remembering(SessionHandle(5), None), None);
    assert!(pair.a.endpoint.session(a, 0).is_ok());
}
