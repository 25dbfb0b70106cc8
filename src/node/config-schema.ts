import { z } from 'zod'
import { duration, size } from './config-units.ts'

/**
 * The shape of chorus.yaml. One source for the parser, the published JSON Schema (schema/chorus.schema.json) and
 * docs/configuration.md; descriptions are written for the person who edits the file. Every key has a default: an empty
 * file is a working node on the repository it lies in.
 */
const line = (charactersMax: number): z.ZodString =>
  z.string({ error: 'expected text' }).min(1, 'expected some text, got none').max(charactersMax, `expected at most ${charactersMax} characters`)
    .regex(/^[^\p{Cc}]*$/u, 'expected one line without control characters')
const whole = (least: number, most: number): z.ZodNumber => {
  const expected = `expected a whole number from ${least} to ${most}`
  return z.number({ error: expected }).int(expected).min(least, expected).max(most, expected)
}
const share = (): z.ZodNumber => z.number({ error: 'expected a number from 0 to 1' }).min(0, 'expected a number from 0 to 1').max(1, 'expected a number from 0 to 1')
const flag = (): z.ZodBoolean => z.boolean({ error: 'expected true or false' })
const oneOf = <const Words extends readonly [string, ...string[]]>(words: Words): z.ZodEnum<{ [Word in Words[number]]: Word }> =>
  z.enum(words, { error: `expected ${words.join(' or ')}` })
const list = <Item extends z.ZodType>(item: Item, itemsMax: number): z.ZodArray<Item> =>
  z.array(item, { error: 'expected a list' }).max(itemsMax, `expected at most ${itemsMax} items`)
const section = <Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> => z.strictObject(shape, { error: (issue) => (issue.code === 'invalid_type' ? 'expected a section of keys' : undefined) })

const environmentName = z.string({ error: 'expected the name of an environment variable' })
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, 'expected the name of an environment variable that holds the key, never the key itself')
const endpoint = z.string({ error: 'expected an http or https URL' }).max(500).refine(isPlainUrl, 'expected an http or https URL without user name, password, query or fragment')
const command = line(2_000)

const model = section({
  name: line(200).describe('Model name as the endpoint knows it.'),
  provider: line(60).prefault('openai').describe('`ollama`, or any other name for an endpoint that speaks the OpenAI chat protocol.'),
  endpoint: endpoint.describe('Base URL. For `ollama` without a path, `/v1` is added.'),
  key_env: environmentName.optional().describe('Environment variable that holds the API key. The key never enters a sandbox.'),
})

const repository = section({
  provider: oneOf(['local']).prefault('local').describe('Where the tasks are: `local` reads `.chorus/tasks/*.md` at the tip of the default branch.'),
  path: line(1_000).optional().describe('Folder of a repository on this machine, relative to this file. `.` when there is no `url`.'),
  url: line(1_000).optional().describe('Remote that all nodes share, as `git clone` takes it. Not together with `path`.'),
  branch: line(200).optional().describe('Branch that work starts from and is merged into. The default branch when left out.'),
  delivery: oneOf(['branch', 'merge']).prefault('branch').describe('`branch` leaves the result on `chorus/<task>` for review, `merge` puts it on the branch.'),
  merge_on: list(oneOf(['proved', 'reproduced']), 2).prefault(['proved']).describe('Evidence that is enough for a merge; anything less is delivered as a branch.'),
  approve_first: flag().prefault(true).describe("With `merge`: nothing is merged until a person has merged a first delivery of Chorus into the branch."),
})

const sandboxKinds = oneOf(['bubblewrap'])
const sandbox = section({
  kind: sandboxKinds.prefault('bubblewrap').describe('What confines agents and checks. Nothing runs without it.'),
  memory: size('64MiB', '1TiB').optional().describe('Per sandbox. Default 2GiB for agents and set-up, 1GiB for checks.'),
  disk: size('16MiB', '10TiB').optional().describe('Total size of a workspace. Default 2GiB, 4GiB in set-up.'),
  processes: whole(8, 100_000).optional().describe('Per sandbox. Default 256.'),
  cpus: z.number({ error: 'expected a number from 0.1 to 1024' }).min(0.1).max(1_024).optional().describe('Per sandbox. Default 2.'),
})

