import Foundation

/// The GATT service of a device, as the phone's Bluetooth sees it: `bleUuids()` names the service and its two characteristics.
/// On Apple's systems a class over CBPeripheral implements it (docs/howto/swift.md).
public protocol GattLink: Sendable {
    /// The longest value that may be written without response: ATT MTU − 3, CoreBluetooth's `maximumWriteValueLength(for: .withoutResponse)`.
    func maximumWriteLength() async -> Int
    /// Writes `toDevice` without response. Returns when the system takes another value.
    func write(_ value: Data) async throws
    /// Subscribes to `fromDevice`, and gives what it notifies until the device is out of reach. Called again after that.
    func notifications() async throws -> AsyncStream<Data>
    /// Lets go of the device.
    func close() async
}

/// Frames over Bluetooth Low Energy: cut into fragments that fit an attribute value, and put together again. There is one peer, so its
/// route is empty: `link.connect()`. When the device comes back into reach, the session goes on.
public actor BleTransport: Transport {
    private let gatt: any GattLink
    private let longestFrame: UInt16
    private let retry: Duration
    private var splitter: BleSplitter?
    private var reader: Task<Void, Never>?

    /// `retry`: how long to wait before subscribing again when the device is out of reach.
    public init(_ gatt: any GattLink, longestFrame: UInt16 = 4096, retry: Duration = .seconds(1)) {
        self.gatt = gatt
        self.longestFrame = longestFrame
        self.retry = retry
    }

    public func open() async throws -> AsyncStream<Arrival> {
        guard reader == nil else { throw NetworkError.NotOpen }
        let first = try await subscribe()
        let (arrivals, arrived) = AsyncStream.makeStream(of: Arrival.self)
        reader = Task { [gatt, longestFrame, retry, weak self] in
            var values = first
            while !Task.isCancelled {
                // A device that went away in the middle of a frame begins anew.
                guard let reassembler = try? BleReassembler(maxFrame: longestFrame) else { break }
                for await value in values {
                    if let frame = reassembler.feed(fragment: value) { arrived.yield(Arrival(frame: frame)) }
                }
                try? await Task.sleep(for: retry)
                if let again = try? await self?.subscribe() { values = again }
            }
            arrived.finish()
            await gatt.close()
        }
        return arrivals
    }

    /// The longest value is known only when the device is there, and may differ each time.
    private func subscribe() async throws -> AsyncStream<Data> {
        let values = try await gatt.notifications()
        let payload = min(max(await gatt.maximumWriteLength(), 20), 512)
        splitter = try BleSplitter(payload: UInt32(payload))
        return values
    }

    public func send(_ frame: Data, to route: Data, assured: Bool) async throws {
        guard let splitter else { throw NetworkError.NotOpen }
        for fragment in try splitter.split(frame: frame) { try await gatt.write(fragment) }
    }

    public func close() async {
        reader?.cancel()
        await reader?.value
    }
}
