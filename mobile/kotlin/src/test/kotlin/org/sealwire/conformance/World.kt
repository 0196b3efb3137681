package org.sealwire.conformance

import org.sealwire.Counters
import org.sealwire.Credential
import org.sealwire.Event
import org.sealwire.Incoming
import org.sealwire.Origin
import org.sealwire.Outgoing
import org.sealwire.Role
import org.sealwire.SealwireException
import org.sealwire.acknowledges

/** An expectation was not met. */
class Failed(why: String) : Exception(why)

fun check(good: Boolean, what: () -> String) {
    if (!good) throw Failed(what())
}

/** A scenario under way. */
class World(lines: List<Line>) {
    private val network = lines.first()["network"]!!
    private val parties = mutableListOf<Party>()
    private val values = mutableMapOf<String, ByteArray>()
    private val steps: List<Line>
    private var now = 1_000uL

    init {
        val set = listOf("endpoint", "own", "peer", "anchor")
        val (given, rest) = lines.drop(1).partition { it.word in set }
        for (line in given) if (line.word == "endpoint") parties += Party(line) else parties.last().given(line)
        steps = rest
    }

    fun run() {
        for (party in parties) if (party.config.flag("start", true)) party.start(now)
        var count = 0
        for ((place, step) in steps.withIndex()) {
            if (step.word == "event") continue
            count++
            try {
                perform(step, steps.drop(place + 1).takeWhile { it.word == "event" })
            } catch (failed: Failed) {
                throw Failed("step $count ${step.word} ${step.fields}: ${failed.message}")
            }
        }
        for (party in parties) check(party.events.isEmpty()) { "${party.name} has ${party.events} left over" }
    }

    fun close() = parties.forEach { it.endpoint?.close() }

    private fun perform(step: Line, events: List<Line>) {
        val wanted = step["error"]
        val thrown = try {
            step(step, events)
            null
        } catch (refused: SealwireException) {
            refused
        }
        parties.forEach { it.collect() }
        if (thrown == null) return check(wanted == null) { "$wanted expected" }
        check(errorName(thrown) == wanted && thrown.message!!.startsWith("number=${step["error_number"]},") && "text=$wanted:" in thrown.message!!) {
            "$wanted expected, got $thrown"
        }
    }

    private fun party(step: Line): Party {
        val name = step["at"] ?: step["to"]
        return parties.first { it.name == name }
    }

    private fun value(step: Line, field: String): ByteArray = values[step[field]] ?: throw Failed("nothing is called ${step[field]}")

    private fun step(step: Line, events: List<Line>) {
        when (step.word) {
            "settle" -> return settle(step["lose"])
            "pass" -> return pass(step.number("ms")!!.toULong(), step["lose"])
            "wait" -> { now += step.number("ms")!!.toULong(); return }
            "raw", "cut", "alter" -> { values[step["as"] ?: step["frame"]!!] = changed(step); return }
            "same", "differ" -> {
                val same = value(step, "first").contentEquals(value(step, "second"))
                return check(same == (step.word == "same")) { "same: $same" }
            }
            "credential" -> { Credential(bytes(step["credential"]!!)).close(); return }
        }
        val party = party(step)
        when (step.word) {
            "start", "restart" -> {
                step["store"]?.let { party.memory.durable = it == "durable" }
                val sessions = party.start(now)
                check(sessions.toLong() == (step.number("sessions") ?: 0L)) { "$sessions sessions restored" }
            }
            "connect" -> party.handshake = party.core.connect(step["to"]?.toByteArray(), step["peer"]?.let(::bytes), now)
            "cancel" -> party.core.cancel(party.handshake)
            "resume" -> party.core.resumePending(now)
            "tick" -> party.core.handleTimeout(now)
            "poll" -> poll(party, step)
            "deliver" -> repeat(step.number("count")?.toInt() ?: 1) { party.take(now, step["from"], step["topic"], value(step, "frame")) }
            "send" -> repeat(step.number("count")?.toInt() ?: 1) { send(party, step) }
            "commit" -> party.core.commit(party.session(step), step.number("number")!!.toULong(), origin(party, step), now)
            "abandon" -> party.core.abandon(party.session(step), step.number("number")!!.toULong())
            "key_update" -> party.core.keyUpdate(party.session(step), now)
            "close" -> party.core.closeSession(party.session(step))
            "export" -> {
                val (label, length) = step.number("label")!!.toULong() to step.number("length")!!.toUInt()
                val secret = party.core.export(party.session(step), label, (step["context"] ?: "").toByteArray(), length)
                check(secret.size == length.toInt()) { "${secret.size} bytes" }
                step["as"]?.let { values[it] = secret }
            }
            "expect" -> expect(party, events)
            "clear" -> { party.collect(); party.events.clear() }
            "counters" -> counters(party.core.counters(), step)
            "session" -> session(party, step)
            "sessions" -> check(party.core.sessions().size.toLong() == step.number("count")) { "${party.core.sessions().size} sessions" }
            "find" -> {
                val found = party.core.find(bytes(step["peer"]!!))
                check(found == (if (step.flag("none")) null else party.session(step))) { "found $found" }
            }
            else -> if (!setup(party, step, values, now)) surroundings(party, step)
        }
    }

