import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { scenarios } from './scenarios/mod.ts'
import type { ScenarioContext } from './scenarios/scenario.ts'

/** End-to-end runs on the real thing: node processes, git, sandbox, coding agents; only the model is scripted. */
const root = path.resolve(import.meta.dirname, '../..')
const json = process.argv.includes('--json')
const only = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const say = (text: string): void => { if (!json) process.stdout.write(`${text}\n`) }

/** The coding agents that the scenarios drive have a lockfile of their own, so that the product's `npm ci` stays light. */
const installAgents = (): string => {
  const folder = path.join(import.meta.dirname, 'agents')
  const installed = path.join(folder, 'node_modules', '.package-lock.json')
  const wanted = Object.entries((JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { dependencies: Record<string, string> }).dependencies)
  const versionOf = (name: string): string | undefined => {
    const file = path.join(folder, 'node_modules', name, 'package.json')
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version : undefined
  }
  if (!existsSync(installed) || wanted.some(([name, version]) => versionOf(name) !== version)) {
    say('installing the coding agents that the scenarios drive …')
    execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  }
  return folder
}

const context: ScenarioContext = { root, agents: installAgents(), say }
const chosen = scenarios.filter((scenario) => only.length === 0 ? scenario.onDemand !== true : only.includes(scenario.name))
let passed = 0
const failures: { readonly scenario: string; readonly reason: string }[] = []
for (const scenario of chosen) {
  const begun = performance.now()
  try {
    await scenario.run(context)
    passed += 1
    say(`ok    ${scenario.name}  (${((performance.now() - begun) / 1000).toFixed(1)} s)`)
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown)
    failures.push({ scenario: scenario.name, reason: reason.slice(0, 4000) })
    say(`FAIL  ${scenario.name}: ${reason}`)
  }
}
for (const failure of json ? failures : []) process.stderr.write(`FAIL ${failure.scenario}: ${failure.reason}\n`)
say(`${passed} passed, ${chosen.length - passed} failed`)
if (json) process.stdout.write(`${JSON.stringify({ scenarios: chosen.length, passed })}\n`)
process.exit(chosen.length > 0 && passed === chosen.length ? 0 : 1)
