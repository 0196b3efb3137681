import Dispatch

/// A thread of its own for a link: storage and keystore calls may block, which tasks on Swift's shared threads must not.
final class LinkExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "org.sealwire.link", qos: .userInitiated)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
}
