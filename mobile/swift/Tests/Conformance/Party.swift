import Foundation
import Sealwire

/// An expectation was not met.
struct Failed: Error {
    let why: String
}

func check(_ good: Bool, _ what: @autoclosure () -> String) throws {
    if !good { throw Failed(why: what()) }
}

/// A word, then name=value, tabs between.
struct Line {
    let word: String
    let fields: [String: String]

    init(_ text: Substring) {
        let parts = text.split(separator: "\t", omittingEmptySubsequences: false)
        word = String(parts[0])
        var found: [String: String] = [:]
        for part in parts.dropFirst() {
            let equals = part.firstIndex(of: "=")!
            found[String(part[..<equals])] = String(part[part.index(after: equals)...])
        }
        fields = found
    }

    /// Nothing if there is no such field, or if it is absent ("-").
    subscript(_ name: String) -> String? { fields[name].flatMap { $0 == "-" ? nil : $0 } }
    func number(_ name: String) -> Int? { self[name].flatMap { Int($0) } }
    func flag(_ name: String, _ otherwise: Bool = false) -> Bool { self[name].map { $0 == "1" } ?? otherwise }
    func list(_ name: String) -> [Int]? { self[name].map { numbers($0) } }
}

func numbers(_ list: String) -> [Int] { list.split(separator: ",").compactMap { Int($0) } }

func bytes(_ hex: String) -> Data {
    var rest = Substring(hex)
    var made = Data()
    while !rest.isEmpty {
        made.append(UInt8(rest.prefix(2), radix: 16)!)
        rest = rest.dropFirst(2)
    }
    return made
}

func hex(_ data: Data) -> String { data.map { String(format: "%02x", $0) }.joined() }
func text(_ data: Data) -> String { String(decoding: data, as: UTF8.self) }

/// `DecryptFailed` as decrypt-failed.
func kebab(_ name: String) -> String {
    name.enumerated().map { place, letter in (letter.isUppercase && place > 0 ? "-" : "") + letter.lowercased() }.joined()
}

/// The name of a case that has values.
func label(_ value: Any) -> String { Mirror(reflecting: value).children.first?.label ?? "\(value)" }

/// A store that can be made to fail. One thread uses it.
final class Memory: Storage, @unchecked Sendable {
    var durable: Bool
    var data: [UInt32: Data] = [:]
    var fails = false
    /// While it fails: so many writes are still done.
    var lasts = 0

    init(durable: Bool) { self.durable = durable }

    func load(key: UInt32) throws -> Data? { data[key] }

    func save(key: UInt32, data: Data) throws {
        if fails {
            if lasts == 0 { throw CallbackError.Failed(reason: "made to fail") }
            lasts -= 1
        }
        self.data[key] = data.isEmpty ? nil : data
    }

    func resistsRollback() -> Bool { durable }
}

/// OpenSSL's command line as key store: Foundation has no Diffie-Hellman on Linux.
final class Keys: Keystore, @unchecked Sendable {
    var answer = "works"
    private var held: [String: (private: Data, peer: Data)] = [:]
    private let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sealwire-\(UUID().uuidString)")

    deinit { try? FileManager.default.removeItem(at: directory) }

    /// PrivateKeyInfo up to the key, and SubjectPublicKeyInfo up to the peer's: RFC 8410; RFC 5915 and 5480 with a compressed point, either of the
    /// two that have this x.
    func hold(_ alias: String, _ kind: String, _ secret: Data) {
        let (ours, theirs) =
            kind == "X25519"
            ? ("302e020100300506032b656e04220420", "302a300506032b656e032100")
            : (
                "3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420",
                "3039301306072a8648ce3d020106082a8648ce3d03010703220002"
            )
        held[alias] = (bytes(ours) + secret, bytes(theirs))
    }

    func agree(alias: String, peer: Data) throws -> Data {
        if answer == "pending" { throw CallbackError.Pending }
        guard answer == "works", let key = held[alias] else { throw CallbackError.Failed(reason: "made to fail") }
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let files = ["ours", "theirs", "secret"].map { directory.appendingPathComponent($0) }
        try key.private.write(to: files[0])
        try (key.peer + peer).write(to: files[1])
        let openssl = Process()
        openssl.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        openssl.arguments =
            ["pkeyutl", "-derive", "-keyform", "DER", "-inkey", files[0].path, "-peerform", "DER", "-peerkey", files[1].path, "-out", files[2].path]
        try openssl.run()
        openssl.waitUntilExit()
        return try Data(contentsOf: files[2])
    }

    func sign(alias: String, message: Data) throws -> Data { throw CallbackError.Failed(reason: "signs nothing") }
}

final class Verdict: Authorizer {
    let allows: Bool

    init(_ allows: Bool) { self.allows = allows }

    func authorize(peer: PeerInfo) throws -> Bool { allows }
}

/// What happened: an event, or why a frame was refused.
struct Seen {
    let event: Event?
    let refused: SealwireError?

    var name: String { event.map { kebab(label($0)).replacingOccurrences(of: "-", with: "_") } ?? "refused" }
}

