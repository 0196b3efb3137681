package org.sealwire.conformance

import org.sealwire.Claim
import org.sealwire.Key
import org.sealwire.SetupCode
import org.sealwire.Statement
import org.sealwire.signStatement

/** Where a device keeps its ownership, above the sessions. */
const val RECORD = 8u

/** What a device has told its owner. */
class Told(val epoch: UInt, val nonce: ByteArray)

/** A step of setup and ownership, with statements by name; false if it is another. */
fun setup(party: Party, step: Line, values: MutableMap<String, ByteArray>, now: ULong): Boolean {
    when (step.word) {
        "open_setup" -> party.core.openSetup(step.number("ms")?.let { now + it.toULong() }, now)
        "close_setup" -> party.core.closeSetup()
        "revoke" -> party.core.revoke(bytes(step["delegate"]!!))
        "reset_ownership" -> party.core.resetOwnership()
        "claim" -> party.handshake = party.core.claim(claim(step, values), step["to"]?.toByteArray(), now)
        "sign_statement" -> values[step["as"]!!] = signed(party, step)
        "ownership" -> ownership(party, step)
        "standing" -> {
            val found = party.core.standing(bytes(step["peer"]!!))?.name?.lowercase() ?: "none"
            check(found == step["is"]) { "standing: $found" }
        }
        else -> return false
    }
    return true
}

private fun key(step: Line, name: String): Key? = step["${name}_kind"]?.let { Key.fromBytes(kind(it), bytes(step["${name}_private"]!!)) }

private fun claim(step: Line, values: Map<String, ByteArray>): Claim {
    val device = step["device"]?.let(::bytes)
    fun statement(name: String) = values[step[name]] ?: throw Failed("nothing is called ${step[name]}")
    return when {
        "code" in step.fields -> Claim.Setup(SetupCode.parse(step["code"]!!), key(step, "anchor"))
        "release" in step.fields -> Claim.Release(device!!, statement("release"), key(step, "anchor"))
        "delegation" in step.fields -> Claim.Delegation(device!!, statement("delegation"))
        else -> Claim.Known(device!!)
    }
}

private fun signed(party: Party, step: Line): ByteArray {
    val told = party.told[step["told"] ?: ""] ?: throw Failed("${party.name} was told nothing")
    val statement = step["release"]?.let { Statement.Release(bytes(it)) } ?: Statement.Delegation(bytes(step["delegation"]!!))
    return signStatement(key(step, "key")!!, bytes(step["device"]!!), step.number("epoch")?.toUInt() ?: told.epoch, told.nonce, statement)
}

private fun ownership(party: Party, step: Line) {
    val state = party.core.ownership()
    check((state == null) == step.flag("none")) { "ownership: $state" }
    if (state == null) return
    val found = mapOf(
        "epoch" to state.epoch.toString(), "owner" to state.owner?.let(::hex), "delegates" to state.delegates.map(::hex).sorted().joinToString(","))
    for ((name, value) in found) check(name !in step.fields || value == step[name]) { "$name is $value" }
}
