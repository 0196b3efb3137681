import Foundation
import Testing

@testable import Sealwire

/// The power goes at each write of a change of owner, before it reaches the storage or just after: whoever looks afterwards finds the one owner or
/// the other, whole, with nobody else's sessions; and the change, made again, goes through.
@Suite struct PowerCutTests {
    /// Fails at the n-th write and from then on, as a device without power does. `reached`: the n-th was written all the same.
    private final class Failing: Storage, @unchecked Sendable {
        let inner = MemoryStorage()
        private let left = Shared<Int?>(nil)
        private let reached = Shared(false)

        func load(key: UInt32) throws -> Data? { try inner.load(key: key) }
        func resistsRollback() -> Bool { true }

        func cut(after writes: Int?, reached: Bool) {
            left.with { $0 = writes }
            self.reached.with { $0 = reached }
        }

        /// Whether the power has gone.
        var isOff: Bool { left.now.map { $0 < 0 } ?? false }

        func save(key: UInt32, data: Data) throws {
            let now = left.with { left -> Int? in
                left = left.map { $0 - 1 }
                return left
            }
            guard let now, now < 0 else { return try inner.save(key: key, data: data) }
            if now == -1 && reached.now { try inner.save(key: key, data: data) }
            throw CallbackError.Failed(reason: "no power")
        }
    }

    enum Change: CaseIterable { case setup, release, releaseToItself, delegation, revocation, reset }

    /// An owned device but for `setup`, a delegate of the owner with a session, and who comes next.
    private struct World {
        let storage = Failing()
        let wearable: Wearable
        let owner: Phone
        let friend: Phone
        let next: Phone

        init(_ change: Change) throws {
            wearable = try Wearable(storage: storage)
            (owner, friend, next) = (try Phone("owner"), try Phone("friend"), try Phone("next"))
            guard change != .setup else { return }
            let device = try wearable.start()
            try device.openSetup(now: 0)
            #expect(try owner.claims(owner.setup(wearable), from: device) == nil)
            #expect(try friend.claims(owner.delegation(wearable, to: friend), from: device) == nil)
        }

        /// Makes the change, or fails on the way.
        func make(_ change: Change, at device: Endpoint) throws -> Bool {
            switch change {
            case .setup:
                try device.openSetup(now: 0)
                return try next.claims(next.setup(wearable), from: device) == nil
            case .release: return try next.claims(owner.release(wearable, to: next), from: device) == nil
            case .releaseToItself: return try owner.claims(owner.release(wearable, to: owner), from: device) == nil
            case .delegation: return try next.claims(owner.delegation(wearable, to: next), from: device) == nil
            case .revocation: return (try? device.revoke(delegate: friend.thumbprint)) != nil
            case .reset: return (try? device.resetOwnership()) != nil
            }
        }

        /// Before and after, as (owner, delegates, epoch).
        func states(_ change: Change) -> (old: State, new: State) {
            let before = State(owner: owner.thumbprint, delegates: [friend.thumbprint], epoch: 0)
            return switch change {
            case .setup: (State(owner: nil, delegates: [], epoch: 0), State(owner: next.thumbprint, delegates: [], epoch: 0))
            case .release: (before, State(owner: next.thumbprint, delegates: [], epoch: 1))
            case .releaseToItself: (before, State(owner: owner.thumbprint, delegates: [], epoch: 1))
            case .delegation: (before, State(owner: owner.thumbprint, delegates: [friend.thumbprint, next.thumbprint], epoch: 0))
            case .revocation: (before, State(owner: owner.thumbprint, delegates: [], epoch: 0))
            case .reset: (before, State(owner: nil, delegates: [], epoch: 1))
            }
        }
    }

    private struct State: Equatable {
        var owner: Data?
        var delegates: Set<Data>
        var epoch: UInt32
    }

    private func state(_ device: Endpoint) throws -> State {
        let found = try #require(try device.ownership())
        return State(owner: found.owner, delegates: Set(found.delegates), epoch: found.epoch)
    }

    @Test(arguments: Change.allCases, [false, true])
    func neverHalfOwned(change: Change, reached: Bool) throws {
        var cuts = 0
        for writes in 0..<100 {
            let world = try World(change)
            let (old, new) = world.states(change)
            let device = try world.wearable.start()
            world.storage.cut(after: writes, reached: reached)
            let made = try world.make(change, at: device)
            let off = world.storage.isOff
            // The power is back.
            world.storage.cut(after: nil, reached: false)
            let again = try world.wearable.start()
            let found = try state(again)
            #expect(found == old || found == new, "\(change), cut at write \(writes)")
            if made { #expect(found == new) }
            for session in try again.sessions() {
                let peer = try again.session(session: session).peer
                #expect(try again.standing(peer: peer) != nil, "a session of somebody else, cut at write \(writes)")
            }
            if found.epoch > 0 && found.owner != world.owner.thumbprint {
                #expect(try world.owner.claims(.known(device: world.wearable.device), from: again) == "UntrustedCredential")
            }
            // Whoever wanted the change gets it, or has it already.
            if found == old {
                #expect(try world.make(change, at: again))
            } else if let comer = [.setup: world.next, .release: world.next, .releaseToItself: world.owner, .delegation: world.next][change] {
                #expect(try comer.claims(.known(device: world.wearable.device), from: again) == nil)
            }
            #expect(try state(again) == new)
            if !off { break }
            cuts += 1
        }
        // At least the record and the session; 100 would mean that the change never went through.
        #expect((1..<100).contains(cuts), "\(cuts) cuts")
    }
}
