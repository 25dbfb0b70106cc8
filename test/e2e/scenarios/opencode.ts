import path from 'node:path'
import { writeFileSync } from 'node:fs'
import { opencodeBinary } from '../agents/installed.ts'
import { layForeignRepository } from '../fixtures/foreign-repository.ts'
import type { ForeignRepository } from '../fixtures/foreign-repository.ts'
import { startScriptedModel } from '../model/scripted-model.ts'
import type { ScriptedModel } from '../model/scripted-model.ts'
import { correctedScripts, honestScript, lyingScript } from '../model/steps.ts'
import type { ModelScript } from '../model/steps.ts'
import { git, inFolder, startNode, stopNode, taskRow } from './own-repository.ts'
import { chorus, expect, lastJson, until } from './scenario.ts'
import type { Scenario, ScenarioContext } from './scenario.ts'

/** What a play left behind, read from the repository and the log alone. */
interface Left {
  readonly foreign: ForeignRepository
  readonly model: ScriptedModel
  readonly state: string
  readonly reason: string | null
  readonly evidence: unknown
  readonly remote: string
  /** Of the attempt, by the log. */
  readonly rounds: number
  readonly story: string
}

/**
 * node-semver with a planted bug in a bare remote; a node with a real OpenCode process in the sandbox; only the model behind
 * it is scripted. Ends when the task is done, or waits for another attempt or a person.
 */
const play = async (context: ScenarioContext, folder: string, scriptsOf: (foreign: ForeignRepository) => readonly ModelScript[]): Promise<Left> => {
  const repository = path.join(folder, 'semver')
  const remote = path.join(folder, 'remote', 'semver.git')
  const foreign = await layForeignRepository(repository)
  await git(folder, 'clone', '-q', '--bare', repository, remote)
  await git(repository, 'remote', 'add', 'origin', remote)
  const model = await startScriptedModel(scriptsOf(foreign))
  const env = {
    CHORUS_STATE: path.join(folder, 'state'), SCRIPTED_MODEL_KEY: model.key,
    GIT_AUTHOR_NAME: 'P', GIT_AUTHOR_EMAIL: 'p@localhost', GIT_COMMITTER_NAME: 'P', GIT_COMMITTER_EMAIL: 'p@localhost',
  }
  try {
    lastJson(await chorus(context, ['init', '--json'], { cwd: repository, env }))
    writeFileSync(path.join(repository, 'chorus.yaml'), [
      'repositories:', '  - provider: local', `    url: ${JSON.stringify(remote)}`, '    delivery: merge', '    approve_first: false', 'poll: 1s',
      'execution:', '  engine: acp', '  preset: opencode', `  binary: ${JSON.stringify(opencodeBinary())}`, '  timeout: 3m',
      '  model:', `    name: ${model.name}`, `    endpoint: ${model.url}/v1`, '    key_env: SCRIPTED_MODEL_KEY', '',
    ].join('\n'))
    const { task, check } = foreign
    lastJson(await chorus(context, ['task', 'add', task.title, '--description', task.description, '--check', check, '--json'], { cwd: repository, env }))
    const node = startNode(context, repository, env)
    try {
      const row = await until('an end of the attempt', async () => {
        const found = await taskRow(context, repository, env)
        return ['done', 'released', 'parked', 'escalated'].includes(found.state) ? found : undefined
      }, 200_000)
      const { story } = lastJson(await chorus(context, ['audit', 'show', 'local:semver#1', '--json'], { cwd: repository, env })) as { readonly story: readonly { readonly text: string }[] }
      const text = story.map((line) => line.text).join('\n')
      const audit = lastJson(await chorus(context, ['audit', 'verify', '--json'], { cwd: repository, env }))
      expect(audit.ok === true, `the log must verify: ${JSON.stringify(audit)}`)
      return { foreign, model, state: row.state, reason: row.reason, evidence: (row.result as { evidence?: unknown } | null)?.evidence, remote, rounds: Number(/(\d+) rounds?/.exec(text)?.[1] ?? 0), story: text }
    } finally {
      await stopNode(node)
    }
  } finally {
    await model.stop()
  }
}

const onMain = (left: Left): Promise<string> => git(left.remote, 'show', `main:${left.foreign.brokenFile}`)
const trailers = async (left: Left): Promise<string> => git(left.remote, 'log', '--all', '--format=%(trailers:key=Chorus-Task,valueonly)')
const wrong = (foreign: ForeignRepository): string => foreign.fixedContent.replace('comparison > 0', 'comparison !== 0')

export const opencodeFixes: Scenario = {
  name: 'opencode-fixes',
  run: (context) => inFolder(async (folder) => {
    const left = await play(context, folder, (foreign) => [honestScript({ file: foreign.brokenFile, content: foreign.fixedContent, check: foreign.check })])
    expect(left.state === 'done' && left.evidence === 'proved', `done and proved expected, got ${left.state} (${left.reason ?? ''}): ${left.story}`)
    expect(await onMain(left) === left.foreign.fixedContent.trim(), 'main must hold the fix')
    expect(await trailers(left) === 'local:semver#1', 'exactly one commit with the trailer expected')
    expect(left.model.calls.length > 0 && left.model.calls.every((call) => call.authorized), 'every call must have come through the gate that adds the key')
  }),
}

/** The model writes what does not help and says that all tests pass: nothing is delivered, and the reason is told. */
export const opencodeLies: Scenario = {
  name: 'opencode-lies',
  run: (context) => inFolder(async (folder) => {
    const left = await play(context, folder, (foreign) => [lyingScript({ file: foreign.brokenFile, content: wrong(foreign) })])
    expect(left.state === 'released', `given back expected, got ${left.state}`)
    expect((left.reason ?? '').includes(left.foreign.check), `a reason that names the red check expected, got ${String(left.reason)}`)
    expect(!(await onMain(left)).includes('comparison !== 0') && await trailers(left) === '', 'nothing may be delivered')
    expect(await git(left.remote, 'for-each-ref', '--format=%(refname)', 'refs/heads') === 'refs/heads/main', 'no branch but main may be there')
  }),
}

/** It lies first; shown the red check, it repairs its work in the next round. */
export const opencodeCorrects: Scenario = {
  name: 'opencode-corrects',
  run: (context) => inFolder(async (folder) => {
    const left = await play(context, folder, (foreign) => correctedScripts(
      { file: foreign.brokenFile, content: wrong(foreign) }, { file: foreign.brokenFile, content: foreign.fixedContent, check: foreign.check },
    ))
    expect(left.state === 'done' && await onMain(left) === left.foreign.fixedContent.trim(), `done after a second round expected, got ${left.state} (${left.reason ?? ''}): ${left.story}`)
    expect(left.rounds === 2, `two rounds expected in the log, got ${left.rounds}`)
  }),
}
