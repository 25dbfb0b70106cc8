import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { writeSwarmAccess } from '../../../src/cli/swarm-key.ts'
import { formatPin } from '../../../src/node/pin.ts'
import { GitHttpServer } from '../../../src/testing/git-http-server.ts'
import { run } from '../scenarios/scenario.ts'

export type DeliveryMode = 'branch' | 'merge'

export interface SiteOptions {
  readonly name: string
  readonly folder: string
  readonly delivery: DeliveryMode
  /** `http`: a bare repository behind a server; `here`: a repository with a work tree, checked out, named by its path. */
  readonly remote: 'http' | 'here'
  /** Seconds that the check takes before and after the change. */
  readonly checkSeconds: readonly [base: string, change: string]
}

/** Which push the server stops, and when: before it decides (the refs have not moved) or after (the answer is not out). */
export interface PushStop {
  readonly when: 'before' | 'after'
  readonly of: 'claim' | 'renewal' | 'give-back' | 'delivery' | 'done' | 'prune' | 'turn'
}

export const TASK_KEY = 'local:crash#1'
const FILE = 'lines.txt'
export const CONTENT = 'line 0\nline 1'

/** One task in a repository of its own, and what stands in front of it. Everything lies in `folder`. */
export class Site {
  readonly options: SiteOptions
  /** The repository that decides. */
  readonly remote: string
  readonly #server: GitHttpServer
  readonly #stopFolder: string

  constructor(options: SiteOptions) {
    this.options = options
    this.remote = path.join(options.folder, 'served', options.remote === 'http' ? 'crash.git' : 'crash')
    this.#server = new GitHttpServer(path.dirname(this.remote))
    this.#stopFolder = path.join(options.folder, 'stop')
  }

