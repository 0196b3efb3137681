package org.sealwire

import java.io.File
import java.util.concurrent.ConcurrentLinkedQueue
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext

private fun say(vararg fields: String) {
    val line = fields.joinToString("\t") + "\n"
    synchronized(System.out) { System.out.run { print(line); flush() } }
}

/** What was asked for, in a coroutine of its own: a message waits for the peer's commit while other lines are read. */
private fun CoroutineScope.begin(line: List<String>, body: suspend () -> Unit) = launch(Dispatchers.Default) {
    try {
        body()
    } catch (why: Exception) {
        say("failed", line.joinToString(" "), "$why")
    }
}

private fun report(event: Event, peer: (ByteArray) -> String) = when (event) {
    is Event.Established -> say("session", if (event.resumed) "resumed" else "new", peer(event.peer))
    is Event.KeyUpdated -> say("epoch", "${event.epoch}")
    is Event.Closed -> say("ended", event.reason.name)
    is Event.HandshakeFailed -> say("ended", event.reason.name)
    else -> Unit
}

private val Throwable.name: String get() = this::class.simpleName!!

/**
 * One end of a live pair, whose other end is an app in Swift (scripts/live-pairs.py): does what a line on its standard input says, and says in lines what
 * happens. Fields have tabs between. In the folder where it runs are the key files of `sealwire keygen`, and its storage. Not a test of the package's own.
 *
 * Arguments: own name, peer's name, port, 3 or 5.
 */
fun main(arguments: Array<String>) = runBlocking {
    val (name, peerName, port, version) = arguments
    val folder = File(".")
    val other = Credential(hexFile(File(folder, "$peerName.cred")))
    val who = { thumbprint: ByteArray -> if (thumbprint.contentEquals(other.thumbprint())) peerName else "a stranger" }
    val endpoint = Endpoint(mqttConfig(identityFile(folder, name), other), FileStorage(File(folder, "$name.state").path, true))
    val broker = Broker("127.0.0.1", port.toUShort(), if (version == "5") MqttVersion.V5 else MqttVersion.V311)
    val link = SealwireLink.mqtt(endpoint, broker, LinkConfig("ward", name, listOf("$peerName/#")))
    say("ready")
    val uncommitted = ConcurrentLinkedQueue<LinkMessage>()
    val watching = launch(Dispatchers.Default) {
        link.events.collect { event ->
            when (event) {
                is LinkEvent.Message -> event.message.let { got ->
                    uncommitted += got
                    say("got", if (got.command) "command" else if (got.inPlace) "in place" else "addressed", got.topic, got.payload.decodeToString(), who(got.peer))
                }
                is LinkEvent.Refused -> say("refused", event.error.name)
                is LinkEvent.Endpoint -> report(event.event, who)
                else -> Unit
            }
        }
    }
    val session = { link.sessionWith(other.thumbprint()) ?: throw NetworkException.NotOpen() }
    while (true) {
        val line = withContext(Dispatchers.IO) { readlnOrNull() }?.split("\t") ?: break
        when (line[0]) {
            "connect" -> begin(line) { link.connect(peerName, other.thumbprint()) }
            "send", "publish", "command" -> begin(line) {
                val payload = line[2].toByteArray()
                val receipt = when (line[0]) {
                    "send" -> session().send(line[1], payload)
                    "publish" -> session().publish(line[1], payload)
                    else -> session().command(line[1], payload)
                }
                say("sent", line[2])
                receipt.wait()
                say("committed", line[2])
            }
            "commit" -> begin(line) { link.commit(uncommitted.remove()) }
            "keys" -> begin(line) { session().updateKeys() }
            "counters" -> endpoint.counters().run { say("counters", "$handshakes", "$decryptFailed") }
            else -> say("failed", line.joinToString(" "), "not a command")
        }
    }
    link.close()
    watching.join()
    say("closed")
}