export const configSchema = section({
  agent: section({
    id: z.string({ error: 'expected text' }).regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'expected 1 to 64 letters, digits, dots, dashes or underscores').optional()
      .describe("The agent's name. Made from the node's id when left out."),
    role: line(100).prefault('developer').describe('What this agent is, as in `Senior Backend Developer`. Matched with the role that a task asks for.'),
    expertise: list(line(60), 50).prefault([]).describe('What it knows. Matched with the expertise that a task asks for.'),
    capabilities: list(line(60), 50).prefault(['code', 'test']).describe('What it can do; announced to the others.'),
    max_tasks: whole(0, 64).prefault(2).describe('Tasks at the same time. 0 watches and takes nothing.'),
    specialization: z.string({ error: 'expected text' }).max(200).prefault('').describe('Announced to the others.'),
    models: list(model, 20).prefault([]).describe('Models that its engine may use, best first. The first stands in for `execution.model`.'),
  }).prefault({}),
  repositories: list(repository, 50).prefault([{}]).describe('Repositories that this node works for.'),
  checks: list(command, 20).optional().describe('Commands that must be green. Read from the base commit, so a change cannot weaken them. Detected when left out.'),
  setup: z.union([command.transform((only) => [only]), list(command, 20)]).optional().describe('Command or commands that install dependencies, run with registry access only. Implied by the lockfile when left out.'),
  protected: list(line(300), 100).prefault([]).describe('Further paths that only a person may change: `*` within a folder, `**` across folders, `folder/` all below.'),
  execution: section({
    engine: oneOf(['auto', 'repair', 'command', 'acp']).prefault('auto')
      .describe('`repair` searches small edits without a model, `command` runs a program of yours, `acp` drives a coding agent over the Agent Client Protocol. `auto`: acp or command when configured, else repair.'),
    command: z.union([command.transform((only) => ['sh', '-c', only]), list(command, 100).min(1, 'expected at least the program')]).optional()
      .describe('For `command` and `acp`: a shell line, or program and arguments.'),
    preset: oneOf(['opencode']).optional().describe('For `acp`: a known coding agent, so that no `command` is needed.'),
    binary: line(1_000).optional().describe("For `preset`: the agent's program on this machine. Searched in PATH when left out."),
    timeout: duration('1s', '24h').prefault('10m').describe('For all rounds of one attempt.'),
    rounds: whole(1, 10).prefault(3).describe('How often the agent may try, with the output of the failed checks.'),
    tokens_max: whole(1_000, 1_000_000_000).optional().describe('Model tokens that one attempt may use.'),
    model: model.optional().describe('Overrides `agent.models`.'),
  }).prefault({}),
  sandbox: z.union([sandboxKinds.transform((kind) => ({ kind, memory: undefined, disk: undefined, processes: undefined, cpus: undefined })), sandbox]).prefault({})
    .describe('The kind alone, or a section.'),
  claims: section({
    lease: duration('5s', '24h').prefault('90s').describe('A claim that is not renewed for this long may be taken over.'),
    renew: duration('1s', '8h').prefault('30s').describe('At most a third of the lease.'),
    namespace: z.string({ error: 'expected a ref prefix' }).regex(/^refs\/[a-z0-9][a-z0-9-]{0,39}(?:\/[a-z0-9][a-z0-9-]{0,39}){0,3}$/, 'expected a ref prefix such as refs/chorus').prefault('refs/chorus')
      .describe('Where claims live in the repository. The same on all nodes.'),
  }).prefault({}),
  matching: section({
    weights: section({ role: share(), expertise: share(), availability: share(), performance: share() })
      .prefault({ role: 0.4, expertise: 0.3, availability: 0.2, performance: 0.1 }).describe('What a score is made of. Sums to 1.'),
    threshold: share().prefault(0.5).describe('A task is taken when its score is over this.'),
    expertise: oneOf(['score', 'gate']).prefault('score').describe('`gate`: without all of the expertise asked for, the task is not taken.'),
    role_families: list(list(line(100), 50).min(2, 'expected at least two roles'), 50).prefault([]).describe('Roles that may stand in for each other.'),
  }).prefault({}),
  network: section({
    listen: list(multiaddr(), 20).prefault(['/ip4/0.0.0.0/tcp/0']).describe('Addresses to listen on. An empty list only dials out.'),
    mdns: flag().prefault(true).describe('Find nodes on the local network.'),
    bootstrap: list(multiaddr(), 50).prefault([]).describe('Nodes to dial at start, as `chorus status` shows them.'),
  }).prefault({}),
  poll: duration('1s', '1h').prefault('30s').describe('How often the repositories are looked at.'),
  log: section({
    level: oneOf(['debug', 'info', 'warn', 'error']).prefault('info').describe('What the log file takes.'),
  }).prefault({}),
})

export type ConfigInput = z.input<typeof configSchema>
export type ConfigOutput = z.output<typeof configSchema>

/** JSON Schema (draft 2020-12) of what a person may write. */
export const configJsonSchema = (): Record<string, unknown> => ({
  ...z.toJSONSchema(configSchema, { io: 'input' }),
  title: 'chorus.yaml',
})

function multiaddr(): z.ZodString {
  return z.string({ error: 'expected a multiaddr' }).max(300).regex(/^(?:\/[A-Za-z0-9.:_-]+){2,20}$/, 'expected a multiaddr such as /ip4/0.0.0.0/tcp/4001')
}

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  return (url.protocol === 'http:' || url.protocol === 'https:') && url.username === '' && url.password === '' && url.search === '' && url.hash === ''
}
