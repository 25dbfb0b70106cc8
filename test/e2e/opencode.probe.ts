import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { AcpRunner, opencode } from '../../src/adapters/acp/mod.ts'
import { BubblewrapSandbox } from '../../src/adapters/bubblewrap/mod.ts'
import { HttpEgress } from '../../src/adapters/egress/mod.ts'
import { RepairRunner } from '../../src/adapters/repair/mod.ts'
import type { AgentReport, CheckReport } from '../../src/ports/mod.ts'
import { sandboxBench } from '../../src/testing/sandbox-bench.ts'
import { opencodeBinary } from './agents/installed.ts'
import { layForeignRepository } from './fixtures/foreign-repository.ts'
import type { ForeignRepository } from './fixtures/foreign-repository.ts'
import { startScriptedModel } from './model/scripted-model.ts'
import { correctedScripts, honestScript, lyingScript } from './model/steps.ts'
import type { ModelScript } from './model/steps.ts'

/**
 * The engines on a repository by others, in the real sandbox: OpenCode with a scripted model behind the real model
 * gate (honest, lying, lying and then corrected, no model at all), and the search for a repair.
 */
const sandbox = new BubblewrapSandbox({ instance: `probe${process.pid}` })

interface Round { readonly report: AgentReport; readonly check: CheckReport; readonly content: string }
interface Play { readonly repository: ForeignRepository; readonly rounds: readonly Round[]; readonly facts: Readonly<Record<string, unknown>> }

