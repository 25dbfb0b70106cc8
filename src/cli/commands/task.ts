import type { Command } from 'commander'
import { ChorusError } from '../../core/mod.ts'
import { TASK_FOLDER, newTaskFile, nextTaskId, readTaskFile } from '../../adapters/local-tasks/mod.ts'
import { commitFiles, listOnDefaultBranch, openUserRepository, writeFiles } from '../../adapters/user-repository/mod.ts'
import { askNode } from '../../surfaces/control/mod.ts'
import { printable, table } from '../console.ts'
import { openViewer } from '../viewer.ts'
import type { TaskRow } from '../viewer.ts'
import { placesOf } from '../places.ts'
import type { CommandContext } from '../program.ts'
import { classify } from '../tasks.ts'
import { describeCommit } from './init.ts'

const list = (value: string, before: readonly string[] = []): readonly string[] => [...before, ...value.split(',').map((item) => item.trim()).filter((item) => item !== '')]

/** `task add|list|show|retry` for tasks kept as files in the repository. */
export const addTaskCommands = (program: Command, context: CommandContext): void => {
  const task = program.command('task').description('the tasks of this repository')

  task.command('add <title>').description('write a task file and commit it to the default branch')
    .option('--description <text>', 'what is wrong, and what is wanted', '')
    .option('--check <command>', 'a command that is red now and must be green')
    .option('--priority <0-10>', 'default 4')
    .option('--role <role>', 'who should do it')
    .option('--expertise <list>', 'what it takes, separated by commas', list)
    .option('--label <list>', 'labels, separated by commas', list)
    .option('--depends-on <numbers>', 'tasks that must be done before', list)
    .option('--no-commit', 'only write the file, and leave the commit to you')
    .action(context.run(async ({ console: out, args, options }) => {
      const repository = await openUserRepository(process.cwd())
      const present = (await listOnDefaultBranch(repository, TASK_FOLDER)).map((file) => /^([A-Za-z0-9]+)/.exec(file.slice(TASK_FOLDER.length + 1))?.[1] ?? '')
      const id = nextTaskId(present)
      const made = newTaskFile({
        id, title: args[0] ?? '', description: String(options.description ?? ''), check: textOf(options.check),
        priority: options.priority === undefined ? undefined : Number(options.priority), role: textOf(options.role),
        expertise: listOf(options.expertise), labels: listOf(options.label), dependsOn: listOf(options.dependsOn),
      })
      // What a node could not read is not written.
      const read = readTaskFile(new TextEncoder().encode(made.text), { path: made.path, repository: 'repository', classify })
      if (!read.ok) throw new ChorusError('INPUT_INVALID', read.reason.reason)
      const files = new Map([[made.path, made.text]])
      const commit = options.commit === false ? (await writeFiles(repository, files), undefined) : await commitFiles(repository, files, `chorus: add task ${id}`)
      out.result({ number: id, file: made.path, commit: commit?.commit ?? null, pushed: commit?.push?.done ?? null }, `task ${id}: ${describeCommit(commit, [made.path])}`)
    }))

  task.command('list').description('all tasks, with the state of their claims')
    .action(context.run(async ({ console: out, global }) => {
      const viewer = await openViewer(placesOf(global))
      const { rows, problems } = await viewer.tasks()
      out.result({ tasks: rows, problems }, [
        rows.length === 0 ? 'no tasks' : table(['task', 'state', 'prio', 'epoch', 'node', 'title'], rows.map((row) =>
          [row.key, row.state, String(row.priority), row.epoch === 0 ? '-' : String(row.epoch), row.holder?.slice(-8) ?? '-', printable(row.title)])),
        ...problems.map((problem) => `${problem.place}${problem.line === null ? '' : `:${problem.line}`}: ${printable(problem.reason)}`),
      ].join('\n'))
    }))

  task.command('show <number>').description('one task: its text, its claim, and why it is where it is')
    .action(context.run(async ({ console: out, global, args }) => {
      const row = await findTask(global, args[0] ?? '')
      out.result(row, printable([
        `${row.key}  ${row.title}`, `state ${row.state}  priority ${row.priority}  type ${row.type}${row.role === null ? '' : `  role ${row.role}`}`,
        ...(row.holder === null ? [] : [`node ${row.holder}  epoch ${row.epoch}  attempts ${row.attempt}`]),
        ...(row.reason === null ? [] : [`because: ${row.reason}`]),
        ...(row.dependsOn.length === 0 ? [] : [`depends on ${row.dependsOn.join(', ')}`]),
        ...(row.check === null ? [] : [`check: ${row.check}`]),
        ...(row.result === null ? [] : [`result: ${JSON.stringify(row.result)}`]),
        '', row.description,
      ].join('\n')))
    }))

  task.command('retry <number>').description('make a parked, escalated or given-back task claimable again, with new attempts')
    .action(context.run(async ({ console: out, global, args }) => {
      const places = placesOf(global)
      const row = await findTask(global, args[0] ?? '')
      await askNode(places.controlSocket, 'retry', { key: row.key })
      out.result({ key: row.key, retried: true }, `${row.key} is claimable again`)
    }))
}

const findTask = async (global: Parameters<typeof placesOf>[0], number: string): Promise<TaskRow> => {
  const { rows } = await (await openViewer(placesOf(global))).tasks()
  const row = rows.find((candidate) => candidate.number === number.replace(/^#/, '') || candidate.key === number)
  if (row === undefined) throw new ChorusError('NOT_FOUND', `no task ${JSON.stringify(number.slice(0, 80))}: \`chorus task list\` shows them all`)
  return row
}

const textOf = (value: unknown): string | undefined => typeof value === 'string' ? value : undefined
const listOf = (value: unknown): readonly string[] => Array.isArray(value) ? value as string[] : []
