// A companion app without a screen: what it would show it prints, and what its camera would read is a line on standard input. It takes over a wearable that
// its owner releases to it, shows the electrocardiogram, and sends commands.
// usage: phone BROKER-URL REALM INBOX-OF-THE-WEARABLE FOLDER
import Foundation
import Sealwire

let name = "swift-phone"
let rateHz = 360

func say(_ text: String) { FileHandle.standardOutput.write(Data("\(text)\n".utf8)) }
func hex(_ bytes: Data) -> String { bytes.map { String(format: "%02x", $0) }.joined() }
func bytes(_ hex: Substring) -> Data {
    Data(stride(from: 0, to: hex.count, by: 2).compactMap { UInt8(hex.dropFirst($0).prefix(2), radix: 16) })
}

/// What the wearable sends: the number of the first sample, then the samples.
struct Electrocardiogram {
    let kept: FileHandle
    private(set) var count = 0
    private var second: [Int16] = []

    init(in folder: String) throws {
        let path = "\(folder)/\(name).ecg"
        guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path) else {
            throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: path])
        }
        kept = file
    }

    mutating func show(_ payload: Data) {
        kept.write(payload)
        let words = [UInt8](payload)
        let first = words.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        let part = stride(from: 4, to: words.count - 1, by: 2).map { Int16(bitPattern: UInt16(words[$0]) | UInt16(words[$0 + 1]) << 8) }
        count += part.count
        second += part
        guard second.count >= rateHz else { return }
        say("ecg \(first + part.count) \(trace)")
        second = []
    }

    /// The second as one line; a character spans 6 samples.
    private var trace: String {
        let low = Int(second.min()!)
        let span = max(1, Int(second.max()!) - low)
        return stride(from: 0, to: second.count, by: 6).reduce(into: "") { line, start in
            line.append(Array("▁▂▃▄▅▆▇█")[(Int(second[start...].prefix(6).max()!) - low) * 7 / span])
        }
    }
}

let arguments = CommandLine.arguments
let (url, realm, wearable, folder) = (arguments[1], arguments[2], arguments[3], arguments[4])
// An app keeps both in the phone's key store: docs/howto/swift.md.
let key = try Key.generate(kind: .x25519)
let ownerKey = try Key.generate(kind: .ed25519)
let identity = Identity(credential: try Credential.ccs(key: key, subject: name, kid: key.thumbprint().prefix(4)), key: key)

let config = Config(identities: [identity], inbox: name, mqtt: true, identifierLen: 2)
let link = try Link(Endpoint(config: config), broker: brokerFromUrl(url: url), place: LinkConfig(realm: realm, inbox: name))
try await link.open()

say("thumbprint \(hex(identity.credential.thumbprint()))")
say("point the camera at the owner's phone")
let release = readLine()!.split(separator: " ")
let device = bytes(release[0])
let session = try await link.claim(.release(device: device, statement: bytes(release[1]), anchor: ownerKey), at: wearable)
say("took over \(hex(device))")

var electrocardiogram = try Electrocardiogram(in: folder)
for await message in link.messages where message.topic == "ecg" {
    electrocardiogram.show(message.payload)
    if electrocardiogram.count >= 4 * rateHz { break }
}
try await session.command(Data("off".utf8), topic: "led").committed()
say("obeyed led off")

_ = readLine()  // enough
try await session.command(Data(), topic: "stop").committed()
say("obeyed stop")
await link.close()