const withOpencode = async (scriptsOf: (repository: ForeignRepository) => readonly ModelScript[], given: { readonly rounds: number; readonly down?: boolean }): Promise<Play> => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'opencode-'))
  await chmod(folder, 0o755)
  const workspacePath = path.join(folder, 'workspace')
  const repository = await layForeignRepository(workspacePath)
  const before = new Set(await filesOf(workspacePath))
  const model = await startScriptedModel(scriptsOf(repository))
  const egress = new HttpEgress({ model: { endpoint: `${model.url}/v1`, key: model.key, models: [model.name] } })
  const gate = await egress.openModel({ label: 'opencode' })
  try {
    if (given.down === true) await model.stop()
    const runner = new AcpRunner({ preset: opencode({ binary: opencodeBinary(), model: { name: model.name } }) })
    const bench = sandboxBench(sandbox, {
      workspacePath, check: repository.check, mounts: runner.needs.mounts, network: { kind: 'socket', socketPath: gate.socketPath, port: runner.needs.modelPort ?? 0 },
    })
    const rounds: Round[] = []
    let feedback: string | undefined
    for (let round = 0; round < given.rounds; round++) {
      const report = await runner.run({
        taskId: 'semver-1', title: repository.task.title, description: repository.task.description, prompt: `${repository.task.title}\n\n${repository.task.description}`, feedback,
        environment: { TASK_ID: 'semver-1' }, timeoutMs: given.down === true ? 20_000 : 90_000,
      }, bench)
      const check = await bench.check()
      rounds.push({ report, check, content: await readFile(path.join(workspacePath, repository.brokenFile), 'utf8') })
      feedback = check.commands.map((command) => command.output).join('\n')
    }
    const { running, usages, events } = bench
    const added = (await filesOf(workspacePath)).filter((file) => !before.has(file))
    const facts = { added, running: running(), tools: events.filter((event) => event.kind === 'tool').length, usages: usages.length, gate: gate.counts(), calls: model.calls.length, unauthorized: model.calls.filter((call) => !call.authorized).length }
    return { repository, rounds, facts }
  } finally {
    await gate.close()
    await model.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Work tree only. */
const filesOf = async (folder: string): Promise<readonly string[]> => (await readdir(folder, { recursive: true })).filter((file) => !/^\.git(\/|$)/.test(file))

const expect = (condition: boolean, what: string, facts: unknown): void => {
  if (!condition) throw new Error(`expected: ${what}; got ${JSON.stringify(facts).slice(0, 3_000)}`)
}
const wrong = (repository: ForeignRepository): string => repository.fixedContent.replace('comparison > 0', 'comparison !== 0')

const plays: Readonly<Record<string, () => Promise<unknown>>> = {
  'the scripted model lets in its own key only': async () => {
    const model = await startScriptedModel([{ steps: [{ kind: 'say', text: 'hello' }] }])
    try {
      const ask = async (key: string): Promise<number> => (await fetch(`${model.url}/v1/chat/completions`, {
        method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` }, body: JSON.stringify({ model: model.name, messages: [{ role: 'user', content: 'x' }] }),
      })).status
      const statuses = [await ask('sandbox-placeholder'), await ask(model.key)]
      expect(statuses.join() === '401,200', '401 for the placeholder, 200 for the key', statuses)
      return statuses
    } finally {
      await model.stop()
    }
  },
  'OpenCode repairs a repository by others': async () => {
    const { repository, rounds: [round], facts } = await withOpencode((it) => [honestScript({ file: it.brokenFile, content: it.fixedContent, check: it.check })], { rounds: 1 })
    expect(round?.report.outcome === 'finished' && round.check.green && round.content === repository.fixedContent, 'a repaired file and a green check', { round, facts })
    expect(JSON.stringify(facts['added']) === '[]', 'nothing else in the work tree', facts)
    expect(facts['running'] === 0 && facts['unauthorized'] === 0, 'no process left, and only calls with the real key upstream', facts)
    return { said: round?.report.said, commands: round?.report.commandsExecuted, ...facts, usage: round?.report.usage }
  },
  'OpenCode that lies has finished, and the check is red': async () => {
    const { rounds: [round], facts } = await withOpencode((it) => [lyingScript({ file: it.brokenFile, content: wrong(it) })], { rounds: 1 })
    expect(round?.report.outcome === 'finished' && !round.check.green && round.report.said.includes('All tests pass'), 'a claim of success with a red check', { round, facts })
    return { said: round?.report.said }
  },
  'OpenCode that is shown the red check corrects itself in the next round': async () => {
    const { rounds, facts } = await withOpencode((it) => correctedScripts({ file: it.brokenFile, content: wrong(it) }, { file: it.brokenFile, content: it.fixedContent, check: it.check }), { rounds: 2 })
    expect(rounds[0]?.check.green === false && rounds[1]?.check.green === true, 'red, then green', { rounds, facts })
    return facts
  },
  'OpenCode whose model is down does not end as finished': async () => {
    const { rounds: [round], facts } = await withOpencode((it) => [honestScript({ file: it.brokenFile, content: it.fixedContent, check: it.check })], { rounds: 1, down: true })
    expect(round !== undefined && !round.check.green && facts['running'] === 0, 'a red check and no process left', { round, facts })
    return { outcome: round?.report.outcome, detail: round?.report.detail }
  },
  'the search repairs a repository by others': async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'search-'))
    await chmod(folder, 0o755)
    try {
      const workspacePath = path.join(folder, 'workspace')
      const repository = await layForeignRepository(workspacePath)
      const bench = sandboxBench(sandbox, { workspacePath, check: repository.check })
      const report = await new RepairRunner().run({ taskId: 's', title: repository.task.title, description: repository.task.description, prompt: repository.task.description, environment: {}, timeoutMs: 120_000 }, bench)
      const content = await readFile(path.join(workspacePath, repository.brokenFile), 'utf8')
      expect(report.outcome === 'finished' && content === repository.fixedContent, 'the original text back', report)
      return { said: report.said, usage: report.usage }
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
}

const wanted = process.argv.slice(2).join(' ')
let failures = 0
for (const [name, play] of Object.entries(plays)) {
  if (!name.includes(wanted)) continue
  const startedMs = performance.now()
  try {
    console.log(`ok      ${name}`, JSON.stringify(await play()), `${Math.round(performance.now() - startedMs)} ms`)
  } catch (thrown) {
    failures += 1
    console.log(`FAILED  ${name}: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
  }
}
process.exitCode = failures === 0 ? 0 : 1
