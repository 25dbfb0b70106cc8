import { ChorusError, ERROR_CODES, messageOf } from '../core/mod.ts'

/** What a command prints: words for people, or with --json one JSON object as the last line. */
export interface Console {
  readonly json: boolean
  readonly colour: boolean
  /** For people only; nothing with --json. */
  say(text: string): void
  /** Both for people (by `words`) and as the last line with --json. */
  result(value: unknown, words: string): void
  /** One event line with --json. */
  event(value: unknown): void
}

export const makeConsole = (json: boolean): Console => {
  const colour = !json && process.stdout.isTTY && process.env.NO_COLOR === undefined
  return {
    json, colour,
    say: (text) => { if (!json) process.stdout.write(`${text}\n`) },
    result: (value, words) => { process.stdout.write(json ? `${JSON.stringify(value)}\n` : words === '' ? '' : `${words}\n`) },
    event: (value) => { if (json) process.stdout.write(`${JSON.stringify(value)}\n`) },
  }
}

/** Tells what went wrong and which setting to change; returns the exit code (sysexits.h). */
export const tellError = (thrown: unknown, json: boolean): number => {
  const known = thrown instanceof ChorusError
  const code = known ? thrown.code : 'INTERNAL'
  if (json) process.stdout.write(`${JSON.stringify({ error: messageOf(thrown), code, ...(known && thrown.setting !== undefined ? { setting: thrown.setting } : {}) })}\n`)
  else {
    process.stderr.write(`chorus: ${printable(messageOf(thrown))}${known && thrown.setting !== undefined ? ` (setting: ${thrown.setting})` : ''}\n`)
    if (!known && thrown instanceof Error) process.stderr.write(`${thrown.stack ?? ''}\n`)
  }
  return ERROR_CODES[code].exit
}

/** Text of tasks, peers and programs may hold escape sequences: none reaches the terminal. */
export const printable = (text: string): string => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\uFFFD')

/** Columns padded to the widest cell. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (cells: readonly string[]): string => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()
  return [line(head), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)].join('\n')
}
