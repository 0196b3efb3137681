import Foundation
import Testing

@testable import Sealwire

/// Attacks on setup and ownership (PROTOCOL 10), frame by frame, on a clock of the tests'.
@Suite struct SetupTests {
    private let wearable: Wearable
    private let phone: Phone
    private let thief: Phone

    init() throws {
        wearable = try Wearable()
        phone = try Phone("phone")
        thief = try Phone("thief")
    }

    /// The device, owned by the phone.
    private func owned() throws -> Endpoint {
        let device = try wearable.start()
        try device.openSetup(now: 0)
        #expect(try phone.claims(phone.setup(wearable), from: device) == nil)
        return device
    }

    @Test func aLabelIsPrintedAndRead() throws {
        let read = try SetupCode.parse(text: try wearable.code.text())
        #expect((read.device(), read.model()) == (wearable.device, "SW-HR/1.0"))
        #expect(try read.text().hasPrefix("SW1:"))
        for bad in ["", "SW1:AAAA:", try wearable.code.text().lowercased(), try wearable.code.text() + "_"] {
            #expect(throws: SealwireError.self) { try SetupCode.parse(text: bad) }
        }
        // The label of another device.
        let other = try Endpoint(config: Config(identities: [identity("other")]))
        #expect(throws: SealwireError.self) { try other.enableSetup(key: Wearable.record, code: wearable.code) }
    }

    @Test func aPhotographedLabelFromRemoteIsNotEnough() throws {
        let device = try wearable.start()
        #expect(try thief.claims(thief.setup(wearable), from: device) == "SetupClosed")
        // A window that has closed by itself, or by a call, is closed.
        try device.openSetup(until: 60_000, now: 0)
        #expect(try thief.claims(thief.setup(wearable), from: device, now: 60_000) == "SetupClosed")
        try device.openSetup(now: 60_000)
        #expect(try thief.claims(thief.setup(wearable), from: device, now: 660_000) == "SetupClosed")
        try device.openSetup(now: 700_000)
        try device.closeSetup()
        #expect(try thief.claims(thief.setup(wearable), from: device, now: 700_001) == "SetupClosed")
        #expect(try device.ownership()?.owner == nil)
        try device.openSetup(now: 700_002)
        #expect(try phone.claims(phone.setup(wearable), from: device, now: 700_003) == nil)
        // The secret is spent: the photograph is worth nothing from now on, and the window does not open.
        #expect(try thief.claims(thief.setup(wearable), from: device, now: 700_004) == "OtherOwner")
        #expect(throws: SealwireError.self) { try device.openSetup(now: 700_005) }
        #expect(try device.standing(peer: thief.thumbprint) == nil)
    }

    @Test func wrongProofsDelayAndNeverLock() throws {
        let device = try wearable.start()
        var now: UInt64 = 0
        let other = try SetupCode.generate(device: wearable.device, model: "")
        for count in 1...20 {
            // The window is opened again and again; the delay goes on counting.
            try device.openSetup(now: now)
            #expect(try thief.claims(.setup(code: other, anchor: thief.anchor), from: device, now: now) == "WrongSetupSecret")
            let delay: UInt64 = min(1 << UInt64(count - 1), 60) * 1_000
            // While it lasts the right proof is not looked at either, and asking makes it no longer.
            #expect(try phone.claims(phone.setup(wearable), from: device, now: now + delay - 1) == "SetupDelayed")
            now += delay
        }
        #expect(try device.ownership()?.owner == nil)
        try device.openSetup(now: now)
        #expect(try phone.claims(phone.setup(wearable), from: device, now: now) == nil)
    }

