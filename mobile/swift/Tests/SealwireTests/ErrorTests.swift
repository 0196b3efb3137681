import Foundation
import Testing

@testable import Sealwire

/// The core's own list, from its source: number, name, hint.
private func errorsOfTheCore() throws -> [(number: UInt16, variant: String, name: String, hint: String)] {
    let tree = URL(fileURLWithPath: #filePath).pathComponents.dropLast(5)
    let source = try String(contentsOfFile: tree.joined(separator: "/") + "/core/src/error.rs", encoding: .utf8)
    return source.matches(of: /\n    (\w+) = (\d+), "([^"]+)", "([^"]+)";/).map { (UInt16($0.2)!, String($0.1), String($0.3), String($0.4)) }
}

@Suite(.timeLimit(.minutes(2))) struct ErrorTests {
    @Test func theTableIsTheCores() throws {
        let core = try errorsOfTheCore()
        #expect(core.count > 40)
        #expect(errorsTable().map(\.number) == core.map(\.number))
        #expect(errorsTable().map(\.name) == core.map(\.name))
        #expect(errorsTable().map(\.hint) == core.map(\.hint))
    }

    /// The variant's name, as a program matches it, and the number inside it belong together.
    private func check(_ error: SealwireError?, _ number: UInt16, _ at: SourceLocation = #_sourceLocation) throws {
        guard let error else {
            Issue.record("nothing was thrown", sourceLocation: at)
            return
        }
        #expect(error.number == number, sourceLocation: at)
        let row = try #require(try errorsOfTheCore().first { $0.number == number })
        #expect(Mirror(reflecting: error).children.first?.label == row.variant, sourceLocation: at)
        #expect(error.description.hasPrefix("\(row.name): \(row.hint)"), sourceLocation: at)
    }

    @Test func ofTheCaller() async throws {
        let (one, other) = (try identity("phone"), try identity("device"))
        let endpoint = try endpoint(one, [other])
        try check(await thrown { try endpoint.connect(route: Data(count: 17)) }, 1)
        try check(await thrown { try endpoint.connect(peer: Data(count: 3)) }, 1)
        try check(await thrown { try endpoint.send(session: 7, message: Outgoing(payload: Data())) }, 4)
        try check(await thrown { try endpoint.session(session: 7) }, 4)
        try check(await thrown { try Endpoint(config: Config(identities: [Identity(credential: one.credential, key: other.key)])) }, 404)
        try check(await thrown { try Endpoint(config: Config(identities: [])) }, 1)
        try check(await thrown { try Endpoint(config: Config(identities: [one], method: 4)) }, 200)
        try check(await thrown { try Key.fromBytes(kind: .x25519, private: Data(count: 31)) }, 209)
        try check(await thrown { try Credential(data: Data([0xff])) }, 100)
        try check(await thrown { try BleSplitter(payload: 2) }, 1)
    }

    @Test func ofBytesFromOutside() async throws {
        let pair = try await Pair()
        let session = try await pair.phone.connect()
        let handle = try await session.info().session
        let (phone, device) = (pair.phone.endpoint, pair.device.endpoint)
        try check(await thrown { try device.handleFrame(frame: Data()) }, 100)
        try check(await thrown { try device.handleFrame(frame: Data([0xf0, 1, 2, 3])) }, 100)
        try check(await thrown { try device.handleFrame(frame: Data([0x11, 1, 2, 3])) }, 101)
        try check(await thrown { try device.handleFrame(frame: Data([0x81, 1, 2, 3])) }, 102)
        func sent(_ topic: String? = nil) throws -> Data {
            try phone.send(session: handle, message: Outgoing(payload: Data("72".utf8), topic: topic, inPlace: topic != nil)).frame
        }
        let frame = try sent()
        var altered = frame
        altered[altered.endIndex - 1] ^= 1
        try check(await thrown { try device.handleFrame(frame: altered) }, 301)
        guard case .message? = try device.handleFrame(frame: frame) else {
            Issue.record("the record itself was refused")
            return
        }
        try check(await thrown { try device.handleFrame(frame: frame) }, 303)
        let moved = try sent("line/1")
        try check(await thrown { try device.handleFrame(frame: moved, topic: "line/2") }, 301)
        guard case .message? = try device.handleFrame(frame: moved, topic: "line/1") else {
            Issue.record("the record on its own topic was refused")
            return
        }
        for _ in 0..<70 { _ = try device.handleFrame(frame: sent()) }
        try check(await thrown { try device.handleFrame(frame: frame) }, 302)
        var unknown = frame
        unknown[unknown.startIndex + 1] ^= 0x15
        try check(await thrown { try device.handleFrame(frame: unknown) }, 300)
        await pair.close()
    }

    @Test func ofAHandshake() async throws {
        // The device was not given the phone's credential.
        let (one, other) = (try identity("phone"), try identity("device"))
        let (left, right) = MemoryTransport.pair()
        let phone = Link(try endpoint(one, [other]), over: left)
        let device = Link(try endpoint(other, []), over: right)
        try await phone.open()
        try await device.open()
        let connecting = Task { try await phone.connect(limit: .seconds(20)) }
        let refused = try await device.first { if case .refused(let error, _, _) = $0 { error } else { nil } }
        try check(refused, 202)
        connecting.cancel()
        await phone.close()
        await device.close()
    }

    @Test func ofFlowAndKeys() async throws {
        let pair = try await Pair()
        let session = try await pair.phone.connect()
        let handle = try await session.info().session
        let (phone, _) = (pair.phone.endpoint, pair.device.endpoint)
        await pair.device.close()
        for _ in 0..<64 { _ = try phone.send(session: handle, message: Outgoing(payload: Data(), confirmable: true)) }
        try check(await thrown { try phone.send(session: handle, message: Outgoing(payload: Data(), confirmable: true)) }, 7)
        try check(await thrown { try phone.send(session: handle, message: Outgoing(payload: Data(), command: true)) }, 8)
        try phone.keyUpdate(session: handle)
        try check(await thrown { try phone.keyUpdate(session: handle) }, 9)
        try check(await thrown { try phone.export(session: handle, label: 1, context: Data(), length: 16) }, 1)
        try await session.end()
        try check(await thrown { try await session.send(Data()) }, 4)
        await pair.phone.close()
    }
}
