/** Rows of fields from CSV text (RFC 4180): quoted fields may hold commas, line ends and doubled quotes. */
export function parseCsv(text, { separator = ',' } = {}) {
  const rows = []
  let row = []
  let field = ''
  let quoted = false
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index]
    if (quoted) {
      if (char !== '"') field += char
      else if (text[index - 1] === '"') {
        field += '"'
        index += 1
      } else quoted = false
    } else if (char === '"' && field === '') quoted = true
    else if (char === separator) {
      row.push(field)
      field = ''
    } else if (char === '\n') {
      row.push(field.endsWith('\r') ? field.slice(0, -1) : field)
      rows.push(row)
      row = []
      field = ''
    } else field += char
  }
  if (quoted) throw new SyntaxError('a quoted field does not end')
  if (field !== '' || row.length > 0) rows.push([...row, field])
  return rows
}

/** CSV text from rows; fields are quoted only where they must be. */
export function formatCsv(rows, { separator = ',' } = {}) {
  const line = (row) => row.map((field) => quote(String(field), separator)).join(separator)
  return rows.map((row) => `${line(row)}\n`).join('')
}

function quote(field, separator) {
  const needed = field.includes(separator) || field.includes('"') || field.includes('\n') || field.includes('\r')
  return needed ? `"${field.replaceAll('"', '""')}"` : field
}
