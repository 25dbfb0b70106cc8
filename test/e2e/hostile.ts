import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { runCommandLine } from './hostile/command-line.ts'
import { blindSpots } from './hostile/controls.ts'
import { claimCases, configCases, gossipCases, logCases, stateCases, taskCases, taskFiles } from './hostile/mod.ts'
import type { HostileCase } from './hostile/case.ts'
import { runSwarm } from './hostile/swarm.ts'
import { withTable } from './hostile/table.ts'
import { inFolder } from './scenarios/own-repository.ts'
import type { ScenarioContext } from './scenarios/scenario.ts'

/**
 * `npm run e2e:hostile`: cheating agents and hostile input against whole nodes with real git and a real sandbox. Every case
 * is data (test/e2e/hostile); what is counted comes from plain git, /proc and a folder that only the host's programs can write.
 */
const CASES_MIN = 40
const root = path.resolve(import.meta.dirname, '../..')
const json = process.argv.includes('--json')
const only = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const say = (text: string): void => { (json ? process.stderr : process.stdout).write(`${text}\n`) }
const context: ScenarioContext = { root, agents: '', say }

const wanted = <Case extends HostileCase>(cases: readonly Case[]): readonly Case[] => cases.filter(({ name, area }) => only.length === 0 || only.includes(name) || only.includes(area))

const writeTable = (): void => {
  const page = path.join(root, 'docs/security.md')
  writeFileSync(page, withTable(readFileSync(page, 'utf8')))
}

const begunMs = performance.now()
if (process.argv.includes('--table')) writeTable()
else await inFolder(async (folder) => {
  const blind = await blindSpots(folder)
  const swarm = await runSwarm(context, folder, { tasks: wanted(taskCases), files: wanted(taskFiles), claims: wanted(claimCases), gossip: wanted(gossipCases) })
  const files = await runCommandLine(context, folder, { configs: wanted(configCases), states: wanted(stateCases), logs: wanted(logCases) })
    .catch((thrown: unknown) => ({ verdicts: [], hostExecutions: 0, failures: [String(thrown)] }))
  const verdicts = [...swarm.verdicts, ...files.verdicts]
  const held = verdicts.filter(({ problems }) => problems.length === 0)
  for (const { about, problems } of verdicts) {
    say(`${problems.length === 0 ? 'held ' : 'FAIL '} ${about.area.padEnd(13)} ${about.name}`)
    for (const problem of problems) say(`        ${problem}`)
  }
  const failures = [...blind, ...swarm.failures, ...files.failures]
  for (const failure of failures) say(`FAIL  ${failure}`)
  say(`${Math.round((performance.now() - begunMs) / 1_000)} s`)
  const cases = verdicts.length
  const { delivered, leftRunning } = swarm
  const hostExecutions = swarm.hostExecutions + files.hostExecutions
  const ok = failures.length === 0 && held.length === cases && cases >= CASES_MIN && delivered === 0 && hostExecutions === 0 && leftRunning === 0
  process.stdout.write(`${JSON.stringify({ cases, held: held.length, delivered, hostExecutions, leftRunning })}\n`)
  process.exitCode = ok ? 0 : 1
})