    @Test func aRelayGainsNothing() throws {
        let device = try wearable.start()
        try device.openSetup(now: 0)
        // A thief that poses as the device has not the key of the label: it gets no message_3, so no proof.
        let posing = try Wearable().start()
        try posing.openSetup(now: 0)
        #expect(try phone.claims(phone.setup(wearable), from: posing) == nil)
        #expect(try posing.ownership()?.owner == nil)
        #expect(try posing.counters().handshakes == 0)
        #expect(try posing.counters().handshakeIgnored == 0)
        for session in try phone.endpoint.sessions() { try phone.endpoint.closeSession(session: session) }

        // The phone's proof, moved into the thief's own handshake with the device.
        let mine = try Phone("phone-2")
        _ = try mine.endpoint.claim(claim: mine.setup(wearable), now: 0)
        _ = try device.handleFrame(frame: try mine.endpoint.frame(), now: 0)
        _ = try mine.endpoint.handleFrame(frame: try device.frame(), now: 0)
        let third = try mine.endpoint.frame()
        _ = try thief.endpoint.claim(claim: .known(device: wearable.device), now: 0)
        _ = try device.handleFrame(frame: try thief.endpoint.frame(), now: 0)
        _ = try thief.endpoint.handleFrame(frame: try device.frame(), now: 0)
        let shown = try thief.endpoint.frame()
        var moved = third
        moved[moved.startIndex + 1] = shown[shown.startIndex + 1]
        #expect(throws: SealwireError.self) { try device.handleFrame(frame: moved, now: 0) }
        #expect(throws: SealwireError.self) { try device.handleFrame(frame: shown, now: 0) }
        #expect(try device.ownership()?.owner == nil)
        // One who only carries the frames makes the phone the owner.
        _ = try device.handleFrame(frame: third, now: 0)
        #expect(try device.ownership()?.owner == mine.thumbprint)
    }

    @Test func aReleaseCountsOnceAndForOne() throws {
        let device = try owned()
        let next = try Phone("next")
        let release = try phone.release(wearable, to: next)
        guard case .release(_, let statement, _) = release else { return }
        // Another who got hold of it.
        #expect(try thief.claims(.release(device: wearable.device, statement: statement, anchor: thief.anchor), from: device) == "WrongStatement")
        // One that is not the owner's, one that says something else.
        var forged = statement
        forged[forged.endIndex - 1] ^= 1
        #expect(try next.claims(.release(device: wearable.device, statement: forged, anchor: next.anchor), from: device) == "WrongStatement")
        #expect(try next.claims(.delegation(device: wearable.device, statement: statement), from: device) == "WrongStatement")
        #expect(try device.ownership()?.owner == phone.thumbprint)
        #expect(try next.claims(release, from: device) == nil)
        #expect(try device.ownership()?.epoch == 1)
        #expect(try device.ownership()?.owner == next.thumbprint)
        // The next owner sells it back; what brought it in before does not again.
        #expect(try phone.claims(next.release(wearable, to: phone), from: device) == nil)
        #expect(try device.ownership()?.epoch == 2)
        #expect(try next.claims(release, from: device) == "WrongStatement")
        #expect(try device.ownership()?.owner == phone.thumbprint)
    }

    @Test func theOldOwnerIsOutAfterTheSale() throws {
        let device = try owned()
        let (next, friend) = (try Phone("next"), try Phone("friend"))
        #expect(try friend.claims(phone.delegation(wearable, to: friend), from: device) == nil)
        let before = try phone.signs(.delegation(delegate: thief.thumbprint), for: wearable.device)
        _ = try device.drain()
        #expect(try next.claims(phone.release(wearable, to: next), from: device) == nil)
        // Sessions of the old owner and of whom it had let in have ended, and are told to have.
        let ended = try device.drain().compactMap { event -> Data? in
            guard case .closed(_, let peer, _, let reason) = event else { return nil }
            #expect(reason.name == "OtherOwner")
            return peer
        }
        #expect(Set(ended) == [phone.thumbprint, friend.thumbprint])
        #expect(try device.sessions().count == 1)
        for old in [phone, friend] {
            #expect(try old.claims(.known(device: wearable.device), from: device) == "UntrustedCredential")
            #expect(try old.claims(phone.setup(wearable), from: device) == "OtherOwner")
        }
        // Nor can it let anybody in, by what it signed before or now.
        #expect(try thief.claims(.delegation(device: wearable.device, statement: before), from: device) == "WrongStatement")
        phone.told.with { $0!.epoch = 1 }
        #expect(try thief.claims(phone.delegation(wearable, to: thief), from: device) == "WrongStatement")
        #expect(try device.ownership() == OwnershipState(epoch: 1, nonce: next.told.now!.nonce, owner: next.thumbprint, delegates: []))
    }

