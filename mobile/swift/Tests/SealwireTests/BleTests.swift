import Foundation
import Testing

@testable import Sealwire

/// Both ends of the GATT service, without radio: values of a limited length, lost as the test wants, and connections that break.
private actor Air {
    let longest: Int
    private var toPhone: AsyncStream<Data>.Continuation?
    private var toDevice: AsyncStream<Data>.Continuation?
    private(set) var values = 0
    private(set) var subscriptions = 0
    private(set) var tooLong = 0
    private var losing: Int?

    init(longest: Int) { self.longest = longest }

    /// Every `nth` value is lost from now on.
    func lose(_ nth: Int?) { losing = nth }

    func phoneListens() -> AsyncStream<Data> {
        let (stream, continuation) = AsyncStream.makeStream(of: Data.self)
        toPhone = continuation
        subscriptions += 1
        return stream
    }

    func deviceListens() -> AsyncStream<Data> {
        let (stream, continuation) = AsyncStream.makeStream(of: Data.self)
        toDevice = continuation
        return stream
    }

    func walkAway() { toPhone?.finish() }

    func carry(_ value: Data, toPhone up: Bool) {
        values += 1
        if value.count > longest { tooLong += 1 }
        if let losing, values % losing == 0 { return }
        (up ? toPhone : toDevice)?.yield(value)
    }
}

private struct PhoneSide: GattLink {
    let air: Air
    func maximumWriteLength() async -> Int { air.longest }
    func write(_ value: Data) async throws { await air.carry(value, toPhone: false) }
    func notifications() async throws -> AsyncStream<Data> { await air.phoneListens() }
    func close() async {}
}

/// The peripheral: what firmware does with the core's fragmentation.
private actor DeviceSide: Transport {
    let air: Air
    let splitter: BleSplitter

    init(air: Air) throws {
        self.air = air
        splitter = try BleSplitter(payload: UInt32(air.longest))
    }

    func open() async throws -> AsyncStream<Arrival> {
        let values = await air.deviceListens()
        let reassembler = try BleReassembler()
        let (stream, continuation) = AsyncStream.makeStream(of: Arrival.self)
        Task {
            for await value in values {
                if let frame = reassembler.feed(fragment: value) { continuation.yield(Arrival(frame: frame)) }
            }
            continuation.finish()
        }
        return stream
    }

    func send(_ frame: Data, to route: Data, assured: Bool) async throws {
        for fragment in try splitter.split(frame: frame) { await air.carry(fragment, toPhone: true) }
    }

    func close() async {}
}

@Suite(.timeLimit(.minutes(2))) struct BleTests {
    private func links(_ air: Air) async throws -> (phone: Link, device: Link) {
        let (one, other) = (try identity("phone"), try identity("device"))
        let phone = Link(try endpoint(one, [other]), over: BleTransport(PhoneSide(air: air), retry: .milliseconds(20)))
        let device = Link(try endpoint(other, [one]), over: try DeviceSide(air: air))
        try await device.open()
        try await phone.open()
        return (phone, device)
    }

    @Test(arguments: [20, 244, 512])
    func aHandshakeAndALongMessage(longest: Int) async throws {
        let air = Air(longest: longest)
        let (phone, device) = try await links(air)
        let session = try await phone.connect()
        let payload = Data((0..<1500).map { UInt8(truncatingIfNeeded: $0) })
        let receipt = try await session.send(payload)
        let received = try await device.nextMessage()
        #expect(received.payload == payload)
        try await received.commit()
        try await receipt.committed(within: .seconds(5))
        #expect(await air.tooLong == 0)
        // 1,500 bytes and the record around them, two bytes of each value for the fragment.
        #expect(await air.values >= 1500 / (longest - 2))
        await phone.close()
        await device.close()
    }

    @Test func lostValuesAreRepairedByTheLink() async throws {
        let air = Air(longest: 64)
        let (phone, device) = try await links(air)
        await air.lose(5)
        let session = try await phone.connect(limit: .seconds(20))
        let receipt = try await session.send(Data(repeating: 7, count: 100))
        let received = try await device.nextMessage()
        #expect(received.payload.count == 100)
        try await received.commit()
        try await receipt.committed(within: .seconds(10))
        await phone.close()
        await device.close()
    }

    @Test func theSessionGoesOnWhenTheDeviceComesBack() async throws {
        let air = Air(longest: 244)
        let (phone, device) = try await links(air)
        let session = try await phone.connect()
        for round in 1...3 {
            await air.walkAway()
            while await air.subscriptions <= round { try await Task.sleep(for: .milliseconds(5)) }
            let receipt = try await session.send(Data("round \(round)".utf8))
            let received = try await device.nextMessage()
            #expect(text(received.payload) == "round \(round)")
            try await received.commit()
            try await receipt.committed(within: .seconds(5))
        }
        #expect(try phone.endpoint.counters().handshakes == 1)
        await phone.close()
        await device.close()
    }

    @Test func theUuidsAreThoseOfTheProtocol() {
        let uuids = bleUuids()
        #expect(uuids.service == "d8482160-d38a-4f04-9485-e0127ffa947a")
        #expect((uuids.toDevice.prefix(8), uuids.fromDevice.prefix(8)) == ("d8482161", "d8482162"))
        #expect([23, 185, 517].map { blePayload(mtu: $0) } == [20, 182, 512])
    }
}
