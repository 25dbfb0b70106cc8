import { chorus, expect, lastJson } from './scenario.ts'
import type { Scenario } from './scenario.ts'

const scenario = (name: string, more: readonly string[], secondsMax: number): Scenario => ({
  name,
  run: async (context) => {
    const ended = await chorus(context, ['demo', '--json', ...more], { timeoutMs: 300_000 })
    const counted = lastJson(ended)
    const said = JSON.stringify(counted)
    expect(ended.code === 0, `exit code 0 expected, got ${ended.code}: ${said} ${ended.stderr.slice(-1000)}`)
    expect(Number(counted.tasks) >= 8 && counted.delivered === counted.tasks && counted.lost === 0 && counted.duplicated === 0, `all delivered once: ${said}`)
    expect(counted.nodes === 3 && counted.processes === 3 && counted.audit === 'ok' && counted.checks === 'green', `three nodes, sound logs, green checks: ${said}`)
    expect(Number(counted.seconds) <= secondsMax, `at most ${secondsMax} s: ${said}`)
  },
})

export const demo = scenario('demo', [], 120)
/** One of the three is killed with SIGKILL in the middle of its work. */
export const demoKill = scenario('demo-kill', ['--kill'], 180)
