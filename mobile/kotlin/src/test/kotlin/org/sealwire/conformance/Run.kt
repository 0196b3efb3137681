package org.sealwire.conformance

import java.io.File
import org.junit.jupiter.api.Test

/** What this surface has of what scenarios may need. */
private val CAN = setOf("external-keys", "identities")

/**
 * The scenarios of tests/conformance over this package. tests/conformance/kotlin.sh runs it, and says in the environment where their text form is
 * (SEALWIRE_SCENARIOS), which to run (SEALWIRE_ONLY), and where the outcomes go (SEALWIRE_OUTCOMES). Not a test of the package's own.
 */
class Run {
    @Test
    fun scenarios() {
        val lines = File(System.getenv("SEALWIRE_SCENARIOS")).readLines().map(::Line)
        check(lines.first()["number"] == "1") { "not of format 1" }
        val only = System.getenv("SEALWIRE_ONLY") ?: ""
        File(System.getenv("SEALWIRE_OUTCOMES")).printWriter().use { out ->
            var begin = 1
            for ((place, line) in lines.withIndex().filter { it.value.word == "end" }) {
                val scenario = lines.subList(begin, place)
                begin = place + 1
                check(line.fields.isEmpty()) { "end has no fields" }
                val name = scenario.first()["name"]!!
                if (only in name) out.println("$name\t${outcome(scenario)}")
            }
        }
    }

    private fun outcome(scenario: List<Line>): String {
        val lacks = scenario.first()["needs"]!!.split(',').filter { it.isNotEmpty() && it !in CAN }
        if (lacks.isNotEmpty()) return "skip\t${lacks.joinToString(",")}"
        val world = World(scenario)
        return try {
            world.run()
            "pass\t"
        } catch (why: Exception) {
            "fail\t${why.toString().replace(Regex("[\n\t]"), " ")}"
        } finally {
            world.close()
        }
    }
}
