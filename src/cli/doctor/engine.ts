import { chmod, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import type { ChorusConfig } from '../../node/config.ts'
import type { AgentRunner, Sandbox } from '../../ports/mod.ts'
import type { Probe } from './finding.ts'

const MODEL_MS_MAX = 5_000
const LIMITS = {
  timeoutMs: 60_000, graceMs: 1_000, memoryBytesMax: 2 * 2 ** 30, processesMax: 64, cpusMax: 2, outputBytesMax: 64 * 1024, fileBytesMax: 64 * 2 ** 20, diskBytesMax: 2 ** 20,
}

/** The coding agent as this node would start it, in the sandbox, and the model that it would ask. */
export const engineProbes = (config: ChorusConfig, runner: AgentRunner, sandbox: Sandbox): readonly Probe[] => {
  const { execution } = config
  const program = execution.engine === 'repair' ? undefined : execution.preset === undefined ? execution.command?.[0] : `/opt/agent/${execution.preset}`
  return [
    {
      name: 'engine', required: true, fix: 'set execution.engine, execution.command and execution.binary; `engine: repair` needs none',
      attempt: async () => {
        const probe = await runner.probe()
        if (!probe.ready) return { problem: `${execution.engine}: ${probe.reason}`, fix: probe.fix }
        if (program === undefined) return `${execution.engine}: a search over small edits, works on tasks with a failing check`
        return startInside(program, { runner, sandbox, asks: execution.preset !== undefined })
      },
    },
    ...execution.model === undefined ? [] : [model(execution.model)],
  ]
}

/** `asks`: it is known to say its version. */
const startInside = async (program: string, parts: { readonly runner: AgentRunner; readonly sandbox: Sandbox; readonly asks: boolean }): Promise<string | { readonly problem: string }> => {
  if (!(await parts.sandbox.probe()).available) return { problem: `${program} cannot be tried without a sandbox` }
  const folder = await mkdtemp(path.join(os.tmpdir(), 'chorus-doctor-'))
  try {
    await chmod(folder, 0o755)
    const command = parts.asks ? [program, '--version'] : ['sh', '-c', 'command -v "$1"', 'sh', program]
    const process = await parts.sandbox.start({
      command, workspace: { path: folder, writable: false }, mounts: parts.runner.needs.mounts, environment: {}, network: { kind: 'none' }, limits: LIMITS, label: 'doctor',
    })
    process.stdin.end()
    const [said, errors, end] = await Promise.all([text(process.stdout), text(process.stderr), process.ended])
    const last = lastLineOf(said) || lastLineOf(errors)
    return end.outcome === 'exited' && end.code === 0 ? `${program} in the sandbox: ${last}` : { problem: `${program} in the sandbox ended with ${end.outcome} ${end.code ?? ''}: ${last}` }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const model = ({ name, endpoint, keyEnv }: NonNullable<ChorusConfig['execution']['model']>): Probe => ({
  name: 'model', required: true, fix: 'correct execution.model.endpoint, or start the model there',
  attempt: async () => {
    const key = keyEnv === undefined ? undefined : process.env[keyEnv]
    if (keyEnv !== undefined && (key === undefined || key === '')) return { problem: `${name} needs a key in ${keyEnv}, which is not set`, fix: `export ${keyEnv}=… before \`chorus up\`` }
    const url = `${endpoint.replace(/\/$/, '')}/models`
    const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(MODEL_MS_MAX), headers: key === undefined ? {} : { authorization: `Bearer ${key}` } })
    await answer.body?.cancel()
    if (answer.status === 401 || answer.status === 403) return { problem: `${endpoint} refuses the key (HTTP ${answer.status})`, fix: keyEnv === undefined ? 'set execution.model.key_env' : `put a valid key into ${keyEnv}` }
    // Not every endpoint lists its models; that one answers there is what can be known without paying for a question.
    return answer.status < 500 ? `${name} at ${endpoint} (HTTP ${answer.status})` : { problem: `${endpoint} answers with HTTP ${answer.status}` }
  },
})

const lastLineOf = (said: string): string => said.trim().split('\n').at(-1)?.slice(0, 200) ?? ''
