import Foundation
import Sealwire

/// Where a device keeps its ownership, above the sessions.
let record: UInt32 = 8

/// What a device has told its owner.
struct Told {
    let epoch: UInt32
    let nonce: Data
}

/// A step of setup and ownership, with statements by name; false if it is another.
func setup(_ party: Party, _ step: Line, _ values: inout [String: Data], _ now: UInt64) throws -> Bool {
    switch step.word {
    case "open_setup": try party.core.openSetup(until: step.number("ms").map { now + UInt64($0) }, now: now)
    case "close_setup": try party.core.closeSetup()
    case "revoke": try party.core.revoke(delegate: bytes(step["delegate"]!))
    case "reset_ownership": try party.core.resetOwnership()
    case "claim": party.handshake = try party.core.claim(claim: claim(step, values), route: step["to"].map { Data($0.utf8) }, now: now)
    case "sign_statement": values[step["as"]!] = try signed(party, step)
    case "ownership": try ownership(party.core.ownership(), step)
    case "standing":
        let found = try party.core.standing(peer: bytes(step["peer"]!)).map { "\($0)" } ?? "none"
        try check(found == step["is"], "standing: \(found)")
    default: return false
    }
    return true
}

private func key(_ step: Line, _ name: String) throws -> Key? {
    try step["\(name)_kind"].map { try Key.fromBytes(kind: kinds[$0]!, private: bytes(step["\(name)_private"]!)) }
}

private func claim(_ step: Line, _ values: [String: Data]) throws -> Claim {
    func statement(_ name: String) throws -> Data {
        guard let found = values[name] else { throw Failed(why: "nothing is called \(name)") }
        return found
    }
    let device = step["device"].map { bytes($0) }
    if let code = step["code"] { return .setup(code: try SetupCode.parse(text: code), anchor: try key(step, "anchor")) }
    if let name = step["release"] { return .release(device: device!, statement: try statement(name), anchor: try key(step, "anchor")) }
    if let name = step["delegation"] { return .delegation(device: device!, statement: try statement(name)) }
    return .known(device: device!)
}

private func signed(_ party: Party, _ step: Line) throws -> Data {
    guard let told = party.told[step["told"] ?? ""] else { throw Failed(why: "\(party.name) was told nothing") }
    let release = step["release"].map { Statement.release(owner: bytes($0)) }
    return try signStatement(
        key: key(step, "key")!, device: bytes(step["device"]!), epoch: step.number("epoch").map { UInt32($0) } ?? told.epoch, nonce: told.nonce,
        statement: release ?? .delegation(delegate: bytes(step["delegation"]!)))
}

private func ownership(_ state: OwnershipState?, _ step: Line) throws {
    try check((state == nil) == step.flag("none"), "ownership: \(String(describing: state))")
    guard let state else { return }
    let found: [String: String?] = [
        "epoch": "\(state.epoch)", "owner": state.owner.map { hex($0) }, "delegates": state.delegates.map { hex($0) }.sorted().joined(separator: ","),
    ]
    for (name, value) in found where step.fields[name] != nil { try check(value == step[name], "\(name) is \(value ?? "absent")") }
}