  get url(): string { return this.options.remote === 'http' ? this.#server.url('crash.git') : this.remote }

  async lay(): Promise<void> {
    const { folder, remote, checkSeconds } = this.options
    mkdirSync(path.dirname(this.remote), { recursive: true })
    chmodSync(folder, 0o711)
    mkdirSync(this.#stopFolder)
    const seed = remote === 'http' ? path.join(folder, 'seed') : this.remote
    mkdirSync(path.join(seed, '.chorus', 'tasks'), { recursive: true })
    writeFileSync(path.join(seed, FILE), 'line 0\n')
    writeFileSync(path.join(seed, 'notes.txt'), 'as committed\n')
    writeFileSync(path.join(seed, '.chorus', 'swarm.yaml'), formatPin({ repository: '0123456789abcdef', namespace: 'refs/chorus' }))
    // A script of its own: what a check names may not be changed by the change that it judges.
    writeFileSync(path.join(seed, 'check.sh'), `if test "$(wc -l < ${FILE})" -gt 1; then sleep ${checkSeconds[1]}; else sleep ${checkSeconds[0]}; fi\ntest "$(cat ${FILE})" = '${CONTENT}'\n`)
    writeFileSync(path.join(seed, '.chorus', 'tasks', '1.md'), ['---', 'id: 1', 'title: Add the line', 'check: sh check.sh', '---', `Add \`line 1\` to ${FILE}.`, ''].join('\n'))
    await this.git(seed, 'init', '-q', '-b', 'main')
    await this.git(seed, 'add', '-A')
    await this.git(seed, 'commit', '-q', '-m', 'one task')
    // A person's own edits, in the work tree that is merged into.
    if (remote === 'here') writeFileSync(path.join(seed, 'notes.txt'), 'being edited\n')
    if (remote === 'http') {
      await this.git(folder, 'clone', '-q', '--bare', seed, this.remote)
      await this.git(this.remote, 'config', 'http.receivepack', 'true')
      await this.git(this.remote, 'config', 'receive.autogc', 'false')
      for (const when of ['before', 'after'] as const) this.#layHook(when)
      await this.#server.start()
    }
  }

  async stop(): Promise<void> { await this.#server.stop() }
  /** Every connection is cut at once, until it comes back. */
  goAway(): void { this.#server.goAway() }
  comeBack(): void { this.#server.comeBack() }

  /** Files of a node of this site; what the agent does may change from start to start. */
  layNode(name: string, agent: string): NodeHome {
    const home = path.join(this.options.folder, name)
    const state = path.join(home, 'state')
    const temporary = path.join(home, 'tmp')
    const fresh = !existsSync(home)
    mkdirSync(state, { recursive: true, mode: 0o700 })
    mkdirSync(temporary, { recursive: true, mode: 0o711 })
    chmodSync(home, 0o711)
    writeFileSync(path.join(home, 'chorus.yaml'), [
      'agent:', `  id: ${name}`, '  max_tasks: 1',
      'repositories:', '  - provider: local', this.options.remote === 'http' ? `    url: ${this.url}` : `    path: ${this.remote}`, `    delivery: ${this.options.delivery}`, '    approve_first: false',
      'execution:', '  engine: command', `  command: ${JSON.stringify(['sh', '-c', `said=$(cat); ${agent}`])}`, '  timeout: 2m',
      // Never asked: so that the way to a model is open while the agent runs.
      '  model: {name: nobody, endpoint: "http://127.0.0.1:9/v1"}',
      'claims: {lease: 12s, renew: 3s}', 'network: {mdns: false, listen: []}', 'poll: 1s', 'log: {level: debug}', '',
    ].join('\n'))
    if (fresh) writeSwarmAccess(state, { swarmKey: 'c'.repeat(64), bootstrap: [] })
    return { name, home, state, temporary, config: path.join(home, 'chorus.yaml') }
  }

  /** Of the next push of this kind the server says that it has come, and waits until `letGo`. Once. */
  stopPush({ when, of }: PushStop): void {
    for (const name of ['reached', 'go', 'refuse', 'once']) rmSync(path.join(this.#stopFolder, name), { recursive: true, force: true })
    writeFileSync(path.join(this.#stopFolder, 'wanted'), `${when} ${of}\n`)
  }

  letGo(): void { writeFileSync(path.join(this.#stopFolder, 'go'), '') }
  get reached(): boolean { return existsSync(this.reachedFile) }
  get reachedFile(): string { return path.join(this.#stopFolder, 'reached') }
  /** Every update that the repository took, in order: `<old> <new> <ref>`. */
  get ledger(): readonly string[] {
    const file = path.join(this.options.folder, 'ledger')
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
  }

  async git(folder: string, ...args: readonly string[]): Promise<string> {
    const ended = await run('git', ['-C', folder, ...args], {
      env: {
        LC_ALL: 'C', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_OPTIONAL_LOCKS: '0',
        GIT_AUTHOR_NAME: 'P', GIT_AUTHOR_EMAIL: 'p@localhost', GIT_COMMITTER_NAME: 'P', GIT_COMMITTER_EMAIL: 'p@localhost',
      },
    })
    if (ended.code !== 0) throw new Error(`git ${args.join(' ')}: ${ended.stderr}`)
    return ended.stdout.trimEnd()
  }

  /** The server's own hooks: what is pushed is known by its record, as anybody could read it. */
  #layHook(when: 'before' | 'after'): void {
    const file = path.join(this.remote, 'hooks', when === 'before' ? 'pre-receive' : 'post-receive')
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, `#!/bin/sh
stop='${this.#stopFolder}'
pushed=$(cat)
${when === 'after' ? `printf '%s\\n' "$pushed" >> '${path.join(this.options.folder, 'ledger')}'` : ''}
read -r wantWhen wantOf < "$stop/wanted" || exit 0
test "$wantWhen" = '${when}' || exit 0
found=no
while read -r old new ref; do
  case "$ref" in refs/chorus/turn/*) test "$wantOf" = turn && found=yes ;; refs/chorus/claims/*) ;; *) continue ;; esac
  case "$new" in *[!0]*) ;; *) test "$wantOf" = prune && found=yes; continue ;; esac
  state=$(git cat-file commit "$new" | sed -n 's/.*"state":"\\([a-z]*\\)".*/\\1/p')
  before=$(case "$old" in *[!0]*) git cat-file commit "$old" | sed -n 's/.*"state":"\\([a-z]*\\)".*/\\1/p' ;; esac)
  case "$before>$state" in
    held\\>held) test "$wantOf" = renewal && found=yes ;;
    *\\>held) test "$wantOf" = claim && found=yes ;;
    *\\>released) test "$wantOf" = give-back && found=yes ;;
    held\\>delivered) test "$wantOf" = delivery && found=yes ;;
    *\\>done) test "$wantOf" = done && found=yes ;;
  esac
done <<END
$pushed
END
test $found = yes || exit 0
mkdir "$stop/once" 2>/dev/null || exit 0
touch "$stop/reached"
while ! test -e "$stop/go"; do sleep 0.05; done
exit 0
`)
    chmodSync(file, 0o755)
  }
}

export interface NodeHome {
  readonly name: string
  readonly home: string
  readonly state: string
  /** Its TMPDIR. */
  readonly temporary: string
  readonly config: string
}