    @Test func aSecondPhoneIsLetInAndTakenOut() throws {
        let device = try owned()
        let second = try Phone("second")
        let delegation = try phone.delegation(wearable, to: second)
        #expect(try thief.claims(delegation, from: device) == "WrongStatement")
        #expect(try second.claims(delegation, from: device) == nil)
        #expect(try device.standing(peer: second.thumbprint) == .delegate)
        #expect(try device.standing(peer: phone.thumbprint) == .owner)
        // What an owner is told, it is not; and it owns nothing to hand over.
        #expect(second.told.now == nil)
        let nonce = try #require(phone.told.now?.nonce)
        let stolen = try signStatement(
            key: second.anchor, device: wearable.device, epoch: 0, nonce: nonce, statement: .release(owner: second.thumbprint))
        #expect(try second.claims(.release(device: wearable.device, statement: stolen, anchor: nil), from: device) == "WrongStatement")
        // From then on it is known without the statement, after a restart too.
        let again = try wearable.start()
        #expect(try second.claims(.known(device: wearable.device), from: again) == nil)
        try again.revoke(delegate: second.thumbprint)
        #expect(try again.sessions().allSatisfy { try again.session(session: $0).peer != second.thumbprint })
        #expect(throws: SealwireError.self) { try again.revoke(delegate: second.thumbprint) }
        #expect(try second.claims(.known(device: wearable.device), from: again) == "UntrustedCredential")
        #expect(try second.claims(delegation, from: again) == "WrongStatement")
        #expect(try phone.claims(.known(device: wearable.device), from: again) == nil)
    }

    @Test func aPhysicalResetMakesItNobodys() throws {
        let device = try owned()
        let release = try phone.release(wearable, to: thief)
        try device.resetOwnership()
        #expect(try device.sessions().isEmpty)
        #expect(try device.ownership()?.epoch == 1)
        #expect(try device.ownership()?.owner == nil)
        #expect(try phone.claims(.known(device: wearable.device), from: device) == "UntrustedCredential")
        #expect(try thief.claims(release, from: device) == "WrongStatement")
        #expect(try phone.claims(phone.setup(wearable), from: device) == "SetupClosed")
        try device.openSetup(now: 0)
        #expect(try phone.claims(phone.setup(wearable), from: device) == nil)
    }

    @Test func aDamagedRecordLetsNobodyInUntilAReset() throws {
        _ = try owned()
        var record = try #require(try wearable.storage.load(key: Wearable.record))
        #expect(record.count == 215)
        record[record.startIndex + 20] ^= 1
        try wearable.storage.save(key: Wearable.record, data: record)
        let config = Config(identities: [wearable.identity], maxSessions: 8)
        let device = try Endpoint(config: config, storage: wearable.storage)
        do {
            try device.enableSetup(key: Wearable.record, code: wearable.code)
            Issue.record("the record was read")
        } catch { #expect((error as? SealwireError)?.name == "CorruptState") }
        #expect(try device.ownership() == nil)
        #expect(try phone.claims(.known(device: wearable.device), from: device) == "UntrustedCredential")
        #expect(try phone.claims(phone.setup(wearable), from: device) == "CorruptState")
        try device.resetOwnership()
        #expect(try device.ownership()?.owner == nil)
    }

    @Test func anOwnersKeyMayBeInAKeyStore() async throws {
        let openssl = try OpenSslKeystore()
        let anchor = try Key.inKeystore(kind: .es256, public: openssl.make(.es256, alias: "anchor"), alias: "anchor")
        let device = try wearable.start()
        try device.openSetup(now: 0)
        #expect(try phone.claims(.setup(code: wearable.code, anchor: anchor), from: device) == nil)
        let (epoch, nonce) = try #require(phone.told.now)
        let next = try Phone("next")
        let statement = try await signStatement(
            key: anchor, device: wearable.device, epoch: epoch, nonce: nonce, statement: .release(owner: next.thumbprint), keystore: openssl)
        #expect(try next.claims(.release(device: wearable.device, statement: statement, anchor: next.anchor), from: device) == nil)
        #expect(try device.ownership()?.owner == next.thumbprint)
    }
}
