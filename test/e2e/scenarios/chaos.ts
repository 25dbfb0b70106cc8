import { chorus, expect, lastJson } from './scenario.ts'
import type { Scenario } from './scenario.ts'

/** The drill at a size for every day; `npm run e2e:chaos` is the whole of it. */
export const chaos: Scenario = {
  name: 'chaos',
  run: async (context) => {
    const ended = await chorus(context, ['chaos', '--json', '--nodes', '5', '--tasks', '16', '--minutes', '0.4', '--holders', '3', '--work', '1-3'], { timeoutMs: 280_000 })
    const counted = lastJson(ended)
    const said = `${JSON.stringify(counted)} ${ended.stderr.slice(-1_500)}`
    expect(ended.code === 0, `exit code 0 expected, got ${ended.code}: ${said}`)
    expect(counted.tasks === 16 && counted.delivered === 16 && counted.lost === 0 && counted.duplicated === 0 && counted.broken === 0, `all delivered once: ${said}`)
    expect(Number(counted.killsOfHolders) >= 3 && Number(counted.reclaimMsP50) > 0, `holders killed, and their tasks taken over: ${said}`)
  },
}
