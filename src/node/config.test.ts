import { describe, expect, it } from 'vitest'
import { ChorusError } from '../core/mod.ts'
import { parseConfig } from './config.ts'
import type { ChorusConfig } from './config.ts'

const parse = (text: string, env: Record<string, string> = {}): ChorusConfig => parseConfig(text, { env })
const failure = (text: string, env: Record<string, string> = {}): ChorusError => {
  try {
    parse(text, env)
  } catch (error) {
    if (error instanceof ChorusError) return error
    throw error
  }
  throw new Error('expected the configuration to be refused')
}

describe('parseConfig', () => {
  it('makes a working node of an empty file', () => {
    for (const text of ['', '# nothing\n', '{}', 'agent:\nchecks:\n']) expect(parse(text)).toMatchObject({ agent: { role: 'developer' }, checks: undefined })
    expect(parse('')).toMatchObject({
      repositories: [{ provider: 'local', path: '.', url: undefined, delivery: 'branch', mergeOn: ['proved'], approveFirst: true }],
      execution: { engine: 'repair', timeoutMs: 600_000, roundsMax: 3, model: undefined },
      claims: { leaseMs: 90_000, renewMs: 30_000, namespace: 'refs/chorus' },
      matching: { weights: { role: 0.4, expertise: 0.3, availability: 0.2, performance: 0.1 }, threshold: 0.5, expertise: 'score' },
      sandbox: { kind: 'bubblewrap' }, network: { mdns: true }, pollMs: 30_000, warnings: [],
    })
  })

  it("reads the seed's agent section as it stands there", () => {
    const config = parse(`
agent:
  id: "agent-001"
  role: "Senior Backend Developer"
  expertise:
    - "Go"
    - "PostgreSQL"
    - "Docker"
    - "Kubernetes"
  capabilities:
    - "code"
    - "test"
    - "deploy"
  max_tasks: 3
  specialization: "microservices"
  models:
    - name: "llama3.1:70b"
      provider: "ollama"
      endpoint: "http://192.168.1.72:11434"
`)
    expect(config.agent).toMatchObject({ id: 'agent-001', role: 'Senior Backend Developer', expertise: ['Go', 'PostgreSQL', 'Docker', 'Kubernetes'], maxTasks: 3, specialization: 'microservices' })
    expect(config.execution.model).toEqual({ name: 'llama3.1:70b', provider: 'ollama', endpoint: 'http://192.168.1.72:11434/v1', keyEnv: undefined })
  })

  it('reads every other section', () => {
    expect(parse(`
repositories:
  - { url: 'git@host:team/app.git', branch: trunk, delivery: merge, merge_on: [proved, reproduced], approve_first: false }
checks: [npm test, npm run lint]
setup: npm ci
protected: [deploy/]
execution:
  engine: auto
  preset: opencode
  binary: /opt/opencode
  timeout: 1.5h
  model: { name: gpt, endpoint: 'https://models.example/v1', key_env: MODEL_KEY }
sandbox: { memory: 2GiB, processes: 64, cpus: 0.5 }
claims: { lease: 15m, renew: 5m }
network: { listen: [], mdns: false, bootstrap: ['/ip4/10.0.0.1/tcp/4001/p2p/12D3KooWabc'] }
poll: 5s
`)).toMatchObject({
      repositories: [{ url: 'git@host:team/app.git', path: undefined, branch: 'trunk', delivery: 'merge', mergeOn: ['proved', 'reproduced'], approveFirst: false }],
      checks: ['npm test', 'npm run lint'], setup: ['npm ci'], protected: ['deploy/'],
      execution: { engine: 'acp', preset: 'opencode', binary: '/opt/opencode', timeoutMs: 5_400_000, model: { keyEnv: 'MODEL_KEY', provider: 'openai' } },
      sandbox: { kind: 'bubblewrap', memoryBytesMax: 2 ** 31, processesMax: 64, cpusMax: 0.5 },
      claims: { leaseMs: 900_000, renewMs: 300_000 }, network: { mdns: false }, pollMs: 5_000,
    })
  })

  it('takes the sandbox as one word, and a command as a shell line or as program and arguments', () => {
    expect(parse('sandbox: bubblewrap').sandbox.kind).toBe('bubblewrap')
    expect(parse('execution: { engine: command, command: "fix-it --all" }').execution).toMatchObject({ engine: 'command', command: ['sh', '-c', 'fix-it --all'] })
    expect(parse('execution: { command: [fix-it, --all] }').execution).toMatchObject({ engine: 'command', command: ['fix-it', '--all'] })
  })

  it.each([
    ['a wrong kind', 'agent:\n  role: dev\n  max_tasks: many\n', 'chorus.yaml line 3: agent.max_tasks: expected a whole number from 0 to 64, got "many"', 'agent.max_tasks'],
    ['a number out of range', 'agent: { max_tasks: 65 }', 'expected a whole number from 0 to 64, got 65', 'agent.max_tasks'],
    ['an unknown key', 'agent:\n  role: dev\n  max_task: 3\n', 'chorus.yaml line 3: unknown key "agent.max_task": did you mean max_tasks?', 'agent.max_task'],
    ['an unknown key at the top', 'agents: {}', 'unknown key "agents": did you mean agent?', 'agents'],
    ['an unknown key in a list', 'repositories:\n  - path: .\n    mergeon: [proved]\n', 'line 3: unknown key "repositories[0].mergeon": did you mean merge_on?', 'repositories[0].mergeon'],
    ['an unknown key in a section with two forms', 'sandbox:\n  memroy: 2GiB\n', 'line 2: unknown key "sandbox.memroy": did you mean memory?', 'sandbox.memroy'],
    ['a key like nothing', 'zebra: 1', 'known here: agent, repositories', 'zebra'],
    ['a word that is not offered', 'sandbox: none', 'sandbox.kind: expected bubblewrap, got "none"', 'sandbox.kind'],
    ['a duration without unit', 'claims:\n  lease: 90\n', 'line 2: claims.lease: expected a duration with its unit from 5s to 24h, got 90', 'claims.lease'],
    ['a duration out of range', 'claims: { lease: 2s }', 'expected a duration with its unit from 5s to 24h, got "2s"', 'claims.lease'],
    ['a size in an unknown unit', 'sandbox: { memory: 2Gi }', 'sandbox.memory: expected a size with its unit from 64MiB to 1TiB, got "2Gi"', 'sandbox.memory'],
    ['a renewal too rare for the lease', 'claims: { lease: 60s, renew: 30s }', 'claims.renew: expected at most a third of claims.lease (20s), got "30s"', 'claims.renew'],
    ['weights that do not sum to 1', 'matching: { weights: { role: 1, expertise: 1, availability: 0, performance: 0 } }', 'matching.weights: expected four weights whose sum is 1', 'matching.weights'],
    ['a missing weight', 'matching: { weights: { role: 1, expertise: 0, availability: 0 } }', 'matching.weights.performance: expected a number from 0 to 1, got nothing', 'matching.weights.performance'],
    ['path and url', 'repositories: [{ path: ., url: x }]', 'repositories[0]: expected path or url, not both', 'repositories[0]'],
    ['an engine without its command', 'execution: { engine: command }', 'execution.command: expected the command to run', 'execution.command'],
    ['a key instead of its name', 'agent: { models: [{ name: a, endpoint: "https://x.example", key_env: sk-12345 }] }', 'never the key itself', 'agent.models[0].key_env'],
    ['a password in an endpoint', 'agent: { models: [{ name: a, endpoint: "https://u:p@x.example" }] }', 'without user name, password', 'agent.models[0].endpoint'],
    ['a provider that there is not', 'repositories: [{ provider: jira }]', 'expected local', 'repositories[0].provider'],
    ['a list that is a text', 'checks: npm test', 'checks: expected a list, got "npm test"', 'checks'],
    ['a text with a line break', 'agent: { role: "a\\nb" }', 'expected one line without control characters', 'agent.role'],
    ['a namespace outside refs', 'claims: { namespace: refs/../heads }', 'expected a ref prefix', 'claims.namespace'],
    ['a file that is a list', '- a', 'expected a section of keys', ''],
  ])('refuses %s, naming line, key and value', (_name, text, message, setting) => {
    const error = failure(text)
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.message).toContain(message)
    expect(error.setting).toBe(setting)
  })

  it.each([
    ['a doubled key', 'poll: 5s\npoll: 6s\n', 'line 2'],
    ['broken syntax', 'agent:\n  role: [a\nx', 'line'],
    ['a second document', 'poll: 5s\n---\npoll: 6s\n', 'line'],
    ['an alias bomb', `a: &a [${'x,'.repeat(9)}]\nb: &b [${'*a,'.repeat(30)}]\nc: [${'*b,'.repeat(30)}]\n`, 'alias'],
    ['endless nesting', '['.repeat(100_000), ''],
    ['a tag that makes objects', 'agent: !!js/function "x"', 'line 1'],
    ['a file too large', `# ${'x'.repeat(300_000)}`, '256 KiB'],
    ['a prototype', '__proto__: { agent: 1 }', '__proto__'],
  ])('refuses %s without harm', (_name, text, message) => {
    const error = failure(text)
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.message).toContain(message)
  })

  it('tells several mistakes at once, and not without end', () => {
    const error = failure(`poll: 1\nagent: { max_tasks: -1 }\nrepositories: [${'{ provider: x },'.repeat(30)}]`)
    expect(error.message.split('\n')).toHaveLength(11)
    expect(error.message).toContain('and 22 more')
  })
})

