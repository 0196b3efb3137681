import Foundation

/// Two transports joined in memory, for tests and previews: what one sends the other receives. `carry` may drop, alter or repeat frames on
/// their way, as a hostile network does.
public final class MemoryTransport: Transport, Sendable {
    private let arrivals: AsyncStream<Arrival>
    private let mine: AsyncStream<Arrival>.Continuation
    private let theirs: AsyncStream<Arrival>.Continuation
    private let carry: @Sendable (Data) -> [Data]

    /// A pair of ends. `carry` gives what becomes of each frame, in either direction.
    public static func pair(carry: @escaping @Sendable (Data) -> [Data] = { [$0] }) -> (MemoryTransport, MemoryTransport) {
        let (left, toLeft) = AsyncStream.makeStream(of: Arrival.self)
        let (right, toRight) = AsyncStream.makeStream(of: Arrival.self)
        return (
            MemoryTransport(arrivals: left, mine: toLeft, theirs: toRight, carry: carry),
            MemoryTransport(arrivals: right, mine: toRight, theirs: toLeft, carry: carry)
        )
    }

    private init(
        arrivals: AsyncStream<Arrival>, mine: AsyncStream<Arrival>.Continuation, theirs: AsyncStream<Arrival>.Continuation,
        carry: @escaping @Sendable (Data) -> [Data]
    ) {
        self.arrivals = arrivals
        self.mine = mine
        self.theirs = theirs
        self.carry = carry
    }

    public func open() async throws -> AsyncStream<Arrival> { arrivals }

    public func send(_ frame: Data, to route: Data, assured: Bool) async throws {
        for frame in carry(frame) { theirs.yield(Arrival(frame: frame)) }
    }

    public func close() async { mine.finish() }
}
