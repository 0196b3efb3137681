import Foundation
import Sealwire

/// A scenario under way.
final class World {
    private let network: String
    private var parties: [Party] = []
    private var values: [String: Data] = [:]
    private var steps: [Line] = []
    private var now: UInt64 = 1_000

    init(_ lines: [Line]) throws {
        network = lines[0]["network"]!
        for line in lines.dropFirst() {
            switch line.word {
            case "endpoint": parties.append(Party(line))
            case "own", "peer", "anchor": try parties[parties.count - 1].given(line)
            default: steps.append(line)
            }
        }
    }

    func run() throws {
        for party in parties where party.config.flag("start", true) { _ = try party.start(now) }
        var count = 0
        for (place, step) in steps.enumerated() where step.word != "event" {
            count += 1
            do {
                try perform(step, Array(steps[(place + 1)...].prefix { $0.word == "event" }))
            } catch let failed as Failed {
                throw Failed(why: "step \(count) \(step.word) \(step.fields): \(failed.why)")
            }
        }
        for party in parties { try check(party.events.isEmpty, "\(party.name) has \(party.events) left over") }
    }

    private func perform(_ step: Line, _ events: [Line]) throws {
        let wanted = step["error"]
        var thrown: SealwireError?
        do {
            try self.step(step, events)
        } catch let error as SealwireError {
            thrown = error
        }
        for party in parties { try party.collect() }
        guard let thrown else { return try check(wanted == nil, "\(wanted ?? "") expected") }
        let named = kebab(label(thrown)) == wanted && thrown.description.hasPrefix("\(wanted!):")
        try check(named && Int(thrown.number) == step.number("error_number"), "\(wanted ?? "no error") expected, got \(thrown)")
    }

    private func party(_ step: Line) throws -> Party {
        let name = step["at"] ?? step["to"]
        guard let found = parties.first(where: { $0.name == name }) else { throw Failed(why: "no endpoint \(name ?? "")") }
        return found
    }

    private func value(_ step: Line, _ field: String) throws -> Data {
        guard let found = values[step[field] ?? ""] else { throw Failed(why: "nothing is called \(step[field] ?? "")") }
        return found
    }

    private func step(_ step: Line, _ events: [Line]) throws {
        switch step.word {
        case "settle": return try settle(step["lose"])
        case "pass": return try pass(UInt64(step.number("ms")!), step["lose"])
        case "wait": now += UInt64(step.number("ms")!)
        case "raw", "cut", "alter": values[step["as"] ?? step["frame"]!] = try changed(step)
        case "same", "differ":
            let same = try value(step, "first") == value(step, "second")
            try check(same == (step.word == "same"), "same: \(same)")
        case "credential": _ = try Credential(data: bytes(step["credential"]!))
        case "start", "restart", "connect", "cancel", "resume", "tick", "poll", "deliver": try live(party(step), step)
        case "send", "commit", "abandon", "key_update", "close", "export": try session(party(step), step)
        case "expect", "clear", "counters", "session", "sessions", "find": try look(party(step), step, events)
        default:
            let party = try party(step)
            if try !setup(party, step, &values, now) { try surroundings(party, step) }
        }
    }

    private func live(_ party: Party, _ step: Line) throws {
        switch step.word {
        case "start", "restart":
            if let store = step["store"] { party.memory.durable = store == "durable" }
            let sessions = try party.start(now)
            try check(Int(sessions) == step.number("sessions") ?? 0, "\(sessions) sessions restored")
        case "connect":
            party.handshake = try party.core.connect(route: step["to"].map { Data($0.utf8) }, peer: step["peer"].map { bytes($0) }, now: now)
        case "cancel": try party.core.cancel(handshake: party.handshake)
        case "resume": try party.core.resumePending(now: now)
        case "tick": try party.core.handleTimeout(now: now)
        case "poll":
            let transmit = try party.core.pollTransmit(now: now)
            try check((transmit == nil) == step.flag("none"), "to send: \(String(describing: transmit))")
            guard let transmit else { return }
            try check(step.flag("handshake", transmit.handshake) == transmit.handshake, "handshake: \(transmit.handshake)")
            values[step["frame"]!] = transmit.frame
        default:
            for _ in 0..<(step.number("count") ?? 1) { try party.take(now, step["from"], step["topic"], try value(step, "frame")) }
        }
    }

    // ---- frames

    private func place(_ step: Line, _ name: String, _ size: Int) -> Int {
        let at = step.number(name)!
        return at < 0 ? size + at : at
    }

