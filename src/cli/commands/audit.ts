import type { Command } from 'commander'
import path from 'node:path'
import { readHypercoreLog, readSignedHead } from '../../adapters/hypercore/mod.ts'
import { ChorusError } from '../../core/mod.ts'
import { parseSignedHead, readEntries, taskStory, verifyLog } from '../../memory/audit/mod.ts'
import type { Entry, Verification } from '../../memory/audit/mod.ts'
import { printable, table } from '../console.ts'
import { placesOf } from '../places.ts'
import type { CommandContext } from '../program.ts'

/** `audit verify|show`: reads logs with public keys only, running or not, alive or killed. */
export const addAuditCommands = (program: Command, context: CommandContext): void => {
  const audit = program.command('audit').description('the signed log of what this node did')

  audit.command('verify [folders...]').description('check chain, signatures and heads; folders are state folders, this node\'s by default')
    .action(context.run(async ({ console: out, global, args, exitWith }) => {
      const folders = args.length > 0 ? args : [placesOf(global).stateFolder]
      const logs = []
      for (const folder of folders) logs.push({ folder, ...await verifyFolder(folder) })
      const ok = logs.every((log) => log.ok)
      out.result({ ok, logs: logs.map(({ folder, ok: good, entries, problems }) => ({ folder, ok: good, entries, problems })) }, [
        ...logs.map((log) => `${log.ok ? 'ok ' : 'BAD'}  ${log.entries} entries  ${log.folder}`),
        ...logs.flatMap((log) => log.problems.map((problem) => printable(`     ${problem.index < 0 ? '' : `entry ${problem.index}: `}${problem.problem}`))),
      ].join('\n'))
      if (!ok) exitWith(1)
    }))

  audit.command('show <task>').description('one task\'s story from this node\'s log')
    .action(context.run(async ({ console: out, global, args }) => {
      const wanted = args[0] ?? ''
      const entries = await readLog(placesOf(global).stateFolder)
      const lines = taskStory(entries, wanted)
      if (lines.length === 0) throw new ChorusError('NOT_FOUND', `this node's log says nothing of ${JSON.stringify(wanted.slice(0, 80))}: name the whole key, as \`chorus task list\` shows it`)
      out.result({ task: wanted, story: lines }, table(['time', 'entry', 'what'], lines.map((line) => [line.at.slice(0, 19), String(line.index), printable(line.text)])))
    }))
}

/** Verifies the log in a state folder without changing it. */
export const verifyFolder = async (stateFolder: string): Promise<Verification> => {
  const folder = path.join(stateFolder, 'log')
  const reader = await readHypercoreLog(folder)
  try {
    const text = await readSignedHead(folder)
    const head = text === undefined ? undefined : parseSignedHead(text)
    const verification = await verifyLog(reader, { heads: head === undefined ? [] : [head] })
    const about = (problem: string): Verification['problems'][number] => ({ index: -1, problem })
    const problems = [
      ...reader.problems.map(about),
      ...head === undefined ? [about(text === undefined ? 'the signed head beside the log is missing' : 'the signed head beside the log is not readable')] : [],
      ...verification.problems,
    ]
    return { ...verification, ok: verification.ok && problems.length === 0, problems }
  } finally {
    await reader.close()
  }
}

export const readLog = async (stateFolder: string): Promise<readonly Entry[]> => {
  const reader = await readHypercoreLog(path.join(stateFolder, 'log'))
  try {
    const entries: Entry[] = []
    for await (const entry of readEntries(reader, 0, reader.length)) entries.push(entry)
    return entries
  } finally {
    await reader.close()
  }
}
