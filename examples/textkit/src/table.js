/**
 * Rows as a text table with aligned columns. Numbers stand to the right, everything else to the left; `head` is the
 * title line, underlined.
 */
export function formatTable(head, rows, { gap = 2 } = {}) {
  const lines = [head, ...rows].map((row) => row.map((cell) => String(cell ?? '')))
  const widths = head.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)))
  const numeric = head.map((_, column) => rows.some((row) => typeof row[column] === 'number'))
  const format = (line) => widths.map((width, column) => alignCell(line[column] ?? '', width, numeric[column])).join(' '.repeat(gap)).trimEnd()
  const rule = widths.map((width) => '-'.repeat(width)).join(' '.repeat(gap))
  return [format(lines[0]), rule, ...lines.slice(1).map(format)].join('\n')
}

function alignCell(text, width, toTheRight) {
  return toTheRight ? text.padStart(width) : text.padEnd(width)
}
