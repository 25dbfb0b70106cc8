/** One hostile thing, as data. The table in docs/security.md is made of these fields. */
export interface HostileCase {
  readonly area: Area
  /** Unique. */
  readonly name: string
  /** What is tried, for people. */
  readonly does: string
  /** What must come of it, for people. */
  readonly ends: string
}

export type Area = 'agent' | 'check' | 'task file' | 'configuration' | 'gossip' | 'claim' | 'state folder' | 'log'

/** A task of the staged repository whose agent, check or text is hostile. */
export interface TaskCase extends HostileCase {
  readonly area: 'agent' | 'check' | 'task file'
  /** Shell, run at the root of the clone in the agent's sandbox. */
  readonly agent: (host: Host) => string
  readonly check?: ((host: Host) => string) | undefined
  /** YAML of the title; plain when left out. */
  readonly title?: ((host: Host) => string) | undefined
  readonly state: 'parked' | 'released'
  /** Part of the reason that the claim record must give. */
  readonly because: string
  /** What it could lay hands on is in `loot.txt` of the parked patch, and must hold nothing of the host's. */
  readonly loots?: true | undefined
}

/** What hostile programs know of the host: more than a real one could, so that nothing holds by luck. */
export interface Host {
  /** A file that only a program outside of every sandbox can write; one for each case. */
  readonly canary: string
  /** In the environment and the command line of what the case starts. */
  readonly mark: string
  readonly number: string
  readonly remote: string
  readonly repository: string
  readonly state: string
  readonly home: string
  /** A service on the host's 127.0.0.1 that counts its callers. */
  readonly port: number
}

/** What was tried and what came of it. */
export interface Verdict {
  readonly about: HostileCase
  /** Empty = held. */
  readonly problems: readonly string[]
}

type Told = Pick<TaskCase, 'name' | 'does' | 'because'> & Partial<Pick<TaskCase, 'check' | 'title' | 'loots'>> & { readonly agent: string | ((host: Host) => string) }

const task = (area: TaskCase['area'], state: TaskCase['state']) => (told: Told): TaskCase => {
  const { agent } = told
  const ends = `${state}: “${told.because}”`
  return { ...told, area, state, ends, agent: typeof agent === 'string' ? () => agent : agent }
}

/** An agent whose change waits for a person. */
export const parks = task('agent', 'parked')
/** An agent whose change is thrown away. */
export const fails = task('agent', 'released')
export const checkParks = task('check', 'parked')
export const checkFails = task('check', 'released')
export const titleParks = task('task file', 'parked')

/** The right change, so that nothing but the cheat stands against it. */
export const FIX = 'sed -i "s/a - b/a + b/" src/sum.js'
export const WRONG_FIX = 'sed -i "s/a - b/a * b/" src/sum.js'
/** Makes a patch that parks, so that the node also commits, compares and pushes what lies around. */
export const TOUCH_TEST = 'echo "// done" >> test/sum.test.js'
export const TESTED = 'node --test test/sum.test.js'
export const RED = 'must be green and is red'
