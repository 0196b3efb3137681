import Foundation
import Testing

@testable import Sealwire

/// A device on the broker, whatever it is made with.
struct PairedDevice {
    let inbox: String
    let code: SetupCode
    let press: @Sendable () throws -> Void
    /// What it has said: `owner EPOCH THUMBPRINT`, `refused ERROR`, `got TOPIC PAYLOAD`.
    let said: @Sendable () throws -> [String]
    let close: @Sendable () async -> Void

    /// scripts/live-device.py.
    static func inPython() async throws -> PairedDevice {
        try Live.ask("pairing")
        try await Live.wait(for: "pairing.label")
        let folder = Live.folder!
        let label = try String(contentsOf: folder.appendingPathComponent("pairing.label"), encoding: .utf8)
        return PairedDevice(
            inbox: "paired", code: try SetupCode.parse(text: label), press: { try Live.ask("pairing.press") },
            said: {
                try String(contentsOf: folder.appendingPathComponent("pairing.log"), encoding: .utf8).split(separator: "\n").map(String.init)
            }, close: {})
    }

    /// The same in Swift.
    static func inSwift(_ wearable: Wearable, inbox: String = "wearable-s") async throws -> PairedDevice {
        let link = try Link(
            wearable.endpoint(inbox: inbox), broker: Live.broker(.v5), place: LinkConfig(realm: "ward", inbox: inbox))
        try await link.open()
        let lines = Shared<[String]>([])
        let serving = Task {
            for await event in link.events {
                switch event {
                case .message(let message):
                    lines.with { $0.append("got \(message.topic) \(hex(message.payload))") }
                    if message.command, message.topic == "revoke", try link.endpoint.standing(peer: message.peer) == .owner {
                        try await link.revoke(message.payload)
                    }
                    try await message.commit()
                case .ownershipChanged(let epoch, let owner): lines.with { $0.append("owner \(epoch) \(owner.map(hex) ?? "nobody")") }
                case .refused(let error, _, _): lines.with { $0.append("refused \(error.name)") }
                default: break
                }
            }
        }
        return PairedDevice(
            inbox: inbox, code: wearable.code, press: { try link.endpoint.openSetup() }, said: { lines.now },
            close: {
                await link.close()
                _ = await serving.result
            })
    }
}

func hex(_ data: Data) -> String { data.map { String(format: "%02x", $0) }.joined() }

/// A phone with its link.
struct PairedPhone {
    let phone: Phone
    let link: Link

    init(_ name: String, _ version: MqttVersion = .v311) async throws {
        phone = try Phone(name, inbox: name)
        link = try Link(phone.endpoint, broker: Live.broker(version), place: LinkConfig(realm: "ward", inbox: name))
        try await link.open()
    }

    var thumbprint: Data { phone.thumbprint }

    func learns() async throws {
        let told = try await link.first { event -> (epoch: UInt32, nonce: Data)? in
            if case .ownership(_, let epoch, let nonce) = event { (epoch, nonce) } else { nil }
        }
        phone.told.with { $0 = told }
    }

    /// The device refuses it for this reason, and the claim does not succeed; it would go on asking.
    func isRefused(_ claim: Claim, by device: PairedDevice, with reason: String) async throws {
        let count = { try device.said().filter { $0 == "refused \(reason)" }.count }
        let before = try count()
        let asking = Task { try await link.claim(claim, at: device.inbox) }
        for _ in 0..<200 where try count() == before { try await Task.sleep(for: .milliseconds(50)) }
        let said = try device.said()
        #expect(said.filter { $0 == "refused \(reason)" }.count > before, "\(reason): \(said)")
        asking.cancel()
        await #expect(throws: CancellationError.self) { try await asking.value }
    }
}

