import { chorus, expect, lastJson } from './scenario.ts'
import type { Scenario } from './scenario.ts'

/** A small drill; `npm run e2e:chaos` is the whole of it. Faults go on until a killed node's task was taken over by another. */
export const chaos: Scenario = {
  name: 'chaos',
  run: async (context) => {
    const ended = await chorus(context, ['chaos', '--json', '--nodes', '5', '--tasks', '30', '--minutes', '0.4', '--kills', '4', '--holders', '2', '--work', '2-5'], { timeoutMs: 280_000 })
    const counted = lastJson(ended)
    const said = `${JSON.stringify(counted)} ${ended.stderr.slice(-1_500)}`
    expect(ended.code === 0, `exit code 0 expected, got ${ended.code}: ${said}`)
    expect(counted.tasks === 30 && counted.delivered === 30 && counted.lost === 0 && counted.duplicated === 0 && counted.broken === 0, `all delivered once: ${said}`)
    expect(Number(counted.killsOfHolders) >= 2 && Number(counted.reclaimMsP50) > 0, `holders killed, and their tasks taken over: ${said}`)
  },
}