    // ---- frames

    private fun place(step: Line, name: String, size: Int): Int = step.number(name)!!.toInt().let { if (it < 0) size + it else it }

    private fun changed(step: Line): ByteArray {
        if (step.word == "raw") return bytes(step["bytes"]!!)
        val frame = value(step, "frame").copyOf()
        if (step.word == "cut") return frame.copyOf(place(step, "length", frame.size))
        val at = place(step, "byte", frame.size)
        frame[at] = step["like"]?.let { value(step, "like")[at] } ?: (frame[at].toInt() xor step.number("xor")!!.toInt()).toByte()
        return frame
    }

    private fun poll(party: Party, step: Line) {
        val transmit = party.core.pollTransmit(now)
        check((transmit == null) == step.flag("none")) { "to send: $transmit" }
        if (transmit == null) return
        check(step.flag("handshake", transmit.handshake) == transmit.handshake) { "handshake: ${transmit.handshake}" }
        values[step["frame"]!!] = transmit.frame
    }

    private fun settle(lose: String?) {
        repeat(100) {
            var moved = false
            for (sender in parties.filter { it.endpoint != null }) {
                sender.collect()
                while (true) {
                    val transmit = sender.core.pollTransmit(now) ?: break
                    moved = true
                    if (lose != "all" && lose != sender.name) carry(sender, String(transmit.route), transmit.frame)
                }
            }
            if (!moved) return
        }
        throw Failed("frames without end")
    }

    private fun carry(sender: Party, route: String, frame: ByteArray) {
        val taker = parties.firstOrNull {
            it !== sender && it.endpoint != null && when (network) {
                "routes" -> it.name == route
                "mqtt" -> route == it.config["inbox"] || route == it.config["reply_inbox"]
                else -> true
            }
        } ?: return
        try {
            taker.take(now, sender.name.takeIf { network == "routes" }, null, frame)
        } catch (refused: SealwireException) {
            taker.events += Seen(null, refused)
        }
        taker.collect()
    }

    private fun pass(ms: ULong, lose: String?) {
        val end = now + ms
        while (true) {
            settle(lose)
            if (now >= end) return
            val running = parties.mapNotNull { it.endpoint }
            val due = running.mapNotNull { it.pollTimeout() }.minOrNull() ?: end
            now = minOf(end, maxOf(now + 1u, due))
            running.forEach { it.handleTimeout(now) }
        }
    }

    // ---- sessions

    private fun origin(party: Party, step: Line): Origin? =
        step["origin"]?.let { Origin(party.sids[party.named[it]] ?: ByteArray(0), step.number("origin_number")!!.toULong()) }

    private fun send(party: Party, step: Line) {
        val message = Outgoing(
            step["payload"]!!.toByteArray(), topic = step["topic"], inPlace = step.flag("in_place"), command = step.flag("command"),
            confirmable = step.flag("confirmable"), retain = step.flag("retain"), expiryS = step.number("expiry_s")?.toUInt(),
            contentType = step["content_type"], number = step.number("number")?.toULong(), origin = origin(party, step))
        val sent = party.core.send(party.session(step), message, now)
        step.number("given")?.let { given -> check(sent.number == given.toULong()) { "number ${sent.number}" } }
        values[step["frame"]!!] = sent.frame
    }

    // ---- looking

    private fun expect(party: Party, wanted: List<Line>) {
        party.collect()
        val seen = party.events.toList()
        party.events.clear()
        check(seen.map { it.name } == wanted.map { it["event"] }) { "events: $seen" }
        for ((found, line) in seen.zip(wanted)) {
            for (name in line.fields.keys - "event") check(matches(party, found, name, line[name])) { "$name is not ${line[name]}: $found" }
        }
    }