let kinds: [String: KeyKind] = ["X25519": .x25519, "P-256": .p256, "Ed25519": .ed25519, "ES256": .es256]

/// One endpoint of a scenario with its surroundings.
final class Party {
    let config: Line
    let name: String
    let memory: Memory
    let keys = Keys()
    var kept: [String: [UInt32: Data]] = [:]
    private var own: [Identity] = []
    private var peers: [Credential] = []
    private var anchors: [TrustAnchor] = []
    var events: [Seen] = []
    var named: [String: UInt32] = [:]
    var sids: [UInt32: Data] = [:]
    var told: [String: Told] = [:]
    var current: UInt32 = 0
    var handshake: UInt32 = 0
    var endpoint: Endpoint?

    init(_ config: Line) {
        self.config = config
        name = config["name"]!
        memory = Memory(durable: config["store"] != "volatile")
    }

    var core: Endpoint {
        get throws {
            guard let endpoint else { throw Failed(why: "\(name) was not started") }
            return endpoint
        }
    }

    /// An `own`, `peer` or `anchor` line.
    func given(_ line: Line) throws {
        let credential = try Credential(data: bytes(line["credential"]!))
        switch line.word {
        case "peer": peers.append(credential)
        case "anchor": anchors.append(try TrustAnchor(credential: credential, purposes: [.identity]))
        default: own.append(Identity(credential: credential, key: try key(line)))
        }
    }

    private func key(_ line: Line) throws -> Key {
        let (kind, secret) = (kinds[line["kind"]!]!, bytes(line["private"]!))
        guard config.flag("external_keys") else { return try Key.fromBytes(kind: kind, private: secret) }
        let alias = "key \(own.count)"
        keys.hold(alias, line["kind"]!, secret)
        return try Key.inKeystore(kind: kind, public: bytes(line["public"]!), alias: alias)
    }

    /// A new endpoint over the store; gives how many sessions it took up.
    func start(_ now: UInt64) throws -> UInt32 {
        endpoint = nil
        events = []
        var made = Config(identities: own, peers: peers, anchors: anchors)
        made.trustClock = config.flag("trust_clock")
        (made.maxSessions, made.maxHandshakes) = (4, 2)
        made.suites = config.list("suites").map { Data($0.map { UInt8($0) }) }
        made.methods = config.list("methods").map { Data($0.map { UInt8($0) }) }
        (made.inbox, made.replyInbox) = (config["inbox"], config["reply_inbox"])
        (made.mqtt, made.byValue) = (config.flag("mqtt"), config.flag("by_value"))
        (made.offers, made.reconnect) = (config.flag("offers"), config.flag("reconnect", true))
        set(&made.method, "method")
        set(&made.identifierLen, "identifier_len")
        set(&made.reserve, "reserve")
        set(&made.edge, "edge")
        set(&made.commandLifetimeMs, "command_lifetime_ms")
        set(&made.handshakeIntervalMs, "handshake_interval_ms")
        set(&made.handshakeAttempts, "handshake_attempts")
        set(&made.halfOpenMs, "half_open_ms")
        set(&made.resendIntervalMs, "resend_interval_ms")
        set(&made.ackDelayMs, "ack_delay_ms")
        set(&made.pingAfterMs, "ping_after_ms")
        set(&made.silentAttempts, "silent_attempts")
        set(&made.keyUpdateAfter, "key_update_after")
        let verdict = config["authorize"].flatMap { $0 == "default" ? nil : Verdict($0 == "allow") }
        let core = try Endpoint(config: made, storage: memory, keystore: keys, authorizer: verdict)
        endpoint = core
        if let label = config["label"] { try core.enableSetup(key: record, code: SetupCode.parse(text: label)) }
        return try core.restore(now: now)
    }

    private func set<Number: FixedWidthInteger>(_ place: inout Number, _ name: String) {
        if let number = config.number(name) { place = Number(number) }
    }

    func session(_ step: Line) throws -> UInt32 {
        guard let name = step["session"] else { return current }
        if name != "only" { return named[name] ?? 0 }
        let all = try core.sessions()
        try check(all.count == 1, "\(all.count) sessions")
        return all[0]
    }

    /// Takes the events there are.
    func collect() throws {
        while let event = try endpoint?.pollEvent() {
            if case .established(let session, _, _, _, _) = event {
                current = session
                sids[session] = try core.session(session: session, now: 0).sid
            } else if case .replaced(_, _, let new) = event {
                current = new
            } else if case .ownership(_, _, let epoch, let nonce) = event {
                told[""] = Told(epoch: epoch, nonce: nonce)
            }
            events.append(Seen(event: event, refused: nil))
        }
    }

    /// Hands in a frame; a message becomes an event.
    func take(_ now: UInt64, _ from: String?, _ topic: String?, _ frame: Data) throws {
        let route = from.map { Data($0.utf8) }
        if let event = try core.handleFrame(frame: frame, route: route, topic: topic, now: now) { events.append(Seen(event: event, refused: nil)) }
    }
}
