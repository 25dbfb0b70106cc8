/**
 * One exclude file (gitignore(5)) out of the `.gitignore` files of a commit, so that what an agent writes into its own
 * `.gitignore` hides nothing from the coordinator. Deeper files come later: the last matching pattern decides.
 */
export const ignoreRules = (files: readonly { readonly folder: string; readonly content: string }[]): string => {
  const depth = (folder: string): number => folder === '' ? 0 : folder.split('/').length
  const sorted = [...files].sort((one, other) => depth(one.folder) - depth(other.folder))
  const linesOf = (content: string): readonly string[] => content.replace(/^\uFEFF/, '').split('\n').map((line) => line.replace(/\r$/, ''))
  const rules = sorted.flatMap(({ folder, content }) => linesOf(content).flatMap((line) => rule(folder, line)))
  return rules.map((line) => `${line}\n`).join('')
}

const rule = (folder: string, line: string): readonly string[] => {
  const pattern = withoutTrailingSpaces(line)
  if (pattern === '' || pattern.startsWith('#')) return []
  if (folder === '') return [pattern]
  const negated = pattern.startsWith('!')
  const bare = negated ? pattern.slice(1) : pattern
  const anchored = bare.slice(0, -1).includes('/')
  const place = `/${folder.replace(/[\\*?[\]]/g, '\\$&')}/`
  return [`${negated ? '!' : ''}${place}${anchored ? bare.replace(/^\//, '') : `**/${bare}`}`]
}

/** Trailing spaces do not count unless quoted with a backslash. */
const withoutTrailingSpaces = (line: string): string => {
  let end = line.length
  while (end > 0 && line[end - 1] === ' ' && line[end - 2] !== '\\') end -= 1
  return line.slice(0, end)
}