describe('environment overrides', () => {
  it('override the file', () => {
    const config = parse('agent: { role: dev, max_tasks: 1 }', {
      CHORUS_AGENT_ROLE: 'tester', CHORUS_AGENT_MAX_TASKS: '4', CHORUS_AGENT_EXPERTISE: 'go, rust', CHORUS_CLAIMS_LEASE: '10m', CHORUS_NETWORK_MDNS: 'false',
      CHORUS_SANDBOX_MEMORY: '1GiB', CHORUS_EXECUTION_MODEL_NAME: 'm', CHORUS_EXECUTION_MODEL_ENDPOINT: 'http://127.0.0.1:1/v1', CHORUS_MATCHING_THRESHOLD: '0.4', PATH: '/bin',
    })
    expect(config).toMatchObject({
      agent: { role: 'tester', maxTasks: 4, expertise: ['go', 'rust'] }, claims: { leaseMs: 600_000 }, network: { mdns: false },
      sandbox: { kind: 'bubblewrap', memoryBytesMax: 2 ** 30 }, execution: { model: { name: 'm' } }, matching: { threshold: 0.4 }, warnings: [],
    })
  })

  it('fit the short form of the sandbox', () => {
    expect(parse('sandbox: bubblewrap', { CHORUS_SANDBOX_CPUS: '1' }).sandbox).toMatchObject({ kind: 'bubblewrap', cpusMax: 1 })
    expect(parse('sandbox: other', { CHORUS_SANDBOX_KIND: 'bubblewrap' }).sandbox.kind).toBe('bubblewrap')
  })

  it('are named when they are wrong', () => {
    expect(failure('', { CHORUS_AGENT_MAX_TASKS: 'x' }).message).toBe('environment variable CHORUS_AGENT_MAX_TASKS: agent.max_tasks: expected a whole number from 0 to 64, got "x"')
    expect(failure('', { CHORUS_NETWORK_MDNS: 'maybe' }).message).toContain('expected true or false, got "maybe"')
  })

  it('warn of a variable that sets nothing, and leave the command line its own', () => {
    expect(parse('', { CHORUS_AGENT_ROL: 'x', CHORUS_STATE: '/s', CHORUS_CONFIG: 'c', CHORUS_AGENT_ID: '' }).warnings)
      .toEqual(['environment variable CHORUS_AGENT_ROL sets nothing: did you mean CHORUS_AGENT_ROLE?'])
  })
})
