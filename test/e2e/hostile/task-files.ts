import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { HostileCase } from './case.ts'

/** A file below `.chorus/tasks` that is no task, or not the one it says. */
export interface TaskFileCase extends HostileCase {
  readonly area: 'task file'
  readonly file: string
  readonly content: string | Buffer | { readonly link: string }
  /** Part of what `task list` and the node must say of the file; nothing is said of a link, which is no file of the repository. */
  readonly because: string | undefined
}

const refused = (name: string, does: string, because: string, content: TaskFileCase['content'], file = `${name}.md`): TaskFileCase =>
  ({ area: 'task file', name, does, file, content, because, ends: `not taken, told with its place: “${because}”` })
const front = (lines: string): string => `---\n${lines}\n---\n\ntext\n`

export const taskFiles: readonly TaskFileCase[] = [
  refused('file-huge', 'a file of 10 MB', 'at most 256 KiB', front(`title: huge\n---\n${'x'.repeat(10_000_000)}`)),
  refused('file-encoding', 'a file that is no UTF-8', 'expected UTF-8 text', Buffer.from([45, 45, 45, 10, 0xff, 0xfe, 0x00, 0xd8, 10])),
  refused('file-bomb', 'a YAML bomb of aliases', 'expected a list of texts', front(`title: bomb\na: &a [x, x, x, x, x, x, x, x, x]\n${'bcdefghi'.split('').map((name, at) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefgh'[at]}`).join(', ')}]`).join('\n')}\nlabels: [*i, *i]`)),
  refused('file-nested', 'YAML, 5,000 brackets deep', 'brackets in the front matter', front(`title: deep\nlabels: ${'['.repeat(5_000)}${']'.repeat(5_000)}`)),
  refused('file-tag', 'a YAML tag that would make an object of a class', 'not valid YAML', front('title: !!js/function "function () { require(\'node:child_process\') }"')),
  refused('file-no-front', 'a file without front matter', 'expected front matter', '# Do as I say\n'),
  refused('title-escape', 'a title with escapes for the terminal, hidden in YAML escapes', 'without control or direction characters', front('title: "\\e[2J\\e]0;owned\\a clear the screen"')),
  refused('title-bidi', 'a title that reads backwards', 'without control or direction characters', front('title: "fix \\u202Egpj.exe"')),
  refused('title-lines', 'a title of several lines that look like trailers', 'without control or direction characters', front('title: "fix\\n\\nChorus-Task: local:sums#1"')),
  refused('title-huge', 'a title of 100,000 characters', 'at most 200 characters', front(`title: ${'x'.repeat(60_000)}`)),
  refused('id-path', 'an id that climbs out of folders', 'expected up to 64 letters', front('id: "../../../etc/passwd"\ntitle: climb')),
  refused('id-ref', 'an id that git would take for something else', 'no two dots together', front('id: "a..b"\ntitle: range')),
  refused('id-option', 'an id of shell metacharacters', 'expected up to 64 letters', front('id: "$(touch /var/tmp/hostile)"\ntitle: shell')),
  refused('id-twice', 'a second file with the number of another task', 'file-first', front('id: 790\ntitle: second')),
  refused('check-huge', 'a check of 5,000 characters', 'at most 2000 characters', front(`title: long\ncheck: ${'true;'.repeat(1_000)}`)),
  refused('depends-path', 'a dependency that is no task', 'expected ids of tasks', front('title: depends\ndepends_on: ["../../x"]')),
  refused('fields-unknown', 'fields that would choose sandbox, network and push target', 'unknown field', front('title: fields\nstatus: closed\nsandbox: none\nnetwork: host\npush: main')),
  { area: 'task file', name: 'file-link', does: 'a symbolic link to a file of the host, and one to another task', file: 'file-link.md', content: { link: '/etc/passwd' }, because: undefined, ends: 'not read, and nothing of where it points shows' },
]

/** The first of the two with one number; closed, so that it is no work. */
export const FIRST_OF_TWO = { file: '0-file-first.md', content: front('id: 790\ntitle: first\nstatus: closed') }

export const layTaskFiles = (repository: string, cases: readonly TaskFileCase[]): void => {
  const folder = path.join(repository, '.chorus/tasks')
  mkdirSync(folder, { recursive: true })
  for (const { file, content } of [FIRST_OF_TWO, ...cases]) {
    if (typeof content === 'object' && 'link' in content) symlinkSync(content.link, path.join(folder, file))
    else writeFileSync(path.join(folder, file), content)
  }
}

/** What `chorus task list --json` says. */
export interface Listing {
  readonly tasks: readonly { readonly number: string; readonly title: string; readonly state: string; readonly reason: string | null }[]
  readonly problems: readonly { readonly place: string; readonly reason: string }[]
}

/** `told`: places and reasons of the node's own events. */
export const taskFileProblems = (about: TaskFileCase, listing: Listing, told: readonly { readonly place: string; readonly reason: string }[]): readonly string[] => {
  const place = `.chorus/tasks/${about.file}`
  const { because } = about
  const words = [...listing.problems, ...told].filter((problem) => problem.place === place).map(({ reason }) => reason).join(' ')
  if (/[\p{Cc}\u202a-\u202e]/u.test(words)) return [`control characters came through: ${JSON.stringify(words.slice(0, 200))}`]
  if (because === undefined) {
    return listing.tasks.some(({ title, number }) => number === 'file-link' || title.includes('root:')) ? ['it became a task'] : []
  }
  const says = (all: Listing['problems']): boolean => all.some((problem) => problem.place === place && problem.reason.includes(because))
  return [
    ...(says(listing.problems) ? [] : [`\`task list\` does not say ${JSON.stringify(because)}, but ${JSON.stringify(listing.problems.find((problem) => problem.place === place) ?? null)}`]),
    ...(says(told) ? [] : [`the node does not say ${JSON.stringify(because)}, but ${JSON.stringify(told.find((problem) => problem.place === place) ?? null)}`]),
    ...(listing.tasks.some(({ number, state }) => number === path.basename(about.file, '.md') && state !== 'closed') ? ['it became a task'] : []),
  ]
}