extension LiveTests {
    /// From the label to the next owner, over a real broker.
    @Test(arguments: ["Swift", "Python"])
    func aDeviceIsPairedSharedAndSold(madeWith: String) async throws {
        let device = try await madeWith == "Swift" ? PairedDevice.inSwift(Wearable()) : PairedDevice.inPython()
        let (owner, friend) = (try await PairedPhone("owner"), try await PairedPhone("friend", .v5))
        let (buyer, thief) = (try await PairedPhone("buyer"), try await PairedPhone("thief"))
        let (code, named) = (device.code, device.code.device())
        // A photograph of the label, from remote.
        try await thief.isRefused(.setup(code: code, anchor: thief.phone.anchor), by: device, with: "SetupClosed")
        let told = await thrown { try await thief.link.claim(.setup(code: code, anchor: nil), at: device.inbox, limit: .seconds(2)) }
        #expect((told?.name, told?.detail) == ("PeerError", "the peer says setup-closed"))
        // The phone may begin before the button is pressed.
        async let pairing = owner.link.claim(.setup(code: code, anchor: owner.phone.anchor), at: device.inbox)
        try await Task.sleep(for: .milliseconds(700))
        try device.press()
        let session = try await pairing
        #expect(session.peer == named)
        try await owner.learns()
        #expect(owner.phone.told.now?.epoch == 0)
        try await session.send(Data("72".utf8), topic: "pulse").committed(within: .seconds(10))
        try await thief.isRefused(.setup(code: code, anchor: thief.phone.anchor), by: device, with: "OtherOwner")

        // A second phone, and its revocation by the owner's command.
        let delegation = Claim.delegation(
            device: named, statement: try owner.phone.signs(.delegation(delegate: friend.thumbprint), for: named))
        try await thief.isRefused(delegation, by: device, with: "WrongStatement")
        let shared = try await friend.link.claim(delegation, at: device.inbox)
        try await shared.send(Data("73".utf8), topic: "pulse").committed(within: .seconds(10))
        try await session.command(friend.thumbprint, topic: "revoke").committed(within: .seconds(10))
        try await friend.isRefused(.known(device: named), by: device, with: "UntrustedCredential")
        try await friend.isRefused(delegation, by: device, with: "WrongStatement")

        // The sale. A revocation changes the nonce: the owner learns it by its next handshake.
        _ = try await owner.link.claim(.known(device: named), at: device.inbox)
        try await owner.learns()
        let release = Claim.release(
            device: named, statement: try owner.phone.signs(.release(owner: buyer.thumbprint), for: named), anchor: buyer.phone.anchor)
        let bought = try await buyer.link.claim(release, at: device.inbox)
        try await buyer.learns()
        #expect(buyer.phone.told.now?.epoch == 1)
        try await bought.send(Data("74".utf8), topic: "pulse").committed(within: .seconds(10))
        // The old owner is out: its session, its key, the label, and what it had signed.
        let late = try await session.send(Data("75".utf8), topic: "pulse")
        await #expect(throws: (any Error).self) { try await late.committed(within: .seconds(2)) }
        try await owner.isRefused(.known(device: named), by: device, with: "UntrustedCredential")
        try await owner.isRefused(.setup(code: code, anchor: owner.phone.anchor), by: device, with: "OtherOwner")
        try await owner.isRefused(release, by: device, with: "WrongStatement")
        try await bought.send(Data("76".utf8), topic: "pulse").committed(within: .seconds(10))

        let said = try device.said()
        let owners = said.filter { $0.hasPrefix("owner ") }
        #expect(
            owners == [
                "owner 0 \(hex(owner.thumbprint))", "owner 0 \(hex(owner.thumbprint))", "owner 0 \(hex(owner.thumbprint))",
                "owner 1 \(hex(buyer.thumbprint))",
            ])
        let got = said.filter { $0.hasPrefix("got ") }
        #expect(
            got == ["got pulse 3732", "got pulse 3733", "got revoke \(hex(friend.thumbprint))", "got pulse 3734", "got pulse 3736"])
        for phone in [owner, friend, buyer, thief] { await phone.link.close() }
        await device.close()
    }

    /// Its flash keeps who owns it, and no sessions: the owner's link makes a new one by itself, and what was sent meanwhile arrives.
    @Test func aDeviceThatLostItsSessionsIsClaimedAgainByTheLink() async throws {
        let wearable = try Wearable()
        var device = try await PairedDevice.inSwift(wearable)
        let owner = try await PairedPhone("keeper")
        try device.press()
        let session = try await owner.link.claim(.setup(code: wearable.code, anchor: owner.phone.anchor), at: device.inbox)
        try await session.send(Data("1".utf8), topic: "pulse").committed(within: .seconds(10))
        await device.close()
        for key in 0..<Wearable.record { try wearable.storage.save(key: key, data: Data()) }
        device = try await PairedDevice.inSwift(wearable)
        try await session.send(Data("2".utf8), topic: "pulse").committed(within: .seconds(60))
        #expect(try device.said().filter { $0.hasPrefix("got ") } == ["got pulse 32"])
        #expect(try owner.phone.endpoint.counters().handshakes == 2)
        await owner.link.close()
        await device.close()
    }
}
