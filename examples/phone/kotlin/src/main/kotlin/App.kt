// A companion app without a screen: what it would show it prints, and what its camera would read is a line on standard input. It pairs with a wearable by its label,
// shows the electrocardiogram, sends a command, hands the wearable over to the next owner, and is refused from then on.
// usage: App BROKER-URL REALM INBOX-OF-THE-WEARABLE FOLDER

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.system.exitProcess
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.sealwire.*

const val NAME = "kotlin-phone"
const val RATE_HZ = 360

fun say(text: String) = println(text).also { System.out.flush() }
fun hex(bytes: ByteArray) = bytes.joinToString("") { "%02x".format(it) }
fun bytes(hex: String) = hex.chunked(2).map { it.toInt(16).toByte() }.toByteArray()

/** The trace as one line; a character spans 6 samples. */
fun trace(samples: List<Short>): String {
    val low = samples.min()
    val span = maxOf(1, samples.max() - low)
    return samples.chunked(6).joinToString("") { "${"▁▂▃▄▅▆▇█"[(it.max() - low) * 7 / span]}" }
}

class Phone(private val broker: Broker, private val realm: String, private val wearable: String, folder: File) {
    // An app keeps both in the phone's key store: docs/howto/kotlin.md.
    private val identity = softwareIdentity(NAME)
    val ownerKey = Key.generate(KeyKind.ED25519)

    /** What the wearable tells its owner, and what the next release is signed over. */
    val ownership = MutableStateFlow<Event.Ownership?>(null)
    val samples = MutableStateFlow(0)
    private val kept = File(folder, "$NAME.ecg").apply { delete() }
    private val second = mutableListOf<Short>()

    suspend fun open(): SealwireLink {
        val config = Config(listOf(identity), inbox = NAME, mqtt = true, identifierLen = 2u, handshakeIntervalMs = 300u, handshakeAttempts = 4u)
        return SealwireLink.mqtt(Endpoint(config), broker, LinkConfig(realm, NAME))
    }

    /** Asks to be let in; why not, if it was refused. */
    suspend fun ask(link: SealwireLink, claim: Claim): SealwireException? = try {
        link.claim(claim, wearable, 15.seconds)
        null
    } catch (refused: NetworkException.Refused) {
        refused.error
    }

    /** What a device says when it refuses is a hint, which nobody has authenticated: to be shown, no more. */
    fun why(refusal: SealwireException) = if (refusal is SealwireException.PeerException) refusal.detail else refusal.javaClass.simpleName

    suspend fun watch(link: SealwireLink) = link.events.collect { event ->
        when (event) {
            is LinkEvent.Message -> if (event.message.topic == "ecg") show(event.message.payload)
            is LinkEvent.Endpoint -> (event.event as? Event.Ownership)?.let { ownership.value = it }
            else -> Unit
        }
    }

    /** The number of the first sample, then the samples. */
    private fun show(payload: ByteArray) {
        kept.appendBytes(payload)
        val part = ByteBuffer.wrap(payload, 4, payload.size - 4).slice().order(ByteOrder.LITTLE_ENDIAN).asShortBuffer()
        repeat(part.remaining()) { second += part.get() }
        samples.value += part.limit()
        if (second.size < RATE_HZ) return
        say("ecg ${ByteBuffer.wrap(payload).int + part.limit()} ${trace(second)}")
        second.clear()
    }
}

fun main(arguments: Array<String>) = runBlocking(Dispatchers.Default) {
    val (url, realm, wearable, folder) = arguments
    val phone = Phone(brokerFromUrl(url), realm, wearable, File(folder))
    say("point the camera at the label")
    val label = SetupCode.parse(readln())

    phone.open().use { link ->
        val watching = launch { phone.watch(link) }
        say("press the button of the ${label.model()}")
        while (true) {
            val refusal = phone.ask(link, Claim.Setup(label, phone.ownerKey)) ?: break
            say("not yet: ${phone.why(refusal)}")
        }
        say("paired with ${hex(label.device())}")
        phone.samples.first { it >= 4 * RATE_HZ }
        link.sessionWith(label.device())!!.command("led", "on".toByteArray()).wait()
        say("obeyed led on")

        say("point the camera at the next owner's phone")
        val next = bytes(readln())
        val told = phone.ownership.filterNotNull().first()
        val release = signStatement(phone.ownerKey, label.device(), told.epoch, told.nonce, Statement.Release(next))
        say("release ${hex(label.device())} ${hex(release)}")
        readln() // the next owner has it
        watching.cancelAndJoin()
    }

    // It is somebody else's now, for its old owner and for everybody who has a picture of the label.
    phone.open().use { link ->
        for ((what, claim) in listOf("as owner" to Claim.Known(label.device()), "by the label" to Claim.Setup(label, phone.ownerKey))) {
            val refusal = phone.ask(link, claim) ?: exitProcess(1)
            say("refused $what: ${phone.why(refusal)}")
        }
    }
}
