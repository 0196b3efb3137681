use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The plain model: every number accepted, the highest, and the edge it was restored with.
struct Model {
    seen: BTreeSet<u64>,
    edge: u64,
}

impl Model {
    fn check(&self, n: u64) -> Result<()> {
        let top = self.seen.last().copied();
        if n < self.edge || top.is_some_and(|top| n + WINDOW <= top) {
            Err(Error::Replay)
        } else if self.seen.contains(&n) {
            Err(Error::Duplicate)
        } else {
            Ok(())
        }
    }

    fn accept(&mut self, n: u64) -> Arrival {
        let next = self.seen.last().map_or(self.edge, |top| top + 1);
        self.seen.insert(n);
        Arrival { missing: n.saturating_sub(next), late: n < next }
    }
}

fn numbers() -> impl Strategy<Value = Vec<u64>> {
    // Mostly small steps around a moving middle, with jumps.
    proptest::collection::vec((0u64..140, prop_oneof![30 => 0u64..6, 2 => 50u64..90, 1 => 1000u64..3000]), 1..400).prop_map(|steps| {
        let mut middle = 0;
        let mut numbers = Vec::new();
        for (around, step) in steps {
            middle += step;
            numbers.push((middle + around).saturating_sub(100));
        }
        numbers
    })
}

proptest! {
    #[test]
    fn the_window_does_what_a_plain_set_does(numbers in numbers(), edge in prop_oneof![Just(0u64), 0u64..300]) {
        let mut window = ReplayWindow::starting_at(edge);
        let mut model = Model { seen: BTreeSet::new(), edge };
        for n in numbers {
            prop_assert_eq!(window.check(n), model.check(n), "{}", n);
            let before = window;
            match window.accept(n) {
                Ok(arrival) => prop_assert_eq!(arrival, model.accept(n)),
                Err(error) => {
                    prop_assert_eq!(Err(error), model.check(n));
                    prop_assert_eq!(window, before);
                }
            }
        }
    }

    #[test]
    fn nothing_is_accepted_twice_wherever_it_stands(numbers in proptest::collection::vec(any::<u64>(), 1..60)) {
        let mut window = ReplayWindow::new();
        for n in &numbers {
            if window.accept(*n).is_ok() {
                prop_assert!(window.accept(*n).is_err());
            }
        }
        for n in numbers {
            prop_assert!(n > window.next() || window.check(n).is_err() || n + 1 > window.next() - 64);
        }
    }
}

#[test]
fn a_window_holds_64_numbers() {
    let mut window = ReplayWindow::new();
    assert_eq!(window.accept(100), Ok(Arrival { missing: 100, late: false }));
    assert_eq!(window.check(36), Err(Error::Replay));
    assert_eq!(window.accept(37), Ok(Arrival { missing: 0, late: true }));
    assert_eq!(window.check(37), Err(Error::Duplicate));
    assert_eq!(window.accept(101), Ok(Arrival { missing: 0, late: false }));
    assert_eq!(window.check(37), Err(Error::Replay));
    assert_eq!(window.accept(112), Ok(Arrival { missing: 10, late: false }));
}

#[test]
fn a_restored_edge_is_replay_not_duplicate() {
    let mut window = ReplayWindow::starting_at(65);
    for n in [0, 1, 63, 64] {
        assert_eq!(window.check(n), Err(Error::Replay));
    }
    assert_eq!(window.accept(65), Ok(Arrival { missing: 0, late: false }));
    assert_eq!(window.check(65), Err(Error::Duplicate));
    assert_eq!(window.check(64), Err(Error::Replay));
}

#[test]
fn the_highest_number_of_all_is_refused() {
    let mut window = ReplayWindow::new();
    assert_eq!(window.accept(u64::MAX), Err(Error::Malformed));
    assert_eq!(window.accept(u64::MAX - 1), Ok(Arrival { missing: u64::MAX - 1, late: false }));
    assert_eq!(window.accept(0), Err(Error::Replay));
}