    private fun matches(party: Party, seen: Seen, name: String, wanted: String?): Boolean {
        val fields: Map<String, Any?> = when (val event = seen.event) {
            null -> mapOf("reason" to errorName(seen.refused!!))
            is Event.Message -> message(event.message)
            is Event.Established -> mapOf(
                "session" to event.session, "peer" to hex(event.peer), "role" to role(event.role), "resumed" to event.resumed,
                "started" to (event.handshake != null))
            is Event.Acknowledged -> {
                val numbers = wanted!!.split(',').filter { it.isNotEmpty() }.map { it.toULong() }
                if (name == "covers" || name == "misses") return numbers.all { acknowledges(event.top, event.missing, it) == (name == "covers") }
                mapOf("session" to event.session, "top" to event.top)
            }
            is Event.Resend -> mapOf("session" to event.session, "number" to event.number)
            is Event.CommandReady -> mapOf("session" to event.session)
            is Event.KeyUpdated -> mapOf("session" to event.session, "epoch" to event.epoch)
            is Event.Replaced -> mapOf("session" to event.new, "old" to event.old)
            is Event.Closed ->
                mapOf("session" to event.session, "peer" to hex(event.peer), "route" to String(event.route), "reason" to errorName(event.reason))
            is Event.HandshakeFailed -> mapOf("route" to String(event.route), "reason" to errorName(event.reason))
            is Event.PeerSilent -> mapOf("session" to event.session)
            is Event.Ownership ->
                mapOf("session" to event.session, "peer" to hex(event.peer), "epoch" to event.epoch, "nonce" to hex(event.nonce))
            is Event.OwnershipChanged -> mapOf("epoch" to event.epoch, "owner" to event.owner?.let(::hex))
        }
        return when (name) {
            "as" -> {
                val event = seen.event
                if (event is Event.Ownership) party.told[wanted!!] = Told(event.epoch, event.nonce) else party.named[wanted!!] = fields["session"] as UInt
                true
            }
            "session", "old" -> fields[name] == party.named[wanted]
            "origin" -> party.named[wanted]?.let { party.sids[it] }?.let(::hex) == fields[name]
            else -> name in fields && same(fields[name], wanted)
        }
    }

    private fun role(role: Role): String = role.name.lowercase()

    private fun message(found: Incoming): Map<String, Any?> = mapOf(
        "session" to found.session, "peer" to hex(found.peer), "payload" to String(found.payload), "number" to found.number,
        "command" to found.command, "topic" to found.topic, "missing" to found.missing, "late" to found.late, "retain" to found.retain,
        "expiry_s" to found.expiryS, "content_type" to found.contentType, "origin" to found.origin?.sid?.let(::hex),
        "origin_number" to found.origin?.number)

    /** A value as the text form writes it. */
    private fun same(found: Any?, wanted: String?): Boolean = when (found) {
        null -> wanted == null
        is Boolean -> (if (found) "1" else "0") == wanted
        else -> found.toString() == wanted
    }

    private fun counters(found: Counters, step: Line) {
        for (name in step.fields.keys - "at") {
            val camel = Regex("_([a-z])").replace(name) { it.groupValues[1].uppercase() }
            // A value class: the getter's name goes on after a hyphen.
            val getter = Counters::class.java.methods.single { it.name.substringBefore('-') == "get" + camel.replaceFirstChar(Char::uppercase) }
            val count = Integer.toUnsignedLong(getter.invoke(found) as Int)
            check(count == step.number(name)) { "$name is $count" }
        }
    }

    private fun session(party: Party, step: Line) {
        val info = party.core.session(party.session(step), now)
        val fields = mapOf(
            "role" to role(info.role), "suite" to info.suite, "epoch" to info.epoch, "confirmed" to info.confirmed,
            "unacknowledged" to info.unacknowledged, "command_ready" to info.commandReady, "next_number" to info.nextNumber,
            "peer" to hex(info.peer), "own" to hex(info.own), "route" to String(info.route))
        for (name in step.fields.keys - setOf("at", "session", "error", "error_number")) {
            check(name in fields && same(fields[name], step[name])) { "$name is ${fields[name]}" }
        }
    }

    // ---- surroundings

    private fun surroundings(party: Party, step: Line) {
        val memory = party.memory
        when (step.word) {
            "store_fails" -> { memory.fails = step.flag("on"); memory.lasts = step.number("after") ?: 0 }
            "store_set" -> memory.data[step.number("slot")?.toUInt() ?: 0u] = bytes(step["stored"]!!)
            "store_alter" -> memory.data = memory.data.mapValues { (_, data) ->
                data.copyOf().also { it[place(step, "byte", it.size)] = (it[place(step, "byte", it.size)].toInt() xor step.number("xor")!!.toInt()).toByte() }
            }.toMutableMap()
            "store_keep" -> party.kept[step["as"]!!] = memory.data.toMap()
            "store_put" -> memory.data = party.kept.getValue(step["from"]!!).toMutableMap()
            "key" -> party.keys.answer = step["answer"]!!
            else -> throw Failed("${step.word} is unknown here")
        }
    }
}
