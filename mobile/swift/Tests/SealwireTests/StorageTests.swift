import Foundation
import Testing

@testable import Sealwire

@Suite(.timeLimit(.minutes(2))) struct StorageTests {
    private let one: Identity
    private let other: Identity

    init() throws {
        one = try identity("phone")
        other = try identity("device")
    }

    /// Links of both ends, with storages that outlive them.
    private func links(_ phoneStorage: Storage, _ deviceStorage: Storage) async throws -> (phone: Link, device: Link) {
        let (left, right) = MemoryTransport.pair()
        let phone = Link(try endpoint(one, [other], storage: phoneStorage), over: left)
        let device = Link(try endpoint(other, [one], storage: deviceStorage), over: right)
        try await device.open()
        try await phone.open()
        return (phone, device)
    }

    @Test func aSessionInFilesSurvivesARestart() async throws {
        let (mine, theirs) = (temporaryDirectory(), temporaryDirectory())
        func open() async throws -> (phone: Link, device: Link) {
            try await links(FileStorage(directory: mine, resistsRollback: true), FileStorage(directory: theirs, resistsRollback: true))
        }
        var ends = try await open()
        let first = try await ends.phone.connect()
        let before = try await first.info()
        try await first.send(Data("before".utf8), confirmable: false)
        #expect(text(try await ends.device.nextMessage().payload) == "before")
        await ends.phone.close()
        await ends.device.close()
        await #expect(throws: NetworkError.NotOpen) { try await first.send(Data("on a closed link".utf8)) }

        ends = try await open()
        let session = try #require(ends.phone.session(with: other.credential.thumbprint()))
        let after = try await session.info()
        #expect((after.sid, after.epoch) == (before.sid, before.epoch))
        let receipt = try await session.send(Data("after".utf8))
        let received = try await ends.device.nextMessage()
        #expect(text(received.payload) == "after")
        try await received.commit()
        try await receipt.committed(within: .seconds(5))
        #expect(try ends.phone.endpoint.counters().handshakes == 0)
        await ends.phone.close()
        await ends.device.close()
    }

    @Test func whatWasUnacknowledgedAtTheRestartIsTakenOver() async throws {
        let (mine, theirs) = (MemoryStorage(), MemoryStorage())
        var ends = try await links(mine, theirs)
        let first = try await ends.phone.connect()
        let number = try #require(try await first.send(Data("order 7".utf8), topic: "shop").number)
        // It arrives, but the app is gone before its effect is durable.
        _ = try await ends.device.nextMessage()
        await ends.phone.close()
        await ends.device.close()

        ends = try await links(mine, theirs)
        let session = try #require(ends.phone.session(with: other.credential.thumbprint()))
        let receipt = try await session.send(Outgoing(payload: Data("order 7".utf8), topic: "shop", number: number))
        let received = try await ends.device.nextMessage()
        #expect((text(received.payload), received.topic, received.number) == ("order 7", "shop", number))
        try await received.commit()
        try await receipt.committed(within: .seconds(5))
        await ends.phone.close()
        await ends.device.close()
    }

    @Test func aStorageThatMayRollBackMakesANewHandshake() async throws {
        let (mine, theirs) = (temporaryDirectory(), temporaryDirectory())
        func open() async throws -> (phone: Link, device: Link) {
            try await links(FileStorage(directory: mine), FileStorage(directory: theirs, resistsRollback: true))
        }
        var ends = try await open()
        try await ends.phone.connect().send(Data("before".utf8), confirmable: false)
        _ = try await ends.device.nextMessage()
        await ends.phone.close()
        await ends.device.close()

        ends = try await open()
        let lost = try await ends.phone.first { if case .closed(_, let error) = $0 { error } else { nil } }
        #expect(lost.number == 405)
        #expect(ends.phone.sessions.isEmpty)
        try await ends.phone.connect().send(Data("after".utf8), confirmable: false)
        #expect(text(try await ends.device.nextMessage().payload) == "after")
        await ends.phone.close()
        await ends.device.close()
    }

    @Test func anInterruptedWriteLeavesTheOldValue() throws {
        let directory = temporaryDirectory()
        let storage = try FileStorage(directory: directory)
        try storage.save(key: 3, data: Data("old".utf8))
        // What a power cut in the middle of a write leaves.
        let written = try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { $0 != "lock" }
        #expect(written.count == 1)
        try Data("ne".utf8).write(to: directory.appendingPathComponent(written[0] + ".new"))
        let again = try FileStorage(directory: directory)
        #expect(try again.load(key: 3) == Data("old".utf8))
        try again.save(key: 3, data: Data("new".utf8))
        // Of two objects over the same files the newest has them.
        #expect(throws: CallbackError.self) { try storage.load(key: 3) }
        #expect(throws: CallbackError.self) { try storage.save(key: 3, data: Data("old".utf8)) }
        #expect(try again.load(key: 3) == Data("new".utf8))
        try again.save(key: 3, data: Data())
        #expect(try again.load(key: 3) == nil)
        let mode = try FileManager.default.attributesOfItem(atPath: directory.path)[.posixPermissions] as? Int
        #expect(mode == 0o700)
    }

    @Test func aDirectoryThatCannotBeMadeIsStorageFailed() async throws {
        let file = temporaryDirectory()
        try Data().write(to: file)
        let error = await thrown { try FileStorage(directory: file.appendingPathComponent("below")) }
        #expect(error?.number == 400)
    }

    /// Fails when told to, in a way of its own; or calls the endpoint that is calling it.
    private final class Odd: Storage, @unchecked Sendable {
        struct DiskFull: Error {}
        let inner = MemoryStorage()
        let failing = Shared<(any Error)?>(nil)
        let endpoint = Shared<Endpoint?>(nil)
        let answer = Shared<SealwireError?>(nil)

        func load(key: UInt32) throws -> Data? { try inner.load(key: key) }
        func resistsRollback() -> Bool { true }
        func save(key: UInt32, data: Data) throws {
            if let error = failing.now { throw error }
            if let endpoint = endpoint.now {
                do { _ = try endpoint.counters() } catch { answer.with { $0 = error as? SealwireError } }
            }
            try inner.save(key: key, data: data)
        }
    }

    @Test func whatACallbackThrowsIsInTheTypedError() async throws {
        let storage = Odd()
        let ends = try await links(storage, MemoryStorage())
        let session = try await ends.phone.connect()
        for (error, words) in [(CallbackError.Failed(reason: "out of paper") as any Error, "out of paper"), (Odd.DiskFull(), "DiskFull")] {
            storage.failing.with { $0 = error }
            // Numbers are reserved in blocks: one of the next 65 needs the storage.
            var refused: SealwireError?
            for _ in 0...64 where refused == nil { refused = await thrown { try await session.send(Data(), confirmable: false) } }
            #expect(refused?.number == 400)
            #expect(refused?.detail.contains(words) == true)
        }
        // Nothing was lost: when the storage works again, so does the session.
        storage.failing.with { $0 = nil }
        try await session.send(Data("again".utf8), topic: "t", confirmable: false)
        let arrived = try await ends.device.first { event -> String? in
            if case .message(let received) = event, !received.payload.isEmpty { text(received.payload) } else { nil }
        }
        #expect(arrived == "again")
        await ends.phone.close()
        await ends.device.close()
    }

    @Test func aCallbackThatCallsItsEndpointIsBusy() async throws {
        let storage = Odd()
        let ends = try await links(storage, MemoryStorage())
        storage.endpoint.with { $0 = ends.phone.endpoint }
        _ = try await ends.phone.connect()
        #expect(storage.answer.now?.number == 9)
        storage.endpoint.with { $0 = nil }
        await ends.phone.close()
        await ends.device.close()
    }
}
