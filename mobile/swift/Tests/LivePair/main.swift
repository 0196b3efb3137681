// One end of a live pair, whose other end is an app in Kotlin (scripts/live-pairs.py): does what a line on its standard input says, and says in lines
// what happens. Fields have tabs between. In the folder where it runs are the key files of `sealwire keygen`, and its storage.
// usage: live-pair OWN-NAME PEER-NAME PORT 3|5
import Foundation
import Sealwire

func bytes(_ file: String) throws -> Data {
    let digits = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("#") }.joined()
    return Data(stride(from: 0, to: digits.count, by: 2).map { UInt8(digits.dropFirst($0).prefix(2), radix: 16)! })
}

@Sendable func say(_ fields: String...) { FileHandle.standardOutput.write(Data((fields.joined(separator: "\t") + "\n").utf8)) }

extension SealwireError {
    var name: String { Mirror(reflecting: self).children.first?.label ?? description }
}

/// What was asked for, in a task of its own: a message waits for the peer's commit while other lines are read.
func begin(_ line: [String], _ body: @escaping @Sendable () async throws -> Void) {
    Task {
        do { try await body() } catch { say("failed", line.joined(separator: " "), "\(error)") }
    }
}

let arguments = CommandLine.arguments
let (name, peerName) = (arguments[1], arguments[2])
let own = Identity(
    credential: try Credential(data: bytes("\(name).cred")), key: try Key.fromBytes(kind: .x25519, private: bytes("\(name).key")))
let other = try Credential(data: bytes("\(peerName).cred"))
let peer = other.thumbprint()
let config = Config(
    identities: [own], peers: [other], inbox: name, mqtt: true, identifierLen: 2, offers: true, handshakeIntervalMs: 500, resendIntervalMs: 500)
let endpoint = try Endpoint(
    config: config, storage: try FileStorage(directory: URL(fileURLWithPath: "\(name).state"), resistsRollback: true))
let link = try Link(
    endpoint, broker: Broker(host: "127.0.0.1", port: UInt16(arguments[3]), version: arguments[4] == "5" ? .v5 : .v311),
    place: LinkConfig(realm: "ward", inbox: name, subscriptions: ["\(peerName)/#"]))
try await link.open()
say("ready")

actor Uncommitted {
    private var messages: [Received] = []
    func append(_ message: Received) { messages.append(message) }
    func commit() async throws { try await messages.removeFirst().commit() }
}
let uncommitted = Uncommitted()

let watching = Task {
    for await event in link.events {
        switch event {
        case .established(let session, let resumed): say("session", resumed ? "resumed" : "new", session.peer == peer ? peerName : "a stranger")
        case .message(let got):
            await uncommitted.append(got)
            let kind = got.command ? "command" : got.inPlace ? "in place" : "addressed"
            say("got", kind, got.topic, String(decoding: got.payload, as: UTF8.self), got.peer == peer ? peerName : "a stranger")
        case .keyUpdated(_, let epoch): say("epoch", "\(epoch)")
        case .refused(let error, _, _): say("refused", error.name)
        case .closed(_, let error), .handshakeFailed(_, let error): say("ended", error.name)
        default: break
        }
    }
}

let (lines, input) = AsyncStream.makeStream(of: [String].self)
Thread.detachNewThread {
    while let line = readLine() { input.yield(line.components(separatedBy: "\t")) }
    input.finish()
}
for await line in lines {
    switch line[0] {
    case "connect": begin(line) { _ = try await link.connect(to: peerName, peer: peer) }
    case "send", "publish", "command":
        begin(line) {
            guard let session = link.session(with: peer) else { throw NetworkError.NotOpen }
            let payload = Data(line[2].utf8)
            let receipt =
                switch line[0] {
                case "send": try await session.send(payload, topic: line[1])
                case "publish": try await session.publish(payload, on: line[1])
                default: try await session.command(payload, topic: line[1])
                }
            say("sent", line[2])
            try await receipt.committed()
            say("committed", line[2])
        }
    case "commit": begin(line) { try await uncommitted.commit() }
    case "keys": begin(line) { try await link.session(with: peer)?.updateKeys() }
    case "counters":
        let counters = try endpoint.counters()
        say("counters", "\(counters.handshakes)", "\(counters.decryptFailed)")
    default: say("failed", line.joined(separator: " "), "not a command")
    }
}
await link.close()
await watching.value
say("closed")
