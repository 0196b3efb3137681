package org.sealwire

import java.io.File
import java.net.InetSocketAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout

/** A test that ends, one way or the other. */
fun within(seconds: Int = 60, work: suspend CoroutineScope.() -> Unit) = runBlocking { withTimeout(seconds.seconds) { work() } }

fun phoneConfig(own: Identity, vararg peers: Credential) =
    Config(identities = listOf(own), peers = peers.toList(), offers = true, handshakeIntervalMs = 500u, resendIntervalMs = 500u)

fun mqttConfig(own: Identity, vararg peers: Credential) =
    phoneConfig(own, *peers).copy(inbox = own.credential.subject(), mqtt = true, identifierLen = 2.toUByte())

/** Carries frames between two endpoints until both are silent; gives the events of each. */
fun pump(a: Endpoint, b: Endpoint): Pair<List<Event>, List<Event>> {
    val seen = listOf(mutableListOf<Event>(), mutableListOf<Event>())
    do {
        var quiet = true
        for ((from, to, events) in listOf(Triple(a, b, seen[1]), Triple(b, a, seen[0]))) {
            while (true) {
                val transmit = from.pollTransmit() ?: break
                quiet = false
                try {
                    to.handleFrame(transmit.frame)?.let(events::add)
                } catch (_: SealwireException.Pending) {
                    // Kept by the endpoint until its key store has answered.
                }
            }
        }
        for ((end, events) in listOf(a to seen[0], b to seen[1])) {
            while (true) {
                events += end.pollEvent() ?: break
                quiet = false
            }
        }
    } while (!quiet)
    return seen[0] to seen[1]
}

fun freePort(): Int = ServerSocket(0).use { it.localPort }

/** A program of this test; ends with it. */
class Program(folder: File, vararg command: String) : AutoCloseable {
    val log = File(folder, "${File(command[0]).name}-${System.nanoTime()}.log")
    private val process = ProcessBuilder(*command).directory(folder).redirectErrorStream(true).redirectOutput(log).start()

    fun wait(seconds: Long): Int {
        check(process.waitFor(seconds, TimeUnit.SECONDS)) { "still running: ${log.readText()}" }
        return process.exitValue()
    }

    /** A line for its standard input. */
    fun tell(line: String) = process.outputStream.run { write("$line\n".toByteArray()); flush() }

    /** The first line of its output that begins so, without that; after those that were found before. */
    suspend fun says(beginning: String): String {
        while (true) {
            val lines = log.readText().substringBeforeLast('\n', "").lines()
            val found = (read until lines.size).firstOrNull { lines[it].startsWith(beginning) }
            if (found != null) {
                read = found + 1
                return lines[found].removePrefix(beginning).trim()
            }
            check(process.isAlive) { log.readText() }
            delay(20)
        }
    }

    private var read = 0

    override fun close() {
        process.destroy()
        if (!process.waitFor(5, TimeUnit.SECONDS)) process.destroyForcibly().waitFor()
    }
}

/** Runs a program to its end. */
fun run(folder: File, vararg command: String): String = Program(folder, *command).use {
    check(it.wait(60) == 0) { "${command.joinToString(" ")}: ${it.log.readText()}" }
    it.log.readText()
}

/** A Mosquitto on loopback. */
class Mosquitto(folder: File, val port: Int = freePort(), settings: String = "allow_anonymous true") : AutoCloseable {
    private val program: Program

    init {
        val config = File(folder, "mosquitto-$port.conf").apply { writeText("listener $port 127.0.0.1\npersistence false\n$settings\n") }
        program = Program(folder, "mosquitto", "-c", config.path)
        repeat(100) {
            if (runCatching { Socket().use { it.connect(InetSocketAddress("127.0.0.1", port), 200) } }.isSuccess) return@repeat
            Thread.sleep(50)
        }
    }

    fun broker(version: MqttVersion = MqttVersion.V311) = Broker("127.0.0.1", port.toUShort(), version)

    override fun close() = program.close()
}

/** The bytes of a hexadecimal file of `sealwire keygen`. */
fun hexFile(file: File): ByteArray =
    file.readLines().filterNot { it.startsWith("#") }.joinToString("").filterNot(Char::isWhitespace).chunked(2).map { it.toInt(16).toByte() }.toByteArray()

fun identityFile(folder: File, stem: String): Identity =
    Identity(Credential(hexFile(File(folder, "$stem.cred"))), Key.fromBytes(KeyKind.X25519, hexFile(File(folder, "$stem.key"))))
