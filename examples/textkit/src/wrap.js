/**
 * Text in lines of at most `width` characters, broken between words. Paragraphs (separated by an empty line) stay
 * apart; a word longer than a line gets a line of its own and is not cut.
 */
export function wrapText(text, width, { indent = '' } = {}) {
  if (width - indent.length < 1) throw new RangeError(`width ${width} leaves no room`)
  const paragraphs = text.trim().split(/\n\s*\n/)
  return paragraphs.map((paragraph) => wrapParagraph(paragraph, width, indent)).join('\n\n')
}

function wrapParagraph(paragraph, width, indent) {
  const lines = []
  let line = ''
  for (const word of paragraph.trim().split(/\s+/)) {
    const longer = line === '' ? indent + word : `${line} ${word}`
    if (line !== '' && longer.length >= width) {
      lines.push(line)
      line = indent + word
    } else line = longer
  }
  lines.push(line)
  return lines.join('\n')
}
