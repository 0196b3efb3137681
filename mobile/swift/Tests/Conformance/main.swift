// Runs the scenarios of tests/conformance over this package, from their text form: one line for each, with its name, "pass", "fail" or "skip", and why.
// usage: conformance SCENARIOS.txt [NAME]
import Foundation
import Sealwire

/// What this surface has of what scenarios may need.
let can: Set<String> = ["external-keys", "identities"]

func outcome(_ scenario: [Line]) -> String {
    let lacks = (scenario[0]["needs"] ?? "").split(separator: ",").map(String.init).filter { !can.contains($0) }
    if !lacks.isEmpty { return "skip\t\(lacks.joined(separator: ","))" }
    do {
        try World(scenario).run()
        return "pass\t"
    } catch {
        let why = (error as? Failed)?.why ?? "\(error)"
        return "fail\t\(why.replacingOccurrences(of: "\t", with: " ").replacingOccurrences(of: "\n", with: " "))"
    }
}

let arguments = CommandLine.arguments
let content = try String(contentsOf: URL(fileURLWithPath: arguments[1]), encoding: .utf8)
let lines = content.split(separator: "\n", omittingEmptySubsequences: true).map { Line($0) }
guard lines[0]["number"] == "1" else { fatalError("not of format 1") }
var failed = false
var scenario: [Line] = []
for line in lines.dropFirst() {
    guard line.word == "end" else {
        scenario.append(line)
        continue
    }
    let name = scenario[0]["name"]!
    if arguments.count < 3 || name.contains(arguments[2]) {
        let said = outcome(scenario)
        failed = failed || said.hasPrefix("fail")
        print("\(name)\t\(said)")
    }
    scenario = []
}
exit(failed ? 1 : 0)