    private func changed(_ step: Line) throws -> Data {
        if step.word == "raw" { return bytes(step["bytes"]!) }
        var frame = Array(try value(step, "frame"))
        if step.word == "cut" { return Data(frame.prefix(place(step, "length", frame.count))) }
        let at = place(step, "byte", frame.count)
        frame[at] = step["like"] == nil ? frame[at] ^ UInt8(step.number("xor")!) : Array(try value(step, "like"))[at]
        return Data(frame)
    }

    private func settle(_ lose: String?) throws {
        for _ in 0..<100 {
            var moved = false
            for sender in parties where sender.endpoint != nil {
                try sender.collect()
                while let transmit = try sender.core.pollTransmit(now: now) {
                    moved = true
                    if lose != "all" && lose != sender.name { try carry(sender, text(transmit.route), transmit.frame) }
                }
            }
            if !moved { return }
        }
        throw Failed(why: "frames without end")
    }

    private func carry(_ sender: Party, _ route: String, _ frame: Data) throws {
        let fits: (Party) -> Bool = { [network] in
            switch network {
            case "routes": $0.name == route
            case "mqtt": route == $0.config["inbox"] || route == $0.config["reply_inbox"]
            default: true
            }
        }
        guard let taker = parties.first(where: { $0 !== sender && $0.endpoint != nil && fits($0) }) else { return }
        do {
            try taker.take(now, network == "routes" ? sender.name : nil, nil, frame)
        } catch let refused as SealwireError {
            taker.events.append(Seen(event: nil, refused: refused))
        }
        try taker.collect()
    }

    private func pass(_ ms: UInt64, _ lose: String?) throws {
        let end = now + ms
        while true {
            try settle(lose)
            if now >= end { return }
            let running = parties.compactMap(\.endpoint)
            let due = try running.compactMap { try $0.pollTimeout() }.min() ?? end
            now = min(end, max(now + 1, due))
            for endpoint in running { try endpoint.handleTimeout(now: now) }
        }
    }

    // ---- sessions

    private func origin(_ party: Party, _ step: Line) -> Origin? {
        guard let name = step["origin"] else { return nil }
        return Origin(sid: party.named[name].flatMap { party.sids[$0] } ?? Data(), number: UInt64(step.number("origin_number")!))
    }

    private func session(_ party: Party, _ step: Line) throws {
        if step.word == "send" {
            for _ in 0..<(step.number("count") ?? 1) { try send(party, step) }
            return
        }
        let (core, session) = (try party.core, try party.session(step))
        let number = UInt64(step.number("number") ?? 0)
        switch step.word {
        case "commit": try core.commit(session: session, number: number, origin: origin(party, step), now: now)
        case "abandon": try core.abandon(session: session, number: number)
        case "key_update": try core.keyUpdate(session: session, now: now)
        case "close": try core.closeSession(session: session)
        default:
            let length = UInt32(step.number("length")!)
            let context = Data((step["context"] ?? "").utf8)
            let secret = try core.export(session: session, label: UInt64(step.number("label")!), context: context, length: length)
            try check(secret.count == Int(length), "\(secret.count) bytes")
            if let name = step["as"] { values[name] = secret }
        }
    }

    private func send(_ party: Party, _ step: Line) throws {
        let message = Outgoing(
            payload: Data(step["payload"]!.utf8), topic: step["topic"], inPlace: step.flag("in_place"), command: step.flag("command"),
            confirmable: step.flag("confirmable"), retain: step.flag("retain"), expiryS: step.number("expiry_s").map { UInt32($0) },
            contentType: step["content_type"], number: step.number("number").map { UInt64($0) }, origin: origin(party, step))
        let sent = try party.core.send(session: try party.session(step), message: message, now: now)
        if let given = step.number("given") { try check(sent.number == UInt64(given), "number \(String(describing: sent.number))") }
        values[step["frame"]!] = sent.frame
    }

    // ---- looking

    private func look(_ party: Party, _ step: Line, _ events: [Line]) throws {
        try party.collect()
        switch step.word {
        case "expect":
            let seen = party.events
            party.events = []
            try check(seen.map(\.name) == events.map { $0["event"]! }, "events: \(seen)")
            for (found, line) in zip(seen, events) {
                for name in line.fields.keys where name != "event" {
                    try check(matches(party, found, name, line[name]), "\(name) is not \(line[name] ?? "absent"): \(found)")
                }
            }
        case "clear": party.events = []
        case "counters":
            let counters = Mirror(reflecting: try party.core.counters()).children
            for name in step.fields.keys where name != "at" {
                let found = counters.first { kebab($0.label!).replacingOccurrences(of: "-", with: "_") == name }?.value as? UInt32
                try check(found.map { Int($0) } == step.number(name), "\(name) is \(String(describing: found))")
            }
        case "sessions":
            let count = try party.core.sessions().count
            try check(count == step.number("count"), "\(count) sessions")
        case "find":
            let found = try party.core.find(peer: bytes(step["peer"]!))
            try check(found == (step.flag("none") ? nil : try party.session(step)), "found \(String(describing: found))")
        default:
            let info = try party.core.session(session: try party.session(step), now: now)
            let fields: [String: Any?] = [
                "role": "\(info.role)", "suite": info.suite, "epoch": info.epoch, "confirmed": info.confirmed, "unacknowledged": info.unacknowledged,
                "command_ready": info.commandReady, "next_number": info.nextNumber, "peer": hex(info.peer), "own": hex(info.own),
                "route": text(info.route),
            ]
            for name in step.fields.keys where !["at", "session", "error", "error_number"].contains(name) {
                try check(same(fields[name], step[name]), "\(name) is \(String(describing: fields[name]))")
            }
        }
    }

    /// A value as the text form writes it; a field that there is not is nothing's.
    private func same(_ found: Any??, _ wanted: String?) -> Bool {
        guard let found else { return false }
        guard let found else { return wanted == nil }
        if let flag = found as? Bool { return (flag ? "1" : "0") == wanted }
        return "\(found)" == wanted
    }

    private func matches(_ party: Party, _ seen: Seen, _ name: String, _ wanted: String?) -> Bool {
        let fields = fields(seen)
        switch name {
        case "as":
            if case .ownership(_, _, let epoch, let nonce)? = seen.event {
                party.told[wanted!] = Told(epoch: epoch, nonce: nonce)
                return true
            }
            party.named[wanted!] = fields["session"] as? UInt32
            return true
        case "session", "old": return party.named[wanted!].map { same(fields[name], "\($0)") } ?? false
        case "origin": return party.named[wanted!].flatMap { party.sids[$0] }.map { same(fields[name], hex($0)) } ?? false
        case "covers", "misses":
            guard case .acknowledged(_, let top, let missing)? = seen.event else { return false }
            return numbers(wanted ?? "").allSatisfy { acknowledges(top: top, missing: missing, number: UInt64($0)) == (name == "covers") }
        default: return same(fields[name], wanted)
        }
    }

    private func fields(_ seen: Seen) -> [String: Any?] {
        switch seen.event {
        case nil: ["reason": kebab(label(seen.refused!))]
        case .message(let found):
            [
                "session": found.session, "peer": hex(found.peer), "payload": text(found.payload), "number": found.number as Any?,
                "command": found.command, "topic": found.topic as Any?, "missing": found.missing, "late": found.late, "retain": found.retain,
                "expiry_s": found.expiryS as Any?, "content_type": found.contentType as Any?,
                "origin": found.origin.map { hex($0.sid) } as Any?, "origin_number": found.origin?.number as Any?,
            ]
        case .established(let session, let peer, let role, let handshake, let resumed):
            ["session": session, "peer": hex(peer), "role": "\(role)", "started": handshake != nil, "resumed": resumed]
        case .acknowledged(let session, let top, _): ["session": session, "top": top]
        case .resend(let session, let number): ["session": session, "number": number]
        case .commandReady(let session): ["session": session]
        case .keyUpdated(let session, let epoch): ["session": session, "epoch": epoch]
        case .replaced(let old, _, let new): ["session": new, "old": old]
        case .closed(let session, let peer, let route, let reason):
            ["session": session, "peer": hex(peer), "route": text(route), "reason": kebab(label(reason))]
        case .handshakeFailed(_, let route, let reason): ["route": text(route), "reason": kebab(label(reason))]
        case .peerSilent(let session): ["session": session]
        case .ownership(let session, let peer, let epoch, let nonce):
            ["session": session, "peer": hex(peer), "epoch": epoch, "nonce": hex(nonce)]
        case .ownershipChanged(let epoch, let owner): ["epoch": epoch, "owner": owner.map { hex($0) } as Any?]
        }
    }

    // ---- surroundings

    private func surroundings(_ party: Party, _ step: Line) throws {
        let memory = party.memory
        switch step.word {
        case "store_fails": (memory.fails, memory.lasts) = (step.flag("on"), step.number("after") ?? 0)
        case "store_set": memory.data[UInt32(step.number("slot") ?? 0)] = bytes(step["stored"]!)
        case "store_alter":
            memory.data = memory.data.mapValues { data in
                var changed = Array(data)
                changed[place(step, "byte", changed.count)] ^= UInt8(step.number("xor")!)
                return Data(changed)
            }
        case "store_keep": party.kept[step["as"]!] = memory.data
        case "store_put": memory.data = party.kept[step["from"]!]!
        case "key": party.keys.answer = step["answer"]!
        default: throw Failed(why: "\(step.word) is unknown here")
        }
    }
}
